//! How do messages go through the slots, whoever dies on the way?
//!
//! This room is the algorithm and nothing else: it knows no mapping, no file, no clock and no process. `channel` puts
//! it together with waiting and with the kernel's word on who is alive.
//!
//! # The protocol
//! A slot's [`State`] is the truth. In lap `l` a slot goes `FREE(l)` → (`WRITING(l, owner)`) → `FULL(l)` →
//! (`READING(l, owner)`) → `FREE(l + 1)`. The phases in brackets are claims, made by compare-and-swap and only at an
//! end that admits many endpoints; at a single end nobody competes, so it looks, copies and stores. A claim names its
//! owner: that is what lets the survivors repair after a dead one. `tail` and `head` are hints: stored plainly, lagging,
//! sometimes moving back; everyone who starts at a hint looks at each slot that it passes. A single end keeps its
//! position to itself ([`cursor`]) and tells it once in a while, since only its successor and observers need the hint.
//!
//! A receiver may *hold* a message instead of freeing its slot at once, and then free it or hand it back. A multi receiver
//! leaves it claimed, and hands it back as an orphan; others pass it. A single receiver leaves it `FULL`, remembers it
//! ([`held`]) and goes on, with its hint behind the oldest, so that its successor finds what it had not freed. A sender
//! that comes to the slot a lap later finds the ring full there.
//!
//! # Invariants
//! Numbered; SAFETY and ordering comments refer to them. *Claimed by a sender* means any word but `FREE(l)` seen at
//! lap `l`.
//! - **R1** Positions are claimed by senders in order: every position before a claimed one has been claimed. A sender
//!   claims only the first unclaimed position that its walk meets, and its walk starts at a hint (all before it were
//!   claimed: [`TAIL`](edge::TAIL)) and leaves out only positions that R1 says are claimed.
//! - **R2** Positions are claimed by receivers, or are gaps, in order, likewise ([`HEAD`](edge::HEAD)).
//! - **R3** A payload is touched only by the owner named in `WRITING` or `READING`, by the single sender at its own
//!   position while the word is `FREE(lap)`, and by the single receiver while it is `FULL(lap)`, at its own position or at
//!   one that it holds.
//! - **R4** A claim is ended by its owner, or by who holds the dead owner's byte (the caller of [`Ring::reap`]).
//! - **R5** A multi end stores its hint between claim and publish or release, so a store that is late falls back less
//!   than a lap. A single end stores it after the slots that it tells of, at the end of each chunk: killed before that,
//!   its successor walks some steps further, where the other order would leave a slot behind.
//!
//! # Edges
//! | label | stored at | loaded at | protects | loom model that fails without it |
//! |---|---|---|---|---|
//! | `PUB` | [`sender`]: `FULL(lap)` | [`receiver`]: look at the slot | the payload is all there | `published_bytes_are_visible` |
//! | `DRAIN` | [`receiver`]: `FREE(lap + 1)` | [`sender`]: look at the slot | no payload is overwritten while it is read | `a_slot_is_not_reused_early` |
//! | `GAP` | [`reap`]: `WRITING(dead)` → `FREE(lap + 1)` | `DRAIN`'s load | a dead sender's half-written payload comes before the next | `a_gap_comes_after_the_dead_senders_bytes` |
//! | `ORPHAN` | [`reap`], and [`receiver`] that hands back: `READING(dead)` → `READING(ORPHAN)` | `CLAIMED`'s compare-and-swap | a dead receiver's reads come before the next payload | `an_orphan_is_taken_after_the_dead_receivers_reads` |
//! | `CLAIMED` | `PUB`, `ORPHAN` (their release sequences) | [`reap`]: a claimed slot is taken over | the payload of a message taken over | `a_message_taken_over_is_whole` |
//! | `TAIL` | [`sender`]: tail hint | [`sender`]: start of a walk | R1 for who starts there | `a_sender_starts_behind_claimed_slots` |
//! | `HEAD` | [`receiver`]: head hint | [`receiver`]: start of a walk | R2; no false Empty | `a_receiver_starts_behind_drained_slots` |
//!
//! # Progress
//! | operation | single end | multi end |
//! |---|---|---|
//! | send | wait-free | lock-free; another sender's claim, alive, stopped or dead, is passed |
//! | receive | wait-free, but for gaps that it passes | lock-free among receivers; a slot in `WRITING` is waited for (its sender is nanoseconds from publishing, or stopped, or dead and about to be reaped) |
//! | reap, sweep | | wait-free: one pass over the slots |
//!
//! Walks are bounded: after four laps (and 64) steps a walk starts again at the hint, and after [`WALKS`] of those it answers
//! full or empty, which a blocking caller answers by looking again.
//!
//! # Killed here
//! What the others see when a process dies right after a step, and what repairs it:
//!
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | send: load of hint or slot | nothing | |
//! | multi send: claim (`WRITING`) | receivers: Empty behind it; senders pass it | reap: `FREE(lap + 1)`, a gap; the message was never sent |
//! | multi send: tail hint | the same | the same |
//! | multi send: part or all of the payload | the same | the same |
//! | send: publish (`FULL`) | a message | nothing to repair: it was sent. A wake-up that it owed comes with the sleeper's tick |
//! | single send: publish, before the tail hint | a message; the hint is a chunk short at most | the next single sender walks those steps |
//! | multi receive: claim (`READING`) | receivers pass it; senders a lap later: Full | reap by a receiver: takes it over and delivers it; by anybody else: `READING(lap, ORPHAN)` for any receiver |
//! | multi receive: head hint, part or all of the copy | the same | the same |
//! | single receive: part or all of the copy | a message that is still there | the next single receiver receives it |
//! | multi: a message is held, for as long as that takes | the same | the same: it is delivered again |
//! | multi: a message is handed back (`READING(ORPHAN)`) | an orphan that nobody has been told of | a look for orphans once in a while, by any receiver |
//! | single: messages are held, or are handed back | messages that are still there; others behind them may be freed | the next single receiver receives them, in order, and passes those that are freed |
//! | receive: release (`FREE(lap + 1)`) | a free slot; the message has died with its receiver | nothing to repair. A wake-up that it owed comes with the sleeper's tick |
//! | single receive: release, before the head hint | a free slot; the hint is a chunk short at most, and the gaps passed | the next single receiver walks those steps |
//! | reap: any compare-and-swap | that slot is repaired, the others are not; the reaper's own byte is free, the dead one's too | any next reaper, from the start |
//! | reap: takeover (`READING(me)`) | as *multi receive: claim* | the same, for the reaper |
//!
//! # Impossible words
//! What the protocol cannot have stored is answered with [`Refused::Corrupt`] by whoever comes by it, and stays as it is:
//!
//! | what | because | found by |
//! |---|---|---|
//! | a phase, an owner or a lap that does not exist | no such word is ever stored | every look at the slot: [`Ring::decode`] |
//! | `WRITING` at a single sender's ring, `READING` at a single receiver's | nobody makes claims at a single end | the same |
//! | a lap that is too early for who comes there from a hint | R1, R2 | [`look`] |
//! | the claim of a dead endpoint, or an orphan, more than a lap from the slot before it | R1 | [`reap`] |
//! | a dead sender's `READING`, a dead receiver's `WRITING` | no endpoint makes claims of the other end | [`reap`] |
//! | a claim under an id whose record is clean | who leaves ends its claims first | whoever is held up by it: `channel` |
//! | another word at a message that is held | R3 | the end that holds it |
//!
//! Of the other words, a life word whose unused bit is set, or that knows nothing of an endpoint that lives, and a role or a
//! seat's state beyond its range are found by who reads them: `channel`.
//!
//! # What loom caught
//! `cargo test -p annulus-loom --test mutate` weakens each end of each label in turn, at all its places and then at each
//! single one, and fails unless a model fails: the one named above, or, for places that it does not come to, one of
//! `batches_stay_whole_and_in_order`, `nothing_is_skipped_behind_a_gap` and `an_observer_sees_a_sound_ring` (the walks by
//! which a single end finds its place). It leaves out rules of the protocol in the same way:
//!
//! | without | this model fails |
//! |---|---|
//! | compare-and-swap in a claim | `two_senders_never_own_one_slot`, `two_receivers_never_take_one_message` |
//! | the next lap in a gap: `FREE(lap)` | `a_sender_may_be_killed_anywhere` |
//! | the message in an orphan: `FREE(lap + 1)` | `a_receiver_may_be_killed_anywhere` |
//! | R5 at a single end: hint before slot | `a_single_sender_may_be_killed_anywhere`, `a_single_receiver_may_be_killed_anywhere` |
//! | the sweep of a reused id, or the owner byte | `a_reused_id_is_swept_first` |
//!
//! # Unsafe
//! [`Ring::new`] is where the caller vouches for the memory; `slot_at` trusts offsets that [`cursor`] and [`watch`] work
//! out from masked positions; [`Claim`] and the single ends are the only ones who touch payloads, by R3. What they copy out goes
//! to a [`target`], whose owner takes an `Ok` of [`receiver::ReceiveEnd::try_pop_into`] for the word that it has come.

mod cursor;
mod held;
mod look;
mod reap;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod target;
pub(crate) mod watch;

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use crate::edge;
use crate::layout::{Claimants, Laps, Lines, Owner, Phase, Slot, State};
use crate::sync::{AtomicU64, Ordering, Relaxed};

pub(crate) use look::Refused;

/// Restarts from the hint before a walk gives up for now. A guess: each is four laps of slots that others were busy
/// with, so a second one is already rare.
pub(crate) const WALKS: u64 = 16;

/// One process's view of the shared words and slots of a region.
///
/// # Invariants
/// - **V1** `lines` and `slots` are valid for as long as the view is used, for `laps.capacity()` slots at `stride`.
/// - **V2** Slots are aligned for `Slot<T>`; nobody makes a `&mut` to any of it.
pub(crate) struct Ring<T> {
    lines: NonNull<Lines>,
    slots: NonNull<u8>,
    /// Not zero: a slot has a word.
    stride: NonZeroUsize,
    laps: Laps,
    /// Whose claims the slots may say: nobody's, at a single end.
    claimants: Claimants,
    payload: PhantomData<T>,
}

/// How far the senders and the receivers are, the latter at most the capacity behind the former.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Levels {
    /// The position that the next message goes to: as many have been sent.
    pub(crate) tail: u64,
    /// The position that the next message comes from.
    pub(crate) head: u64,
    /// Messages between head and tail.
    pub(crate) len: u64,
}

impl<T> Clone for Ring<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ring<T> {}

// SAFETY: all access goes through atomics and claimed payloads (R3), from any thread as from any process; `T: Send` as
// for any channel.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// A view of `laps.capacity()` slots of `Slot<T>`, `stride` bytes apart from `slots`.
    ///
    /// # Safety
    /// V1 and V2 hold for as long as this view or a copy of it is used.
    pub(crate) unsafe fn new(
        lines: NonNull<Lines>,
        slots: NonNull<u8>,
        stride: usize,
        laps: Laps,
        claimants: Claimants,
    ) -> Ring<T> {
        Ring {
            lines,
            slots,
            stride: NonZeroUsize::new(stride).expect("a slot has a word"),
            laps,
            claimants,
            payload: PhantomData,
        }
    }

    /// The shared words.
    #[inline(always)]
    pub(crate) fn lines(&self) -> &Lines {
        // SAFETY: V1; `Lines` is all atomics.
        unsafe { self.lines.as_ref() }
    }

    /// Slots and positions.
    #[inline(always)]
    pub(crate) fn laps(&self) -> Laps {
        self.laps
    }

    /// The slot of position `p`.
    #[inline(always)]
    fn slot(&self, p: u64) -> &Slot<T> {
        // SAFETY: an index is below the capacity.
        unsafe { self.slot_at(self.laps.index(p) as usize * self.stride.get()) }
    }

    /// The slot at `offset` bytes from the first.
    ///
    /// # Safety
    /// `offset` is an index below the capacity times the stride.
    #[inline(always)]
    unsafe fn slot_at(&self, offset: usize) -> &Slot<T> {
        // SAFETY: V1: the slot is inside (contract).
        let slot = unsafe { self.slots.add(offset) };
        // SAFETY: V1, V2; the state is atomic and the payload is behind `UnsafeCell`.
        unsafe { slot.cast::<Slot<T>>().as_ref() }
    }

    /// A slot's word, with the ordering of the edge that the caller is on.
    #[inline(always)]
    fn state(&self, p: u64, order: Ordering) -> State {
        State::from_bits(self.slot(p).state.load(order))
    }

    /// Where a hint points.
    #[inline(always)]
    fn hint(&self, hint: &AtomicU64, order: Ordering) -> u64 {
        self.laps.position(hint.load(order))
    }

    /// What the word says, if the protocol could have stored it.
    #[inline]
    fn decode(&self, state: State) -> Option<(u64, Phase)> {
        state.decode(self.laps.lap_bits(), self.claimants)
    }

    /// Messages between head and tail as far as a walk from the hints can see: exact while nobody sends or receives,
    /// otherwise a value that was near the truth. Messages being copied out count as received, gaps as messages.
    pub(crate) fn len(&self) -> u64 {
        let head = self.find_head().map_or(0, |(p, _)| p);
        let tail = self.find_tail().map_or(head, |(p, _)| p);
        let len = self.laps.distance(head, tail).max(0) as u64;
        len.min(self.laps.capacity())
    }

    /// The same for who only looks on: by relaxed loads alone, since his mapping may be one that cannot be written to, where
    /// the language promises no others.
    ///
    /// A slot may look older than it is to him, so he takes the ring for corrupt only when it stays that.
    pub(crate) fn levels(&self) -> Result<Levels, Refused> {
        let mut looks = 0..WALKS;
        loop {
            match self.look_on() {
                Err(Refused::Corrupt) if looks.next().is_some() => {}
                levels => return levels,
            }
        }
    }

    fn look_on(&self) -> Result<Levels, Refused> {
        let lines = self.lines();
        // Relaxed, all: hint (who looks on does nothing about it).
        let (head, tail) = (
            || self.hint(&lines.head.0, Relaxed),
            || self.hint(&lines.tail.0, Relaxed),
        );
        let (head, _) = self.walk(head, |p| look::receive(self, p, self.state(p, Relaxed)))?;
        let (tail, _) = self.walk(tail, |p| look::send(self, p, self.state(p, Relaxed)))?;
        let len = (self.laps.distance(head, tail).max(0) as u64).min(self.laps.capacity());
        Ok(Levels {
            tail,
            head: self.laps.position(tail.wrapping_sub(len)),
            len,
        })
    }

    /// Nothing is left to receive, now or when a sender's claim is published: what other receivers hold is theirs.
    pub(crate) fn drained(&self) -> Result<bool, Refused> {
        let (p, empty) = self.find_head()?;
        Ok(empty && self.nothing_at(p)?)
    }

    /// No message is in the slot of `p`, nor about to be.
    fn nothing_at(&self, p: u64) -> Result<bool, Refused> {
        // Relaxed: hint (a claim that is published in between is found by the caller's next look).
        let state = self.state(p, Relaxed);
        let (_, phase) = self.decode(state).ok_or(Refused::Corrupt)?;
        Ok(!matches!(phase, Phase::Writing(_) | Phase::Full))
    }

    /// A sender would find the ring full.
    pub(crate) fn is_full(&self) -> bool {
        self.find_tail().is_ok_and(|(_, full)| full)
    }

    /// Where the next single sender goes on, and whether the ring is full there.
    pub(crate) fn find_tail(&self) -> Result<(u64, bool), Refused> {
        // [TAIL] Acquire: every slot before the hint is seen claimed (R1).
        let start = || self.hint(&self.lines().tail.0, edge::TAIL.acquire());
        // [DRAIN] Acquire: who sees a slot in a later lap sees those before it in theirs, so none looks impossibly old.
        self.walk(start, |p| look::send(self, p, self.state(p, edge::DRAIN.acquire())))
    }

    /// Where the next single receiver goes on, and whether the ring is empty there.
    pub(crate) fn find_head(&self) -> Result<(u64, bool), Refused> {
        // [HEAD] Acquire: every slot before the hint is seen claimed or drained (R2).
        let start = || self.hint(&self.lines().head.0, edge::HEAD.acquire());
        // [PUB] Acquire: as for the tail, so that no slot looks impossibly old.
        self.walk(start, |p| look::receive(self, p, self.state(p, edge::PUB.acquire())))
    }

    fn walk(&self, start: impl Fn() -> u64, look: impl Fn(u64) -> look::Look) -> Result<(u64, bool), Refused> {
        let mut walk = look::Walk::new(self.laps);
        let mut p = start();
        loop {
            match look(p) {
                look::Look::Ready => return Ok((p, false)),
                look::Look::Blocked => return Ok((p, true)),
                look::Look::Pass(next) => p = next,
                look::Look::Corrupt => return Err(Refused::Corrupt),
            }
            if walk.step()? {
                p = start();
            }
        }
    }
}

/// A message or a place that this endpoint alone may touch (R3). Ended by publishing, by taking, or by a reaper after
/// the owner's death.
#[must_use]
pub(crate) struct Claim<T> {
    ring: Ring<T>,
    position: u64,
}

impl<T> Claim<T> {
    /// The position claimed.
    #[inline(always)]
    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

/// Who may look for a place or a message after this one, for the chain of wake-ups (see `wait`).
///
/// Asked after the notifier's fence. A slot that looks older than it is was changed by somebody whose own fence comes
/// after ours, so either he sees the sleeper, or the sleeper's look comes after both fences and finds his change and ours.
impl<T> Ring<T> {
    /// Behind `p` there is a place that a sender could fill now.
    pub(crate) fn free_after(&self, p: u64) -> bool {
        let behind = || self.laps.next(p);
        // Relaxed: under SLEEP, whose fence came before (see above).
        let found = self.walk(behind, |p| look::send(self, p, self.state(p, Relaxed)));
        matches!(found, Ok((_, false)))
    }

    /// Behind `p`, and behind what others are taking and the gaps there, is a message that a receiver could take now.
    pub(crate) fn full_after(&self, p: u64) -> bool {
        let behind = || self.laps.next(p);
        // Relaxed: under SLEEP, whose fence came before (see above).
        let found = self.walk(behind, |p| look::receive(self, p, self.state(p, Relaxed)));
        matches!(found, Ok((_, false)))
    }
}

/// The claim of `owner` as a word, for both ends.
fn names(phase: Phase, owner: Owner) -> bool {
    matches!(phase, Phase::Writing(o) | Phase::Reading(o) if o == owner)
}
