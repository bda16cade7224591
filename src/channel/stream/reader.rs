//! How is a stream read, and what does the reader do when there is nothing?

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::AttachError;
use crate::region::elements::Elements;
use crate::span::{Filled, ReadEnd};

use super::super::deadline;
use super::super::endpoint::{Attended, NoneYet, Refusal};
use super::super::place::Place;
use super::super::seat::Seat;
use super::super::waiting::{self, A_TICK, Look};
use super::{Attached, ReadError, ReadExactError, ReadTimeoutError, TryReadError, piece};

/// The reading end of a stream.
///
/// Made by [`Channel::reader`](super::Channel::reader) or from a [`Seat`]; there is one at a time. For bytes it is an
/// [`io::Read`](std::io::Read) and an [`io::BufRead`](std::io::BufRead), whose buffer is the stream.
///
/// After a fork the child's copy answers [`ReadError::WrongProcess`].
pub struct Reader<T: Pod> {
    // Dropped in this order: locks and records before what keeps the region.
    attached: Attached,
    end: ReadEnd,
    elements: Elements<T>,
}

impl<T: Pod> Reader<T> {
    pub(super) fn new(place: Place) -> Result<Self, AttachError> {
        let region = Arc::clone(&place.region);
        let end = ReadEnd::new(region.span())?;
        Ok(Reader {
            attached: Attached::new(place)?,
            end,
            elements: Elements::new(&region),
        })
    }

    /// The next `len` elements, in one piece, waiting until there are so many. At the end of the stream, what is left of it:
    /// fewer than `len`, but one at least.
    ///
    /// A writer that waits for a chunk of its own gets no more than this leaves: two that wait for chunks which together are
    /// longer than the stream wait for each other.
    ///
    /// They stay in the stream until they are [consumed](ReadChunk::consume), and are read again otherwise: by this reader, or,
    /// should it die, by the next one.
    ///
    /// # Errors
    /// - [`ReadError::TooLong`]: more than the stream holds.
    /// - [`ReadError::Disconnected`]: nothing is left and no writer is, or none can come any more, or the stream is closed. A
    ///   writer that attaches later makes the stream live again.
    /// - [`ReadError::Corrupt`]: the shared memory was overwritten; give the stream up.
    /// - [`ReadError::WrongProcess`]: this is a forked child's copy.
    #[inline]
    pub fn read_chunk(&mut self, len: usize) -> Result<ReadChunk<'_, T>, ReadError> {
        self.fits(len)?;
        let filled = self.wait_for(len, None).map_err(Refusal::into_read)?;
        Ok(self.chunk(len, filled))
    }

    /// The same if there are so many now, or the end of the stream is here.
    ///
    /// # Errors
    /// [`TryReadError::Empty`], otherwise as [`read_chunk`](Self::read_chunk). Empty is exact.
    #[inline]
    pub fn try_read_chunk(&mut self, len: usize) -> Result<ReadChunk<'_, T>, TryReadError> {
        self.fits(len)?;
        match self.try_for(len) {
            Ok(filled) => Ok(self.chunk(len, filled)),
            Err(Refusal::Blocked) => Err(TryReadError::Empty),
            Err(refusal) => Err(refusal.into_read().into()),
        }
    }

    /// The same, waiting at most `timeout` for so many.
    ///
    /// # Errors
    /// [`ReadTimeoutError::Timeout`], otherwise as [`read_chunk`](Self::read_chunk).
    pub fn read_chunk_timeout(&mut self, len: usize, timeout: Duration) -> Result<ReadChunk<'_, T>, ReadTimeoutError> {
        self.chunk_until(len, deadline::after(timeout))
    }

    /// The same, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`read_chunk_timeout`](Self::read_chunk_timeout).
    pub fn read_chunk_deadline(&mut self, len: usize, deadline: Instant) -> Result<ReadChunk<'_, T>, ReadTimeoutError> {
        self.chunk_until(len, Some(deadline::at(deadline)))
    }

    fn chunk_until(&mut self, len: usize, deadline: Option<u64>) -> Result<ReadChunk<'_, T>, ReadTimeoutError> {
        self.fits(len)?;
        match self.wait_for(len, deadline) {
            Ok(filled) => Ok(self.chunk(len, filled)),
            Err(Refusal::Blocked) => Err(ReadTimeoutError::Timeout),
            Err(refusal) => Err(refusal.into_read().into()),
        }
    }

    /// All that is there, one element at least, waiting for that: to be looked at in place and consumed as far as it goes.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk).
    pub fn readable(&mut self) -> Result<ReadChunk<'_, T>, ReadError> {
        self.wait_for(1, None).map_err(Refusal::into_read)?;
        let filled = self.look();
        Ok(self.chunk(filled as usize, filled))
    }

    /// Fills `elements`, waiting for as many.
    ///
    /// # Errors
    /// [`ReadExactError`]: how many have been read, and why the next one is not, as for [`read_chunk`](Self::read_chunk).
    pub fn read_exact(&mut self, elements: &mut [T]) -> Result<(), ReadExactError> {
        let mut read = 0;
        while read < elements.len() {
            match self.wait_for(1, None) {
                Ok(filled) => read += self.copy(&mut elements[read..], filled),
                Err(refusal) => {
                    let kind = refusal.into_read();
                    return Err(ReadExactError { read, kind });
                }
            }
        }
        Ok(())
    }

    /// Reads as many elements as are there now, up to the length of `elements`; how many.
    ///
    /// # Errors
    /// [`TryReadError::Empty`] if that would be none for a slice that is not empty, otherwise as
    /// [`read_chunk`](Self::read_chunk).
    pub fn try_read(&mut self, elements: &mut [T]) -> Result<usize, TryReadError> {
        if elements.is_empty() {
            return Ok(0);
        }
        match self.try_for(1) {
            Ok(filled) => Ok(self.copy(elements, filled)),
            Err(Refusal::Blocked) => Err(TryReadError::Empty),
            Err(refusal) => Err(refusal.into_read().into()),
        }
    }

    /// Reads as many elements as are there, up to the length of `elements`, waiting for one at least; how many. A slice of none
    /// is filled at once.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk).
    pub fn read_some(&mut self, elements: &mut [T]) -> Result<usize, ReadError> {
        if elements.is_empty() {
            return Ok(0);
        }
        let filled = self.wait_for(1, None).map_err(Refusal::into_read)?;
        Ok(self.copy(elements, filled))
    }

    /// Waits for something to read, at most `timeout`: whether a read would not wait, for there is an element or the end of the
    /// stream. What select(2) does for a pipe.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`], [`ReadError::WrongProcess`].
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ReadError> {
        match self.wait_for(1, deadline::after(timeout)) {
            Ok(_) => {
                self.look();
                Ok(true)
            }
            Err(Refusal::Disconnected) => Ok(true),
            Err(Refusal::Blocked) => Ok(false),
            Err(refusal) => Err(refusal.into_read()),
        }
    }

    /// Elements that are there now: there can only be more until something is read.
    pub fn len(&mut self) -> usize {
        self.look() as usize
    }

    /// There is nothing to read now.
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// Elements that the stream holds: a power of two.
    pub fn capacity(&self) -> usize {
        self.end.span().capacity() as usize
    }

    /// Closes the stream for both ends, for as long as anybody is attached: writes that begin after this returns are
    /// [`WriteError::Disconnected`](super::WriteError::Disconnected). What is there can still be read, here.
    pub fn close(&self) {
        self.attached.endpoint.close();
    }

    fn fits(&self, len: usize) -> Result<(), ReadError> {
        let max = self.capacity();
        if len > max {
            return Err(ReadError::TooLong { len, max });
        }
        Ok(())
    }

    /// Of the elements that were found.
    #[inline(always)]
    fn chunk(&mut self, len: usize, filled: u64) -> ReadChunk<'_, T> {
        ReadChunk {
            filled: self.end.take((len as u64).min(filled)),
            elements: &self.elements,
            attached: &self.attached,
        }
    }

    /// Reads from the first on, as many as are there, so few at a time that the writer can go on; how many. `filled` were
    /// found; if that is not enough, it looks whether there are more by now.
    #[inline]
    pub(super) fn copy(&mut self, elements: &mut [T], filled: u64) -> usize {
        let filled = if (filled as usize) < elements.len() {
            self.end.refresh()
        } else {
            filled
        };
        let count = elements.len().min(filled as usize);
        for part in elements[..count].chunks_mut(piece(self.capacity())) {
            let chunk = self.chunk(part.len(), filled);
            part.copy_from_slice(&chunk);
            chunk.consume_all();
        }
        count
    }

    /// The elements that are there, one at least; none at the end of the stream.
    pub(super) fn buffer(&mut self) -> Result<&[T], ReadError> {
        match self.wait_for(1, None) {
            Ok(_) => {
                let filled = self.look();
                Ok(self.elements.filled_to_the_end(self.end.take(filled)))
            }
            Err(Refusal::Disconnected) => Ok(&[]),
            Err(refusal) => Err(refusal.into_read()),
        }
    }

    /// The first `count` of them are read.
    ///
    /// # Panics
    /// If fewer were there.
    pub(super) fn consume_buffer(&mut self, count: usize) {
        let known = self.end.known();
        self.chunk(known as usize, known).consume(count);
    }

    /// How many elements are there now. Who looks and looks again, and consumes nothing in between, has found too little: as if
    /// it had been refused.
    fn look(&mut self) -> u64 {
        let filled = self.end.refresh();
        if self.end.looks_again() && self.attached.endpoint.is_ours() {
            self.attached.wake_a_writer(&mut self.end);
        }
        filled
    }

    /// What is in the stream cannot be: this end is of no more use.
    #[cold]
    pub(in super::super) fn fail(&self) -> ReadError {
        self.attached.endpoint.fail().into_read()
    }

    #[inline(always)]
    fn wait_for(&mut self, least: usize, deadline: Option<u64>) -> Result<u64, Refusal> {
        match self.attached.filled(&mut self.end, least) {
            Err(Refusal::Blocked) => self.wait(least, deadline),
            filled => filled,
        }
    }

    #[inline(always)]
    fn try_for(&mut self, least: usize) -> Result<u64, Refusal> {
        let Reader { attached, end, .. } = self;
        match attached.filled(end, least) {
            Err(Refusal::Blocked) if attached.endpoint.ended() || attached.endpoint.time_to_look() => {
                attached.look_for_a_writer(end, least)
            }
            filled => filled,
        }
    }

    #[cold]
    fn wait(&mut self, least: usize, deadline: Option<u64>) -> Result<u64, Refusal> {
        let Reader { attached, end, .. } = self;
        // Nothing is read meanwhile, so both stay as they are.
        let watch = end.watch(least as u64);
        end.mark(least as u64);
        waiting::until(
            &attached.endpoint,
            deadline,
            A_TICK,
            || watch,
            |look| match attached.filled(end, least) {
                Err(Refusal::Blocked) if look == Look::AfterTheDead || attached.endpoint.ended() => {
                    attached.look_for_a_writer(end, least)
                }
                filled => filled,
            },
        )
    }
}

impl Attached {
    /// `least` elements that are there now; how many there are.
    #[inline(always)]
    fn filled(&self, end: &mut ReadEnd, least: usize) -> Result<u64, Refusal> {
        if !self.unremarkable(end.span()) {
            self.attend_as_reader()?;
        }
        match end.filled(least as u64) {
            Ok(filled) => Ok(filled),
            Err(refused) => {
                self.wake_a_writer(end);
                Err(self.endpoint.refusal(refused))
            }
        }
    }

    /// There is too little for us: a writer that waits for more room than it needs would leave it at that.
    fn wake_a_writer(&self, end: &mut ReadEnd) {
        if end.owes_a_wake() {
            let writer = &end.span().lines().senders.0;
            self.gate.tell_if(&self.endpoint, writer, || true);
        }
    }

    /// Something has happened: closed, or the writer has gone?
    #[cold]
    fn attend_as_reader(&self) -> Result<(), Refusal> {
        let Attended::Event(life) = self.endpoint.attend()? else {
            return Ok(());
        };
        if self.endpoint.peers_gone(life, NoneYet::Wait) {
            self.endpoint.set_ended(true, life);
        }
        self.endpoint.settle(life);
        Ok(())
    }

    /// Asks the kernel whether anybody will write. [`Refusal::Blocked`]: there is not enough yet, but there may be.
    ///
    /// The order matters: see no writer, *then* look once more. What a writer did before it went away is seen by that look.
    #[cold]
    fn look_for_a_writer(&self, end: &mut ReadEnd, least: usize) -> Result<u64, Refusal> {
        let endpoint = &self.endpoint;
        let life = endpoint.life();
        let ended = endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        endpoint.set_ended(ended, life);
        self.look_after_the_dead()?;
        match self.filled(end, least) {
            Err(Refusal::Blocked) if ended => match end.known() {
                0 => Err(Refusal::Disconnected),
                left => Ok(left),
            },
            filled => filled,
        }
    }
}

/// What is next in a stream, in one piece, to be read in place: a slice of it.
///
/// Dropping it reads nothing: it comes again. One that is held over a fork is the parent's: the child must not touch its copy,
/// since what is in it may be the writer's by then.
#[must_use]
pub struct ReadChunk<'a, T: Pod> {
    filled: Filled<'a>,
    elements: &'a Elements<T>,
    attached: &'a Attached,
}

impl<T: Pod> ReadChunk<'_, T> {
    /// The first `count` elements are done with: their room is the writer's again. The rest comes again.
    ///
    /// In a forked child, to which the stream does not belong, it does nothing.
    ///
    /// # Panics
    /// If the chunk has fewer than `count`.
    #[inline]
    pub fn consume(self, count: usize) {
        let len = self.len();
        assert!(count <= len, "a chunk of {len} elements cannot be consumed for {count}");
        let ReadChunk { filled, attached, .. } = self;
        if count == 0 || !attached.endpoint.is_ours() {
            return;
        }
        let end = filled.consume(count as u64);
        let writer = &end.span().lines().senders.0;
        let due = || !end.below_the_writers_mark();
        attached.gate.tell_if(&attached.endpoint, writer, due);
    }

    /// [`consume`](Self::consume) of all of it.
    #[inline]
    pub fn consume_all(self) {
        let len = self.len();
        self.consume(len);
    }
}

impl<T: Pod> Deref for ReadChunk<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.elements.filled(&self.filled)
    }
}

impl<T: Pod> fmt::Debug for ReadChunk<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadChunk")
            .field("len", &self.filled.len())
            .finish_non_exhaustive()
    }
}

impl<T: Pod> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

impl<T: Pod> Seat<Reader<T>> {
    /// The reader, in this process.
    ///
    /// # Errors
    /// [`AttachError::SeatTaken`] if it was turned into one before, here or elsewhere; otherwise as for
    /// [`Channel::reader`](super::Channel::reader).
    pub fn attach(self) -> Result<Reader<T>, AttachError> {
        Reader::new(self.take()?)
    }
}

impl Refusal {
    /// As a reader reports it. [`Refusal::Blocked`] is the caller's to report; a wait without a deadline never ends with it.
    fn into_read(self) -> ReadError {
        match self {
            Refusal::Blocked | Refusal::Disconnected => ReadError::Disconnected,
            Refusal::Corrupt => ReadError::Corrupt,
            Refusal::WrongProcess => ReadError::WrongProcess,
        }
    }
}
