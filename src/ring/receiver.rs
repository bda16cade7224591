//! How does a receiver take a message out?

use std::mem::MaybeUninit;

use bytemuck::Pod;

use crate::edge;
use crate::layout::{Owner, Slot, State};
use crate::sync::Relaxed;

use super::cursor::Cursor;
use super::held::Held;
use super::look::{self, Look, Walk};
use super::target::Target;
use super::watch::{End, Watch};
use super::{Claim, Refused, Ring};

/// Claims made before the first of them is released, in a batch at a multi end. As for senders, a guess.
const RUN: u64 = 32;

/// The receiving end of a ring.
pub(crate) trait ReceiveEnd<T> {
    /// The ring.
    fn ring(&self) -> &Ring<T>;

    /// What to keep an eye on while the ring is empty.
    fn watch(&self) -> Watch<T>;

    /// Takes one message, which is in `into` if this is `Ok`; its position at a multi end, where others may wait for one
    /// behind it. [`Refused::Blocked`]: empty.
    ///
    /// All that touches `into` is to be inlined, so that a small message can stay in a register.
    fn try_pop_into(&self, into: &mut Target<'_, T>) -> Result<Option<u64>, Refused>;

    /// Takes as many as there are, in order, into the front of `values`: how many, and the last position likewise. At
    /// least one into a non-empty slice, or why not one.
    fn try_pop_many(&self, values: &mut [T]) -> Result<(usize, Option<u64>), Refused>;

    /// Holds one message, and returns it with its position: until that is
    /// [freed](Self::free) or [handed back](Self::hand_back), nobody else gets it, and nothing is written over it.
    fn try_hold(&self) -> Result<(T, u64), Refused>;

    /// Holds the oldest message that has come back, from ourselves or, at a multi end, from another.
    fn hold_again(&self) -> Result<Option<(T, u64)>, Refused>;

    /// Frees the slot of a message that this end holds; [`Refused::Corrupt`] if its word does not say so any more.
    fn free(&self, position: u64) -> Result<(), Refused>;

    /// Lets a message that this end holds be received again; likewise.
    fn hand_back(&self, position: u64) -> Result<(), Refused>;

    /// Nothing is left to receive, after a [`Refused::Blocked`], now or when a sender's claim is published: what other
    /// receivers hold is theirs.
    fn drained(&self) -> Result<bool, Refused>;

    /// The oldest message that a receiver, or a thread of this one, holds, and that may come back; never at a single end.
    fn oldest_held(&self) -> Result<Option<u64>, Refused>;
}

/// The only receiver: its position is its own, and it claims nothing.
pub(crate) struct SingleReceiver<T> {
    /// At the next position to drain.
    head: Cursor<T>,
    held: Held,
}

impl<T: Pod> SingleReceiver<T> {
    /// The end at the position that a walk from the hint finds. The caller keeps other receivers away.
    pub(crate) fn new(ring: Ring<T>) -> Result<Self, Refused> {
        let (head, _) = ring.find_head()?;
        Ok(SingleReceiver {
            head: Cursor::new(ring, head),
            held: Held::default(),
        })
    }

    /// Not `FULL(lap)` at our position: goes past the gaps there to the next message.
    #[cold]
    fn pass_gaps(&self, mut state: State) -> Result<(), Refused> {
        let ring = self.ring();
        let mut p = self.head.position();
        let mut walk = Walk::new(ring.laps);
        loop {
            if self.holds_the_lap_before(p) {
                self.head.move_to(p);
                return Err(Refused::Blocked);
            }
            match look::receive(ring, p, state) {
                Look::Ready => {
                    self.head.move_to(p);
                    return Ok(());
                }
                Look::Pass(next) => p = next,
                Look::Blocked => {
                    // Gaps once passed need not be passed again.
                    self.head.move_to(p);
                    return Err(Refused::Blocked);
                }
                Look::Corrupt => return Err(Refused::Corrupt),
            }
            walk.step()?;
            // Relaxed: hint (re-checked by [PUB] in `drain`). None looks too old: we have drained them all, or hold them.
            state = ring.state(p, Relaxed);
        }
    }

    /// The slot of `p` is still taken by a message that we hold: no sender can have come to `p`. That is the oldest, since
    /// we have not passed the place of the next lap in any slot that we hold.
    fn holds_the_lap_before(&self, p: u64) -> bool {
        let laps = self.ring().laps;
        self.held.oldest() == Some(laps.at(laps.lap_before(laps.lap(p)), laps.index(p)))
    }

    /// The slot of a message that we hold, if it says so.
    fn held_slot(&self, position: u64) -> Result<&Slot<T>, Refused> {
        let ring = self.ring();
        // Relaxed: under PUB, by which it was seen when it was held first.
        if ring.state(position, Relaxed) == State::full(ring.laps.lap(position)) {
            Ok(ring.slot(position))
        } else {
            Err(Refused::Corrupt)
        }
    }

    /// Whether there is a message in `slot`, at our position or in a run from there; what there is instead.
    #[inline(always)]
    fn look(&self, slot: &Slot<T>) -> Result<(), State> {
        // [PUB] Acquire, pairs with the sender's publish: who sees FULL(lap) sees the payload.
        let state = State::from_bits(slot.state.load(edge::PUB.acquire()));
        if state == self.head.full() { Ok(()) } else { Err(state) }
    }

    /// Copies the message out of `slot`, if there is one.
    #[inline(always)]
    fn copy(&self, slot: &Slot<T>, into: &mut Target<'_, T>) -> Result<(), State> {
        self.look(slot)?;
        // SAFETY: R3: we are the single receiver and the word is FULL(lap) at our position: nobody else ends that.
        unsafe { slot.payload.read_into(into.place()) };
        Ok(())
    }

    /// The same, and frees the slot.
    #[inline(always)]
    fn drain(&self, slot: &Slot<T>, into: &mut Target<'_, T>) -> Result<(), State> {
        self.copy(slot, into)?;
        self.release(slot);
        Ok(())
    }

    /// Frees `slot`, which has been copied out.
    #[inline(always)]
    fn release(&self, slot: &Slot<T>) {
        // [DRAIN] Release, pairs with the senders' look: the copy is done before they overwrite it.
        slot.state.store(self.head.next_free().bits(), edge::DRAIN.release());
    }

    /// Goes on behind `count` slots that are drained, or held.
    #[inline(always)]
    fn advance(&self, count: usize) {
        if let Some(chunk) = self.head.advance(count) {
            self.hint_head(chunk);
            self.head.fetch_ahead(State::full);
        }
    }

    /// Tells that everything before `chunk` is drained, or before the oldest message that is held.
    #[inline(never)]
    fn hint_head(&self, chunk: u64) {
        let hint = self.held.oldest().unwrap_or(chunk);
        // [HEAD] Release: who starts here finds what is before it drained. After the slot: R5.
        self.ring().lines().head.0.store(hint, edge::HEAD.release());
    }

    /// Takes the message behind the gaps at our position.
    #[cold]
    fn pop_past_gaps(&self, state: State, into: &mut Target<'_, T>) -> Result<(), Refused> {
        self.pass_gaps(state)?;
        // The word has been FULL(lap), and only we end that.
        self.drain(self.head.slot(), into).map_err(|_| Refused::Corrupt)?;
        self.advance(1);
        Ok(())
    }
}

impl<T: Pod> ReceiveEnd<T> for SingleReceiver<T> {
    #[inline(always)]
    fn ring(&self) -> &Ring<T> {
        self.head.ring()
    }

    fn watch(&self) -> Watch<T> {
        self.head.watch(End::Receiver)
    }

    #[inline(always)]
    fn try_pop_into(&self, into: &mut Target<'_, T>) -> Result<Option<u64>, Refused> {
        if let Err(state) = self.drain(self.head.slot(), into) {
            self.pass_gaps(state)?;
            // The word has been FULL(lap), and only we end that.
            self.drain(self.head.slot(), into).map_err(|_| Refused::Corrupt)?;
        }
        self.advance(1);
        Ok(None)
    }

    #[inline]
    fn try_pop_many(&self, values: &mut [T]) -> Result<(usize, Option<u64>), Refused> {
        let mut count = 0;
        while count < values.len() {
            let mut drained = 0;
            let mut refused = None;
            for (value, slot) in values[count..].iter_mut().zip(self.head.run()) {
                if let Err(state) = self.drain(slot, &mut Target::over(value)) {
                    refused = Some(state);
                    break;
                }
                drained += 1;
            }
            self.advance(drained);
            count += drained;
            if let Some(state) = refused {
                match self.pop_past_gaps(state, &mut Target::over(&mut values[count])) {
                    Ok(()) => count += 1,
                    Err(refused) if count == 0 => return Err(refused),
                    Err(_) => break,
                }
            }
        }
        Ok((count, None))
    }

    fn try_hold(&self) -> Result<(T, u64), Refused> {
        let mut value = MaybeUninit::uninit();
        if let Err(state) = self.copy(self.head.slot(), &mut Target::new(&mut value)) {
            self.pass_gaps(state)?;
            // The word has been FULL(lap), and only we end that.
            let copied = self.copy(self.head.slot(), &mut Target::new(&mut value));
            copied.map_err(|_| Refused::Corrupt)?;
        }
        // SAFETY: it has been copied.
        let value = unsafe { value.assume_init() };
        let position = self.head.position();
        self.held.hold(position);
        self.advance(1);
        Ok((value, position))
    }

    fn hold_again(&self) -> Result<Option<(T, u64)>, Refused> {
        let Some(position) = self.held.take_back() else {
            return Ok(None);
        };
        let slot = self.held_slot(position)?;
        // SAFETY: R3: we are the single receiver and hold it: the word is FULL, and nobody else ends that.
        Ok(Some((unsafe { slot.payload.read() }, position)))
    }

    fn free(&self, position: u64) -> Result<(), Refused> {
        self.held.remove(position);
        let slot = self.held_slot(position)?;
        let laps = self.ring().laps;
        let free = State::free(laps.next_lap(laps.lap(position)));
        // [DRAIN] Release, pairs with the senders' look: whatever was read of it was read before they overwrite it.
        slot.state.store(free.bits(), edge::DRAIN.release());
        Ok(())
    }

    fn hand_back(&self, position: u64) -> Result<(), Refused> {
        self.held.hand_back(position);
        Ok(())
    }

    fn drained(&self) -> Result<bool, Refused> {
        if self.held.any_back() {
            return Ok(false);
        }
        let p = self.head.position();
        Ok(self.holds_the_lap_before(p) || self.ring().nothing_at(p)?)
    }

    fn oldest_held(&self) -> Result<Option<u64>, Refused> {
        Ok(None)
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

    /// The claim at `position`, which we have held since we made it.
    fn held(&self, position: u64) -> Result<Claim<T>, Refused> {
        let ring = self.ring;
        // Relaxed: own line (nobody else ends our claim).
        if ring.state(position, Relaxed) == State::reading(ring.laps.lap(position), self.me) {
            Ok(Claim { ring, position })
        } else {
            Err(Refused::Corrupt)
        }
    }

    /// Where a walk starts.
    #[inline(always)]
    fn start(&self) -> u64 {
        // [HEAD] Acquire: every slot before the hint is seen claimed or drained (R2).
        self.ring.hint(&self.ring.lines().head.0, edge::HEAD.acquire())
    }

    /// The word at `p`.
    #[inline(always)]
    fn look(&self, p: u64) -> State {
        // [PUB] Acquire, pairs with the sender's publish: who sees FULL(lap) sees the payload.
        self.ring.state(p, edge::PUB.acquire())
    }

    /// Claims the first message.
    #[inline(always)]
    fn claim(&self) -> Result<Claim<T>, Refused> {
        let ring = self.ring;
        let mut position = self.start();
        if self.look(position) != State::full(ring.laps.lap(position)) || !self.try_claim(position) {
            position = self.claim_from(position)?;
        }
        Ok(Claim { ring, position })
    }

    /// The same, where the hint was behind, another was faster, or the ring is empty.
    #[inline(never)]
    fn claim_from(&self, mut p: u64) -> Result<u64, Refused> {
        let ring = self.ring;
        let mut walk = Walk::new(ring.laps);
        loop {
            let state = self.look(p);
            if state == State::full(ring.laps.lap(p)) {
                if self.try_claim(p) {
                    return Ok(p);
                }
            } else {
                match look::receive(&ring, p, state) {
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
    fn extend(&self, claim: &Claim<T>, most: usize) -> u64 {
        let ring = &self.ring;
        let most = RUN.min(most as u64).min(ring.laps.capacity());
        let mut count = 1;
        while count < most {
            let p = ring.laps.add(claim.position, count);
            if self.look(p) != State::full(ring.laps.lap(p)) || !self.try_claim(p) {
                break;
            }
            count += 1;
        }
        count
    }
}

impl<T: Pod> Claim<T> {
    /// Tells that everything up to and including `position` is claimed.
    #[inline(always)]
    fn hint_head(&self, position: u64) {
        let next = self.ring.laps.next(position);
        // [HEAD] Release: who starts here finds what is before it claimed or drained. Before the release: R5.
        self.ring.lines().head.0.store(next, edge::HEAD.release());
    }

    /// Copies the message out and frees its slot.
    #[inline(always)]
    fn take(self, into: &mut Target<'_, T>) {
        // SAFETY: R3: the word is READING with our id, and only we (R4: alive) end that.
        unsafe { self.ring.slot(self.position).payload.read_into(into.place()) };
        self.free();
    }

    /// Copies the message out.
    #[inline(always)]
    pub(crate) fn read(&self) -> T {
        // SAFETY: R3: as in `take`.
        unsafe { self.ring.slot(self.position).payload.read() }
    }

    /// Frees the slot: `READING(lap, me)` → `FREE(lap + 1)`.
    #[inline(always)]
    pub(crate) fn free(self) {
        let laps = self.ring.laps;
        let free = State::free(laps.next_lap(laps.lap(self.position)));
        let slot = self.ring.slot(self.position);
        // [DRAIN] Release, pairs with the senders' look: the copy is done before they overwrite it.
        slot.state.store(free.bits(), edge::DRAIN.release());
    }

    /// Leaves the message to any receiver: `READING(lap, me)` → `READING(lap, ORPHAN)`.
    pub(super) fn hand_back(self) {
        let orphan = State::reading(self.ring.laps.lap(self.position), Owner::ORPHAN);
        let slot = self.ring.slot(self.position);
        // [ORPHAN] Release, pairs with a taker's look: what we have read of it comes before whatever the taker lets
        // happen to the slot.
        slot.state.store(orphan.bits(), edge::ORPHAN.release());
    }
}

impl<T: Pod> ReceiveEnd<T> for MultiReceiver<T> {
    #[inline(always)]
    fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    fn watch(&self) -> Watch<T> {
        // Corrupt, too, is for the next look to find.
        Watch::at(self.ring, self.ring.find_head().map_or(0, |(p, _)| p), End::Receiver)
    }

    #[inline(always)]
    fn try_pop_into(&self, into: &mut Target<'_, T>) -> Result<Option<u64>, Refused> {
        let claim = self.claim()?;
        let last = claim.position;
        claim.hint_head(last);
        claim.take(into);
        Ok(Some(last))
    }

    fn try_pop_many(&self, values: &mut [T]) -> Result<(usize, Option<u64>), Refused> {
        let ring = self.ring;
        let first = self.claim()?;
        let count = self.extend(&first, values.len());
        let last = ring.laps.add(first.position, count - 1);
        first.hint_head(last);
        for (i, value) in values.iter_mut().enumerate().take(count as usize) {
            let position = ring.laps.add(first.position, i as u64);
            Claim { ring, position }.take(&mut Target::over(value));
        }
        Ok((count as usize, Some(last)))
    }

    fn try_hold(&self) -> Result<(T, u64), Refused> {
        let claim = self.claim()?;
        claim.hint_head(claim.position);
        Ok((claim.read(), claim.position))
    }

    fn hold_again(&self) -> Result<Option<(T, u64)>, Refused> {
        let claim = self.ring.take_orphan(self.me)?;
        Ok(claim.map(|claim| (claim.read(), claim.position)))
    }

    fn free(&self, position: u64) -> Result<(), Refused> {
        self.held(position).map(Claim::free)
    }

    fn hand_back(&self, position: u64) -> Result<(), Refused> {
        self.held(position).map(Claim::hand_back)
    }

    fn drained(&self) -> Result<bool, Refused> {
        self.ring.drained()
    }

    fn oldest_held(&self) -> Result<Option<u64>, Refused> {
        self.ring.oldest_held()
    }
}
