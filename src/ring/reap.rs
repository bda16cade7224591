//! How is repaired what a dead endpoint left in the slots?
//!
//! One pass over all slots, oldest position first, each repair one compare-and-swap of the whole word, so that a
//! reaper may itself be killed anywhere and the next one starts over. Who calls holds the dead one's owner byte (R4):
//! that makes the check and the repair one step, elects one reaper, and keeps newcomers off the id.

use bytemuck::Pod;

use crate::edge;
use crate::layout::{Owner, Phase, Role, State};
use crate::sync::{Ordering, Relaxed};

use super::{Claim, Refused, Ring, names};

/// What a pass repaired.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Repairs {
    /// Slots that a dead sender had claimed: gaps now.
    pub(crate) gaps: u64,
    /// Messages that a dead receiver had claimed, now for any receiver.
    pub(crate) orphans: u64,
}

impl Repairs {
    /// How many slots.
    pub(crate) fn slots(self) -> u64 {
        self.gaps + self.orphans
    }
}

impl<T: Pod> Ring<T> {
    /// Ends every claim of `dead`: of a sender `WRITING` becomes a gap, of a receiver `READING` an orphan. The other one is
    /// [`Refused::Corrupt`], and stays.
    ///
    /// The caller holds `dead`'s owner byte, or is `dead` and has no operation under way (a newcomer that sweeps its
    /// id, an endpoint that detaches).
    pub(crate) fn reap(&self, dead: Owner, role: Role) -> Result<Repairs, Refused> {
        self.reap_but(dead, role, |_, _| false)
    }

    /// The same of a dead receiver for a receiver `me`: the oldest message goes to it, the others become orphans.
    pub(crate) fn reap_and_take(&self, dead: Owner, me: Owner) -> Result<(Repairs, Option<Claim<T>>), Refused> {
        let mut taken = None;
        let repairs = self.reap_but(dead, Role::Receiver, |position, state| {
            if taken.is_none() && self.take_over(position, state, me) {
                taken = Some(Claim { ring: *self, position });
                return true;
            }
            false
        })?;
        Ok((repairs, taken))
    }

    /// Takes the oldest orphan for the receiver `me`.
    pub(crate) fn take_orphan(&self, me: Owner) -> Result<Option<Claim<T>>, Refused> {
        for position in self.oldest_first() {
            let (position, state, phase) = self.claimed(position)?;
            if phase == Phase::Reading(Owner::ORPHAN) && self.take_over(position, state, me) {
                let claim = Claim { ring: *self, position };
                // Only now: until it is ours, others may take it, and go on.
                if let Err(refused) = self.in_its_lap(position) {
                    claim.hand_back();
                    return Err(refused);
                }
                return Ok(Some(claim));
            }
        }
        Ok(None)
    }

    /// There is a message that a receiver could take now: at the head, or an orphan.
    pub(crate) fn has_messages(&self) -> Result<bool, Refused> {
        let (_, empty) = self.find_head()?;
        if !empty {
            return Ok(true);
        }
        self.has_orphans()
    }

    /// There is a message that its receiver's reaper has left for any other.
    pub(crate) fn has_orphans(&self) -> Result<bool, Refused> {
        for position in self.oldest_first() {
            let (_, _, phase) = self.claimed(position)?;
            if phase == Phase::Reading(Owner::ORPHAN) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The oldest message that a receiver holds, or nobody does any more.
    pub(crate) fn oldest_held(&self) -> Result<Option<u64>, Refused> {
        for position in self.oldest_first() {
            let (position, _, phase) = self.claimed(position)?;
            if matches!(phase, Phase::Reading(_)) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Where receivers find the ring empty, and where senders find it full.
    pub(crate) fn held_up_at(&self) -> Result<Vec<u64>, Refused> {
        let held_up = |found| match found {
            Ok((p, true)) => Ok(Some(p)),
            Ok((_, false)) | Err(Refused::Blocked) => Ok(None),
            Err(Refused::Corrupt) => Err(Refused::Corrupt),
        };
        let both = [held_up(self.find_head())?, held_up(self.find_tail())?];
        Ok(both.into_iter().flatten().collect())
    }

    /// The claim in the slot of `position`, in whichever lap, and the endpoint that it names.
    pub(crate) fn claim_at(&self, position: u64) -> Result<Option<(Owner, u64)>, Refused> {
        let (_, state, phase) = self.claimed(position)?;
        Ok(match phase {
            Phase::Reading(Owner::ORPHAN) | Phase::Free | Phase::Full => None,
            Phase::Writing(owner) | Phase::Reading(owner) => Some((owner, state.bits())),
        })
    }

    fn reap_but(&self, dead: Owner, role: Role, mut keep: impl FnMut(u64, State) -> bool) -> Result<Repairs, Refused> {
        let laps = self.laps;
        let mut repairs = Repairs::default();
        for position in self.oldest_first() {
            let (position, state, phase) = self.claimed(position)?;
            if !names(phase, dead) {
                continue;
            }
            let lap = laps.lap(position);
            match (phase, role) {
                (Phase::Writing(_), Role::Sender) => {
                    self.in_its_lap(position)?;
                    let free = State::free(laps.next_lap(lap));
                    // [GAP] Release, pairs with a sender's look: the dead sender's bytes come before the next
                    // payload (they happened before us: the kernel freed its owner byte after its last thread).
                    if self.replace(position, state, free, edge::GAP.release()) {
                        repairs.gaps += 1;
                    }
                }
                (Phase::Reading(_), Role::Receiver) => {
                    self.in_its_lap(position)?;
                    if keep(position, state) {
                        continue;
                    }
                    let orphan = State::reading(lap, Owner::ORPHAN);
                    // [ORPHAN] Release, pairs with a taker's look: the dead receiver's reads come before whatever
                    // the taker lets happen to the slot.
                    if self.replace(position, state, orphan, edge::ORPHAN.release()) {
                        repairs.orphans += 1;
                    }
                }
                // No endpoint makes claims of the other end.
                _ => return Err(Refused::Corrupt),
            }
        }
        Ok(repairs)
    }

    /// Each slot once, the one that a sender would fill next first: what is claimed there is the oldest.
    fn oldest_first(&self) -> impl Iterator<Item = u64> + use<T> {
        let laps = self.laps;
        // Any start is right, the order alone depends on it.
        let start = self.find_tail().map_or(0, |(p, _)| p);
        (0..laps.capacity()).map(move |i| laps.add(start, i))
    }

    /// The word at the slot of `near`, whatever lap it is in, and the position that it speaks of.
    fn claimed(&self, near: u64) -> Result<(u64, State, Phase), Refused> {
        // Relaxed: hint (re-checked by [CLAIMED] or the compare-and-swap that repairs).
        let state = self.state(near, Relaxed);
        let (lap, phase) = self.decode(state).ok_or(Refused::Corrupt)?;
        Ok((self.laps.at(lap, self.laps.index(near)), state, phase))
    }

    /// A claim at `position` that stands until we end it, and whose owner's past we have seen, is of a lap that it can be
    /// of, by the slot before it.
    ///
    /// The position before was claimed first (R1). The one a lap after the claim is not claimed while that stands, nor is any
    /// behind it (R1). So the slot before was last claimed in the lap of the position before, or in the next one. (In a ring
    /// of one slot that is the same slot, and every lap passes: there is nothing to hold it against but a hint, and when
    /// senders are killed before they store it, one after the other, that lags by as many laps.)
    fn in_its_lap(&self, position: u64) -> Result<(), Refused> {
        let laps = self.laps;
        let before = laps.position(position.wrapping_sub(1));
        // Relaxed: under the owner byte, or the [CLAIMED] by which we took it over: who made the claim, or the message that
        // is claimed, had seen the position before claimed, and that comes before our look.
        let (lap, phase) = self.decode(self.state(before, Relaxed)).ok_or(Refused::Corrupt)?;
        let claimed = if phase == Phase::Free {
            laps.lap_before(lap)
        } else {
            lap
        };
        match laps.lap_distance(laps.lap(before), claimed) {
            0 | 1 => Ok(()),
            _ => Err(Refused::Corrupt),
        }
    }

    /// `state`, a `READING`, becomes our own.
    fn take_over(&self, position: u64, state: State, me: Owner) -> bool {
        let mine = State::reading(self.laps.lap(position), me);
        // [CLAIMED] Acquire, pairs with the publish, and with the making of an orphan, that the claim's release sequence
        // goes back to: who takes over READING sees the payload. Not at the look: since then an orphan may have been
        // taken, read and handed back, to the same word.
        self.replace(position, state, mine, edge::CLAIMED.acquire())
    }

    fn replace(&self, position: u64, from: State, to: State, success: Ordering) -> bool {
        // Failure Relaxed: nothing was done, nothing is read.
        self.slot(position)
            .state
            .compare_exchange(from.bits(), to.bits(), success, Relaxed)
            .is_ok()
    }
}
