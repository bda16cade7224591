//! Why can a stream not be written to, or read from?

use std::io;

/// Why nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The stream never has so much room.
    #[error("a chunk of {len} elements does not fit a stream that holds {max}")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// The stream's capacity.
        max: usize,
    },
    /// No reader is left, or the stream is closed: nobody would read it.
    #[error("writing to a disconnected stream")]
    Disconnected,
    /// The region holds a word that no program following the protocol stores. The endpoint is of no more use.
    #[error("the stream's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// This endpoint belongs to the process that this one was forked from. Attach one of your own, or use a seat.
    #[error("the writer belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why nothing was written at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryWriteError {
    /// There is not so much room now.
    #[error("writing to a full stream")]
    Full,
    /// As [`WriteError::TooLong`].
    #[error("a chunk of {len} elements does not fit a stream that holds {max}")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// The stream's capacity.
        max: usize,
    },
    /// As [`WriteError::Disconnected`].
    #[error("writing to a disconnected stream")]
    Disconnected,
    /// As [`WriteError::Corrupt`].
    #[error("the stream's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`WriteError::WrongProcess`].
    #[error("the writer belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why nothing was written in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteTimeoutError {
    /// There was not so much room all the time.
    #[error("timed out waiting for room in a full stream")]
    Timeout,
    /// As [`WriteError::TooLong`].
    #[error("a chunk of {len} elements does not fit a stream that holds {max}")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// The stream's capacity.
        max: usize,
    },
    /// As [`WriteError::Disconnected`].
    #[error("writing to a disconnected stream")]
    Disconnected,
    /// As [`WriteError::Corrupt`].
    #[error("the stream's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`WriteError::WrongProcess`].
    #[error("the writer belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why not all of a slice was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} after {written} elements")]
pub struct WriteAllError {
    /// Exactly the first so many are written.
    pub written: usize,
    /// Why the next one is not.
    pub kind: WriteError,
}

/// Why nothing was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream never holds so much.
    #[error("a chunk of {len} elements does not fit a stream that holds {max}")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// The stream's capacity.
        max: usize,
    },
    /// The end of the stream: everything that was written is read, and no writer is left (or the stream is closed).
    #[error("reading from an empty and disconnected stream")]
    Disconnected,
    /// The region holds a word that no program following the protocol stores. The endpoint is of no more use.
    #[error("the stream's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// This endpoint belongs to the process that this one was forked from. Attach one of your own, or use a seat.
    #[error("the reader belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why nothing was read at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryReadError {
    /// There is not so much to read now.
    #[error("reading from an empty stream")]
    Empty,
    /// As [`ReadError::TooLong`].
    #[error("a chunk of {len} elements does not fit a stream that holds {max}")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// The stream's capacity.
        max: usize,
    },
    /// As [`ReadError::Disconnected`].
    #[error("reading from an empty and disconnected stream")]
    Disconnected,
    /// As [`ReadError::Corrupt`].
    #[error("the stream's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`ReadError::WrongProcess`].
    #[error("the reader belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why nothing was read in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadTimeoutError {
    /// There was not so much to read all the time.
    #[error("timed out waiting on an empty stream")]
    Timeout,
    /// As [`ReadError::TooLong`].
    #[error("a chunk of {len} elements does not fit a stream that holds {max}")]
    TooLong {
        /// Elements asked for.
        len: usize,
        /// The stream's capacity.
        max: usize,
    },
    /// As [`ReadError::Disconnected`].
    #[error("reading from an empty and disconnected stream")]
    Disconnected,
    /// As [`ReadError::Corrupt`].
    #[error("the stream's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`ReadError::WrongProcess`].
    #[error("the reader belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why not all of a slice was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} after {read} elements")]
pub struct ReadExactError {
    /// Exactly the first so many are read, and are in the slice.
    pub read: usize,
    /// Why the next one is not.
    pub kind: ReadError,
}

/// The three forms of an error share all but one variant.
macro_rules! forms {
    ($($error:ident: $($form:ident)+;)+) => {$($(
        impl From<$error> for $form {
            fn from(error: $error) -> Self {
                match error {
                    $error::TooLong { len, max } => Self::TooLong { len, max },
                    $error::Disconnected => Self::Disconnected,
                    $error::Corrupt => Self::Corrupt,
                    $error::WrongProcess => Self::WrongProcess,
                }
            }
        }
    )+)+};
}

forms! {
    WriteError: TryWriteError WriteTimeoutError;
    ReadError: TryReadError ReadTimeoutError;
}

impl From<WriteError> for io::Error {
    /// A pipe's `EPIPE` for [`WriteError::Disconnected`].
    fn from(error: WriteError) -> Self {
        let kind = match error {
            WriteError::Disconnected => io::ErrorKind::BrokenPipe,
            WriteError::TooLong { .. } => io::ErrorKind::InvalidInput,
            WriteError::Corrupt => io::ErrorKind::InvalidData,
            WriteError::WrongProcess => io::ErrorKind::PermissionDenied,
        };
        io::Error::new(kind, error)
    }
}

impl From<ReadError> for io::Error {
    /// [`ReadError::Disconnected`] is an unexpected end; the methods of [`io::Read`] answer the end of the stream as zero
    /// bytes.
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Disconnected => io::ErrorKind::UnexpectedEof,
            ReadError::TooLong { .. } => io::ErrorKind::InvalidInput,
            ReadError::Corrupt => io::ErrorKind::InvalidData,
            ReadError::WrongProcess => io::ErrorKind::PermissionDenied,
        };
        io::Error::new(kind, error)
    }
}
