//! What can be chosen when a channel is made, or opened?

use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::geometry::{Arrangement, PayloadLayout};
use crate::layout::header::short_type_name;
use crate::layout::{FenceMode, Kind, SlotPadding};
use crate::region::Sealing;
use crate::region::named::Name;

use super::end::{End, EndKind};
use super::file::FileBuilder;
use super::options::{Options, common_options, table_option};
use super::{Channel, Ends};

/// A channel about to be made; see [`Channel::builder`].
///
/// ```
/// use std::time::Duration;
/// use annulus::{FenceMode, mpmc::Channel};
///
/// let channel = Channel::<[f32; 4]>::builder(1000)
///     .spin_time(Duration::ZERO)
///     .fence_mode(FenceMode::Fenced)
///     .schema("quaternion v1")
///     .anonymous()?;
/// assert_eq!(channel.capacity(), 1024);
/// # Ok::<(), annulus::CreateError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder<T, S, R> {
    options: Options,
    ends: Ends<T, S, R>,
}

impl<T: Pod, S: End, R: End> Builder<T, S, R> {
    pub(super) fn new(capacity: usize) -> Self {
        let kind = Kind::of(<S as EndKind>::MULTI, <R as EndKind>::MULTI);
        let arrangement = Arrangement::Slots(PayloadLayout::of::<T>(), SlotPadding::Packed);
        Builder {
            options: Options::new(kind, capacity, arrangement, short_type_name::<T>()),
            ends: PhantomData,
        }
    }

    common_options!();
    table_option!();

    /// How slots stand next to each other; [`SlotPadding::Packed`] unless said otherwise.
    pub fn slot_padding(mut self, padding: SlotPadding) -> Self {
        self.options.plan.arrangement = Arrangement::Slots(PayloadLayout::of::<T>(), padding);
        self
    }

    /// Opens the channel in the file behind `fd`, as [`Channel::from_fd`] does. Its capacity and all else is what its
    /// creator has chosen; of what was chosen here [`schema`](Self::schema) and
    /// [`allow_unsealed`](Self::allow_unsealed) count.
    ///
    /// # Errors
    /// As for [`Channel::from_fd`].
    pub fn from_fd(self, fd: OwnedFd) -> Result<Channel<T, S, R>, AttachError> {
        self.options.behind(fd).map(Channel::of)
    }

    /// Makes the channel in memory without a name, for this process, its children and whoever is passed it.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit; nothing is left behind.
    pub fn anonymous(self) -> Result<Channel<T, S, R>, CreateError> {
        self.options.anonymous().map(Channel::of)
    }

    /// [`Channel::create`], with these options.
    ///
    /// # Errors
    /// As for [`Channel::create`].
    pub fn create(self, name: &str) -> Result<Channel<T, S, R>, CreateError> {
        self.create_named(&Name::new(name)?)
    }

    /// [`Channel::open`], with these options: [`schema`](Self::schema) and
    /// [`allow_other_users`](Self::allow_other_users). Capacity and all the others are the creator's to choose.
    ///
    /// # Errors
    /// As for [`Channel::open`].
    pub fn open(self, name: &str) -> Result<Channel<T, S, R>, AttachError> {
        self.open_within(name, None)
    }

    /// [`Channel::open_timeout`], with the options of [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`Channel::open_timeout`].
    pub fn open_timeout(self, name: &str, timeout: Duration) -> Result<Channel<T, S, R>, AttachError> {
        self.open_within(name, Some(timeout))
    }

    fn open_within(self, name: &str, timeout: Option<Duration>) -> Result<Channel<T, S, R>, AttachError> {
        self.open_named(&Name::new(name)?, timeout)
    }

    /// [`Channel::open_or_create`], with these options.
    ///
    /// # Errors
    /// As for [`Channel::open_or_create`].
    pub fn open_or_create(self, name: &str) -> Result<Channel<T, S, R>, OpenOrCreateError> {
        self.open_or_create_named(&Name::new(name).map_err(AttachError::from)?)
    }

    /// Puts the channel in the file at `path`, on any file system that can hold one, instead of under a name in /dev/shm.
    pub fn path(mut self, path: impl AsRef<Path>) -> FileBuilder<T, S, R> {
        self.options.access.keep = true;
        FileBuilder::new(self, path.as_ref().to_owned())
    }

    pub(super) fn create_named(self, name: &Name) -> Result<Channel<T, S, R>, CreateError> {
        self.options.create(name).map(Channel::of)
    }

    pub(super) fn open_named(self, name: &Name, timeout: Option<Duration>) -> Result<Channel<T, S, R>, AttachError> {
        self.options.open(name, timeout).map(Channel::of)
    }

    pub(super) fn open_or_create_named(self, name: &Name) -> Result<Channel<T, S, R>, OpenOrCreateError> {
        self.options.open_or_create(name).map(Channel::of)
    }

    /// [`Channel::inherited`], with a [`schema`](Self::schema).
    pub(super) fn inherited(self, name: &str) -> Result<Channel<T, S, R>, AttachError> {
        self.options.inherited(name).map(Channel::of)
    }
}
