//! How does a process sleep until there is something to do, and why is no wake-up lost?
//!
//! There is one wait word for each direction: receivers sleep on one, senders on the other. This room knows no ring: it
//! only says when it is time to try the operation again.
//!
//! # Why no wake-up is lost
//! The waiter announces itself in the wait word, *then* looks at the ring, *then* sleeps. The notifier changes the ring,
//! *then* looks at the wait word. Between each pair stands a full fence ([`SLEEP`](edge::SLEEP)), so at least one sees
//! the other (Dekker's argument): either the waiter's look finds the change, or the notifier finds the announcement.
//! In the second case the notifier changes the word before it wakes, so a waiter that has not gone to sleep yet does
//! not: `futex_wait` compares the word with what the announcement left there.
//!
//! Each half of the word answers for one race; without the first, loom's `no_wake_is_lost` deadlocks, without the second
//! `a_stale_bit_hides_nobody`:
//! - **waker epoch**: a notifier between announcement and sleep. Without it the waiter sleeps through the wake.
//! - **waiter epoch**: an announcement between "it woke nobody" and taking the `SLEEPERS` bit away. Without it the
//!   notifier takes away the bit of somebody who is about to sleep.
//!
//! One wake can be owed to two: a receiver that takes a message and sees another behind it (or behind gaps) wakes one
//! more, a sender that fills a place and sees another one free wakes one more (`Endpoint::notify`; without it
//! `two_receivers_wait_for_two_senders`, `two_senders_wait_for_two_receivers` and `a_chain_reaches_behind_the_others`
//! deadlock). Who reaps wakes both ends (`a_reaper_wakes_both_ends`). And every sleep is bounded by a tick, since a process
//! can be killed between its change and its wake-up, or between being woken and acting: nothing in user space can undo
//! that. (The epochs are 15 and 16 bits: a waiter that is stopped between announcing and sleeping for exactly a whole
//! number of turns sleeps a tick too long.)
//!
//! # The fence, and who pays
//! In [`FenceMode::Fenced`] both sides execute a full fence. In [`FenceMode::Membarrier`] the waiter executes one on
//! behalf of everybody (membarrier(2), `GLOBAL_EXPEDITED`) and the notifier only keeps the compiler from reordering:
//! the kernel's guarantee makes the pair as strong. The loom models run the fenced form.
//!
//! # Edges
//! | label | notifier | waiter | protects | loom model that fails without it |
//! |---|---|---|---|---|
//! | `SLEEP` | [`notify`]: after the change, before the look at the word | [`Sleeper::next`]: after the announcement, before the look at the ring | the wake-up | `no_wake_is_lost` |
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | announcement | a `SLEEPERS` bit with nobody behind it | the next notifier: its wake finds nobody, it takes the bit away |
//! | going to sleep | nobody to wake | the same: the kernel counts the sleepers, nothing in the region does |
//! | being woken, before acting | a message that nobody has been woken for | the other sleepers' ticks |
//! | notifier: the change, before the wake | the same | the same |
//! | notifier: waker epoch, before the wake | the same; the bit still stands | the next notifier, or the ticks |

pub(crate) mod spin;
mod word;

use crate::edge;
use crate::layout::FenceMode;
use crate::sync::{AtomicU32, fence, futex_wait, heavy_fence, light_fence, now};

pub(crate) use spin::{Spin, Spinning, Watch};
pub(crate) use word::{notify, sleepers};

/// The first sleep lasts at most this, in nanoseconds; each further one twice as long, up to the channel's tick.
/// A guess: a death is noticed after about this long by somebody who has just begun to wait.
const FIRST_TICK: u64 = 50_000_000;

/// The notifier's half of [`edge::SLEEP`]; afterwards one [`notify`] for each word concerned.
#[inline(always)]
pub(crate) fn notifier_fence(mode: FenceMode) {
    match mode {
        // [SLEEP] pairs with the waiter's: we see the announcement or it sees our change.
        FenceMode::Fenced => fence(edge::SLEEP.notifier()),
        FenceMode::Membarrier => light_fence(),
    }
}

/// The waiter's half of [`edge::SLEEP`].
fn waiter_fence(mode: FenceMode) {
    match mode {
        // [SLEEP] pairs with the notifier's: it sees the announcement or we see its change.
        FenceMode::Fenced => fence(edge::SLEEP.waiter()),
        FenceMode::Membarrier => heavy_fence(),
    }
}

/// What a sleep depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'a> {
    /// The word to sleep on.
    pub(crate) word: &'a AtomicU32,
    /// Who pays for the fence.
    pub(crate) mode: FenceMode,
    /// The longest sleep between two checks, in nanoseconds.
    pub(crate) tick: u64,
    /// When to give up, in nanoseconds of [`now`].
    pub(crate) deadline: Option<u64>,
}

/// Why a look is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// Something may have changed.
    Woken,
    /// A tick has passed: look after the dead, too.
    Tick,
    /// About to sleep: count it, and look.
    Sleep,
}

/// A wait that has come to sleeping: who waits calls [`next`](Self::next) and tries the operation, by turns.
#[derive(Debug)]
pub(crate) struct Sleeper<'a> {
    wait: Wait<'a>,
    state: State,
    /// When it was made, and when the clock was last read.
    times: (u64, u64),
    /// How long a sleep lasts at most now.
    tick: u64,
    /// When this tick is over.
    due: u64,
}

/// Where a sleeper is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Up, or not asleep yet.
    Awake,
    /// Announced, with the word as it was left: a look is taken, then it sleeps.
    Announced(u32),
    /// Back from the last sleep: the last look is taken.
    TooLate,
}

impl<'a> Sleeper<'a> {
    /// Whose first tick begins now.
    pub(crate) fn new(wait: Wait<'a>) -> Self {
        let tick = FIRST_TICK.min(wait.tick);
        let time = now();
        Sleeper {
            wait,
            state: State::Awake,
            times: (time, time),
            tick,
            due: time.saturating_add(tick),
        }
    }

    /// When it began, and when it last woke, in nanoseconds of [`now`].
    fn times(&self) -> (u64, u64) {
        self.times
    }

    /// Announces itself, or, if that is done, sleeps; then it is time to try the operation, and it tells why. `None`
    /// after the deadline.
    ///
    /// On [`Why::Tick`] the caller also asks after the dead. Every return from the sleep is followed by a try before a
    /// time-out: a wake-up that was meant for us is not thrown away.
    pub(crate) fn next(&mut self) -> Option<Why> {
        let wait = &self.wait;
        match self.state {
            State::TooLate => None,
            State::Awake => {
                self.state = State::Announced(word::announce(wait.word));
                waiter_fence(wait.mode);
                Some(Why::Sleep)
            }
            State::Announced(seen) => {
                futex_wait(wait.word, seen, wait.deadline.map_or(self.due, |at| at.min(self.due)));
                let time = now();
                self.times.1 = time;
                self.state = match wait.deadline {
                    Some(at) if time >= at => State::TooLate,
                    _ => State::Awake,
                };
                if time < self.due {
                    return Some(Why::Woken);
                }
                self.tick = self.tick.saturating_mul(2).min(wait.tick);
                self.due = time.saturating_add(self.tick);
                Some(Why::Tick)
            }
        }
    }
}
