//! What may a process do next?

use super::{Answer, At, Local, NOWHERE, Object, Op, Rule, Scenario, State};
use crate::explore::Step;

/// A process about to do a step.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
}

impl Turn<'_> {
    pub(super) fn me(&self) -> &Local {
        &self.state.processes[self.k]
    }

    pub(super) fn me_mut(&mut self) -> &mut Local {
        &mut self.state.processes[self.k]
    }

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.scenario.keeps(rule)
    }

    /// Itself, in a set of processes.
    pub(super) fn bit(&self) -> u8 {
        1 << self.k
    }

    /// Itself, as a holder.
    pub(super) fn holder(&self) -> u8 {
        self.k as u8 + 1
    }

    /// What it does.
    pub(super) fn op(&self) -> Option<Op> {
        self.scenario.scripts[self.k].get(usize::from(self.me().op)).copied()
    }

    /// The object that it has opened.
    pub(super) fn object(&self) -> Object {
        self.state.objects[usize::from(self.me().opened)]
    }

    pub(super) fn object_mut(&mut self) -> &mut Object {
        let opened = usize::from(self.me().opened);
        &mut self.state.objects[opened]
    }

    pub(super) fn lives(&self, k: usize) -> bool {
        !matches!(self.state.processes[k].at, At::Finished | At::Dead)
    }

    /// All others have finished or are dead.
    pub(super) fn is_last(&self) -> bool {
        (0..self.scenario.scripts.len()).all(|k| k == self.k || !self.lives(k))
    }

    pub(super) fn then(mut self, at: At, what: &'static str) -> Step<State> {
        self.me_mut().at = at;
        self.state.settle();
        Step::Live((self.k as u8, what), self.state)
    }

    /// Goes on with the next thing that it does.
    pub(super) fn done(mut self, what: &'static str) -> Step<State> {
        self.me_mut().op += 1;
        self.me_mut().fresh = false;
        self.then(At::Begin, what)
    }

    pub(super) fn wrong(self, what: &'static str, why: &str) -> Step<State> {
        Step::Wrong((self.k as u8, what), why.to_owned())
    }

    /// Closes what it has open.
    pub(super) fn close(&mut self) {
        let k = self.k;
        if self.me().opened != 0 {
            self.object_mut().close(k);
        }
        let made = usize::from(self.me().made);
        self.state.objects[made].close(k);
        self.me_mut().opened = 0;
        self.me_mut().inside = false;
        self.me_mut().creator = false;
    }

    /// Closes it, and begins at `at`.
    pub(super) fn close_and(mut self, at: At, what: &'static str) -> Step<State> {
        let made = self.me().made;
        let kept = self.state.objects[usize::from(made)];
        self.close();
        self.state.objects[usize::from(made)] = kept;
        self.then(at, what)
    }

    /// Gives up: nothing more is done.
    pub(super) fn fail(mut self, answer: Answer, what: &'static str) -> Step<State> {
        self.close();
        *self.me_mut() = Local { answer, ..NOWHERE };
        self.then(At::Finished, what)
    }

    pub(super) fn killed(mut self) -> Step<State> {
        for object in &mut self.state.objects {
            object.close(self.k);
        }
        self.state.kills -= 1;
        *self.me_mut() = Local {
            at: At::Dead,
            ..NOWHERE
        };
        self.state.settle();
        Step::Fault((self.k as u8, "is killed"), self.state)
    }

    /// The next step; none while it waits for others.
    pub(super) fn step(self) -> Option<Step<State>> {
        let Some(op) = self.op() else {
            // Who has not left stays.
            return (!self.me().inside).then(|| self.fail(Answer::None, "exits"));
        };
        match self.me().at {
            At::Begin => self.begin(op),
            At::LockMade | At::Link | At::LockLinked => Some(self.give_a_name(op)),
            At::OpenTaken | At::Judge | At::JudgeUnread | At::JudgeOthers | At::JudgeLinked => Some(self.clear()),
            At::Share | At::CheckLink | At::CheckCreator | At::Expect => Some(self.enter(op)),
            At::NameByte(why) => Some(self.take_name_byte(why)),
            At::Compare(why) => Some(self.compare(why)),
            At::Unlink(why) => Some(self.unlink(why)),
            At::OutPolicy | At::OutAlone | At::OutDrained | At::OutClose => Some(self.out(op)),
            At::Attach(step) => self.attach(op, step),
            At::LastLook => Some(self.last_look()),
            At::GcPresence | At::GcClose => Some(self.collect()),
            At::Finished | At::Dead => None,
        }
    }

    /// Begins one of the things that it does.
    pub(super) fn begin(mut self, op: Op) -> Option<Step<State>> {
        Some(match op {
            Op::Create(policy) => self.make(policy),
            Op::OpenOrCreate | Op::Open | Op::OpenMismatch => return self.open(op),
            Op::AttachSender | Op::AttachReceiver => return self.attach(op, 0),
            Op::Send => self.send(),
            Op::Receive => return self.receive(),
            Op::Take => self.take(),
            Op::DropChannel => {
                if !self.keeps(Rule::PresenceOfTheRegion) {
                    let others = !self.bit();
                    self.object_mut().present &= others;
                }
                self.done("drops the Channel")
            }
            Op::Leave => self.detach(),
            Op::Pass => self.pass(),
            Op::Adopt => return self.adopt(),
            Op::Unlink => self.begin_to_unlink(),
            Op::Gc => self.begin_to_collect(),
            Op::Last => return self.is_last().then(|| self.done("is the last")),
        })
    }
}
