//! What is in a wait word?
//!
//! ```text
//!  31             16 15             1      0
//! +-----------------+----------------+----------+
//! | waker epoch:16  |waiter epoch:15 | SLEEPERS |
//! +-----------------+----------------+----------+
//! ```
//! `SLEEPERS`: somebody may be asleep. The number of sleepers is the kernel's: a count in shared memory would leak with
//! each sleeper that is killed, and every send after that would pay a system call.

use crate::sync::{AtomicU32, Relaxed, futex_wake};
use crate::tries;

const SLEEPERS: u32 = 1;
const WAITER: u32 = 2;
const WAITER_MASK: u32 = 0xfffe;
const WAKER: u32 = 1 << 16;

/// Announces a waiter; the word as it is left, to be compared when going to sleep.
///
/// If others write over it all the time, nobody is announced, and a sleep may be a tick too long.
pub(super) fn announce(word: &AtomicU32) -> u32 {
    let announced = |word: u32| {
        let epoch = word.wrapping_add(WAITER) & WAITER_MASK;
        word & !WAITER_MASK | epoch | SLEEPERS
    };
    // Success and failure Relaxed: under SLEEP, whose fence follows; a failure only tells what to try next.
    match word.fetch_update(Relaxed, Relaxed, tries::at_most(announced)) {
        Ok(seen) => announced(seen),
        Err(seen) => seen,
    }
}

/// Somebody may be asleep on `word`. To be asked after [`notifier_fence`](super::notifier_fence).
#[inline(always)]
pub(crate) fn sleepers(word: &AtomicU32) -> bool {
    // Relaxed: under SLEEP, whose fence came before.
    word.load(Relaxed) & SLEEPERS != 0
}

/// Wakes up to `count` sleepers on `word`, if there are any; whether that took a system call.
///
/// To be called after [`notifier_fence`](super::notifier_fence).
#[inline(always)]
pub(crate) fn notify(word: &AtomicU32, count: u32) -> bool {
    if sleepers(word) {
        wake(word, count);
        return true;
    }
    false
}

#[cold]
fn wake(word: &AtomicU32, count: u32) {
    // Relaxed: under SLEEP, whose fence came before; the kernel orders the change before the wake.
    let bumped = word.fetch_add(WAKER, Relaxed).wrapping_add(WAKER);
    if futex_wake(word, count) == 0 {
        // Nobody slept. If nobody has announced himself since, either, nobody is about to.
        // Success and failure Relaxed: under SLEEP; on failure the bit stays, which is always right.
        let _ = word.compare_exchange(bumped, bumped & !SLEEPERS, Relaxed, Relaxed);
    }
}
