//! Where does everything stand in a region, and is that true of these bytes?

use super::blocks::{BlockLayout, BlockPlan, Blocks};
use super::flat::{Element, Flat, FlatPlan};
use super::header::{Header, Kind};
use super::laps::Laps;
use super::lines::{LINE, Slot};
use super::plain::{Plain, PlainPlan};
use super::state::{Claimants, Owner};
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
    fn described(size: usize, align: usize) -> Option<PayloadLayout> {
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
    /// A block of no items, or of items without a size.
    BlockLength,
    /// A block past [`Blocks::MAX`].
    BlockSize,
    /// A header past [`MAX_HEADER`](super::blocks::MAX_HEADER).
    HeaderSize,
    /// An element of a stream whose size does not divide a page.
    ElementSize,
}

/// What messages are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// Of slots.
    Slot(PayloadLayout),
    /// Of blocks.
    Block(BlockLayout),
    /// Of elements of a stream.
    Element(Element),
    /// There are none: bytes, for whoever has the region.
    Plain,
}

impl Payload {
    /// Of a region of which no more is known than line 0 says.
    pub fn described(header: &Header) -> Option<Payload> {
        let (size, align) = (header.payload_size as usize, header.payload_align as usize);
        match Kind::decode(header.kind)? {
            Kind::Blocks => {
                let (header, header_align) = (header.header_size.into(), header.header_align.into());
                BlockLayout::described(size, align, header, header_align).map(Payload::Block)
            }
            Kind::Stream => Element::described(size, align).map(Payload::Element),
            Kind::Region => ((size, align) == (1, 1)).then_some(Payload::Plain),
            _ => PayloadLayout::described(size, align).map(Payload::Slot),
        }
    }

    /// Bytes of a message, an item, an element or a byte.
    pub fn size(self) -> usize {
        match self {
            Payload::Slot(payload) => payload.size,
            Payload::Block(block) => block.item,
            Payload::Element(element) => element.size,
            Payload::Plain => 1,
        }
    }

    /// Bytes of a slot, unpadded; 0 where there are none.
    pub fn slot(self) -> usize {
        match self {
            Payload::Slot(payload) => payload.slot,
            Payload::Block(_) | Payload::Element(_) | Payload::Plain => 0,
        }
    }
}

/// How the payload of a new region is to be arranged.
#[derive(Clone, Copy, Debug)]
pub enum Arrangement {
    /// In slots.
    Slots(PayloadLayout, SlotPadding),
    /// In blocks.
    Blocks(BlockPlan),
    /// One after the other.
    Flat(FlatPlan),
    /// As bytes.
    Plain(PlainPlan),
}

impl Arrangement {
    /// What the messages are made of.
    pub fn payload(self) -> Payload {
        match self {
            Arrangement::Slots(payload, _) => Payload::Slot(payload),
            Arrangement::Blocks(plan) => Payload::Block(plan.layout),
            Arrangement::Flat(plan) => Payload::Element(plan.element),
            Arrangement::Plain(_) => Payload::Plain,
        }
    }
}

/// What follows the table.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Slots.
    Slots,
    /// A ring of entries, and blocks.
    Blocks(Blocks),
    /// The elements of a stream.
    Flat(Flat),
    /// Bytes.
    Plain(Plain),
}

/// A region's geometry, checked: the only copy that is used after attach.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Positions, slots and laps; of blocks, the ring's entries; of a stream, its elements.
    pub laps: Laps,
    /// Bytes from slot to slot; from entry to entry; from element to element.
    pub stride: usize,
    /// Records in the table; ids are below it.
    pub table_length: u16,
    /// Whose claims the slots may say.
    pub claimants: Claimants,
    /// Offset of slot 0; of entry 0; of element 0.
    pub slots_offset: usize,
    /// What is there.
    pub body: Body,
    /// Bytes of the region.
    pub total: usize,
}

impl Geometry {
    /// The geometry of a new region for at least `capacity` messages, or for exactly so many blocks, and `endpoints` multi
    /// endpoints.
    pub fn arrange(kind: Kind, capacity: u64, how: Arrangement, endpoints: u16) -> Result<Geometry, GeometryError> {
        match how {
            Arrangement::Slots(payload, padding) => Self::plan(kind, capacity, payload, padding, endpoints),
            Arrangement::Blocks(plan) => plan.geometry(kind, capacity, endpoints),
            Arrangement::Flat(plan) => plan.geometry(kind, capacity, endpoints),
            Arrangement::Plain(plan) => plan.geometry(kind, capacity, endpoints),
        }
    }

    /// Messages that it holds when it is full: slots, or blocks; or elements; or bytes.
    pub fn capacity(&self) -> u64 {
        match &self.body {
            Body::Slots | Body::Flat(_) => self.laps.capacity(),
            Body::Blocks(blocks) => u64::from(blocks.count),
            Body::Plain(plain) => plain.length as u64,
        }
    }

    /// Where the blocks are, if it is a region of those.
    pub fn blocks(&self) -> Option<&Blocks> {
        match &self.body {
            Body::Blocks(blocks) => Some(blocks),
            Body::Slots | Body::Flat(_) | Body::Plain(_) => None,
        }
    }

    /// Where the elements are, if it is a stream.
    pub fn flat(&self) -> Option<&Flat> {
        match &self.body {
            Body::Flat(flat) => Some(flat),
            Body::Slots | Body::Blocks(_) | Body::Plain(_) => None,
        }
    }

    /// Where the bytes are, if it is a plain region.
    pub fn plain(&self) -> Option<&Plain> {
        match &self.body {
            Body::Plain(plain) => Some(plain),
            Body::Slots | Body::Blocks(_) | Body::Flat(_) => None,
        }
    }

    /// Offset of what follows a table of that length, aligned to a line at least.
    pub(super) fn after_table(table_length: u16, align: usize) -> usize {
        (TABLE_OFFSET + usize::from(table_length) * size_of::<Record>()).next_multiple_of(align.max(LINE))
    }

    /// The geometry of a new ring with at least `capacity` slots and room for `endpoints` multi endpoints.
    pub fn plan(
        kind: Kind,
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
        let slots_offset = Self::after_table(table_length, payload.align);
        let total = stride
            .checked_mul(1 << shift)
            .and_then(|slots| slots.checked_add(slots_offset))
            .filter(|&total| total <= isize::MAX as usize)
            .ok_or(GeometryError::Overflow)?;
        Ok(Geometry {
            laps: Laps::new(shift),
            stride,
            table_length,
            claimants: Claimants::of(kind, table_length),
            slots_offset,
            body: Body::Slots,
            total,
        })
    }

    /// The geometry that line 0 tells of, whatever the messages are: to count them.
    pub fn described(header: &Header) -> Option<Geometry> {
        Self::check(header, Payload::described(header)?)
    }

    /// The geometry that line 0 tells of, if it is one that [`arrange`](Self::arrange) makes for this payload.
    ///
    /// That it is the kind that is expected, the fingerprint and the file's length are the caller's to check: they have
    /// errors of their own.
    pub fn check(header: &Header, payload: Payload) -> Option<Geometry> {
        let kind = Kind::decode(header.kind)?;
        let endpoints = u16::try_from(header.table_length)
            .ok()?
            .checked_sub(Owner::FIRST_MULTI)?;
        match payload {
            Payload::Block(layout) => Blocks::check(header, kind, layout, endpoints),
            Payload::Element(element) => Flat::check(header, kind, element, endpoints),
            Payload::Plain => Plain::check(header, kind, endpoints),
            Payload::Slot(payload) if header.capacity.is_power_of_two() => [SlotPadding::Packed, SlotPadding::Line]
                .into_iter()
                .filter_map(|padding| Self::plan(kind, header.capacity, payload, padding, endpoints).ok())
                .find(|g| header.stride as usize == g.stride && header.total == g.total as u64),
            Payload::Slot(_) => None,
        }
    }

    /// Line 0's stride: bytes from slot to slot, or from block to block in units of 64; or the page of a stream or a plain region.
    pub fn stride_field(&self) -> u32 {
        match self.body {
            Body::Slots => self.stride as u32,
            Body::Blocks(blocks) => (blocks.stride / Blocks::UNIT) as u32,
            Body::Flat(flat) => flat.page as u32,
            Body::Plain(plain) => plain.page as u32,
        }
    }
}

const _: () = assert!(size_of::<Header>() == LINE);
