//! Who is alive? Ask the kernel.
//!
//! Liveness is told by open file description locks (fcntl(2), `F_OFD_SETLK`): the kernel drops them with the last
//! reference to the description, after the process's last thread has left user mode. A stopped process still holds
//! them, a zombie no longer. Nothing here looks at time or at process ids.
//!
//! Three facts of these locks shape the file:
//! - They belong to the *description*, not to the process or the descriptor. So each holder opens one of its own, by
//!   way of `/proc/self/fd`, for nothing but locks: a duplicate would share it, and a mapping would keep it alive.
//! - A lock never conflicts with another of its own description: who holds a byte finds it free.
//! - A forked child shares the description. [`LockFile::open`] and [`Presence`] hand it to `registry`;
//!   [`LockFile::bequeath`] is for what crosses on purpose.
//!
//! The lock bytes lie past the end of the data, where a lock touches no byte of it:
//!
//! | bytes | what a lock on it says |
//! |---|---|
//! | 2^62 + id | endpoint `id` lives, or somebody repairs what it left |
//! | 2^62 + 2^16 + id | `id` lives and is a sender |
//! | 2^62 + 2^17 + id | `id` lives and is a receiver |
//! | 2^62 + 2^16 + 2^15 + id, 2^62 + 2^17 + 2^15 + id | a seat of a sender, a receiver is being turned into an endpoint |
//! | 2^62 + 3·2^16 | presence: shared by all who have the region open; held alone by who judges whether anybody needs it |
//! | 2^62 + 3·2^16 + 1 | name: held by who removes the region's name |
//! | 2^62 + 3·2^16 + 2 | creator: held for as long as the creator has the region open |
//! | 2^62 + 3·2^16 + 3 | attach: held while an endpoint attaches |
//!
//! Name and creator are those of named regions (`named`).

use std::ffi::CStr;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::Mode;

use super::fork::{self, gate};
use super::registry::{InChild, Registered};
use crate::layout::Role;

/// The first lock byte: further than any file reaches, and its end still fits in an `off_t`.
const BASE: u64 = 1 << 62;
/// Ids in a group of bytes.
const IDS: u64 = 1 << 16;

const _: () = assert!(size_of::<libc::off_t>() == 8, "64-bit offsets");

/// The byte that says: endpoint `id` lives, or somebody repairs what it left.
pub(crate) const fn owner_byte(id: u16) -> u64 {
    BASE + id as u64
}

/// The byte that says: endpoint `id` lives and has this role.
pub(crate) const fn role_byte(role: Role, id: u16) -> u64 {
    let all = match role {
        Role::Sender => SENDERS,
        Role::Receiver => RECEIVERS,
    };
    all.start + id as u64
}

/// A byte in the range of `role` that is no id's: holds the place while a seat's locks pass from the description that
/// crossed the fork to the endpoint's own. Ids have 13 bits.
pub(crate) const fn passing_byte(role: Role, id: u16) -> u64 {
    role_byte(role, 0) + (1 << 15) + id as u64
}

/// The sender bytes of all ids.
pub(crate) const SENDERS: Range<u64> = BASE + IDS..BASE + 2 * IDS;
/// The receiver bytes of all ids.
pub(crate) const RECEIVERS: Range<u64> = BASE + 2 * IDS..BASE + 3 * IDS;
/// The sender and receiver bytes of all ids.
pub(crate) const ENDPOINTS: Range<u64> = SENDERS.start..RECEIVERS.end;

/// Shared by everybody who has the region open; held alone by who judges whether it is of use to anybody.
pub(crate) const PRESENCE: u64 = BASE + 3 * IDS;
/// Held by who removes the region's name: under it, the name leads to the same object from one look to the next.
pub(crate) const NAME: u64 = PRESENCE + 1;
/// Held by the creator of a region that lives as long as he has it open. Taken before the region has its name, and never
/// again: who finds it free finds it free for ever.
pub(crate) const CREATOR: u64 = PRESENCE + 2;
/// Held by an endpoint while it attaches.
pub(crate) const ATTACH: u64 = PRESENCE + 3;

/// Every lock byte there is.
const ALL: Range<u64> = BASE..BASE + 4 * IDS;

/// Why there is no lock description to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// The only way to a second description of an unnamed file leads through `/proc`.
    #[error("/proc is not mounted: it is needed to open a lock of its own for each endpoint")]
    NoProc,
    /// The kernel said no.
    #[error("cannot open the region again for its locks: {0}")]
    Os(#[from] io::Error),
}

/// Who else has a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// Nobody.
    Free,
    /// Others, together.
    Shared,
    /// One other, alone.
    Alone,
}

/// A description that is meant for this process alone. Its drop lets go of the locks before it closes: a child that has
/// not come to its fork handler yet, or one of posix_spawn(3) that has not come to its exec, would keep them a while,
/// and whoever is told that we have left would still find us among the living.
#[derive(Debug)]
struct Own(Registered);

impl Drop for Own {
    fn drop(&mut self) {
        // In a forked child there is no descriptor, or one of its own. An error leaves it to the closing.
        if let Ok(fd) = self.0.fd() {
            let _ = set_lock(fd, libc::F_UNLCK, ALL);
        }
    }
}

/// A description of its own for nothing but locks: a forked child closes it.
#[derive(Debug)]
pub(crate) struct LockFile(Own);

impl LockFile {
    /// Opens `region` again, for the locks of this process: a forked child closes it.
    ///
    /// # Errors
    /// No `/proc`, or the file cannot be opened for reading and writing, or no descriptor is left, or the fork handlers
    /// cannot be installed.
    pub(crate) fn open(region: BorrowedFd<'_>) -> Result<LockFile, LockError> {
        fork::install()?;
        let _gate = gate();
        let registered = Registered::new(explained(open_again(region, OFlag::O_RDWR))?, InChild::Close);
        Ok(LockFile(Own(registered)))
    }

    /// Opens a file by its name, for its locks: whatever opens it is run where no fork can come between it and the
    /// registration.
    ///
    /// # Errors
    /// What the kernel answers; or the fork handlers cannot be installed.
    pub(crate) fn open_by(open: impl Fn() -> nix::Result<OwnedFd>) -> io::Result<LockFile> {
        fork::install()?;
        let _gate = gate();
        Ok(LockFile(Own(Registered::new(retry(open)?, InChild::Close))))
    }

    /// Lets the locks cross a fork from now on.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub(crate) fn bequeath(self) -> io::Result<SeatLocks> {
        // What is left behind has no descriptor, so its drop unlocks and closes nothing.
        Ok(SeatLocks(self.0.0.take()?))
    }

    /// Takes `byte` for this description alone; `false` if another has it.
    ///
    /// # Errors
    /// The kernel is out of locks (`ENOLCK`), or this is a forked child, which has no part in it (`EBADF`).
    pub(crate) fn try_lock(&self, byte: u64) -> io::Result<bool> {
        self.attempt(libc::F_WRLCK, byte)
    }

    /// Shares `byte`; `false` if another has it alone.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub(crate) fn try_share(&self, byte: u64) -> io::Result<bool> {
        self.attempt(libc::F_RDLCK, byte)
    }

    fn attempt(&self, kind: libc::c_int, byte: u64) -> io::Result<bool> {
        match set_lock(self.fd()?, kind, byte..byte + 1) {
            Ok(()) => Ok(true),
            // POSIX leaves the choice between the two to the system.
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets go of `byte`.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub(crate) fn unlock(&self, byte: u64) -> io::Result<()> {
        Ok(set_lock(self.fd()?, libc::F_UNLCK, byte..byte + 1)?)
    }

    /// Does another description hold any lock in `bytes`? Its own do not count.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub(crate) fn held_elsewhere(&self, bytes: Range<u64>) -> io::Result<bool> {
        Ok(probe(self.fd()?, bytes)? != Held::Free)
    }

    /// Who else has `byte`?
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub(crate) fn who_else(&self, byte: u64) -> io::Result<Held> {
        probe(self.fd()?, byte..byte + 1)
    }

    /// The descriptor, to ask something of the file. Never to be duplicated, nor mapped through.
    ///
    /// # Errors
    /// `EBADF` in a forked child, which has no part in it.
    pub(super) fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.0.0.fd()
    }
}

/// Locks that cross a fork on purpose: they end with the last process that has them, or when one of these
/// [releases](Self::release) them.
#[derive(Debug)]
pub(crate) struct SeatLocks(OwnedFd);

impl SeatLocks {
    /// Lets go of all of them, for every process that has them.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn release(&self) -> io::Result<()> {
        Ok(set_lock(self.0.as_fd(), libc::F_UNLCK, ALL)?)
    }
}

/// The region's description, which shares the presence byte for as long as this process has the region open.
///
/// A forked child has the region open too. It shares the byte by a description of its own, opened by the parent's
/// prepare handler: before fork returns, and without a moment in which only one of the two is seen.
#[derive(Debug)]
pub(crate) struct Presence(LockFile);

impl Presence {
    /// Opens `region` again and shares its presence byte.
    ///
    /// # Errors
    /// As [`LockFile::open`]; `Os` of kind `WouldBlock` if somebody has the byte alone.
    pub(crate) fn hold(region: BorrowedFd<'_>) -> Result<Presence, LockError> {
        fork::install()?;
        let _gate = gate();
        let registered = Registered::new(explained(fresh_presence(region))?, InChild::HandOver);
        Ok(Presence(LockFile(Own(registered))))
    }

    /// Of a description that shares the byte already, with whatever else it holds.
    pub(crate) fn of(locks: LockFile) -> Presence {
        locks.0.0.set_in_child(InChild::HandOver);
        Presence(locks)
    }

    /// The description, for what is to be done before it is closed: a child forked from now on gets none.
    pub(crate) fn retire(&self) -> &LockFile {
        self.0.0.0.set_in_child(InChild::Close);
        &self.0
    }

    /// Shares the byte again in a child that has been left without: no descriptor was left for the hand-over, or it was
    /// made by a raw clone(2). Else it does nothing, and that is cheap.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub(crate) fn renew(&self, region: BorrowedFd<'_>) -> Result<(), LockError> {
        fork::install()?;
        if self.0.fd().is_err() {
            let _gate = gate();
            self.0.0.0.refill(explained(fresh_presence(region))?);
        }
        Ok(())
    }

    /// Does anybody else have the region open? Another process, or another `Presence` of this one.
    ///
    /// # Errors
    /// As [`LockFile::try_lock`]; `EBADF` also means that [`renew`](Self::renew) is called for.
    pub(crate) fn others(&self) -> io::Result<bool> {
        self.0.held_elsewhere(PRESENCE..PRESENCE + 1)
    }
}

/// A new description that shares the presence byte, for as long as it takes to hand a copy to another process.
///
/// Its drop only closes: an unlock would be the copy's as well. A forked child closes it: what is on its way is for the
/// receiver, and nobody else should seem to be present with it.
#[derive(Debug)]
pub(crate) struct Passing(Registered);

impl Passing {
    /// Opens `region` again and shares its presence byte.
    ///
    /// # Errors
    /// As [`Presence::hold`].
    pub(crate) fn open(region: BorrowedFd<'_>) -> Result<Passing, LockError> {
        fork::install()?;
        let _gate = gate();
        let registered = Registered::new(explained(fresh_presence(region))?, InChild::Close);
        Ok(Passing(registered))
    }

    /// The descriptor.
    ///
    /// # Errors
    /// As [`LockFile::try_lock`].
    pub(crate) fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.0.fd()
    }
}

/// Does anybody hold `byte`, this process included? `region` is no lock description.
///
/// # Errors
/// What the kernel answers.
pub(crate) fn held(region: BorrowedFd<'_>, byte: u64) -> io::Result<bool> {
    Ok(probe(region, byte..byte + 1)? != Held::Free)
}

/// A new description of `region` that shares its presence byte, and crosses forks: for the children of a command.
///
/// # Errors
/// As [`LockFile::open`]; `Os` of kind `WouldBlock` if somebody has the byte alone.
pub(crate) fn present(region: BorrowedFd<'_>) -> Result<OwnedFd, LockError> {
    explained(fresh_presence(region))
}

/// A new description of `region`, without locks.
///
/// # Errors
/// As [`LockFile::open`].
pub(crate) fn reopen(region: BorrowedFd<'_>) -> Result<OwnedFd, LockError> {
    explained(open_again(region, OFlag::O_RDWR))
}

/// The same for reading alone.
///
/// # Errors
/// As [`LockFile::open`].
pub(crate) fn reopen_to_read(region: BorrowedFd<'_>) -> Result<OwnedFd, LockError> {
    explained(open_again(region, OFlag::O_RDONLY))
}

/// A new description of the same file that shares its presence byte. Allocates nothing: for the prepare handler.
pub(super) fn fresh_presence(region: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let fresh = open_again(region, OFlag::O_RDWR)?;
    set_lock(fresh.as_fd(), libc::F_RDLCK, PRESENCE..PRESENCE + 1)?;
    Ok(fresh)
}

/// A new description of `region` that shares its presence byte.
///
/// # Errors
/// As [`LockFile::open`]; `Os` of kind `WouldBlock` if somebody has the byte alone.
pub(crate) fn explained(opened: nix::Result<OwnedFd>) -> Result<OwnedFd, LockError> {
    opened.map_err(|error| explain(error, Path::new("/proc")))
}

/// Is it for want of a `/proc`? The descriptor is open, so its link is there if anything is.
fn explain(error: Errno, proc: &Path) -> LockError {
    if error == Errno::ENOENT && !proc.join("self").exists() {
        LockError::NoProc
    } else {
        LockError::Os(error.into())
    }
}

/// A new description of the same file. Allocates nothing.
fn open_again(region: BorrowedFd<'_>, access: OFlag) -> nix::Result<OwnedFd> {
    // proc(5): opening the link opens the file itself anew, whether or not a name leads to it. The path has 14 bytes, a
    // descriptor at most 10, and what is not written stays the terminating zero.
    let mut path = [0; 32];
    let _ = write!(&mut path[..31], "/proc/self/fd/{}", region.as_raw_fd());
    let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::ENAMETOOLONG)?;
    retry(|| open(path, access | OFlag::O_CLOEXEC, Mode::empty()))
}

fn set_lock(fd: BorrowedFd<'_>, kind: libc::c_int, bytes: Range<u64>) -> nix::Result<()> {
    let lock = request(kind, bytes);
    retry(|| fcntl(fd, FcntlArg::F_OFD_SETLK(&lock))).map(drop)
}

fn probe(fd: BorrowedFd<'_>, bytes: Range<u64>) -> io::Result<Held> {
    // A write lock would conflict with a lock of either kind.
    let mut lock = request(libc::F_WRLCK, bytes);
    retry(|| fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock)))?;
    Ok(match libc::c_int::from(lock.l_type) {
        libc::F_UNLCK => Held::Free,
        libc::F_RDLCK => Held::Shared,
        _ => Held::Alone,
    })
}

fn request(kind: libc::c_int, bytes: Range<u64>) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        // Below 2^63: the constants above.
        l_start: bytes.start as libc::off_t,
        l_len: (bytes.end - bytes.start) as libc::off_t,
        // fcntl(2): must be zero for locks of a description.
        l_pid: 0,
    }
}

fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{MFdFlags, memfd_create};

    fn region() -> OwnedFd {
        memfd_create("annulus-lock-test", MFdFlags::MFD_CLOEXEC).unwrap()
    }

    #[test]
    fn a_byte_has_one_owner() {
        let region = region();
        let a = LockFile::open(region.as_fd()).unwrap();
        let b = LockFile::open(region.as_fd()).unwrap();
        assert!(a.try_lock(owner_byte(3)).unwrap());
        assert!(a.try_lock(owner_byte(3)).unwrap(), "its own never conflict");
        assert!(!b.try_lock(owner_byte(3)).unwrap());
        assert!(b.try_lock(owner_byte(4)).unwrap(), "the next one is free");
        a.unlock(owner_byte(3)).unwrap();
        assert!(b.try_lock(owner_byte(3)).unwrap());
    }

    #[test]
    fn a_probe_of_all_senders_sees_senders_only() {
        let region = region();
        let holder = LockFile::open(region.as_fd()).unwrap();
        let asker = LockFile::open(region.as_fd()).unwrap();
        for id in [0, 3, u16::MAX] {
            assert!(holder.try_lock(owner_byte(id)).unwrap());
            assert!(!asker.held_elsewhere(ENDPOINTS).unwrap());
            assert!(holder.try_lock(role_byte(Role::Receiver, id)).unwrap());
            assert!(!asker.held_elsewhere(SENDERS).unwrap());
            assert!(asker.held_elsewhere(RECEIVERS).unwrap());
            assert!(holder.try_lock(role_byte(Role::Sender, id)).unwrap());
            assert!(asker.held_elsewhere(SENDERS).unwrap());
            assert!(asker.held_elsewhere(ENDPOINTS).unwrap());
            assert!(!holder.held_elsewhere(ENDPOINTS).unwrap());
            for byte in [
                owner_byte(id),
                role_byte(Role::Sender, id),
                role_byte(Role::Receiver, id),
            ] {
                holder.unlock(byte).unwrap();
            }
        }
        assert!(holder.try_lock(ATTACH).unwrap());
        assert!(!asker.held_elsewhere(ENDPOINTS).unwrap());
    }

    #[test]
    fn a_dropped_lock_file_holds_nothing() {
        let region = region();
        let asker = LockFile::open(region.as_fd()).unwrap();
        let holder = LockFile::open(region.as_fd()).unwrap();
        assert!(holder.try_lock(sender_byte_of_five()).unwrap());
        assert!(asker.held_elsewhere(SENDERS).unwrap());
        drop(holder);
        assert!(!asker.held_elsewhere(SENDERS).unwrap());
    }

    #[test]
    fn bequeathed_locks_stay_until_they_are_released_or_the_last_copy_is_dropped() {
        let region = region();
        let asker = LockFile::open(region.as_fd()).unwrap();
        for release in [true, false] {
            let holder = LockFile::open(region.as_fd()).unwrap();
            assert!(holder.try_lock(sender_byte_of_five()).unwrap());
            let seat = holder.bequeath().unwrap();
            let copy = seat.0.try_clone().unwrap();
            assert!(asker.held_elsewhere(SENDERS).unwrap());
            if release {
                seat.release().unwrap();
                assert!(!asker.held_elsewhere(SENDERS).unwrap());
            }
            drop(seat);
            assert_eq!(asker.held_elsewhere(SENDERS).unwrap(), !release);
            drop(copy);
            assert!(!asker.held_elsewhere(SENDERS).unwrap());
        }
    }

    #[test]
    fn a_passing_byte_counts_for_its_role_and_is_nobodys_id() {
        for role in [Role::Sender, Role::Receiver] {
            let range = if role == Role::Sender { SENDERS } else { RECEIVERS };
            for id in [1, 8190] {
                assert!(range.contains(&passing_byte(role, id)));
                assert!(passing_byte(role, id) > role_byte(role, 8191));
            }
        }
    }

    fn sender_byte_of_five() -> u64 {
        role_byte(Role::Sender, 5)
    }

    #[test]
    fn presence_sees_the_others_and_not_itself() {
        let region = region();
        let me = Presence::hold(region.as_fd()).unwrap();
        assert!(!me.others().unwrap());
        me.renew(region.as_fd()).unwrap();
        assert!(!me.others().unwrap());
        let other = Presence::hold(region.as_fd()).unwrap();
        assert!(me.others().unwrap());
        drop(other);
        assert!(!me.others().unwrap());
    }

    #[test]
    fn what_was_handed_on_says_present_without_its_original() {
        let region = region();
        let me = Presence::hold(region.as_fd()).unwrap();
        let passing = Passing::open(region.as_fd()).unwrap();
        let handed_on = passing.fd().unwrap().try_clone_to_owned().unwrap();
        drop(passing);
        assert!(me.others().unwrap(), "its drop has unlocked nothing");
        drop(handed_on);
        assert!(!me.others().unwrap());
    }

    #[test]
    fn presence_waits_for_nobody() {
        let region = region();
        let remover = LockFile::open(region.as_fd()).unwrap();
        assert!(remover.try_lock(PRESENCE).unwrap());
        match Presence::hold(region.as_fd()) {
            Err(LockError::Os(e)) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_shares_a_byte_is_told_from_who_has_it_alone() {
        let region = region();
        let asker = LockFile::open(region.as_fd()).unwrap();
        assert_eq!(asker.who_else(PRESENCE).unwrap(), Held::Free);
        let other = LockFile::open(region.as_fd()).unwrap();
        assert!(other.try_share(PRESENCE).unwrap());
        assert_eq!(asker.who_else(PRESENCE).unwrap(), Held::Shared);
        assert!(asker.try_share(PRESENCE).unwrap() && !asker.try_lock(PRESENCE).unwrap());
        asker.unlock(PRESENCE).unwrap();
        assert!(other.try_lock(PRESENCE).unwrap(), "its own share is no obstacle");
        assert_eq!(asker.who_else(PRESENCE).unwrap(), Held::Alone);
        assert!(!asker.try_share(PRESENCE).unwrap());
        assert!(held(region.as_fd(), PRESENCE).unwrap());
        assert!(!held(region.as_fd(), CREATOR).unwrap());
    }

    #[test]
    fn a_missing_proc_is_told_from_a_missing_file() {
        let nowhere = Path::new("/nonexistent");
        assert!(matches!(explain(Errno::ENOENT, nowhere), LockError::NoProc));
        assert!(matches!(explain(Errno::EMFILE, nowhere), LockError::Os(_)));
        let proc = Path::new("/proc");
        assert!(matches!(explain(Errno::ENOENT, proc), LockError::Os(_)));
    }
}
