//! Which descriptors must a forked child let go of?
//!
//! A list of slots that only grows, so that a fork handler can walk it without a lock. Each [`Registered`] has one.
//! Whoever swaps the descriptor out of a slot closes it: the drop of the `Registered`, or the child handler. The
//! handler only closes: unlocking would release the parent's locks, since parent and child share the description.
//!
//! # Unsafe
//! The borrow of a registered descriptor ([`Slot::fd`]).
//!
//! # Orderings
//! All accesses are relaxed: the slots are private to the process, and they change under the gate of `fork` (a mutex)
//! or in a child that has one thread yet.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::unistd::close;

use super::fork::{self, gate};
use super::lock::fresh_presence;
use crate::sync::{AtomicBool, AtomicI32, Relaxed};

const NO_FD: RawFd = -1;

/// A description that belongs to this process.
#[derive(Debug)]
struct Slot {
    /// Some [`Registered`] has this slot. Changed under the gate.
    taken: AtomicBool,
    /// Whether a forked child gets a description of its own.
    hand_over: AtomicBool,
    /// The descriptor, or [`NO_FD`]: whoever swaps it out closes it.
    fd: AtomicI32,
    /// The child's description to be, while a fork is under way.
    spare: AtomicI32,
}

impl Slot {
    const fn new() -> Slot {
        Slot {
            taken: AtomicBool::new(false),
            hand_over: AtomicBool::new(false),
            fd: AtomicI32::new(NO_FD),
            spare: AtomicI32::new(NO_FD),
        }
    }

    /// The descriptor, unless the child handler has taken it.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        // Relaxed: the slot's `Registered` put it there; the child handler runs before its process does anything else.
        let fd = self.fd.load(Relaxed);
        if fd == NO_FD {
            return None;
        }
        // SAFETY: the descriptor is open while it stands here: it is taken out only by the drop of the `Registered`,
        // under the gate and after its last borrow, and in a forked child before anybody there can borrow it.
        Some(unsafe { BorrowedFd::borrow_raw(fd) })
    }
}

/// Slots per chunk: two or three to an endpoint, so most programs never need a second chunk (a guess).
const CHUNK: usize = 64;

/// Slots that are never freed, so that a handler can walk them without a lock.
struct Chunk {
    slots: [Slot; CHUNK],
    next: OnceLock<&'static Chunk>,
}

impl Chunk {
    const fn new() -> Chunk {
        Chunk {
            slots: [const { Slot::new() }; CHUNK],
            next: OnceLock::new(),
        }
    }
}

static FIRST: Chunk = Chunk::new();

/// All slots there are. Allocates nothing and takes no lock.
fn slots() -> impl Iterator<Item = &'static Slot> {
    std::iter::successors(Some(&FIRST), |chunk| chunk.next.get().copied()).flat_map(|chunk| &chunk.slots)
}

/// A free slot, in a new chunk if need be. Under the gate.
fn free_slot() -> &'static Slot {
    let mut chunk = &FIRST;
    loop {
        // Relaxed: under the gate.
        if let Some(slot) = chunk.slots.iter().find(|slot| !slot.taken.load(Relaxed)) {
            return slot;
        }
        chunk = chunk.next.get_or_init(|| Box::leak(Box::new(Chunk::new())));
    }
}

/// In a process that is about to fork, under the gate: opens what the child will have of its own.
pub(super) fn prepare() {
    for slot in slots() {
        // Relaxed: under the gate.
        let wants = slot.hand_over.load(Relaxed) && slot.spare.load(Relaxed) == NO_FD;
        if let Some(fd) = slot.fd().filter(|_| wants)
            && let Ok(fresh) = fresh_presence(fd)
        {
            slot.spare.store(fresh.into_raw_fd(), Relaxed);
        }
    }
}

/// In a process that has forked, under the gate: closes what is the child's.
pub(super) fn parent() {
    for slot in slots() {
        // Relaxed: under the gate.
        shut(slot.spare.swap(NO_FD, Relaxed));
    }
}

/// In a forked child, under the gate: closes what is the parent's, and puts in its place what [`prepare`] has opened.
/// Async-signal-safe.
pub(super) fn child() {
    for slot in slots() {
        // Relaxed: under the gate.
        let own = slot.spare.swap(NO_FD, Relaxed);
        shut(slot.fd.swap(own, Relaxed));
    }
}

fn shut(fd: RawFd) {
    if fd != NO_FD {
        // An error is of no use here: on Linux the descriptor is gone all the same.
        let _ = close(fd);
    }
}

/// What a forked child does with a description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InChild {
    /// Closes it.
    Close,
    /// Closes it, and has a presence description of its own from before fork returns.
    HandOver,
}

/// A description in the registry: closed by its drop, in the process that it belongs to, and in any forked child.
#[derive(Debug)]
pub(super) struct Registered {
    slot: &'static Slot,
}

impl Registered {
    /// Registers `fd`. The caller has called [`fork::install`], and has been in the gate since before it opened `fd` if
    /// no fork may fall between.
    pub(super) fn new(fd: OwnedFd, in_child: InChild) -> Registered {
        // After a raw clone: before the descriptor is among those that belong to the parent.
        fork::settle();
        let _gate = gate();
        let slot = free_slot();
        // Relaxed: under the gate.
        slot.taken.store(true, Relaxed);
        slot.hand_over.store(in_child == InChild::HandOver, Relaxed);
        slot.fd.store(fd.into_raw_fd(), Relaxed);
        Registered { slot }
    }

    /// The descriptor.
    ///
    /// # Errors
    /// `EBADF` in a forked child that has none of its own, by whatever call it was made.
    pub(super) fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        let fd = self.slot.fd().filter(|_| !fork::unsettled());
        fd.ok_or_else(|| Errno::EBADF.into())
    }

    /// Changes what the children of later forks do with it.
    pub(super) fn set_in_child(&self, in_child: InChild) {
        let _gate = gate();
        // Relaxed: under the gate.
        self.slot.hand_over.store(in_child == InChild::HandOver, Relaxed);
    }

    /// Takes the descriptor out of the registry: it crosses the next fork.
    ///
    /// # Errors
    /// As [`fd`](Self::fd).
    pub(super) fn take(&self) -> io::Result<OwnedFd> {
        let _gate = gate();
        self.fd()?;
        // Relaxed: under the gate.
        let fd = self.slot.fd.swap(NO_FD, Relaxed);
        // SAFETY: `new` and `refill` gave up the ownership to the slot, the swap took it out, and under the gate nobody
        // has taken it in between (`fd` has found one).
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Puts `fd` where a forked child has been left without; closes it if there is one by now.
    pub(super) fn refill(&self, fd: OwnedFd) {
        let _gate = gate();
        // Relaxed: under the gate.
        if self.slot.fd.load(Relaxed) == NO_FD {
            self.slot.fd.store(fd.into_raw_fd(), Relaxed);
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _gate = gate();
        // Relaxed: under the gate. A spare is left only by a raw clone in another thread's fork.
        shut(self.slot.fd.swap(NO_FD, Relaxed));
        shut(self.slot.spare.swap(NO_FD, Relaxed));
        self.slot.taken.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_grows_past_a_chunk_and_uses_slots_again() {
        fork::install().unwrap();
        let open = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let many: Vec<_> = (0..3 * CHUNK)
            .map(|_| Registered::new(open(), InChild::Close))
            .collect();
        assert!(many.iter().all(|r| r.fd().is_ok()));
        let chunks = slots().count();
        assert!(chunks >= 3 * CHUNK);
        drop(many);
        let again: Vec<_> = (0..2 * CHUNK)
            .map(|_| Registered::new(open(), InChild::Close))
            .collect();
        assert!(again.iter().all(|r| r.fd().is_ok()));
        assert_eq!(slots().count(), chunks);
    }
}
