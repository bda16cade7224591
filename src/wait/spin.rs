//! How long is it worth spinning before going to sleep, and how often does one look meanwhile?
//!
//! Waking a halted processor takes some 30 µs, so an answer that comes sooner is cheaper to spin for; and a budget below
//! that is a trap: both sides fall asleep for each other's wake-up and stay slow. So the budget adapts between the
//! channel's spin time and nothing: it doubles when a spin was answered and halves when one was in vain, and where messages
//! are further apart than the spin time nobody spins at all. The way back up: a wait without a budget that took less than a
//! full spin would have restores it. Where two share a processor that is a false promise, since nobody answers while we
//! spin; so each time that the budget comes to nothing again, twice as many such waits are needed, until a spin is answered.
//! And once in [`PROBE`] waits without a budget the full time is spun whatever has been, in case that the wake-ups
//! themselves take longer.
//!
//! A look costs the other side the cache line that it is working on, and the lines after it, which the processor fetches
//! ahead. Where messages come one by one that does not matter, and every nanosecond before the look does. Where they
//! come without a pause, two that run into each other at the end of the ring slow each other down for good. So a
//! wait can begin by lingering, until there are [`MANY`] things to do or for so long as the caller allows. Who finds a ring
//! of some size full does while there is a budget, since what is in it mostly keeps the others busy for longer. Others do in a *dense* stream only, for a message
//! that comes alone should not wait: [`STREAK`] waits in a row that end at once with [`SOME`] things to do make it dense, and
//! it stays that for as long as lingering brings something.

use crate::sync::{AtomicU32, Relaxed, now, spin_hint};

use super::Sleeper;

/// Pauses between two readings of the clock, each of which is followed by a full look: the end of a stream, an orphan or
/// a reaped slot shows in no slot that a [`Watch`] is on. A pause takes 10 to 45 ns on the processors of today.
const PAUSES: u32 = 64;
/// A guess: by chance four in a row are rare, and where two do run into each other four more cost little.
const STREAK: u32 = 4;
/// Two that answer each other have one.
const SOME: u64 = 2;
/// As far as a processor fetches ahead, and more. Measured: `benches/NOTES.md`.
const MANY: u64 = 1024;
/// A budget below the full one shifted by this is none.
const FLOOR_SHIFT: u32 = 6;
/// One wait in this many spins although the budget is none. A guess: with the default of 100 µs it costs a wait 0.4 µs.
const PROBE: u32 = 256;

/// What is cheap to ask while the operation itself has been refused. A hint, either way.
pub(crate) trait Watch: Sized {
    /// Something has changed where it was refused.
    fn changed(&self) -> bool;

    /// The same so many slots further on, or fewer in a small ring, where a change means that there is more than one
    /// thing to do; `None` where there is too little room for that.
    fn ahead(&self, slots: u64) -> Option<Self>;
}

/// The spin policy of one endpoint; its state is private to the process and only ever a guess.
#[derive(Debug)]
pub(crate) struct Spin {
    /// Nanoseconds.
    full: u32,
    /// Nanoseconds.
    budget: AtomicU32,
    /// Waits without a budget.
    without: AtomicU32,
    /// Those of them that a full spin would have outlasted, since the last time that this restored the budget.
    short: AtomicU32,
    /// How many it takes to restore it, up to [`PROBE`].
    needed: AtomicU32,
    /// Waits in a row that were answered at once, up to [`STREAK`].
    streak: AtomicU32,
}

impl Spin {
    /// Spins for at most `full` nanoseconds; 0 never spins.
    pub(crate) fn new(full: u32) -> Spin {
        Spin {
            full,
            budget: AtomicU32::new(full),
            without: AtomicU32::new(0),
            short: AtomicU32::new(0),
            needed: AtomicU32::new(1),
            streak: AtomicU32::new(0),
        }
    }

    /// A wait begins, until `deadline` (nanoseconds of [`now`]) at most. It lingers for up to `linger` pauses.
    #[inline(always)]
    pub(crate) fn begin(&self, linger: u32, deadline: Option<u64>) -> Spinning<'_> {
        Spinning {
            spin: self,
            linger,
            deadline,
            pauses: 0,
            clock: None,
        }
    }

    /// Messages come without a pause.
    pub(crate) fn dense(&self) -> bool {
        // Relaxed: hint (re-checked by nobody: any value is right, some are slow).
        self.streak.load(Relaxed) == STREAK
    }

    fn budget(&self) -> u32 {
        // Relaxed: hint (as in `dense`).
        self.budget.load(Relaxed)
    }

    /// A wait begins without a budget: is it the one that spins all the same?
    #[cold]
    fn probes(&self) -> bool {
        // Relaxed, both: hint (as in `dense`).
        let without = self.without.load(Relaxed).wrapping_add(1);
        self.without.store(without, Relaxed);
        self.full != 0 && without.is_multiple_of(PROBE)
    }

    /// A wait was answered: in how `dense` a stream?
    fn learn_from_an_answer(&self, dense: bool) {
        // Relaxed, all: hint (as in `dense`).
        let streak = if dense { self.streak.load(Relaxed) + 1 } else { 0 };
        self.streak.store(streak.min(STREAK), Relaxed);
        let least = self.full >> FLOOR_SHIFT;
        let budget = self.budget.load(Relaxed).saturating_mul(2).max(least);
        self.budget.store(budget.min(self.full), Relaxed);
        self.needed.store(1, Relaxed);
    }

    /// The budget was used up in vain.
    fn learn_from_silence(&self) {
        // Relaxed, all: hint (as in `dense`).
        let before = self.budget();
        if before / 2 >= (self.full >> FLOOR_SHIFT).max(1) {
            self.budget.store(before / 2, Relaxed);
        } else if before != 0 {
            self.budget.store(0, Relaxed);
            let needed = self.needed.load(Relaxed).saturating_mul(2);
            self.needed.store(needed.min(PROBE), Relaxed);
        }
    }

    /// A wait of so many nanoseconds ended asleep: a spin of the full time might have been answered, or not.
    fn learn_from_a_sleep(&self, waited: u64) {
        if self.budget() != 0 || waited > u64::from(self.full) {
            return;
        }
        // Relaxed, all: hint (as in `dense`).
        let short = self.short.load(Relaxed) + 1;
        if short >= self.needed.load(Relaxed) {
            self.short.store(0, Relaxed);
            self.budget.store(self.full, Relaxed);
        } else {
            self.short.store(short, Relaxed);
        }
    }
}

/// One wait's spin: who waits calls [`step`](Self::step) and tries the operation, by turns.
///
/// Small, and all of it inlined into a loop of the caller's: the answer to a message is tens of nanoseconds away, and
/// neither it nor the way there should go through memory, behind a release store that has not left the store buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spinning<'a> {
    spin: &'a Spin,
    linger: u32,
    deadline: Option<u64>,
    /// So far, without those of lingering.
    pauses: u32,
    /// When the clock was first read, and when the budget is used up.
    clock: Option<(u64, u64)>,
}

impl Spinning<'_> {
    /// Spins until `seen` has changed, or it is time for a full look; `false`: it is time to sleep.
    #[inline(always)]
    pub(crate) fn step(&mut self, seen: &impl Watch) -> bool {
        if self.spin.budget() == 0 && !self.goes_on_without() {
            return false;
        }
        if self.linger != 0 && lingered(std::mem::take(&mut self.linger), seen) {
            return true;
        }
        loop {
            spin_hint();
            // Of the whole wait: what has changed may refuse as well, or have gone to somebody else, time and again.
            self.pauses = self.pauses.wrapping_add(1);
            if self.pauses.is_multiple_of(PAUSES) {
                return self.time_left();
            }
            if seen.changed() {
                return true;
            }
        }
    }

    /// A short wait has no use for the clock: the budget begins at the end of the first round.
    #[cold]
    fn time_left(&mut self) -> bool {
        let time = now();
        let (since, until) = self.clock.unwrap_or_else(|| self.from(time, self.spin.budget()));
        self.clock = Some((since, until));
        if time >= until {
            self.spin.learn_from_silence();
        }
        time < until
    }

    /// Without a budget: a spin that has begun ends by the clock, as one that probes; others do not begin.
    #[cold]
    fn goes_on_without(&mut self) -> bool {
        if self.clock.is_none() && self.pauses == 0 && self.spin.probes() {
            self.clock = Some(self.from(now(), self.spin.full));
        }
        self.clock.is_some() || self.pauses != 0
    }

    fn from(&self, time: u64, budget: u32) -> (u64, u64) {
        let until = time.saturating_add(u64::from(budget));
        (time, self.deadline.map_or(until, |at| at.min(until)))
    }

    /// The operation has been done, asleep.
    #[cold]
    pub(crate) fn slept(&self, sleeper: &Sleeper<'_>) {
        let (began, ended) = sleeper.times();
        let began = self.clock.map_or(began, |(since, _)| since);
        self.spin.learn_from_a_sleep(ended.saturating_sub(began));
    }

    /// The operation has been done, after a change of `seen`.
    #[inline(always)]
    pub(crate) fn answered(&self, seen: &impl Watch) {
        let dense = self.pauses <= 1 && changed_ahead(seen, SOME);
        self.spin.learn_from_an_answer(dense);
    }
}

/// Lets the other side get ahead; whether it has done anything.
#[cold]
fn lingered(most: u32, seen: &impl Watch) -> bool {
    if let Some(ahead) = seen.ahead(MANY) {
        for _ in 0..most {
            if ahead.changed() {
                return true;
            }
            spin_hint();
        }
    }
    seen.changed()
}

#[cold]
fn changed_ahead(seen: &impl Watch, slots: u64) -> bool {
    seen.ahead(slots).is_some_and(|ahead| ahead.changed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where something changes all the time, and none of it is for us.
    struct Restless;

    impl Watch for Restless {
        fn changed(&self) -> bool {
            true
        }

        fn ahead(&self, _slots: u64) -> Option<Self> {
            None
        }
    }

    /// Where nothing ever changes.
    struct Still;

    impl Watch for Still {
        fn changed(&self) -> bool {
            false
        }

        fn ahead(&self, _slots: u64) -> Option<Self> {
            None
        }
    }

    #[test]
    fn spins_in_vain_come_to_none_but_for_a_probe_once_in_a_while() {
        // So long that a first round does not use it up.
        let spin = Spin::new(u32::MAX);
        let spun = |waits: u32| (0..waits).filter(|_| spin.begin(0, None).step(&Still)).count();
        assert_eq!(spun(10), 10);
        (0..=FLOOR_SHIFT).for_each(|_| spin.learn_from_silence());
        assert_eq!(spun(PROBE - 1), 0);
        assert_eq!(spun(1), 1);
        assert_eq!(spun(PROBE - 1), 0);
    }

    #[test]
    fn a_sleep_shorter_than_a_spin_brings_the_spin_back() {
        let spin = Spin::new(640);
        (0..10).for_each(|_| spin.learn_from_silence());
        (0..10).for_each(|_| spin.learn_from_a_sleep(641));
        assert_eq!(spin.budget(), 0);
        (0..2).for_each(|_| spin.learn_from_a_sleep(640));
        assert_eq!(spin.budget(), 640);
    }

    #[test]
    fn two_on_one_processor_hardly_spin() {
        let spin = Spin::new(640);
        let mut spun = 0;
        for _ in 0..100_000 {
            if spin.budget() > 0 {
                spun += 1;
                spin.learn_from_silence();
            }
            spin.learn_from_a_sleep(1);
        }
        // Seven spins from the full budget down to none, then as many waits as are needed at most.
        assert!(spun <= 7 * (100_000 / PROBE + 9), "{spun}");
        spin.learn_from_an_answer(false);
        (0..7).for_each(|_| spin.learn_from_silence());
        (0..2).for_each(|_| spin.learn_from_a_sleep(1));
        assert_eq!(spin.budget(), 640, "an answer restores the trust");
    }

    #[test]
    fn an_answer_to_a_probe_is_a_first_step_back_up() {
        let spin = Spin::new(640);
        (0..10).for_each(|_| spin.learn_from_silence());
        spin.learn_from_an_answer(false);
        assert_eq!(spin.budget(), 10);
        (0..10).for_each(|_| spin.learn_from_an_answer(false));
        assert_eq!(spin.budget(), 640);
    }

    #[test]
    fn who_is_told_not_to_spin_never_does() {
        let spin = Spin::new(0);
        spin.learn_from_an_answer(true);
        spin.learn_from_a_sleep(0);
        assert!((0..2 * PROBE).all(|_| !spin.begin(0, None).step(&Still)));
    }

    #[test]
    fn a_spin_ends_although_something_changes_all_the_time() {
        let spin = Spin::new(1000);
        let mut spinning = spin.begin(0, None);
        assert!((0..1_000_000).any(|_| !spinning.step(&Restless)));
    }
}
