//! What may a process do next?

use super::queue::{Call, Calls, Event};
use super::{At, Block, End, Entry, Full, Local, NOWHERE, PROCESSES, Process, Rule, Scenario, State};
use crate::explore::Step;

/// A process about to do a step.
#[derive(Clone, Copy)]
pub(super) struct Turn<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) state: State,
    pub(super) k: usize,
}

impl Scenario {
    /// What the call of each process would do.
    pub(super) fn calls(&self, state: &State) -> Calls {
        let mut calls = [Call::Receives; PROCESSES];
        for (k, call) in calls.iter_mut().enumerate().take(self.processes.len()) {
            if self.sends(k) {
                *call = Call::Sends(self.message(state, k));
            } else if state.processes[k].at == At::Dead {
                *call = Call::Received;
            }
        }
        calls
    }
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

    pub(super) fn process(&self) -> &'s Process {
        &self.scenario.processes[self.k]
    }

    pub(super) fn sends(&self) -> bool {
        self.scenario.sends(self.k)
    }

    pub(super) fn multi(&self) -> bool {
        let end = if self.sends() {
            self.scenario.senders
        } else {
            self.scenario.receivers
        };
        end == End::Multi
    }

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.scenario.keeps(rule)
    }

    pub(super) fn block(&self, block: u8) -> Block {
        self.state.blocks[usize::from(block)]
    }

    pub(super) fn block_mut(&mut self, block: u8) -> &mut Block {
        &mut self.state.blocks[usize::from(block)]
    }

    pub(super) fn entry(&self, p: u8) -> Option<Entry> {
        self.scenario.entry(&self.state, p)
    }

    /// The hint after position `p` is one that is stored.
    pub(super) fn stores_hint(&self, p: u8) -> bool {
        self.scenario.hints != 0 && (p + 1).is_multiple_of(self.scenario.hints)
    }

    /// What this process does is an event of its call.
    pub(super) fn event(&mut self, event: Event) -> Result<(), &'static str> {
        let calls = self.scenario.calls(&self.state);
        let orders = self.scenario.orders.after(self.state.orders, self.k, event, calls);
        self.state.orders = orders.ok_or(match event {
            Event::TakesOver(_) | Event::TakesAgain(_) => "DOUBLED: nobody dead has the message that is taken over",
            _ => "NOT A QUEUE: no order of the calls explains this answer",
        })?;
        Ok(())
    }

    /// Does `what`, and is before another step then.
    pub(super) fn then(self, at: At, what: &'static str) -> Step<State> {
        self.moved(at, what, Step::Live)
    }

    /// Does `what`, and its call ends with that.
    pub(super) fn ends(self, at: At, what: &'static str) -> Step<State> {
        self.moved(at, what, Step::Ends)
    }

    fn moved(
        mut self,
        at: At,
        what: &'static str,
        step: impl FnOnce((u8, &'static str), State) -> Step<State>,
    ) -> Step<State> {
        self.me_mut().at = at;
        if let Err(why) = self.has_its_block_alone() {
            return self.wrong(what, why);
        }
        let mut state = self.state;
        self.settled(&mut state);
        step((self.k as u8, what), state)
    }

    pub(super) fn wrong(&self, what: &'static str, why: &str) -> Step<State> {
        Step::Wrong((self.k as u8, what), why.to_owned())
    }

    /// Who is idle remembers nothing of what it did: states that differ only in that are one.
    pub(super) fn settled(&self, state: &mut State) {
        let local = &mut state.processes[self.k];
        if self.multi() {
            local.cursor = None;
        }
        if matches!(local.at, At::Idle | At::Hold { .. }) {
            local.alone = false;
        }
        if local.at == At::Gone {
            *local = Local {
                at: At::Gone,
                ..NOWHERE
            };
        }
        if self.scenario.full != Full::Unasked {
            self.scenario.note_full(state);
        }
    }

    /// The kernel frees its bytes.
    pub(super) fn killed(mut self) -> Step<State> {
        if let At::Hold { message, .. } | At::Release { message, .. } = self.me().at {
            self.state.again |= 1 << message;
        }
        if let Some((_, message)) = self.me().kept {
            self.state.again |= 1 << message;
        }
        self.free_bytes();
        self.state.kills -= 1;
        *self.me_mut() = Local {
            at: At::Dead,
            left: self.me().left,
            ..NOWHERE
        };
        Step::Fault((self.k as u8, "is killed"), self.state)
    }

    pub(super) fn free_bytes(&mut self) {
        let mine = self.k as u8 + 1;
        for byte in &mut self.state.bytes {
            if *byte == mine {
                *byte = 0;
            }
        }
    }

    /// All that it may do.
    pub(super) fn steps(self, next: &mut Vec<Step<State>>) {
        match self.me().at {
            At::Outside => self.attach(next),
            At::Idle if self.sends() => next.extend(self.begin_to_send()),
            At::Idle => self.begin_to_receive(next),
            At::Filled { block } => self.finish(block, next),
            At::Hold { block, message } => self.hold(block, message, next),
            At::Blocked { first } => self.blocked(first, next),
            _ => next.extend(self.step()),
        }
    }

    /// The one thing that it may do.
    fn step(self) -> Option<Step<State>> {
        let step = match self.me().at {
            At::Scan { block } => self.scan(block),
            At::Loan { block } => self.loan(block),
            At::Fill { block } => self.fill(block),
            At::Publish { block } => self.begin_to_publish(block),
            At::Abort { block } => self.abort(block),
            At::LoadTail { block } => self.load_tail(block),
            At::SeekPlace { block, p, staged } => self.seek_place(block, p, staged),
            At::EarlyTail { block, p, seen } => self.store_tail_early(block, p, seen),
            At::Stage { block, p, seen } => self.stage(block, p, seen),
            At::Enter { block, p, seen } => self.enter(block, p, seen),
            At::LateLength { block, p } => self.write_length_late(block, p),
            At::StoreTail { p } => self.store_tail(p),
            At::Sent => self.sent(),
            At::LoadHead => self.load_head(),
            At::SeekMessage { p, looks } => self.seek_message(p, looks),
            At::LookAtBlock { p, block, looks } => self.look_at_block(p, block, looks),
            At::EarlyHead { p, block, word, looks } => self.store_head_early(p, block, word, looks),
            At::Claim { p, block, word, looks } => self.claim(p, block, word, looks),
            At::StoreHead { p, block } => self.store_head(p, block),
            At::ReadLength { block } => self.read_length(block),
            At::Return { block, message } => self.returns(block, message),
            At::Release { block, message } => self.release(block, message),
            At::ForkedRelease { block } => self.release_in_a_child(block),
            At::LateByte { pass, word } => self.take_byte_late(pass, word),
            At::Pass(pass) => self.pass(pass),
            At::Ask { pass, word } => self.ask(pass, word),
            At::Free { pass, word } => self.free(pass, word),
            At::MakeOrphan { pass, word } => self.make_orphan(pass, word),
            At::TakeOver { pass, word } => self.take_over(pass, word),
            At::EndPass(pass) => self.end_pass(pass),
            _ => return None,
        };
        Some(step)
    }
}
