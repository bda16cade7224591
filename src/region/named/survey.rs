//! Which names are there, who is behind them, and which may go?

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::mem::offset_of;

use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

use super::super::lock::{self, Held, LockFile};
use super::super::{memory, os};
use super::name::{self, Name};
use super::object::{self, Removal};
use super::unread;
use super::{PATIENCE, Patience};
use crate::error::AttachError;
use crate::layout::geometry::TABLE_OFFSET;
use crate::layout::header::name_text;
use crate::layout::{Geometry, Kind, Policy, Record, Role};

/// A named channel or region, as [`list`] finds it. All of it may have changed by the time it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The transport, and which ends admit many.
    pub kind: Kind,
    /// Messages that it holds when it is full: slots, or blocks; or bytes of a region.
    pub capacity: u64,
    /// The type or schema of its messages, as far as it is kept.
    pub payload: String,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Its endpoints. A region has none: whether anybody has it open is told by `orphaned`.
    pub attached: Vec<Attached>,
    /// No live process has it open: [`gc`] would remove it, unless it is kept.
    pub orphaned: bool,
    /// Made with [`Builder::keep_name`](crate::Builder::keep_name).
    pub kept: bool,
}

/// An endpoint of a [`Listed`] channel.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Attached {
    /// Its process's id, as that sees itself.
    pub pid: u32,
    /// "sender" or "receiver".
    pub role: &'static str,
    /// Its process's name.
    pub process: String,
    /// It lives, or is a seat that somebody may take; otherwise it has died and nobody has repaired yet what it left.
    pub alive: bool,
}

/// A channel or region whose name [`gc`] has removed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// Bytes that it took.
    pub bytes: u64,
    /// Messages in it that nobody had received; `None` if its memory was corrupt.
    pub unread: Option<u64>,
}

impl fmt::Display for Removed {
    /// In one line, as a tool would print it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} bytes, ", self.name, self.bytes)?;
        match self.unread {
            Some(1) => f.write_str("1 unread message"),
            Some(unread) => write!(f, "{unread} unread messages"),
            None => f.write_str("corrupt"),
        }
    }
}

/// The named channels and regions that this process may read, in the order of their names. Changes nothing and disturbs nobody.
///
/// What else is in /dev/shm is left out: other files, channels of another ABI version, and those of users who do not let
/// this one read them.
///
/// # Errors
/// /dev/shm is not there or cannot be read, or this process has no descriptors or memory left to look at them all.
///
/// ```
/// for channel in annulus::list()? {
///     println!("{}: {} x {}, {} attached", channel.name, channel.capacity, channel.payload, channel.attached.len());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn list() -> io::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for name in name::all()? {
        match open_to_look(&name) {
            Ok(object) => listed.extend(look(&name, object)),
            // Of this process, and not of what it looks at.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}

fn open_to_look(name: &Name) -> io::Result<LockFile> {
    LockFile::open_by(|| open(name.path(), OFlag::O_RDONLY | object::WITH_CARE, Mode::empty()))
}

fn look(name: &Name, object: LockFile) -> Option<Listed> {
    let status = object::status(&object).ok()?;
    if object::kind_of(&status).is_some() {
        return None;
    }
    let (line, policy) = object::describe(&object)?;
    let geometry = Geometry::described(&line)?;
    let ids = 1..geometry.table_length;
    Some(Listed {
        name: name.text(),
        kind: Kind::decode(line.kind)?,
        capacity: line.capacity,
        payload: name_text(&line.name),
        bytes: status.st_size as u64,
        attached: ids.filter_map(|id| endpoint(&object, id)).collect(),
        orphaned: object.who_else(lock::PRESENCE).ok()? != Held::Shared,
        kept: policy == Policy::Kept,
    })
}

fn endpoint(object: &LockFile, id: u16) -> Option<Attached> {
    let mut bytes = [0; size_of::<Record>()];
    let offset = TABLE_OFFSET + usize::from(id) * bytes.len();
    memory::read_at(object.fd().ok()?, &mut bytes, offset as u64).ok()?;
    let half = |at: usize| Some(u32::from_ne_bytes(*bytes[at..].first_chunk()?));
    let role = Role::decode(half(offset_of!(Record, role))?).ok()??;
    let name = &bytes[offset_of!(Record, name)..][..16];
    let name = CStr::from_bytes_until_nul(name).map_or(name, CStr::to_bytes);
    let byte = lock::role_byte(role, id);
    Some(Attached {
        pid: half(offset_of!(Record, pid))?,
        role: role.name(),
        process: String::from_utf8_lossy(name).into_owned(),
        alive: object.who_else(byte).ok()? != Held::Free,
    })
}

/// Removes the names of this user's channels and regions that no live process has open, messages in them or not, and says which.
///
/// Whether somebody has one open is the kernel's word: nothing is removed for its age, and nothing that is in use by
/// anybody, stopped or not. Those made with [`Builder::keep_name`](crate::Builder::keep_name) stay.
///
/// # Errors
/// /dev/shm is not there or cannot be read. What cannot be removed is left.
///
/// ```
/// # fn collect() -> std::io::Result<()> {
/// for removed in annulus::gc()? {
///     println!("removed {removed}"); // "prices": 4096 bytes, 3 unread messages
/// }
/// # Ok(())
/// # }
/// ```
pub fn gc() -> io::Result<Vec<Removed>> {
    Ok(name::all()?.filter_map(|name| collect(&name)).collect())
}

fn collect(name: &Name) -> Option<Removed> {
    let object = object::open_object(name, false).ok()?;
    let (line, policy) = object::describe(&object)?;
    if policy == Policy::Kept || !object.try_lock(lock::PRESENCE).ok()? {
        return None;
    }
    let removed = Removed {
        name: name.text(),
        bytes: object::status(&object).ok()?.st_size as u64,
        unread: Geometry::described(&line).and_then(|geometry| unread::unread(&object, &geometry)),
    };
    (object::remove(&object, name).ok()? == Removal::Done).then_some(removed)
}

/// Removes the name of a channel or region, as `rm` does: who has it open goes on, and nobody else comes.
///
/// Unlike `rm` it cannot remove the name of a channel that has been created under it in the meantime. It removes
/// whatever regular file is there, a channel or not; one of another user's only for who may write to it and to /dev/shm.
///
/// # Errors
/// [`AttachError::Name`], [`AttachError::NotFound`], [`AttachError::NoShm`], [`AttachError::NotAChannel`],
/// [`AttachError::Busy`] if somebody has been removing it for a second, or [`AttachError::Os`].
pub fn unlink(name: &str) -> Result<(), AttachError> {
    let name = Name::new(name)?;
    let mut patience = Patience::new(PATIENCE);
    loop {
        let object = object::open_object(&name, true)?;
        match object::remove(&object, &name).map_err(os("remove the channel's name"))? {
            // Whoever was faster has removed what we meant.
            Removal::Done | Removal::Gone | Removal::Needed => return Ok(()),
            Removal::Busy => {}
        }
        drop(object);
        if !patience.pause() {
            return Err(AttachError::Busy);
        }
    }
}
