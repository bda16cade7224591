//! What is an endpoint, from attach to detach, whatever it sends or receives?
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | detach: the sweep, or the record | an id that is clean, with a byte that the kernel frees | |
//! | detach: closing the locks | a peer that is gone; nobody has been told | the sleepers' ticks |
//! | detach: the life word | the same, found at the next send or receive | the sleepers' ticks |
//! | any operation, before it is counted | a count that is short by it | nobody goes by it |
//! | close: the life word | a closed channel; sleepers have not been told | the sleepers' ticks |

use std::sync::Arc;

use crate::edge;
use crate::error::AttachError;
use crate::layout::{FenceMode, Life, Lines, Owner, Record, Role};
use crate::region::fork::ForkStamp;
use crate::region::lock::{self, LockFile};
use crate::region::tally::Tally;
use crate::region::wiped::{WipedRef, WipedWord};
use crate::region::{Region, os, process};
use crate::ring::Refused;
use crate::sync::{AtomicU32, AtomicU64, Relaxed, now};
use crate::tries;
use crate::wait::{self, Sleeper, Spin, Spinning, Wait};

use super::place::Place;
use super::reaper::{self, Reaped, Repair, announce};

/// A refused try reads the clock once in so many, to see whether it is time to look after the dead. A guess: a clock
/// reading costs about ten tries.
const REFUSALS: u32 = 16;

/// Nanoseconds between two looks after the dead by somebody who polls, or waits a short time again and again. As long as
/// a first tick.
const LOOK_EVERY: u64 = 50_000_000;

/// Pauses that a sender lets the receivers get ahead: 3 to 6 µs, by the processor. They mostly have work for longer; where they
/// take one message and wait, a send returns so late, and a time-out may.
const SENDER_LINGERS: u32 = 128;

/// Pauses that a receiver lets the senders of a dense stream get ahead: 0.8 to 1.4 µs, by which its last messages may
/// come late.
const RECEIVER_LINGERS: u32 = 32;

/// Why an operation was not done, for either end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// Full or empty, for now.
    Blocked,
    Disconnected,
    Corrupt,
    WrongProcess,
}

/// An attached endpoint; clones of a multi handle share one.
#[derive(Debug)]
pub(super) struct Endpoint {
    region: Arc<Region>,
    /// `None` only while it is being dropped.
    locks: Option<LockFile>,
    role: Role,
    owner: Owner,
    stamp: ForkStamp,
    /// The life word when everything in it had been attended to, or [`Life::NEVER`]; 0 in a forked child.
    attended: WipedWord,
    /// Our peers were gone when last asked about: a receiver that finds nothing asks again.
    ended: AtomicU32,
    /// We have told the others so, in case that they do not know.
    told: AtomicU32,
    corrupt: AtomicU32,
    /// Held by the thread that is reaping: OFD locks do not exclude users of one description.
    reaping: AtomicU32,
    refusals: AtomicU32,
    /// When we last looked after the dead, in nanoseconds.
    looked: AtomicU64,
    spin: Spin,
}

impl Endpoint {
    /// Attaches at `place`.
    pub(super) fn new(place: Place) -> Result<Endpoint, AttachError> {
        let stamp = ForkStamp::take().map_err(os("set up the detection of forks"))?;
        let Place {
            region,
            locks,
            role,
            owner,
        } = place;
        let endpoint = Endpoint {
            attended: WipedWord::new(Life::NEVER.bits()).map_err(os("map a page that a fork wipes"))?,
            spin: Spin::new(spin_time(&region)),
            region,
            locks: Some(locks),
            role,
            owner,
            stamp,
            ended: AtomicU32::new(0),
            told: AtomicU32::new(0),
            corrupt: AtomicU32::new(0),
            reaping: AtomicU32::new(0),
            refusals: AtomicU32::new(0),
            looked: AtomicU64::new(now()),
        };
        endpoint.look_around()?;
        Ok(endpoint)
    }

    /// A newcomer finds the channel as it is. If there is something that its first operation has to look into (its
    /// peers are gone, an orphan waits), the word stays unattended; otherwise that operation needs no system call.
    fn look_around(&self) -> Result<(), Refused> {
        let life = self.life();
        let gone = self.peers_gone(life, NoneYet::Wait);
        self.set_ended(gone, life);
        let orphans = self.role == Role::Receiver
            && self.owner.id() >= Owner::FIRST_MULTI
            && life.orphaned_since(Life::NEVER)
            && self.region.contents().has_orphans()?;
        if !gone && !orphans {
            self.settle(life);
        }
        Ok(())
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// What it is attached to.
    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    fn locks(&self) -> &LockFile {
        self.locks.as_ref().expect("taken only by drop")
    }

    /// What the operations of this endpoint go through.
    pub(super) fn gate(&self) -> Gate {
        Gate {
            attended: self.attended.share(),
            mode: self.region.fence_mode(),
            tally: Tally::new(&self.region, self.owner),
        }
    }

    /// Looks into what has happened; what is to be done about it, if it stops us.
    ///
    /// Asks the kernel only if an endpoint has left, died or closed since the last time: a peer that attaches costs
    /// nothing.
    #[cold]
    pub(super) fn attend(&self) -> Result<Attended, Refusal> {
        if !self.stamp.is_current() {
            return Err(Refusal::WrongProcess);
        }
        // Relaxed: own line (private to the process).
        if self.corrupt.load(Relaxed) != 0 {
            return Err(Refusal::Corrupt);
        }
        let life = self.life();
        let seen = match self.role {
            Role::Sender => life.sender_seen(),
            Role::Receiver => life.receiver_seen(),
        };
        if !life.possible() || !seen {
            // No session is without us while we live.
            return Err(self.fail());
        }
        // Relaxed: own line (private to the process).
        let before = Life::from_bits(self.attended.load(Relaxed));
        if before != Life::NEVER && life.same_events(before) {
            self.settle(life);
            return Ok(Attended::Settled);
        }
        Ok(Attended::Event(life))
    }

    /// Remembers that everything in `life` has been attended to.
    pub(super) fn settle(&self, life: Life) {
        // Relaxed: own line (private to the process).
        self.attended.store(life.bits(), Relaxed);
        if self.corrupt.load(Relaxed) != 0 {
            // Another thread may have failed meanwhile: that stays.
            self.attended.store(Life::NEVER.bits(), Relaxed);
        }
    }

    /// Remembers that the peers are gone, so that every operation asks again whether they still are.
    pub(super) fn unsettle(&self) {
        self.settle(Life::NEVER);
    }

    pub(super) fn life(&self) -> Life {
        // [LIFE] Acquire, pairs with whoever changed the word: orphans and gaps announced in it are found.
        Life::from_bits(self.region.lines().life.0.load(edge::LIFE.acquire()))
    }

    /// A word that cannot be there: this endpoint is of no more use.
    #[cold]
    pub(super) fn fail(&self) -> Refusal {
        // Relaxed: own line (private to the process).
        self.corrupt.store(1, Relaxed);
        self.unsettle();
        Refusal::Corrupt
    }

    /// What the ring's refusal means to the caller.
    #[inline(always)]
    pub(super) fn refusal(&self, refused: Refused) -> Refusal {
        match refused {
            Refused::Blocked => Refusal::Blocked,
            Refused::Corrupt => self.fail(),
        }
    }

    /// The stream is over as far as the peers go: closed, or none is alive and one has been, or none can come.
    pub(super) fn peers_gone(&self, life: Life, none_yet: NoneYet) -> bool {
        if life.closed() {
            return true;
        }
        let (seen, range) = match self.role {
            Role::Sender => (life.receiver_seen(), lock::RECEIVERS),
            Role::Receiver => (life.sender_seen(), lock::SENDERS),
        };
        let expected = match none_yet {
            NoneYet::Wait => seen,
            NoneYet::AskWhoCanCome => seen || self.region.nobody_can_come(),
        };
        // Not to be told is no reason to give up: as if they were alive.
        expected && !self.locks().held_elsewhere(range).unwrap_or(true)
    }

    /// Reaps the dead, unless another thread of this endpoint is at it.
    pub(super) fn reap<X: Repair>(&self, transport: &X, deliver: bool) -> Result<Reaped<X::Message>, Refusal> {
        let busy = Reaped {
            message: None,
            slots: 0,
            settled: false,
        };
        let Some(_reaping) = TryLock::take(&self.reaping) else {
            return Ok(busy);
        };
        // Relaxed: own line (private to the process).
        self.looked.store(now(), Relaxed);
        let reaped = reaper::reap_the_dead(&self.region, transport, self.locks(), Some(self.owner), deliver);
        let reaped = reaped.map_err(|refused| self.refusal(refused))?;
        self.count(|record| &record.reaped, reaped.slots);
        Ok(reaped)
    }

    /// The claim at `at` is somebody's, as far as can be seen now.
    pub(super) fn check_owner<X: Repair>(&self, transport: &X, at: u64) -> Result<(), Refusal> {
        let Some(_reaping) = TryLock::take(&self.reaping) else {
            return Ok(());
        };
        let checked = reaper::check_owner(&self.region, transport, self.locks(), Some(self.owner), at);
        checked.map_err(|refused| self.refusal(refused))
    }

    /// A dead receiver has been reaped since everything was attended to.
    pub(super) fn may_have_orphans(&self, life: Life) -> bool {
        // Relaxed: own line (private to the process).
        let before = Life::from_bits(self.attended.load(Relaxed));
        before == Life::NEVER || life.orphaned_since(before)
    }

    /// A try was refused: whether it is time to look after the dead. No system call but every [`LOOK_EVERY`].
    #[inline]
    pub(super) fn time_to_look(&self) -> bool {
        // Relaxed, all: own line (private to the process).
        let refusals = self.refusals.load(Relaxed).wrapping_add(1);
        self.refusals.store(refusals, Relaxed);
        refusals.is_multiple_of(REFUSALS) && self.overdue()
    }

    /// Nobody has looked after the dead for a while.
    pub(super) fn overdue(&self) -> bool {
        // Relaxed: own line (private to the process).
        now().saturating_sub(self.looked.load(Relaxed)) >= LOOK_EVERY
    }

    /// A receiver found nothing: whether its senders were gone when it last asked.
    pub(super) fn ended(&self) -> bool {
        // Relaxed: own line (private to the process).
        self.ended.load(Relaxed) != 0
    }

    /// Remembers whether the senders were gone when `life` was read.
    pub(super) fn set_ended(&self, ended: bool, life: Life) {
        // Relaxed: own line (private to the process).
        self.ended.store(u32::from(ended), Relaxed);
        if !ended {
            // Relaxed: own line (private to the process).
            self.told.store(0, Relaxed);
            if self.life() != life {
                // They may have gone since, and another thread may have noted that: ask again.
                self.unsettle();
            }
        }
    }

    /// This is the process that has attached, and not a forked child of it.
    pub(super) fn is_ours(&self) -> bool {
        self.stamp.is_current()
    }

    /// Our peers are gone and we wait for what others hold. If the kernel alone has said so, they do not know: tells
    /// them, once.
    pub(super) fn tell_of_the_end(&self) {
        // Relaxed, both: own line (private to the process).
        if self.told.load(Relaxed) == 0 {
            self.told.store(1, Relaxed);
            announce(&self.region);
        }
    }

    /// A message has been handed back: tells whoever may receive it.
    pub(super) fn announce_return(&self, many: bool) {
        if many {
            if reaper::announce_return(&self.region) {
                self.count(|record| &record.wakes, 1);
            }
        } else {
            self.unsettle();
        }
    }

    /// Wakes those who wait at our own end, to find what we have found.
    pub(super) fn wake_our_own(&self) {
        wait::notifier_fence(self.region.fence_mode());
        self.wake(self.own_word(), u32::MAX);
    }

    fn own_word(&self) -> &AtomicU32 {
        let lines = self.region.lines();
        match self.role {
            Role::Sender => &lines.senders.0,
            Role::Receiver => &lines.receivers.0,
        }
    }

    /// Wakes up to `count` on `word`, where there are sleepers.
    #[cold]
    pub(super) fn wake(&self, word: &AtomicU32, count: u32) {
        if wait::notify(word, count) {
            self.count(|record| &record.wakes, 1);
        }
    }

    /// Begins to wait for the other end.
    #[inline(always)]
    pub(super) fn spin(&self, deadline: Option<u64>) -> Spinning<'_> {
        let linger = match self.role {
            _ if !self.spin.dense() => 0,
            Role::Sender => SENDER_LINGERS,
            Role::Receiver => RECEIVER_LINGERS,
        };
        self.spin.begin(linger, deadline)
    }

    /// The same at a full ring, whose receivers have something to do, dense or not.
    #[inline(always)]
    pub(super) fn spin_at_full_ring(&self, deadline: Option<u64>) -> Spinning<'_> {
        self.spin.begin(SENDER_LINGERS, deadline)
    }

    /// Goes on to wait, asleep.
    pub(super) fn sleep(&self, deadline: Option<u64>) -> Sleeper<'_> {
        self.sleep_at_most(deadline, u64::MAX)
    }

    /// The same, for `longest` nanoseconds at most at a time.
    pub(super) fn sleep_at_most(&self, deadline: Option<u64>, longest: u64) -> Sleeper<'_> {
        Sleeper::new(Wait {
            word: self.own_word(),
            mode: self.region.fence_mode(),
            tick: self.region.tick_ns().min(longest),
            deadline,
        })
    }

    /// About to sleep.
    pub(super) fn count_wait(&self) {
        self.count(|record| &record.waits, 1);
    }

    /// A message has come that had come to somebody before.
    pub(super) fn count_redelivered(&self) {
        self.count(|record| &record.redelivered, 1);
    }

    #[cold]
    fn count(&self, counter: impl Fn(&Record) -> &AtomicU64, by: u64) {
        let counter = counter(self.region.record(self.owner));
        // Relaxed: own line. Load and store, not a read-modify-write: a lower bound when threads share the endpoint.
        counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
    }

    /// Closes the channel for everybody. If others write over the life word all the time, it is corrupt.
    pub(super) fn close(&self) {
        if !self.stamp.is_current() {
            return;
        }
        let lines = self.region.lines();
        let (life, close) = (&lines.life.0, |bits| Life::from_bits(bits).close().bits());
        // Success [LIFE] Release, pairs with an endpoint's reading of the word. Failure Relaxed: tried again.
        let closed = life.fetch_update(edge::LIFE.release(), Relaxed, tries::at_most(close));
        if closed.is_err() {
            self.fail();
        }
        wait::notifier_fence(self.region.fence_mode());
        self.wake(&lines.receivers.0, u32::MAX);
        self.wake(&lines.senders.0, u32::MAX);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if !self.stamp.is_current() {
            // A forked child's copy: the endpoint is the parent's, and lives on there.
            return;
        }
        // Nothing is under way (we have the last handle), so what is left to repair are forgotten leases, and what a thread
        // did that was cancelled in mid-operation.
        let many = self.owner.id() >= Owner::FIRST_MULTI;
        if !many || self.region.contents().reap(self.owner, self.role).is_ok() {
            reaper::clean(&self.region, self.owner);
        }
        // Locks first: whoever is told looks for us among the living.
        self.locks = None;
        announce(&self.region);
    }
}

/// What every operation passes: has anything happened before it, does anybody sleep after it, and how many have there
/// been?
///
/// A copy in each handle, so that the usual path touches nothing of the endpoint itself.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    attended: WipedRef,
    mode: FenceMode,
    tally: Tally,
}

impl Gate {
    /// Nothing has happened to this process, this channel or this endpoint since it was last attended to.
    ///
    /// `attended` is 0 ([`Life::NEVER`]) while there is something to attend to, and reads 0 in a forked child, where
    /// nothing stores to it: whatever is in the life word, a copy of the parent's endpoint gets no further.
    #[inline(always)]
    pub(super) fn unremarkable(&self, life: &AtomicU64) -> bool {
        // Relaxed, both: hint (re-checked by `attend`); `attended` is private to the process.
        let attended = self.attended.load(Relaxed);
        attended != Life::NEVER.bits() && life.load(Relaxed) == attended
    }

    /// `count` messages more have been sent, or received, at a multi end.
    #[inline(always)]
    pub(super) fn count(&self, count: u32) {
        self.tally.add(count);
    }

    /// After a change that another end may sleep for on `word`: tells it, if that is `due`.
    #[inline(always)]
    pub(super) fn tell_if(&self, endpoint: &Endpoint, word: &AtomicU32, due: impl FnOnce() -> bool) {
        wait::notifier_fence(self.mode);
        if wait::sleepers(word) && due() {
            endpoint.wake(word, 1);
        }
    }

    /// After `count` slots have changed: tells the other end, and, at a multi end, our own that there is `more`.
    #[inline(always)]
    pub(super) fn tell(
        &self,
        endpoint: &Endpoint,
        lines: &Lines,
        count: u32,
        role: Role,
        more: Option<impl FnOnce() -> bool>,
    ) {
        let (theirs, ours) = match role {
            Role::Sender => (&lines.receivers.0, &lines.senders.0),
            Role::Receiver => (&lines.senders.0, &lines.receivers.0),
        };
        wait::notifier_fence(self.mode);
        // None: a message was taken whose slot is not free yet.
        if count != 0 && wait::sleepers(theirs) {
            endpoint.wake(theirs, count);
        }
        // The chain: a wake-up that two were waiting for goes on to the second.
        if let Some(more) = more
            && wait::sleepers(ours)
            && more()
        {
            endpoint.wake(ours, 1);
        }
    }
}

/// Whether an endpoint whose peers have not come yet waits for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoneYet {
    /// Yes.
    Wait,
    /// Only if somebody is there who could.
    AskWhoCanCome,
}

/// What an endpoint should do about the life word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attended {
    /// Nothing.
    Settled,
    /// Look after peers and orphans, then [`Endpoint::settle`] this word.
    Event(Life),
}

/// A process-local lock that is skipped when it is held.
struct TryLock<'a>(&'a AtomicU32);

impl<'a> TryLock<'a> {
    fn take(lock: &'a AtomicU32) -> Option<Self> {
        // [REAPING] Acquire on success, pairs with the release below: one thread's lock calls come after another's.
        // Failure Relaxed: skipped.
        lock.compare_exchange(0, 1, edge::REAPING.acquire(), Relaxed)
            .ok()
            .map(|_| TryLock(lock))
    }
}

impl Drop for TryLock<'_> {
    fn drop(&mut self) {
        // [REAPING] Release, pairs with the acquire above.
        self.0.store(0, edge::REAPING.release());
    }
}

/// Spinning is for machines where the other side can run meanwhile.
fn spin_time(region: &Region) -> u32 {
    if process::one_cpu() { 0 } else { region.spin_ns() }
}

impl From<Refused> for AttachError {
    fn from(refused: Refused) -> Self {
        match refused {
            // Walks end at full and empty alike: this one has met its bound.
            Refused::Blocked => AttachError::Busy,
            Refused::Corrupt => AttachError::Corrupt,
        }
    }
}
