//! What is behind a name, does anybody still need it, and how is the name taken away from it?
//!
//! Everything here goes through one lock description of the object, and reads with pread(2): what is judged may have
//! been truncated, or never have been a region.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, lstat, stat};
use nix::unistd::{geteuid, unlink};

use super::super::lock::{self, Held, LockFile};
use super::super::{line, os};
use super::name::{self, DIRECTORY, Name};
use super::unread::is_drained;
use crate::error::AttachError;
use crate::layout::{Geometry, Header, Policy, header};

/// The last two, lest a file that is no region does something on being opened.
pub(super) const WITH_CARE: OFlag = OFlag::O_NOFOLLOW
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY);

/// Opens what `name` leads to: a regular file of this user, or, if `others` says so, of any.
///
/// # Errors
/// [`AttachError::NotFound`], a variant for each thing that it is instead, or what the kernel answers.
pub(super) fn open_object(name: &Name, others: bool) -> Result<LockFile, AttachError> {
    let opened = LockFile::open_by(|| open(name.path(), OFlag::O_RDWR | WITH_CARE, Mode::empty()));
    let object = opened.map_err(|error| explain(error, name))?;
    admit(status(&object), name, others)?;
    Ok(object)
}

/// Opens what `name` leads to, a regular file of this user, for reading alone and without locks.
///
/// # Errors
/// As [`open_object`].
pub(crate) fn open_to_read(name: &Name) -> Result<OwnedFd, AttachError> {
    let opened = open(name.path(), OFlag::O_RDONLY | WITH_CARE, Mode::empty());
    let file = opened.map_err(|error| explain(error.into(), name))?;
    admit(fstat(&file).map_err(io::Error::from), name, false)?;
    Ok(file)
}

fn admit(status: io::Result<FileStat>, name: &Name, others: bool) -> Result<(), AttachError> {
    let status = status.map_err(os("look at the channel's file"))?;
    match kind_of(&status) {
        None if others => Ok(()),
        None => ours(&status, name),
        Some(what) => Err(not_a_file(name, what)),
    }
}

/// Why could the file of `name` not be opened?
fn explain(error: io::Error, name: &Name) -> AttachError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) if name.in_shm() && !name.directory().is_dir() => AttachError::NoShm,
        Some(Errno::ENOENT) => AttachError::NotFound { name: name.text() },
        Some(Errno::ELOOP) => not_a_file(name, "a symbolic link"),
        Some(Errno::EISDIR) => not_a_file(name, "a directory"),
        Some(Errno::ENXIO) => not_a_file(name, "a socket or a device"),
        Some(Errno::EACCES) => {
            let another = lstat(name.path()).ok().and_then(|status| ours(&status, name).err());
            another.unwrap_or_else(|| os("open the channel's file")(error))
        }
        _ => os("open the channel's file")(error),
    }
}

fn not_a_file(name: &Name, what: &'static str) -> AttachError {
    AttachError::NotAChannel {
        name: name.text(),
        what,
    }
}

/// What it is, if it is no regular file.
pub(super) fn kind_of(status: &FileStat) -> Option<&'static str> {
    let kind = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT;
    match kind {
        SFlag::S_IFREG => None,
        SFlag::S_IFDIR => Some("a directory"),
        SFlag::S_IFLNK => Some("a symbolic link"),
        SFlag::S_IFIFO => Some("a pipe"),
        _ => Some("a socket or a device"),
    }
}

fn ours(status: &FileStat, name: &Name) -> Result<(), AttachError> {
    let (expected, owner) = (geteuid().as_raw(), status.st_uid);
    if owner == expected {
        return Ok(());
    }
    let name = name.text();
    Err(AttachError::AnotherUser { name, expected, owner })
}

/// fstat(2).
pub(super) fn status(object: &LockFile) -> io::Result<FileStat> {
    Ok(fstat(object.fd()?)?)
}

/// Line 0 and the policy in it; `None` for what this program has no say in: no region, one of another ABI version, one
/// that was not made to have a name.
pub(super) fn describe(object: &LockFile) -> Option<(Header, Policy)> {
    let line = line::read(object.fd().ok()?).ok()?;
    if line.abi != header::ABI_VERSION {
        return None;
    }
    Some((line, Policy::decode(line.policy)?))
}

/// Does another description hold the creator's byte?
pub(super) fn creator_elsewhere(object: &LockFile) -> io::Result<bool> {
    Ok(object.who_else(lock::CREATOR)? != Held::Free)
}

/// How the removal of a name went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Removal {
    /// The name is gone, by us.
    Done,
    /// The name led elsewhere, or nowhere.
    Gone,
    /// Another process is at it.
    Busy,
    /// It is of use to somebody: nothing was tried.
    Needed,
}

/// Takes `name` away from the object, if it leads there.
///
/// Whoever unlinks a name holds the name byte of the object that it leads to, compared *after* the byte was taken; and
/// linkat(2) never replaces. So between the comparison and the unlinking the name cannot come to lead elsewhere.
pub(super) fn remove(object: &LockFile, name: &Name) -> io::Result<Removal> {
    if !object.try_lock(lock::NAME)? {
        return Ok(Removal::Busy);
    }
    let meant = status(object)?;
    match lstat(name.path()) {
        Ok(found) if (found.st_dev, found.st_ino) == (meant.st_dev, meant.st_ino) => {}
        Ok(_) | Err(Errno::ENOENT) => return Ok(Removal::Gone),
        Err(errno) => return Err(errno.into()),
    }
    match unlink(name.path()) {
        Ok(()) => Ok(Removal::Done),
        // By hand, outside the protocol.
        Err(Errno::ENOENT) => Ok(Removal::Gone),
        Err(errno) => Err(errno.into()),
    }
}

/// Leaves the object, of which this description has said "present": removes its name if that is ours to do. The
/// description is of no more use than to be closed.
pub(super) fn out(object: &LockFile, name: &Name, policy: Policy, geometry: Option<&Geometry>) -> io::Result<Removal> {
    match policy {
        Policy::Kept => return Ok(Removal::Needed),
        // Our own lock does not show: it is the creator who leaves, or one who finds him dead.
        Policy::Created if creator_elsewhere(object)? => return Ok(Removal::Needed),
        Policy::Created => {}
        Policy::Shared => {
            // Not converted: of two that leave together and hold it shared, neither would get it.
            object.unlock(lock::PRESENCE)?;
            let alone = object.try_lock(lock::PRESENCE)?;
            // Of one that has lost its name nothing has to be known.
            if !alone || status(object)?.st_nlink == 0 || !geometry.is_some_and(|g| is_drained(object, g)) {
                return Ok(Removal::Needed);
            }
        }
    }
    remove(object, name)
}

/// The name in /dev/shm that leads to `object`, if there is one.
///
/// The directory is searched, since /proc does not know: what was made without a name is there called `#inode (deleted)`
/// ever after, by those who have come by it through its maker's descriptor.
pub(super) fn name_of(object: BorrowedFd<'_>) -> io::Result<Option<Name>> {
    let meant = fstat(object)?;
    if meant.st_nlink == 0 {
        return Ok(None);
    }
    let leads_there = |name: &Name| {
        lstat(name.path()).is_ok_and(|found| (found.st_dev, found.st_ino) == (meant.st_dev, meant.st_ino))
    };
    match name::all() {
        Ok(mut names) => Ok(names.find(leads_there)),
        // It is elsewhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Is it a regular file of this user's that has or had a name? A memfd never had one, and could have been sealed.
pub(in crate::region) fn is_ours(file: BorrowedFd<'_>) -> bool {
    let Ok(file) = fstat(file) else {
        return false;
    };
    // One in /dev/shm may have lost its name on the way.
    let named = file.st_nlink != 0 || stat(DIRECTORY).is_ok_and(|directory| directory.st_dev == file.st_dev);
    named && kind_of(&file).is_none() && file.st_uid == geteuid().as_raw()
}

/// A new file without a name in `directory`, that can be given one there.
pub(super) fn nameless(directory: &Path, mode: Mode) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let file = open(directory, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    // Whatever the umask.
    nix::sys::stat::fchmod(&file, mode)?;
    Ok(file)
}
