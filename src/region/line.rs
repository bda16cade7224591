//! What does line 0 say, and is it what is expected?

use std::os::fd::BorrowedFd;
use std::path::Path;

use super::memory;
use super::{Expected, Plan, barrier, os, process};
use crate::error::{AttachError, CreateError};
use crate::layout::geometry::{self, Arrangement, GeometryError, PayloadLayout};
use crate::layout::{Blocks, Element, FenceMode, Geometry, Header, Kind, Payload, Policy, blocks, flat, header};

/// Geometry and line 0 of a new region. Registers for membarrier(2), if that is what it will use.
pub(super) fn draw(plan: &Plan, policy: Option<Policy>) -> Result<(Geometry, Header), CreateError> {
    let geometry = geometry_of(plan)?;
    // Before anything is allocated: it will be needed, and it says how much there is.
    if !Path::new("/proc/self").exists() {
        return Err(CreateError::NoProc);
    }
    let fence_mode = match plan.fence_mode {
        Some(FenceMode::Fenced) => FenceMode::Fenced,
        Some(FenceMode::Membarrier) => {
            barrier::register().map_err(|_| CreateError::MembarrierUnavailable)?;
            FenceMode::Membarrier
        }
        None if barrier::register().is_ok() => FenceMode::Membarrier,
        None => FenceMode::Fenced,
    };
    let line = Header {
        magic: header::MAGIC,
        abi: header::ABI_VERSION,
        kind: plan.kind as u32,
        capacity: geometry.capacity(),
        stride: geometry.stride_field(),
        payload_size: plan.arrangement.payload().size() as u32,
        payload_align: align_field(plan.arrangement),
        table_length: u32::from(geometry.table_length),
        fence_mode: fence_mode as u32,
        tick_ms: plan.tick_ms,
        spin_ns: plan.spin_ns,
        policy: policy.map_or(0, |policy| policy as u32),
        total: geometry.total as u64,
        boot_id: process::boot_id(),
        fingerprint: header::fingerprint(&plan.name),
        header_size: header(plan.arrangement.payload()).0,
        header_align: header(plan.arrangement.payload()).1,
        name: header::name_field(&plan.name),
    };
    Ok((geometry, line))
}

/// Writes `line`, its magic last. The rest of a fresh region is zeros: hints at 0, nobody asleep, nobody seen, every
/// slot `FREE(0)`.
pub(super) fn write(file: BorrowedFd<'_>, line: Header) -> Result<(), CreateError> {
    let write = |bytes: &[u8]| {
        memory::write_at(file, bytes, 0).map_err(|source| CreateError::Os {
            what: "write the channel's header",
            source,
        })
    };
    write(bytemuck::bytes_of(&Header { magic: [0; 8], ..line }))?;
    write(&line.magic)
}

/// Line 0 of what begins as a region does.
pub(super) fn read(file: BorrowedFd<'_>) -> Result<Header, AttachError> {
    long_enough(file, size_of::<Header>())?;
    let mut line = <Header as bytemuck::Zeroable>::zeroed();
    memory::read_at(file, bytemuck::bytes_of_mut(&mut line), 0).map_err(os("read the channel's header"))?;
    if line.magic != header::MAGIC {
        return Err(AttachError::NotARegion { actual: line.magic });
    }
    Ok(line)
}

/// The file has `expected` bytes at least.
pub(super) fn long_enough(file: BorrowedFd<'_>, expected: usize) -> Result<(), AttachError> {
    let actual = memory::file_len(file).map_err(os("read the size of the channel's memory"))?;
    let expected = expected as u64;
    if actual == 0 {
        return Err(AttachError::Empty { expected });
    }
    if actual < expected {
        return Err(AttachError::Truncated { expected, actual });
    }
    Ok(())
}

/// The alignment in line 0: of a message, of a block's items, of an element, or of a byte.
fn align_field(arrangement: Arrangement) -> u32 {
    match arrangement {
        Arrangement::Slots(payload, _) => payload.align as u32,
        Arrangement::Blocks(plan) => plan.align as u32,
        Arrangement::Flat(plan) => plan.element.align as u32,
        Arrangement::Plain(_) => 1,
    }
}

/// Size and alignment of a block's header in line 0, both at most a page.
fn header(payload: Payload) -> (u16, u16) {
    match payload {
        Payload::Slot(_) | Payload::Element(_) | Payload::Plain => (0, 0),
        Payload::Block(layout) => (layout.header as u16, layout.header_align as u16),
    }
}

fn geometry_of(plan: &Plan) -> Result<Geometry, CreateError> {
    let endpoints = u16::try_from(plan.endpoints).unwrap_or(u16::MAX);
    let geometry = Geometry::arrange(plan.kind, plan.capacity, plan.arrangement, endpoints);
    geometry.map_err(|error| match (error, plan.arrangement) {
        (GeometryError::TableLength, _) => CreateError::TableLength {
            asked: plan.endpoints,
            max: u32::from(geometry::MAX_ENDPOINTS),
        },
        (GeometryError::Overflow, _) => CreateError::TooLarge {
            wanted: u64::MAX,
            limit: isize::MAX as u64,
        },
        (GeometryError::PayloadSize, Arrangement::Slots(payload, _)) => CreateError::PayloadSize {
            size: payload.size,
            max: geometry::MAX_PAYLOAD,
        },
        (GeometryError::PayloadAlign, Arrangement::Slots(payload, _)) => CreateError::PayloadAlign {
            align: payload.align,
            max: geometry::MAX_ALIGN,
        },
        (GeometryError::ElementSize, Arrangement::Flat(stream)) => CreateError::ElementSize {
            size: stream.element.size,
            page: flat::PAGE,
        },
        (_, Arrangement::Slots(..)) => CreateError::Capacity { asked: plan.capacity },
        (_, Arrangement::Flat(_)) => CreateError::StreamCapacity { asked: plan.capacity },
        (_, Arrangement::Plain(_)) => CreateError::EmptyRegion,
        (GeometryError::BlockLength, Arrangement::Blocks(blocks)) => CreateError::BlockLength {
            length: blocks.length,
            item: blocks.layout.item,
        },
        (GeometryError::BlockSize, Arrangement::Blocks(_)) => CreateError::BlockSize { max: Blocks::MAX },
        (GeometryError::HeaderSize, Arrangement::Blocks(blocks)) => CreateError::HeaderSize {
            size: blocks.layout.header,
            max: blocks::MAX_HEADER,
        },
        (GeometryError::PayloadAlign, Arrangement::Blocks(blocks)) => CreateError::BlockAlign {
            align: blocks.align,
            needed: blocks.layout.align(),
        },
        (_, Arrangement::Blocks(_)) => CreateError::BlockCount {
            asked: plan.capacity,
            max: blocks::MAX_BLOCKS,
        },
    })
}

/// Line 0, which begins with the magic, and the file against what is expected, the most telling mismatch first.
/// Registers for membarrier(2) if need be.
pub(super) fn check(file: BorrowedFd<'_>, line: &Header, expected: &Expected) -> Result<Geometry, AttachError> {
    if line.abi != header::ABI_VERSION {
        return Err(AttachError::AbiVersion {
            expected: header::ABI_VERSION,
            actual: line.abi,
        });
    }
    if Kind::decode(line.kind) != Some(expected.kind) {
        return Err(AttachError::Kind {
            expected: expected.kind.name(),
            actual: Kind::decode(line.kind).map_or("of an unknown kind", Kind::name),
        });
    }
    if line.payload_size as usize != expected.payload.size() {
        return Err(AttachError::PayloadSize {
            expected: expected.payload.size(),
            actual: line.payload_size as usize,
        });
    }
    check_alignment(line, expected.payload)?;
    let (size, align) = header(expected.payload);
    if line.header_size != size {
        return Err(AttachError::HeaderSize {
            expected: size.into(),
            actual: line.header_size.into(),
        });
    }
    if line.header_align != align {
        return Err(AttachError::HeaderAlign {
            expected: align.into(),
            actual: line.header_align.into(),
        });
    }
    if line.fingerprint != header::fingerprint(&expected.name) {
        return Err(AttachError::Schema {
            expected: expected.name.clone(),
            actual: header::name_text(&line.name),
        });
    }
    let geometry = Geometry::check(line, expected.payload).ok_or(AttachError::Geometry {
        capacity: line.capacity,
        stride: line.stride,
        table_length: line.table_length,
        total: line.total,
        slot: expected.payload.slot(),
    })?;
    long_enough(file, geometry.total)?;
    if FenceMode::decode(line.fence_mode) == Some(FenceMode::Membarrier) {
        barrier::register().map_err(|_| AttachError::MembarrierUnavailable)?;
    }
    Ok(geometry)
}

/// A ring's alignment is that of its messages, a stream's that of its elements; a block's is at least that of its items and their header.
fn check_alignment(line: &Header, payload: Payload) -> Result<(), AttachError> {
    let actual = line.payload_align as usize;
    match payload {
        Payload::Slot(PayloadLayout { align, .. }) | Payload::Element(Element { align, .. }) if actual != align => {
            Err(AttachError::PayloadAlign {
                expected: align,
                actual,
            })
        }
        Payload::Block(layout) if actual < layout.align() => Err(AttachError::BlockAlign {
            needed: layout.align(),
            actual,
        }),
        Payload::Plain if actual != 1 => Err(AttachError::PayloadAlign { expected: 1, actual }),
        _ => Ok(()),
    }
}
