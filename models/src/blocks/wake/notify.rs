//! Who wakes whom, and what does a reaper tell?

use super::turn::{Turn, word_of};
use super::{At, Block, Death, Errand, RECEIVERS, Rule, SENDERS, State};
use crate::explore::Step;

impl Turn<'_> {
    /// An epoch of a word moves: for others who have seen it, it is changed.
    pub(super) fn move_epoch(&mut self, of: usize) {
        for (k, process) in self.scenario.processes.iter().enumerate().filter(|&(k, _)| k != self.k) {
            match &mut self.state.processes[k].at {
                At::Recheck { unchanged, .. } | At::Futex { unchanged } if word_of(*process) == of => {
                    *unchanged = false
                }
                At::Wake { errand, unchanged } | At::Clear { errand, unchanged } if errand.word == of => {
                    *unchanged = false;
                }
                _ => {}
            }
        }
    }

    fn after(errand: Errand) -> At {
        match errand.holds {
            Some(block) => At::Hold { block },
            None => At::Try { block: 0 },
        }
    }

    /// Does anybody sleep there?
    pub(super) fn notify(self, errand: Errand) -> Step<State> {
        let next = if self.state.sleepers[errand.word] {
            At::Bump(errand)
        } else {
            Self::after(errand)
        };
        self.then(next, "looks for sleepers")
    }

    pub(super) fn bump(mut self, errand: Errand) -> Step<State> {
        self.move_epoch(errand.word);
        let unchanged = true;
        self.then(At::Wake { errand, unchanged }, "changes the wait word")
    }

    fn asleep(&self, word: usize) -> impl Iterator<Item = usize> + use<> {
        let (processes, state) = (self.scenario.processes.clone(), self.state);
        (0..processes.len()).filter(move |&k| state.processes[k].at == At::Asleep && word_of(processes[k]) == word)
    }

    /// Wakes any one that sleeps.
    pub(super) fn wake(self, errand: Errand, next: &mut Vec<Step<State>>) {
        for k in self.asleep(errand.word) {
            next.push(self.rouse(k).then(Self::after(errand), "wakes one"));
        }
        if let (None, At::Wake { unchanged, .. }) = (self.asleep(errand.word).next(), self.me().at) {
            next.push(self.then(At::Clear { errand, unchanged }, "wakes nobody"));
        }
    }

    fn rouse(mut self, k: usize) -> Self {
        self.state.processes[k].at = At::Retry { block: 0, last: false };
        self
    }

    /// Takes the bit away, if nobody has announced itself since.
    pub(super) fn clear(mut self, errand: Errand, unchanged: bool) -> Step<State> {
        if unchanged {
            self.state.sleepers[errand.word] = false;
            self.move_epoch(errand.word);
        }
        self.then(Self::after(errand), "takes the bit away, or not")
    }

    /// The reaper repairs what the dead one has left, or notifies.
    pub(super) fn reap(self, next: &mut Vec<Step<State>>) {
        match self.state.death {
            Death::Nobody => {}
            Death::Unrepaired(block) => next.push(self.repair(|j| block == Some(j))),
            Death::UnrepairedAll => next.push(self.repair(|_| true)),
            Death::Repaired => self.tell(next),
        }
    }

    fn by_the_reaper(&self, what: &'static str) -> Step<State> {
        Step::Live((self.k as u8, what), self.state)
    }

    fn repair(mut self, left: impl Fn(u8) -> bool) -> Step<State> {
        let (mut freed, mut orphans) = (0, 0);
        for (j, block) in (0..).zip(&mut self.state.blocks[..self.scenario.blocks.len()]) {
            match *block {
                Block::Loaned if left(j) => {
                    *block = Block::Free;
                    freed += 1;
                }
                Block::Reading if left(j) => {
                    *block = Block::Orphan;
                    orphans += 1;
                }
                _ => {}
            }
        }
        let notices = |count: u8, notifies, each| match (notifies, each && !self.scenario.once) {
            (false, _) => 0,
            (true, true) => count,
            (true, false) => count.min(1),
        };
        let freed = notices(
            freed,
            self.keeps(Rule::FreedNotifies),
            self.keeps(Rule::FreedNotifiesEach),
        );
        let orphans = notices(
            orphans,
            self.keeps(Rule::OrphanNotifies),
            self.keeps(Rule::OrphanNotifiesEach),
        );
        self.state.notices[SENDERS] = freed;
        if self.keeps(Rule::OrphanNotifiesReceivers) {
            self.state.notices[RECEIVERS] = orphans;
        } else {
            self.state.notices[SENDERS] += orphans;
        }
        if self.scenario.both && self.keeps(Rule::DeathNotifiesBoth) {
            self.state.notices = self.state.notices.map(|count| count.max(1));
        }
        self.state.death = Death::Repaired;
        self.by_the_reaper("repairs")
    }

    fn tell(self, next: &mut Vec<Step<State>>) {
        for word in [RECEIVERS, SENDERS]
            .into_iter()
            .filter(|&word| self.state.notices[word] > 0)
        {
            let mut turn = self;
            turn.state.notices[word] -= 1;
            if !turn.state.sleepers[word] {
                next.push(turn.by_the_reaper("finds no sleepers"));
                continue;
            }
            turn.move_epoch(word);
            for k in turn.asleep(word) {
                next.push(turn.rouse(k).by_the_reaper("wakes one"));
            }
            if turn.asleep(word).next().is_none() {
                next.push(turn.by_the_reaper("wakes nobody"));
            }
        }
    }
}
