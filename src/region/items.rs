//! Where are the items of a block, and who may touch them?
//!
//! # Unsafe
//! Raw bytes become slices here, by the invariants of [`Items`], for who shows that the block is his.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use bytemuck::Pod;

use super::Region;
use crate::pool::{Loaned, Received};

/// The items of all blocks of a region, as items of `T`.
///
/// # Invariants
/// - **I1** Block `index`, below the number of blocks, has room for `most` items of `T` from `first + index * stride` on,
///   aligned for `T`, inside the mapping of `region`.
/// - **I2** What is there when a block is taken is initialised: it came from the kernel as zeros, and a block that was given
///   back has been anybody's since, any process's; and every bit pattern is a `T`. Who writes to a loan that is not said to be
///   initialised vouches for that loan.
pub(crate) struct Items<T> {
    first: NonNull<u8>,
    stride: usize,
    most: usize,
    _region: Arc<Region>,
    item: PhantomData<T>,
}

// SAFETY: the region is shared between threads as between processes, and what is touched is shown to be one's own.
unsafe impl<T: Send> Send for Items<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Items<T> {}

impl<T: Pod> Items<T> {
    /// Of a region whose blocks were checked to be of items as large as `T`, and aligned for it.
    pub(crate) fn new(region: &Arc<Region>) -> Items<T> {
        let (first, stride, room) = region.view().items();
        assert!(
            first.cast::<T>().is_aligned() && stride.is_multiple_of(align_of::<T>()),
            "checked"
        );
        Items {
            first,
            stride,
            most: room / size_of::<T>(),
            _region: Arc::clone(region),
            item: PhantomData,
        }
    }

    /// Items that a block has room for.
    #[inline(always)]
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    #[inline(always)]
    fn at(&self, index: u32, length: usize) -> NonNull<T> {
        assert!(length <= self.most, "no more than a block has room for");
        // SAFETY: I1: claims are of blocks below their number.
        unsafe { self.first.add(index as usize * self.stride) }.cast()
    }

    /// The first `length` items of a block on loan.
    #[inline]
    pub(crate) fn lent<'a>(&'a self, block: &'a Loaned, length: usize) -> &'a [T] {
        let items = self.at(block.index(), length);
        // SAFETY: I1, I2. Nobody else writes to them while the block is on loan (B3), and we do not while `block` is
        // borrowed.
        unsafe { slice::from_raw_parts(items.as_ptr(), length) }
    }

    /// The same, to write to.
    #[inline]
    pub(crate) fn lent_mut<'a>(&'a self, block: &'a mut Loaned, length: usize) -> &'a mut [T] {
        let items = self.at(block.index(), length);
        // SAFETY: I1, I2. Nobody else touches them while the block is on loan (B3), and `block` is borrowed for this alone.
        unsafe { slice::from_raw_parts_mut(items.as_ptr(), length) }
    }

    /// The same, before they are written.
    #[inline]
    pub(crate) fn lent_uninit<'a>(&'a self, block: &'a Loaned, length: usize) -> &'a [MaybeUninit<T>] {
        let items = self.at(block.index(), length).cast();
        // SAFETY: as for `lent`.
        unsafe { slice::from_raw_parts(items.as_ptr(), length) }
    }

    /// The same, to write to.
    #[inline]
    pub(crate) fn lent_uninit_mut<'a>(&'a self, block: &'a mut Loaned, length: usize) -> &'a mut [MaybeUninit<T>] {
        let items = self.at(block.index(), length).cast();
        // SAFETY: as for `lent_mut`. Who gets a loan as initialised from there on has vouched for it.
        unsafe { slice::from_raw_parts_mut(items.as_ptr(), length) }
    }

    /// The first `length` items of a block that was received.
    #[inline]
    pub(crate) fn received<'a>(&'a self, block: &'a Received, length: usize) -> &'a [T] {
        let items = self.at(block.index(), length);
        // SAFETY: I1, I2. Nobody writes to them while the block is received (B3): a peer that does breaks the protocol, which
        // the trust statement of `blocks` is about.
        unsafe { slice::from_raw_parts(items.as_ptr(), length) }
    }
}
