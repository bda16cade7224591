//! How does a process leave an object, and how is a name taken away?

use super::{Answer, At, Op, Policy, Rule, State, Turn, Why};
use crate::explore::Step;

impl Turn<'_> {
    /// Detaches its endpoints.
    pub(super) fn detach(mut self) -> Step<State> {
        let others = !self.bit();
        let object = self.object_mut();
        object.senders &= others;
        object.receivers &= others;
        object.session &= others;
        self.me_mut().inside = false;
        if !self.keeps(Rule::DrainedAfterPresence) {
            self.me_mut().fresh = self.object().messages == 0;
        }
        self.then(At::OutPolicy, "detaches")
    }

    /// Leaves by the policy.
    pub(super) fn out(mut self, op: Op) -> Step<State> {
        let (object, bit, holder, k) = (self.object(), self.bit(), self.holder(), self.k);
        match self.me().at {
            At::OutPolicy => match object.policy {
                Policy::Kept => self.then(At::OutClose, "leaves the name"),
                Policy::Created if self.owes() => self.then(At::NameByte(Why::Out), "owes the name"),
                Policy::Created => self.then(At::OutClose, "leaves it to its creator"),
                Policy::Shared => {
                    if self.keeps(Rule::LetGoFirst) {
                        self.object_mut().present &= !bit;
                    }
                    self.then(At::OutAlone, "lets go of presence")
                }
            },
            At::OutAlone if object.nobody_else(k) => {
                self.object_mut().present &= !bit;
                self.object_mut().alone = holder;
                self.then(At::OutDrained, "has presence alone")
            }
            At::OutAlone => self.then(At::OutClose, "is not the last one out"),
            At::OutDrained => {
                let early = !self.keeps(Rule::DrainedAfterPresence) && op == Op::Leave;
                let drained = if early { self.me().fresh } else { object.messages == 0 };
                let next = if drained { At::NameByte(Why::Out) } else { At::OutClose };
                self.then(next, "looks for messages")
            }
            _ => self.gone(op),
        }
    }

    /// It is the creator, or finds him dead.
    fn owes(&self) -> bool {
        let object = self.object();
        self.me().creator || object.creator == 0 && self.keeps(Rule::CreatorByte)
    }

    /// Closes, and is done with it.
    fn gone(mut self, op: Op) -> Step<State> {
        if op == Op::OpenMismatch {
            return self.fail(Answer::None, "closes: a mismatch");
        }
        self.close();
        self.done("closes")
    }

    pub(super) fn take_name_byte(mut self, why: Why) -> Step<State> {
        const WHAT: &str = "takes the name byte";
        let holder = self.holder();
        if !self.keeps(Rule::NameByte) {
            return self.then(At::Compare(why), WHAT);
        }
        if self.object().name != 0 {
            return self.removal_ended(why, "finds another who removes it");
        }
        self.object_mut().name = holder;
        self.then(At::Compare(why), WHAT)
    }

    /// Does the name lead to what it means?
    pub(super) fn compare(self, why: Why) -> Step<State> {
        if self.state.name == self.me().opened {
            return self.then(At::Unlink(why), "compares");
        }
        if why == Why::ByHand {
            let mut turn = self;
            turn.close();
            return turn.done("finds that the name leads elsewhere");
        }
        self.removal_ended(why, "finds that the name leads elsewhere")
    }

    /// What comes after a removal that was not done.
    fn removal_ended(self, why: Why, what: &'static str) -> Step<State> {
        match why {
            Why::Owed => self.removal_done(why, what),
            Why::ByHand => self.close_and(At::Begin, what),
            Why::Out => self.then(At::OutClose, what),
            Why::Gc => self.then(At::GcClose, what),
        }
    }

    /// What comes after one that was done.
    fn removal_done(mut self, why: Why, what: &'static str) -> Step<State> {
        match why {
            Why::Owed if matches!(self.op(), Some(Op::Create(_))) => self.close_and(At::Link, what),
            Why::Owed => self.close_and(At::Begin, what),
            Why::Out if self.op() == Some(Op::OpenMismatch) => self.close_and(At::Begin, what),
            Why::Out => self.then(At::OutClose, what),
            Why::Gc => self.then(At::GcClose, what),
            Why::ByHand => {
                self.close();
                self.done(what)
            }
        }
    }

    /// unlink(2): takes away whatever has the name by now.
    pub(super) fn unlink(mut self, why: Why) -> Step<State> {
        const WHAT: &str = "unlinks";
        let victim = usize::from(self.state.name);
        if let Some(wrong) = self.must_not_unlink(why) {
            return self.wrong(WHAT, wrong);
        }
        self.state.objects[victim].linked = false;
        self.state.name = 0;
        self.removal_done(why, WHAT)
    }

    fn must_not_unlink(&self, why: Why) -> Option<&'static str> {
        let (object, name, opened) = (self.object(), self.state.name, self.me().opened);
        if name == 0 {
            return None;
        }
        if name != opened {
            return Some("STALE UNLINK: the name leads to another object by now");
        }
        let by_the_creator = why == Why::Out && self.me().creator;
        let others = self.state.processes.iter().enumerate();
        let used = others.filter(|&(k, _)| k != self.k && self.lives(k));
        let used = used.filter(|(_, local)| local.inside && local.opened == opened).count() > 0;
        let travels = self.state.travels == opened;
        let excused = why == Why::ByHand || by_the_creator || object.orphaned();
        if (used || travels) && (!excused || why == Why::Gc) {
            return Some("SPLIT: it is in use");
        }
        if object.policy == Policy::Shared && matches!(why, Why::Owed | Why::Out) && object.messages > 0 {
            return Some("LOST: there are messages in it");
        }
        (object.policy == Policy::Kept && why != Why::ByHand).then_some("KEPT: it is to be kept")
    }

    pub(super) fn begin_to_unlink(mut self) -> Step<State> {
        if self.state.name == 0 {
            return self.done("finds no name");
        }
        self.me_mut().opened = self.state.name;
        self.then(At::NameByte(Why::ByHand), "opens what has the name")
    }

    pub(super) fn begin_to_collect(mut self) -> Step<State> {
        if self.state.name == 0 {
            return self.done("finds no name");
        }
        self.me_mut().opened = self.state.name;
        self.then(At::GcPresence, "opens what has the name")
    }

    pub(super) fn collect(mut self) -> Step<State> {
        let (object, holder) = (self.object(), self.holder());
        if self.me().at == At::GcClose {
            self.close();
            return self.done("closes");
        }
        if object.policy == Policy::Kept || object.present != 0 || object.alone != 0 {
            return self.then(At::GcClose, "finds it kept or in use");
        }
        if self.keeps(Rule::GcTakesPresence) {
            self.object_mut().alone = holder;
        }
        self.then(At::NameByte(Why::Gc), "finds it free")
    }
}
