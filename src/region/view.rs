//! What do the bytes of a mapping mean?
//!
//! # Unsafe
//! The one cast from bytes to types is here, by the invariants of [`View`].

use std::ptr::NonNull;

use super::contents::Contents;
use super::mapping::Mapping;
use crate::layout::geometry::{LINES_OFFSET, PayloadLayout, TABLE_OFFSET};
use crate::layout::{Blocks, Flat, Geometry, Lines, Owner, Payload, Record};
use crate::pool::Pool;
use crate::ring::Ring;
use crate::span::Span;

/// A region's bytes as types.
///
/// # Invariants
/// - **G1** `geometry` was made by `Geometry::plan` or `Geometry::check`, and the mapping is `geometry.total` bytes
///   at least, page-aligned and readable, for as long as `self` lives. Who stores to it has a mapping that is writable.
/// - **G2** The file cannot shrink under the mapping: it is sealed. That of a named region can, by whoever may write to
///   it, and one whose sealing the user has waived: a process that touches what is no longer there is killed by SIGBUS.
/// - **G3** Nobody makes a `&mut` into the mapping but to items and elements, for who shows that they are his (`items`,
///   `elements`, `bytes`).
#[derive(Debug)]
pub(crate) struct View {
    mapping: Mapping,
    geometry: Geometry,
    payload: Payload,
}

impl View {
    /// The region in `mapping`, with the geometry that was checked for `payload`.
    pub(super) fn new(mapping: Mapping, geometry: Geometry, payload: Payload) -> View {
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
        let as_planned = self.payload == Payload::Slot(PayloadLayout::of::<T>());
        let words_alone = matches!(self.payload, Payload::Slot(_)) && size_of::<T>() == 0;
        assert!(as_planned || words_alone, "the payload that was checked");
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
                self.geometry.claimants,
            )
        }
    }

    /// The blocks, with headers of `H`, which is what the geometry was made for, or `()` for the words alone.
    pub(crate) fn pool<H>(&self) -> Pool<H> {
        let blocks = self.blocks();
        let checked = match self.payload {
            Payload::Block(layout) => layout.header == size_of::<H>() && layout.header_align == align_of::<H>(),
            Payload::Slot(_) | Payload::Element(_) | Payload::Plain => false,
        };
        assert!(checked || size_of::<H>() == 0, "the header that was checked");
        let geometry = &self.geometry;
        // SAFETY: V1 from G1: the entries follow their offset, and `count` blocks theirs, each of `stride` bytes, of which a
        // `Head<H>` takes the first ones; whoever holds the pool holds this view. V2: the entries' offset is a multiple of
        // a line, the blocks' and the stride of the blocks' alignment, which was checked against `H`'s, and G3. V3: so
        // geometries of blocks are made.
        unsafe {
            Pool::new(
                NonNull::from(self.lines()),
                self.at(geometry.slots_offset),
                (self.at(blocks.offset), blocks.stride, blocks.count),
                geometry.laps,
                geometry.table_length,
            )
        }
    }

    /// Where the items of block 0 begin, how many bytes further on those of the next one, and how many bytes there are for
    /// them in each.
    pub(crate) fn items(&self) -> (NonNull<u8>, usize, usize) {
        let blocks = self.blocks();
        (self.at(blocks.offset + blocks.items_offset), blocks.stride, blocks.room)
    }

    fn blocks(&self) -> &Blocks {
        self.geometry.blocks().expect("a region of blocks")
    }

    /// The words of a stream.
    pub(crate) fn span(&self) -> Span {
        let marks = self.at(self.flat().marks_offset);
        // SAFETY: V1 from G1: the marks follow the table, and whoever holds the span holds this view. V2: their offset is a
        // multiple of a line, and G3.
        unsafe { Span::new(NonNull::from(self.lines()), marks, self.geometry.laps) }
    }

    /// Where element 0 of a stream is, and how many bytes all of them are. If they are mapped twice, they begin again behind
    /// the last one.
    pub(crate) fn elements(&self) -> (NonNull<u8>, usize) {
        let flat = self.flat();
        (self.at(flat.offset), flat.bytes)
    }

    /// The elements are mapped twice.
    pub(crate) fn is_doubled(&self) -> bool {
        self.mapping.len() >= self.geometry.total + self.flat().bytes
    }

    fn flat(&self) -> &Flat {
        self.geometry.flat().expect("a stream")
    }

    /// Where the first byte of a plain region is, and how many there are.
    pub(crate) fn plain(&self) -> (NonNull<u8>, usize) {
        let plain = self.geometry.plain().expect("a plain region");
        (self.at(plain.offset), plain.length)
    }

    /// Maps all pages now, as far as the kernel does that.
    pub(crate) fn populate(&self) {
        self.mapping.populate();
    }

    /// Whatever transport is in it, without the messages.
    pub(crate) fn contents(&self) -> Contents {
        match self.payload {
            Payload::Slot(_) => Contents::Ring(self.ring()),
            Payload::Block(_) => Contents::Pool(self.pool()),
            Payload::Element(_) => Contents::Span(self.span()),
            Payload::Plain => Contents::Nothing,
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
