//! Where does a single end stand?
//!
//! It alone moves, so it can keep what others have to work out from a position with each operation: where the slot is,
//! and what the words of its lap are.
//!
//! # Invariants
//! - **C1** `offset` is that of a slot: below the ring's bytes, a multiple of the stride.
//! - **C2** `offset`, `free`, `next_free` and `chunk` speak of one position.

use std::cell::Cell;
use std::iter;

use crate::layout::{Slot, State};
use crate::sync::{Relaxed, prefetch};

use super::Ring;
use super::watch::{End, Watch};

/// Positions between two stores of the hint, or a lap in a smaller ring. A hint with each message would stand between
/// every two slots of a line on their way out of the store buffer; this far apart it costs the next endpoint at this
/// end so many steps at most, and one for each gap passed.
const CHUNK: u64 = 64;
/// How far ahead slots are fetched, in positions, an eighth of the ring at most. Measured: `benches/NOTES.md`.
const AHEAD: u64 = 64;
/// Chunks of more bytes are not fetched ahead: a processor has so many fetches under way at most.
const FETCHED: usize = 2048;
/// What a processor fetches at a time, on x86-64 and most others.
const CACHE_LINE: usize = 64;

/// A position, in the form that the slots are reached by.
pub(super) struct Cursor<T> {
    ring: Ring<T>,
    /// Of the slot, in bytes from the first.
    offset: Cell<usize>,
    /// Where the chunk ends, in the same way.
    limit: Cell<usize>,
    /// `FREE(lap)`.
    free: Cell<State>,
    /// `FREE(lap + 1)`.
    next_free: Cell<State>,
    /// The first position of the chunk.
    chunk: Cell<u64>,
}

impl<T> Cursor<T> {
    /// At position `p`.
    pub(super) fn new(ring: Ring<T>, p: u64) -> Self {
        let cursor = Cursor {
            ring,
            offset: Cell::new(0),
            limit: Cell::new(0),
            free: Cell::new(State::free(0)),
            next_free: Cell::new(State::free(0)),
            chunk: Cell::new(0),
        };
        cursor.move_to(p);
        cursor
    }

    /// The ring.
    #[inline(always)]
    pub(super) fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    /// The slot.
    #[inline(always)]
    pub(super) fn slot(&self) -> &Slot<T> {
        // SAFETY: C1.
        unsafe { self.ring.slot_at(self.offset.get()) }
    }

    /// What to keep an eye on while the operation is refused here.
    #[inline]
    pub(super) fn watch(&self, end: End) -> Watch<T> {
        Watch::new(self.ring, self.offset.get(), self.free.get().lap(), end)
    }

    /// The slots from here to the end of the chunk: all of one lap.
    #[inline(always)]
    pub(super) fn run(&self) -> impl Iterator<Item = &Slot<T>> {
        let (mut offset, limit) = (self.offset.get(), self.limit.get());
        iter::from_fn(move || {
            if offset == limit {
                return None;
            }
            // SAFETY: C1: the limit is no further than the end of the ring, and so many strides ahead.
            let slot = unsafe { self.ring.slot_at(offset) };
            offset += self.ring.stride.get();
            Some(slot)
        })
    }

    /// `FREE(lap)`.
    #[inline(always)]
    pub(super) fn free(&self) -> State {
        self.free.get()
    }

    /// `FULL(lap)`.
    #[inline(always)]
    pub(super) fn full(&self) -> State {
        self.free.get().to_full()
    }

    /// `FREE(lap + 1)`.
    #[inline(always)]
    pub(super) fn next_free(&self) -> State {
        self.next_free.get()
    }

    /// The position.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        let laps = self.ring.laps;
        let start = laps.index(self.chunk.get()) as usize * self.ring.stride.get();
        laps.add(
            self.chunk.get(),
            ((self.offset.get() - start) / self.ring.stride) as u64,
        )
    }

    /// Goes on by `count` positions, no further than the end of the chunk; where it is if it gets there.
    #[inline(always)]
    pub(super) fn advance(&self, count: usize) -> Option<u64> {
        let offset = self.offset.get() + self.ring.stride.get() * count;
        self.offset.set(offset);
        (offset == self.limit.get()).then(|| self.next_chunk())
    }

    #[cold]
    fn next_chunk(&self) -> u64 {
        let next = self.position();
        self.move_to(next);
        next
    }

    /// At the beginning of a chunk: asks the processor for the lines of slots further on, if the last of them is `ready`
    /// for us, and so all before it. Otherwise the other side is at work there, and would have to fetch them back.
    pub(super) fn fetch_ahead(&self, ready: impl FnOnce(u64) -> State) {
        let laps = self.ring.laps;
        let stride = self.ring.stride.get();
        let chunk = CHUNK as usize * stride;
        if laps.capacity() < 4 * CHUNK || chunk > FETCHED {
            return;
        }
        let first = laps.add(self.chunk.get(), AHEAD.min(laps.capacity() / 8));
        let last = laps.add(first, CHUNK - 1);
        // Relaxed: hint (re-checked by [PUB] or [DRAIN] on each slot itself).
        if self.ring.state(last, Relaxed) != ready(laps.lap(last)) {
            return;
        }
        for i in (0..CHUNK).step_by((CACHE_LINE / stride).max(1)) {
            prefetch(self.ring.slot(laps.add(first, i)));
        }
    }

    /// Goes on at position `p`.
    pub(super) fn move_to(&self, p: u64) {
        let laps = self.ring.laps;
        let (index, lap) = (laps.index(p), laps.lap(p));
        let chunk = index / CHUNK * CHUNK;
        let limit = (chunk + CHUNK).min(laps.capacity());
        self.offset.set(index as usize * self.ring.stride.get());
        self.limit.set(limit as usize * self.ring.stride.get());
        self.free.set(State::free(lap));
        self.next_free.set(State::free(laps.next_lap(lap)));
        self.chunk.set(laps.at(lap, chunk));
    }
}
