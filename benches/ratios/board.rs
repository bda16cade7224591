//! Where do the workers of a run meet, and where do they write their times down?
//!
//! A page or two of shared memory that every worker has, thread or process: a barrier, the words of the bare ping-pongs,
//! and a line for each worker's results.
//!
//! # Unsafe
//! The cast from the mapping to [`Board`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::MmapRaw;
use nix::sys::memfd::{MFdFlags, memfd_create};
use rustix::time::{ClockId, clock_gettime};

/// Most workers in a run.
pub const WORKERS: usize = 16;

/// Two cache lines: the adjacent-line prefetcher moves them in pairs.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Line<T>(pub T);

/// What the workers of a run share besides the thing measured.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Board {
    ready: Line<AtomicU32>,
    /// Senders that have sent everything.
    pub done: Line<AtomicU32>,
    /// The word of the bare atomic ping-pong.
    pub ball: Line<AtomicU64>,
    /// The words of the bare futex ping-pong.
    pub there: Line<AtomicU32>,
    /// See `there`.
    pub back: Line<AtomicU32>,
    workers: [Line<Times>; WORKERS],
}

#[derive(Debug, Default)]
struct Times {
    start: AtomicU64,
    end: AtomicU64,
    lost: AtomicU64,
    count: AtomicU64,
    sum: AtomicU64,
}

/// What a run came to, all workers taken together.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// From the first start to the last end, in nanoseconds.
    pub elapsed: u64,
    /// Nanoseconds in which a worker did not have its processor: the most that one lost.
    pub lost: u64,
    /// What the receivers counted.
    pub count: u64,
    /// What the receivers added up.
    pub sum: u64,
}

impl Board {
    /// A worker is there; returns when all of `crew` are.
    pub fn meet(&self, crew: u32) {
        // AcqRel would do for a barrier; nothing but counters is shared before it.
        self.ready.0.fetch_add(1, Release);
        let mut looks = 0u32;
        while self.ready.0.load(Acquire) < crew {
            looks += 1;
            if looks.is_multiple_of(64) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }

    /// Writes down what worker `index` did.
    pub fn sign(&self, index: usize, outcome: Outcome, start: u64) {
        let line = &self.workers[index].0;
        // Relaxed: read after the worker has been waited for.
        line.start.store(start, Relaxed);
        line.end.store(start + outcome.elapsed, Relaxed);
        line.lost.store(outcome.lost, Relaxed);
        line.count.store(outcome.count, Relaxed);
        line.sum.store(outcome.sum, Relaxed);
    }

    /// Ready for the next run.
    pub fn wipe(&self) {
        // Relaxed: no worker is running.
        for word in [&self.ready.0, &self.done.0, &self.there.0, &self.back.0] {
            word.store(0, Relaxed);
        }
        self.ball.0.store(0, Relaxed);
    }

    /// All `crew` workers together, after the run.
    pub fn outcome(&self, crew: usize) -> Outcome {
        let all = |pick: fn(&Times) -> &AtomicU64| self.workers[..crew].iter().map(move |w| pick(&w.0).load(Relaxed));
        let start = all(|t| &t.start).min().unwrap_or(0);
        let end = all(|t| &t.end).max().unwrap_or(0);
        Outcome {
            elapsed: end - start,
            lost: all(|t| &t.lost).max().unwrap_or(0),
            count: all(|t| &t.count).sum(),
            sum: all(|t| &t.sum).fold(0, u64::wrapping_add),
        }
    }
}

/// A mapping of a board, and the file that it is in.
#[derive(Debug)]
pub struct Shared {
    map: MmapRaw,
    file: File,
}

impl Shared {
    /// A new one.
    pub fn create() -> io::Result<Shared> {
        let file = File::from(memfd_create(c"annulus ratios", MFdFlags::MFD_CLOEXEC)?);
        file.set_len(size_of::<Board>() as u64)?;
        Self::map(file)
    }

    /// The one that another process told of.
    pub fn open(path: &str) -> io::Result<Shared> {
        Self::map(OpenOptions::new().read(true).write(true).open(path)?)
    }

    fn map(file: File) -> io::Result<Shared> {
        let map = MmapRaw::map_raw(&file)?;
        assert!(map.len() >= size_of::<Board>(), "the board is all there");
        Ok(Shared { map, file })
    }

    /// Where another process finds it.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// The board.
    pub fn board(&self) -> &Board {
        // SAFETY: the mapping is page-aligned, long enough (checked when it was made), lives as long as `self`, and is
        // only ever used as atomics, for which zeros are a value.
        unsafe { &*self.map.as_ptr().cast::<Board>() }
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

fn nanoseconds(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}
