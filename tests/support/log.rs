//! What has a process done before it was killed?

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A list of numbers in memory that forked children share: what a child has written is there when it is dead.
#[derive(Debug)]
pub struct Log {
    words: NonNull<AtomicU64>,
    room: usize,
}

// SAFETY: its memory is all atomics, mapped for as long as it lives.
unsafe impl Send for Log {}
// SAFETY: as above.
unsafe impl Sync for Log {}

impl Log {
    /// Room for `room` numbers.
    pub fn new(room: usize) -> Log {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping wherever the kernel likes disturbs nothing.
        let memory = unsafe { mmap_anonymous(None, Self::bytes(room), access, MapFlags::MAP_SHARED) };
        Log {
            words: memory.expect("memory for a log").cast(),
            room,
        }
    }

    fn bytes(room: usize) -> NonZeroUsize {
        NonZeroUsize::new((room + 1) * 8).expect("not zero")
    }

    /// Word `i` of the memory, for who does not keep a list in it: 0 to `room`.
    pub fn word(&self, i: usize) -> &AtomicU64 {
        assert!(i <= self.room);
        // SAFETY: `i` is inside the mapping.
        let word = unsafe { self.words.add(i) };
        // SAFETY: mapped for as long as `self` lives, aligned, and only ever used as an atomic.
        unsafe { word.as_ref() }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.word(0).load(SeqCst) as usize
    }

    /// One writer at a time: adds a number.
    pub fn push(&self, number: u64) {
        let len = self.len();
        self.word(len + 1).store(number, SeqCst);
        self.word(0).store(len as u64 + 1, SeqCst);
    }

    /// The numbers.
    pub fn list(&self) -> Vec<u64> {
        (0..self.len()).map(|i| self.word(i + 1).load(SeqCst)).collect()
    }

    /// Uses the log as a counter: one more.
    pub fn count(&self) {
        self.word(0).fetch_add(1, SeqCst);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; nobody borrows from it any more.
        let _ = unsafe { munmap(self.words.cast(), Self::bytes(self.room).get()) };
    }
}
