//! Bytes and samples that follow each other, from one writer to one reader: what a pipe does, at memory speed.
//!
//! A [`Channel`] is a stretch of elements in memory that both processes map, twice, the second time right behind the first:
//! so whatever is to be written or read next is one slice, however it lies. The writer fills its chunk in place and commits it,
//! the reader reads its own in place and consumes it; nothing is copied in between.
//!
//! ```
//! use annulus::stream::Channel;
//!
//! let samples = Channel::<f32>::anonymous(4096)?;
//! let (mut tx, mut rx) = (samples.writer()?, samples.reader()?);
//!
//! let mut chunk = tx.write_chunk(480)?; // In shared memory.
//! chunk.fill(0.5);
//! chunk.commit(240); // So many, all at once. The rest was never written.
//!
//! let chunk = rx.read_chunk(240)?; // The same bytes, mapped here.
//! assert!(chunk.iter().all(|&sample| sample == 0.5));
//! chunk.consume_all();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Streams of bytes are what [`std::io`] works with: [`Read`](std::io::Read), [`BufRead`](std::io::BufRead) (whose buffer is the
//! stream itself) and [`Write`](std::io::Write).
//!
//! ```
//! use annulus::stream::Channel;
//! use std::io::{BufRead, Write};
//!
//! let log = Channel::<u8>::anonymous(64 * 1024)?;
//! let (mut tx, rx) = (log.writer()?, log.reader()?);
//! writeln!(tx, "hello")?;
//! writeln!(tx, "world")?;
//! drop(tx);
//! assert_eq!(rx.lines().collect::<Result<Vec<_>, _>>()?, ["hello", "world"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A stream is made, named, [passed](Channel::pass_to), inherited and left like a ring ([the crate's docs](crate)). Elements are
//! [`Pod`] whose size divides a page, 4,096 bytes: all powers of two up to that. The capacity is rounded up to a power of two and
//! to whole pages: [`Channel::capacity`] says what it is.
//!
//! # How large
//! [`DEFAULT_BYTES`], unless there is a reason: the lines that the writer fills have left its own caches by the time that the
//! reader reads them, and are still in the one that both share. Smaller streams were measured at a fourth of that speed.
//!
//! # Who waits for whom
//! All operations that do not wait are wait-free, whoever is stopped or dead. `Empty` and `Full` are exact.
//!
//! A writer that has gone to sleep because the stream is full is woken when a quarter of it is free (or as much as it waits for,
//! if that is more), or when the reader finds too little to go on, or looks again at what it has found before: not for each
//! element that is read. Otherwise it finds out by itself, within 50 ms. A reader that sleeps is woken when there is as much as
//! it waits for. Two that wait for chunks which together are longer than the stream wait for each other, for ever.
//!
//! # What is guaranteed when processes die
//! | killed | its elements | the other end |
//! |---|---|---|
//! | writer, with a chunk that it has not committed | were never written | reads what is there, then the end; or what the next writer writes from that element on |
//! | writer, in a commit | all of the chunk, or none of it | the same |
//! | writer, in [`write_all`](Writer::write_all) | are there up to some element | the same |
//! | reader, with a chunk that it has not consumed | are still there, for the next reader, from the first of them on | waits for room, then [`WriteError::Disconnected`] |
//! | reader, in or after consuming them | die with it | the same |
//!
//! So elements read in place and consumed once they have been dealt with are dealt with at least once; those that are copied
//! out, by [`read_exact`](Reader::read_exact) and its like, are consumed as they are copied.
//!
//! The end of the stream is a pipe's: the reader gets what is left and then [`ReadError::Disconnected`], 0 bytes for
//! [`Read`](std::io::Read), when no writer is left; the writer [`WriteError::Disconnected`],
//! [`BrokenPipe`](std::io::ErrorKind::BrokenPipe), when no reader is. Deaths are noticed by those who wait, at their ticks.
//!
//! # Fork
//! An end belongs to the process that attached it; in a forked child its copy answers `WrongProcess`. A chunk that is held over a
//! fork is the parent's, too: to commit or consume it in the child does nothing, and its elements must not be touched there.
//!
//! # Trust
//! A [`ReadChunk`] lends a shared reference to memory that the writer's process can still write to, and a [`WriteChunk`] a
//! mutable one to memory that the reader's process can. Peers that follow the protocol do not: that is what makes the
//! references sound, and the compiler cannot check it for another process. One that is buggy or hostile can change elements
//! while they are read, which is outside Rust's memory model; in practice what is read is wrong, or of two minds. So with a peer
//! that is not trusted to follow the protocol, copy the elements out first ([`Reader::read_some`]) and check the copy. Nothing
//! else depends on such a peer's goodwill: a cursor that cannot be is answered with `Corrupt`, and elements are of types
//! without bad values.

mod attached;
mod builder;
mod duplex;
mod error;
mod io;
mod reader;
mod writer;

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::table::SeatState;
use crate::layout::{Kind, Owner, Role};
use crate::region::Region;
use crate::region::lock::LockFile;

use super::end::{EndKind, Single};
use super::options::Opened;
use super::place::Place;
use super::{Seat, Stats, pass};

use attached::Attached;

pub use builder::Builder;
pub use duplex::{Duplex, DuplexEnd, DuplexSeat, FramedDuplex, duplex};
pub use error::{
    ReadError, ReadExactError, ReadTimeoutError, TryReadError, TryWriteError, WriteAllError, WriteError,
    WriteTimeoutError,
};
pub use reader::{ReadChunk, Reader};
pub use writer::{WriteChunk, Writer};

/// How large a stream should be unless there is a reason for another size, in bytes. Measured: `benches/NOTES.md`.
pub const DEFAULT_BYTES: usize = 4 << 20;

/// A stream of elements `T` in shared memory, for one writer and one reader.
///
/// The handle itself neither reads nor writes; it is what the two ends are made from, in this process, in a forked child, or
/// in a program that it is [passed to](Self::pass_to). While a process holds one, those who wait for a first peer take it
/// that one may still come from there.
pub struct Channel<T: Pod> {
    region: Arc<Region>,
    schema: String,
    element: PhantomData<fn() -> T>,
}

impl<T: Pod> Channel<T> {
    fn of(opened: Opened) -> Self {
        opened.region.add_channel();
        Channel {
            region: opened.region,
            schema: opened.schema,
            element: PhantomData,
        }
    }

    /// Another handle of this process's.
    fn again(&self) -> Self {
        self.region.add_channel();
        Channel {
            region: Arc::clone(&self.region),
            schema: self.schema.clone(),
            element: PhantomData,
        }
    }

    /// What it is in.
    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    /// A stream for at least `capacity` elements, 1 to 2^32, in memory without a name.
    ///
    /// # Errors
    /// [`CreateError`], a variant for each limit: [`CreateError::ElementSize`] for elements that do not fill pages.
    ///
    /// ```
    /// use annulus::stream::Channel;
    /// use annulus::CreateError;
    ///
    /// assert_eq!(Channel::<u8>::anonymous(10_000)?.capacity(), 16_384);
    /// assert!(matches!(
    ///     Channel::<[u8; 12]>::anonymous(4096),
    ///     Err(CreateError::ElementSize { size: 12, .. })
    /// ));
    /// # Ok::<(), CreateError>(())
    /// ```
    pub fn anonymous(capacity: usize) -> Result<Self, CreateError> {
        Self::builder(capacity).anonymous()
    }

    /// A stream called `name`, for programs that find each other by it; as [`Channel::create`](crate::Channel::create).
    ///
    /// # Errors
    /// [`CreateError::NameTaken`], which says by whom, [`CreateError::Name`], and otherwise as for
    /// [`anonymous`](Self::anonymous); nothing is left behind.
    pub fn create(name: &str, capacity: usize) -> Result<Self, CreateError> {
        Self::builder(capacity).create(name)
    }

    /// The stream called `name`, which some process has [created](Self::create); as
    /// [`Channel::open`](crate::Channel::open).
    ///
    /// # Errors
    /// As for [`Channel::open`](crate::Channel::open).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Self::builder(0).open(name)
    }

    /// [`open`](Self::open), but waits for up to `timeout` until there is a stream of that name.
    ///
    /// # Errors
    /// As for [`open`](Self::open): [`AttachError::NotFound`] if none has come in time.
    pub fn open_timeout(name: &str, timeout: Duration) -> Result<Self, AttachError> {
        Self::builder(0).open_timeout(name, timeout)
    }

    /// The stream called `name`: opened if there is one, otherwise made; as
    /// [`Channel::open_or_create`](crate::Channel::open_or_create). One that is opened holds as much as its maker has chosen.
    ///
    /// # Errors
    /// [`OpenOrCreateError`]: as for [`open`](Self::open) or [`create`](Self::create), but the name is never taken.
    pub fn open_or_create(name: &str, capacity: usize) -> Result<Self, OpenOrCreateError> {
        Self::builder(capacity).open_or_create(name)
    }

    /// A stream with options.
    pub fn builder(capacity: usize) -> Builder<T> {
        Builder::new(capacity)
    }

    /// The stream that the parent has [passed](Self::pass_to) to this process as `name`. Once for each name, even if it fails.
    ///
    /// # Errors
    /// [`AttachError::NotPassed`], or a variant for what differs between the two programs' views of the stream.
    pub fn inherited(name: &str) -> Result<Self, AttachError> {
        Self::builder(0).inherited(name)
    }

    /// The stream in the file behind `fd`, which has come from elsewhere; as [`Channel::from_fd`](crate::Channel::from_fd).
    ///
    /// # Errors
    /// As for [`Channel::from_fd`](crate::Channel::from_fd).
    pub fn from_fd(fd: OwnedFd) -> Result<Self, AttachError> {
        Self::builder(0).from_fd(fd)
    }

    /// Lets the children of `command` open this stream with [`inherited`](Self::inherited)`(name)`; as
    /// [`Channel::pass_to`](crate::Channel::pass_to).
    ///
    /// # Errors
    /// [`AttachError::InvalidName`], [`AttachError::NoProc`] or [`AttachError::Os`].
    pub fn pass_to(&self, command: &mut Command, name: &str) -> Result<(), AttachError> {
        pass::pass(self.region.file(), command, name)
    }

    /// The writing end, for this process.
    ///
    /// # Errors
    /// [`AttachError::AlreadyAttached`] while another writer lives, [`AttachError::Busy`] if another process is stopped in
    /// mid-attach.
    pub fn writer(&self) -> Result<Writer<T>, AttachError> {
        Writer::new(self.place(Role::Sender)?)
    }

    /// The reading end, for this process.
    ///
    /// # Errors
    /// As for [`writer`](Self::writer).
    pub fn reader(&self) -> Result<Reader<T>, AttachError> {
        Reader::new(self.place(Role::Receiver)?)
    }

    fn place(&self, role: Role) -> Result<Place, AttachError> {
        let region = Arc::clone(&self.region);
        region.renew_presence()?;
        let locks = LockFile::open(region.file())?;
        Place::take(region, locks, role, only(role), SeatState::None)
    }

    /// The writing end, for a child that is yet to be forked.
    ///
    /// # Errors
    /// As for [`writer`](Self::writer).
    pub fn reserve_writer(&self) -> Result<Seat<Writer<T>>, AttachError> {
        Seat::reserve(Arc::clone(&self.region), Role::Sender, only(Role::Sender))
    }

    /// The reading end, for a child that is yet to be forked.
    ///
    /// # Errors
    /// As for [`writer`](Self::writer).
    pub fn reserve_reader(&self) -> Result<Seat<Reader<T>>, AttachError> {
        Seat::reserve(Arc::clone(&self.region), Role::Receiver, only(Role::Receiver))
    }

    /// What is in the stream now, in elements, who is attached (the writer is the sender, the reader the receiver), and what
    /// they have done. An [`Observer`](crate::Observer) sees the same from outside.
    ///
    /// # Errors
    /// As for [`Observer::stats`](crate::Observer::stats).
    pub fn stats(&self) -> Result<Stats, AttachError> {
        Stats::of(self.region.view(), Kind::Stream, self.region.file())
    }

    /// Elements that the stream holds: a power of two.
    pub fn capacity(&self) -> usize {
        self.region.geometry().capacity() as usize
    }
}

/// There is one writer and one reader.
fn only(role: Role) -> Option<Owner> {
    <Single as EndKind>::only(role)
}

impl<T: Pod> AsFd for Channel<T> {
    /// The region's file, sealed unless the stream has a name.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.region.file()
    }
}

impl<T: Pod> Drop for Channel<T> {
    fn drop(&mut self) {
        self.region.drop_channel();
    }
}

impl<T: Pod> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("element", &self.schema)
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// Elements that are copied in or out at a time, so that the other end can go on meanwhile: an eighth of a stream, as far as a
/// page's worth of bytes is no more than that.
fn piece(capacity: usize) -> usize {
    (capacity / 8).max(1)
}
