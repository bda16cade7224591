//! What does a user hold?
//!
//! [`Channel`] is the thing itself; [`Sender`] and [`Receiver`] are its ends; [`Seat`] is an end that will be. This room
//! puts the ring, the waiting and the kernel's word on who is alive together: `place` (which id, under which
//! locks), `endpoint` (what all endpoints share), `reaper` (what the dead have left), `sender` and `receiver` (the
//! operations), `builder`, `options`, `file`, `seat`, `pass` and [`fd`] (how to get there); [`blocks`] is the same for messages that stay
//! where they are, [`stream`] for what is no messages at all, [`frames`] for messages in that, and [`plain`] for what is not
//! sent.

pub mod blocks;
mod builder;
mod deadline;
mod end;
mod endpoint;
pub mod fd;
mod file;
pub mod frames;
mod lease;
mod observer;
mod options;
mod pass;
mod place;
pub mod plain;
mod reaper;
mod receiver;
mod seat;
mod sender;
mod stats;
pub mod stream;
mod taking;
mod waiting;

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::table::SeatState;
use crate::layout::{Kind, Role};
use crate::region::Region;
use crate::region::lock::LockFile;

pub use builder::Builder;
pub use end::{End, Multi, Single};
pub use file::FileBuilder;
pub use lease::Lease;
pub use observer::Observer;
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use seat::Seat;
pub use sender::Sender;
pub use stats::{EndpointStats, Rates, Stats};

use end::EndKind;
use options::Opened;
use place::Place;

/// What a channel carries, and between which ends, without holding any of it.
type Ends<T, S, R> = PhantomData<fn() -> (T, S, R)>;

/// A ring of messages of type `T` in shared memory, with a sending end `S` and a receiving end `R`.
///
/// Use it through [`spsc`](crate::spsc), [`mpsc`](crate::mpsc), [`spmc`](crate::spmc) or [`mpmc`](crate::mpmc), which
/// name the ends. The handle itself neither sends nor receives; it is what endpoints are made from, in this process,
/// in a forked child, or in a program that it is [passed to](Self::pass_to). While a process holds one, those who wait
/// for a first peer take it that one may still come from there.
pub struct Channel<T, S, R> {
    region: Arc<Region>,
    name: String,
    ends: Ends<T, S, R>,
}

impl<T: Pod, S: End, R: End> Channel<T, S, R> {
    fn of(opened: Opened) -> Self {
        opened.region.add_channel();
        Channel {
            region: opened.region,
            name: opened.schema,
            ends: PhantomData,
        }
    }

    /// A channel for at least `capacity` messages, in memory without a name.
    ///
    /// The capacity is rounded up to a power of two, from 1 to 2^32.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit.
    ///
    /// ```
    /// let channel = annulus::spsc::Channel::<u64>::anonymous(100)?;
    /// assert_eq!(channel.capacity(), 128);
    /// # Ok::<(), annulus::CreateError>(())
    /// ```
    pub fn anonymous(capacity: usize) -> Result<Self, CreateError> {
        Self::builder(capacity).anonymous()
    }

    /// A channel called `name`, for programs that find each other by it. It is this process's: when this handle and all
    /// endpoints made from it are dropped, or the process dies, the name goes, with whatever is unread in it; who has it
    /// open by then goes on.
    ///
    /// The name of a dead creator, and that of a drained channel that nobody has open, is taken over. A name has 1 to 200
    /// bytes, no slash and no zero, and dots only inside. The channel is the file `annulus.NAME` in /dev/shm.
    ///
    /// # Errors
    /// [`CreateError::NameTaken`], which says by whom, [`CreateError::Name`], and otherwise as for
    /// [`anonymous`](Self::anonymous); nothing is left behind.
    ///
    /// ```
    /// # let name = format!("doc-create-{}", std::process::id());
    /// use std::time::Duration;
    /// use annulus::spsc::Channel;
    ///
    /// let here = Channel::<u64>::create(&name, 64)?;
    /// let there = Channel::<u64>::open_timeout(&name, Duration::from_secs(1))?; // In another program, usually.
    /// here.sender()?.send(1)?;
    /// assert_eq!(there.receiver()?.recv(), Ok(1));
    /// drop((here, there));
    /// assert!(Channel::<u64>::open(&name).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(name: &str, capacity: usize) -> Result<Self, CreateError> {
        Self::builder(capacity).create(name)
    }

    /// The channel called `name`, which some process has [created](Self::create).
    ///
    /// # Errors
    /// [`AttachError::NotFound`], [`AttachError::Name`], [`AttachError::NoShm`], [`AttachError::NotAChannel`],
    /// [`AttachError::AnotherUser`], [`AttachError::Busy`] if another process has been removing it for a second, or a
    /// variant for what differs between the two programs' views of the channel.
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Self::builder(0).open(name)
    }

    /// [`open`](Self::open), but waits for up to `timeout` until there is a channel of that name: whoever is started
    /// first waits for the other. It is found within 5 ms of its creation.
    ///
    /// # Errors
    /// As for [`open`](Self::open): [`AttachError::NotFound`] if none has come in time.
    pub fn open_timeout(name: &str, timeout: Duration) -> Result<Self, AttachError> {
        Self::builder(0).open_timeout(name, timeout)
    }

    /// The channel called `name`: opened if there is one, otherwise made, for at least `capacity` messages. For programs
    /// of which either may be first, and that may be restarted one by one.
    ///
    /// It is nobody's in particular. Its name goes with the last one out if nothing is unread in it; what is unread waits
    /// under the name for the next receiver, however long ago its sender has left.
    ///
    /// # Errors
    /// [`OpenOrCreateError`]: as for [`open`](Self::open) or [`create`](Self::create), but the name is never taken.
    ///
    /// ```
    /// # let name = format!("doc-open-or-create-{}", std::process::id());
    /// use annulus::{RecvError, spsc::Channel};
    ///
    /// let tx = Channel::<u64>::open_or_create(&name, 64)?.sender()?;
    /// tx.send(1)?;
    /// drop(tx); // Nobody has it open now, but there is a message in it.
    /// let rx = Channel::<u64>::open_or_create(&name, 64)?.receiver()?;
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert_eq!(rx.recv(), Err(RecvError::Disconnected));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create(name: &str, capacity: usize) -> Result<Self, OpenOrCreateError> {
        Self::builder(capacity).open_or_create(name)
    }

    /// A channel with options.
    pub fn builder(capacity: usize) -> Builder<T, S, R> {
        Builder::new(capacity)
    }

    /// The channel that the parent has [passed](Self::pass_to) to this process as `name`. Once for each name, even if it
    /// fails.
    ///
    /// # Errors
    /// [`AttachError::NotPassed`], or a variant for what differs between the two programs' views of the channel.
    pub fn inherited(name: &str) -> Result<Self, AttachError> {
        Self::builder(0).inherited(name)
    }

    /// [`inherited`](Self::inherited), for a channel built with a [`schema`](Builder::schema).
    ///
    /// # Errors
    /// As for [`inherited`](Self::inherited).
    pub fn inherited_as(name: &str, schema: &str) -> Result<Self, AttachError> {
        Self::builder(0).schema(schema).inherited(name)
    }

    /// The channel in the file behind `fd`, which has come from elsewhere: over a socket ([`fd::receive_from`]), from a
    /// service manager, out of another program's table (pidfd_getfd(2)).
    ///
    /// Its memory must be sealed, or be in a file of this user's that was made to be a channel, by a name or a path. The
    /// file is opened again, through /proc, and `fd` is closed. If it says that somebody is present, as what comes
    /// from [`fd::send_over`] does, this process has said so too by then.
    ///
    /// # Errors
    /// [`AttachError::NotAFile`], [`AttachError::NotWritable`], [`AttachError::Empty`], [`AttachError::Truncated`],
    /// [`AttachError::NotARegion`] or [`AttachError::Unsealed`] if the file cannot be a channel's; a variant for what
    /// differs between the two programs' views of the channel; [`AttachError::NoProc`] or [`AttachError::Os`].
    ///
    /// ```
    /// use annulus::{AttachError, spsc::Channel};
    /// use std::os::fd::AsFd;
    ///
    /// let channel = Channel::<u64>::anonymous(16)?;
    /// let fd = channel.as_fd().try_clone_to_owned()?;
    /// let again = Channel::<u64>::from_fd(fd)?;
    /// channel.sender()?.send(7)?;
    /// assert_eq!(again.receiver()?.recv()?, 7);
    ///
    /// let directory = std::fs::File::open("/")?;
    /// let error = Channel::<u64>::from_fd(directory.into()).unwrap_err();
    /// assert!(matches!(error, AttachError::NotAFile { actual: "a directory" }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_fd(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::builder(0).from_fd(fd)
    }

    /// [`from_fd`](Self::from_fd), for a channel built with a [`schema`](Builder::schema).
    ///
    /// # Errors
    /// As for [`from_fd`](Self::from_fd).
    pub fn from_fd_as(fd: OwnedFd, schema: &str) -> Result<Self, AttachError> {
        Self::builder(0).schema(schema).from_fd(fd)
    }

    /// Lets the children of `command` open this channel with [`Channel::inherited`]`(name)`.
    ///
    /// Several channels may be passed under different names, and a command may be spawned more than once. `name` is 1
    /// to 64 letters, digits, `-`, `_` and `.`; it becomes part of an environment variable, so a later
    /// [`env_clear`](Command::env_clear) takes the channel away. As long as `command` lives, a first peer may still come from it: drop it
    /// when all children are started.
    ///
    /// # Errors
    /// [`AttachError::InvalidName`], [`AttachError::NoProc`] or [`AttachError::Os`].
    ///
    /// ```no_run
    /// use annulus::spsc::Channel;
    /// use std::process::Command;
    ///
    /// let prices = Channel::<f64>::anonymous(4096)?;
    /// let mut command = Command::new("analyser");
    /// prices.pass_to(&mut command, "prices")?;
    /// let child = command.spawn()?; // there: Channel::<f64>::inherited("prices")?.receiver()?
    /// let tx = prices.sender()?;
    /// tx.send(101.25)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pass_to(&self, command: &mut Command, name: &str) -> Result<(), AttachError> {
        pass::pass(self.region.file(), command, name)
    }

    /// A sender for this process.
    ///
    /// # Errors
    /// [`AttachError::AlreadyAttached`] at a single end that has a live sender, [`AttachError::TableFull`] at a multi
    /// end with no record left, [`AttachError::Busy`] if another process is stopped in mid-attach.
    pub fn sender(&self) -> Result<Sender<T, S>, AttachError> {
        Sender::new(self.place::<S>(Role::Sender)?)
    }

    /// A receiver for this process.
    ///
    /// # Errors
    /// As for [`sender`](Self::sender).
    pub fn receiver(&self) -> Result<Receiver<T, R>, AttachError> {
        Receiver::new(self.place::<R>(Role::Receiver)?)
    }

    fn place<E: EndKind>(&self, role: Role) -> Result<Place, AttachError> {
        let region = Arc::clone(&self.region);
        region.renew_presence()?;
        let locks = LockFile::open(region.file())?;
        Place::take(region, locks, role, E::only(role), SeatState::None)
    }

    /// A sender for a child that is yet to be forked.
    ///
    /// # Errors
    /// As for [`sender`](Self::sender).
    pub fn reserve_sender(&self) -> Result<Seat<Sender<T, S>>, AttachError> {
        Seat::reserve(
            Arc::clone(&self.region),
            Role::Sender,
            <S as EndKind>::only(Role::Sender),
        )
    }

    /// A receiver for a child that is yet to be forked.
    ///
    /// # Errors
    /// As for [`sender`](Self::sender).
    pub fn reserve_receiver(&self) -> Result<Seat<Receiver<T, R>>, AttachError> {
        Seat::reserve(
            Arc::clone(&self.region),
            Role::Receiver,
            <R as EndKind>::only(Role::Receiver),
        )
    }

    /// Repairs what dead endpoints have left, now; how many slots. Endpoints do this by themselves, while they wait and
    /// when they attach: this is for a supervisor that knows of a death before them.
    ///
    /// # Errors
    /// [`AttachError::Corrupt`], [`AttachError::NoProc`] or [`AttachError::Os`].
    pub fn recover(&self) -> Result<usize, AttachError> {
        let locks = LockFile::open(self.region.file())?;
        let reaped = reaper::reap_the_dead(&self.region, &self.region.contents(), &locks, None, false)?;
        Ok(reaped.slots as usize)
    }

    /// What is in the channel now, who is attached, and what they have done. An [`Observer`] sees the same from outside.
    ///
    /// # Errors
    /// As for [`Observer::stats`].
    ///
    /// ```
    /// use annulus::spsc::Channel;
    ///
    /// let channel = Channel::<u64>::anonymous(64)?;
    /// let tx = channel.sender()?;
    /// tx.send_many(&[1, 2])?;
    /// let stats = channel.stats()?;
    /// assert_eq!((stats.len, stats.endpoints.len(), stats.endpoints[0].messages), (2, 1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Result<Stats, AttachError> {
        Stats::of(self.region.view(), Self::kind(), self.region.file())
    }

    /// Messages that the ring holds when it is full: a power of two.
    pub fn capacity(&self) -> usize {
        self.region.geometry().laps.capacity() as usize
    }

    /// Which ends admit many.
    pub const fn kind() -> Kind {
        Kind::of(<S as EndKind>::MULTI, <R as EndKind>::MULTI)
    }
}

impl<T, S, R> AsFd for Channel<T, S, R> {
    /// The region's file. It is sealed, so that it can be neither shrunk nor grown, unless the channel has a name or was
    /// [allowed](Builder::allow_unsealed) to be unsealed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.region.file()
    }
}

impl<T, S, R> Drop for Channel<T, S, R> {
    fn drop(&mut self) {
        self.region.drop_channel();
    }
}

impl<T, S, R> fmt::Debug for Channel<T, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("payload", &self.name)
            .field("capacity", &self.region.geometry().laps.capacity())
            .finish_non_exhaustive()
    }
}

/// What senders and receivers say of the ring alike.
macro_rules! common_methods {
    ($Endpoint:ident) => {
        impl<T: Pod, E: End> $Endpoint<T, E> {
            /// Messages that the ring holds when it is full: a power of two.
            pub fn capacity(&self) -> usize {
                self.ring().laps().capacity() as usize
            }

            /// Messages between the next one to receive and the next one to send, 0 to [`capacity`](Self::capacity). It may
            /// be out of date before it is returned.
            ///
            /// That is the messages in the ring, but for three things. Gaps left by dead senders count until receivers
            /// have passed them. At an end with many receivers, messages that are being copied out or are on lease do not
            /// count, nor those that have come back until they are received again. At one with a single receiver, nothing
            /// behind the oldest message that it has on lease is done with: all of it counts.
            pub fn len(&self) -> usize {
                self.ring().len() as usize
            }

            /// The ring holds no message: as stale as [`len`](Self::len).
            pub fn is_empty(&self) -> bool {
                self.ring().len() == 0
            }

            /// A sender would find no place: as stale as [`len`](Self::len). To a single sender, `false` stays true
            /// until it sends.
            pub fn is_full(&self) -> bool {
                self.ring().is_full()
            }
        }

        impl<T: Pod, E: End> fmt::Debug for $Endpoint<T, E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Endpoint))
                    .field("id", &self.endpoint.owner())
                    .field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .finish_non_exhaustive()
            }
        }
    };
}
use common_methods;
