//! How does a process wait?

use super::slots::Phase;
use super::{At, Errand, Job, Local, NOTHING, RECEIVERS, Rule, SENDERS, Scenario, Seen, State};
use crate::explore::Step;

/// A process about to do a step.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
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

    pub(super) fn me_mut(&mut self) -> &mut Local {
        &mut self.state.processes[self.k]
    }

    pub(super) fn sends(&self) -> bool {
        matches!(self.scenario.jobs[self.k], Job::Send(_))
    }

    /// The word that this process sleeps on.
    pub(super) fn own(&self) -> u8 {
        word_of(self.scenario.jobs[self.k])
    }

    /// The `SLEEPERS` bit of a word.
    pub(super) fn sleepers(&mut self, word: u8) -> &mut u8 {
        &mut self.state.sleepers[usize::from(word)]
    }

    /// Remembers a word as it is.
    pub(super) fn see(&mut self, word: u8) {
        let sleepers = *self.sleepers(word);
        self.me_mut().seen = Seen {
            word,
            stale: false,
            sleepers,
        };
    }

    /// The word is as it was when this process saw it.
    pub(super) fn unchanged(&self) -> bool {
        let seen = self.me().seen;
        !seen.stale && self.state.sleepers[usize::from(seen.word)] == seen.sleepers
    }

    /// An epoch of a word moves: what others have seen of it is stale.
    pub(super) fn move_epoch(&mut self, word: u8) {
        for local in &mut self.state.processes {
            if local.seen.word == word {
                local.seen.stale = true;
            }
            if local.seen.stale {
                local.seen = NOTHING;
            }
        }
    }

    pub(super) fn then(mut self, at: At, what: &'static str) -> Step<State> {
        let local = self.me_mut();
        local.at = at;
        if !matches!(at, At::Check | At::Futex | At::Wake(_) | At::Clear(_)) {
            local.seen = NOTHING;
        }
        if matches!(at, At::Rest | At::Announce | At::Done) {
            local.p = 0;
        }
        Step::Live((self.k as u8, what), self.state)
    }

    pub(super) fn steps(self, next: &mut Vec<Step<State>>) {
        match self.me().at {
            At::Rest => self.rest(next),
            At::Asleep => self.sleep(next),
            At::Woken => next.extend(
                [Some(self.look_again(At::Announce)), self.gives_up()]
                    .into_iter()
                    .flatten(),
            ),
            At::Wake(errand) => self.wake(errand, next),
            At::Announce => next.push(self.announce()),
            At::Check => next.push(self.look_again(At::Futex)),
            At::Futex => next.push(self.futex_wait()),
            At::Work => next.push(self.finish()),
            At::Notify(errand) => next.push(self.notify(errand)),
            At::Bump(errand) => next.push(self.bump(errand)),
            At::Clear(errand) => next.push(self.clear(errand)),
            At::ChainLook => next.push(self.chain_look()),
            At::ChainMore => next.push(self.chain_more()),
            At::Watch => next.extend(self.reap()),
            At::Done | At::Dead | At::Repaired => {}
        }
    }

    pub(super) fn rest(mut self, next: &mut Vec<Step<State>>) {
        next.push(self.then(At::Done, "begins nothing more"));
        if self.me().left > 0 {
            self.me_mut().left -= 1;
            next.push(self.look_again(At::Announce));
        }
    }

    /// Its operation would succeed.
    pub(super) fn could(&self) -> bool {
        self.found().is_some()
    }

    pub(super) fn found(&self) -> Option<u8> {
        let slots = &self.state.slots;
        if self.sends() {
            slots.place_from(0)
        } else {
            slots.orphan().or_else(|| slots.message_from(0))
        }
    }

    /// Tries the operation: claims, or goes on as `otherwise` says.
    pub(super) fn look_again(mut self, otherwise: At) -> Step<State> {
        let announced = matches!(self.me().at, At::Check | At::Woken);
        let Some(p) = self.found() else {
            if announced && otherwise != At::Futex {
                self.no_longer_waits();
            }
            return self.then(otherwise, "finds nothing to do");
        };
        if announced {
            self.no_longer_waits();
        }
        let phase = if self.sends() { Phase::Writing } else { Phase::Reading };
        let lap = self.state.slots.lap(p);
        self.state.slots.set(p, lap, phase);
        self.me_mut().p = p;
        self.then(At::Work, "claims")
    }

    /// Without [`Rule::KernelCounts`]: one less.
    pub(super) fn no_longer_waits(&mut self) {
        if !self.scenario.keeps(Rule::KernelCounts) {
            let own = self.own();
            *self.sleepers(own) -= 1;
        }
    }

    pub(super) fn announce(mut self) -> Step<State> {
        let counts = !self.scenario.keeps(Rule::KernelCounts);
        let epoch = self.scenario.keeps(Rule::WaiterEpoch);
        let own = self.own();
        let sleepers = self.sleepers(own);
        *sleepers = if counts { *sleepers + 1 } else { 1 };
        if epoch {
            self.move_epoch(own);
        }
        self.see(own);
        let looks = self.scenario.keeps(Rule::AnnounceBeforeLook);
        self.then(if looks { At::Check } else { At::Futex }, "announces itself")
    }

    pub(super) fn futex_wait(self) -> Step<State> {
        if self.unchanged() {
            return self.then(At::Asleep, "falls asleep");
        }
        self.then(At::Woken, "does not fall asleep: the word has changed")
    }

    pub(super) fn sleep(mut self, next: &mut Vec<Step<State>>) {
        next.extend(self.gives_up());
        if !self.scenario.ticks() {
            return;
        }
        let dead = self.state.processes.iter().position(|local| local.at == At::Dead);
        match dead.filter(|_| !self.state.slots.quiet()) {
            Some(dead) if self.repair(dead) => {
                self.no_longer_waits();
                next.push(self.then(At::Notify(Errand::Receivers), "ticks, and reaps"));
            }
            _ => next.push(self.then(At::Woken, "ticks")),
        }
    }

    /// The time is up: one last look.
    pub(super) fn gives_up(mut self) -> Option<Step<State>> {
        if !matches!(self.scenario.jobs[self.k], Job::ReceiveTimeout(_)) {
            return None;
        }
        if self.scenario.keeps(Rule::LastLook) {
            self.me_mut().at = At::Woken;
            return Some(self.look_again(At::Rest));
        }
        self.no_longer_waits();
        Some(self.then(At::Rest, "gives up"))
    }

    pub(super) fn killed(mut self) -> Step<State> {
        let claims = self.me().at == At::Work;
        let p = self.me().p;
        *self.me_mut() = Local {
            at: if claims { At::Dead } else { At::Repaired },
            left: 0,
            p: if claims { p } else { 0 },
            seen: NOTHING,
        };
        self.state.killed = true;
        Step::Fault((self.k as u8, "is killed"), self.state)
    }
}

pub(super) fn word_of(job: Job) -> u8 {
    match job {
        Job::Send(_) => SENDERS,
        Job::Receive(_) | Job::ReceiveTimeout(_) | Job::Reap => RECEIVERS,
    }
}
