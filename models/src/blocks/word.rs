//! What does a block's word say, and what an entry of the ring?
//!
//! Positions are plain numbers: no scenario comes round to the first lap again.

pub use crate::ring::ORPHAN;

/// A block's word: `position | phase | owner`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Word {
    /// To be loaned.
    Free,
    /// Being written by a sender.
    Loaned {
        /// Whose it is.
        owner: u8,
    },
    /// About to be published at a position, or published there.
    Staged {
        /// Who publishes it.
        owner: u8,
        /// Where.
        position: u8,
    },
    /// A receiver's.
    Reading {
        /// Whose it is.
        owner: u8,
        /// Where it was published.
        position: u8,
    },
}

impl Word {
    /// Whose the block is, published or not.
    pub fn owner(self) -> Option<u8> {
        match self {
            Word::Free => None,
            Word::Loaned { owner } | Word::Staged { owner, .. } | Word::Reading { owner, .. } => Some(owner),
        }
    }
}

/// A block: its word, its length and its payload. A message's number stands for both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Block {
    /// Whose it is.
    pub word: Word,
    /// The message, [`TORN`] or 0.
    pub length: u8,
    /// The message, [`TORN`] or 0.
    pub payload: u8,
}

/// Half of a payload or length.
pub const TORN: u8 = u8::MAX;

impl Block {
    /// A free one.
    pub const FREE: Block = Block {
        word: Word::Free,
        length: 0,
        payload: 0,
    };
}

/// An entry of the ring, which knows the last position that was published in it. With the index of the entry that is the
/// lap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    /// Which position.
    pub position: u8,
    /// Which block.
    pub block: u8,
}
