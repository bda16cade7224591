//! How does a sender put a message in?

use super::word::{self, Look, Word};
use super::{At, Job, Rule, State, TORN, Turn, bit};
use crate::explore::Step;

impl Turn<'_> {
    /// The hint of its own end.
    pub(super) fn hint(&self) -> u8 {
        if self.sends() { self.state.tail } else { self.state.head }
    }

    pub(super) fn begin_to_send(mut self) -> Option<Step<State>> {
        if self.me().left == 0 {
            return None;
        }
        if self.multi() {
            self.me_mut().p = self.hint();
            return Some(self.then(At::Look, "loads the tail hint"));
        }
        self.me_mut().p = self.me().cursor;
        Some(self.look_for_a_place())
    }

    pub(super) fn look_for_a_place(mut self) -> Step<State> {
        const WHAT: &str = "looks for a place";
        let p = self.me().p;
        match word::send(self.laps(), p, self.word(p), self.scenario.without) {
            Look::Ready if self.multi() => self.then(At::Claim, WHAT),
            Look::Ready => self.unless(self.first_unclaimed(p), WHAT, |mut turn| {
                turn.me_mut().claimed = 1;
                turn.then(turn.first_step_of_a_single(), WHAT)
            }),
            Look::Pass(next) if self.multi() => self.walk(next, WHAT),
            Look::Blocked => self.unless(self.full_is_exact(p), "finds the ring full", |turn| {
                turn.then(At::Idle, "finds the ring full")
            }),
            Look::Pass(_) | Look::Corrupt => {
                self.me_mut().at = At::Idle;
                self.wrong(WHAT, "CORRUPT: a sender takes a sound ring for corrupt")
            }
        }
    }

    /// Where a single end goes on with the slot that it has found.
    pub(super) fn first_step_of_a_single(&self) -> At {
        if !self.keeps(Rule::HintAfterSlot) && self.ends_a_chunk() {
            At::Hint
        } else {
            At::Copy
        }
    }

    /// The position is the last before a single end stores its hint.
    pub(super) fn ends_a_chunk(&self) -> bool {
        self.laps().add(self.me().p, 1).is_multiple_of(self.scenario.chunk)
    }

    /// `FREE(lap)` → `WRITING(lap, me)`, or `FULL(lap)` → `READING(lap, me)`: the first, or one behind others.
    pub(super) fn claim(mut self) -> Step<State> {
        const WHAT: &str = "claims";
        let first = self.me().at == At::Claim;
        let p = self.laps().add(self.me().p, self.me().claimed);
        let lap = self.laps().lap(p);
        let (from, to) = if self.sends() {
            (Word::free(lap), Word::writing(lap, self.me().id))
        } else {
            (Word::full(lap), Word::reading(lap, self.me().id))
        };
        if self.word(p) != from && self.keeps(Rule::ClaimByCas) {
            return self.then(if first { At::Look } else { self.after_claims() }, "fails to claim");
        }
        let in_order = if self.sends() {
            self.first_unclaimed(p)
        } else {
            self.oldest(p)
        };
        let in_order = if self.keeps(Rule::ClaimByCas) { in_order } else { Ok(()) };
        self.slot(p).word = to;
        self.me_mut().claimed += 1;
        let next = if self.me().claimed < self.most() {
            At::ExtendLook
        } else {
            self.after_claims()
        };
        self.unless(in_order, WHAT, |turn| turn.then(next, WHAT))
    }

    /// How many it claims with one call.
    fn most(&self) -> u8 {
        let most = match self.job() {
            Job::Send { batch, .. } => batch.min(self.me().left),
            Job::Receive { batch } => batch,
            Job::Lease { .. } => 1,
        };
        most.min(self.laps().capacity)
    }

    fn after_claims(&self) -> At {
        if self.keeps(Rule::HintBeforeStore) {
            At::Hint
        } else {
            At::Copy
        }
    }

    /// Looks at the position behind those that it has claimed.
    pub(super) fn extend(self) -> Step<State> {
        let p = self.laps().add(self.me().p, self.me().claimed);
        let lap = self.laps().lap(p);
        let wanted = if self.sends() { Word::free(lap) } else { Word::full(lap) };
        let next = if self.word(p) == wanted {
            At::ExtendClaim
        } else {
            self.after_claims()
        };
        self.then(next, "looks at the next position")
    }

    /// Tells how far this end is: a multi end after its claims, a single end after the slots (R5).
    pub(super) fn store_hint(mut self) -> Step<State> {
        const WHAT: &str = "stores the hint";
        let next = self.laps().add(self.me().p, self.me().claimed);
        let late = self.me().done == self.me().claimed;
        let oldest = self.oldest_held().filter(|_| self.keeps(Rule::HintBehindHeld));
        let hint = if self.multi() { next } else { oldest.unwrap_or(next) };
        if self.sends() {
            self.state.tail = hint;
        } else {
            self.state.head = hint;
        }
        let next = if late { At::Idle } else { At::Copy };
        self.unless(self.less_than_a_lap(hint), WHAT, |turn| turn.then(next, WHAT))
    }

    /// The word of the place that it fills.
    fn place(&self) -> (u8, Word) {
        let p = self.laps().add(self.me().p, self.me().done);
        let lap = self.laps().lap(p);
        let word = if self.multi() {
            Word::writing(lap, self.me().id)
        } else {
            Word::free(lap)
        };
        (p, word)
    }

    pub(super) fn write_half(mut self) -> Step<State> {
        const WHAT: &str = "copies half a message in";
        let (p, mine) = self.place();
        let check = self.still(p, mine);
        self.slot(p).payload = TORN;
        if !self.keeps(Rule::CopyBeforePublish) {
            self.slot(p).word = Word::full(mine.lap);
        }
        self.unless(check, WHAT, |turn| turn.then(At::Copied, WHAT))
    }

    /// The message that it sends now.
    fn message(&self) -> u8 {
        let Job::Send { count, .. } = self.job() else {
            unreachable!("a receiver does not send");
        };
        self.scenario.first(self.k) + count - self.me().left
    }

    pub(super) fn write(mut self) -> Step<State> {
        let (p, _) = self.place();
        self.slot(p).payload = self.message();
        self.then(At::Store, "copies the other half in")
    }

    /// `FULL(lap)`.
    pub(super) fn publish(mut self) -> Step<State> {
        const WHAT: &str = "publishes";
        let (p, mine) = self.place();
        let early = !self.keeps(Rule::CopyBeforePublish);
        let check = if early { Ok(()) } else { self.still(p, mine) };
        self.slot(p).word = Word::full(mine.lap);
        self.state.sent |= bit(self.message());
        self.me_mut().left -= 1;
        let next = self.dealt_with(p);
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    /// One more of those that it has claimed is dealt with.
    pub(super) fn dealt_with(&mut self, p: u8) -> At {
        self.me_mut().done += 1;
        self.me_mut().cursor = self.laps().add(p, 1);
        if self.me().done < self.me().claimed {
            return At::Copy;
        }
        let late = if self.multi() {
            // What was taken over or is an orphan says nothing about where the end stands.
            !self.keeps(Rule::HintBeforeStore) && self.me().byte != super::ORPHAN
        } else {
            self.keeps(Rule::HintAfterSlot) && self.ends_a_chunk()
        };
        if late { At::Hint } else { At::Idle }
    }
}
