//! What do the words of a region of blocks say, seen from outside?
//!
//! Written against `src/layout/LAYOUT.md` alone, as `support::words` is, which has the lines that both transports share.

use std::fs::File;
use std::ops::{Deref, RangeInclusive};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use crate::support::{Words, words};

/// Owner of a message that its receiver's reaper left for any other.
pub(crate) const ORPHAN: u16 = words::ORPHAN;

/// Phases of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Free = 0,
    Loaned = 1,
    Staged = 2,
    Reading = 3,
}

/// A block's word, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct State {
    /// Bits 63 to 16.
    pub(crate) position: u64,
    /// Bits 15 to 3.
    pub(crate) owner: u16,
    /// Bits 2 to 0.
    pub(crate) phase: Phase,
}

impl State {
    /// The word.
    pub(crate) fn bits(self) -> u64 {
        self.position << 16 | u64::from(self.owner) << 3 | self.phase as u64
    }
}

/// A region's words.
#[derive(Debug)]
pub(crate) struct BlockWords {
    common: Words,
    file: File,
    /// Blocks.
    pub(crate) count: u64,
    /// Entries.
    pub(crate) entries: u64,
    stride: u64,
    entries_at: u64,
    blocks_at: u64,
}

impl BlockWords {
    /// The words of `channel`, whose headers are aligned to 16 bytes at most.
    pub(crate) fn of(channel: &impl AsFd) -> BlockWords {
        let common = Words::of(channel);
        let file = File::from(channel.as_fd().try_clone_to_owned().expect("a duplicate"));
        let (count, align) = (common.capacity, u64::from(u32_at(&file, 32)));
        let entries = count.next_power_of_two();
        let entries_at = 768 + 128 * u64::from(common.table_length);
        assert_eq!(u32_at(&file, 12), 5, "blocks");
        BlockWords {
            stride: 64 * u64::from(u32_at(&file, 24)),
            blocks_at: (entries_at + 8 * entries).next_multiple_of(align.max(128)),
            common,
            file,
            count,
            entries,
            entries_at,
        }
    }

    fn word(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes, offset)
            .expect("a word of the region");
        u64::from_ne_bytes(bytes)
    }

    fn set_word(&self, offset: u64, word: u64) {
        self.file
            .write_all_at(&word.to_ne_bytes(), offset)
            .expect("a word of the region");
    }

    fn block(&self, index: u64) -> u64 {
        assert!(index < self.count);
        self.blocks_at + index * self.stride
    }

    /// The word of a block, whatever it says.
    pub(crate) fn bits(&self, index: u64) -> u64 {
        self.word(self.block(index))
    }

    /// Stores any word there.
    pub(crate) fn set_bits(&self, index: u64, bits: u64) {
        self.set_word(self.block(index), bits);
    }

    /// What the word of a block says.
    pub(crate) fn state(&self, index: u64) -> State {
        let bits = self.bits(index);
        State {
            position: bits >> 16,
            owner: (bits >> 3 & 8191) as u16,
            phase: match bits & 7 {
                0 => Phase::Free,
                1 => Phase::Loaned,
                2 => Phase::Staged,
                3 => Phase::Reading,
                _ => panic!("block {index}: impossible word {bits:#x}"),
            },
        }
    }

    /// All of them.
    pub(crate) fn states(&self) -> Vec<State> {
        (0..self.count).map(|index| self.state(index)).collect()
    }

    /// How many blocks are in `phase` with `owner`.
    pub(crate) fn with(&self, phase: Phase, owner: u16) -> usize {
        let is = |state: &State| (state.phase, state.owner) == (phase, owner);
        self.states().iter().filter(|state| is(state)).count()
    }

    /// Nothing is in use.
    pub(crate) fn all_free(&self) -> bool {
        (0..self.count).all(|index| self.bits(index) == 0)
    }

    /// Stores how many items the message in a block has.
    pub(crate) fn set_length(&self, index: u64, length: u64) {
        self.set_word(self.block(index) + 8, length);
    }

    /// Stores any word as the entry of a position.
    pub(crate) fn set_entry(&self, position: u64, entry: u64) {
        self.set_word(self.entries_at + 8 * (position % self.entries), entry);
    }

    /// Where the words of the protocol are, all of them: entries, and the first two words of each block.
    pub(crate) fn offsets(&self) -> Vec<u64> {
        let entries = (0..self.entries).map(|entry| self.entries_at + 8 * entry);
        let blocks = (0..self.count).flat_map(|index| [self.block(index), self.block(index) + 8]);
        [128, 256].into_iter().chain(entries).chain(blocks).collect()
    }

    /// Stores a word anywhere.
    pub(crate) fn scribble(&self, offset: u64, word: u64) {
        self.set_word(offset, word);
    }

    /// Bits of a position: laps have 48.
    pub(crate) fn position_bits(&self) -> u32 {
        48 + self.entries.trailing_zeros()
    }

    /// Makes the fresh, empty channel one whose next position is `start`, modulo what positions are.
    pub(crate) fn wind(&self, start: u64) {
        let mask = u64::MAX >> (64 - self.position_bits());
        let shift = self.entries.trailing_zeros();
        let hint = start.wrapping_sub(self.entries) & mask;
        self.common.set_hints(hint, hint);
        for position in self.positions(start) {
            // As the lap before has left it, with some block or other.
            let lap = (position & mask) >> shift;
            let before = lap.wrapping_sub(1) & (u64::MAX >> 16);
            self.set_entry(position, before << 16);
        }
    }

    fn positions(&self, start: u64) -> impl Iterator<Item = u64> {
        let range: RangeInclusive<u64> = 0..=self.entries - 1;
        range.map(move |i| start.wrapping_add(i))
    }
}

impl Deref for BlockWords {
    type Target = Words;

    fn deref(&self) -> &Words {
        &self.common
    }
}

fn u32_at(file: &File, offset: u64) -> u32 {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset).expect("a word of the region");
    u32::from_ne_bytes(bytes)
}
