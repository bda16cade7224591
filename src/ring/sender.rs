//! How does a sender put a message in?

use bytemuck::Pod;

use crate::edge;
use crate::layout::{Owner, Slot, State};
use crate::sync::Relaxed;

use super::cursor::Cursor;
use super::look::{self, Look, Walk};
use super::watch::{End, Watch};
use super::{Claim, Refused, Ring};

/// Claims made before the first of them is published, in a batch at a multi end: few enough that receivers behind the
/// first do not wait long, enough that the hint costs nothing. A guess.
const RUN: u64 = 32;

/// What was put in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    /// How many messages.
    pub(crate) count: usize,
    /// The position of the last, at a multi end: there others may wait for a place behind it.
    pub(crate) last: Option<u64>,
}

/// The sending end of a ring.
pub(crate) trait SendEnd<T> {
    /// The ring.
    fn ring(&self) -> &Ring<T>;

    /// What to keep an eye on while the ring is full.
    fn watch(&self) -> Watch<T>;

    /// Puts one message in. [`Refused::Blocked`]: full.
    fn try_push(&self, value: &T) -> Result<Sent, Refused>;

    /// Puts in as many as fit, in order, at least one of a non-empty slice, or says why not one.
    fn try_push_many(&self, values: &[T]) -> Result<Sent, Refused>;
}

/// The only sender: its position is its own, and it claims nothing.
pub(crate) struct SingleSender<T> {
    /// At the next position to fill.
    tail: Cursor<T>,
}

impl<T: Pod> SingleSender<T> {
    /// The end at the position that a walk from the hint finds. The caller keeps other senders away.
    pub(crate) fn new(ring: Ring<T>) -> Result<Self, Refused> {
        let (tail, _) = ring.find_tail()?;
        Ok(SingleSender {
            tail: Cursor::new(ring, tail),
        })
    }

    /// Not `FREE(lap)`: full, or a word that cannot be there.
    #[cold]
    fn refused(&self, state: State) -> Refused {
        match look::send(self.ring(), self.tail.position(), state) {
            Look::Blocked => Refused::Blocked,
            // Nobody else fills this ring, so the word at our position is free or a lap behind.
            Look::Ready | Look::Pass(_) | Look::Corrupt => Refused::Corrupt,
        }
    }

    /// Fills `slot`, at our position or in a run from there, if it is free.
    #[inline(always)]
    fn fill(&self, slot: &Slot<T>, value: &T) -> Result<(), State> {
        // [DRAIN] Acquire, pairs with the receiver's release of the slot (and [GAP] with a reaper's): who sees
        // FREE(lap) overwrites no payload that is still being read.
        let state = State::from_bits(slot.state.load(edge::DRAIN.acquire()));
        if state != self.tail.free() {
            return Err(state);
        }
        // SAFETY: R3: we are the single sender and the word is FREE(lap) at our position. A payload stands behind an
        // 8-byte word, so it is aligned to 8 bytes at least.
        unsafe { slot.payload.write(value) };
        // [PUB] Release, pairs with the receivers' look: who sees FULL(lap) sees the payload.
        slot.state.store(state.to_full().bits(), edge::PUB.release());
        Ok(())
    }

    /// Goes on behind `count` slots that are filled.
    #[inline(always)]
    fn advance(&self, count: usize) {
        if let Some(chunk) = self.tail.advance(count) {
            // [TAIL] Release: who starts here finds what is before it claimed. After the slot: R5.
            self.ring().lines().tail.0.store(chunk, edge::TAIL.release());
            self.tail.fetch_ahead(State::free);
        }
    }
}

impl<T: Pod> SendEnd<T> for SingleSender<T> {
    #[inline(always)]
    fn ring(&self) -> &Ring<T> {
        self.tail.ring()
    }

    fn watch(&self) -> Watch<T> {
        self.tail.watch(End::Sender)
    }

    #[inline(always)]
    fn try_push(&self, value: &T) -> Result<Sent, Refused> {
        match self.fill(self.tail.slot(), value) {
            Ok(()) => self.advance(1),
            Err(state) => return Err(self.refused(state)),
        }
        Ok(Sent { count: 1, last: None })
    }

    #[inline]
    fn try_push_many(&self, values: &[T]) -> Result<Sent, Refused> {
        let mut count = 0;
        while count < values.len() {
            let mut filled = 0;
            let mut refused = None;
            for (value, slot) in values[count..].iter().zip(self.tail.run()) {
                if let Err(state) = self.fill(slot, value) {
                    refused = Some(state);
                    break;
                }
                filled += 1;
            }
            self.advance(filled);
            count += filled;
            match refused {
                None => {}
                Some(state) if count == 0 => return Err(self.refused(state)),
                Some(_) => break,
            }
        }
        Ok(Sent { count, last: None })
    }
}

/// One of many senders: claims a slot under its id.
#[derive(Clone, Copy)]
pub(crate) struct MultiSender<T> {
    ring: Ring<T>,
    me: Owner,
}

impl<T: Pod> MultiSender<T> {
    /// The end of endpoint `me`. The caller holds its owner byte and has swept the id.
    pub(crate) fn new(ring: Ring<T>, me: Owner) -> Self {
        MultiSender { ring, me }
    }

    /// Where a walk starts.
    #[inline(always)]
    fn start(&self) -> u64 {
        // [TAIL] Acquire: every slot before the hint is seen claimed (R1).
        self.ring.hint(&self.ring.lines().tail.0, edge::TAIL.acquire())
    }

    /// The word at `p`.
    #[inline(always)]
    fn look(&self, p: u64) -> State {
        // [DRAIN] Acquire, pairs with the receiver's release of the slot (and [GAP] with a reaper's): who sees
        // FREE(lap) overwrites no payload that is still being read.
        self.ring.state(p, edge::DRAIN.acquire())
    }

    /// Claims the first free position.
    #[inline(always)]
    fn claim(&self) -> Result<Claim<T>, Refused> {
        let ring = self.ring;
        let mut position = self.start();
        if self.look(position) != State::free(ring.laps.lap(position)) || !self.try_claim(position) {
            position = self.claim_from(position)?;
        }
        Ok(Claim { ring, position })
    }

    /// The same, where the hint was behind, another was faster, or the ring is full.
    #[inline(never)]
    fn claim_from(&self, mut p: u64) -> Result<u64, Refused> {
        let ring = self.ring;
        let mut walk = Walk::new(ring.laps);
        loop {
            let state = self.look(p);
            if state == State::free(ring.laps.lap(p)) {
                if self.try_claim(p) {
                    return Ok(p);
                }
            } else {
                match look::send(&ring, p, state) {
                    Look::Pass(next) => p = next,
                    Look::Blocked => return Err(Refused::Blocked),
                    Look::Ready | Look::Corrupt => return Err(Refused::Corrupt),
                }
            }
            if walk.step()? {
                p = self.start();
            }
        }
    }

    /// `FREE(lap)` → `WRITING(lap, me)` at `p`.
    #[inline(always)]
    fn try_claim(&self, p: u64) -> bool {
        let lap = self.ring.laps.lap(p);
        // Success Relaxed: under the Acquire load of this very word by the caller; the claim itself publishes
        // nothing. Failure Relaxed: the caller looks again.
        self.ring
            .slot(p)
            .state
            .compare_exchange(
                State::free(lap).bits(),
                State::writing(lap, self.me).bits(),
                Relaxed,
                Relaxed,
            )
            .is_ok()
    }

    /// Claims positions right behind `claim` while they are free; how many there are, `claim` included.
    fn extend(&self, claim: &Claim<T>, most: usize) -> u64 {
        let ring = &self.ring;
        let most = RUN.min(most as u64).min(ring.laps.capacity());
        let mut count = 1;
        while count < most {
            let p = ring.laps.add(claim.position, count);
            if self.look(p) != State::free(ring.laps.lap(p)) || !self.try_claim(p) {
                break;
            }
            count += 1;
        }
        count
    }
}

impl<T: Pod> Claim<T> {
    /// Tells that everything up to and including this position is claimed.
    #[inline(always)]
    fn hint_tail(&self, position: u64) {
        let next = self.ring.laps.next(position);
        // [TAIL] Release: who starts here finds what is before it claimed. Before the publish: R5.
        self.ring.lines().tail.0.store(next, edge::TAIL.release());
    }

    /// Fills the place and publishes it: `WRITING(lap, me)` → `FULL(lap)`.
    #[inline(always)]
    fn publish(self, value: &T) {
        let slot = self.ring.slot(self.position);
        let lap = self.ring.laps.lap(self.position);
        // SAFETY: R3: the word is WRITING with our id, and only we (R4: alive) end that.
        unsafe { slot.payload.write(value) };
        // [PUB] Release, pairs with the receivers' look: who sees FULL(lap) sees the payload.
        slot.state.store(State::full(lap).bits(), edge::PUB.release());
    }
}

impl<T: Pod> SendEnd<T> for MultiSender<T> {
    #[inline(always)]
    fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    fn watch(&self) -> Watch<T> {
        // Corrupt, too, is for the next look to find.
        Watch::at(self.ring, self.ring.find_tail().map_or(0, |(p, _)| p), End::Sender)
    }

    #[inline(always)]
    fn try_push(&self, value: &T) -> Result<Sent, Refused> {
        let claim = self.claim()?;
        let last = claim.position;
        claim.hint_tail(last);
        claim.publish(value);
        Ok(Sent {
            count: 1,
            last: Some(last),
        })
    }

    fn try_push_many(&self, values: &[T]) -> Result<Sent, Refused> {
        let ring = self.ring;
        let first = self.claim()?;
        let count = self.extend(&first, values.len());
        let last = ring.laps.add(first.position, count - 1);
        first.hint_tail(last);
        for (i, value) in values.iter().enumerate().take(count as usize) {
            let position = ring.laps.add(first.position, i as u64);
            Claim { ring, position }.publish(value);
        }
        Ok(Sent {
            count: count as usize,
            last: Some(last),
        })
    }
}
