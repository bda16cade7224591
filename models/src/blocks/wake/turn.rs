//! How does a process wait for a block?

use super::{At, Block, Death, Errand, Local, Process, RECEIVERS, Rule, SENDERS, Scenario, State};
use crate::explore::Step;

/// A process about to do a step, or the reaper, which comes after them.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
}

/// The word on which a process sleeps.
pub(super) fn word_of(process: Process) -> usize {
    if process.sends { SENDERS } else { RECEIVERS }
}

impl<'s> Turn<'s> {
    pub(super) fn new(scenario: &'s Scenario, state: &State, k: usize) -> Self {
        Turn {
            scenario,
            state: *state,
            k,
        }
    }

    pub(super) fn me(&self) -> Local {
        self.state.processes[self.k]
    }

    fn process(&self) -> Process {
        self.scenario.processes[self.k]
    }

    fn own(&self) -> usize {
        word_of(self.process())
    }

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.scenario.keeps(rule)
    }

    pub(super) fn then(mut self, at: At, what: &'static str) -> Step<State> {
        self.state.processes[self.k].at = at;
        Step::Live((self.k as u8, what), self.state)
    }

    fn gone(mut self, what: &'static str) -> Step<State> {
        self.state.processes[self.k].left = 0;
        self.then(At::Gone, what)
    }

    fn blocks(&self) -> &[Block] {
        &self.state.blocks[..self.scenario.blocks.len()]
    }

    /// The first message, or else an orphan.
    fn message(&self) -> Option<u8> {
        let first = |wanted| self.blocks().iter().position(|&block| block == wanted);
        first(Block::Staged)
            .or_else(|| first(Block::Orphan))
            .map(|block| block as u8)
    }

    /// Its call would succeed.
    pub(super) fn could(&self) -> bool {
        if self.process().sends {
            self.blocks().contains(&Block::Free)
        } else {
            self.message().is_some()
        }
    }

    pub(super) fn steps(self, next: &mut Vec<Step<State>>) {
        match self.me().at {
            At::Try { block } if self.me().left > 0 => {
                next.push(self.look(block, At::Announce, |block| At::Try { block }));
            }
            At::Retry { block, last } => self.retry(block, last, next),
            At::Announce => next.push(self.announce()),
            At::Recheck { block, unchanged } => next.push(self.recheck(block, unchanged)),
            At::Futex { unchanged: true } => next.push(self.then(At::Asleep, "falls asleep")),
            At::Futex { unchanged: false } => {
                let again = At::Retry { block: 0, last: false };
                next.push(self.then(again, "does not fall asleep: the word has changed"));
            }
            At::Asleep => next.extend(self.time_is_up()),
            At::Hold { block } => self.finish(block, next),
            At::ChainLook { block } => next.push(self.chain_look(block)),
            At::Notify(errand) => next.push(self.notify(errand)),
            At::Bump(errand) => next.push(self.bump(errand)),
            At::Wake { errand, .. } => self.wake(errand, next),
            At::Clear { errand, unchanged } => next.push(self.clear(errand, unchanged)),
            At::Try { .. } | At::Dead | At::Gone => {}
        }
    }

    /// Takes a block; or looks on, at the next block as `on` says; or has found nothing.
    fn look(mut self, block: u8, nothing: At, on: impl FnOnce(u8) -> At) -> Step<State> {
        let found = if self.process().sends {
            (self.state.blocks[usize::from(block)] == Block::Free).then_some(block)
        } else {
            self.message()
        };
        let (phase, chains) = if self.process().sends {
            (Block::Loaned, self.scenario.sender_chain)
        } else {
            (Block::Reading, self.scenario.receiver_chain)
        };
        if let Some(block) = found {
            self.state.blocks[usize::from(block)] = phase;
            self.state.processes[self.k].left -= 1;
            let holds = if chains {
                At::ChainLook { block }
            } else {
                At::Hold { block }
            };
            return self.then(holds, "takes a block");
        }
        self.finds_nothing(block, nothing, on)
    }

    fn finds_nothing(self, block: u8, nothing: At, on: impl FnOnce(u8) -> At) -> Step<State> {
        if self.process().sends && usize::from(block) + 1 < self.blocks().len() {
            return self.then(on(block + 1), "looks at a block");
        }
        if nothing == At::Gone {
            return self.gone("answers Timeout after a last look");
        }
        self.then(nothing, "finds nothing")
    }

    fn retry(self, block: u8, last: bool, next: &mut Vec<Step<State>>) {
        if block == 0 && self.process().deadline && !self.keeps(Rule::LastLook) {
            next.push(self.gone("answers Timeout without a look"));
        }
        let nothing = if last { At::Gone } else { At::Announce };
        next.push(self.look(block, nothing, |block| At::Retry { block, last }));
    }

    fn announce(mut self) -> Step<State> {
        let own = self.own();
        self.state.sleepers[own] = true;
        self.move_epoch(own);
        let look = At::Recheck {
            block: 0,
            unchanged: true,
        };
        self.then(look, "announces itself")
    }

    fn recheck(self, block: u8, unchanged: bool) -> Step<State> {
        let nothing = At::Futex { unchanged };
        let on = |block| At::Recheck { block, unchanged };
        if self.keeps(Rule::AnnounceBeforeLook) {
            self.look(block, nothing, on)
        } else {
            self.finds_nothing(block, nothing, on)
        }
    }

    fn time_is_up(self) -> Option<Step<State>> {
        if !self.process().deadline {
            return None;
        }
        if self.keeps(Rule::LastLook) {
            return Some(self.then(At::Retry { block: 0, last: true }, "wakes: its time is up"));
        }
        Some(self.gone("answers Timeout: its time is up"))
    }

    /// Does with its block what it has to, and notifies.
    fn finish(self, block: u8, next: &mut Vec<Step<State>>) {
        let with = |phase, word, notifies, what| {
            let mut turn = self;
            turn.state.blocks[usize::from(block)] = phase;
            let errand = Errand { word, holds: None };
            turn.then(
                if notifies {
                    At::Notify(errand)
                } else {
                    At::Try { block: 0 }
                },
                what,
            )
        };
        if !self.process().sends {
            let notifies = self.keeps(Rule::ReleaseNotifies);
            return next.push(with(Block::Free, SENDERS, notifies, "releases"));
        }
        next.push(with(Block::Staged, RECEIVERS, true, "publishes"));
        if self.scenario.aborts {
            let notifies = self.keeps(Rule::AbortNotifies);
            next.push(with(Block::Free, SENDERS, notifies, "aborts"));
        }
    }

    /// Would another's call succeed?
    fn chain_look(self, block: u8) -> Step<State> {
        let errand = Errand {
            word: self.own(),
            holds: Some(block),
        };
        let next = if self.could() {
            At::Notify(errand)
        } else {
            At::Hold { block }
        };
        self.then(next, "looks for another")
    }

    pub(super) fn killed(mut self) -> Step<State> {
        let block = match self.me().at {
            At::Hold { block } | At::ChainLook { block } => Some(block),
            At::Notify(errand) | At::Bump(errand) | At::Wake { errand, .. } | At::Clear { errand, .. } => errand.holds,
            _ => None,
        };
        self.state.death = Death::Unrepaired(block);
        self.state.processes[self.k] = Local { at: At::Dead, left: 0 };
        Step::Fault((self.k as u8, "is killed"), self.state)
    }
}
