//! How are the dead looked after?

use super::{At, Message, Rule, State, Turn};
use crate::explore::Step;

impl Turn<'_> {
    /// `look_after_the_dead` begins: does a sender live?
    pub(super) fn ask_for_senders(mut self) -> Step<State> {
        let gone = self.senders_gone();
        let local = self.me_mut();
        (local.ended, local.gone, local.settled) = (gone, gone, true);
        if self.keeps(Rule::LastLookLast) {
            return self.then(At::Reap(0), "asks for senders");
        }
        self.me_mut().gone = true;
        self.after_reaping("asks for senders")
    }

    /// Is endpoint `dead` to be repaired?
    pub(super) fn reap(mut self, dead: u8) -> Step<State> {
        const WHAT: &str = "looks at a record";
        let k = usize::from(dead);
        if k == self.scenario.jobs.len() {
            return self.after_reaping(WHAT);
        }
        let next = At::Reap(dead + 1);
        if k == self.k || self.state.records >> k & 1 == 0 {
            return self.then(next, WHAT);
        }
        if self.state.bytes[k] != 0 {
            let alive = self.alive(k);
            self.me_mut().settled &= alive;
            self.me_mut().alive |= u8::from(alive) << dead;
            return self.then(next, WHAT);
        }
        self.state.bytes[k] = self.k as u8 + 1;
        self.then(At::Repair(dead), "takes a dead one's byte")
    }

    /// Its claims become gaps, orphans, and one message for who can deliver it.
    pub(super) fn repair(mut self, dead: u8) -> Step<State> {
        for m in self.claims(dead) {
            let takes = self.receives(self.k) && self.me().taken == 0;
            self.state.messages[m] = match self.state.messages[m] {
                Message::Writing(_) => Message::Gone,
                _ if takes => {
                    self.me_mut().taken = m as u8 + 1;
                    Message::Reading(self.k as u8)
                }
                _ => Message::Orphan(dead),
            };
        }
        let first = if self.keeps(Rule::CountBeforeClean) {
            At::Count(dead)
        } else {
            At::Clean(dead)
        };
        self.then(first, "repairs what it has left")
    }

    /// The life word tells that there may be orphans.
    pub(super) fn count(mut self, dead: u8) -> Step<State> {
        if self.receives(usize::from(dead)) {
            self.tell_of_orphans();
        }
        let first = self.keeps(Rule::CountBeforeClean);
        let next = if first {
            At::Clean(dead)
        } else {
            At::ReapAnnounced(dead)
        };
        self.then(next, "counts the orphans")
    }

    pub(super) fn clean(mut self, dead: u8) -> Step<State> {
        self.state.records &= !(1 << dead);
        let last = self.keeps(Rule::CountBeforeClean);
        let next = if last { At::ReapAnnounced(dead) } else { At::Count(dead) };
        self.then(next, "cleans its record")
    }

    pub(super) fn announce_reaping(mut self, dead: u8) -> Step<State> {
        self.tell_of_event();
        self.wake_receivers();
        self.then(At::Unlock(dead), "announces it")
    }

    pub(super) fn unlock(mut self, dead: u8) -> Step<State> {
        self.state.bytes[usize::from(dead)] = 0;
        let next = if self.me().taken != 0 {
            At::Deliver
        } else {
            At::Reap(dead + 1)
        };
        self.then(next, "lets go of the byte")
    }

    /// Looks at the ring once more.
    fn after_reaping(mut self, what: &'static str) -> Step<State> {
        if !self.receives(self.k) {
            return self.then(At::Finished, what);
        }
        if !self.keeps(Rule::LastLookLast) && self.me().at != At::Senders {
            self.me_mut().gone = self.senders_gone();
            return self.after_last_look(what);
        }
        // Once in a while, whatever the life word says: a tick has passed.
        let overdue = self.me().ticked && self.keeps(Rule::LastLookLast);
        self.me_mut().last = true;
        self.then(if overdue { At::TakeAgain } else { At::Gate }, what)
    }
}
