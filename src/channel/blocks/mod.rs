//! Messages of any size that stay where they are: filled in place by a sender, read in place by a receiver.
//!
//! A [`Channel`] is a pool of blocks in memory that several processes map. A sender takes a block on [`Loan`], writes in
//! it for as long as it likes, and sends it; a receiver gets a [`Block`], reads in it for as long as it likes, and drops
//! it. What goes from one process to the other is a word: a message of 500 MB takes no longer than one of 64 bytes.
//!
//! ```
//! use annulus::blocks::Channel;
//!
//! let frames = Channel::<[f32]>::anonymous(4, 640 * 480)?; // 4 blocks of so many items.
//! let (tx, rx) = (frames.sender()?, frames.receiver()?);
//!
//! let mut frame = tx.loan(640 * 480)?; // Zeroed, in shared memory.
//! frame[0] = 0.5;
//! frame.send()?;
//!
//! let frame = rx.recv()?; // The same bytes, mapped here.
//! assert_eq!((frame.len(), frame[0]), (640 * 480, 0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each message may have a header of its own: a shape, a timestamp, anything small that is [`Pod`].
//!
//! ```
//! use annulus::blocks::Channel;
//!
//! let images = Channel::<[u8], [u32; 2]>::anonymous(2, 4 << 20)?;
//! let (tx, rx) = (images.sender()?, images.receiver()?);
//! let mut image = tx.loan_uninit(640 * 480)?.fill_with(|pixel| pixel as u8);
//! image.set_header([640, 480]);
//! image.send()?;
//! let image = rx.recv()?;
//! assert_eq!(*image.header(), [640, 480]);
//! assert!(image.iter().enumerate().all(|(pixel, &value)| value == pixel as u8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A channel of blocks is made, named, [passed](Channel::pass_to), inherited and left like a ring ([the crate's
//! docs](crate)); there are as many senders and receivers as there are records for, each message goes to one receiver, and
//! the order is that in which they were *sent*, not that of the loans.
//!
//! # Who holds up whom
//! Nobody. A process that is slow, stopped or dead with a block in its hands, on either side, keeps that block from the
//! others, and nothing else: the messages of others pass it by. All operations are lock-free whoever is stopped.
//!
//! A block is in use from the loan until the receiver's drop. When all are, [`Sender::loan`] waits and
//! [`Sender::try_loan`] says [`TryLoanError::Exhausted`], which names who has them. So there should be a block for each that a
//! sender fills at a time, one for each that a receiver keeps, and as many as may lie between. Sending waits for nothing:
//! whoever has a block has a place.
//!
//! `Empty` is exact: a message whose `send` has returned is there. `Exhausted` is exact unless another sender took a block
//! during the call.
//!
//! # What is guaranteed when processes die
//! | killed | its blocks | the others |
//! |---|---|---|
//! | sender, with a loan, before `send` has published it | are free again | never see the message |
//! | sender, after that | are delivered | |
//! | receiver, with a message that it has received | are delivered to another, out of order: [`Block::redelivered`] | lose nothing |
//! | receiver, the same, when the others have been told of the end of the stream | wait for a receiver that asks again, or attaches | have been told that nothing is left: nobody waits for what a living process has in hand |
//! | receiver, after the drop of the [`Block`] | are free | |
//! | last sender | | get what is there, then [`RecvError::Disconnected`](crate::RecvError::Disconnected) |
//! | last receiver | | [`LoanError::Disconnected`], [`SendError::Disconnected`](crate::SendError::Disconnected) |
//!
//! So while nobody dies every message is delivered exactly once, and after a death at least once, as long as somebody
//! receives: what a dead receiver had not dropped comes again. The deaths are noticed as in a ring: by those who wait,
//! those who find nothing, those who attach, and a receiver that always finds something looks once in 1,024 messages.
//!
//! # Trust
//! A [`Block`] lends a shared reference to memory that the sender's process, and every other that has the channel, can
//! still write to. Peers that follow the protocol do not: that is what makes the reference sound, and the compiler cannot
//! check it for another process. One that is buggy or hostile can change the items while they are read, which is outside
//! Rust's memory model; in practice what is read is wrong, or of two minds. So with a peer that is not trusted to follow the
//! protocol, copy the items out first ([`slice::to_vec`]) and check the copy. Nothing else depends on such a peer's
//! goodwill: lengths and block numbers are checked before they are used, items are of types without bad values, and a
//! word that the protocol cannot have stored is answered with `Corrupt`, as in a ring.
//!
//! # Memory
//! Items are aligned to 64 bytes, or to more with [`Builder::align`]. A block takes what its items take, and one more
//! alignment for its word, its length and its header. All of it is allocated, and zero, when the channel is made; what is
//! left is for each process to map it, page by page as it is touched, or at once with [`Builder::populate`].

mod block;
mod builder;
mod cursor;
mod error;
mod holders;
mod loan;
mod receiver;
mod sender;

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
use crate::region::items::Items;
use crate::region::lock::LockFile;
use crate::sync::AtomicU32;

use super::endpoint::{Endpoint, Gate};
use super::options::Opened;
use super::place::Place;
use super::{Seat, Stats, pass, reaper};
use crate::pool::Pool;

pub use block::Block;
pub use builder::Builder;
pub use error::{LoanError, LoanTimeoutError, TryLoanError};
pub use holders::{Holder, Holders};
pub use loan::{Loan, UninitLoan};
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::Sender;

/// What the messages of a channel are: `[T]`, items one after the other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the message of a channel of blocks",
    note = "messages are slices of `Pod` items: `Channel::<[u8]>`"
)]
#[expect(private_bounds, reason = "sealed: there may be others one day")]
pub trait Message: OfItems {}
impl<T: Pod> Message for [T] {}

/// What the items of a message are.
pub(crate) trait OfItems {
    type Item: Pod;
}

impl<T: Pod> OfItems for [T] {
    type Item = T;
}

/// What a channel carries, without holding any of it.
type Carries<M, H> = PhantomData<(fn(&M), fn() -> H)>;

/// A pool of blocks in shared memory, for messages `M` (`[T]`) with headers `H` (none unless said otherwise).
///
/// The handle itself neither sends nor receives; it is what endpoints are made from, in this process, in a forked child, or
/// in a program that it is [passed to](Self::pass_to). While a process holds one, those who wait for a first peer take it
/// that one may still come from there.
pub struct Channel<M: Message + ?Sized, H: Pod = ()> {
    region: Arc<Region>,
    schema: String,
    carries: Carries<M, H>,
}

impl<T: Pod, H: Pod> Channel<[T], H> {
    fn of(opened: Opened) -> Self {
        opened.region.add_channel();
        Channel {
            region: opened.region,
            schema: opened.schema,
            carries: PhantomData,
        }
    }

    /// A channel of `blocks` blocks, each with room for `length` items of `T` at least, in memory without a name.
    ///
    /// There are 1 to 65,536 blocks.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit.
    pub fn anonymous(blocks: usize, length: usize) -> Result<Self, CreateError> {
        Self::builder(blocks, length).anonymous()
    }

    /// A channel called `name`, for programs that find each other by it; as [`Channel::create`](crate::Channel::create).
    ///
    /// # Errors
    /// [`CreateError::NameTaken`], which says by whom, [`CreateError::Name`], and otherwise as for
    /// [`anonymous`](Self::anonymous); nothing is left behind.
    pub fn create(name: &str, blocks: usize, length: usize) -> Result<Self, CreateError> {
        Self::builder(blocks, length).create(name)
    }

    /// The channel called `name`, which some process has [created](Self::create); as
    /// [`Channel::open`](crate::Channel::open).
    ///
    /// # Errors
    /// As for [`Channel::open`](crate::Channel::open).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Self::builder(0, 0).open(name)
    }

    /// [`open`](Self::open), but waits for up to `timeout` until there is a channel of that name.
    ///
    /// # Errors
    /// As for [`open`](Self::open): [`AttachError::NotFound`] if none has come in time.
    pub fn open_timeout(name: &str, timeout: Duration) -> Result<Self, AttachError> {
        Self::builder(0, 0).open_timeout(name, timeout)
    }

    /// The channel called `name`: opened if there is one, otherwise made; as
    /// [`Channel::open_or_create`](crate::Channel::open_or_create). One that is opened has as many blocks, and as long ones,
    /// as its maker has chosen: [`blocks`](Self::blocks), [`block_len`](Self::block_len).
    ///
    /// # Errors
    /// [`OpenOrCreateError`]: as for [`open`](Self::open) or [`create`](Self::create), but the name is never taken.
    pub fn open_or_create(name: &str, blocks: usize, length: usize) -> Result<Self, OpenOrCreateError> {
        Self::builder(blocks, length).open_or_create(name)
    }

    /// A channel with options.
    pub fn builder(blocks: usize, length: usize) -> Builder<[T], H> {
        Builder::new(blocks, length)
    }

    /// The channel that the parent has [passed](Self::pass_to) to this process as `name`. Once for each name, even if it
    /// fails.
    ///
    /// # Errors
    /// [`AttachError::NotPassed`], or a variant for what differs between the two programs' views of the channel.
    pub fn inherited(name: &str) -> Result<Self, AttachError> {
        Self::builder(0, 0).inherited(name)
    }

    /// The channel in the file behind `fd`, which has come from elsewhere; as [`Channel::from_fd`](crate::Channel::from_fd).
    ///
    /// # Errors
    /// As for [`Channel::from_fd`](crate::Channel::from_fd).
    pub fn from_fd(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::builder(0, 0).from_fd(fd)
    }

    /// Lets the children of `command` open this channel with [`inherited`](Self::inherited)`(name)`; as
    /// [`Channel::pass_to`](crate::Channel::pass_to).
    ///
    /// # Errors
    /// [`AttachError::InvalidName`], [`AttachError::NoProc`] or [`AttachError::Os`].
    pub fn pass_to(&self, command: &mut Command, name: &str) -> Result<(), AttachError> {
        pass::pass(self.region.file(), command, name)
    }

    /// A sender for this process.
    ///
    /// # Errors
    /// [`AttachError::TableFull`] with no record left, [`AttachError::Busy`] if another process is stopped in mid-attach.
    pub fn sender(&self) -> Result<Sender<[T], H>, AttachError> {
        Sender::new(self.place(Role::Sender)?)
    }

    /// A receiver for this process.
    ///
    /// # Errors
    /// As for [`sender`](Self::sender).
    pub fn receiver(&self) -> Result<Receiver<[T], H>, AttachError> {
        Receiver::new(self.place(Role::Receiver)?)
    }

    fn place(&self, role: Role) -> Result<Place, AttachError> {
        let region = Arc::clone(&self.region);
        region.renew_presence()?;
        let locks = LockFile::open(region.file())?;
        Place::take(region, locks, role, None, SeatState::None)
    }

    /// A sender for a child that is yet to be forked.
    ///
    /// # Errors
    /// As for [`sender`](Self::sender).
    pub fn reserve_sender(&self) -> Result<Seat<Sender<[T], H>>, AttachError> {
        Seat::reserve(Arc::clone(&self.region), Role::Sender, None)
    }

    /// A receiver for a child that is yet to be forked.
    ///
    /// # Errors
    /// As for [`sender`](Self::sender).
    pub fn reserve_receiver(&self) -> Result<Seat<Receiver<[T], H>>, AttachError> {
        Seat::reserve(Arc::clone(&self.region), Role::Receiver, None)
    }

    /// Repairs what dead endpoints have left, now; how many blocks. Endpoints do this by themselves: this is for a
    /// supervisor that knows of a death before them.
    ///
    /// # Errors
    /// [`AttachError::Corrupt`], [`AttachError::NoProc`] or [`AttachError::Os`].
    pub fn recover(&self) -> Result<usize, AttachError> {
        let locks = LockFile::open(self.region.file())?;
        let reaped = reaper::reap_the_dead(&self.region, &self.region.contents(), &locks, None, false)?;
        Ok(reaped.slots as usize)
    }

    /// What is in the channel now, who is attached, and what they have done. [`len`](Stats::len) is of the messages that
    /// nobody has received. An [`Observer`](crate::Observer) sees the same from outside.
    ///
    /// # Errors
    /// As for [`Observer::stats`](crate::Observer::stats).
    pub fn stats(&self) -> Result<Stats, AttachError> {
        Stats::of(self.region.view(), Kind::Blocks, self.region.file())
    }

    /// Who has the blocks now.
    pub fn holders(&self) -> Holders {
        Holders::of(&self.region)
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.region.geometry().capacity() as usize
    }

    /// Items that a block has room for: what was asked for when the channel was made, or a few more.
    pub fn block_len(&self) -> usize {
        let (_, _, room) = self.region.view().items();
        room / size_of::<T>()
    }
}

impl<M: Message + ?Sized, H: Pod> Channel<M, H> {
    pub(super) fn region(&self) -> &Region {
        &self.region
    }
}

impl<M: Message + ?Sized, H: Pod> AsFd for Channel<M, H> {
    /// The region's file, sealed unless the channel has a name.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.region.file()
    }
}

impl<M: Message + ?Sized, H: Pod> Drop for Channel<M, H> {
    fn drop(&mut self) {
        self.region.drop_channel();
    }
}

impl<M: Message + ?Sized, H: Pod> fmt::Debug for Channel<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("message", &self.schema)
            .field("blocks", &self.region.geometry().capacity())
            .field("block_len", &(self.region.view().items().2 / size_of::<M::Item>()))
            .finish_non_exhaustive()
    }
}

/// What an endpoint, its loans and its blocks share: it stays attached until the last of them is gone.
struct Attached<T, H> {
    // Dropped in this order: locks and records before what keeps the region.
    endpoint: Endpoint,
    gate: Gate,
    pool: Pool<H>,
    items: Items<T>,
    /// Messages received so far, and how many there were when a receiver last looked after the dead in passing.
    received: AtomicU32,
    looked_at: AtomicU32,
}

impl<T: Pod, H: Pod> Attached<T, H> {
    fn new(place: Place) -> Result<Arc<Self>, AttachError> {
        let region = Arc::clone(&place.region);
        let pool = region.pool();
        let endpoint = Endpoint::new(place)?;
        Ok(Arc::new(Attached {
            gate: endpoint.gate(),
            endpoint,
            pool,
            items: Items::new(&region),
            received: AtomicU32::new(0),
            looked_at: AtomicU32::new(0),
        }))
    }

    /// After a message has been published: tells a receiver.
    #[inline(always)]
    fn tell_a_receiver(&self) {
        self.tell(Role::Sender);
    }

    /// After a block has been freed: tells a sender.
    #[inline(always)]
    fn tell_a_sender(&self) {
        self.tell(Role::Receiver);
    }

    /// As one of the other end would. Nobody passes a wake-up on: each message and each block has one of its own.
    #[inline(always)]
    fn tell(&self, role: Role) {
        let nothing_more: Option<fn() -> bool> = None;
        self.gate.tell(&self.endpoint, self.pool.lines(), 1, role, nothing_more);
    }

    /// Nothing has happened that should be attended to first.
    #[inline(always)]
    fn unremarkable(&self) -> bool {
        self.gate.unremarkable(&self.pool.lines().life.0)
    }
}
