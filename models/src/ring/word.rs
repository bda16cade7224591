//! Where is a position, and what does a slot's word mean to someone who stands there?
//!
//! As `src/layout/laps.rs`, `src/layout/state.rs` and `src/ring/look.rs` say, with so few laps that every scenario goes
//! past the last one.

use super::Rule;

/// Slots at most.
pub const SLOTS: usize = 4;
/// Who owns the messages of dead receivers.
pub const ORPHAN: u8 = u8::MAX;

/// The arithmetic of positions.
#[derive(Clone, Copy, Debug)]
pub struct Laps {
    /// Slots.
    pub capacity: u8,
    /// A power of two.
    pub laps: u8,
}

impl Laps {
    /// The slot of a position.
    pub fn index(self, p: u8) -> usize {
        usize::from(p % self.capacity)
    }

    /// The lap of a position.
    pub fn lap(self, p: u8) -> u8 {
        p / self.capacity
    }

    /// The position of a slot in any `lap`.
    pub fn at(self, lap: u8, index: usize) -> u8 {
        (lap % self.laps) * self.capacity + index as u8
    }

    /// `p + n`.
    pub fn add(self, p: u8, n: u8) -> u8 {
        ((u16::from(p) + u16::from(n)) % (u16::from(self.capacity) * u16::from(self.laps))) as u8
    }

    /// How far `to` is after `from`; negative if it is before.
    pub fn distance(self, from: u8, to: u8) -> i16 {
        wrapped(from, to, i16::from(self.capacity) * i16::from(self.laps))
    }

    /// How many laps `to` is after `from`.
    pub fn lap_distance(self, from: u8, to: u8) -> i16 {
        wrapped(from, to, i16::from(self.laps))
    }
}

fn wrapped(from: u8, to: u8, modulus: i16) -> i16 {
    let distance = (i16::from(to) - i16::from(from)).rem_euclid(modulus);
    if distance >= modulus / 2 {
        distance - modulus
    } else {
        distance
    }
}

/// What is done with a slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// To be filled.
    Free,
    /// Claimed by a sender.
    Writing(u8),
    /// A message.
    Full,
    /// Claimed by a receiver.
    Reading(u8),
}

/// A slot's word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Word {
    /// In which lap.
    pub lap: u8,
    /// What is done with it.
    pub phase: Phase,
}

impl Word {
    /// `FREE(lap)`.
    pub fn free(lap: u8) -> Word {
        Word {
            lap,
            phase: Phase::Free,
        }
    }

    /// `FULL(lap)`.
    pub fn full(lap: u8) -> Word {
        Word {
            lap,
            phase: Phase::Full,
        }
    }

    /// `WRITING(lap, owner)`.
    pub fn writing(lap: u8, owner: u8) -> Word {
        Word {
            lap,
            phase: Phase::Writing(owner),
        }
    }

    /// `READING(lap, owner)`.
    pub fn reading(lap: u8, owner: u8) -> Word {
        Word {
            lap,
            phase: Phase::Reading(owner),
        }
    }

    /// Whose claim it is.
    pub fn owner(self) -> Option<u8> {
        match self.phase {
            Phase::Writing(owner) | Phase::Reading(owner) => Some(owner),
            Phase::Free | Phase::Full => None,
        }
    }
}

/// What to do at a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// A place to fill, a message to take.
    Ready,
    /// Go on at this position.
    Pass(u8),
    /// Full, or empty.
    Blocked,
    /// A word that cannot be there.
    Corrupt,
}

/// Without [`Rule::LapsWrap`] laps are plain numbers.
fn laps_ahead(laps: Laps, p: u8, word: Word, without: Option<Rule>) -> i16 {
    if without == Some(Rule::LapsWrap) {
        return i16::from(word.lap) - i16::from(laps.lap(p));
    }
    laps.lap_distance(laps.lap(p), word.lap)
}

/// To a sender at `p`.
pub fn send(laps: Laps, p: u8, word: Word, without: Option<Rule>) -> Look {
    match (laps_ahead(laps, p, word, without), word.phase) {
        (0, Phase::Free) => Look::Ready,
        (0, _) => Look::Pass(laps.add(p, 1)),
        (1.., _) => Look::Pass(laps.add(laps.at(word.lap + laps.laps - 1, laps.index(p)), 1)),
        (-1, Phase::Free) | (..-1, _) => Look::Corrupt,
        (-1, _) => Look::Blocked,
    }
}

/// To a receiver at `p`.
pub fn receive(laps: Laps, p: u8, word: Word, without: Option<Rule>) -> Look {
    let behind = if without == Some(Rule::ReceiverJump) { 1 } else { 2 };
    match (laps_ahead(laps, p, word, without), word.phase) {
        (0, Phase::Full) => Look::Ready,
        (0, Phase::Writing(_)) if without == Some(Rule::WritingIsEmpty) => Look::Pass(p),
        (0, Phase::Free | Phase::Writing(_)) => Look::Blocked,
        (0, Phase::Reading(_)) | (1, _) => Look::Pass(laps.add(p, 1)),
        (2.., _) => Look::Pass(laps.add(laps.at(word.lap + laps.laps - behind, laps.index(p)), 1)),
        (-1, Phase::Reading(_)) if without == Some(Rule::EarlierLapIsEmpty) => Look::Pass(laps.add(p, 1)),
        (-1, Phase::Reading(_)) => Look::Blocked,
        (..0, _) => Look::Corrupt,
    }
}
