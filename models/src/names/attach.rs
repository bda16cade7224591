//! How does an endpoint come and go, and what does it hear of its peers?

use super::{At, Op, Rule, State, Turn};
use crate::explore::Step;

/// A step of attaching.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Byte,
    LookAround,
    Role,
    Flag,
    Unlock,
}

impl Turn<'_> {
    fn parts(&self) -> &'static [Part] {
        use Part::{Byte, Flag, LookAround, Role, Unlock};
        if !self.keeps(Rule::AttachByte) {
            &[LookAround, Role, Flag]
        } else if !self.keeps(Rule::RoleBeforeFlag) {
            &[Byte, LookAround, Flag, Role, Unlock]
        } else {
            &[Byte, LookAround, Role, Flag, Unlock]
        }
    }

    pub(super) fn attach(mut self, op: Op, step: u8) -> Option<Step<State>> {
        let sends = op == Op::AttachSender;
        let part = self.parts()[usize::from(step)];
        let holder = self.holder();
        let what = match part {
            Part::Byte if self.object().attach != 0 => return None,
            Part::Byte => {
                self.object_mut().attach = holder;
                "takes the attach byte"
            }
            Part::LookAround => {
                self.look_around(sends);
                "looks for the living"
            }
            Part::Role => {
                self.take_role(sends);
                "takes its role byte"
            }
            Part::Flag => {
                self.flag(sends);
                "changes the life word"
            }
            Part::Unlock => {
                self.object_mut().attach = 0;
                "lets go of the attach byte"
            }
        };
        let last = usize::from(step) + 1 == self.parts().len();
        Some(if last {
            self.done(what)
        } else {
            self.then(At::Attach(step + 1), what)
        })
    }

    /// Is anybody there?
    fn look_around(&mut self, sends: bool) {
        let (object, others) = (self.object(), !self.bit());
        let nobody = (object.senders | object.receivers) & others == 0;
        self.me_mut().fresh = nobody && (object.messages == 0 || self.keeps(Rule::SessionBeginsAnyway));
        let peers = if sends { object.receivers } else { object.senders };
        let others = object.session & others != 0;
        self.me_mut().had_a_peer = peers != 0 || !sends && object.messages > 0 || others;
    }

    fn take_role(&mut self, sends: bool) {
        let (bit, opened) = (self.bit(), self.me().opened);
        let object = self.object_mut();
        *(if sends {
            &mut object.senders
        } else {
            &mut object.receivers
        }) |= bit;
        let peers = if sends { object.receivers } else { object.senders };
        let messages = object.messages;
        if peers != 0 || !sends && messages > 0 {
            self.me_mut().had_a_peer = true;
        }
        for (k, local) in self.state.processes.iter_mut().enumerate() {
            if local.opened == opened && peers >> k & 1 == 1 {
                local.had_a_peer = true;
            }
        }
    }

    fn flag(&mut self, sends: bool) {
        let (bit, fresh) = (self.bit(), self.me().fresh);
        let object = self.object_mut();
        object.session |= bit;
        if fresh {
            object.sender_seen = object.messages > 0;
            object.receiver_seen = false;
        }
        *(if sends {
            &mut object.sender_seen
        } else {
            &mut object.receiver_seen
        }) = true;
    }

    pub(super) fn send(mut self) -> Step<State> {
        let object = self.object();
        if object.receiver_seen && object.receivers == 0 {
            if !self.me().had_a_peer {
                return self.wrong("sends", "FALSE END: no receiver has ever come");
            }
            return self.done("hears that its receivers have gone");
        }
        self.object_mut().messages += 1;
        self.state.sent += 1;
        self.done("sends")
    }

    fn take_one(&mut self) {
        self.object_mut().messages -= 1;
        self.state.got += 1;
    }

    pub(super) fn take(mut self) -> Step<State> {
        if self.object().messages > 0 {
            self.take_one();
        }
        self.done("takes what is there")
    }

    /// `recv`: none while it waits.
    pub(super) fn receive(mut self) -> Option<Step<State>> {
        let object = self.object();
        if object.messages > 0 {
            self.take_one();
            return Some(self.then(At::Begin, "receives"));
        }
        if !object.sender_seen {
            let apart = !object.linked || object.orphaned();
            let alone = apart && object.nobody_else(self.k) && self.keeps(Rule::AloneRule);
            return alone.then(|| self.done("hears that nobody can come"));
        }
        (object.senders == 0).then(|| self.then(At::LastLook, "finds no sender"))
    }

    /// See no sender, then look once more.
    pub(super) fn last_look(self) -> Step<State> {
        if self.object().messages > 0 {
            return self.then(At::Begin, "finds a message after all");
        }
        if !self.me().had_a_peer {
            return self.wrong("looks once more", "FALSE END: no sender has ever come");
        }
        self.done("hears the end of the stream")
    }
}
