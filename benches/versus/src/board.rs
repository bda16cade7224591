//! Where do the workers of a run meet?
//!
//! A page of shared memory that every worker has, thread or process: a barrier, a count of senders that are through, and the
//! words of the bare ping-pongs.
//!
//! # Unsafe
//! The cast from the mapping to [`Board`].

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::time::{ClockId, clock_gettime};

/// Two cache lines: the adjacent-line prefetcher moves them in pairs.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Line<T>(pub T);

/// What the workers of a run share besides the thing measured.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Board {
    ready: Line<AtomicU32>,
    failed: Line<AtomicU32>,
    done: Line<AtomicU32>,
    /// The word of the bare ping-pong on one line.
    pub ball: Line<AtomicU32>,
    /// The words of the bare ping-pongs on two.
    pub there: Line<AtomicU32>,
    /// See `there`.
    pub back: Line<AtomicU32>,
}

/// Somebody failed to get ready, so that nobody starts.
#[derive(Debug)]
pub struct CalledOff;

impl Board {
    /// A new one, that children will have too. It stays mapped: one page, for the whole program.
    pub fn shared() -> nix::Result<&'static Board> {
        let length = NonZeroUsize::new(size_of::<Board>()).expect("not empty");
        let flags = MapFlags::MAP_SHARED;
        // SAFETY: a new mapping, nothing of ours is under it.
        let map: NonNull<_> =
            unsafe { mmap_anonymous(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags)? };
        // SAFETY: page-aligned, long enough, never unmapped, and all of it atomics, for which zeros are a value.
        Ok(unsafe { map.cast::<Board>().as_ref() })
    }

    /// A worker is there; returns when all of `crew` are.
    pub fn meet(&self, crew: u32) -> Result<(), CalledOff> {
        // [MEET] Release / Acquire: what was done before it is seen after it.
        self.ready.0.fetch_add(1, Release);
        while self.ready.0.load(Acquire) < crew {
            if self.failed.0.load(Relaxed) > 0 {
                return Err(CalledOff);
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// A worker will not come to the meeting.
    pub fn call_off(&self) {
        self.failed.0.store(1, Relaxed);
    }

    /// A sender has sent everything; how many have, with it.
    pub fn finish(&self) -> u32 {
        // AcqRel: the last one's end comes after everybody's messages.
        self.done.0.fetch_add(1, AcqRel) + 1
    }

    /// Ready for the next run.
    pub fn wipe(&self) {
        // Relaxed: no worker is running.
        for word in [
            &self.ready,
            &self.failed,
            &self.done,
            &self.ball,
            &self.there,
            &self.back,
        ] {
            word.0.store(0, Relaxed);
        }
    }
}

/// Nanoseconds on a clock that all processes share.
pub fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// Nanoseconds that this thread has had a processor.
pub fn worked() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// Nanoseconds that this process has had processors.
pub fn worked_in_all() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}
