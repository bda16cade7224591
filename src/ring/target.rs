//! Where does a message that is received go?
//!
//! Not through results: each on its way out would be another copy, and one that is read in other pieces than it was written
//! in waits for every store before it, the release of the slot among them (`benches/NOTES.md`, "The answer through memory").

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A place for one message, which is a message already or not initialized yet: nothing else is ever written to it.
pub(crate) struct Target<'a, T> {
    place: NonNull<T>,
    borrowed: PhantomData<&'a mut T>,
}

impl<'a, T> Target<'a, T> {
    /// Over another message.
    #[inline(always)]
    pub(crate) fn over(message: &'a mut T) -> Self {
        Target {
            place: NonNull::from(message),
            borrowed: PhantomData,
        }
    }

    /// To where there is none yet.
    #[inline(always)]
    pub(crate) fn new(place: &'a mut MaybeUninit<T>) -> Self {
        Target {
            place: NonNull::from(place).cast(),
            borrowed: PhantomData,
        }
    }

    /// For who copies a whole message to it: valid for writes for as long as `self` is.
    #[inline(always)]
    pub(super) fn place(&mut self) -> *mut T {
        self.place.as_ptr()
    }

    /// Puts a message in.
    pub(crate) fn put(&mut self, message: T) {
        // SAFETY: valid for writes, and no one else's while it is borrowed.
        unsafe { self.place.write(message) };
    }
}
