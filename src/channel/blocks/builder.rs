//! What can be chosen when a channel of blocks is made, or opened?

use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::blocks::BLOCK_ALIGN;
use crate::layout::geometry::Arrangement;
use crate::layout::header::short_type_name;
use crate::layout::{BlockLayout, BlockPlan, FenceMode, Kind};
use crate::region::Sealing;
use crate::region::named::Name;

use super::super::options::{Opened, Options, common_options, table_option};
use super::{Carries, Channel, Message};

/// A channel of blocks about to be made or opened; see [`Channel::builder`].
///
/// ```
/// use annulus::blocks::Channel;
///
/// let channel = Channel::<[f64]>::builder(4, 100_000)
///     .align(4096)
///     .populate()
///     .schema("spectrum v1")
///     .anonymous()?;
/// let (tx, rx) = (channel.sender()?, channel.receiver()?);
/// tx.send_slice(&[1.0, 2.0])?;
/// assert!(rx.recv()?.as_ptr().addr().is_multiple_of(4096));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Builder<M: Message + ?Sized, H: Pod> {
    options: Options,
    length: usize,
    populate: bool,
    carries: Carries<M, H>,
}

impl<T: Pod, H: Pod> Builder<[T], H> {
    pub(super) fn new(blocks: usize, length: usize) -> Self {
        let arrangement = arrangement::<T, H>(length, BLOCK_ALIGN);
        let schema = if size_of::<H>() == 0 {
            short_type_name::<[T]>()
        } else {
            format!("{}, {}", short_type_name::<[T]>(), short_type_name::<H>())
        };
        Builder {
            options: Options::new(Kind::Blocks, blocks, arrangement, schema),
            length,
            populate: false,
            carries: PhantomData,
        }
    }

    common_options!();
    table_option!();

    /// The alignment of each block's items: a power of two from 64 bytes, which it is unless said otherwise, to a page of
    /// 4,096.
    pub fn align(mut self, bytes: usize) -> Self {
        self.options.plan.arrangement = arrangement::<T, H>(self.length, bytes);
        self
    }

    /// Maps all pages into this process at once, and not one by one as they are touched: takes 0.25 to 0.5 s a GiB where it
    /// was measured, and spares as much when they are first touched. Holds for a channel that is opened, too. (`MADV_POPULATE_WRITE` of madvise(2), Linux 5.14; before that
    /// it does nothing.)
    pub fn populate(mut self) -> Self {
        self.populate = true;
        self
    }

    /// Makes the channel in memory without a name, for this process, its children and whoever is passed it.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit; nothing is left behind.
    pub fn anonymous(self) -> Result<Channel<[T], H>, CreateError> {
        let populate = self.populate;
        self.options.anonymous().map(|opened| finish(opened, populate))
    }

    /// [`Channel::create`], with these options.
    ///
    /// # Errors
    /// As for [`Channel::create`].
    pub fn create(self, name: &str) -> Result<Channel<[T], H>, CreateError> {
        let populate = self.populate;
        let opened = self.options.create(&Name::new(name)?);
        opened.map(|opened| finish(opened, populate))
    }

    /// [`Channel::open`], with these options: [`schema`](Self::schema), [`populate`](Self::populate) and
    /// [`allow_other_users`](Self::allow_other_users). All others are the creator's to choose.
    ///
    /// # Errors
    /// As for [`Channel::open`].
    pub fn open(self, name: &str) -> Result<Channel<[T], H>, AttachError> {
        self.open_within(name, None)
    }

    /// [`Channel::open_timeout`], with the options of [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`Channel::open_timeout`].
    pub fn open_timeout(self, name: &str, timeout: Duration) -> Result<Channel<[T], H>, AttachError> {
        self.open_within(name, Some(timeout))
    }

    fn open_within(self, name: &str, timeout: Option<Duration>) -> Result<Channel<[T], H>, AttachError> {
        let populate = self.populate;
        let opened = self.options.open(&Name::new(name)?, timeout);
        opened.map(|opened| finish(opened, populate))
    }

    /// [`Channel::open_or_create`], with these options.
    ///
    /// # Errors
    /// As for [`Channel::open_or_create`].
    pub fn open_or_create(self, name: &str) -> Result<Channel<[T], H>, OpenOrCreateError> {
        let populate = self.populate;
        let opened = self
            .options
            .open_or_create(&Name::new(name).map_err(AttachError::from)?);
        opened.map(|opened| finish(opened, populate))
    }

    /// [`Channel::inherited`], with the options of [`from_fd`](Self::from_fd).
    ///
    /// # Errors
    /// As for [`Channel::inherited`].
    pub fn inherited(self, name: &str) -> Result<Channel<[T], H>, AttachError> {
        let populate = self.populate;
        self.options.inherited(name).map(|opened| finish(opened, populate))
    }

    /// [`Channel::from_fd`], with these options: [`schema`](Self::schema), [`populate`](Self::populate) and
    /// [`allow_unsealed`](Self::allow_unsealed).
    ///
    /// # Errors
    /// As for [`Channel::from_fd`].
    pub fn from_fd(self, fd: OwnedFd) -> Result<Channel<[T], H>, AttachError> {
        let populate = self.populate;
        self.options.behind(fd).map(|opened| finish(opened, populate))
    }
}

fn arrangement<T, H>(length: usize, align: usize) -> Arrangement {
    Arrangement::Blocks(BlockPlan {
        layout: BlockLayout::of::<T, H>(),
        length: length as u64,
        align,
    })
}

fn finish<T: Pod, H: Pod>(opened: Opened, populate: bool) -> Channel<[T], H> {
    if populate {
        opened.region.view().populate();
    }
    Channel::of(opened)
}

impl<M: Message + ?Sized, H: Pod> Clone for Builder<M, H> {
    fn clone(&self) -> Self {
        Builder {
            options: self.options.clone(),
            carries: PhantomData,
            ..*self
        }
    }
}

impl<M: Message + ?Sized, H: Pod> std::fmt::Debug for Builder<M, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .field("length", &self.length)
            .field("populate", &self.populate)
            .finish()
    }
}
