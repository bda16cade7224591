//! What does a sender have in its hands until it sends it?

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytemuck::Pod;

use crate::error::SendError;
use crate::pool::Loaned;

use super::{Attached, Message};

/// A block on loan: a message in the making, in shared memory.
///
/// Made by [`Sender::loan`](super::Sender::loan). It derefs to its items, as many as were asked for. [`send`](Self::send) makes
/// it the channel's newest message; dropped, the block is free again. It can be kept for as long as is needed, be sent by
/// another thread, and outlives the sender that it came from: the endpoint stays attached meanwhile. If its process is
/// killed, the block is free again when the death is noticed.
///
/// In a forked child a loan of the parent's is not to be written to; to drop it there does nothing.
#[must_use = "a loan that is dropped gives its block back: call `send`"]
pub struct Loan<M: Message + ?Sized, H: Pod = ()> {
    attached: Arc<Attached<M::Item, H>>,
    /// `None` only while it is being sent or dropped.
    block: Option<Loaned>,
    /// The block that the next loan is likely to be of.
    next: u32,
    len: usize,
    header: H,
}

impl<T: Pod, H: Pod> Loan<[T], H> {
    /// Publishes the message, and tells a receiver. Its place in the order is taken now.
    ///
    /// Waits for nothing: whoever has a block has a place.
    ///
    /// # Errors
    /// - [`SendError::Disconnected`]: no receiver is left, or the channel is closed. The loan comes back.
    /// - [`SendError::Corrupt`]: the shared memory was overwritten; give the channel up.
    /// - [`SendError::WrongProcess`]: this is a forked child's copy.
    #[inline]
    pub fn send(mut self) -> Result<(), SendError<Self>> {
        let block = self.block.take().expect(HELD);
        match self.attached.publish(block, self.next, self.len, &self.header) {
            Ok(()) => Ok(()),
            Err((block, refusal)) => {
                self.block = Some(block);
                Err(refusal.into_send(self))
            }
        }
    }

    /// Says something about the message; zeros unless it is called.
    pub fn set_header(&mut self, header: H) {
        self.header = header;
    }

    /// What is said about the message.
    pub fn header(&self) -> &H {
        &self.header
    }

    /// Makes the message shorter: its first `len` items, if it has more.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn block(&self) -> &Loaned {
        self.block.as_ref().expect(HELD)
    }
}

const HELD: &str = "taken only by send and drop";

impl<M: Message + ?Sized, H: Pod> Drop for Loan<M, H> {
    fn drop(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        if self.attached.endpoint.is_ours() {
            self.attached.pool.abort(block);
            self.attached.tell_a_sender();
        }
    }
}

impl<T: Pod, H: Pod> Deref for Loan<[T], H> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.attached.items.lent(self.block(), self.len)
    }
}

impl<T: Pod, H: Pod> DerefMut for Loan<[T], H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        let block = self.block.as_mut().expect(HELD);
        self.attached.items.lent_mut(block, self.len)
    }
}

impl<M: Message + ?Sized, H: Pod> fmt::Debug for Loan<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("block", &self.block)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// A [`Loan`] whose items are still to be written: what is in them, an earlier message left.
///
/// Made by [`Sender::loan_uninit`](super::Sender::loan_uninit). Write all of them by
/// [`copy_from_slice`](Self::copy_from_slice) or [`fill_with`](Self::fill_with), or by way of the slice that it derefs to and
/// [`assume_init`](Self::assume_init).
#[derive(Debug)]
#[must_use = "a loan that is dropped gives its block back"]
pub struct UninitLoan<M: Message + ?Sized, H: Pod = ()>(Loan<M, H>);

impl<T: Pod, H: Pod> UninitLoan<[T], H> {
    pub(super) fn new(attached: Arc<Attached<T, H>>, block: Loaned, next: u32, len: usize) -> Self {
        UninitLoan(Loan {
            attached,
            block: Some(block),
            next,
            len,
            header: H::zeroed(),
        })
    }

    pub(super) fn zeroed(self) -> Loan<[T], H> {
        let mut loan = self.0;
        loan.fill(T::zeroed());
        loan
    }

    /// The loan as an earlier message left it. Nothing has been written to it since it was made.
    pub(super) fn into_left(self) -> Loan<[T], H> {
        self.0
    }

    /// Says something about the message; zeros unless it is called.
    pub fn set_header(&mut self, header: H) {
        self.0.set_header(header);
    }

    /// The loan, with a copy of `items`.
    ///
    /// # Panics
    /// If there are more or fewer items than the loan is long.
    pub fn copy_from_slice(self, items: &[T]) -> Loan<[T], H> {
        let mut loan = self.0;
        loan.deref_mut().copy_from_slice(items);
        loan
    }

    /// The loan, with what `item` makes of each index.
    pub fn fill_with(self, mut item: impl FnMut(usize) -> T) -> Loan<[T], H> {
        let mut loan = self.0;
        for (index, place) in loan.iter_mut().enumerate() {
            *place = item(index);
        }
        loan
    }

    /// The loan, with what was written to it; what was not is what an earlier message left there, or zeros.
    ///
    /// # Safety
    /// No item was written to with [`MaybeUninit::uninit`]. (Shared memory comes from the kernel initialised, and every bit
    /// pattern is a `T`: to have written nothing at all is sound.)
    pub unsafe fn assume_init(self) -> Loan<[T], H> {
        self.0
    }
}

impl<T: Pod, H: Pod> Deref for UninitLoan<[T], H> {
    type Target = [MaybeUninit<T>];

    fn deref(&self) -> &[MaybeUninit<T>] {
        self.0.attached.items.lent_uninit(self.0.block(), self.0.len)
    }
}

impl<T: Pod, H: Pod> DerefMut for UninitLoan<[T], H> {
    fn deref_mut(&mut self) -> &mut [MaybeUninit<T>] {
        let loan = &mut self.0;
        let block = loan.block.as_mut().expect(HELD);
        loan.attached.items.lent_uninit_mut(block, loan.len)
    }
}
