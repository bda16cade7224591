//! Where do blocks and their ring stand in a region?
//!
//! After the table come the entries, then the blocks, each a [`Head`] and, aligned as its creator chose, the items.

use super::block::Head;
use super::geometry::{Body, Geometry, GeometryError, MAX_ENDPOINTS};
use super::header::{Header, Kind};
use super::laps::Laps;
use super::state::{Claimants, Owner};

/// Most blocks: what an entry can name.
pub const MAX_BLOCKS: u64 = 1 << 16;
/// Largest header of a message, in bytes.
pub const MAX_HEADER: usize = 4096;
/// Alignment of a block's items, in bytes, unless said otherwise: a cache line of x86.
pub const BLOCK_ALIGN: usize = 64;
/// Largest alignment of a block's items, in bytes: a page, which a mapping guarantees.
pub const MAX_BLOCK_ALIGN: usize = 4096;

/// Sizes and alignments of an item and of a header, as far as both programs must agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockLayout {
    /// Bytes of an item.
    pub item: usize,
    /// Alignment of an item.
    pub item_align: usize,
    /// Bytes of a header.
    pub header: usize,
    /// Offset of the header in a block.
    pub header_offset: usize,
    /// Alignment of a header.
    pub header_align: usize,
}

impl BlockLayout {
    /// Of types.
    pub const fn of<T, H>() -> BlockLayout {
        BlockLayout {
            item: size_of::<T>(),
            item_align: align_of::<T>(),
            header: size_of::<H>(),
            header_offset: std::mem::offset_of!(Head<H>, header),
            header_align: align_of::<H>(),
        }
    }

    /// Of types of which no more is known than line 0 says.
    pub(super) fn described(item: usize, align: usize, header: usize, header_align: usize) -> Option<BlockLayout> {
        let possible = item != 0
            && align.is_power_of_two()
            && header <= MAX_HEADER
            && header_align.is_power_of_two()
            && header.is_multiple_of(header_align);
        possible.then(|| BlockLayout {
            item,
            item_align: 1,
            header,
            header_offset: header_align.max(size_of::<[u64; 2]>()),
            header_align,
        })
    }
}

/// What a new region of blocks is to be, but for their number.
#[derive(Clone, Copy, Debug)]
pub struct BlockPlan {
    /// Of what.
    pub layout: BlockLayout,
    /// Items that a block has room for, at least.
    pub length: u64,
    /// Alignment of the items, in bytes.
    pub align: usize,
}

/// Where the blocks are.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    /// How many.
    pub count: u32,
    /// Offset of block 0.
    pub offset: usize,
    /// Bytes from block to block.
    pub stride: usize,
    /// Offset of the items in a block.
    pub items_offset: usize,
    /// Bytes for items in a block.
    pub room: usize,
}

impl Blocks {
    /// Line 0 counts strides in units of so many bytes. Alignments are multiples of it.
    pub const UNIT: usize = BLOCK_ALIGN;
    /// Most bytes from block to block: what line 0 can say, in whole pages.
    pub const MAX: usize = (u32::MAX as usize * Self::UNIT) / MAX_BLOCK_ALIGN * MAX_BLOCK_ALIGN;

    /// The geometry that line 0 tells of, if it is one that [`BlockPlan::geometry`] makes for this layout.
    pub(super) fn check(header: &Header, kind: Kind, layout: BlockLayout, endpoints: u16) -> Option<Geometry> {
        let align = header.payload_align as usize;
        let stride = (header.stride as usize).checked_mul(Self::UNIT)?;
        let items_offset = layout.items_offset(align)?;
        let length = stride.checked_sub(items_offset)?.checked_div(layout.item)?;
        let plan = BlockPlan {
            layout,
            length: length as u64,
            align,
        };
        let geometry = plan.geometry(kind, header.capacity, endpoints).ok()?;
        (geometry.blocks()?.stride == stride && geometry.total as u64 == header.total).then_some(geometry)
    }
}

impl BlockLayout {
    /// What a block must be aligned to at least.
    pub const fn align(self) -> usize {
        if self.item_align > self.header_align {
            self.item_align
        } else {
            self.header_align
        }
    }

    /// Where the items begin in a block that is aligned to `align`; `None` if they or the header cannot be aligned so.
    fn items_offset(self, align: usize) -> Option<usize> {
        let aligned = align.is_power_of_two() && (BLOCK_ALIGN..=MAX_BLOCK_ALIGN).contains(&align);
        (aligned && self.align() <= align).then(|| (self.header_offset + self.header).next_multiple_of(align))
    }
}

impl BlockPlan {
    /// The geometry of a new region of `count` blocks with room for `endpoints` endpoints.
    pub fn geometry(self, kind: Kind, count: u64, endpoints: u16) -> Result<Geometry, GeometryError> {
        let layout = self.layout;
        if count == 0 || count > MAX_BLOCKS {
            return Err(GeometryError::Capacity);
        }
        if endpoints == 0 || endpoints > MAX_ENDPOINTS {
            return Err(GeometryError::TableLength);
        }
        if layout.item == 0 || u32::try_from(layout.item).is_err() || self.length == 0 {
            return Err(GeometryError::BlockLength);
        }
        if layout.header > MAX_HEADER {
            return Err(GeometryError::HeaderSize);
        }
        let items_offset = layout.items_offset(self.align).ok_or(GeometryError::PayloadAlign)?;
        let overflow = GeometryError::Overflow;
        let bytes = usize::try_from(self.length)
            .ok()
            .and_then(|length| length.checked_mul(layout.item))
            .ok_or(overflow)?;
        let stride = items_offset
            .checked_add(bytes)
            .and_then(|bytes| bytes.checked_next_multiple_of(self.align))
            .ok_or(overflow)?;
        if stride > Blocks::MAX {
            return Err(GeometryError::BlockSize);
        }
        let table_length = endpoints + Owner::FIRST_MULTI;
        let shift = count.next_power_of_two().trailing_zeros();
        let entry = size_of::<u64>();
        let slots_offset = Geometry::after_table(table_length, entry);
        let offset = (slots_offset + (entry << shift)).next_multiple_of(self.align.max(super::lines::LINE));
        let total = stride
            .checked_mul(count as usize)
            .and_then(|blocks| blocks.checked_add(offset))
            .filter(|&total| total <= isize::MAX as usize)
            .ok_or(overflow)?;
        Ok(Geometry {
            laps: Laps::new(shift),
            stride: entry,
            table_length,
            claimants: Claimants::of(kind, table_length),
            slots_offset,
            body: Body::Blocks(Blocks {
                count: count as u32,
                offset,
                stride,
                items_offset,
                room: stride - items_offset,
            }),
            total,
        })
    }
}
