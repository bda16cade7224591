//! How long is it worth spinning before going to sleep?
//!
//! Waking a halted processor takes some 30 µs, so an answer that comes sooner is cheaper to spin for; and a budget below
//! that is a trap: both sides fall asleep for each other's wake-up and stay slow. So the budget adapts between the
//! channel's spin time and a 64th of it: it doubles when a spin was answered, halves when one was in vain, and every
//! 32nd wait spins for the full time whatever has been, which is the way back up.

use crate::sync::{AtomicU32, Relaxed, now, spin_hint};

/// Looks between two readings of the clock.
const LOOKS: u32 = 32;
/// The least budget is the full one shifted by this.
const FLOOR_SHIFT: u32 = 6;
/// One wait in this many tries the full budget.
const PROBE: u32 = 32;

/// The spin policy of one endpoint; its state is private to the process and only ever a guess.
#[derive(Debug)]
pub(crate) struct Spin {
    /// Nanoseconds.
    full: u32,
    /// Nanoseconds.
    budget: AtomicU32,
    waits: AtomicU32,
}

impl Spin {
    /// Spins for at most `full` nanoseconds; 0 never spins.
    pub(crate) fn new(full: u32) -> Spin {
        Spin {
            full,
            budget: AtomicU32::new(full),
            waits: AtomicU32::new(0),
        }
    }

    /// Calls `look` until it answers, the budget is used up or the deadline has passed.
    pub(super) fn run<R>(&self, deadline: Option<u64>, mut look: impl FnMut() -> Option<R>) -> Option<R> {
        let budget = self.next_budget();
        if budget == 0 {
            return None;
        }
        let end = now().saturating_add(u64::from(budget));
        let end = deadline.map_or(end, |at| at.min(end));
        loop {
            for _ in 0..LOOKS {
                spin_hint();
                let answer = look();
                if answer.is_some() {
                    self.learn(budget.saturating_mul(2).min(self.full));
                    return answer;
                }
            }
            if now() >= end {
                self.learn((budget / 2).max(self.full >> FLOOR_SHIFT));
                return None;
            }
        }
    }

    fn next_budget(&self) -> u32 {
        // Relaxed, all three: hint (re-checked by nobody: any value is right, some are slow).
        let waits = self.waits.load(Relaxed).wrapping_add(1);
        self.waits.store(waits, Relaxed);
        if waits.is_multiple_of(PROBE) {
            self.full
        } else {
            self.budget.load(Relaxed)
        }
    }

    fn learn(&self, budget: u32) {
        // Relaxed: hint (as above).
        self.budget.store(budget, Relaxed);
    }
}
