//! May a region be opened through this descriptor?
//!
//! It comes from elsewhere and may be anything. So it is looked at before it is opened again: to open a device or a pipe
//! does something to it, and /proc opens a file for writing whose descriptor was meant for reading only.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::stat::fstat;

use super::lock::{self, LockError};
use super::os;
use crate::error::AttachError;

/// A new description of the file behind `passed`, without locks, to be mapped through.
///
/// # Errors
/// [`AttachError::NotAFile`], [`AttachError::NotWritable`], [`AttachError::NoProc`], or what the kernel answers.
pub(crate) fn open(passed: BorrowedFd<'_>) -> Result<OwnedFd, AttachError> {
    let is = fstat(passed).map_err(|e| os("look at what was passed")(e.into()))?;
    if let Some(actual) = other_than_a_file(is.st_mode) {
        return Err(AttachError::NotAFile { actual });
    }
    let flags = fcntl(passed, FcntlArg::F_GETFL).map_err(|e| os("look at what was passed")(e.into()))?;
    if let Some(actual) = other_than_writable(OFlag::from_bits_retain(flags)) {
        return Err(AttachError::NotWritable { actual });
    }
    lock::reopen(passed).map_err(|error| match error {
        LockError::NoProc => AttachError::NoProc,
        LockError::Os(source) => os("open the channel's memory again")(source),
    })
}

/// What it is, unless it is a regular file: inode(7).
pub(super) fn other_than_a_file(mode: libc::mode_t) -> Option<&'static str> {
    match mode & libc::S_IFMT {
        libc::S_IFREG => None,
        libc::S_IFDIR => Some("a directory"),
        libc::S_IFSOCK => Some("a socket"),
        libc::S_IFIFO => Some("a pipe"),
        libc::S_IFCHR => Some("a character device"),
        libc::S_IFBLK => Some("a block device"),
        libc::S_IFLNK => Some("a symbolic link"),
        _ => Some("no file but an eventfd, epoll or the like"),
    }
}

/// How it is open, unless for reading and writing: open(2).
fn other_than_writable(flags: OFlag) -> Option<&'static str> {
    if flags.contains(OFlag::O_PATH) {
        return Some("open as a path only");
    }
    match flags & OFlag::O_ACCMODE {
        OFlag::O_RDWR => None,
        OFlag::O_WRONLY => Some("open for writing only"),
        _ => Some("open for reading only"),
    }
}
