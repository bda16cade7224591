//! Where do the elements of a stream stand in a region?
//!
//! After the table come the [`Marks`], then, from the next page on, the elements, one after the other with nothing between
//! them: so many pages that they can be mapped twice, the second time right behind the first.

use crate::sync::AtomicU64;

use super::geometry::{Body, Geometry, GeometryError, MAX_CAPACITY, MAX_ENDPOINTS};
use super::header::{Header, Kind};
use super::laps::Laps;
use super::lines::Line;
use super::state::{Claimants, Owner};
use super::table::Record;

/// The smallest page that there is, in bytes; an element's size divides it, and with it every other.
pub const PAGE: usize = 4096;
/// The largest page that a region may be made for, in bytes.
const MAX_PAGE: usize = 1 << 20;

/// May a region be made for pages of so many bytes?
pub(super) fn is_page(bytes: usize) -> bool {
    bytes.is_power_of_two() && (PAGE..=MAX_PAGE).contains(&bytes)
}

/// How far the other end has to get before it is worth waking who sleeps: positions, each on a line of its own.
///
/// Written by who is about to sleep, before it announces itself; read by who has found it announced.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Marks {
    /// The head that a sleeping writer waits for.
    pub writer: Line<AtomicU64>,
    /// The tail that a sleeping reader waits for.
    pub reader: Line<AtomicU64>,
}

/// Bytes of the marks.
pub const MARKS: usize = 2 * super::lines::LINE;

/// Size and alignment of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element {
    /// Bytes.
    pub size: usize,
    /// Bytes, a power of two.
    pub align: usize,
}

impl Element {
    /// Of a type.
    pub const fn of<T>() -> Element {
        Element {
            size: size_of::<T>(),
            align: align_of::<T>(),
        }
    }

    /// Of a type of which no more is known than line 0 says.
    pub(super) fn described(size: usize, align: usize) -> Option<Element> {
        let element = Element { size, align };
        (element.divides_a_page() && align.is_power_of_two() && size.is_multiple_of(align)).then_some(element)
    }

    /// So many fill a page, whatever its size.
    fn divides_a_page(self) -> bool {
        self.size.is_power_of_two() && self.size <= PAGE
    }
}

/// What a new stream is to be, but for its capacity.
#[derive(Clone, Copy, Debug)]
pub struct FlatPlan {
    /// Of what.
    pub element: Element,
    /// Bytes of a page of this machine.
    pub page: usize,
}

/// Where the elements are.
#[derive(Clone, Copy, Debug)]
pub struct Flat {
    /// Offset of the marks.
    pub marks_offset: usize,
    /// Offset of element 0, a multiple of the page.
    pub offset: usize,
    /// Bytes of all elements, a multiple of the page.
    pub bytes: usize,
    /// Bytes of a page of the machine that made it.
    pub page: usize,
}

impl Flat {
    /// The geometry that line 0 tells of, if it is one that [`FlatPlan::geometry`] makes.
    pub(super) fn check(header: &Header, kind: Kind, element: Element, endpoints: u16) -> Option<Geometry> {
        let page = header.stride as usize;
        let plan = FlatPlan { element, page };
        let geometry = is_page(page)
            .then(|| plan.geometry(kind, header.capacity, endpoints))?
            .ok()?;
        let as_it_says = geometry.capacity() == header.capacity && geometry.total as u64 == header.total;
        as_it_says.then_some(geometry)
    }
}

impl FlatPlan {
    /// The geometry of a new stream with room for at least `capacity` elements, and `endpoints` records but for those of
    /// its two ends.
    pub fn geometry(self, kind: Kind, capacity: u64, endpoints: u16) -> Result<Geometry, GeometryError> {
        let Element { size, align } = self.element;
        if !self.element.divides_a_page() {
            return Err(GeometryError::ElementSize);
        }
        debug_assert!(align <= size, "a size is a multiple of the alignment");
        if endpoints == 0 || endpoints > MAX_ENDPOINTS {
            return Err(GeometryError::TableLength);
        }
        let in_a_page = (self.page / size) as u64;
        if capacity == 0 || capacity > MAX_CAPACITY {
            return Err(GeometryError::Capacity);
        }
        let shift = capacity.max(in_a_page).next_power_of_two().trailing_zeros();
        let bytes = size << shift;
        let table_length = endpoints + Owner::FIRST_MULTI;
        let marks_offset = Geometry::after_table(table_length, align_of::<Record>());
        let offset = (marks_offset + MARKS).next_multiple_of(self.page);
        Ok(Geometry {
            laps: Laps::new(shift),
            stride: size,
            table_length,
            claimants: Claimants::of(kind, table_length),
            slots_offset: offset,
            body: Body::Flat(Flat {
                marks_offset,
                offset,
                bytes,
                page: self.page,
            }),
            total: offset + bytes,
        })
    }
}
