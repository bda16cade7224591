//! Where does everything stand in a region, and is that true of these bytes?

use super::header::Header;
use super::laps::Laps;
use super::lines::{LINE, Slot};
use super::state::Owner;
use super::table::Record;

/// Offset of the shared words: after line 0.
pub const LINES_OFFSET: usize = size_of::<Header>();
/// Offset of the endpoint table: after the shared words, each on its line.
pub const TABLE_OFFSET: usize = LINES_OFFSET + 5 * LINE;
/// Largest capacity, in slots.
pub const MAX_CAPACITY: u64 = 1 << 32;
/// Largest payload of a ring, in bytes; larger messages are for blocks.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Largest alignment of a payload, in bytes: a page, which a mapping guarantees.
pub const MAX_ALIGN: usize = 4096;
/// Most multi endpoints at once: what the owner field can name.
pub const MAX_ENDPOINTS: u16 = Owner::LIMIT - Owner::FIRST_MULTI;

/// How slots stand next to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum SlotPadding {
    /// At their natural stride: several small messages share a cache line. Best throughput.
    #[default]
    Packed,
    /// Each on lines of its own (a multiple of 128 bytes): no false sharing between neighbours.
    Line,
}

/// Size and alignment of the message type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadLayout {
    /// Bytes.
    pub size: usize,
    /// Bytes, a power of two.
    pub align: usize,
    /// Bytes of a packed slot.
    pub slot: usize,
}

impl PayloadLayout {
    /// Of a type of which no more is known than line 0 says; `None` if there is no such type.
    pub fn described(size: usize, align: usize) -> Option<PayloadLayout> {
        let possible =
            size <= MAX_PAYLOAD && align <= MAX_ALIGN && align.is_power_of_two() && size.is_multiple_of(align);
        let unit = align.max(size_of::<u64>());
        possible.then(|| PayloadLayout {
            size,
            align,
            slot: (unit + size).next_multiple_of(unit),
        })
    }

    /// Of a type.
    pub const fn of<T>() -> PayloadLayout {
        PayloadLayout {
            size: size_of::<T>(),
            align: align_of::<T>(),
            slot: size_of::<Slot<T>>(),
        }
    }
}

/// Why a geometry cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeometryError {
    /// No slots, or more than [`MAX_CAPACITY`].
    Capacity,
    /// No endpoints, or more than [`MAX_ENDPOINTS`].
    TableLength,
    /// A payload past [`MAX_PAYLOAD`].
    PayloadSize,
    /// An alignment past [`MAX_ALIGN`].
    PayloadAlign,
    /// The region would not fit in an address space.
    Overflow,
}

/// A region's geometry, checked: the only copy that is used after attach.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Positions, slots and laps.
    pub laps: Laps,
    /// Bytes from slot to slot.
    pub stride: usize,
    /// Records in the table; ids are below it.
    pub table_length: u16,
    /// Offset of slot 0.
    pub slots_offset: usize,
    /// Bytes of the region.
    pub total: usize,
}

impl Geometry {
    /// The geometry of a new region with at least `capacity` slots and room for `endpoints` multi endpoints.
    pub fn plan(
        capacity: u64,
        payload: PayloadLayout,
        padding: SlotPadding,
        endpoints: u16,
    ) -> Result<Geometry, GeometryError> {
        if capacity == 0 || capacity > MAX_CAPACITY {
            return Err(GeometryError::Capacity);
        }
        if endpoints == 0 || endpoints > MAX_ENDPOINTS {
            return Err(GeometryError::TableLength);
        }
        if payload.size > MAX_PAYLOAD {
            return Err(GeometryError::PayloadSize);
        }
        if payload.align > MAX_ALIGN {
            return Err(GeometryError::PayloadAlign);
        }
        let shift = capacity.next_power_of_two().trailing_zeros();
        let stride = match padding {
            SlotPadding::Packed => payload.slot,
            SlotPadding::Line => payload.slot.next_multiple_of(LINE),
        };
        let table_length = endpoints + Owner::FIRST_MULTI;
        let slots_offset =
            (TABLE_OFFSET + usize::from(table_length) * size_of::<Record>()).next_multiple_of(payload.align.max(LINE));
        let total = stride
            .checked_mul(1 << shift)
            .and_then(|slots| slots.checked_add(slots_offset))
            .filter(|&total| total <= isize::MAX as usize)
            .ok_or(GeometryError::Overflow)?;
        Ok(Geometry {
            laps: Laps::new(shift),
            stride,
            table_length,
            slots_offset,
            total,
        })
    }

    /// The geometry that line 0 tells of, whatever the messages are: to count them.
    pub fn described(header: &Header) -> Option<Geometry> {
        let payload = PayloadLayout::described(header.payload_size as usize, header.payload_align as usize)?;
        Self::check(header, payload)
    }

    /// The geometry that line 0 tells of, if it is one that [`plan`](Self::plan) makes for this payload.
    ///
    /// Kind, fingerprint and the file's length are the caller's to check: they have errors of their own.
    pub fn check(header: &Header, payload: PayloadLayout) -> Option<Geometry> {
        let endpoints = u16::try_from(header.table_length)
            .ok()?
            .checked_sub(Owner::FIRST_MULTI)?;
        if !header.capacity.is_power_of_two() {
            return None;
        }
        [SlotPadding::Packed, SlotPadding::Line]
            .into_iter()
            .filter_map(|padding| Self::plan(header.capacity, payload, padding, endpoints).ok())
            .find(|g| header.stride as usize == g.stride && header.total == g.total as u64)
    }
}

const _: () = assert!(size_of::<Header>() == LINE);
