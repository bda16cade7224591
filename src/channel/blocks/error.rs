//! Why is there no block for a sender?

use super::Holders;

/// Why there is no block to fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoanError {
    /// A block has not so much room.
    #[error("a block of this channel has room for {max} items, {len} were asked for")]
    TooLong {
        /// Items asked for.
        len: usize,
        /// Items that there is room for.
        max: usize,
    },
    /// No receiver is left, or the channel is closed: nobody would read it.
    #[error("sending on a disconnected channel")]
    Disconnected,
    /// The region holds a word that no program following the protocol stores. The endpoint is of no more use.
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// This endpoint belongs to the process that this one was forked from. Attach one of your own, or use a seat.
    #[error("the sender belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why there is no block to fill now.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryLoanError {
    /// All blocks are in use, by whom it says.
    #[error("no block is free: {0}")]
    Exhausted(Holders),
    /// As [`LoanError::TooLong`].
    #[error("a block of this channel has room for {max} items, {len} were asked for")]
    TooLong {
        /// Items asked for.
        len: usize,
        /// Items that there is room for.
        max: usize,
    },
    /// As [`LoanError::Disconnected`].
    #[error("sending on a disconnected channel")]
    Disconnected,
    /// As [`LoanError::Corrupt`].
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`LoanError::WrongProcess`].
    #[error("the sender belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why there was no block to fill in time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoanTimeoutError {
    /// All blocks stayed in use, by whom it says.
    #[error("timed out waiting for a block: {0}")]
    Timeout(Holders),
    /// As [`LoanError::TooLong`].
    #[error("a block of this channel has room for {max} items, {len} were asked for")]
    TooLong {
        /// Items asked for.
        len: usize,
        /// Items that there is room for.
        max: usize,
    },
    /// As [`LoanError::Disconnected`].
    #[error("sending on a disconnected channel")]
    Disconnected,
    /// As [`LoanError::Corrupt`].
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`LoanError::WrongProcess`].
    #[error("the sender belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// The three forms of a loan error share all but one variant.
macro_rules! from_loan_error {
    ($($error:ident)+) => {$(
        impl From<LoanError> for $error {
            fn from(error: LoanError) -> Self {
                match error {
                    LoanError::TooLong { len, max } => Self::TooLong { len, max },
                    LoanError::Disconnected => Self::Disconnected,
                    LoanError::Corrupt => Self::Corrupt,
                    LoanError::WrongProcess => Self::WrongProcess,
                }
            }
        }
    )+};
}

from_loan_error! { TryLoanError LoanTimeoutError }
