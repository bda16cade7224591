//! How does one look at a region without having a part in it?
//!
//! Through a description and a mapping that cannot write: whoever looks on holds no lock, counts for nobody, and can
//! disturb nothing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sys::stat::fstat;

use super::mapping::Mapping;
use super::named::{self, Name};
use super::view::View;
use super::{line, lock, memory, os, passed};
use crate::error::AttachError;
use crate::layout::header::{self, name_text};
use crate::layout::{Geometry, Kind, Payload};

/// A region that is only looked at.
#[derive(Debug)]
pub(crate) struct Observed {
    view: View,
    kind: Kind,
    /// The type of its messages, or the schema.
    payload: String,
    file: OwnedFd,
}

impl Observed {
    /// The one called `name`.
    pub(crate) fn named(name: &str) -> Result<Observed, AttachError> {
        Self::new(named::open_to_read(&Name::new(name)?)?)
    }

    /// The one in the file at `path`.
    pub(crate) fn at(path: &Path) -> Result<Observed, AttachError> {
        Self::new(named::open_to_read(
            &Name::of_path(path).map_err(os("find the channel's file"))?,
        )?)
    }

    /// The one behind `fd`, which is opened again: what was passed may say "present".
    pub(crate) fn behind(fd: BorrowedFd<'_>) -> Result<Observed, AttachError> {
        let is = fstat(fd).map_err(|e| os("look at what was passed")(e.into()))?;
        if let Some(actual) = passed::other_than_a_file(is.st_mode) {
            return Err(AttachError::NotAFile { actual });
        }
        Self::new(lock::reopen_to_read(fd)?)
    }

    fn new(file: OwnedFd) -> Result<Observed, AttachError> {
        let line = line::read(file.as_fd())?;
        if line.abi != header::ABI_VERSION {
            return Err(AttachError::AbiVersion {
                expected: header::ABI_VERSION,
                actual: line.abi,
            });
        }
        let described = Payload::described(&line);
        let found = described.and_then(|payload| Some((payload, Geometry::check(&line, payload)?)));
        let (Some((payload, geometry)), Some(kind)) = (found, Kind::decode(line.kind)) else {
            return Err(AttachError::Geometry {
                capacity: line.capacity,
                stride: line.stride,
                table_length: line.table_length,
                total: line.total,
                slot: described.map_or(0, Payload::slot),
            });
        };
        line::long_enough(file.as_fd(), geometry.total)?;
        let allocated = memory::allocated(file.as_fd()).map_err(os("read the size of the channel's memory"))?;
        if allocated < geometry.total as u64 {
            // To read what is not there would allocate it.
            return Err(AttachError::Truncated {
                expected: geometry.total as u64,
                actual: allocated,
            });
        }
        let mapping = Mapping::read_only(file.as_fd(), geometry.total).map_err(os("map the channel's memory"))?;
        Ok(Observed {
            view: View::new(mapping, geometry, payload),
            kind,
            payload: name_text(&line.name),
            file,
        })
    }

    /// The bytes, of which none may be stored to.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// The transport, and which ends admit many.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The type of its messages, or the schema, as far as it is kept.
    pub(crate) fn payload(&self) -> &str {
        &self.payload
    }

    /// The file.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
