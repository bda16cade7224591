//! How does a tracer know where a process is?
//!
//! By *marks*: calls of a system call that there is none of. The kernel answers that it does not know it (`ENOSYS`), and
//! stops the process for its tracer on the way in. A mark is made *after* each access, so that a process that is killed at
//! one has made that access and nothing else since; what it does by real system calls shows by itself. A process that
//! nobody traces can be made to make them, too, and goes on.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use nix::libc;

/// The number of a mark: beyond any system call that there is, and short of those that have a meaning on some machine.
pub const MARK: libc::c_long = 0x3fff;

/// What a process has just done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u64)]
pub enum Access {
    /// An atomic load.
    Load = 1,
    /// An atomic store.
    Store,
    /// An atomic read-modify-write, whether it has changed anything or not.
    Update,
    /// A fence.
    Fence,
    /// A part of a payload copied in.
    CopyIn,
    /// A part of a payload copied out.
    CopyOut,
    /// All that was to be done.
    End,
}

impl Access {
    /// By its number in a mark.
    pub fn from_number(number: u64) -> Option<Access> {
        use Access::*;
        [Load, Store, Update, Fence, CopyIn, CopyOut, End]
            .into_iter()
            .find(|&access| access as u64 == number)
    }

    /// Others can see it.
    pub fn changes(self) -> bool {
        matches!(self, Access::Store | Access::Update | Access::CopyIn)
    }
}

static ON: AtomicBool = AtomicBool::new(false);

/// From here on this process makes marks.
pub fn on() {
    ON.store(true, Relaxed);
}

/// From here on it makes none; the last one says [`Access::End`].
#[track_caller]
pub fn off() {
    ON.store(false, Relaxed);
    mark(Access::End, Location::caller());
}

/// An access has been made, by the caller: by a room of the crate, or to a block that it has in its hands.
#[inline(always)]
#[track_caller]
pub fn point(access: Access) {
    if ON.load(Relaxed) {
        mark(access, Location::caller());
    }
}

/// A mark: what, and where in the sources, as an address that is the same in the tracer, which this was forked from.
#[cold]
fn mark(access: Access, place: &'static Location<'static>) {
    // SAFETY: there is no such system call, and it reads no memory.
    unsafe { libc::syscall(MARK, access as u64, std::ptr::from_ref(place)) };
}

/// How far this process's clock is ahead, in nanoseconds.
static AHEAD: AtomicU64 = AtomicU64::new(0);
/// What each look at the clock adds to that.
static STEP: AtomicU64 = AtomicU64::new(0);

/// Does `run` without patience: each look at the clock finds it half a second later.
pub fn impatient<X>(run: impl FnOnce() -> X) -> X {
    STEP.store(500_000_000, Relaxed);
    let result = run();
    STEP.store(0, Relaxed);
    result
}

/// What is to be added to the kernel's clock, after one more look at it.
pub(crate) fn look_at_clock() -> u64 {
    AHEAD.fetch_add(STEP.load(Relaxed), Relaxed)
}

/// What is to be taken away from a time before the kernel is told of it.
pub(crate) fn ahead() -> u64 {
    AHEAD.load(Relaxed)
}

/// This process sleeps until it is woken.
static SOUNDLY: AtomicBool = AtomicBool::new(false);

/// From here on this process's sleeps end when somebody wakes it, and not by the clock: who is not told of something
/// does not come to know of it by a tick.
pub fn sleep_soundly() {
    SOUNDLY.store(true, Relaxed);
}

pub(crate) fn sleeps_soundly() -> bool {
    SOUNDLY.load(Relaxed)
}
