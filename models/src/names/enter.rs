//! How does a process come by an object: create, open, open_or_create?

use super::{Answer, At, Op, Policy, Rule, State, Turn, Why};
use crate::explore::Step;

impl Turn<'_> {
    /// An object without a name.
    pub(super) fn make(mut self, policy: Policy) -> Step<State> {
        self.me_mut().made = self.state.make(policy);
        let locks = self.keeps(Rule::LocksBeforeLinkat);
        self.then(if locks { At::LockMade } else { At::Link }, "makes an object")
    }

    /// Says in `x` that it is there, and that it is the creator.
    fn lock(&mut self, x: u8) {
        let (bit, holder) = (self.bit(), self.holder());
        let object = &mut self.state.objects[usize::from(x)];
        object.present |= bit;
        if object.policy == Policy::Created {
            object.creator = holder;
        }
    }

    pub(super) fn give_a_name(mut self, op: Op) -> Step<State> {
        let made = self.me().made;
        match self.me().at {
            At::LockMade => {
                self.lock(made);
                self.then(At::Link, "locks it")
            }
            At::Link if self.state.name != 0 => {
                let next = if op == Op::OpenOrCreate {
                    At::Begin
                } else {
                    At::OpenTaken
                };
                self.then(next, "finds the name taken")
            }
            At::Link => {
                self.state.name = made;
                self.state.objects[usize::from(made)].linked = true;
                let creator = matches!(op, Op::Create(_));
                let local = self.me_mut();
                (local.opened, local.made) = (made, 0);
                (local.creator, local.inside) = (creator, true);
                if self.keeps(Rule::LocksBeforeLinkat) {
                    return self.done("gives it the name");
                }
                self.then(At::LockLinked, "gives it the name")
            }
            _ => {
                let opened = self.me().opened;
                self.lock(opened);
                self.done("locks it")
            }
        }
    }

    /// `create` has found the name taken: by whom?
    pub(super) fn clear(mut self) -> Step<State> {
        let object = self.object();
        match self.me().at {
            At::OpenTaken if self.state.name == 0 => self.then(At::Link, "finds no name any more"),
            At::OpenTaken => {
                self.me_mut().opened = self.state.name;
                self.then(At::Judge, "opens what has the name")
            }
            At::Judge => self.judge(),
            At::JudgeUnread if object.messages == 0 => self.then(At::NameByte(Why::Owed), "finds it drained"),
            At::JudgeUnread => self.then(At::JudgeLinked, "finds messages in it"),
            At::JudgeOthers if object.present != 0 || !self.keeps(Rule::JudgeIsNoUser) => {
                if object.present == 0 && self.is_empty() {
                    return self.wrong("asks who has it", "BLOCKED: a judge is taken for a user");
                }
                self.then(At::JudgeLinked, "finds users")
            }
            At::JudgeOthers => self.close_and(At::Link, "finds another judge, or nobody"),
            _ if object.linked => self.fail(Answer::NameTaken, "says that the name is taken"),
            _ => self.close_and(At::Link, "finds that it has lost the name"),
        }
    }

    /// Nobody has come in.
    fn is_empty(&self) -> bool {
        (0..self.scenario.scripts.len()).all(|k| !self.lives(k) || !self.state.processes[k].inside)
    }

    fn judge(mut self) -> Step<State> {
        const WHAT: &str = "judges it";
        let (object, holder) = (self.object(), self.holder());
        match object.policy {
            Policy::Kept => self.then(At::JudgeLinked, WHAT),
            Policy::Created if object.creator != 0 => self.then(At::JudgeLinked, WHAT),
            Policy::Created if !self.keeps(Rule::Debt) || !self.keeps(Rule::CreatorByte) => {
                self.then(At::JudgeLinked, WHAT)
            }
            Policy::Created => self.then(At::NameByte(Why::Owed), "finds its creator dead"),
            Policy::Shared if object.present == 0 && object.alone == 0 => {
                self.object_mut().alone = holder;
                self.then(At::JudgeUnread, "has presence alone")
            }
            Policy::Shared => self.then(At::JudgeOthers, "cannot have presence alone"),
        }
    }

    /// Opens what has the name, or waits for one to be there.
    pub(super) fn open(mut self, op: Op) -> Option<Step<State>> {
        if self.state.name != 0 {
            self.me_mut().opened = self.state.name;
            let first = if self.keeps(Rule::LinkCheckAfterPresence) {
                At::Share
            } else {
                At::CheckLink
            };
            return Some(self.then(first, "opens what has the name"));
        }
        if op != Op::OpenOrCreate {
            return self.is_last().then(|| self.fail(Answer::None, "finds no name in time"));
        }
        if self.me().made != 0 {
            return Some(self.then(At::Link, "finds no name"));
        }
        Some(self.make(Policy::Shared))
    }

    /// Presence, and then whether it still has its name and its creator.
    pub(super) fn enter(mut self, op: Op) -> Step<State> {
        let (object, bit) = (self.object(), self.bit());
        match self.me().at {
            At::Share if object.alone != 0 => self.close_and(At::Begin, "finds it being judged"),
            At::Share => {
                self.object_mut().present |= bit;
                let looks = self.keeps(Rule::LinkCheck) && self.keeps(Rule::LinkCheckAfterPresence);
                self.then(if looks { At::CheckLink } else { At::CheckCreator }, "is present")
            }
            At::CheckLink if !object.linked => self.close_and(At::Begin, "finds that it has lost the name"),
            At::CheckLink => {
                let present = object.present & bit != 0;
                self.then(if present { At::CheckCreator } else { At::Share }, "finds its name")
            }
            At::CheckCreator if object.orphaned() && self.keeps(Rule::CreatorByte) => {
                self.then(At::NameByte(Why::Owed), "finds its creator dead")
            }
            At::CheckCreator if op == Op::OpenMismatch => self.then(At::Expect, "finds a mismatch"),
            At::CheckCreator => self.come_in("comes in"),
            _ if self.keeps(Rule::MismatchLeaves) => self.then(At::OutPolicy, "leaves"),
            _ => self.fail(Answer::None, "closes"),
        }
    }

    pub(super) fn come_in(mut self, what: &'static str) -> Step<State> {
        self.me_mut().inside = true;
        // What it has made has no name, and goes.
        let (made, k) = (usize::from(self.me().made), self.k);
        self.state.objects[made].close(k);
        self.me_mut().made = 0;
        self.done(what)
    }

    /// Takes what was passed to it.
    pub(super) fn adopt(mut self) -> Option<Step<State>> {
        if self.state.travels == 0 {
            return self.is_last().then(|| self.fail(Answer::None, "is passed nothing"));
        }
        if self.state.objects[usize::from(self.state.travels)].alone != 0 {
            return None;
        }
        let bit = self.bit();
        self.me_mut().opened = self.state.travels;
        self.state.travels = 0;
        let object = self.object_mut();
        object.present = object.present & !super::object::TRAVELS | bit;
        Some(self.come_in("takes what was passed"))
    }

    /// Passes a descriptor on, which holds presence for itself.
    pub(super) fn pass(mut self) -> Step<State> {
        self.state.travels = self.me().opened;
        if self.keeps(Rule::PassedPresent) {
            self.object_mut().present |= super::object::TRAVELS;
        }
        self.done("passes it on")
    }
}
