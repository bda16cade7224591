//! How does a receiver take a message out?

use std::cell::Cell;

use bytemuck::Pod;

use crate::edge;
use crate::layout::{Owner, State};
use crate::sync::Relaxed;

use super::look::{self, Look, Walk};
use super::{Claim, Refused, Ring};

/// Claims made before the first of them is released, in a batch at a multi end. As for senders, a guess.
const RUN: u64 = 32;

/// The receiving end of a ring.
pub(crate) trait ReceiveEnd<T> {
    /// Takes one message and its position. [`Refused::Blocked`]: empty.
    fn try_pop(&self) -> Result<(T, u64), Refused>;

    /// Takes as many as there are, in order, into the front of `values`: how many, and the last position. At least
    /// one into a non-empty slice, or why not one.
    fn try_pop_many(&self, values: &mut [T]) -> Result<(usize, u64), Refused>;
}

/// The only receiver: its position is its own, and it claims nothing.
pub(crate) struct SingleReceiver<T> {
    ring: Ring<T>,
    /// The next position to drain.
    head: Cell<u64>,
}

impl<T: Pod> SingleReceiver<T> {
    /// The end at the position that a walk from the hint finds. The caller keeps other receivers away.
    pub(crate) fn new(ring: Ring<T>) -> Result<Self, Refused> {
        let (head, _) = ring.find_head()?;
        Ok(SingleReceiver {
            ring,
            head: Cell::new(head),
        })
    }

    /// Not `FULL(lap)` at `p`: where the next message is, if there are gaps before one.
    fn past_gaps(&self, mut p: u64, mut state: State) -> Result<u64, Refused> {
        let ring = &self.ring;
        let mut walk = Walk::new(ring.laps);
        loop {
            match look::receive(ring, p, state) {
                Look::Ready => return Ok(p),
                Look::Pass(next) => p = next,
                Look::Blocked => {
                    // Gaps once passed need not be passed again.
                    self.head.set(p);
                    return Err(Refused::Blocked);
                }
                Look::Corrupt => return Err(Refused::Corrupt),
            }
            walk.step()?;
            // [PUB] Acquire, as in `next`.
            state = ring.state(p, edge::PUB.acquire());
        }
    }

    /// Takes the message at or after `p` and frees its slot; with its position.
    #[inline(always)]
    fn next(&self, p: u64) -> Result<(T, u64), Refused> {
        // [PUB] Acquire, pairs with the sender's publish: who sees FULL(lap) sees the payload.
        let state = self.ring.state(p, edge::PUB.acquire());
        if state == State::full(self.ring.laps.lap(p)) {
            // SAFETY: `p` is our position, and its word is FULL(lap).
            return Ok((unsafe { self.drain(p) }, p));
        }
        self.next_past_gaps(p, state)
    }

    /// The same, when the word at `p` is not `FULL(lap)`.
    #[cold]
    fn next_past_gaps(&self, p: u64, state: State) -> Result<(T, u64), Refused> {
        let p = self.past_gaps(p, state)?;
        // SAFETY: there are only gaps between our position and `p`, whose word is FULL(lap).
        Ok((unsafe { self.drain(p) }, p))
    }

    /// Copies the message at `p` out and frees its slot.
    ///
    /// # Safety
    /// `p` is our position and its word is `FULL(lap)`.
    #[inline(always)]
    unsafe fn drain(&self, p: u64) -> T {
        let laps = self.ring.laps;
        let slot = self.ring.slot(p);
        // SAFETY: R3: we are the single receiver and the word is FULL(lap) at our position (contract).
        let value = unsafe { slot.payload.read() };
        let free = State::free(laps.next_lap(laps.lap(p)));
        // [DRAIN] Release, pairs with the senders' look: the copy is done before they overwrite it.
        slot.state.store(free.bits(), edge::DRAIN.release());
        value
    }

    /// Remembers and tells that everything before `p` is drained.
    #[inline(always)]
    fn advance(&self, p: u64) {
        self.head.set(p);
        // [HEAD] Release: who starts here finds what is before it drained. After the slot: R5.
        self.ring.lines().head.0.store(p, edge::HEAD.release());
    }
}

impl<T: Pod> ReceiveEnd<T> for SingleReceiver<T> {
    #[inline(always)]
    fn try_pop(&self) -> Result<(T, u64), Refused> {
        let (value, p) = self.next(self.head.get())?;
        self.advance(self.ring.laps.next(p));
        Ok((value, p))
    }

    #[inline]
    fn try_pop_many(&self, values: &mut [T]) -> Result<(usize, u64), Refused> {
        let laps = self.ring.laps;
        let mut last = self.head.get();
        let mut next = last;
        let mut count = 0;
        for value in values {
            match self.next(next) {
                Ok(taken) => (*value, last) = taken,
                Err(refused) if count == 0 => return Err(refused),
                Err(_) => break,
            }
            next = laps.next(last);
            count += 1;
        }
        self.advance(next);
        Ok((count, last))
    }
}

/// One of many receivers: claims a message under its id.
#[derive(Clone, Copy)]
pub(crate) struct MultiReceiver<T> {
    ring: Ring<T>,
    me: Owner,
}

impl<T: Pod> MultiReceiver<T> {
    /// The end of endpoint `me`. The caller holds its owner byte and has swept the id.
    pub(crate) fn new(ring: Ring<T>, me: Owner) -> Self {
        MultiReceiver { ring, me }
    }

    /// Claims the first message.
    #[inline(always)]
    fn claim(&self) -> Result<Claim<'_, T>, Refused> {
        let ring = &self.ring;
        // [HEAD] Acquire: every slot before the hint is seen claimed or drained (R2).
        let start = || ring.hint(&ring.lines().head.0, edge::HEAD.acquire());
        let mut walk = Walk::new(ring.laps);
        let mut p = start();
        loop {
            // [PUB] Acquire, pairs with the sender's publish: who sees FULL(lap) sees the payload.
            let state = ring.state(p, edge::PUB.acquire());
            if state == State::full(ring.laps.lap(p)) {
                if self.try_claim(p) {
                    return Ok(Claim { ring, position: p });
                }
            } else {
                match look::receive(ring, p, state) {
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

    /// `FULL(lap)` → `READING(lap, me)` at `p`.
    #[inline(always)]
    fn try_claim(&self, p: u64) -> bool {
        let lap = self.ring.laps.lap(p);
        // Success Relaxed: under the Acquire load of this very word by the caller; the claim itself publishes
        // nothing. Failure Relaxed: the caller looks again.
        self.ring
            .slot(p)
            .state
            .compare_exchange(
                State::full(lap).bits(),
                State::reading(lap, self.me).bits(),
                Relaxed,
                Relaxed,
            )
            .is_ok()
    }

    /// Claims messages right behind `claim`; how many there are, `claim` included.
    fn extend(&self, claim: &Claim<'_, T>, most: usize) -> u64 {
        let ring = &self.ring;
        let most = RUN.min(most as u64).min(ring.laps.capacity());
        let mut count = 1;
        while count < most {
            let p = ring.laps.add(claim.position, count);
            // [PUB] Acquire, as in `claim`.
            let state = ring.state(p, edge::PUB.acquire());
            if state != State::full(ring.laps.lap(p)) || !self.try_claim(p) {
                break;
            }
            count += 1;
        }
        count
    }
}

impl<T: Pod> Claim<'_, T> {
    /// Tells that everything up to and including `position` is claimed.
    #[inline(always)]
    fn hint_head(&self, position: u64) {
        let next = self.ring.laps.next(position);
        // [HEAD] Release: who starts here finds what is before it claimed or drained. Before the release: R5.
        self.ring.lines().head.0.store(next, edge::HEAD.release());
    }

    /// Copies the message out and frees its slot: `READING(lap, me)` → `FREE(lap + 1)`.
    #[inline(always)]
    pub(crate) fn take(self) -> T {
        let laps = self.ring.laps;
        let slot = self.ring.slot(self.position);
        // SAFETY: R3: the word is READING with our id, and only we (R4: alive) end that.
        let value = unsafe { slot.payload.read() };
        let free = State::free(laps.next_lap(laps.lap(self.position)));
        // [DRAIN] Release, pairs with the senders' look: the copy is done before they overwrite it.
        slot.state.store(free.bits(), edge::DRAIN.release());
        value
    }
}

impl<T: Pod> ReceiveEnd<T> for MultiReceiver<T> {
    #[inline(always)]
    fn try_pop(&self) -> Result<(T, u64), Refused> {
        let claim = self.claim()?;
        let last = claim.position;
        claim.hint_head(last);
        Ok((claim.take(), last))
    }

    fn try_pop_many(&self, values: &mut [T]) -> Result<(usize, u64), Refused> {
        let ring = &self.ring;
        let first = self.claim()?;
        let count = self.extend(&first, values.len());
        let last = ring.laps.add(first.position, count - 1);
        first.hint_head(last);
        for (i, value) in values.iter_mut().enumerate().take(count as usize) {
            let position = ring.laps.add(first.position, i as u64);
            *value = Claim { ring, position }.take();
        }
        Ok((count as usize, last))
    }
}
