//! What can be chosen when a stream is made, or opened?

use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::geometry::Arrangement;
use crate::layout::header::short_type_name;
use crate::layout::{Element, FenceMode, FlatPlan, Kind};
use crate::region::named::Name;
use crate::region::{Sealing, memory};

use super::super::options::{Opened, Options, common_options};
use super::Channel;

/// A stream about to be made or opened; see [`Channel::builder`].
///
/// ```
/// use annulus::stream::Channel;
/// use std::time::Duration;
///
/// let samples = Channel::<f32>::builder(1 << 20)
///     .populate()
///     .spin_time(Duration::ZERO)
///     .schema("audio, 48 kHz")
///     .anonymous()?;
/// let (mut tx, mut rx) = (samples.writer()?, samples.reader()?);
/// tx.write_all(&[0.5; 480])?;
/// assert_eq!(rx.readable()?.len(), 480);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Builder<T: Pod> {
    options: Options,
    populate: bool,
    element: PhantomData<fn() -> T>,
}

impl<T: Pod> Builder<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let plan = FlatPlan {
            element: Element::of::<T>(),
            page: memory::page(),
        };
        let mut options = Options::new(Kind::Stream, capacity, Arrangement::Flat(plan), short_type_name::<T>());
        // Both ends are single: the least that there can be.
        options.plan.endpoints = 1;
        Builder {
            options,
            populate: false,
            element: PhantomData,
        }
    }

    common_options!();

    /// Maps all pages into this process at once, and not one by one as they are touched; as
    /// [`blocks::Builder::populate`](crate::blocks::Builder::populate).
    pub fn populate(mut self) -> Self {
        self.populate = true;
        self
    }

    /// Makes the stream in memory without a name, for this process, its children and whoever is passed it.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit; nothing is left behind.
    pub fn anonymous(self) -> Result<Channel<T>, CreateError> {
        let populate = self.populate;
        self.options.anonymous().map(|opened| finish(opened, populate))
    }

    /// [`Channel::create`], with these options.
    ///
    /// # Errors
    /// As for [`Channel::create`].
    pub fn create(self, name: &str) -> Result<Channel<T>, CreateError> {
        let populate = self.populate;
        let opened = self.options.create(&Name::new(name)?);
        opened.map(|opened| finish(opened, populate))
    }

    /// [`Channel::open`], with these options: [`schema`](Self::schema), [`populate`](Self::populate) and
    /// [`allow_other_users`](Self::allow_other_users). All others are the creator's to choose.
    ///
    /// # Errors
    /// As for [`Channel::open`].
    pub fn open(self, name: &str) -> Result<Channel<T>, AttachError> {
        self.open_within(name, None)
    }

    /// [`Channel::open_timeout`], with the options of [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`Channel::open_timeout`].
    pub fn open_timeout(self, name: &str, timeout: Duration) -> Result<Channel<T>, AttachError> {
        self.open_within(name, Some(timeout))
    }

    fn open_within(self, name: &str, timeout: Option<Duration>) -> Result<Channel<T>, AttachError> {
        let populate = self.populate;
        let opened = self.options.open(&Name::new(name)?, timeout);
        opened.map(|opened| finish(opened, populate))
    }

    /// [`Channel::open_or_create`], with these options.
    ///
    /// # Errors
    /// As for [`Channel::open_or_create`].
    pub fn open_or_create(self, name: &str) -> Result<Channel<T>, OpenOrCreateError> {
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
    pub fn inherited(self, name: &str) -> Result<Channel<T>, AttachError> {
        let populate = self.populate;
        self.options.inherited(name).map(|opened| finish(opened, populate))
    }

    /// [`Channel::from_fd`], with these options: [`schema`](Self::schema), [`populate`](Self::populate) and
    /// [`allow_unsealed`](Self::allow_unsealed).
    ///
    /// # Errors
    /// As for [`Channel::from_fd`].
    pub fn from_fd(self, fd: OwnedFd) -> Result<Channel<T>, AttachError> {
        let populate = self.populate;
        self.options.behind(fd).map(|opened| finish(opened, populate))
    }
}

fn finish<T: Pod>(opened: Opened, populate: bool) -> Channel<T> {
    if populate {
        opened.region.view().populate();
    }
    Channel::of(opened)
}

impl<T: Pod> Clone for Builder<T> {
    fn clone(&self) -> Self {
        Builder {
            options: self.options.clone(),
            ..*self
        }
    }
}

impl<T: Pod> std::fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .field("populate", &self.populate)
            .finish()
    }
}
