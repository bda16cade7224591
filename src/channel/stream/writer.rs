//! How is a stream written to, and what does the writer do when there is no room?

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::AttachError;
use crate::region::elements::Elements;
use crate::span::{Free, WriteEnd};

use super::super::deadline;
use super::super::endpoint::{Attended, NoneYet, Refusal};
use super::super::place::Place;
use super::super::seat::Seat;
use super::super::waiting::{self, Look};
use super::{Attached, TryWriteError, WriteAllError, WriteError, WriteTimeoutError, piece};

/// A writer that waits for more room than it needs looks by itself once in so many nanoseconds: the reader may have made as much
/// as it needs, and be waiting for something else of it. As long as a first tick.
const LOW_WATER_SLEEP: u64 = 50_000_000;

/// The writing end of a stream.
///
/// Made by [`Channel::writer`](super::Channel::writer) or from a [`Seat`]; there is one at a time. Dropping it is the end of
/// the stream, once the reader has read what is there. For bytes it is an [`io::Write`](std::io::Write).
///
/// After a fork the child's copy answers [`WriteError::WrongProcess`].
pub struct Writer<T: Pod> {
    // Dropped in this order: locks and records before what keeps the region.
    attached: Attached,
    end: WriteEnd,
    elements: Elements<T>,
}

impl<T: Pod> Writer<T> {
    pub(super) fn new(place: Place) -> Result<Self, AttachError> {
        let region = Arc::clone(&place.region);
        let end = WriteEnd::new(region.span())?;
        Ok(Writer {
            attached: Attached::new(place)?,
            end,
            elements: Elements::new(&region),
        })
    }

    /// Room for exactly `len` elements, in one piece, waiting until there is so much.
    ///
    /// It is shared memory: in it is what was written a capacity ago, or zeros. Fill it, then [`commit`](WriteChunk::commit)
    /// as much of it as is to be read; what is not committed was never written.
    ///
    /// A reader that waits for a chunk of its own gets no more than this leaves: two that wait for chunks which together are
    /// longer than the stream wait for each other.
    ///
    /// # Errors
    /// - [`WriteError::TooLong`]: more than the stream holds.
    /// - [`WriteError::Disconnected`]: no reader is left (one had been there), or the stream is closed.
    /// - [`WriteError::Corrupt`]: the shared memory was overwritten; give the stream up.
    /// - [`WriteError::WrongProcess`]: this is a forked child's copy.
    #[inline]
    pub fn write_chunk(&mut self, len: usize) -> Result<WriteChunk<'_, T>, WriteError> {
        self.fits(len)?;
        self.wait_for(len, None).map_err(Refusal::into_write)?;
        Ok(self.chunk(len))
    }

    /// The same if there is so much room now.
    ///
    /// # Errors
    /// [`TryWriteError::Full`], otherwise as [`write_chunk`](Self::write_chunk). Full is exact.
    #[inline]
    pub fn try_write_chunk(&mut self, len: usize) -> Result<WriteChunk<'_, T>, TryWriteError> {
        self.fits(len)?;
        match self.try_for(len) {
            Ok(_) => Ok(self.chunk(len)),
            Err(Refusal::Blocked) => Err(TryWriteError::Full),
            Err(refusal) => Err(refusal.into_write().into()),
        }
    }

    /// The same, waiting at most `timeout` for so much room.
    ///
    /// # Errors
    /// [`WriteTimeoutError::Timeout`], otherwise as [`write_chunk`](Self::write_chunk).
    pub fn write_chunk_timeout(
        &mut self,
        len: usize,
        timeout: Duration,
    ) -> Result<WriteChunk<'_, T>, WriteTimeoutError> {
        self.chunk_until(len, deadline::after(timeout))
    }

    /// The same, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`write_chunk_timeout`](Self::write_chunk_timeout).
    pub fn write_chunk_deadline(
        &mut self,
        len: usize,
        deadline: Instant,
    ) -> Result<WriteChunk<'_, T>, WriteTimeoutError> {
        self.chunk_until(len, Some(deadline::at(deadline)))
    }

    fn chunk_until(&mut self, len: usize, deadline: Option<u64>) -> Result<WriteChunk<'_, T>, WriteTimeoutError> {
        self.fits(len)?;
        match self.wait_for(len, deadline) {
            Ok(_) => Ok(self.chunk(len)),
            Err(Refusal::Blocked) => Err(WriteTimeoutError::Timeout),
            Err(refusal) => Err(refusal.into_write().into()),
        }
    }

    /// Writes all of `elements`, waiting for room.
    ///
    /// The reader sees them as they come: those of a writer that is killed in here are there up to some element.
    ///
    /// # Errors
    /// [`WriteAllError`]: how many are written, and why the next one is not, as for [`write_chunk`](Self::write_chunk).
    pub fn write_all(&mut self, elements: &[T]) -> Result<(), WriteAllError> {
        let mut written = 0;
        while written < elements.len() {
            match self.wait_for(1, None) {
                Ok(free) => written += self.copy(&elements[written..], free),
                Err(refusal) => {
                    let kind = refusal.into_write();
                    return Err(WriteAllError { written, kind });
                }
            }
        }
        Ok(())
    }

    /// Writes as many of `elements` as there is room for now, from the first on; how many.
    ///
    /// # Errors
    /// [`TryWriteError::Full`] if that would be none of a slice that is not empty, otherwise as
    /// [`write_chunk`](Self::write_chunk).
    pub fn try_write(&mut self, elements: &[T]) -> Result<usize, TryWriteError> {
        if elements.is_empty() {
            return Ok(0);
        }
        match self.try_for(1) {
            Ok(free) => Ok(self.copy(elements, free)),
            Err(Refusal::Blocked) => Err(TryWriteError::Full),
            Err(refusal) => Err(refusal.into_write().into()),
        }
    }

    /// Writes as many of `elements` as fit, at least one, waiting for room for that; how many. A slice of none is written at
    /// once.
    ///
    /// # Errors
    /// As [`write_chunk`](Self::write_chunk).
    pub fn write_some(&mut self, elements: &[T]) -> Result<usize, WriteError> {
        if elements.is_empty() {
            return Ok(0);
        }
        let free = self.wait_for(1, None).map_err(Refusal::into_write)?;
        Ok(self.copy(elements, free))
    }

    /// Waits for room, at most `timeout`: whether there is some, so that a write of one element would not wait. What select(2)
    /// does for a pipe.
    ///
    /// # Errors
    /// As [`write_chunk`](Self::write_chunk).
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, WriteError> {
        match self.wait_for(1, deadline::after(timeout)) {
            Ok(_) => Ok(true),
            Err(Refusal::Blocked) => Ok(false),
            Err(refusal) => Err(refusal.into_write()),
        }
    }

    /// Elements that there is room for now: it can only grow until something is written.
    pub fn free(&mut self) -> usize {
        self.end.refresh() as usize
    }

    /// Elements that the stream holds: a power of two.
    pub fn capacity(&self) -> usize {
        self.end.span().capacity() as usize
    }

    /// Closes the stream for both ends, for as long as anybody is attached: the reader reads what is there, and then meets the
    /// end; writes that begin after this returns are [`WriteError::Disconnected`]. Dropping the writer does the first without
    /// the second: another one may go on.
    pub fn close(&self) {
        self.attached.endpoint.close();
    }

    fn fits(&self, len: usize) -> Result<(), WriteError> {
        let max = self.capacity();
        if len > max {
            return Err(WriteError::TooLong { len, max });
        }
        Ok(())
    }

    /// Of the room that was found.
    #[inline(always)]
    fn chunk(&mut self, len: usize) -> WriteChunk<'_, T> {
        WriteChunk {
            free: self.end.take(len as u64),
            elements: &self.elements,
            attached: &self.attached,
        }
    }

    /// Writes from the first on, as many as there is room for, so few at a time that the reader can begin; how many. Room for
    /// `free` was found; if that is not enough, it looks whether there is more by now.
    #[inline]
    fn copy(&mut self, elements: &[T], free: u64) -> usize {
        let free = if (free as usize) < elements.len() {
            self.end.refresh()
        } else {
            free
        };
        let count = elements.len().min(free as usize);
        for part in elements[..count].chunks(piece(self.capacity())) {
            let mut chunk = self.chunk(part.len());
            chunk.copy_from_slice(part);
            chunk.commit(part.len());
        }
        count
    }

    #[inline(always)]
    fn wait_for(&mut self, least: usize, deadline: Option<u64>) -> Result<u64, Refusal> {
        match self.attached.room(&mut self.end, least) {
            Err(Refusal::Blocked) => self.wait(least, deadline),
            room => room,
        }
    }

    #[inline(always)]
    fn try_for(&mut self, least: usize) -> Result<u64, Refusal> {
        let Writer { attached, end, .. } = self;
        match attached.room(end, least) {
            Err(Refusal::Blocked) if attached.endpoint.time_to_look() => {
                attached.look_for_a_reader()?;
                attached.room(end, least)
            }
            room => room,
        }
    }

    #[cold]
    fn wait(&mut self, least: usize, deadline: Option<u64>) -> Result<u64, Refusal> {
        let Writer { attached, end, .. } = self;
        // Nothing is written meanwhile, so both stay as they are.
        let watch = end.watch(least as u64);
        end.mark(least as u64);
        waiting::until(
            &attached.endpoint,
            deadline,
            LOW_WATER_SLEEP,
            || watch,
            |look| {
                if look == Look::AfterTheDead {
                    attached.look_for_a_reader()?;
                }
                attached.room(end, least)
            },
        )
    }
}

impl Attached {
    /// Room for `least` elements now; for how many there is.
    #[inline(always)]
    fn room(&self, end: &mut WriteEnd, least: usize) -> Result<u64, Refusal> {
        if !self.unremarkable(end.span()) {
            self.attend_as_writer()?;
        }
        end.free(least as u64).map_err(|refused| self.endpoint.refusal(refused))
    }

    /// Something has happened: closed, or the reader has gone?
    #[cold]
    fn attend_as_writer(&self) -> Result<(), Refusal> {
        let Attended::Event(life) = self.endpoint.attend()? else {
            return Ok(());
        };
        if self.endpoint.peers_gone(life, NoneYet::Wait) {
            self.endpoint.unsettle();
            return Err(Refusal::Disconnected);
        }
        self.endpoint.settle(life);
        Ok(())
    }

    /// Asks the kernel whether anybody will make room.
    #[cold]
    fn look_for_a_reader(&self) -> Result<(), Refusal> {
        let life = self.endpoint.life();
        let gone = self.endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        self.look_after_the_dead()?;
        if gone {
            self.endpoint.unsettle();
            return Err(Refusal::Disconnected);
        }
        Ok(())
    }
}

/// Room in a stream, in one piece, to be filled in place: a mutable slice of it.
///
/// Dropping it writes nothing. One that is held over a fork is the parent's: the child must not touch its copy, since what is
/// in it may be the reader's by then, or another writer's.
#[must_use]
pub struct WriteChunk<'a, T: Pod> {
    free: Free<'a>,
    elements: &'a Elements<T>,
    attached: &'a Attached,
}

impl<T: Pod> WriteChunk<'_, T> {
    /// The first `count` elements are written: all of them at once, whoever dies. The rest of the room is given back.
    ///
    /// In a forked child, to which the stream does not belong, it does nothing.
    ///
    /// # Panics
    /// If the chunk has fewer than `count`.
    #[inline]
    pub fn commit(self, count: usize) {
        let len = self.len();
        assert!(
            count <= len,
            "a chunk of {len} elements cannot be committed for {count}"
        );
        let WriteChunk { free, attached, .. } = self;
        if count == 0 || !attached.endpoint.is_ours() {
            return;
        }
        let end = free.commit(count as u64);
        let reader = &end.span().lines().receivers.0;
        let due = || !end.below_the_readers_mark();
        attached.gate.tell_if(&attached.endpoint, reader, due);
    }

    /// This is the process that took it, and not a forked child of it.
    #[inline]
    pub(in super::super) fn is_ours(&self) -> bool {
        self.attached.endpoint.is_ours()
    }

    /// [`commit`](Self::commit) of all of it.
    #[inline]
    pub fn commit_all(self) {
        let len = self.len();
        self.commit(len);
    }
}

impl<T: Pod> Deref for WriteChunk<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.elements.free(&self.free)
    }
}

impl<T: Pod> DerefMut for WriteChunk<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.elements.free_mut(&mut self.free)
    }
}

impl<T: Pod> fmt::Debug for WriteChunk<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteChunk")
            .field("len", &self.free.len())
            .finish_non_exhaustive()
    }
}

impl<T: Pod> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

impl<T: Pod> Seat<Writer<T>> {
    /// The writer, in this process.
    ///
    /// # Errors
    /// [`AttachError::SeatTaken`] if it was turned into one before, here or elsewhere; otherwise as for
    /// [`Channel::writer`](super::Channel::writer).
    pub fn attach(self) -> Result<Writer<T>, AttachError> {
        Writer::new(self.take()?)
    }
}

impl Refusal {
    /// As a writer reports it. [`Refusal::Blocked`] is the caller's to report; a wait without a deadline never ends with it.
    fn into_write(self) -> WriteError {
        match self {
            Refusal::Blocked | Refusal::Disconnected => WriteError::Disconnected,
            Refusal::Corrupt => WriteError::Corrupt,
            Refusal::WrongProcess => WriteError::WrongProcess,
        }
    }
}
