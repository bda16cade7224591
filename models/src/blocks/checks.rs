//! What must hold at a step, as somebody sees it who sees everything?

use super::{At, Full, Rule, Scenario, State, TORN, Turn, Word};
use crate::explore::Step;

/// Why a step is wrong.
type Wrong = Result<(), &'static str>;

impl Turn<'_> {
    /// `check` holds, or the step is wrong.
    pub(super) fn unless(
        self,
        check: Wrong,
        what: &'static str,
        then: impl FnOnce(Self) -> Step<State>,
    ) -> Step<State> {
        match check {
            Ok(()) => then(self),
            Err(why) => self.wrong(what, why),
        }
    }

    /// Nobody else is a party to the block in which this process is at work.
    pub(super) fn has_its_block_alone(&self) -> Wrong {
        let Some(mine) = self.scenario.at_work_in(&self.state, self.k) else {
            return Ok(());
        };
        let others = (0..self.scenario.processes.len()).filter(|&k| k != self.k);
        let mut theirs = others.flat_map(|k| {
            let kept = self.state.processes[k].kept.map(|(block, _)| block);
            [self.scenario.at_work_in(&self.state, k), kept]
        });
        if theirs.any(|block| block == Some(mine)) {
            return Err("ROBBED: a block has two parties");
        }
        Ok(())
    }

    /// The block is still this sender's.
    pub(super) fn still_sends(&self, block: u8) -> Wrong {
        match self.block(block).word {
            Word::Loaned { owner } | Word::Staged { owner, .. } if owner == self.me().id => Ok(()),
            _ => Err("ROBBED: a sender has lost its block"),
        }
    }

    /// The block is still this receiver's, and so is the message in it.
    pub(super) fn still_reads(&self, block: u8, message: u8) -> Wrong {
        let found = self.block(block);
        match found.word {
            Word::Reading { owner, .. } if owner == self.me().id => {}
            _ => return Err("ROBBED: a receiver has lost its block"),
        }
        if found.payload != message {
            return Err("TORN: a payload changes while it is read");
        }
        Ok(())
    }

    /// The entry of `p` may be filled with position `p`.
    pub(super) fn may_enter(&self, p: u8) -> Wrong {
        let before = self.entry(p);
        if before.is_some_and(|entry| entry.position >= p) {
            return Err("OVERWRITTEN: an entry is filled a second time");
        }
        let in_turn = match before {
            Some(entry) => entry.position + self.scenario.entries == p,
            None => p < self.scenario.entries,
        };
        if !in_turn {
            return Err("SKIPPED: an entry is filled a lap too early");
        }
        if let Some(entry) = before
            && matches!(self.block(entry.block).word, Word::Staged { position, .. } if position == entry.position)
        {
            return Err("OVERWRITTEN: a message is lost that nobody has claimed");
        }
        Ok(())
    }

    /// The answer *Full*.
    pub(super) fn full_is_exact(&self) -> Wrong {
        if self.scenario.full != Full::Unasked && !self.me().was_full {
            return Err("INEXACT: Full, and at every moment of the call a block was free");
        }
        Ok(())
    }

    /// This sender has loaned a block: *Full* says less to the others.
    pub(super) fn spoil_full(&mut self) {
        if self.scenario.full == Full::UnlessLoaned && self.keeps(Rule::FullUnlessLoaned) {
            let others = (0..self.scenario.processes.len()).filter(|&k| k != self.k);
            for k in others.filter(|&k| self.scenario.sends(k)) {
                let local = &mut self.state.processes[k];
                local.was_full |= looks_for_a_block(local.at);
            }
        }
    }
}

/// A length that was read is one.
pub(super) fn whole(length: u8) -> Wrong {
    if length == TORN || length == 0 {
        return Err("TORN: a length is read that nobody wrote");
    }
    Ok(())
}

/// It may still answer *Full*.
fn looks_for_a_block(at: At) -> bool {
    matches!(at, At::Scan { .. } | At::Loan { .. } | At::Blocked { .. })
}

impl Scenario {
    /// Notes for which senders there is no block at this moment.
    pub(super) fn note_full(&self, state: &mut State) {
        let free = (0..self.blocks).filter(|&block| state.blocks[usize::from(block)].word == Word::Free);
        let free: u8 = free.map(|block| 1 << block).sum();
        for (k, process) in self.processes.iter().enumerate().filter(|&(k, _)| self.sends(k)) {
            let local = &mut state.processes[k];
            local.was_full = looks_for_a_block(local.at) && (local.was_full || free & process.home == 0);
        }
    }

    /// The block to which process `k` is a party, if it is at work in one.
    fn at_work_in(&self, state: &State, k: usize) -> Option<u8> {
        match state.processes[k].at {
            At::Enter { .. } if !self.keeps(Rule::StagedBeforeEntry) => None,
            At::Fill { block }
            | At::Filled { block }
            | At::Publish { block }
            | At::Abort { block }
            | At::LoadTail { block }
            | At::SeekPlace { block, .. }
            | At::EarlyTail { block, .. }
            | At::Stage { block, .. }
            | At::Enter { block, .. }
            | At::StoreHead { block, .. }
            | At::ReadLength { block }
            | At::Return { block, .. }
            | At::Hold { block, .. }
            | At::Release { block, .. } => Some(block),
            At::Pass(pass)
            | At::EndPass(pass)
            | At::Ask { pass, .. }
            | At::Free { pass, .. }
            | At::MakeOrphan { pass, .. } => pass.taken,
            _ => None,
        }
    }
}
