//! What do the words of a channel of blocks say, seen from outside?
//!
//! As [`words`](super::words), written against `src/layout/LAYOUT.md` alone.

use std::fmt::Write as _;
use std::ops::Deref;
use std::os::fd::AsFd;

use super::Words;

/// Phases of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// For any sender.
    Free = 0,
    /// With a sender.
    Loaned = 1,
    /// A message, if its position's entry names it; otherwise still with its sender.
    Staged = 2,
    /// With a receiver, or left by one.
    Reading = 3,
}

/// A block's word, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Bits 63 to 16.
    pub position: u64,
    /// Bits 15 to 3.
    pub owner: u16,
    /// Bits 2 to 0.
    pub phase: Phase,
}

impl Block {
    fn parse(bits: u64) -> Option<Block> {
        let phase = match bits & 7 {
            0 => Phase::Free,
            1 => Phase::Loaned,
            2 => Phase::Staged,
            3 => Phase::Reading,
            _ => return None,
        };
        Some(Block {
            position: bits >> 16,
            owner: (bits >> 3 & 8191) as u16,
            phase,
        })
    }
}

/// An entry, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Bits 63 to 16.
    pub lap: u64,
    /// Bits 15 to 0.
    pub index: u64,
}

/// The words of a region of blocks; those that every region has, too.
#[derive(Debug)]
pub struct Pool(Words);

impl Deref for Pool {
    type Target = Words;

    fn deref(&self) -> &Words {
        &self.0
    }
}

impl Pool {
    /// The words of `channel`; printed should a watchdog bark during this test.
    pub fn of(channel: &impl AsFd) -> Pool {
        Pool(Words::of(channel))
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> u64 {
        self.capacity
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.capacity.next_power_of_two()
    }

    /// The word of block `index`.
    pub fn block(&self, index: u64) -> Block {
        let bits = self.word(block_at(self, index));
        Block::parse(bits).unwrap_or_else(|| panic!("block {index}: impossible word {bits:#x}"))
    }

    /// The entry with this number.
    pub fn entry(&self, number: u64) -> Entry {
        entry_of(self, number)
    }

    /// Block `index`, whose word is `block`, is a message that nobody has received.
    pub fn is_published(&self, index: u64, block: Block) -> bool {
        is_published(self, index, block)
    }

    /// The header of block `index`, `size` bytes of it, and its items; `None` if it says that they are more than it has room
    /// for.
    pub fn message(&self, index: u64, size: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let at = block_at(self, index);
        let items_at = (16 + size).next_multiple_of(self.payload_align);
        let item = u64::from(u32::from_ne_bytes(self.bytes(28, 4).try_into().expect("4 bytes")));
        let length = self.word(at + 8).checked_mul(item)?;
        (items_at.checked_add(length)? <= 64 * self.stride)
            .then(|| (self.bytes(at + 16, size), self.bytes(at + items_at, length)))
    }
}

fn entries_at(words: &Words) -> u64 {
    768 + 128 * u64::from(words.table_length)
}

fn block_at(words: &Words, index: u64) -> u64 {
    assert!(index < words.capacity);
    let entries = 8 * words.capacity.next_power_of_two();
    (entries_at(words) + entries).next_multiple_of(words.payload_align.max(128)) + 64 * words.stride * index
}

fn entry_of(words: &Words, number: u64) -> Entry {
    let bits = words.word(entries_at(words) + 8 * number);
    Entry {
        lap: bits >> 16,
        index: bits & 0xffff,
    }
}

fn is_published(words: &Words, index: u64, block: Block) -> bool {
    let entries = words.capacity.next_power_of_two();
    let entry = entry_of(words, block.position % entries);
    let position = (entry.lap * entries + block.position % entries) & ((1 << 48) - 1);
    block.phase == Phase::Staged && (entry.index, position) == (index, block.position)
}

/// Blocks and entries, for people.
pub(super) fn tell(words: &Words, text: &mut String) {
    for index in 0..words.capacity.min(64) {
        let bits = words.word(block_at(words, index));
        let _ = match Block::parse(bits) {
            Some(block) => {
                let published = if is_published(words, index, block) {
                    ", published"
                } else {
                    ""
                };
                let (phase, position, owner) = (block.phase, block.position, block.owner);
                writeln!(text, "  block {index}: {phase:?}({position}, {owner}){published}")
            }
            None => writeln!(text, "  block {index}: {bits:#018x}"),
        };
    }
    for number in 0..words.capacity.next_power_of_two().min(64) {
        let Entry { lap, index } = entry_of(words, number);
        let _ = writeln!(text, "  entry {number}: lap {lap}, block {index}");
    }
}
