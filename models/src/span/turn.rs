//! What may an end do next?

use super::{At, READER, Rule, Scenario, State, WRITER};
use crate::explore::Step;

/// An end about to do a step.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
}

impl Turn<'_> {
    pub(super) fn me(&self) -> &super::Local {
        &self.state.ends[self.k]
    }

    fn me_mut(&mut self) -> &mut super::Local {
        &mut self.state.ends[self.k]
    }

    fn keeps(&self, rule: Rule) -> bool {
        self.scenario.without != Some(rule)
    }

    fn then(mut self, at: At, what: &'static str) -> Step<State> {
        self.me_mut().at = at;
        Step::Live((self.k as u8, what), self.state)
    }

    fn wrong(self, what: &'static str, why: &str) -> Step<State> {
        Step::Wrong((self.k as u8, what), why.to_owned())
    }

    /// Elements of the next chunk; the last is as long as what is left.
    fn wanted(&self) -> u8 {
        let length = self.scenario.chunks[self.k][usize::from(self.me().turn)];
        length.min(self.scenario.total - self.me().own)
    }

    /// Elements that are known to be this end's.
    fn known(&self) -> u8 {
        let local = self.me();
        match self.k {
            WRITER => self.scenario.capacity - (local.own - local.other),
            _ => local.other - local.own,
        }
    }

    fn other(&self) -> usize {
        1 - self.k
    }

    /// It does its elements before it stores its word.
    fn stores_last(&self) -> bool {
        self.keeps([Rule::CommitLast, Rule::ConsumeLast][self.k])
    }

    pub(super) fn killed(mut self) -> Step<State> {
        self.state.kills -= 1;
        *self.me_mut() = super::Local {
            at: At::Attach,
            own: 0,
            other: 0,
            turn: false,
            owed: false,
            announced: false,
        };
        Step::Fault((self.k as u8, "is killed"), self.state)
    }

    pub(super) fn step(self) -> Option<Step<State>> {
        Some(match self.me().at {
            At::Attach => self.attach(),
            At::Look => self.look(),
            At::Element(n) => self.element(n),
            At::Store => self.store(),
            At::Tell => self.tell(),
            At::Owe => self.owe(),
            At::Mark => self.mark(),
            At::Announce => self.announce(),
            At::Futex => self.futex(),
            At::Asleep if self.scenario.kills == 0 => return None,
            At::Asleep => self.then(At::Look, "wakes with a tick"),
            At::Finished => return None,
        })
    }

    fn attach(mut self) -> Step<State> {
        let begins_elsewhere = self.k == READER && !self.keeps(Rule::OwnWord);
        let own = self.state.words[if begins_elsewhere { WRITER } else { self.k }];
        let other = self.state.words[self.other()];
        (self.me_mut().own, self.me_mut().other) = (own, other);
        self.then(At::Look, "takes its end")
    }

    fn look(mut self) -> Step<State> {
        if self.wanted() == 0 {
            return self.then(At::Finished, "is done");
        }
        if self.known() < self.wanted() {
            self.me_mut().other = self.state.words[self.other()];
        }
        if self.known() >= self.wanted() {
            self.me_mut().announced = false;
            let first = if self.stores_last() { At::Element(0) } else { At::Store };
            return self.then(first, "finds as much as it wants");
        }
        let next = self.after_a_refusal();
        if self.k == READER && !self.me().owed && self.keeps(Rule::RefusedWakes) {
            return self.then(At::Owe, "is refused");
        }
        self.then(next, "is refused")
    }

    /// What comes after a look that has found too little.
    fn after_a_refusal(&self) -> At {
        match self.me().announced {
            // Without the rules: what should have come before this look comes after it.
            true if !self.keeps(Rule::MarkFirst) => At::Mark,
            true if !self.keeps(Rule::AnnounceBeforeLook) => At::Announce,
            true => At::Futex,
            false if !self.keeps(Rule::MarkFirst) => At::Announce,
            false => At::Mark,
        }
    }

    fn owe(mut self) -> Step<State> {
        self.me_mut().owed = true;
        let next = self.after_a_refusal();
        self.wake(WRITER);
        self.then(next, "wakes the writer, if it sleeps")
    }

    fn mark(mut self) -> Step<State> {
        let (own, wanted) = (self.me().own, self.wanted());
        self.state.marks[self.k] = match self.k {
            WRITER => (own + wanted.max(self.scenario.low_water)).saturating_sub(self.scenario.capacity),
            _ => own + wanted,
        };
        if !self.keeps(Rule::MarkFirst) {
            return self.then(At::Futex, "sets its mark");
        }
        if !self.keeps(Rule::AnnounceBeforeLook) {
            self.me_mut().announced = true;
            return self.then(At::Look, "sets its mark");
        }
        self.then(At::Announce, "sets its mark")
    }

    fn announce(mut self) -> Step<State> {
        let k = self.k;
        self.state.announced[k] = true;
        let next = match self.keeps(Rule::AnnounceBeforeLook) {
            true => At::Look,
            false => At::Futex,
        };
        self.me_mut().announced = true;
        self.then(next, "announces itself")
    }

    fn futex(mut self) -> Step<State> {
        self.me_mut().announced = false;
        match self.state.announced[self.k] {
            true => self.then(At::Asleep, "sleeps"),
            false => self.then(At::Look, "does not sleep"),
        }
    }

    /// The element `n` of its chunk.
    fn element(mut self, n: u8) -> Step<State> {
        let position = self.me().own + n;
        // Without the rules: of the chunk that has been given away.
        let position = if self.stores_last() {
            position
        } else {
            position - self.wanted_before()
        };
        let index = usize::from(position % self.scenario.capacity);
        if self.k == WRITER {
            self.state.elements[index] = position + 1;
        } else if self.state.elements[index] != position + 1 {
            return self.wrong("reads an element", "TORN: it is another one");
        }
        let length = if self.stores_last() {
            self.wanted()
        } else {
            self.wanted_before()
        };
        let next = match n + 1 < length {
            true => At::Element(n + 1),
            false if self.stores_last() => At::Store,
            false => At::Tell,
        };
        self.then(next, "fills, or reads, an element")
    }

    /// Elements of the last chunk.
    fn wanted_before(&self) -> u8 {
        self.scenario.chunks[self.k][usize::from(!self.me().turn)].min(self.me().own)
    }

    fn store(mut self) -> Step<State> {
        let (k, wanted) = (self.k, self.wanted());
        if self.me().own != self.state.words[k] {
            return self.wrong("stores its word", "LOST: the last has stopped elsewhere");
        }
        let local = self.me_mut();
        local.own += wanted;
        local.turn = !local.turn;
        local.owed = false;
        let own = local.own;
        self.state.words[k] = own;
        let next = if self.stores_last() { At::Tell } else { At::Element(0) };
        self.then(next, "stores its word")
    }

    fn tell(mut self) -> Step<State> {
        let other = self.other();
        let (own, mark) = (self.me().own, self.state.marks[other]);
        let due = own > mark || own == mark && self.keeps(Rule::WakesAtTheMark);
        if due {
            self.wake(other);
        }
        self.then(At::Look, "wakes the other, if it sleeps and is to be told")
    }

    fn wake(&mut self, k: usize) {
        if std::mem::take(&mut self.state.announced[k]) && self.state.ends[k].at == At::Asleep {
            self.state.ends[k].at = At::Look;
        }
    }
}
