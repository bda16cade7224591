//! Does anything allocate after attach?
//!
//! # Unsafe
//! [`Counting`] hands every call on to the system's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use annulus::{mpmc, spsc};

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: System's own answers to the same requests; the counter changes nothing about them.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's contract is System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is System's, whose block this is.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Every operation, refused, waiting and done, at single and multi ends.
pub fn report(wanted: impl Fn(&str) -> bool) {
    let name = "allocations after attach";
    if !wanted(name) {
        return;
    }
    const SLOTS: u64 = 64;
    let spsc = spsc::Channel::<u64>::anonymous(SLOTS as usize).expect("a channel");
    let (stx, srx) = (spsc.sender().expect("a sender"), spsc.receiver().expect("a receiver"));
    let mpmc = mpmc::Channel::<u64>::anonymous(SLOTS as usize).expect("a channel");
    let (mtx, mrx) = (mpmc.sender().expect("a sender"), mpmc.receiver().expect("a receiver"));
    let before = ALLOCATIONS.load(Relaxed);
    let wait = Duration::from_millis(2);
    let mut values = [0; SLOTS as usize];
    macro_rules! exercise {
        ($tx:ident, $rx:ident) => {
            for round in 0..100 {
                for i in 0..SLOTS {
                    $tx.send(i).expect("room");
                }
                $tx.try_send(0).expect_err("full");
                for i in 0..SLOTS {
                    assert_eq!($rx.recv(), Ok(i));
                }
                $rx.try_recv().expect_err("empty");
                $tx.send_many(&values).expect("room");
                $rx.recv_many(&mut values).expect("messages");
                if round % 50 == 0 {
                    $rx.recv_timeout(wait).expect_err("empty");
                }
            }
        };
    }
    exercise!(stx, srx);
    exercise!(mtx, mrx);
    let allocations = ALLOCATIONS.load(Relaxed) - before;
    let verdict = if allocations == 0 { "met" } else { "MISSED" };
    println!("{name}: {allocations} in 50,000 operations  target 0: {verdict}");
}
