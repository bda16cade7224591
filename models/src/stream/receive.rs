//! How does a receiver come by a message, or hear that there is none?

use super::{At, Job, MESSAGES, Message, NOWHERE, RETURNED, Rule, State, Ticks, Turn};
use crate::explore::Step;

impl Turn<'_> {
    /// `Gate::unremarkable`, and `attend`.
    pub(super) fn gate(mut self) -> Step<State> {
        if !self.me().event {
            return self.then(At::Pop, "has nothing to attend to");
        }
        self.me_mut().event = false;
        self.then(At::AttendSenders, "reads the life word")
    }

    pub(super) fn attend_senders(mut self) -> Step<State> {
        self.me_mut().ended = self.senders_gone();
        let orphans = self.me().orphans;
        self.me_mut().orphans = false;
        self.then(if orphans { At::TakeAgain } else { At::Pop }, "asks for senders")
    }

    /// Takes a message that has come back.
    pub(super) fn take_again(mut self) -> Step<State> {
        let orphan = self
            .state
            .messages
            .iter()
            .position(|message| matches!(message, Message::Orphan(_)));
        let Some(m) = orphan else {
            return self.then(At::Pop, "finds no orphan");
        };
        if self.keeps(Rule::MoreMayHaveComeBack) {
            self.me_mut().event = true;
            self.me_mut().orphans = true;
        }
        self.claim(m, "takes an orphan")
    }

    fn claim(mut self, m: usize, what: &'static str) -> Step<State> {
        self.state.messages[m] = Message::Reading(self.k as u8);
        self.me_mut().taken = m as u8 + 1;
        self.then(At::Deliver, what)
    }

    /// The first message that nobody has claimed; none while a sender is at it.
    fn first(&self) -> Option<(usize, Message)> {
        let passed = |message: &Message| matches!(message, Message::Reading(_) | Message::Orphan(_) | Message::Gone);
        let m = self.state.messages.iter().position(|message| !passed(message))?;
        Some((m, self.state.messages[m]))
    }

    pub(super) fn pop(mut self) -> Step<State> {
        const WHAT: &str = "finds nothing";
        if let Some((m, Message::Full)) = self.first() {
            return self.claim(m, "claims a message");
        }
        if !self.me().last {
            // Who polls, too, looks after the dead if the senders were gone.
            let looks = self.me().ended || self.me().ticked;
            return if looks {
                self.then(At::Senders, WHAT)
            } else {
                self.blocked(WHAT)
            };
        }
        self.me_mut().last = false;
        if !self.keeps(Rule::LastLookLast) {
            // That was the last look, and it came first.
            return self.then(At::Reap(0), WHAT);
        }
        self.after_last_look(WHAT)
    }

    /// Nothing was found in the last look.
    pub(super) fn after_last_look(self, what: &'static str) -> Step<State> {
        let settled = self.me().settled || !self.keeps(Rule::WaitForReapers);
        if !self.me().gone || !settled {
            return self.blocked(what);
        }
        if !self.keeps(Rule::LastLookLast) {
            return self.then(At::Holders, what);
        }
        self.then(At::Drained, what)
    }

    /// Nothing yet: announces itself, or sleeps if it has.
    pub(super) fn blocked(mut self, what: &'static str) -> Step<State> {
        let announced = self.me().announced;
        let local = self.me_mut();
        (local.ticked, local.gone, local.settled, local.last) = (false, false, false, false);
        local.alive = 0;
        self.then(if announced { At::Futex } else { At::Announce }, what)
    }

    pub(super) fn announce(mut self) -> Step<State> {
        self.me_mut().announced = true;
        self.then(At::Gate, "announces itself")
    }

    pub(super) fn futex(mut self) -> Step<State> {
        let sleeps = self.me().announced;
        self.me_mut().announced = false;
        self.then(if sleeps { At::Asleep } else { At::Gate }, "goes to sleep")
    }

    pub(super) fn tick(mut self) -> Option<Step<State>> {
        self.me_mut().ticked = true;
        (self.scenario.ticks == Ticks::On).then(|| self.then(At::Gate, "ticks"))
    }

    /// Nothing is there, nor about to be.
    pub(super) fn drained(self) -> Step<State> {
        const WHAT: &str = "asks whether it is drained";
        match self.first() {
            Some((_, Message::Full | Message::Writing(_))) => self.blocked(WHAT),
            _ => self.then(At::SendersAgain, WHAT),
        }
    }

    pub(super) fn ask_again(self) -> Step<State> {
        const WHAT: &str = "asks for senders again";
        if self.senders_gone() {
            return self.then(At::Holders, WHAT);
        }
        self.blocked(WHAT)
    }

    /// Somebody else holds a message that may come back.
    fn held_by_others(&self) -> bool {
        let held = |message: &Message| match message {
            Message::Reading(owner) => usize::from(*owner) != self.k,
            Message::Orphan(_) => true,
            _ => false,
        };
        self.state.messages.iter().any(held)
    }

    pub(super) fn holders(self) -> Step<State> {
        const WHAT: &str = "asks who holds messages";
        let leases = matches!(self.job(), Job::Lease { .. });
        let exempt = self.me().held != 0 && self.keeps(Rule::HoldersDoNotWait);
        let waits = leases && !exempt && self.keeps(Rule::WaitForHolders);
        if waits && self.held_by_others() {
            return self.blocked(WHAT);
        }
        self.then(At::Wake, WHAT)
    }

    /// Hears the end, and wakes the others to hear it.
    pub(super) fn end(mut self) -> Step<State> {
        const WHAT: &str = "hears the end";
        if let Some(why) = self.is_early() {
            return self.wrong(WHAT, why);
        }
        self.wake_receivers();
        let local = self.me_mut();
        (local.ticked, local.gone, local.settled, local.announced) = (false, false, false, false);
        local.over = true;
        local.alive = 0;
        if self.me().held == 0 {
            return self.then(self.first_of_leaving(), WHAT);
        }
        self.then(At::Start, WHAT)
    }

    fn is_early(&self) -> Option<&'static str> {
        // Who is killed only now was seen at work.
        let dead = |owner: u8| !self.alive(usize::from(owner)) && self.me().alive >> owner & 1 == 0;
        let early = |message: &Message| match *message {
            Message::Full => true,
            // What a living one leases may come back: who receives without a lease does not wait for that.
            Message::Reading(owner) => dead(owner),
            Message::Orphan(owner) => owner != RETURNED && dead(owner),
            _ => false,
        };
        if self.state.messages.iter().any(early) {
            return Some("EARLY: there is a message");
        }
        let leases = matches!(self.job(), Job::Lease { .. });
        let early = leases && self.me().held == 0 && self.held_by_others();
        early.then_some("EARLY: there is a message that may come back")
    }

    /// What was claimed is freed, or held.
    pub(super) fn deliver(mut self) -> Step<State> {
        let m = usize::from(self.me().taken - 1);
        let local = self.me_mut();
        (local.taken, local.announced, local.ticked) = (0, false, false);
        (local.gone, local.settled, local.last) = (false, false, false);
        local.alive = 0;
        if matches!(self.job(), Job::Lease { .. }) {
            self.me_mut().held |= 1 << m;
            return self.then(At::Start, "holds it");
        }
        self.state.messages[m] = Message::Gone;
        self.then(At::Start, "frees it")
    }

    /// After an acknowledgement: others may be waiting for what is out to come back, or not.
    pub(super) fn tell_of_acknowledgement(mut self) -> Step<State> {
        let remarkable = self.me().ended || self.me().event;
        if remarkable && self.keeps(Rule::AcknowledgementWakes) {
            self.wake_receivers();
        }
        self.then(At::Start, "wakes the others, or not")
    }

    pub(super) fn announce_return(mut self) -> Step<State> {
        if self.keeps(Rule::ReturnIsAnnounced) {
            self.tell_of_orphans();
            self.tell_of_event();
            self.wake_receivers();
        }
        self.then(At::Start, "announces it")
    }

    pub(super) fn first_of_leaving(&self) -> At {
        if self.keeps(Rule::GoneBeforeAnnounced) {
            At::Locks
        } else {
            At::LeaveAnnounced
        }
    }

    /// Detaches: the record is clean, and the locks go.
    pub(super) fn drop_locks(mut self) -> Step<State> {
        if self.receives(self.k) {
            self.tell_of_orphans();
        }
        self.state.records &= !(1 << self.k);
        self.state.bytes[self.k] = 0;
        let at = if self.keeps(Rule::GoneBeforeAnnounced) {
            At::LeaveAnnounced
        } else {
            At::Finished
        };
        self.left(at, "drops its locks")
    }

    pub(super) fn announce_leaving(mut self) -> Step<State> {
        if self.keeps(Rule::LeavingIsAnnounced) {
            self.tell_of_event();
            self.wake_receivers();
        }
        let at = if self.keeps(Rule::GoneBeforeAnnounced) {
            At::Finished
        } else {
            At::Locks
        };
        self.left(at, "announces that it leaves")
    }

    /// Who leaves remembers nothing.
    fn left(mut self, at: At, what: &'static str) -> Step<State> {
        *self.me_mut() = NOWHERE;
        self.then(at, what)
    }

    /// Where `dead` has claims.
    pub(super) fn claims(&self, dead: u8) -> impl Iterator<Item = usize> + use<> {
        let messages = self.state.messages;
        (0..MESSAGES).filter(move |&m| matches!(messages[m], Message::Reading(o) | Message::Writing(o) if o == dead))
    }
}
