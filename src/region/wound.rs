//! What is a ring to be tested on?
//!
//! Memory of its own, with no file behind it and no process beside it.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::layout::{Claimants, Kind, Laps, Lines, Slot, State};
use crate::ring::receiver::ReceiveEnd;
use crate::ring::target::Target;
use crate::ring::{Refused, Ring};
use crate::sync::Relaxed;

/// A ring on memory of its own, whose hints and slots are `back` positions before the last.
pub(super) struct Wound {
    memory: NonNull<u8>,
    layout: Layout,
    pub(super) ring: Ring<u64>,
}

const STRIDE: usize = size_of::<Slot<u64>>();

impl Wound {
    /// That admits many at both ends.
    pub(super) fn new(shift: u32, back: u64) -> Wound {
        Wound::of(Kind::Mpmc, shift, back)
    }

    /// Whose ends are those of `kind`, for ids below 100.
    pub(super) fn of(kind: Kind, shift: u32, back: u64) -> Wound {
        let laps = Laps::new(shift);
        let size = size_of::<Lines>() + STRIDE * laps.capacity() as usize;
        let layout = Layout::from_size_align(size, align_of::<Lines>()).unwrap();
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc_zeroed(layout) };
        let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: inside the allocation.
        let slots = unsafe { memory.add(size_of::<Lines>()) };
        let claimants = Claimants::of(kind, 100);
        // SAFETY: V1, V2: lines and slots are in the allocation, which lives as long as `self`, aligned to 128; zeros
        // are values of both, and all access is through the ring.
        let ring = unsafe { Ring::new(memory.cast(), slots, STRIDE, laps, claimants) };
        let start = laps.position(0u64.wrapping_sub(back));
        ring.lines().tail.0.store(start, Relaxed);
        ring.lines().head.0.store(start, Relaxed);
        let wound = Wound { memory, layout, ring };
        for i in 0..laps.capacity() {
            let position = laps.add(start, i);
            wound
                .slot(position)
                .state
                .store(State::free(laps.lap(position)).bits(), Relaxed);
        }
        wound
    }

    /// The slot of a position.
    pub(super) fn slot(&self, position: u64) -> &Slot<u64> {
        let offset = size_of::<Lines>() + self.ring.laps().index(position) as usize * STRIDE;
        // SAFETY: inside the allocation.
        let slot = unsafe { self.memory.add(offset) };
        // SAFETY: as in `new`; nobody makes a `&mut` to it.
        unsafe { slot.cast::<Slot<u64>>().as_ref() }
    }
}

impl Drop for Wound {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and every use of the ring borrows from `self` in these tests.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}

/// [`ReceiveEnd::try_pop_into`], by value.
pub(super) trait TryPop {
    /// The message, and its position at a multi end.
    fn try_pop(&self) -> Result<(u64, Option<u64>), Refused>;
}

impl<E: ReceiveEnd<u64>> TryPop for E {
    fn try_pop(&self) -> Result<(u64, Option<u64>), Refused> {
        let mut message = 0;
        let position = self.try_pop_into(&mut Target::over(&mut message))?;
        Ok((message, position))
    }
}
