//! Which words does a fork wipe?
//!
//! Pages that read zero again in a forked child (madvise(2) `MADV_WIPEONFORK`), and single words of such pages for those
//! who want to know at each operation, without asking separately, whether they are still in the process that made them.
//!
//! # Unsafe
//! [`page`] maps what it gives out.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

use super::fork::gate;
use crate::sync::{AtomicU64, Relaxed};

/// Words of a page: the smallest page that there is.
const WORDS: usize = 4096 / size_of::<AtomicU64>();

/// Words that nobody has now. Touched inside the gate only, so that no fork finds it locked.
static UNUSED: Mutex<Vec<&'static AtomicU64>> = Mutex::new(Vec::new());

/// A page of zeros that reads zero again in a forked child. Never unmapped.
///
/// # Errors
/// No memory; `EINVAL` before Linux 4.14.
pub(super) fn page() -> io::Result<&'static [AtomicU64; WORDS]> {
    const LEN: NonZeroUsize = NonZeroUsize::new(size_of::<[AtomicU64; WORDS]>()).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new private mapping wherever the kernel likes disturbs nothing.
    let page = unsafe { mmap_anonymous(None, LEN, access, MapFlags::MAP_PRIVATE) }?;
    // SAFETY: the page mapped above, which nobody else knows; the advice changes its bytes in a forked child only.
    if let Err(error) = unsafe { madvise(page, LEN.get(), MmapAdvise::MADV_WIPEONFORK) } {
        // SAFETY: the page mapped above, which nobody refers to.
        let _ = unsafe { munmap(page, LEN.get()) };
        return Err(error.into());
    }
    // SAFETY: mapped above, zeroed, aligned to a page, never unmapped from here on, and accessed through this
    // reference only.
    Ok(unsafe { page.cast::<[AtomicU64; WORDS]>().as_ref() })
}

/// A word of its owner's that reads 0 in a forked child. Private to the process; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct WipedWord(&'static AtomicU64);

/// The same for one who lives no longer than the owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WipedRef(&'static AtomicU64);

impl WipedWord {
    /// A word, which says `value`.
    ///
    /// # Errors
    /// As [`page`].
    pub(crate) fn new(value: u64) -> io::Result<WipedWord> {
        let _gate = gate();
        let mut unused = UNUSED.lock().unwrap_or_else(PoisonError::into_inner);
        if unused.is_empty() {
            unused.extend(page()?);
        }
        let word = unused.pop().expect("a page has words");
        // Relaxed: private to the process, and its owner's.
        word.store(value, Relaxed);
        Ok(WipedWord(word))
    }

    /// The word, for who lives no longer than `self`.
    pub(crate) fn share(&self) -> WipedRef {
        WipedRef(self.0)
    }
}

impl Drop for WipedWord {
    fn drop(&mut self) {
        let _gate = gate();
        UNUSED.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

impl Deref for WipedWord {
    type Target = AtomicU64;

    fn deref(&self) -> &AtomicU64 {
        self.0
    }
}

impl Deref for WipedRef {
    type Target = AtomicU64;

    #[inline(always)]
    fn deref(&self) -> &AtomicU64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_a_word_to_itself() {
        // More than a page has, so that a second one is needed.
        let words: Vec<_> = (1..=WORDS as u64 + 1).map(|n| WipedWord::new(n).unwrap()).collect();
        for (n, word) in (1..).zip(&words) {
            // Relaxed: own line (private to the process).
            assert_eq!((word.load(Relaxed), word.share().load(Relaxed)), (n, n));
        }
    }
}
