//! What may a process do next?

use super::{At, Job, Local, MESSAGES, Message, NOWHERE, RETURNED, Rule, Scenario, State};
use crate::explore::Step;

/// A process about to do a step.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
}

impl Turn<'_> {
    pub(super) fn me(&self) -> &Local {
        &self.state.processes[self.k]
    }

    pub(super) fn me_mut(&mut self) -> &mut Local {
        &mut self.state.processes[self.k]
    }

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.scenario.keeps(rule)
    }

    pub(super) fn job(&self) -> Job {
        self.scenario.jobs[self.k]
    }

    pub(super) fn receives(&self, k: usize) -> bool {
        matches!(self.scenario.jobs[k], Job::Receive | Job::Lease { .. })
    }

    pub(super) fn then(mut self, at: At, what: &'static str) -> Step<State> {
        self.me_mut().at = at;
        Step::Live((self.k as u8, what), self.state)
    }

    pub(super) fn wrong(self, what: &'static str, why: &str) -> Step<State> {
        Step::Wrong((self.k as u8, what), why.to_owned())
    }

    pub(super) fn alive(&self, k: usize) -> bool {
        self.state.bytes[k] == k as u8 + 1
    }

    /// Does a sender live? One that leaves is gone when its locks are.
    pub(super) fn senders_gone(&self) -> bool {
        let lives = |k| matches!(self.scenario.jobs[k], Job::Send(_)) && self.alive(k);
        !(0..self.scenario.jobs.len()).any(lives)
    }

    /// The life word says that something has happened.
    pub(super) fn tell_of_event(&mut self) {
        self.state.processes.iter_mut().for_each(|local| local.event = true);
    }

    /// It says that there are orphans.
    pub(super) fn tell_of_orphans(&mut self) {
        let changed = |local: &mut Local| (local.event, local.orphans) = (true, true);
        self.state.processes.iter_mut().for_each(changed);
    }

    /// All receivers are woken, and those that are about to sleep do not.
    pub(super) fn wake_receivers(&mut self) {
        for local in &mut self.state.processes {
            local.announced = false;
            if local.at == At::Asleep {
                local.at = At::Gate;
            }
        }
    }

    pub(super) fn killed(mut self) -> Step<State> {
        for byte in &mut self.state.bytes {
            if *byte == self.k as u8 + 1 {
                *byte = 0;
            }
        }
        self.state.kills -= 1;
        *self.me_mut() = Local {
            at: At::Dead,
            ..NOWHERE
        };
        Step::Fault((self.k as u8, "is killed"), self.state)
    }

    pub(super) fn steps(self, next: &mut Vec<Step<State>>) {
        match self.me().at {
            At::Start => self.start(next),
            At::Asleep => next.extend(self.tick()),
            _ => next.push(self.step()),
        }
    }

    pub(super) fn step(self) -> Step<State> {
        match self.me().at {
            At::Publish(m) => self.publish(m),
            At::Locks => self.drop_locks(),
            At::LeaveAnnounced => self.announce_leaving(),
            At::Gate => self.gate(),
            At::AttendSenders => self.attend_senders(),
            At::TakeAgain => self.take_again(),
            At::Pop => self.pop(),
            At::Announce => self.announce(),
            At::Futex => self.futex(),
            At::Senders => self.ask_for_senders(),
            At::Reap(dead) => self.reap(dead),
            At::Repair(dead) => self.repair(dead),
            At::Count(dead) => self.count(dead),
            At::Clean(dead) => self.clean(dead),
            At::ReapAnnounced(dead) => self.announce_reaping(dead),
            At::Unlock(dead) => self.unlock(dead),
            At::Drained => self.drained(),
            At::SendersAgain => self.ask_again(),
            At::Holders => self.holders(),
            At::Wake => self.end(),
            At::Deliver => self.deliver(),
            At::Acknowledged => self.tell_of_acknowledgement(),
            At::Returned => self.announce_return(),
            At::Start | At::Asleep | At::Rests | At::Finished | At::Dead => {
                unreachable!("not in the middle of anything")
            }
        }
    }

    /// Between operations.
    pub(super) fn start(self, next: &mut Vec<Step<State>>) {
        match self.job() {
            Job::Send(_) => next.push(self.send()),
            Job::Receive => {
                next.push(self.then(At::Gate, "receives"));
                next.push(self.then(At::Rests, "does nothing more"));
            }
            Job::Lease { most, .. } => self.lease(most, next),
            Job::Recover => {
                next.push(self.then(At::Finished, "has nothing to recover"));
                next.push(self.then(At::Reap(0), "recovers"));
            }
        }
    }

    pub(super) fn send(mut self) -> Step<State> {
        if self.me().left == 0 {
            return self.then(self.first_of_leaving(), "leaves");
        }
        let m = self.state.messages.iter().position(|message| *message == Message::None);
        let m = m.expect("a scenario sends no more than there is room for");
        self.state.messages[m] = Message::Writing(self.k as u8);
        self.me_mut().left -= 1;
        self.then(At::Publish(m as u8), "claims a place")
    }

    pub(super) fn publish(mut self, m: u8) -> Step<State> {
        self.state.messages[usize::from(m)] = Message::Full;
        self.wake_receivers();
        self.then(At::Start, "publishes, and wakes")
    }

    pub(super) fn lease(self, most: u32, next: &mut Vec<Step<State>>) {
        for m in (0..MESSAGES).filter(|m| self.me().held >> m & 1 == 1) {
            let mut turn = self;
            turn.me_mut().held &= !(1 << m);
            let mut back = turn;
            turn.state.messages[m] = Message::Gone;
            next.push(turn.then(At::Acknowledged, "acknowledges"));
            if back.me().left > 0 {
                back.me_mut().left -= 1;
                back.state.messages[m] = Message::Orphan(RETURNED);
                next.push(back.then(At::Returned, "hands back"));
            }
        }
        if self.me().held == 0 {
            next.push(self.then(At::Rests, "does nothing more"));
        }
        let over = self.me().over && self.me().held != 0;
        if !over && self.me().held.count_ones() < most {
            let mut turn = self;
            turn.me_mut().over = false;
            next.push(turn.then(At::Gate, "receives on lease"));
        }
    }
}
