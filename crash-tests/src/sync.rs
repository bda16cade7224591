//! What may the algorithms do to shared memory? The twin of the crate's door, which says what has been done and where.
//!
//! The same names as in the crate's door, and the whole surface of the atomics, so that what the rooms come to need later
//! is here by then. Every access is followed by a [`point`](crate::crash::point). Payloads are copied in pieces, a point
//! after each: eight bytes, as the crate's door copies small ones, or halves. The futex and membarrier(2) are system
//! calls, which need no point.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::ptr;

use bytemuck::Pod;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use rustix::io::Errno;
use rustix::thread::{MembarrierCommand, futex};

use crate::crash::{self, Access, point};

pub(crate) use std::sync::atomic::Ordering::{self, Relaxed};

/// A labelled pair of ordered accesses. What is weakened here is nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge(());

impl Edge {
    pub(crate) const fn new(_label: &'static str) -> Self {
        Edge(())
    }

    #[inline(always)]
    pub(crate) const fn release(self) -> Ordering {
        Ordering::Release
    }

    #[inline(always)]
    pub(crate) const fn acquire(self) -> Ordering {
        Ordering::Acquire
    }

    #[inline(always)]
    pub(crate) const fn waiter(self) -> Ordering {
        Ordering::SeqCst
    }

    #[inline(always)]
    pub(crate) const fn notifier(self) -> Ordering {
        Ordering::SeqCst
    }
}

macro_rules! atomic {
    ($($Atomic:ident, $Value:ty;)+) => {$(
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub struct $Atomic(std::sync::atomic::$Atomic);

        impl $Atomic {
            pub(crate) const fn new(value: $Value) -> Self {
                $Atomic(std::sync::atomic::$Atomic::new(value))
            }

            #[inline(always)]
            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $Value {
                let value = self.0.load(order);
                point(Access::Load);
                value
            }

            #[inline(always)]
            #[track_caller]
            pub(crate) fn store(&self, value: $Value, order: Ordering) {
                self.0.store(value, order);
                point(Access::Store);
            }

            #[inline(always)]
            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $Value,
                new: $Value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$Value, $Value> {
                let result = self.0.compare_exchange(current, new, success, failure);
                point(Access::Update);
                result
            }

            #[inline(always)]
            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $Value,
                new: $Value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$Value, $Value> {
                let result = self.0.compare_exchange_weak(current, new, success, failure);
                point(Access::Update);
                result
            }

            #[inline(always)]
            #[track_caller]
            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut update: impl FnMut($Value) -> Option<$Value>,
            ) -> Result<$Value, $Value> {
                let mut seen = self.load(fetch);
                while let Some(next) = update(seen) {
                    match self.compare_exchange_weak(seen, next, set, fetch) {
                        Ok(before) => return Ok(before),
                        Err(now) => seen = now,
                    }
                }
                Err(seen)
            }

            atomic!(update $Value: swap);
        }
    )+};
    (update $Value:ty: $($method:ident)+) => {$(
        #[inline(always)]
        #[track_caller]
        pub(crate) fn $method(&self, value: $Value, order: Ordering) -> $Value {
            let before = self.0.$method(value, order);
            point(Access::Update);
            before
        }
    )+};
    (arithmetic $($Atomic:ident, $Value:ty;)+) => {$(
        impl $Atomic {
            atomic!(update $Value: fetch_add fetch_sub fetch_max fetch_min);
        }
    )+};
    (bits $($Atomic:ident, $Value:ty;)+) => {$(
        impl $Atomic {
            atomic!(update $Value: fetch_and fetch_or fetch_xor fetch_nand);
        }
    )+};
}

/// Every atomic that the crate's door gives out, and those that it might.
macro_rules! atomics {
    (numbers: $($Atomic:ident, $Value:ty;)+) => {
        atomic!($($Atomic, $Value;)+ AtomicBool, bool;);
        atomic!(arithmetic $($Atomic, $Value;)+);
        atomic!(bits $($Atomic, $Value;)+ AtomicBool, bool;);
    };
}

atomics! {
    numbers:
    AtomicU8, u8;
    AtomicU16, u16;
    AtomicU32, u32;
    AtomicU64, u64;
    AtomicUsize, usize;
    AtomicI32, i32;
    AtomicI64, i64;
}

/// A fence, on this thread.
#[inline(always)]
#[track_caller]
pub(crate) fn fence(order: Ordering) {
    std::sync::atomic::fence(order);
    point(Access::Fence);
}

/// The light half of an asymmetric fence.
#[inline(always)]
#[track_caller]
pub(crate) fn light_fence() {
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    point(Access::Fence);
}

/// The heavy half of an asymmetric fence.
pub(crate) fn heavy_fence() {
    std::sync::atomic::fence(Ordering::SeqCst);
    let _ = rustix::thread::membarrier(MembarrierCommand::GlobalExpedited);
}

pub(crate) fn spin_hint() {
    std::hint::spin_loop();
}

/// Nobody is faster for it here.
#[inline(always)]
pub(crate) fn prefetch<T>(_what: &T) {}

/// As above.
pub(crate) fn prefetch_beyond<T>(_what: &T, _bytes: usize) {}

/// Now on `CLOCK_MONOTONIC`, in nanoseconds, and what [`crash::impatient`] has added.
pub(crate) fn now() -> u64 {
    let t = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or(TimeSpec::new(0, 0));
    (t.tv_sec() as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(t.tv_nsec() as u64)
        .wrapping_add(crash::look_at_clock())
}

/// Sleeps while `word` is `expected`, until woken or, unless soundly, until `until`.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, until: u64) {
    let until = until.saturating_sub(crash::ahead());
    let deadline = futex::Timespec {
        tv_sec: (until / 1_000_000_000) as i64,
        tv_nsec: (until % 1_000_000_000) as i64,
    };
    let _: Result<(), Errno> = futex::wait_bitset(
        &word.0,
        futex::Flags::empty(),
        expected,
        (!crash::sleeps_soundly()).then_some(&deadline),
        NonZeroU32::MAX,
    );
}

/// Wakes up to `count` sleepers on `word`; returns how many it woke.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) -> usize {
    futex::wake(&word.0, futex::Flags::empty(), count.min(i32::MAX as u32)).unwrap_or(0)
}

/// The payload bytes of a slot.
#[repr(transparent)]
pub(crate) struct Payload<T>(UnsafeCell<MaybeUninit<T>>);

/// Up to this many bytes the crate's door copies words in. Here words come out as well, so that a copy ends in more places.
const WORDWISE: usize = 64;

/// Where a copy of `size` bytes can be cut short: the pieces, as offset and length.
#[inline(always)]
fn pieces(size: usize) -> impl Iterator<Item = (usize, usize)> {
    let piece = if size > WORDWISE { size.div_ceil(2) } else { 8 };
    (0..size).step_by(piece).map(move |at| (at, piece.min(size - at)))
}

impl<T: Pod> Payload<T> {
    /// Copies `value` in.
    ///
    /// # Safety
    /// The caller owns the slot that `self` is in.
    #[track_caller]
    pub(crate) unsafe fn write(&self, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        for (at, len) in pieces(bytes.len()) {
            // SAFETY: a piece is inside the payload.
            let target = unsafe { self.0.get().cast::<u8>().add(at) };
            // SAFETY: the caller owns the payload, which a local value does not overlap.
            unsafe { ptr::copy_nonoverlapping(bytes[at..].as_ptr(), target, len) };
            point(Access::CopyIn);
        }
    }

    /// Copies the payload out.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    #[track_caller]
    pub(crate) unsafe fn read(&self) -> T {
        let mut value = T::zeroed();
        // SAFETY: the caller's promise, and a local.
        unsafe { self.read_into(&raw mut value) };
        value
    }

    /// Copies the payload to `into`.
    ///
    /// # Safety
    /// As [`write`](Self::write), and `into` is valid for writes.
    #[track_caller]
    pub(crate) unsafe fn read_into(&self, into: *mut T) {
        for (at, len) in pieces(size_of::<T>()) {
            // SAFETY: a piece is inside the payload.
            let source = unsafe { self.0.get().cast::<u8>().add(at) };
            // SAFETY: as above.
            let target = unsafe { into.cast::<u8>().add(at) };
            // SAFETY: the caller owns the payload, and gives a place that does not overlap it.
            unsafe { ptr::copy_nonoverlapping(source, target, len) };
            point(Access::CopyOut);
        }
    }
}
