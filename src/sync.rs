//! What may the algorithms do to shared memory? Everything in this file, and nothing else.
//!
//! This is the door: the only file that names atomics, `UnsafeCell`, spin hints, payload copies, the futex and the
//! process-wide memory barrier. `loom-tests` and later checkers compile the rooms behind it again with a twin of this
//! file in its place, so `src/` itself never mentions a checker.
//!
//! # Unsafe
//! [`Payload`] is the one boundary: raw copies into and out of a slot that the caller has claimed.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::ptr;

use bytemuck::Pod;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use rustix::io::Errno;
use rustix::thread::{MembarrierCommand, futex};

use std::sync::atomic::{AtomicU8, AtomicU16};

pub(crate) use std::sync::atomic::Ordering::{self, Relaxed};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64};

/// A labelled pair of ordered accesses: what is stored on one end is visible to who loads it on the other.
///
/// The labels stand in [`edge`](crate::edge). A checker's twin of this type may weaken a label at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge(());

impl Edge {
    /// Names an edge. The name matters to the twins only.
    pub(crate) const fn new(_label: &'static str) -> Self {
        Edge(())
    }

    /// The ordering of the storing end.
    #[inline(always)]
    pub(crate) const fn release(self) -> Ordering {
        Ordering::Release
    }

    /// The ordering of the loading end.
    #[inline(always)]
    pub(crate) const fn acquire(self) -> Ordering {
        Ordering::Acquire
    }

    /// The waiter's side of a pair of fences.
    #[inline(always)]
    pub(crate) const fn waiter(self) -> Ordering {
        Ordering::SeqCst
    }

    /// The notifier's side of a pair of fences.
    #[inline(always)]
    pub(crate) const fn notifier(self) -> Ordering {
        Ordering::SeqCst
    }
}

/// A fence, on this thread.
#[inline(always)]
pub(crate) fn fence(order: Ordering) {
    std::sync::atomic::fence(order);
}

/// The light half of an asymmetric fence: keeps the compiler from moving accesses across it, and costs nothing.
#[inline(always)]
pub(crate) fn light_fence() {
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// The heavy half of an asymmetric fence: a full fence here and on every running thread of every registered process.
///
/// `MEMBARRIER_CMD_GLOBAL_EXPEDITED`, membarrier(2). It can fail only where the kernel lacks the command, and a
/// process that attached in membarrier mode has registered for it; should it fail all the same, the bounded sleep
/// (a tick) is what is left, as after a killed notifier.
pub(crate) fn heavy_fence() {
    std::sync::atomic::fence(Ordering::SeqCst);
    let _ = rustix::thread::membarrier(MembarrierCommand::GlobalExpedited);
}

/// Tells the processor that this is a spin loop.
#[inline(always)]
pub(crate) fn spin_hint() {
    std::hint::spin_loop();
}

/// Asks the processor for the cache line where `what` begins, to write to it; does not wait for it.
#[inline(always)]
pub(crate) fn prefetch<T>(what: &T) {
    prefetch_beyond(what, 0);
}

/// The same for the line so many bytes further on, whatever is there.
#[inline(always)]
pub(crate) fn prefetch_beyond<T>(what: &T, bytes: usize) {
    let at = ptr::from_ref(what).cast::<u8>().wrapping_add(bytes);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint: it neither faults nor changes anything that a program can see.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) at, options(nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// Now on `CLOCK_MONOTONIC`, in nanoseconds. No system call where the vDSO serves the clock.
#[inline]
pub(crate) fn now() -> u64 {
    // Fails only for a clock that is not there, and this one always is. By way of libc, whose vDSO calls work under
    // valgrind too.
    let t = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or(TimeSpec::new(0, 0));
    // Both are non-negative on CLOCK_MONOTONIC, and 2^64 ns are 584 years.
    (t.tv_sec() as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(t.tv_nsec() as u64)
}

/// Sleeps while `word` is `expected`, until woken or until `until` ([`now`]'s clock, nanoseconds).
///
/// May return early for any reason: the caller looks again. A shared futex, futex(2) `FUTEX_WAIT_BITSET` with an
/// absolute deadline on `CLOCK_MONOTONIC`.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, until: u64) {
    let deadline = futex::Timespec {
        tv_sec: (until / 1_000_000_000) as i64,
        tv_nsec: (until % 1_000_000_000) as i64,
    };
    // Woken, the word changed, the deadline passed, a signal: all the same to the caller, who looks again.
    let _: Result<(), Errno> =
        futex::wait_bitset(word, futex::Flags::empty(), expected, Some(&deadline), NonZeroU32::MAX);
}

/// Wakes up to `count` sleepers on `word`, in whichever processes they are; returns how many it woke.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) -> usize {
    // FUTEX_WAKE reads its count as an i32. An error means that nobody can be asleep on this word.
    futex::wake(word, futex::Flags::empty(), count.min(i32::MAX as u32)).unwrap_or(0)
}

/// The payload bytes of a slot: plain memory that one claimant at a time may touch.
///
/// Payloads of up to 64 bytes are copied in as relaxed atomics, word by word, and those of one word copied out so; others by
/// `memcpy`. No byte is looked at again once it has been copied. A peer that breaks the protocol and writes during a `memcpy`
/// is outside Rust's memory model: see the crate's trust statement.
#[repr(transparent)]
pub(crate) struct Payload<T>(UnsafeCell<MaybeUninit<T>>);

/// Up to this many bytes a payload is copied in as relaxed words: one cache line. The value has often just been written, word
/// by word, and a load of more than a word would wait for those stores, behind all before them; longer copies gain from
/// `memcpy`'s vector moves. On the way out it is the other way round: what is stored in words here is loaded by the
/// caller's copies in vectors. Measured: `benches/NOTES.md`.
const WORDWISE: usize = 64;

impl<T: Pod> Payload<T> {
    /// Copies `value` in.
    ///
    /// # Safety
    /// The caller owns the slot that `self` is in (a claim of its own stands in the state word, or it is the slot's
    /// single end and the word admits it), and `self` is 8-byte aligned.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, value: &T) {
        let size = size_of::<T>();
        let source = ptr::from_ref(value).cast::<u8>();
        let target = self.0.get().cast::<u8>();
        if size > WORDWISE {
            // SAFETY: both are valid for `size` bytes; `value` is a local reference and `target` is shared memory
            // that the caller owns, so they do not overlap.
            unsafe { ptr::copy_nonoverlapping(source, target, size) };
            return;
        }
        macro_rules! word {
            ($at:expr, $word:ty, $atomic:ty) => {{
                let at = $at;
                // SAFETY: `at` and the word after it are inside `value`.
                let from = unsafe { source.add(at) }.cast::<$word>();
                // SAFETY: as above; nothing is assumed about the alignment of a local value.
                let word = unsafe { from.read_unaligned() };
                // SAFETY: `at` and the word after it are inside the payload.
                let to = unsafe { target.add(at) }.cast::<$atomic>();
                // SAFETY: aligned, since the payload is to 8 bytes (contract) and `at` is to the word's size; a slot is
                // only ever accessed through shared references and raw pointers.
                let to = unsafe { &*to };
                // Relaxed: under the claim; published by the state word.
                to.store(word, Relaxed);
            }};
        }
        for i in 0..size / 8 {
            word!(i * 8, u64, AtomicU64);
        }
        let rest = size / 8 * 8;
        if size & 4 != 0 {
            word!(rest, u32, AtomicU32);
        }
        if size & 2 != 0 {
            word!(rest + (size & 4), u16, AtomicU16);
        }
        if size & 1 != 0 {
            word!(rest + (size & 6), u8, AtomicU8);
        }
    }

    /// Copies the payload out.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    #[inline(always)]
    pub(crate) unsafe fn read(&self) -> T {
        let mut value = MaybeUninit::uninit();
        // SAFETY: the caller's promise, and a local.
        unsafe { self.read_into(value.as_mut_ptr()) };
        // SAFETY: every byte is written, and `T: Pod` is valid for every bit pattern.
        unsafe { value.assume_init() }
    }

    /// Copies the payload to `into`.
    ///
    /// # Safety
    /// As [`write`](Self::write), and `into` is valid for writes and not in shared memory.
    #[inline(always)]
    pub(crate) unsafe fn read_into(&self, into: *mut T) {
        let source = self.0.get().cast::<u8>();
        let target = into.cast::<u8>();
        macro_rules! word {
            ($word:ty, $atomic:ty) => {{
                // SAFETY: of the payload's size, and aligned, since the payload is to 8 bytes (contract); a slot is only
                // ever accessed through shared references and raw pointers.
                let from = unsafe { &*source.cast::<$atomic>() };
                // Relaxed: under the claim; the state word was acquired.
                let word = from.load(Relaxed);
                // SAFETY: of the same size; nothing is assumed about the alignment of a local value.
                unsafe { target.cast::<$word>().write_unaligned(word) };
            }};
        }
        match size_of::<T>() {
            8 => word!(u64, AtomicU64),
            4 => word!(u32, AtomicU32),
            2 => word!(u16, AtomicU16),
            1 => word!(u8, AtomicU8),
            // SAFETY: both are valid for `size` bytes, and shared memory is no place to receive to.
            size => unsafe { ptr::copy_nonoverlapping(source, target, size) },
        }
    }
}
