//! How is repaired what a dead endpoint has left, how does a newcomer come in, and what does who finds nothing answer?

use super::checks::whole;
use super::queue::Event;
use super::{At, IDS, ORPHAN, Pass, Rule, State, Turn, Word};
use crate::explore::Step;

impl Pass {
    /// From the first block.
    fn over(dead: u8) -> Pass {
        Pass {
            dead,
            block: 0,
            sweep: false,
            taken: None,
        }
    }

    fn next(self) -> At {
        let block = self.block + 1;
        At::Pass(Pass { block, ..self })
    }
}

impl Turn<'_> {
    /// Takes an id that is free, and sweeps it.
    pub(super) fn attach(self, next: &mut Vec<Step<State>>) {
        for &id in &self.process().ids {
            let mut turn = self;
            if turn.state.bytes[usize::from(id)] != 0 {
                continue;
            }
            turn.state.bytes[usize::from(id)] = turn.k as u8 + 1;
            turn.me_mut().id = id;
            let at = if turn.keeps(Rule::Sweep) {
                At::Pass(Pass {
                    sweep: true,
                    ..Pass::over(id)
                })
            } else {
                At::Idle
            };
            next.push(turn.then(at, "attaches"));
        }
    }

    /// No sender will send any more.
    pub(super) fn sees_no_sender(&self) -> bool {
        let mut senders = (0..self.scenario.processes.len()).filter(|&k| self.scenario.sends(k));
        senders.all(|k| {
            let local = &self.state.processes[k];
            matches!(local.at, At::Dead | At::Gone) || local.at == At::Idle && local.left == 0
        })
    }

    /// Who has `id` is dead, or nobody ever will be it.
    fn is_dead(&self, id: u8) -> bool {
        id == ORPHAN || self.state.bytes[usize::from(id)] == 0
    }

    /// Any block is an orphan or somebody's who is dead.
    pub(super) fn dead_have_blocks(&self) -> bool {
        let mut owners = self
            .scenario
            .blocks(&self.state)
            .iter()
            .filter_map(|block| block.word.owner());
        owners.any(|owner| self.is_dead(owner))
    }

    /// Any message is an orphan or somebody's who is dead.
    fn dead_read(&self) -> bool {
        let mut blocks = self.scenario.blocks(&self.state).iter();
        blocks.any(|block| matches!(block.word, Word::Reading { owner, .. } if self.is_dead(owner)))
    }

    /// `id` has left something to repair.
    fn has_left(&self, id: u8) -> bool {
        let mut blocks = (0..).zip(self.scenario.blocks(&self.state));
        blocks.any(|(j, block)| match block.word {
            Word::Free => false,
            Word::Staged { owner, position } => owner == id && !self.scenario.published(&self.state, position, j),
            Word::Loaned { owner } | Word::Reading { owner, .. } => owner == id,
        })
    }

    /// Looks for the dead, or answers.
    pub(super) fn blocked(self, first: bool, next: &mut Vec<Step<State>>) {
        self.begin_to_reap(next);
        if !self.keeps(Rule::ByteBeforeWords) {
            self.see_before_the_byte(next);
        }
        if !self.sends() && self.has_left(ORPHAN) {
            next.push(self.then(At::Pass(Pass::over(ORPHAN)), "looks for orphans"));
        }
        if !self.sends() && self.is_the_end() {
            let mut turn = self;
            turn.free_bytes();
            next.push(turn.ends(At::Gone, "answers Disconnected, and leaves"));
        }
        next.push(if first {
            self.then(self.at_the_head(), "has nothing to repair")
        } else if self.sends() {
            let check = self.full_is_exact();
            self.unless(check, "answers Full", |turn| turn.ends(At::Idle, "answers Full"))
        } else {
            let mut turn = self;
            let check = turn.event(Event::Returns);
            turn.unless(check, "answers Empty", |turn| turn.ends(At::Idle, "answers Empty"))
        });
    }

    /// Takes the byte of somebody who is dead.
    fn begin_to_reap(self, next: &mut Vec<Step<State>>) {
        for dead in (0..IDS as u8).filter(|_| self.keeps(Rule::Reap)) {
            let itself = dead == self.me().id && !self.keeps(Rule::NeverItself);
            if !(itself || self.is_dead(dead)) || !self.has_left(dead) {
                continue;
            }
            let mut turn = self;
            if turn.keeps(Rule::OwnerByte) {
                turn.state.bytes[usize::from(dead)] = turn.k as u8 + 1;
            }
            next.push(turn.then(At::Pass(Pass::over(dead)), "takes a dead one's byte"));
        }
    }

    /// Sees a block that is staged and not published, and will ask then whether its sender is dead.
    fn see_before_the_byte(self, next: &mut Vec<Step<State>>) {
        for (j, block) in (0..).zip(self.scenario.blocks(&self.state)) {
            if let Word::Staged { owner, position } = block.word
                && !self.scenario.published(&self.state, position, j)
                && self.state.bytes[usize::from(owner)] != self.k as u8 + 1
            {
                let pass = Pass {
                    block: j,
                    ..Pass::over(owner)
                };
                let word = block.word;
                next.push(self.then(At::LateByte { pass, word }, "sees a block that is not published"));
            }
        }
    }

    pub(super) fn take_byte_late(mut self, pass: Pass, word: Word) -> Step<State> {
        if !self.is_dead(pass.dead) {
            return self.then(At::Blocked { first: false }, "finds the owner alive");
        }
        self.state.bytes[usize::from(pass.dead)] = self.k as u8 + 1;
        self.then(At::Free { pass, word }, "takes the byte late")
    }

    /// There is no sender, nor a message that may come back.
    fn is_the_end(&self) -> bool {
        let no_sender = self.me().alone || self.sees_no_sender() && !self.keeps(Rule::LastLookLast);
        let waits = self.keeps(Rule::WaitForReaders) && self.dead_read();
        self.scenario.ends && no_sender && !waits
    }

    /// Looks at a block for what `dead` has left.
    pub(super) fn pass(self, pass: Pass) -> Step<State> {
        const WHAT: &str = "looks at a block";
        if pass.block == self.scenario.blocks {
            return self.then(At::EndPass(pass), "has looked at all blocks");
        }
        let word = self.block(pass.block).word;
        let frees = !self.keeps(Rule::PublishedStays) || pass.sweep && !self.keeps(Rule::SweepAsks);
        let takes = !self.sends() && !pass.sweep && pass.taken.is_none() && self.would_take(pass.dead, word);
        let next = match word {
            _ if word.owner() != Some(pass.dead) => pass.next(),
            Word::Free => pass.next(),
            Word::Loaned { .. } => At::Free { pass, word },
            Word::Staged { .. } if frees => At::Free { pass, word },
            Word::Staged { .. } if !self.keeps(Rule::UnpublishedIsFreed) => pass.next(),
            Word::Staged { .. } => At::Ask { pass, word },
            Word::Reading { .. } if !self.keeps(Rule::ReadingStays) => At::Free { pass, word },
            Word::Reading { .. } if takes => At::TakeOver { pass, word },
            Word::Reading { .. } if !self.keeps(Rule::OrphanByOthers) || pass.dead == ORPHAN => pass.next(),
            Word::Reading { .. } => At::MakeOrphan { pass, word },
        };
        self.then(next, WHAT)
    }

    /// The message is the one of `dead` to be taken over: any, or the oldest, if the others become orphans. Nobody else
    /// changes these words while the byte is held, so that to know the oldest takes no step of its own.
    fn would_take(&self, dead: u8, word: Word) -> bool {
        let Word::Reading { position: this, .. } = word else {
            return false;
        };
        let mut others = self.scenario.blocks(&self.state).iter();
        let older = others
            .any(|block| matches!(block.word, Word::Reading { owner, position } if owner == dead && position < this));
        !self.scenario.rest_to_orphans || dead == ORPHAN || !older
    }

    /// Was a staged block published? Its entry says.
    pub(super) fn ask(self, pass: Pass, word: Word) -> Step<State> {
        let published = matches!(word, Word::Staged { position, .. }
            if self.scenario.published(&self.state, position, pass.block));
        let next = if published {
            pass.next()
        } else {
            At::Free { pass, word }
        };
        self.then(next, "asks the entry")
    }

    /// `word` → `FREE`.
    pub(super) fn free(mut self, pass: Pass, word: Word) -> Step<State> {
        if self.block(pass.block).word == word {
            self.block_mut(pass.block).word = Word::Free;
        }
        self.then(pass.next(), "frees a dead one's block, or fails to")
    }

    /// `READING(dead)` → `READING(ORPHAN)`.
    pub(super) fn make_orphan(mut self, pass: Pass, word: Word) -> Step<State> {
        if let Word::Reading { position, .. } = word
            && self.block(pass.block).word == word
        {
            self.block_mut(pass.block).word = Word::Reading {
                owner: ORPHAN,
                position,
            };
        }
        self.then(pass.next(), "makes an orphan, or fails to")
    }

    /// `READING(dead)` → `READING(me)`.
    pub(super) fn take_over(mut self, pass: Pass, word: Word) -> Step<State> {
        const WHAT: &str = "takes a message over";
        let Word::Reading { position, .. } = word else {
            unreachable!("only messages are taken over");
        };
        if self.block(pass.block).word != word {
            return self.then(pass.next(), "fails to take a message over");
        }
        let message = self.block(pass.block).length;
        let check = whole(message).and_then(|()| self.event(self.takes(message)));
        let owner = self.me().id;
        self.block_mut(pass.block).word = Word::Reading { owner, position };
        let pass = Pass {
            taken: Some(pass.block),
            ..pass
        };
        let next = if self.scenario.rest_to_orphans && pass.dead != ORPHAN {
            pass.next()
        } else {
            At::EndPass(pass)
        };
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    /// Somebody dead has the message, or had it already.
    fn takes(&self, message: u8) -> Event {
        if self.state.again >> message & 1 == 1 {
            Event::TakesAgain(message)
        } else {
            Event::TakesOver(message)
        }
    }

    /// Lets go of the byte, and goes on with what it has taken over, or looks again.
    pub(super) fn end_pass(mut self, pass: Pass) -> Step<State> {
        if pass.sweep {
            return self.ends(At::Idle, "has swept its id");
        }
        if pass.dead != ORPHAN && self.keeps(Rule::OwnerByte) {
            self.state.bytes[usize::from(pass.dead)] = 0;
        }
        self.me_mut().was_full = false;
        let next = match pass.taken {
            Some(block) => At::ReadLength { block },
            None if self.sends() => At::Scan { block: 0 },
            None => self.at_the_head(),
        };
        self.then(next, "lets go of the byte")
    }
}
