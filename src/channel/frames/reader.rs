//! How is a frame read, and when are these bytes none?

use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

use super::super::stream::{self, ReadChunk, ReadError, ReadTimeoutError, TryReadError};
use super::{PREFIX, longest, whole};

/// The reading end of a stream, for frames.
#[derive(Debug)]
pub struct Reader {
    stream: stream::Reader<u8>,
}

impl Reader {
    /// On the reading end of a stream in which there are frames, or nothing yet.
    pub fn new(stream: stream::Reader<u8>) -> Reader {
        Reader { stream }
    }

    /// The next frame, in place, waiting until there is one.
    ///
    /// # Errors
    /// [`ReadError::Disconnected`] at the end of the stream; [`ReadError::Corrupt`] also if what is there is no frame, and from
    /// then on; otherwise as for [`stream::Reader::read_chunk`].
    #[inline]
    pub fn recv(&mut self) -> Result<Frame<'_>, ReadError> {
        let len = length(&self.stream.read_chunk(PREFIX)?);
        self.frame(len)
    }

    /// The same if there is one now.
    ///
    /// # Errors
    /// [`TryReadError::Empty`], otherwise as [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&mut self) -> Result<Frame<'_>, TryReadError> {
        let len = length(&self.stream.try_read_chunk(PREFIX)?);
        Ok(self.frame(len)?)
    }

    /// The same, waiting at most `timeout` for one.
    ///
    /// # Errors
    /// [`ReadTimeoutError::Timeout`], otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Frame<'_>, ReadTimeoutError> {
        let len = length(&self.stream.read_chunk_timeout(PREFIX, timeout)?);
        Ok(self.frame(len)?)
    }

    /// The same, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Frame<'_>, ReadTimeoutError> {
        let len = length(&self.stream.read_chunk_deadline(PREFIX, deadline)?);
        Ok(self.frame(len)?)
    }

    /// Waits for a frame, at most `timeout`: whether [`recv`](Self::recv) would not wait, for there is one or the end of the
    /// stream.
    ///
    /// # Errors
    /// As for [`stream::Reader::poll`].
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ReadError> {
        self.stream.poll(timeout)
    }

    /// Closes the stream for both ends: [`stream::Reader::close`].
    pub fn close(&self) {
        self.stream.close();
    }

    /// The reading end itself, before the next frame.
    pub fn into_stream(self) -> stream::Reader<u8> {
        self.stream
    }

    /// The frame of this length that the stream goes on with. A writer commits the whole of it at once: it is all there, or it
    /// is none.
    #[inline]
    fn frame(&mut self, len: Option<u64>) -> Result<Frame<'_>, ReadError> {
        let max = longest(self.stream.capacity());
        let len = len.and_then(|len| usize::try_from(len).ok()).filter(|&len| len <= max);
        let Some(len) = len.filter(|&len| self.stream.len() >= whole(len)) else {
            return Err(self.stream.fail());
        };
        let chunk = self.stream.read_chunk(whole(len))?;
        Ok(Frame {
            chunk: Some(chunk),
            len,
        })
    }
}

/// What a prefix says; `None` if it is none, at the end of a stream that ends in the middle of one.
#[inline]
fn length(prefix: &[u8]) -> Option<u64> {
    prefix.try_into().ok().map(u64::from_ne_bytes)
}

/// A frame, to be read in place: a slice of its bytes. They are aligned to 8 if nothing but frames has ever been in the stream;
/// another process could have put other things there.
///
/// Dropping it is to have dealt with it, unless a panic drops it: then it is the next one again.
pub struct Frame<'a> {
    /// `None` only while it is being dropped.
    chunk: Option<ReadChunk<'a, u8>>,
    len: usize,
}

impl Frame<'_> {
    /// Leaves it where it is: it is the next one again.
    pub fn keep(mut self) {
        self.chunk = None;
    }
}

impl Drop for Frame<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk.take()
            && !std::thread::panicking()
        {
            chunk.consume_all();
        }
    }
}

impl Deref for Frame<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let chunk = self.chunk.as_ref().expect("taken only by drop");
        &chunk[PREFIX..][..self.len]
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("len", &self.len).finish_non_exhaustive()
    }
}
