//! What do the word of a block and an entry of the ring of blocks say?
//!
//! ```text
//!  63                              16 15            3 2     0
//! +----------------------------------+---------------+-------+
//! |            position:48           |    owner:13   |phase:3|   a block's word
//! +----------------------------------+---------------+-------+
//!  63                              16 15                    0
//! +----------------------------------+-----------------------+
//! |              lap:48              |        index:16       |   an entry
//! +----------------------------------+-----------------------+
//! ```
//! A zero word is `FREE`, and a zero entry is as good as never filled, since the first position of a region is in lap 1.

use std::fmt;

use super::laps::Laps;
use super::state::Owner;
use crate::sync::{AtomicU64, Payload};

/// What stands before a message's bytes in a block.
#[repr(C)]
pub struct Head<H> {
    /// A [`BlockWord`].
    pub word: AtomicU64,
    /// How many items the message has.
    pub length: AtomicU64,
    /// What its sender says about it.
    pub header: Payload<H>,
}

/// What a block is doing. Positions are the low 48 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockPhase {
    /// For any sender to take.
    Free,
    /// A sender writes in it.
    Loaned(Owner),
    /// Its sender offers it for that position: it is the message there if the entry of the position names it, and nothing
    /// otherwise.
    Staged(Owner, u64),
    /// The message of that position is with a receiver, or was left by one ([`Owner::ORPHAN`]).
    Reading(Owner, u64),
}

const FREE: u64 = 0;
const LOANED: u64 = 1;
const STAGED: u64 = 2;
const READING: u64 = 3;

/// Bits of a position that are in a block's word.
pub const POSITION_BITS: u32 = 48;
const POSITION_SHIFT: u32 = 16;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;
const OWNER_SHIFT: u32 = 3;
const OWNER_MASK: u64 = (1 << 13) - 1;
const PHASE_MASK: u64 = 7;

/// A block's word, as loaded: any 64 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlockWord(u64);

impl BlockWord {
    /// `FREE`.
    pub const FREE: BlockWord = BlockWord(FREE);

    /// A word from shared memory; nothing is assumed about it.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> BlockWord {
        BlockWord(bits)
    }

    /// The word to store.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// `LOANED(owner)`.
    #[inline(always)]
    pub const fn loaned(owner: Owner) -> BlockWord {
        BlockWord((owner.id() as u64) << OWNER_SHIFT | LOANED)
    }

    /// `STAGED(owner, position)`, of any position.
    #[inline(always)]
    pub const fn staged(owner: Owner, position: u64) -> BlockWord {
        BlockWord(position << POSITION_SHIFT | (owner.id() as u64) << OWNER_SHIFT | STAGED)
    }

    /// `READING(owner, position)`, of any position.
    #[inline(always)]
    pub const fn reading(owner: Owner, position: u64) -> BlockWord {
        BlockWord(position << POSITION_SHIFT | (owner.id() as u64) << OWNER_SHIFT | READING)
    }

    /// What the word says, if the protocol could have stored it: owners are multi endpoints with an id below `ids`.
    #[inline]
    pub const fn decode(self, ids: u16) -> Option<BlockPhase> {
        let id = (self.0 >> OWNER_SHIFT & OWNER_MASK) as u16;
        let position = self.0 >> POSITION_SHIFT;
        let owner = if id >= Owner::FIRST_MULTI && id < ids {
            Owner::new(id)
        } else {
            None
        };
        match (self.0 & PHASE_MASK, owner) {
            (FREE, _) if self.0 == FREE => Some(BlockPhase::Free),
            (LOANED, Some(owner)) if position == 0 => Some(BlockPhase::Loaned(owner)),
            (STAGED, Some(owner)) => Some(BlockPhase::Staged(owner, position)),
            (READING, Some(owner)) => Some(BlockPhase::Reading(owner, position)),
            (READING, None) if id == Owner::ORPHAN.id() => Some(BlockPhase::Reading(Owner::ORPHAN, position)),
            _ => None,
        }
    }
}

impl fmt::Debug for BlockWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decode(Owner::LIMIT) {
            Some(BlockPhase::Free) => write!(f, "FREE"),
            Some(BlockPhase::Loaned(o)) => write!(f, "LOANED({o:?})"),
            Some(BlockPhase::Staged(o, p)) => write!(f, "STAGED({o:?}, {p})"),
            Some(BlockPhase::Reading(o, p)) => write!(f, "READING({o:?}, {p})"),
            None => write!(f, "IMPOSSIBLE({:#018x})", self.0),
        }
    }
}

/// The part of a position that is in a block's word.
#[inline(always)]
pub const fn in_word(position: u64) -> u64 {
    position & POSITION_MASK
}

/// How far `to` is after `from`, both as they are in words; negative if it is before.
pub const fn words_apart(from: u64, to: u64) -> i64 {
    let unused = 64 - POSITION_BITS;
    (to.wrapping_sub(from) << unused) as i64 >> unused
}

/// An entry of the ring, as loaded: any 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry(u64);

impl Entry {
    /// Bits of an index.
    pub const INDEX_BITS: u32 = 16;

    /// An entry from shared memory; nothing is assumed about it.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> Entry {
        Entry(bits)
    }

    /// The word to store.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// In `lap`, block `index`.
    #[inline(always)]
    pub const fn new(lap: u64, index: u32) -> Entry {
        Entry(lap << Self::INDEX_BITS | index as u64)
    }

    /// The lap in which it was filled. Compare by [`Laps::lap_distance`].
    #[inline(always)]
    pub const fn lap(self) -> u64 {
        self.0 >> Self::INDEX_BITS
    }

    /// The block that it names; any 16 bits.
    #[inline(always)]
    pub const fn index(self) -> u32 {
        (self.0 & ((1 << Self::INDEX_BITS) - 1)) as u32
    }

    /// As the entry of the position that a block's word has: does it name block `index` for that very position?
    pub const fn names(self, laps: Laps, position: u64, index: u32) -> bool {
        self.index() == index && in_word(laps.at(self.lap(), laps.index(position))) == position
    }
}
