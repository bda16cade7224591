//! What can be chosen when a channel is made, or opened?

use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::geometry::PayloadLayout;
use crate::layout::header::short_type_name;
use crate::layout::{FenceMode, Kind, SlotPadding};
use crate::region::named::{self, Access, Name};
use crate::region::{Expected, Plan, Region, Sealing};

use super::end::{End, EndKind};
use super::file::FileBuilder;
use super::{Channel, Ends};

/// Endpoints at a multi end, unless [`Builder::table_length`] says otherwise: 16 KiB of records. A guess.
const ENDPOINTS: u32 = 125;
/// The longest spin, unless [`Builder::spin_time`] says otherwise: over three wake-ups of a halted processor (25 to
/// 30 µs each, measured), since a budget below one is a trap.
const SPIN: Duration = Duration::from_micros(100);
/// The longest sleep between two looks after the dead, unless [`Builder::tick`] says otherwise. A guess: what a program
/// may take to notice a death, at next to no cost.
const TICK: Duration = Duration::from_secs(1);

/// The file mode of a named channel, unless [`Builder::mode`] says otherwise: for its user alone.
const MODE: u32 = 0o600;

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
    plan: Plan,
    sealing: Sealing,
    access: Access,
    ends: Ends<T, S, R>,
}

impl<T: Pod, S: End, R: End> Builder<T, S, R> {
    pub(super) fn new(capacity: usize) -> Self {
        Builder {
            plan: Plan {
                kind: Kind::of(<S as EndKind>::MULTI, <R as EndKind>::MULTI),
                capacity: capacity as u64,
                payload: PayloadLayout::of::<T>(),
                name: short_type_name::<T>(),
                padding: SlotPadding::Packed,
                endpoints: ENDPOINTS,
                fence_mode: None,
                spin_ns: SPIN.as_nanos() as u32,
                tick_ms: TICK.as_millis() as u32,
                max_bytes: None,
            },
            sealing: Sealing::Required,
            access: Access {
                mode: MODE,
                keep: false,
                others: false,
            },
            ends: PhantomData,
        }
    }

    /// How slots stand next to each other; [`SlotPadding::Packed`] unless said otherwise.
    pub fn slot_padding(mut self, padding: SlotPadding) -> Self {
        self.plan.padding = padding;
        self
    }

    /// The longest that an endpoint spins before it sleeps, up to 4.29 s; 100 µs unless said otherwise. It spins less
    /// where that has been in vain. [`Duration::ZERO`] never spins: right where both sides share one processor.
    pub fn spin_time(mut self, time: Duration) -> Self {
        self.plan.spin_ns = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        self
    }

    /// The longest that a sleeping endpoint goes without looking after dead peers, in whole milliseconds from 1; 1 s
    /// unless said otherwise. The first look comes after 50 ms (or `tick`, if that is less), each further one after
    /// twice as long.
    pub fn tick(mut self, tick: Duration) -> Self {
        self.plan.tick_ms = u32::try_from(tick.as_millis()).unwrap_or(u32::MAX).max(1);
        self
    }

    /// Who pays for the fence between a message and the look for sleepers. Unless said otherwise,
    /// [`FenceMode::Membarrier`] where this process may use it: then every process that attaches must be allowed to.
    pub fn fence_mode(mut self, mode: FenceMode) -> Self {
        self.plan.fence_mode = Some(mode);
        self
    }

    /// How many endpoints can be attached at once at the channel's multi ends together, 1 to 8,188; 125 unless said
    /// otherwise. Each takes 128 bytes.
    pub fn table_length(mut self, endpoints: u32) -> Self {
        self.plan.endpoints = endpoints;
        self
    }

    /// The most bytes that the channel may take. Unless said otherwise, half of the memory that is available now, to
    /// the machine or to this process's control group, whichever is less: shared memory counts against no quota, and
    /// what is reserved in excess ends in the out-of-memory killer.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.plan.max_bytes = Some(bytes);
        self
    }

    /// What the messages are, in place of the type's name: two programs share a channel only if they agree on it (and
    /// on size and alignment).
    pub fn schema(mut self, schema: &str) -> Self {
        self.plan.name = schema.to_owned();
        self
    }

    /// Lets [`from_fd`](Self::from_fd) open a channel whose memory is not sealed: another user's file, for instance, or a
    /// copy. (One of this user's that was made by a name or a [`path`](Self::path) needs no leave.) Whoever can open that
    /// file can truncate it, and this process is then killed by `SIGBUS` when it touches what is gone: say so only if all
    /// who can are trusted.
    pub fn allow_unsealed(mut self) -> Self {
        self.sealing = Sealing::Waived;
        self
    }

    /// Opens the channel in the file behind `fd`, as [`Channel::from_fd`] does. Its capacity and all else is what its
    /// creator has chosen; of what was chosen here [`schema`](Self::schema) and
    /// [`allow_unsealed`](Self::allow_unsealed) count.
    ///
    /// # Errors
    /// As for [`Channel::from_fd`].
    pub fn from_fd(self, fd: OwnedFd) -> Result<Channel<T, S, R>, AttachError> {
        Channel::attach(fd, &self.plan.name, self.sealing)
    }

    /// Makes the channel in memory without a name, for this process, its children and whoever is passed it.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit; nothing is left behind.
    pub fn anonymous(self) -> Result<Channel<T, S, R>, CreateError> {
        let region = Region::create(&self.plan)?;
        Ok(Channel::new(region, self.plan.name))
    }

    /// The file mode of a named channel: 0o600 unless said otherwise, and that at least; the umask does not matter. Who
    /// may write to the file can open the channel, with [`allow_other_users`](Self::allow_other_users), and can truncate
    /// it, which kills whoever uses it then.
    pub fn mode(mut self, mode: u32) -> Self {
        self.access.mode = mode;
        self
    }

    /// Nobody removes the name of a named channel but who asks for it, with [`unlink`](crate::unlink): not its creator,
    /// nor the last one out, nor [`gc`](crate::gc). For data that outlives its processes; the memory is not given back
    /// until the name goes, or the machine is restarted.
    pub fn keep_name(mut self) -> Self {
        self.access.keep = true;
        self
    }

    /// Opens a channel of another user's, too. That user can then read and change the messages, and kill this process by
    /// truncating the channel's file; and only that user, or root, can remove its name.
    pub fn allow_other_users(mut self) -> Self {
        self.access.others = true;
        self
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
        self.access.keep = true;
        FileBuilder::new(self, path.as_ref().to_owned())
    }

    pub(super) fn create_named(self, name: &Name) -> Result<Channel<T, S, R>, CreateError> {
        let region = named::create(name, &self.plan, self.access)?;
        Ok(Channel::new(region, self.plan.name))
    }

    pub(super) fn open_named(self, name: &Name, timeout: Option<Duration>) -> Result<Channel<T, S, R>, AttachError> {
        let expected = Expected {
            kind: self.plan.kind,
            payload: self.plan.payload,
            name: self.plan.name,
            sealing: self.sealing,
        };
        let region = named::open(name, &expected, self.access, timeout)?;
        Ok(Channel::new(region, expected.name))
    }

    pub(super) fn open_or_create_named(self, name: &Name) -> Result<Channel<T, S, R>, OpenOrCreateError> {
        let region = named::open_or_create(name, &self.plan, self.access)?;
        Ok(Channel::new(region, self.plan.name))
    }
}
