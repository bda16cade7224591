//! How is a frame written?

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use super::super::stream::{self, TryWriteError, WriteChunk, WriteError, WriteTimeoutError};
use super::{PREFIX, longest, whole};

/// The writing end of a stream, for frames.
#[derive(Debug)]
pub struct Writer {
    stream: stream::Writer<u8>,
}

impl Writer {
    /// On the writing end of a stream in which there are frames, or nothing yet.
    pub fn new(stream: stream::Writer<u8>) -> Writer {
        Writer { stream }
    }

    /// Room for a frame of at most `len` bytes, to be filled in place, waiting until there is so much. In it is what was
    /// written there before.
    ///
    /// # Errors
    /// [`WriteError::TooLong`] if it is longer than [`max_len`](Self::max_len), otherwise as for
    /// [`stream::Writer::write_chunk`].
    #[inline]
    pub fn frame(&mut self, len: usize) -> Result<FrameMut<'_>, WriteError> {
        self.fits(len)?;
        let chunk = self.stream.write_chunk(whole(len))?;
        Ok(FrameMut { chunk, len })
    }

    /// The same if there is so much room now.
    ///
    /// # Errors
    /// [`TryWriteError::Full`], otherwise as [`frame`](Self::frame).
    #[inline]
    pub fn try_frame(&mut self, len: usize) -> Result<FrameMut<'_>, TryWriteError> {
        self.fits(len)?;
        let chunk = self.stream.try_write_chunk(whole(len))?;
        Ok(FrameMut { chunk, len })
    }

    /// The same, waiting at most `timeout` for so much room.
    ///
    /// # Errors
    /// [`WriteTimeoutError::Timeout`], otherwise as [`frame`](Self::frame).
    pub fn frame_timeout(&mut self, len: usize, timeout: Duration) -> Result<FrameMut<'_>, WriteTimeoutError> {
        self.fits(len)?;
        let chunk = self.stream.write_chunk_timeout(whole(len), timeout)?;
        Ok(FrameMut { chunk, len })
    }

    /// The same, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`frame_timeout`](Self::frame_timeout).
    pub fn frame_deadline(&mut self, len: usize, deadline: Instant) -> Result<FrameMut<'_>, WriteTimeoutError> {
        self.fits(len)?;
        let chunk = self.stream.write_chunk_deadline(whole(len), deadline)?;
        Ok(FrameMut { chunk, len })
    }

    /// Writes a frame of these bytes, waiting for room.
    ///
    /// # Errors
    /// As [`frame`](Self::frame).
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let mut frame = self.frame(bytes.len())?;
        frame.copy_from_slice(bytes);
        frame.commit_all();
        Ok(())
    }

    /// The same if there is room now.
    ///
    /// # Errors
    /// As [`try_frame`](Self::try_frame).
    pub fn try_send(&mut self, bytes: &[u8]) -> Result<(), TryWriteError> {
        let mut frame = self.try_frame(bytes.len())?;
        frame.copy_from_slice(bytes);
        frame.commit_all();
        Ok(())
    }

    /// Waits for room for a frame of `len` bytes, at most `timeout`: whether there is.
    ///
    /// # Errors
    /// As [`frame`](Self::frame).
    pub fn poll(&mut self, len: usize, timeout: Duration) -> Result<bool, WriteError> {
        match self.frame_timeout(len, timeout) {
            Ok(_) => Ok(true),
            Err(WriteTimeoutError::Timeout) => Ok(false),
            Err(WriteTimeoutError::TooLong { len, max }) => Err(WriteError::TooLong { len, max }),
            Err(WriteTimeoutError::Disconnected) => Err(WriteError::Disconnected),
            Err(WriteTimeoutError::Corrupt) => Err(WriteError::Corrupt),
            Err(WriteTimeoutError::WrongProcess) => Err(WriteError::WrongProcess),
        }
    }

    /// Bytes of the longest frame: 8 fewer than the stream holds.
    pub fn max_len(&self) -> usize {
        longest(self.stream.capacity())
    }

    /// Closes the stream for both ends: [`stream::Writer::close`].
    pub fn close(&self) {
        self.stream.close();
    }

    /// The writing end itself.
    pub fn into_stream(self) -> stream::Writer<u8> {
        self.stream
    }

    fn fits(&self, len: usize) -> Result<(), WriteError> {
        let max = self.max_len();
        if len > max {
            return Err(WriteError::TooLong { len, max });
        }
        Ok(())
    }
}

/// Room for a frame, to be filled in place: a mutable slice of it.
///
/// Dropping it writes nothing. As with a [`WriteChunk`], a forked child must not touch its copy.
#[must_use]
pub struct FrameMut<'a> {
    chunk: WriteChunk<'a, u8>,
    len: usize,
}

impl FrameMut<'_> {
    /// The first `len` bytes are the frame: whole, whoever dies.
    ///
    /// In a forked child, to which the stream does not belong, it does nothing.
    ///
    /// # Panics
    /// If there is room for fewer.
    #[inline]
    pub fn commit(mut self, len: usize) {
        let room = self.len;
        assert!(
            len <= room,
            "room for a frame of {room} bytes cannot be committed for {len}"
        );
        // A forked child's copy is of what the parent may have committed by now.
        if self.chunk.is_ours() {
            self.chunk[..PREFIX].copy_from_slice(&(len as u64).to_ne_bytes());
            self.chunk.commit(whole(len));
        }
    }

    /// [`commit`](Self::commit) of all of it.
    #[inline]
    pub fn commit_all(self) {
        let len = self.len;
        self.commit(len);
    }
}

impl Deref for FrameMut<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.chunk[PREFIX..][..self.len]
    }
}

impl DerefMut for FrameMut<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.chunk[PREFIX..][..self.len]
    }
}

impl fmt::Debug for FrameMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameMut")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
