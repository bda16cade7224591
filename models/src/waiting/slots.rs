//! What can be done at the ring, in one step?
//!
//! Hints are exact here and walks take no time: the ring itself is looked at in [`ring`](crate::ring).

/// Slots at most.
pub(super) const SLOTS: usize = 2;

/// A slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Slot {
    pub(super) lap: u8,
    pub(super) phase: Phase,
}

/// What is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Phase {
    Free,
    Writing,
    Full,
    Reading,
    Orphan,
}

/// The slots that there are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Slots {
    slots: [Slot; SLOTS],
    capacity: u8,
}

impl Slots {
    pub(super) fn new(capacity: u8) -> Slots {
        let empty = Slot {
            lap: 0,
            phase: Phase::Free,
        };
        Slots {
            slots: [empty; SLOTS],
            capacity,
        }
    }

    fn at(&self, p: u8) -> Slot {
        self.slots[usize::from(p % self.capacity)]
    }

    pub(super) fn set(&mut self, p: u8, lap: u8, phase: Phase) {
        self.slots[usize::from(p % self.capacity)] = Slot { lap, phase };
    }

    /// The first place from `p` on.
    pub(super) fn place_from(&self, mut p: u8) -> Option<u8> {
        loop {
            let (slot, lap) = (self.at(p), p / self.capacity);
            if slot.lap < lap {
                return None;
            }
            if slot.lap == lap && slot.phase == Phase::Free {
                return Some(p);
            }
            p += 1;
        }
    }

    /// The first message from `p` on.
    pub(super) fn message_from(&self, mut p: u8) -> Option<u8> {
        loop {
            let (slot, lap) = (self.at(p), p / self.capacity);
            match slot.phase {
                Phase::Full if slot.lap == lap => return Some(p),
                Phase::Free | Phase::Writing if slot.lap == lap => return None,
                _ if slot.lap < lap => return None,
                _ => p += 1,
            }
        }
    }

    /// An orphan's position.
    pub(super) fn orphan(&self) -> Option<u8> {
        let index = self.slots.iter().position(|slot| slot.phase == Phase::Orphan)?;
        Some(self.slots[index].lap * self.capacity + index as u8)
    }

    /// The lap of a position.
    pub(super) fn lap(&self, p: u8) -> u8 {
        p / self.capacity
    }

    /// The phase of the slot of a position.
    pub(super) fn phase(&self, p: u8) -> Phase {
        self.at(p).phase
    }

    /// Nobody is at work.
    pub(super) fn quiet(&self) -> bool {
        let quiet = |slot: &Slot| matches!(slot.phase, Phase::Free | Phase::Full);
        self.slots.iter().all(quiet)
    }
}
