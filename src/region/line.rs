//! What does line 0 say, and is it what is expected?

use std::os::fd::BorrowedFd;
use std::path::Path;

use super::memory;
use super::{Expected, Plan, barrier, os, process};
use crate::error::{AttachError, CreateError};
use crate::layout::geometry::{self, GeometryError};
use crate::layout::{FenceMode, Geometry, Header, Kind, Policy, header};

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
        capacity: geometry.laps.capacity(),
        stride: geometry.stride as u32,
        payload_size: plan.payload.size as u32,
        payload_align: plan.payload.align as u32,
        table_length: u32::from(geometry.table_length),
        fence_mode: fence_mode as u32,
        tick_ms: plan.tick_ms,
        spin_ns: plan.spin_ns,
        policy: policy.map_or(0, |policy| policy as u32),
        total: geometry.total as u64,
        boot_id: process::boot_id(),
        fingerprint: header::fingerprint(&plan.name),
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

fn geometry_of(plan: &Plan) -> Result<Geometry, CreateError> {
    let endpoints = u16::try_from(plan.endpoints).unwrap_or(u16::MAX);
    Geometry::plan(plan.capacity, plan.payload, plan.padding, endpoints).map_err(|e| match e {
        GeometryError::Capacity => CreateError::Capacity { asked: plan.capacity },
        GeometryError::TableLength => CreateError::TableLength {
            asked: plan.endpoints,
            max: u32::from(geometry::MAX_ENDPOINTS),
        },
        GeometryError::PayloadSize => CreateError::PayloadSize {
            size: plan.payload.size,
            max: geometry::MAX_PAYLOAD,
        },
        GeometryError::PayloadAlign => CreateError::PayloadAlign {
            align: plan.payload.align,
            max: geometry::MAX_ALIGN,
        },
        GeometryError::Overflow => CreateError::TooLarge {
            wanted: u64::MAX,
            limit: isize::MAX as u64,
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
    if line.payload_size as usize != expected.payload.size {
        return Err(AttachError::PayloadSize {
            expected: expected.payload.size,
            actual: line.payload_size as usize,
        });
    }
    if line.payload_align as usize != expected.payload.align {
        return Err(AttachError::PayloadAlign {
            expected: expected.payload.align,
            actual: line.payload_align as usize,
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
        slot: expected.payload.slot,
    })?;
    long_enough(file, geometry.total)?;
    if FenceMode::decode(line.fence_mode) == Some(FenceMode::Membarrier) {
        barrier::register().map_err(|_| AttachError::MembarrierUnavailable)?;
    }
    Ok(geometry)
}
