//! How does a receiver take a message out, hold and release it?

use super::checks::whole;
use super::queue::Event;
use super::{At, Block, Job, Jumps, Rule, State, Turn, Word};
use crate::explore::Step;

impl Turn<'_> {
    pub(super) fn begin_to_receive(mut self, next: &mut Vec<Step<State>>) {
        const WHAT: &str = "begins to receive";
        if let Some((block, message)) = self.me().kept {
            next.push(self.release_kept(block, message));
        }
        self.me_mut().alone = self.sees_no_sender() && self.scenario.ends;
        if let Err(why) = self.event(Event::Begins) {
            return next.push(self.wrong(WHAT, why));
        }
        if self.scenario.looks_first && self.dead_have_blocks() {
            next.push(self.then(At::Blocked { first: true }, "looks for the dead first"));
        }
        next.push(self.then(self.at_the_head(), WHAT));
    }

    /// Where a look begins.
    pub(super) fn at_the_head(&self) -> At {
        match self.me().cursor {
            Some(p) => At::SeekMessage { p, looks: 0 },
            None => At::LoadHead,
        }
    }

    pub(super) fn load_head(self) -> Step<State> {
        let p = self.state.head;
        self.then(At::SeekMessage { p, looks: 0 }, "loads the head hint")
    }

    /// Looks at the entry of `p`.
    pub(super) fn seek_message(mut self, p: u8, looks: u8) -> Step<State> {
        const WHAT: &str = "looks at an entry";
        match self.entry(p) {
            Some(entry) if entry.position == p => {
                let block = entry.block;
                self.then(At::LookAtBlock { p, block, looks }, WHAT)
            }
            Some(entry) if entry.position > p => self.walk(self.jump(p, entry.position), looks, WHAT),
            _ => {
                self.me_mut().cursor = Some(p);
                self.then(At::Blocked { first: false }, WHAT)
            }
        }
    }

    /// Where to go on from `p`, whose entry is filled by the later position `q`: what was published before the last K is
    /// no longer there.
    fn jump(&self, p: u8, q: u8) -> u8 {
        let back = match self.scenario.jumps {
            Jumps::ByPool if self.keeps(Rule::Jump) => self.scenario.blocks,
            Jumps::ByRing if self.keeps(Rule::Jump) => self.scenario.entries,
            _ => return p + 1,
        };
        let behind = if self.keeps(Rule::ReceiverJump) { 1 } else { 2 };
        (p + 1).max((q + behind).saturating_sub(back))
    }

    /// Another look, at `p`.
    fn walk(self, p: u8, looks: u8, what: &'static str) -> Step<State> {
        let Some(most) = self.scenario.most_looks else {
            return self.then(At::SeekMessage { p, looks }, what);
        };
        if looks + 2 > most {
            return self.wrong(what, "FAR: a walk takes more looks than it may");
        }
        self.then(At::SeekMessage { p, looks: looks + 1 }, what)
    }

    /// Looks whether the block of the entry is still staged there.
    pub(super) fn look_at_block(self, p: u8, block: u8, looks: u8) -> Step<State> {
        const WHAT: &str = "looks at the block";
        let word = self.block(block).word;
        match word {
            Word::Staged { position, .. } if position == p || !self.keeps(Rule::ComparePosition) => {
                let next = if self.keeps(Rule::HeadHintAfterClaim) {
                    At::Claim { p, block, word, looks }
                } else {
                    At::EarlyHead { p, block, word, looks }
                };
                self.then(next, WHAT)
            }
            _ => self.walk(p + 1, looks, "passes the block"),
        }
    }

    pub(super) fn store_head_early(mut self, p: u8, block: u8, word: Word, looks: u8) -> Step<State> {
        self.state.head = p + 1;
        self.then(At::Claim { p, block, word, looks }, "stores the head hint early")
    }

    /// `STAGED(_, p)` → `READING(me, p)`.
    pub(super) fn claim(mut self, p: u8, block: u8, word: Word, looks: u8) -> Step<State> {
        if self.block(block).word != word && self.multi() && self.keeps(Rule::ClaimByCas) {
            return self.then(At::LookAtBlock { p, block, looks }, "fails to claim");
        }
        let owner = self.me().id;
        self.block_mut(block).word = Word::Reading { owner, position: p };
        self.me_mut().cursor = Some(p + 1);
        self.then(At::StoreHead { p, block }, "claims")
    }

    pub(super) fn store_head(mut self, p: u8, block: u8) -> Step<State> {
        if self.stores_hint(p) {
            self.state.head = p + 1;
        }
        self.then(At::ReadLength { block }, "stores the head hint, or not")
    }

    pub(super) fn read_length(self, block: u8) -> Step<State> {
        const WHAT: &str = "reads the length";
        let message = self.block(block).length;
        let next = At::Return { block, message };
        self.unless(whole(message), WHAT, |turn| turn.then(next, WHAT))
    }

    pub(super) fn returns(mut self, block: u8, message: u8) -> Step<State> {
        const WHAT: &str = "has received";
        let check = self.event(Event::ReturnsMessage(message));
        self.unless(check, WHAT, |turn| turn.ends(At::Hold { block, message }, WHAT))
    }

    /// Reads the message, or keeps it.
    pub(super) fn hold(self, block: u8, message: u8, next: &mut Vec<Step<State>>) {
        const WHAT: &str = "reads the payload";
        let me = self.me();
        let at_home = self.state.bytes[usize::from(me.id)] == self.k as u8 + 1;
        if self.process().job == Job::Keep && me.kept.is_none() {
            let mut turn = self;
            turn.me_mut().kept = Some((block, message));
            next.push(turn.then(At::Idle, "keeps the block"));
        }
        if at_home && !self.keeps(Rule::BlockKeepsEndpoint) {
            let mut turn = self;
            turn.state.bytes[usize::from(me.id)] = 0;
            next.push(turn.then(me.at, "drops its endpoint"));
        }
        let whole = self.block(block).payload == message;
        let check = if whole {
            Ok(())
        } else {
            Err("TORN: a payload is not the one of its length")
        };
        next.push(self.unless(check, WHAT, |turn| turn.then(At::Release { block, message }, WHAT)));
    }

    /// A store of `FREE`.
    pub(super) fn release(mut self, block: u8, message: u8) -> Step<State> {
        const WHAT: &str = "releases";
        let check = self.still_reads(block, message);
        *self.block_mut(block) = Block::FREE;
        let next = if self.keeps(Rule::ForkedDropStoresNothing) {
            At::Idle
        } else {
            At::ForkedRelease { block }
        };
        self.unless(check, WHAT, |turn| turn.ends(next, WHAT))
    }

    fn release_kept(mut self, block: u8, message: u8) -> Step<State> {
        const WHAT: &str = "releases what it kept";
        let check = self.still_reads(block, message);
        *self.block_mut(block) = Block::FREE;
        self.me_mut().kept = None;
        self.unless(check, WHAT, |turn| turn.ends(At::Idle, WHAT))
    }

    pub(super) fn release_in_a_child(mut self, block: u8) -> Step<State> {
        self.block_mut(block).word = Word::Free;
        self.ends(At::Idle, "releases again, in a forked child")
    }
}
