//! How does a sender put a message in?

use std::cell::Cell;

use bytemuck::Pod;

use crate::edge;
use crate::layout::{Owner, State};
use crate::sync::Relaxed;

use super::look::{self, Look, Walk};
use super::{Claim, Refused, Ring};

/// Claims made before the first of them is published, in a batch at a multi end: few enough that receivers behind the
/// first do not wait long, enough that the hint costs nothing. A guess.
const RUN: u64 = 32;

/// What was put in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    /// How many messages.
    pub(crate) count: usize,
    /// The position of the last.
    pub(crate) last: u64,
}

/// The sending end of a ring.
pub(crate) trait SendEnd<T> {
    /// Puts one message in. [`Refused::Blocked`]: full.
    fn try_push(&self, value: &T) -> Result<Sent, Refused>;

    /// Puts in as many as fit, in order, at least one of a non-empty slice, or says why not one.
    fn try_push_many(&self, values: &[T]) -> Result<Sent, Refused>;
}

/// The only sender: its position is its own, and it claims nothing.
pub(crate) struct SingleSender<T> {
    ring: Ring<T>,
    /// The next position to fill.
    tail: Cell<u64>,
}

impl<T: Pod> SingleSender<T> {
    /// The end at the position that a walk from the hint finds. The caller keeps other senders away.
    pub(crate) fn new(ring: Ring<T>) -> Result<Self, Refused> {
        let (tail, _) = ring.find_tail()?;
        Ok(SingleSender {
            ring,
            tail: Cell::new(tail),
        })
    }

    /// Not `FREE(lap)`: full, or a word that cannot be there.
    #[cold]
    fn refused(&self, p: u64, state: State) -> Refused {
        match look::send(&self.ring, p, state) {
            Look::Blocked => Refused::Blocked,
            // Nobody else fills this ring, so the word at our position is free or a lap behind.
            Look::Ready | Look::Pass(_) | Look::Corrupt => Refused::Corrupt,
        }
    }

    /// Fills position `p`, if it is free.
    #[inline(always)]
    fn fill(&self, p: u64, value: &T) -> Result<(), Refused> {
        let ring = &self.ring;
        let slot = ring.slot(p);
        let lap = ring.laps.lap(p);
        // [DRAIN] Acquire, pairs with the receiver's release of the slot (and [GAP] with a reaper's): who sees
        // FREE(lap) overwrites no payload that is still being read.
        let state = State::from_bits(slot.state.load(edge::DRAIN.acquire()));
        if state != State::free(lap) {
            return Err(self.refused(p, state));
        }
        // SAFETY: R3: we are the single sender and the word is FREE(lap) at our position. A payload stands behind an
        // 8-byte word, so it is aligned to 8 bytes at least.
        unsafe { slot.payload.write(value) };
        // [PUB] Release, pairs with the receivers' look: who sees FULL(lap) sees the payload.
        slot.state.store(State::full(lap).bits(), edge::PUB.release());
        Ok(())
    }

    /// Remembers and tells that everything before `p` is filled.
    #[inline(always)]
    fn advance(&self, p: u64) {
        self.tail.set(p);
        // [TAIL] Release: who starts here finds what is before it claimed. After the slot: R5.
        self.ring.lines().tail.0.store(p, edge::TAIL.release());
    }
}

impl<T: Pod> SendEnd<T> for SingleSender<T> {
    #[inline(always)]
    fn try_push(&self, value: &T) -> Result<Sent, Refused> {
        let p = self.tail.get();
        self.fill(p, value)?;
        self.advance(self.ring.laps.next(p));
        Ok(Sent { count: 1, last: p })
    }

    #[inline]
    fn try_push_many(&self, values: &[T]) -> Result<Sent, Refused> {
        let laps = self.ring.laps;
        let first = self.tail.get();
        let mut count = 0;
        let mut outcome = Ok(());
        for value in values {
            outcome = self.fill(laps.add(first, count as u64), value);
            if outcome.is_err() {
                break;
            }
            count += 1;
        }
        if count == 0 {
            outcome?;
        }
        let next = laps.add(first, count as u64);
        self.advance(next);
        Ok(Sent {
            count,
            last: laps.add(next, u64::MAX),
        })
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

    /// Claims the first free position.
    #[inline(always)]
    fn claim(&self) -> Result<Claim<'_, T>, Refused> {
        let ring = &self.ring;
        // [TAIL] Acquire: every slot before the hint is seen claimed (R1).
        let start = || ring.hint(&ring.lines().tail.0, edge::TAIL.acquire());
        let mut walk = Walk::new(ring.laps);
        let mut p = start();
        loop {
            // [DRAIN] Acquire, pairs with the receiver's release of the slot (and [GAP] with a reaper's): who sees
            // FREE(lap) overwrites no payload that is still being read.
            let state = ring.state(p, edge::DRAIN.acquire());
            if state == State::free(ring.laps.lap(p)) {
                if self.try_claim(p) {
                    return Ok(Claim { ring, position: p });
                }
            } else {
                match look::send(ring, p, state) {
                    Look::Pass(next) => p = next,
                    Look::Blocked => return Err(Refused::Blocked),
                    Look::Ready | Look::Corrupt => return Err(Refused::Corrupt),
                }
            }
            if walk.step()? {
                p = start();
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
    fn extend(&self, claim: &Claim<'_, T>, most: usize) -> u64 {
        let ring = &self.ring;
        let most = RUN.min(most as u64).min(ring.laps.capacity());
        let mut count = 1;
        while count < most {
            let p = ring.laps.add(claim.position, count);
            // [DRAIN] Acquire, as in `claim`.
            let state = ring.state(p, edge::DRAIN.acquire());
            if state != State::free(ring.laps.lap(p)) || !self.try_claim(p) {
                break;
            }
            count += 1;
        }
        count
    }
}

impl<T: Pod> Claim<'_, T> {
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
    fn try_push(&self, value: &T) -> Result<Sent, Refused> {
        let claim = self.claim()?;
        let last = claim.position;
        claim.hint_tail(last);
        claim.publish(value);
        Ok(Sent { count: 1, last })
    }

    fn try_push_many(&self, values: &[T]) -> Result<Sent, Refused> {
        let ring = &self.ring;
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
            last,
        })
    }
}
