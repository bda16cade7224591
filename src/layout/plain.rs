//! Where do the bytes of a plain region stand?
//!
//! After a table of the reserved records alone, since nobody attaches to it, from the next page on: as many as were asked
//! for. The whole ends at a multiple of [`WORD`], so that the last of them, too, is in a word of the region.

use super::flat::is_page;
use super::geometry::{Body, Geometry, GeometryError};
use super::header::{Header, Kind};
use super::laps::Laps;
use super::state::{Claimants, Owner};
use super::table::Record;

/// Bytes of a word, by which the whole is rounded up.
pub const WORD: usize = size_of::<u64>();

/// What a new plain region is to be, but for its length.
#[derive(Clone, Copy, Debug)]
pub struct PlainPlan {
    /// Bytes of a page of this machine.
    pub page: usize,
}

/// Where the bytes are.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// Offset of byte 0, a multiple of the page.
    pub offset: usize,
    /// How many there are.
    pub length: usize,
    /// Bytes of a page of the machine that made it.
    pub page: usize,
}

impl Plain {
    /// The geometry that line 0 tells of, if it is one that [`PlainPlan::geometry`] makes.
    pub(super) fn check(header: &Header, kind: Kind, endpoints: u16) -> Option<Geometry> {
        let page = header.stride as usize;
        let geometry = is_page(page).then(|| PlainPlan { page }.geometry(kind, header.capacity, endpoints))?;
        geometry.ok().filter(|geometry| geometry.total as u64 == header.total)
    }
}

impl PlainPlan {
    /// The geometry of a new region of `length` bytes, with no records for `endpoints`, which are none.
    pub fn geometry(self, kind: Kind, length: u64, endpoints: u16) -> Result<Geometry, GeometryError> {
        if length == 0 {
            return Err(GeometryError::Capacity);
        }
        if endpoints != 0 {
            return Err(GeometryError::TableLength);
        }
        let table_length = Owner::FIRST_MULTI;
        let offset = Geometry::after_table(table_length, align_of::<Record>()).next_multiple_of(self.page);
        let total = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_next_multiple_of(WORD))
            .and_then(|words| words.checked_add(offset))
            .filter(|&total| total <= isize::MAX as usize)
            .ok_or(GeometryError::Overflow)?;
        Ok(Geometry {
            // Nobody takes a position in it.
            laps: Laps::new(0),
            stride: 1,
            table_length,
            claimants: Claimants::of(kind, table_length),
            slots_offset: offset,
            body: Body::Plain(Plain {
                offset,
                length: length as usize,
                page: self.page,
            }),
            total,
        })
    }
}
