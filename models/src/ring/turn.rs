//! What may a process do next?

use super::{At, End, Job, Laps, Local, NOWHERE, Rule, Scenario, Slot, State, Word};
use crate::explore::Step;

/// A process about to do a step.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
}

impl<'s> Turn<'s> {
    pub(super) fn at(scenario: &'s Scenario, state: &State, k: usize) -> Self {
        Turn {
            scenario,
            state: *state,
            k,
        }
    }

    pub(super) fn me(&self) -> &Local {
        &self.state.processes[self.k]
    }

    pub(super) fn me_mut(&mut self) -> &mut Local {
        &mut self.state.processes[self.k]
    }

    pub(super) fn laps(&self) -> Laps {
        self.scenario.laps
    }

    pub(super) fn job(&self) -> Job {
        self.scenario.processes[self.k].job
    }

    pub(super) fn sends(&self) -> bool {
        matches!(self.job(), Job::Send { .. })
    }

    pub(super) fn end(&self) -> End {
        if self.sends() {
            self.scenario.senders
        } else {
            self.scenario.receivers
        }
    }

    pub(super) fn multi(&self) -> bool {
        self.end() == End::Multi
    }

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.scenario.keeps(rule)
    }

    pub(super) fn slot(&mut self, p: u8) -> &mut Slot {
        &mut self.state.slots[self.scenario.laps.index(p)]
    }

    pub(super) fn word(&self, p: u8) -> Word {
        self.state.slots[self.laps().index(p)].word
    }

    /// Does `what`, and is before another step then.
    pub(super) fn then(mut self, at: At, what: &'static str) -> Step<State> {
        self.me_mut().at = at;
        let mut state = self.state;
        self.settled(&mut state);
        Step::Live((self.k as u8, what), state)
    }

    pub(super) fn wrong(&self, what: &'static str, why: &str) -> Step<State> {
        Step::Wrong((self.k as u8, what), why.to_owned())
    }

    /// Who is idle or dead remembers nothing of what it did: states that differ only in that are one.
    pub(super) fn settled(&self, state: &mut State) {
        let local = &mut state.processes[self.k];
        if local.at == At::Idle {
            let keep = if self.multi() { 0 } else { local.cursor };
            *local = Local {
                at: At::Idle,
                id: local.id,
                left: local.left,
                cursor: keep,
                held: local.held,
                ..NOWHERE
            };
        }
        let open = !state.got;
        state.told &= open;
        state.again &= open;
    }

    pub(super) fn killed(mut self) -> Step<State> {
        let mine = self.k as u8 + 1;
        for held in self.me().held {
            self.state.again |= bit(held.value);
        }
        for byte in &mut self.state.bytes {
            if *byte == mine {
                *byte = 0;
            }
        }
        self.state.kills -= 1;
        *self.me_mut() = Local {
            at: At::Dead,
            ..NOWHERE
        };
        let mut state = self.state;
        self.settled(&mut state);
        Step::Fault((self.k as u8, "is killed"), state)
    }

    /// It finishes what it is doing if nobody else does anything, in no more steps than three passes over all slots take.
    pub(super) fn finishes_alone(mut self) -> bool {
        let most = 6 * u32::from(self.laps().capacity) + 16;
        for _ in 0..most {
            match self.step() {
                Some(Step::Live(_, state)) => self.state = state,
                // What is wrong with that is found by itself.
                Some(_) | None => return true,
            }
        }
        false
    }

    /// All that it may do.
    pub(super) fn steps(self, next: &mut Vec<Step<State>>) {
        match self.me().at {
            At::Outside => self.attach(next),
            At::Idle => {
                self.look_after_the_dead(next);
                if self.sends() {
                    next.extend(self.begin_to_send());
                } else {
                    self.begin_to_receive(next);
                }
            }
            _ => next.extend(self.step()),
        }
    }

    /// The one thing that it may do in the middle of something.
    pub(super) fn step(self) -> Option<Step<State>> {
        let step = match (self.me().at, self.sends()) {
            (At::Find, _) => self.find(),
            (At::Pass { dead, start, j }, _) => self.pass(dead, start, j),
            (At::Repair { dead, start, j, word }, _) => self.repair(dead, start, j, word),
            (At::Unlock, _) => self.unlock(),
            (At::Hint, _) => self.store_hint(),
            (At::Look, true) => self.look_for_a_place(),
            (At::Look, false) => self.look_for_a_message(),
            (At::Claim | At::ExtendClaim, _) => self.claim(),
            (At::ExtendLook, _) => self.extend(),
            (At::Copy, true) => self.write_half(),
            (At::Copied, true) => self.write(),
            (At::Store, true) => self.publish(),
            (At::Copy, false) => self.read_half(),
            (At::Copied, false) => self.read(),
            (At::Store, false) => self.release(),
            (At::Outside | At::Idle | At::Dead, _) => return None,
        };
        Some(step)
    }
}

/// The bit of a message; none for no message.
pub(super) fn bit(value: u8) -> u16 {
    if value == 0 { 0 } else { 1 << (value - 1) }
}
