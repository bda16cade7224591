//! What does a receiver have in its hands until it is done with it?

use std::fmt;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use bytemuck::Pod;

use crate::pool::Received;

use super::{Attached, Message};

/// A message that was received, in shared memory, where its sender wrote it.
///
/// Made by [`Receiver::recv`](super::Receiver::recv). It derefs to its items, as many as were sent. Dropped, its block is free
/// again. It can be kept for as long as is needed, by any thread, and outlives the receiver that it came from: the endpoint
/// stays attached meanwhile. If its process is killed, another receiver gets the message.
///
/// What it lends is memory that others have mapped for writing: see *Trust* in the [module's docs](super).
///
/// A forked child has its parent's blocks too: it reads the same memory, which holds the message for as long as the *parent*
/// keeps the block. To drop it in the child does nothing.
pub struct Block<M: Message + ?Sized, H: Pod = ()> {
    attached: Arc<Attached<M::Item, H>>,
    /// `None` only while it is being dropped.
    block: Option<Received>,
    len: usize,
    header: H,
    redelivered: bool,
}

impl<M: Message + ?Sized, H: Pod> Block<M, H> {
    /// Of a message that was received; `None` if it says that it is longer than its block.
    #[inline]
    pub(super) fn new(attached: Arc<Attached<M::Item, H>>, block: Received, redelivered: bool) -> Option<Self> {
        let (len, header) = attached.pool.open(&block);
        let len = usize::try_from(len).ok().filter(|&len| len <= attached.items.most())?;
        Some(Block {
            attached,
            block: Some(block),
            len,
            header,
            redelivered,
        })
    }

    /// What its sender says about the message: a copy, made when it was received.
    pub fn header(&self) -> &H {
        &self.header
    }

    /// The message has come to a receiver before, which died before it had dropped it.
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }
}

impl<M: Message + ?Sized, H: Pod> Drop for Block<M, H> {
    #[inline]
    fn drop(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        if self.attached.endpoint.is_ours() {
            self.attached.pool.release(block);
            self.attached.tell_a_sender();
        }
    }
}

impl<T: Pod, H: Pod> Deref for Block<[T], H> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let block = self.block.as_ref().expect("taken only by drop");
        self.attached.items.received(block, self.len)
    }
}

impl<'a, T: Pod, H: Pod> IntoIterator for &'a Block<[T], H> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<M: Message + ?Sized, H: Pod> fmt::Debug for Block<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("block", &self.block)
            .field("len", &self.len)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}
