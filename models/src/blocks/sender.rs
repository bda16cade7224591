//! How does a sender put a message in?

use super::queue::Event;
use super::{At, Entry, Job, Jumps, Rule, State, TORN, Turn, Word};
use crate::explore::Step;

impl Turn<'_> {
    pub(super) fn begin_to_send(self) -> Option<Step<State>> {
        (self.me().left > 0).then(|| self.then(At::Scan { block: 0 }, "begins to loan"))
    }

    /// Looks at a block of its home.
    pub(super) fn scan(self, block: u8) -> Step<State> {
        if block == self.scenario.blocks {
            return self.then(At::Blocked { first: false }, "has seen no free block");
        }
        let home = self.process().home >> block & 1 == 1;
        let next = if home && self.block(block).word == Word::Free {
            At::Loan { block }
        } else {
            At::Scan { block: block + 1 }
        };
        self.then(next, "looks at a block")
    }

    /// `FREE` → `LOANED(me)`.
    pub(super) fn loan(mut self, block: u8) -> Step<State> {
        if self.block(block).word != Word::Free {
            return self.then(At::Scan { block: block + 1 }, "fails to loan");
        }
        self.block_mut(block).word = Word::Loaned { owner: self.me().id };
        self.spoil_full();
        self.then(At::Fill { block }, "loans")
    }

    pub(super) fn fill(mut self, block: u8) -> Step<State> {
        self.block_mut(block).payload = TORN;
        self.block_mut(block).length = TORN;
        self.then(At::Filled { block }, "writes half a message")
    }

    /// Writes the rest, and will publish or abort.
    pub(super) fn finish(mut self, block: u8, next: &mut Vec<Step<State>>) {
        let message = self.message();
        self.block_mut(block).payload = message;
        if self.keeps(Rule::LengthBeforePublish) {
            self.block_mut(block).length = message;
        }
        if matches!(self.process().job, Job::SendOrAbort(_)) {
            next.push(self.then(At::Abort { block }, "writes the rest, to abort"));
        }
        next.push(self.then(At::Publish { block }, "writes the rest"));
    }

    fn message(&self) -> u8 {
        self.scenario.message(&self.state, self.k)
    }

    /// A store of `FREE`.
    pub(super) fn abort(mut self, block: u8) -> Step<State> {
        const WHAT: &str = "aborts";
        let check = self.still_sends(block);
        self.block_mut(block).word = Word::Free;
        self.me_mut().left -= 1;
        self.unless(check, WHAT, |turn| turn.ends(At::Idle, WHAT))
    }

    pub(super) fn begin_to_publish(mut self, block: u8) -> Step<State> {
        const WHAT: &str = "begins to publish";
        let check = self.event(Event::Begins);
        let next = match self.me().cursor {
            Some(p) => At::SeekPlace {
                block,
                p,
                staged: false,
            },
            None => At::LoadTail { block },
        };
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    pub(super) fn load_tail(self, block: u8) -> Step<State> {
        let p = self.state.tail;
        let staged = false;
        self.then(At::SeekPlace { block, p, staged }, "loads the tail hint")
    }

    /// Looks at the entry of `p`: of an older lap, or to be passed.
    pub(super) fn seek_place(self, block: u8, p: u8, staged: bool) -> Step<State> {
        const WHAT: &str = "looks at an entry";
        let seen = self.entry(p);
        if let Some(entry) = seen.filter(|entry| entry.position >= p) {
            let behind = if self.keeps(Rule::SenderJump) { 1 } else { 2 };
            let p = match self.scenario.jumps {
                Jumps::ByPool | Jumps::ByRing if self.keeps(Rule::Jump) => entry.position + behind,
                _ => p + 1,
            };
            return self.then(At::SeekPlace { block, p, staged }, WHAT);
        }
        let next = if !self.keeps(Rule::TailHintAfterEntry) {
            At::EarlyTail { block, p, seen }
        } else if staged || !self.keeps(Rule::StagedBeforeEntry) {
            At::Enter { block, p, seen }
        } else {
            At::Stage { block, p, seen }
        };
        self.then(next, WHAT)
    }

    pub(super) fn store_tail_early(mut self, block: u8, p: u8, seen: Option<Entry>) -> Step<State> {
        self.state.tail = p + 1;
        self.then(At::Stage { block, p, seen }, "stores the tail hint early")
    }

    /// A store of `STAGED(me, p)`.
    pub(super) fn stage(mut self, block: u8, p: u8, seen: Option<Entry>) -> Step<State> {
        const WHAT: &str = "stages its block";
        let check = self.still_sends(block);
        let owner = self.me().id;
        self.block_mut(block).word = Word::Staged { owner, position: p };
        let next = if self.keeps(Rule::StagedBeforeEntry) {
            At::Enter { block, p, seen }
        } else {
            At::StoreTail { p }
        };
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    /// The entry of `p` from its older lap to (lap of `p`, block): the message is published.
    pub(super) fn enter(mut self, block: u8, p: u8, seen: Option<Entry>) -> Step<State> {
        const WHAT: &str = "fills the entry";
        if self.entry(p) != seen && self.multi() && self.keeps(Rule::EntryByCas) {
            let staged = !self.keeps(Rule::StageAgain);
            return self.then(At::SeekPlace { block, p, staged }, "fails to fill the entry");
        }
        let check = self.may_enter(p);
        let index = usize::from(p % self.scenario.entries);
        self.state.entries[index] = Some(Entry { position: p, block });
        let next = if !self.keeps(Rule::StagedBeforeEntry) {
            At::Stage { block, p, seen: None }
        } else if !self.keeps(Rule::LengthBeforePublish) {
            At::LateLength { block, p }
        } else {
            At::StoreTail { p }
        };
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    pub(super) fn write_length_late(mut self, block: u8, p: u8) -> Step<State> {
        if self.block(block).word.owner() == Some(self.me().id) {
            self.block_mut(block).length = self.message();
        }
        self.then(At::StoreTail { p }, "writes the length late")
    }

    pub(super) fn store_tail(mut self, p: u8) -> Step<State> {
        if self.stores_hint(p) {
            self.state.tail = p + 1;
        }
        self.me_mut().cursor = Some(p + 1);
        self.then(At::Sent, "stores the tail hint, or not")
    }

    pub(super) fn sent(mut self) -> Step<State> {
        const WHAT: &str = "has sent";
        let check = self.event(Event::Returns);
        self.me_mut().left -= 1;
        self.unless(check, WHAT, |turn| turn.ends(At::Idle, WHAT))
    }
}
