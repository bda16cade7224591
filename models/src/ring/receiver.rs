//! How does a receiver take a message out, or hold it?

use super::word::{self, Look, Word};
use super::{At, Held, Job, NOBODY, ORPHAN, Phase, Rule, State, TORN, Turn, bit};
use crate::explore::Step;

impl Turn<'_> {
    pub(super) fn begin_to_receive(mut self, next: &mut Vec<Step<State>>) {
        let holds = self
            .me()
            .held
            .iter()
            .filter(|held| held.value != 0 && !held.back)
            .count();
        for i in 0..self.me().held.len() {
            if self.me().held[i].value != 0 && !self.me().held[i].back {
                next.push(self.end_lease(i));
                if self.me().left > 0 {
                    next.push(self.hand_back(i));
                }
            }
        }
        if let Job::Lease { most, .. } = self.job() {
            if holds >= usize::from(most) {
                return;
            }
            if let Some(i) = self.me().held.iter().position(|held| held.back) {
                // Whatever comes back is received before anything newer.
                return next.push(self.hold_again(i));
            }
        }
        if self.multi() {
            self.me_mut().p = self.hint();
            return next.push(self.then(At::Look, "loads the head hint"));
        }
        self.me_mut().p = self.me().cursor;
        next.push(self.look_for_a_message());
    }

    pub(super) fn look_for_a_message(mut self) -> Step<State> {
        const WHAT: &str = "looks for a message";
        let p = self.me().p;
        if self.holds_the_lap_before(p) {
            return self.empty();
        }
        match word::receive(self.laps(), p, self.word(p), self.scenario.without) {
            Look::Ready if self.multi() => self.then(At::Claim, WHAT),
            Look::Ready => self.unless(self.oldest(p), WHAT, |mut turn| {
                turn.me_mut().claimed = 1;
                turn.then(turn.first_step_of_a_single(), WHAT)
            }),
            Look::Pass(next) => self.walk(next, WHAT),
            Look::Blocked => self.empty(),
            Look::Corrupt => {
                self.me_mut().at = At::Idle;
                self.wrong(WHAT, "CORRUPT: a receiver takes a sound ring for corrupt")
            }
        }
    }

    fn empty(mut self) -> Step<State> {
        const WHAT: &str = "finds the ring empty";
        // Gaps once passed need not be passed again.
        self.me_mut().cursor = self.me().p;
        self.unless(self.empty_is_exact(self.me().p), WHAT, |turn| turn.then(At::Idle, WHAT))
    }

    /// The slot of `p` is taken by a message that this receiver holds: no sender can have come to `p`.
    fn holds_the_lap_before(&self, p: u8) -> bool {
        let laps = self.laps();
        let before = laps.at(laps.lap(p) + laps.laps - 1, laps.index(p));
        let holds = |held: &Held| held.value != 0 && held.position == before;
        !self.multi() && self.keeps(Rule::HeldLapIsEmpty) && self.me().held.iter().any(holds)
    }

    /// The oldest that a single receiver holds.
    pub(super) fn oldest_held(&self) -> Option<u8> {
        let laps = self.laps();
        let positions = self
            .me()
            .held
            .iter()
            .filter(|held| held.value != 0)
            .map(|held| held.position);
        positions.reduce(|a, b| if laps.distance(a, b) < 0 { b } else { a })
    }

    /// The word of the message at `p` while it is this receiver's.
    fn taken(&self, p: u8) -> Word {
        let lap = self.laps().lap(p);
        if self.multi() {
            Word::reading(lap, self.me().id)
        } else {
            Word::full(lap)
        }
    }

    fn message_at(&self) -> (u8, Word) {
        let p = self.laps().add(self.me().p, self.me().done);
        (p, self.taken(p))
    }

    pub(super) fn read_half(mut self) -> Step<State> {
        const WHAT: &str = "copies half a message out";
        let (p, mine) = self.message_at();
        let payload = self.slot(p).payload;
        let check = self.still(p, mine).and(whole(payload));
        self.me_mut().value = payload;
        self.unless(check, WHAT, |turn| turn.then(At::Copied, WHAT))
    }

    pub(super) fn read(mut self) -> Step<State> {
        const WHAT: &str = "copies the other half out";
        let (p, _) = self.message_at();
        let same = self.slot(p).payload == self.me().value;
        let check = if same {
            Ok(())
        } else {
            Err("TORN: a payload changes while it is read")
        };
        let reaps = self.me().byte < NOBODY;
        self.unless(check, WHAT, |turn| {
            turn.then(if reaps { At::Unlock } else { At::Store }, WHAT)
        })
    }

    /// Frees the slot, or holds it.
    pub(super) fn release(mut self) -> Step<State> {
        if matches!(self.job(), Job::Lease { .. }) {
            return self.hold();
        }
        const WHAT: &str = "frees the slot";
        let (p, mine) = self.message_at();
        let value = self.me().value;
        let check = self.still(p, mine).and_then(|()| self.receive(value));
        self.free(p);
        let next = self.dealt_with(p);
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    fn free(&mut self, p: u8) {
        let lap = self.laps().lap(self.laps().add(p, self.laps().capacity));
        let slot = self.slot(p);
        slot.word = Word::free(lap);
        slot.payload = 0;
    }

    /// The caller gets the message, and the slot stays as it is.
    fn hold(mut self) -> Step<State> {
        const WHAT: &str = "holds the message";
        let (position, mine) = self.message_at();
        let value = self.me().value;
        let check = self.still(position, mine).and_then(|()| self.tell(value));
        let free = self.me().held.iter().position(|held| held.value == 0);
        self.me_mut().held[free.expect("it holds no more than it may")] = Held {
            value,
            position,
            back: false,
        };
        let next = self.dealt_with(position);
        self.unless(check, WHAT, |turn| turn.then(next, WHAT))
    }

    /// Holds again what it has handed back itself, at a single end.
    fn hold_again(mut self, i: usize) -> Step<State> {
        const WHAT: &str = "holds again";
        let held = self.me().held[i];
        let mine = self.taken(held.position);
        let check = self.still(held.position, mine).and_then(|()| self.tell(held.value));
        self.me_mut().held[i].back = false;
        self.unless(check, WHAT, |turn| turn.then(At::Idle, WHAT))
    }

    /// Acknowledges: `FREE(lap + 1)`.
    fn end_lease(mut self, i: usize) -> Step<State> {
        const WHAT: &str = "acknowledges";
        let held = self.me().held[i];
        let mine = self.taken(held.position);
        let check = self
            .still(held.position, mine)
            .and_then(|()| self.acknowledge(held.value));
        self.me_mut().held[i] = Held::default();
        self.free(held.position);
        self.unless(check, WHAT, |turn| turn.then(At::Idle, WHAT))
    }

    /// Hands back: `READING(ORPHAN)`, or a note at a single end.
    fn hand_back(mut self, i: usize) -> Step<State> {
        const WHAT: &str = "hands back";
        let held = self.me().held[i];
        let check = self.still(held.position, self.taken(held.position));
        self.state.again |= bit(held.value);
        self.me_mut().left -= 1;
        if self.multi() || !self.keeps(Rule::HandBackMarks) {
            self.me_mut().held[i] = Held::default();
        } else {
            self.me_mut().held[i].back = true;
        }
        if !self.keeps(Rule::HandBackKeepsMessage) {
            self.me_mut().held[i] = Held::default();
            self.free(held.position);
        } else if self.multi() && self.keeps(Rule::HandBackMarks) {
            self.slot(held.position).word.phase = Phase::Reading(ORPHAN);
        }
        self.unless(check, WHAT, |turn| turn.then(At::Idle, WHAT))
    }
}

fn whole(payload: u8) -> Result<(), &'static str> {
    if payload == TORN || payload == 0 {
        return Err("TORN: half a message is read");
    }
    Ok(())
}
