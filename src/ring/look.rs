//! What does a slot's word mean to someone who stands at position `p`?

use crate::layout::{Laps, Phase, State};

use super::{Ring, WALKS};

/// What to do at a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// A place to fill, a message to take.
    Ready,
    /// Taken by others: go on at this position.
    Pass(u64),
    /// Full, or empty.
    Blocked,
    /// A word that the protocol cannot have stored.
    Corrupt,
}

/// Why an operation was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// Full (to a sender), empty (to a receiver).
    Blocked,
    /// A word that the protocol cannot have stored: some process writes into the region that should not.
    Corrupt,
}

/// To a sender at `p`: `FREE(lap)` is a place. Claimed in this lap: the next position. A later lap `L` at this index
/// proves that position `(L - 1, index)` was claimed, so (R1) all before it were: go on behind it. The lap before, not
/// free: full. Free a lap before, or further back, would be an unclaimed position behind `p`, against R1.
#[inline(never)]
pub(super) fn send<T>(ring: &Ring<T>, p: u64, state: State) -> Look {
    let laps = ring.laps;
    let Some((lap, phase)) = ring.decode(state) else {
        return Look::Corrupt;
    };
    match (laps.lap_distance(laps.lap(p), lap), phase) {
        (0, Phase::Free) => Look::Ready,
        (0, _) => Look::Pass(laps.next(p)),
        (1.., _) => Look::Pass(laps.next(laps.at(lap.wrapping_sub(1), laps.index(p)))),
        (-1, Phase::Free) | (..-1, _) => Look::Corrupt,
        (-1, _) => Look::Blocked,
    }
}

/// To a receiver at `p`: `FULL(lap)` is a message. Free or being written: empty. Being read in this lap: the next
/// position. A later lap `L` proves that a sender has claimed `(L - 1, index)`, hence (R1) everything a lap before
/// that was drained or a gap: go on behind `(L - 2, index)`, and never back. (Behind `(L - 1, index)` would skip
/// messages behind a gap.) Still being read in the lap before: empty. Any other earlier word contradicts R2.
#[inline(never)]
pub(super) fn receive<T>(ring: &Ring<T>, p: u64, state: State) -> Look {
    let laps = ring.laps;
    let Some((lap, phase)) = ring.decode(state) else {
        return Look::Corrupt;
    };
    match (laps.lap_distance(laps.lap(p), lap), phase) {
        (0, Phase::Full) => Look::Ready,
        (0, Phase::Free | Phase::Writing(_)) => Look::Blocked,
        (0, Phase::Reading(_)) | (1, _) => Look::Pass(laps.next(p)),
        (2.., _) => Look::Pass(laps.next(laps.at(lap.wrapping_sub(2), laps.index(p)))),
        (-1, Phase::Reading(_)) => Look::Blocked,
        (..0, _) => Look::Corrupt,
    }
}

/// The bound on a walk.
pub(super) struct Walk {
    /// Steps of each walk.
    limit: u64,
    /// Steps left in this one.
    left: u64,
    /// Walks left, this one included.
    walks: u64,
}

impl Walk {
    /// A walk that has just started at a hint.
    #[inline(always)]
    pub(super) fn new(laps: Laps) -> Walk {
        let limit = laps.capacity() * 4 + 64;
        Walk {
            limit,
            left: limit,
            walks: WALKS,
        }
    }

    /// Counts a step: `true` says to start again at the hint, an error to give up for now.
    #[inline]
    pub(super) fn step(&mut self) -> Result<bool, Refused> {
        self.left -= 1;
        if self.left > 0 {
            return Ok(false);
        }
        self.left = self.limit;
        self.walks -= 1;
        if self.walks == 0 {
            return Err(Refused::Blocked);
        }
        Ok(true)
    }
}
