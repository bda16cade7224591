//! What becomes of the words of blocks, and of the entries that name them, when one of their rules is broken?
//!
//! The few blocks of a model have indices below 8, so that no entry looks like a block's word, other than a zero.

use std::cell::RefCell;
use std::ptr::NonNull;

use super::{AtomicU64, Relaxed, Rule};
use crate::layout::block::{BlockPhase, BlockWord};
use crate::layout::{Laps, Owner};

/// Tail and head.
type Hints = ([NonNull<AtomicU64>; 2], Laps);

thread_local! {
    static HINTS: RefCell<Option<Hints>> = const { RefCell::new(None) };
}

/// For runs without [`Rule::HintLast`]: the hints of the blocks that are played on from now on.
pub(crate) fn set_hints(hints: Option<Hints>) {
    HINTS.set(hints);
}

fn decode(bits: u64) -> Option<BlockPhase> {
    BlockWord::from_bits(bits).decode(Owner::LIMIT)
}

pub(super) fn exchange(current: u64, new: u64) -> (u64, u64) {
    match (decode(current), decode(new)) {
        (Some(BlockPhase::Staged(..)), Some(BlockPhase::Reading(_, position))) => {
            hint(1, position);
            (current, new)
        }
        (Some(BlockPhase::Reading(..)), Some(BlockPhase::Reading(Owner::ORPHAN, _))) if !Rule::BlockOrphan.kept() => {
            (current, BlockWord::FREE.bits())
        }
        (Some(BlockPhase::Staged(..)), Some(BlockPhase::Free)) if !Rule::Unpublished.kept() => (current, current),
        _ => (current, new),
    }
}

pub(super) fn blindly(current: u64, new: u64) -> bool {
    match (decode(current), decode(new)) {
        (Some(BlockPhase::Free), Some(BlockPhase::Loaned(_))) => !Rule::Loan.kept(),
        (Some(BlockPhase::Staged(..)), Some(BlockPhase::Reading(..))) => !Rule::Take.kept(),
        (_, None) => !Rule::Entry.kept(),
        _ => false,
    }
}

/// Without [`Rule::StagedFirst`], `value` waits for the next store of a hint, which comes after the entry.
pub(super) fn late(value: u64) -> bool {
    let staged = matches!(decode(value), Some(BlockPhase::Staged(..)));
    staged && !Rule::StagedFirst.kept()
}

/// `value` is about to be stored.
pub(super) fn before(value: u64) {
    if let Some(BlockPhase::Staged(_, position)) = decode(value) {
        hint(0, position);
    }
}

/// Without [`Rule::HintLast`], tells now that `position` is filled (0) or received (1).
fn hint(which: usize, position: u64) {
    if Rule::HintLast.kept() {
        return;
    }
    let Some((hints, laps)) = HINTS.with_borrow(Clone::clone) else {
        return;
    };
    let next = laps.position((position + 1).wrapping_sub(laps.capacity()));
    // SAFETY: who has set it sees to it that it lives.
    unsafe { hints[which].as_ref() }.access().store(next, Relaxed);
}
