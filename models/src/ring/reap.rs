//! How is repaired what a dead endpoint has left, and how does a newcomer come in?

use super::word::{self, Look, Word};
use super::{At, IDS, Job, NOBODY, ORPHAN, Phase, Rule, Scenario, State, Turn};
use crate::explore::Step;

impl Turn<'_> {
    /// Takes an id that is free; a multi end sweeps it, a single one looks for its place.
    pub(super) fn attach(self, next: &mut Vec<Step<State>>) {
        for &id in &self.scenario.processes[self.k].ids {
            let mut turn = self;
            if turn.state.bytes[usize::from(id)] != 0 {
                continue;
            }
            turn.state.bytes[usize::from(id)] = turn.k as u8 + 1;
            turn.me_mut().id = id;
            let at = if !turn.multi() {
                turn.me_mut().p = turn.hint();
                At::Find
            } else if turn.keeps(Rule::Sweep) {
                turn.pass_from_the_oldest(id)
            } else {
                At::Idle
            };
            next.push(turn.then(at, "attaches"));
        }
    }

    /// A step of the walk from the hint to where a single end goes on.
    pub(super) fn find(mut self) -> Step<State> {
        const WHAT: &str = "looks for its place";
        let p = self.me().p;
        let look = if self.sends() { word::send } else { word::receive };
        match look(self.laps(), p, self.word(p), self.scenario.without) {
            Look::Ready | Look::Blocked => {
                self.me_mut().cursor = p;
                self.then(At::Idle, WHAT)
            }
            Look::Pass(next) => {
                self.me_mut().p = next;
                self.then(At::Find, WHAT)
            }
            Look::Corrupt => self.wrong(WHAT, "CORRUPT: a newcomer takes a sound ring for corrupt"),
        }
    }

    /// Begins to reap somebody who is dead, or looks for orphans.
    pub(super) fn look_after_the_dead(self, next: &mut Vec<Step<State>>) {
        for dead in (0..IDS as u8).filter(|_| self.keeps(Rule::Reap)) {
            let mut turn = self;
            let me = turn.me().id;
            // Its own lock looks free to it.
            let free = turn.state.bytes[usize::from(dead)] == 0 || dead == me && !turn.keeps(Rule::NeverItself);
            if !free || !turn.scenario.owns(&turn.state, dead) || turn.is_busy() {
                continue;
            }
            if turn.keeps(Rule::OwnerByte) && dead != me {
                turn.state.bytes[usize::from(dead)] = turn.k as u8 + 1;
            }
            turn.me_mut().byte = dead;
            let at = turn.pass_from_the_oldest(dead);
            next.push(turn.then(at, "takes a dead one's byte"));
        }
        let seeks = self.takes() && self.keeps(Rule::SeekOrphans) && !self.is_busy();
        if seeks && self.scenario.owns(&self.state, ORPHAN) {
            let mut turn = self;
            turn.me_mut().byte = ORPHAN;
            let at = turn.pass_from_the_oldest(ORPHAN);
            next.push(turn.then(at, "looks for orphans"));
        }
    }

    /// It holds all that it may: whatever it took over would be one too many.
    fn is_busy(&self) -> bool {
        let holds = self.me().held.iter().filter(|held| held.value != 0).count();
        matches!(self.job(), Job::Lease { most, .. } if holds >= usize::from(most))
    }

    /// It can deliver what it takes over.
    fn takes(&self) -> bool {
        self.multi() && !self.sends()
    }

    fn pass_from_the_oldest(&self, dead: u8) -> At {
        At::Pass {
            dead,
            start: self.laps().index(self.true_tail()) as u8,
            j: 0,
        }
    }

    fn position(&self, start: u8, j: u8) -> u8 {
        let index = self.laps().index(start + j);
        self.laps().at(self.state.slots[index].word.lap, index)
    }

    /// Looks at a slot.
    pub(super) fn pass(self, dead: u8, start: u8, j: u8) -> Step<State> {
        const WHAT: &str = "looks at a slot";
        if j == self.laps().capacity {
            return self.end_of_pass();
        }
        let word = self.word(self.position(start, j));
        let leaves = !self.keeps(Rule::OrphanByOthers) && !self.takes();
        let concerns = word.owner() == Some(dead) && !(leaves && matches!(word.phase, Phase::Reading(_)));
        if concerns {
            return self.then(At::Repair { dead, start, j, word }, WHAT);
        }
        self.then(At::Pass { dead, start, j: j + 1 }, WHAT)
    }

    /// The slot becomes a gap, an orphan, or this receiver's.
    pub(super) fn repair(mut self, dead: u8, start: u8, j: u8, word: Word) -> Step<State> {
        let p = self.position(start, j);
        let next = At::Pass { dead, start, j: j + 1 };
        if self.word(p) != word && self.keeps(Rule::TakeByCas) {
            return self.then(next, "fails to repair");
        }
        if self.word(p) == word && !self.in_its_lap(p) {
            return self.wrong("repairs", "CORRUPT: a reaper takes a claim for one of another lap");
        }
        let lap = word.lap;
        let next_lap = (lap + 1) % self.laps().laps;
        // A newcomer that sweeps its id leaves what it finds to others.
        let takes = self.takes() && self.me().claimed == 0 && self.me().byte != NOBODY;
        match word.phase {
            Phase::Writing(_) => {
                let lap = if self.keeps(Rule::GapNextLap) { next_lap } else { lap };
                self.slot(p).word = Word::free(lap);
                self.slot(p).payload = 0;
                self.then(next, "makes a gap")
            }
            Phase::Reading(_) if !self.keeps(Rule::OrphanKeepsMessage) => {
                self.slot(p).word = Word::free(next_lap);
                self.slot(p).payload = 0;
                self.then(next, "frees a dead receiver's slot")
            }
            Phase::Reading(_) if takes => {
                let me = self.me().id;
                self.slot(p).word = Word::reading(lap, me);
                self.me_mut().p = p;
                self.me_mut().claimed = 1;
                let next = if dead == ORPHAN { At::Copy } else { next };
                self.then(next, "takes a message over")
            }
            Phase::Reading(_) => {
                self.slot(p).word = Word::reading(lap, ORPHAN);
                self.then(next, "makes an orphan")
            }
            Phase::Free | Phase::Full => unreachable!("only claims are repaired"),
        }
    }

    /// The claim at `p` is of a lap that the slot before allows.
    fn in_its_lap(&self, p: u8) -> bool {
        let laps = self.laps();
        let before = laps.add(p, laps.capacity * laps.laps - 1);
        let word = self.word(before);
        let free = i16::from(word.phase == Phase::Free);
        matches!(laps.lap_distance(laps.lap(before), word.lap) - free, 0 | 1)
    }

    /// Reads what it has taken over, and lets go of the byte.
    fn end_of_pass(self) -> Step<State> {
        const WHAT: &str = "has looked at all slots";
        let holds_a_byte = !matches!(self.me().byte, NOBODY | ORPHAN);
        if self.me().claimed == 1 {
            return self.then(At::Copy, WHAT);
        }
        self.then(if holds_a_byte { At::Unlock } else { At::Idle }, WHAT)
    }

    pub(super) fn unlock(mut self) -> Step<State> {
        let dead = self.me().byte;
        if self.keeps(Rule::OwnerByte) && dead != self.me().id {
            self.state.bytes[usize::from(dead)] = 0;
        }
        self.me_mut().byte = ORPHAN;
        let next = if self.me().claimed == 1 { At::Store } else { At::Idle };
        self.then(next, "lets go of the byte")
    }
}

impl Scenario {
    /// `owner` has a claim.
    fn owns(&self, state: &State, owner: u8) -> bool {
        self.slots(state).iter().any(|slot| slot.word.owner() == Some(owner))
    }
}
