//! What do the bytes of a mapping mean?
//!
//! # Unsafe
//! The one cast from bytes to types is here, by the invariants of [`View`].

use std::ptr::NonNull;

use super::mapping::Mapping;
use crate::layout::geometry::{LINES_OFFSET, PayloadLayout, TABLE_OFFSET};
use crate::layout::{Geometry, Lines, Owner, Record};
use crate::ring::Ring;

/// A region's bytes as types.
///
/// # Invariants
/// - **G1** `geometry` was made by `Geometry::plan` or `Geometry::check`, and the mapping is `geometry.total` bytes
///   at least, page-aligned and readable, for as long as `self` lives. Who stores to it has a mapping that is writable.
/// - **G2** The file cannot shrink under the mapping: it is sealed. That of a named region can, by whoever may write to
///   it, and one whose sealing the user has waived: a process that touches what is no longer there is killed by SIGBUS.
/// - **G3** Nobody makes a `&mut` into the mapping.
#[derive(Debug)]
pub(crate) struct View {
    mapping: Mapping,
    geometry: Geometry,
    payload: PayloadLayout,
}

impl View {
    /// The region in `mapping`, with the geometry that was checked for `payload`.
    pub(super) fn new(mapping: Mapping, geometry: Geometry, payload: PayloadLayout) -> View {
        assert!(geometry.total <= mapping.len(), "all of the region is mapped");
        View {
            mapping,
            geometry,
            payload,
        }
    }

    /// The shared words.
    #[inline]
    pub(crate) fn lines(&self) -> &Lines {
        // SAFETY: G1, G3: inside the mapping, 128-byte aligned, and all atomics.
        unsafe { self.at::<Lines>(LINES_OFFSET).as_ref() }
    }

    /// The record of `owner`, whose id is below the table's length.
    pub(crate) fn record(&self, owner: Owner) -> &Record {
        let index = owner.id();
        assert!(index < self.geometry.table_length, "ids are below the table's length");
        let offset = TABLE_OFFSET + usize::from(index) * size_of::<Record>();
        // SAFETY: G1, G3: inside the table, 128-byte aligned, and all atomics.
        unsafe { self.at::<Record>(offset).as_ref() }
    }

    /// The slots as slots of `T`, which is the payload that the geometry was made for, or `()` for the state words
    /// alone.
    pub(crate) fn ring<T>(&self) -> Ring<T> {
        let as_planned = PayloadLayout::of::<T>() == self.payload;
        assert!(as_planned || size_of::<T>() == 0, "the payload that was checked");
        let slots = self.at::<u8>(self.geometry.slots_offset);
        // SAFETY: V1 from G1: `capacity` slots of `stride` bytes, each at least `size_of::<Slot<T>>()`, follow the
        // offset, and whoever holds the ring holds this view. V2: the offset is a multiple of the slot's alignment,
        // the stride too, and G3.
        unsafe {
            Ring::new(
                NonNull::from(self.lines()),
                slots,
                self.geometry.stride,
                self.geometry.laps,
                self.geometry.table_length,
            )
        }
    }

    fn at<T>(&self, offset: usize) -> NonNull<T> {
        debug_assert!(offset + size_of::<T>() <= self.mapping.len());
        // SAFETY: every caller's offset is inside the geometry, hence (G1) inside the mapping.
        unsafe { self.mapping.as_ptr().add(offset) }.cast()
    }

    /// Slots, ids and offsets.
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }
}
