//! Where are the elements of a stream, and who may touch them?
//!
//! # Unsafe
//! Raw bytes become slices here, by the invariants of [`Elements`], for who shows that the elements are his.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use bytemuck::Pod;

use super::Region;
use crate::span::{Filled, Free};

/// The elements of a stream, as elements of `T`.
///
/// # Invariants
/// - **E1** From `first` on there are twice `capacity` elements of `T`, aligned for it, inside the mapping of `region`: each of
///   the first `capacity` a second time `capacity` further on.
/// - **E2** What is there is initialised: it came from the kernel as zeros, and what was written since was a `T`; and every bit
///   pattern is one.
pub(crate) struct Elements<T> {
    first: NonNull<T>,
    capacity: usize,
    _region: Arc<Region>,
    element: PhantomData<T>,
}

// SAFETY: the region is shared between threads as between processes, and what is touched is shown to be one's own.
unsafe impl<T: Send> Send for Elements<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Elements<T> {}

impl<T: Pod> Elements<T> {
    /// Of a stream that was checked to be of elements as large as `T`, and aligned for it.
    pub(crate) fn new(region: &Arc<Region>) -> Elements<T> {
        let (first, bytes) = region.view().elements();
        let capacity = region.geometry().laps.capacity() as usize;
        assert!(
            first.cast::<T>().is_aligned() && bytes == capacity * size_of::<T>() && region.view().is_doubled(),
            "checked"
        );
        Elements {
            first: first.cast(),
            capacity,
            _region: Arc::clone(region),
            element: PhantomData,
        }
    }

    /// What the writer may fill.
    #[inline(always)]
    pub(crate) fn free<'a>(&'a self, free: &'a Free<'_>) -> &'a [T] {
        let (first, len) = self.at(free.index(), free.len());
        // SAFETY: E1, E2; and S2: nobody else touches them for as long as `free` is there, but for who breaks the protocol.
        unsafe { slice::from_raw_parts(first.as_ptr(), len) }
    }

    /// The same, to be written to.
    #[inline(always)]
    pub(crate) fn free_mut<'a>(&'a self, free: &'a mut Free<'_>) -> &'a mut [T] {
        let (first, len) = self.at(free.index(), free.len());
        // SAFETY: as above; `free` is borrowed alone, and its elements are different ones, since they are not more than there
        // are.
        unsafe { slice::from_raw_parts_mut(first.as_ptr(), len) }
    }

    /// What the reader may read.
    #[inline(always)]
    pub(crate) fn filled<'a>(&'a self, filled: &'a Filled<'_>) -> &'a [T] {
        let (first, len) = self.at(filled.index(), filled.len());
        // SAFETY: E1, E2; and S2: nobody writes to them while they are the reader's. A peer that does breaks the protocol, which
        // the trust statement of `stream` is about.
        unsafe { slice::from_raw_parts(first.as_ptr(), len) }
    }

    /// The same, for as long as the end is borrowed.
    #[inline(always)]
    pub(crate) fn filled_to_the_end<'a>(&'a self, filled: Filled<'a>) -> &'a [T] {
        let (first, len) = self.at(filled.index(), filled.len());
        // SAFETY: as above; the end is borrowed as long as the slice, so nothing is consumed meanwhile.
        unsafe { slice::from_raw_parts(first.as_ptr(), len) }
    }

    #[inline(always)]
    fn at(&self, index: u64, len: u64) -> (NonNull<T>, usize) {
        let (index, len) = (index as usize, len as usize);
        debug_assert!(index < self.capacity && len <= self.capacity);
        // SAFETY: E1: an index is below the capacity.
        (unsafe { self.first.add(index) }, len)
    }
}
