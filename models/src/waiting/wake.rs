//! How does a process wake others, and who is told of a repair?

use super::slots::Phase;
use super::turn::{Turn, word_of};
use super::{At, Errand, Job, NOTHING, RECEIVERS, Rule, SENDERS, State};
use crate::explore::Step;

impl Turn<'_> {
    /// Publishes, or frees.
    pub(super) fn finish(mut self) -> Step<State> {
        let p = self.me().p;
        let lap = self.state.slots.lap(p);
        if self.sends() {
            self.state.slots.set(p, lap, Phase::Full);
        } else {
            self.state.slots.set(p, lap + 1, Phase::Free);
        }
        self.then(At::Notify(Errand::Theirs), "finishes")
    }

    pub(super) fn target(&self, errand: Errand) -> u8 {
        match errand {
            Errand::Theirs => 1 - self.own(),
            Errand::Chain => self.own(),
            Errand::Receivers => RECEIVERS,
            Errand::Senders => SENDERS,
        }
    }

    /// What comes after an errand.
    pub(super) fn after(&self, errand: Errand) -> At {
        let chains = match self.own() {
            SENDERS => self.scenario.keeps(Rule::SenderChain),
            _ => self.scenario.keeps(Rule::ReceiverChain),
        };
        let senders = self.scenario.keeps(Rule::ReaperNotifiesSenders);
        match errand {
            Errand::Theirs if chains => At::ChainLook,
            Errand::Theirs | Errand::Chain => At::Rest,
            Errand::Receivers if senders => At::Notify(Errand::Senders),
            Errand::Receivers | Errand::Senders if self.scenario.jobs[self.k] == Job::Reap => At::Done,
            Errand::Receivers | Errand::Senders => At::Announce,
        }
    }

    /// Does anybody sleep there?
    pub(super) fn notify(mut self, errand: Errand) -> Step<State> {
        let skips = errand == Errand::Receivers && !self.scenario.keeps(Rule::ReaperNotifiesReceivers);
        let target = self.target(errand);
        let next = if *self.sleepers(target) != 0 && !skips {
            At::Bump(errand)
        } else {
            self.after(errand)
        };
        self.then(next, "looks for sleepers")
    }

    pub(super) fn bump(mut self, errand: Errand) -> Step<State> {
        let target = self.target(errand);
        if self.scenario.keeps(Rule::WakerEpoch) {
            self.move_epoch(target);
        }
        self.see(target);
        self.then(At::Wake(errand), "changes the wait word")
    }

    /// Wakes any one sleeper, or all of them after a repair.
    pub(super) fn wake(self, errand: Errand, next: &mut Vec<Step<State>>) {
        let target = self.target(errand);
        let asleep = |&k: &usize| self.state.processes[k].at == At::Asleep && word_of(self.scenario.jobs[k]) == target;
        let sleepers: Vec<usize> = (0..self.scenario.jobs.len()).filter(asleep).collect();
        let mut woken = self;
        match errand {
            _ if sleepers.is_empty() => next.push(self.then(At::Clear(errand), "wakes nobody")),
            Errand::Theirs | Errand::Chain => {
                for k in sleepers {
                    woken.state = self.state;
                    woken.rouse(k);
                    next.push(woken.then(self.after(errand), "wakes one"));
                }
            }
            Errand::Receivers | Errand::Senders => {
                sleepers.into_iter().for_each(|k| woken.rouse(k));
                next.push(woken.then(self.after(errand), "wakes all"));
            }
        }
    }

    pub(super) fn rouse(&mut self, k: usize) {
        self.state.processes[k].at = At::Woken;
        self.state.processes[k].seen = NOTHING;
    }

    /// Takes the bit away, if nobody has announced itself since.
    pub(super) fn clear(mut self, errand: Errand) -> Step<State> {
        let target = self.target(errand);
        let unchanged = self.unchanged();
        let counts = !self.scenario.keeps(Rule::KernelCounts);
        if !counts && (unchanged || !self.scenario.keeps(Rule::ClearByCas)) {
            *self.sleepers(target) = 0;
        }
        if unchanged && *self.sleepers(target) != 0 && !self.waited_for(target) {
            let why = "LEAK: every notifier pays for a sleeper that is dead".to_owned();
            return Step::Wrong((self.k as u8, "wakes nobody"), why);
        }
        self.then(self.after(errand), "takes the bit away, or not")
    }

    /// Somebody alive is on the way to sleep on the word, or from there.
    pub(super) fn waited_for(&self, word: u8) -> bool {
        let waits = |at| matches!(at, At::Check | At::Futex | At::Asleep | At::Woken);
        let mut processes = self.scenario.jobs.iter().zip(&self.state.processes);
        processes.any(|(&job, local)| word_of(job) == word && waits(local.at))
    }

    pub(super) fn chain_look(mut self) -> Step<State> {
        let own = self.own();
        let next = if *self.sleepers(own) != 0 {
            At::ChainMore
        } else {
            At::Rest
        };
        self.then(next, "looks for sleepers at its own end")
    }

    pub(super) fn chain_more(self) -> Step<State> {
        let behind = self.me().p + 1;
        let more = if self.sends() {
            self.state.slots.place_from(behind)
        } else {
            self.state.slots.message_from(behind)
        };
        let next = if more.is_some() {
            At::Bump(Errand::Chain)
        } else {
            At::Rest
        };
        self.then(next, "looks for more")
    }

    /// Repairs what the dead one has left, and tells both ends.
    pub(super) fn reap(mut self) -> Option<Step<State>> {
        let dead = self.state.processes.iter().position(|local| local.at == At::Dead)?;
        self.repair(dead);
        Some(self.then(At::Notify(Errand::Receivers), "reaps"))
    }

    /// Whether there was anything.
    pub(super) fn repair(&mut self, dead: usize) -> bool {
        let p = self.state.processes[dead].p;
        let lap = self.state.slots.lap(p);
        self.state.processes[dead].at = At::Repaired;
        self.state.processes[dead].p = 0;
        match self.state.slots.phase(p) {
            Phase::Writing => self.state.slots.set(p, lap + 1, Phase::Free),
            Phase::Reading => self.state.slots.set(p, lap, Phase::Orphan),
            Phase::Free | Phase::Full | Phase::Orphan => return false,
        }
        true
    }
}
