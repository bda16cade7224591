//! Where are the bytes of a plain region, and how are they read and written, whoever else does so?
//!
//! No protocol says whose they are. So what is safe here goes by atomic words of eight bytes, aligned, and by nothing else:
//! then what another process or thread stores at the same time is a value, old or new, in each word. Of one width, since to
//! Rust two atomic accesses of different sizes that meet are a data race, as an access that is not atomic is (`std`'s memory
//! model for atomic accesses). The first and the last bytes of a copy are parts of words: they are read with the word, and
//! written by a compare-and-swap of it, which leaves the other bytes to those who write them meanwhile.
//!
//! # Unsafe
//! Raw bytes become words here, by the invariants of [`Bytes`], and slices, for who vouches that they are his.

use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use bytemuck::Pod;

use super::Region;
use crate::error::ViewError;
use crate::layout::plain::WORD;
use crate::sync::{AtomicU64, Relaxed};
use crate::tries;

/// The bytes of a plain region.
///
/// # Invariants
/// - **B1** From `first` on, which is aligned to a page of 4,096 bytes at least, there are `length` bytes, rounded up to
///   words, inside the mapping of `region`, which is writable.
/// - **B2** They are initialised: they came from the kernel as zeros, and what was stored since was bytes.
/// - **B3** Nobody makes a reference to them but as atomic words, unless it is vouched for that nobody else touches them.
#[derive(Debug)]
pub(crate) struct Bytes {
    first: NonNull<u8>,
    length: usize,
    region: Arc<Region>,
}

// SAFETY: the region is shared between threads as between processes: what is safe is atomic, and what is not is vouched for.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// Of a region that was checked to be a plain one.
    pub(crate) fn new(region: Arc<Region>) -> Bytes {
        let (first, length) = region.view().plain();
        assert!(first.cast::<AtomicU64>().is_aligned(), "on a page");
        Bytes { first, length, region }
    }

    /// The region that they are in.
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// How many there are.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The first of them.
    #[inline(always)]
    pub(crate) fn first(&self) -> NonNull<u8> {
        self.first
    }

    /// The words that are all of bytes.
    #[inline]
    pub(crate) fn whole_words(&self) -> &[AtomicU64] {
        &self.words()[..self.length / WORD]
    }

    /// All words, the last one with what is behind the last byte.
    #[inline]
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: B1, B2, B3: so many words, aligned, and all atomics, for as long as `self` keeps the region.
        unsafe { slice::from_raw_parts(self.first.as_ptr().cast(), self.length.div_ceil(WORD)) }
    }

    /// Copies bytes out, from `offset` on.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`].
    pub(crate) fn read<T: Pod>(&self, offset: usize, items: &mut [T]) -> Result<(), ViewError> {
        self.inside::<T>(offset, items.len())?;
        let (first, begun, whole, last) = split(offset, size_of_val(items));
        let (words, bytes) = (self.words(), bytemuck::cast_slice_mut::<T, u8>(items));
        let (head, rest) = bytes.split_at_mut(begun);
        let (body, tail) = rest.split_at_mut(whole * WORD);
        if begun > 0 {
            copy_part(&words[first], offset % WORD, head);
        }
        let from = first + usize::from(begun > 0);
        let (chunks, _) = body.as_chunks_mut::<WORD>();
        for (chunk, word) in chunks.iter_mut().zip(&words[from..from + whole]) {
            // Relaxed: under what the users agree on.
            *chunk = word.load(Relaxed).to_ne_bytes();
        }
        if last > 0 {
            copy_part(&words[from + whole], 0, tail);
        }
        Ok(())
    }

    /// Copies bytes in, from `offset` on.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`]: nothing was written.
    pub(crate) fn write<T: Pod>(&self, offset: usize, items: &[T]) -> Result<(), ViewError> {
        self.inside::<T>(offset, items.len())?;
        let (first, begun, whole, last) = split(offset, size_of_val(items));
        let (words, bytes) = (self.words(), bytemuck::cast_slice::<T, u8>(items));
        let (head, rest) = bytes.split_at(begun);
        let (body, tail) = rest.split_at(whole * WORD);
        if begun > 0 {
            replace_part(&words[first], offset % WORD, head);
        }
        let from = first + usize::from(begun > 0);
        let (chunks, _) = body.as_chunks::<WORD>();
        for (chunk, word) in chunks.iter().zip(&words[from..from + whole]) {
            // Relaxed: under what the users agree on.
            word.store(u64::from_ne_bytes(*chunk), Relaxed);
        }
        if last > 0 {
            replace_part(&words[from + whole], 0, tail);
        }
        Ok(())
    }

    /// All of them as items.
    ///
    /// # Errors
    /// [`ViewError::Length`], [`ViewError::Align`].
    ///
    /// # Safety
    /// As [`slice`](Self::slice).
    pub(crate) unsafe fn all<T: Pod>(&self) -> Result<&[T], ViewError> {
        let count = self.count::<T>()?;
        // SAFETY: the caller's word.
        unsafe { self.slice(0, count) }
    }

    /// The same, to write to.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    ///
    /// # Safety
    /// As [`slice_mut`](Self::slice_mut).
    pub(crate) unsafe fn all_mut<T: Pod>(&mut self) -> Result<&mut [T], ViewError> {
        let count = self.count::<T>()?;
        // SAFETY: the caller's word.
        unsafe { self.slice_mut(0, count) }
    }

    /// `count` items from byte `offset` on.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`], [`ViewError::Align`].
    ///
    /// # Safety
    /// For as long as the slice lives nobody writes to these bytes, in whichever process and through whatever.
    pub(crate) unsafe fn slice<T: Pod>(&self, offset: usize, count: usize) -> Result<&[T], ViewError> {
        let items = self.items::<T>(offset, count)?;
        // SAFETY: B1, B2: inside, aligned, and every bit pattern is a `T`; that nobody writes to them is the caller's word.
        Ok(unsafe { slice::from_raw_parts(items.as_ptr(), count) })
    }

    /// The same, to write to.
    ///
    /// # Errors
    /// As [`slice`](Self::slice).
    ///
    /// # Safety
    /// For as long as the slice lives nobody else reads these bytes or writes to them, in whichever process and through
    /// whatever.
    pub(crate) unsafe fn slice_mut<T: Pod>(&mut self, offset: usize, count: usize) -> Result<&mut [T], ViewError> {
        let items = self.items::<T>(offset, count)?;
        // SAFETY: B1, B2: as for `slice`; that nobody else touches them is the caller's word.
        Ok(unsafe { slice::from_raw_parts_mut(items.as_ptr(), count) })
    }

    /// How many items all of them are.
    fn count<T>(&self) -> Result<usize, ViewError> {
        let (length, size) = (self.length, size_of::<T>());
        if size == 0 || !length.is_multiple_of(size) {
            return Err(ViewError::Length { length, size });
        }
        Ok(length / size)
    }

    /// The first of `count` items from byte `offset` on.
    fn items<T>(&self, offset: usize, count: usize) -> Result<NonNull<T>, ViewError> {
        self.inside::<T>(offset, count)?;
        // SAFETY: B1: at most one past the last byte.
        let items = unsafe { self.first.add(offset) }.cast::<T>();
        let align = align_of::<T>();
        if items.is_aligned() {
            Ok(items)
        } else {
            Err(ViewError::Align { offset, align })
        }
    }

    /// `count` items from byte `offset` on are all bytes of the region.
    #[inline]
    fn inside<T>(&self, offset: usize, count: usize) -> Result<(), ViewError> {
        let (length, size) = (self.length, size_of::<T>());
        let end = count.checked_mul(size).and_then(|bytes| bytes.checked_add(offset));
        if end.is_some_and(|end| end <= length) {
            return Ok(());
        }
        Err(ViewError::OutOfBounds {
            offset,
            count,
            size,
            length,
        })
    }
}

/// `bytes` bytes from `offset` on: the word that they begin in, how many are in it if that is not from its beginning, how many
/// whole words follow, and how many bytes are left in the last one.
fn split(offset: usize, bytes: usize) -> (usize, usize, usize, usize) {
    let before = offset % WORD;
    let begun = if before == 0 { 0 } else { (WORD - before).min(bytes) };
    let rest = bytes - begun;
    (offset / WORD, begun, rest / WORD, rest % WORD)
}

/// Some bytes of a word, from its byte `at` on.
fn copy_part(word: &AtomicU64, at: usize, into: &mut [u8]) {
    // Relaxed: under what the users agree on.
    let bytes = word.load(Relaxed).to_ne_bytes();
    into.copy_from_slice(&bytes[at..at + into.len()]);
}

/// Puts `part` in a word, from its byte `at` on, and leaves the other bytes as they are.
fn replace_part(word: &AtomicU64, at: usize, part: &[u8]) {
    let replaced = |seen: u64| {
        let mut bytes = seen.to_ne_bytes();
        bytes[at..at + part.len()].copy_from_slice(part);
        u64::from_ne_bytes(bytes)
    };
    // Relaxed, both: under what the users agree on.
    if let Err(seen) = word.fetch_update(Relaxed, Relaxed, tries::at_most(replaced)) {
        // Somebody does nothing but write to this word: what becomes of its bytes is his doing.
        word.store(replaced(seen), Relaxed);
    }
}
