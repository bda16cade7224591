//! What must hold at a step, as somebody sees it who sees everything?

use super::{At, Job, Phase, State, Turn, Word, bit};
use crate::explore::Step;

/// Why a step is wrong.
type Wrong = Result<(), &'static str>;

impl Turn<'_> {
    /// `check` holds, or the step is wrong.
    pub(super) fn unless(
        self,
        check: Wrong,
        what: &'static str,
        then: impl FnOnce(Self) -> Step<State>,
    ) -> Step<State> {
        match check {
            Ok(()) => then(self),
            Err(why) => self.wrong(what, why),
        }
    }

    /// The last position that a sender has claimed in the slot of `index`.
    fn last_claimed(&self, index: usize) -> u8 {
        let (laps, Word { lap, phase }) = (self.laps(), self.state.slots[index].word);
        match phase {
            Phase::Free => laps.at(lap + laps.laps - 1, index),
            Phase::Writing(_) | Phase::Full | Phase::Reading(_) => laps.at(lap, index),
        }
    }

    /// The first position that no sender has claimed.
    pub(super) fn true_tail(&self) -> u8 {
        let laps = self.laps();
        let last = (0..usize::from(laps.capacity))
            .map(|index| self.last_claimed(index))
            .reduce(|a, b| if laps.distance(a, b) > 0 { b } else { a });
        laps.add(last.expect("a ring has a slot"), 1)
    }

    /// R1: `p` is the first that no sender has claimed.
    pub(super) fn first_unclaimed(&self, p: u8) -> Wrong {
        if p == self.true_tail() {
            Ok(())
        } else {
            Err("R1: a sender claims a position out of order")
        }
    }

    /// R5 at a multi end: a hint that is stored late falls back less than a lap.
    pub(super) fn less_than_a_lap(&self, hint: u8) -> Wrong {
        if self.multi() && self.laps().distance(hint, self.true_tail()) > i16::from(self.laps().capacity) {
            return Err("R5: a hint falls back more than a lap");
        }
        Ok(())
    }

    /// Messages before `p` that nobody has claimed and this receiver does not hold; those about to be there, too.
    fn unclaimed_before(&self, p: Option<u8>, about_to_be: bool) -> bool {
        let laps = self.laps();
        self.scenario
            .slots(&self.state)
            .iter()
            .enumerate()
            .any(|(index, slot)| {
                let at = laps.at(slot.word.lap, index);
                let counts =
                    slot.word.phase == Phase::Full || about_to_be && matches!(slot.word.phase, Phase::Writing(_));
                let held = self.me().held.iter().any(|held| held.value != 0 && held.position == at);
                counts && !held && p.is_none_or(|p| laps.distance(at, p) > 0)
            })
    }

    /// R2: `p` is the oldest message that nobody has claimed.
    pub(super) fn oldest(&self, p: u8) -> Wrong {
        if self.unclaimed_before(Some(p), true) {
            Err("R2: a message is received out of order")
        } else {
            Ok(())
        }
    }

    /// An answer *Empty*, by the word at `p`.
    pub(super) fn empty_is_exact(&self, p: u8) -> Wrong {
        let word = self.word(p);
        let writing = word.lap == self.laps().lap(p) && matches!(word.phase, Phase::Writing(_));
        if self.unclaimed_before(writing.then_some(p), false) {
            Err("INEXACT: Empty, and there is a message")
        } else {
            Ok(())
        }
    }

    /// An answer *Full*, by the word at `p`.
    pub(super) fn full_is_exact(&self, p: u8) -> Wrong {
        let undisturbed = self.state.kills == self.scenario.kills && !self.leases();
        let taken = |word: Word| matches!(word.phase, Phase::Full | Phase::Writing(_));
        let slots = self.scenario.slots(&self.state);
        if undisturbed && taken(self.word(p)) && !slots.iter().all(|slot| taken(slot.word)) {
            return Err("INEXACT: Full, and there is room");
        }
        Ok(())
    }

    /// Anybody leases.
    fn leases(&self) -> bool {
        let leases = |process: &super::Process| matches!(process.job, Job::Lease { .. });
        self.scenario.processes.iter().any(leases)
    }

    /// The slot of `p` is still what this process has made it.
    pub(super) fn still(&self, p: u8, mine: Word) -> Wrong {
        if self.word(p) == mine {
            Ok(())
        } else {
            Err("ROBBED: somebody has ended the claim of a living process")
        }
    }

    /// A message is received for good.
    pub(super) fn receive(&mut self, value: u8) -> Wrong {
        let bit = bit(value);
        if self.state.sent & bit == 0 {
            return Err("TORN: what is received was never sent");
        }
        if self.state.got & bit != 0 || self.state.told & bit != 0 && self.state.again & bit == 0 {
            return Err("DOUBLED: a message is received twice");
        }
        self.state.got |= bit;
        Ok(())
    }

    /// A message is received on lease.
    pub(super) fn tell(&mut self, value: u8) -> Wrong {
        let got = self.state.got;
        self.receive(value)?;
        self.state.got = got;
        self.state.told |= bit(value);
        self.state.again &= !bit(value);
        Ok(())
    }

    /// A message that was received on lease is acknowledged.
    pub(super) fn acknowledge(&mut self, value: u8) -> Wrong {
        if self.state.again & bit(value) != 0 || self.state.got & bit(value) != 0 {
            return Err("DOUBLED: a message is acknowledged that is somebody else's by now");
        }
        self.state.got |= bit(value);
        Ok(())
    }

    /// Counts a step of a walk, where walks have a limit: `None` says to begin again.
    pub(super) fn walk(mut self, next: u8, what: &'static str) -> Step<State> {
        self.me_mut().p = next;
        if self.keeps(super::Rule::WalksBeginAgain) {
            return self.then(At::Look, what);
        }
        let limit = 2 * self.laps().capacity;
        self.me_mut().walked += 1;
        if self.me().walked == 2 * limit {
            return self.wrong(what, "CORRUPT: a walk is over, and the ring is sound");
        }
        if self.me().walked == limit {
            self.me_mut().p = self.hint();
        }
        self.then(At::Look, what)
    }
}
