//! Has anything changed where an operation was refused?

use crate::layout::{Slot, State};
use crate::sync::Relaxed;

use super::Ring;

/// Rings smaller than this have nothing ahead.
const LEAST: u64 = 64;

/// Where an operation was refused, and the word that refuses it.
///
/// It costs a load to ask whether the word is still there, where the operation itself would cost a walk. The answer is a
/// hint: the operation has the last word.
pub(crate) struct Watch<T> {
    ring: Ring<T>,
    /// Of the slot, from the first.
    offset: usize,
    /// Whose place or message it would be.
    lap: u64,
    end: End,
    refuses: State,
}

/// Who was refused.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// A sender: full.
    Sender,
    /// A receiver: empty.
    Receiver,
}

impl<T> Watch<T> {
    /// At position `p`.
    pub(super) fn at(ring: Ring<T>, p: u64, end: End) -> Self {
        let offset = ring.laps.index(p) as usize * ring.stride.get();
        Self::new(ring, offset, ring.laps.lap(p), end)
    }

    /// At the slot `offset` bytes from the first, which is one, in `lap`.
    #[inline(always)]
    pub(super) fn new(ring: Ring<T>, offset: usize, lap: u64, end: End) -> Self {
        let refuses = match end {
            End::Sender => State::full(ring.laps.lap_before(lap)),
            End::Receiver => State::free(lap),
        };
        Watch {
            ring,
            offset,
            lap,
            end,
            refuses,
        }
    }

    /// There is something else now.
    #[inline(always)]
    pub(crate) fn changed(&self) -> bool {
        // SAFETY: the offset of a slot, as the constructors were told.
        let slot: &Slot<T> = unsafe { self.ring.slot_at(self.offset) };
        // Relaxed: hint (re-checked by the operation).
        State::from_bits(slot.state.load(Relaxed)) != self.refuses
    }

    /// The same `slots` further on, an eighth of the ring at most; not in a small ring.
    pub(crate) fn ahead(&self, slots: u64) -> Option<Self> {
        let laps = self.ring.laps;
        let index = (self.offset / self.ring.stride.get()) as u64;
        let p = laps.add(laps.at(self.lap, index), slots.min(laps.capacity() / 8));
        (laps.capacity() >= LEAST).then(|| Self::at(self.ring, p, self.end))
    }
}
