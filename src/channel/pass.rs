//! How does a channel get to a program that this one starts?
//!
//! The child inherits a description of its own of the region's file, which says "present" until the child has said so
//! itself: from before the child runs, those who wait for it know that somebody may come. Its number, and what file it
//! must be, stand in an environment variable. (The descriptor is inheritable only between fork and exec of this very
//! command: other commands started meanwhile do not get it.)
//!
//! # Unsafe
//! [`pass`] runs a closure between fork and exec, and [`inherit`] takes ownership of a descriptor by its number.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Mutex;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::stat::fstat;

use crate::error::AttachError;
use crate::region::{fork, lock, os};

/// The environment variable for a name is this and the name.
const VARIABLE: &str = "ANNULUS_CHANNEL_";

/// Longest name, in bytes.
const NAME_MAX: usize = 64;

/// Lets `command`'s children inherit the region in `file` as `name`.
pub(super) fn pass(file: BorrowedFd<'_>, command: &mut Command, name: &str) -> Result<(), AttachError> {
    let variable = variable(name)?;
    // Not one of the three numbers that the child's standard streams will have.
    let present = lock::present(file)?;
    let number = fcntl(&present, FcntlArg::F_DUPFD_CLOEXEC(3)).map_err(|e| os("pass the channel on")(e.into()))?;
    drop(present);
    // SAFETY: fcntl(2) has just made it, for us.
    let travels = unsafe { OwnedFd::from_raw_fd(number) };
    let is = fstat(file).map_err(|e| os("look at the channel's memory")(e.into()))?;
    command.env(variable, format!("{number}:{}:{}", is.st_dev, is.st_ino));
    let inheritable = move || {
        let _owned = &travels;
        // SAFETY: `travels` owns this descriptor for as long as the command lives.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one system call, fcntl(2), which is async-signal-safe, and
    // neither allocates nor locks.
    unsafe { command.pre_exec(inheritable) };
    Ok(())
}

/// The descriptor passed to this process as `name`: a description that says "present" until it is closed.
pub(super) fn inherit(name: &str) -> Result<OwnedFd, AttachError> {
    /// What this process has taken, names and numbers: a number may be another descriptor by now.
    static TAKEN: Mutex<Vec<(String, RawFd)>> = Mutex::new(Vec::new());

    let not_passed = || AttachError::NotPassed { name: name.to_owned() };
    let value = std::env::var(variable(name)?).map_err(|_| not_passed())?;
    let (number, dev, ino) = parse(&value).ok_or_else(not_passed)?;
    let _gate = fork::gate(); // No fork leaves TAKEN locked in a child.
    let mut taken = TAKEN.lock().unwrap_or_else(|e| e.into_inner());
    if taken.iter().any(|(by, as_number)| by == name || *as_number == number) {
        return Err(not_passed());
    }
    // SAFETY: only looked at while we hold TAKEN, and nothing is believed of it until it has been compared.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    // A grandchild has the variable without the descriptor, and the number may be one of its own, of this very file.
    // But what crosses an exec is never close-on-exec, and what Rust or this crate opens always is.
    let flags = fcntl(fd, FcntlArg::F_GETFD).map_err(|_| not_passed())?;
    let is = fstat(fd).map_err(|_| not_passed())?;
    if FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC) || (is.st_dev, is.st_ino) != (dev, ino) {
        return Err(not_passed());
    }
    taken.push((name.to_owned(), number));
    // SAFETY: it crossed the exec, it is the file that the parent passed for us to own, and TAKEN says that nobody has
    // taken it before.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&owned, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
        .map_err(|e| os("keep the channel from further programs")(io::Error::from(e)))?;
    Ok(owned)
}

fn variable(name: &str) -> Result<String, AttachError> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(good) {
        return Err(AttachError::InvalidName { name: name.to_owned() });
    }
    Ok(format!("{VARIABLE}{name}"))
}

fn parse(value: &str) -> Option<(RawFd, u64, u64)> {
    let mut fields = value.split(':');
    let number = fields.next()?.parse().ok().filter(|&n| n >= 0)?;
    let dev = fields.next()?.parse().ok()?;
    let ino = fields.next()?.parse().ok()?;
    fields.next().is_none().then_some((number, dev, ino))
}
