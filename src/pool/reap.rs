//! How is repaired what a dead endpoint left in the blocks?
//!
//! One pass over all blocks, each repair one compare-and-swap of the whole word, so that a reaper may itself be killed
//! anywhere and the next one starts over. Who calls holds the dead one's owner byte (B4), from before the first word is
//! read: that makes the check and the repair one step, elects one reaper, and keeps newcomers off the id.

use super::{Pool, Received};
use crate::edge;
use crate::layout::block::{BlockPhase, BlockWord, words_apart};
use crate::layout::{Owner, Role};
use crate::ring::Refused;
use crate::sync::{Ordering, Relaxed};

impl<H> Pool<H> {
    /// Ends what `dead` has: of a sender, loans; of a receiver, messages, which become orphans. What is the other role's is
    /// [`Refused::Corrupt`], and stays. How many blocks.
    ///
    /// The caller holds `dead`'s owner byte, or is `dead` and has no operation under way (a newcomer that sweeps its id,
    /// an endpoint that detaches).
    pub(crate) fn reap(&self, dead: Owner, role: Role) -> Result<u64, Refused> {
        match role {
            Role::Sender => self.reap_sender(dead),
            Role::Receiver => self.reap_receiver(dead, None).map(|(count, _)| count),
        }
    }

    /// The same of a dead receiver for a receiver `me`: its oldest message goes to it, the others become orphans.
    pub(crate) fn reap_and_take(&self, dead: Owner, me: Owner) -> Result<(u64, Option<Received>), Refused> {
        self.reap_receiver(dead, Some(me))
    }

    fn reap_sender(&self, dead: Owner) -> Result<u64, Refused> {
        let mut count = 0;
        for index in 0..self.count() {
            // Relaxed: under the owner byte.
            let word = self.word(index, Relaxed);
            let ends = match self.decode(word)? {
                BlockPhase::Loaned(owner) => owner == dead,
                // Relaxed: under the owner byte: `dead`'s own entry is seen, and another's at that position may be, or not.
                staged @ BlockPhase::Staged(owner, _) => owner == dead && !self.is_message(index, staged, Relaxed),
                BlockPhase::Reading(owner, _) if owner == dead => return Err(Refused::Corrupt),
                BlockPhase::Free | BlockPhase::Reading(..) => false,
            };
            // [FREED] Release, pairs with the next loan: the dead sender's bytes come before what is written then (they
            // happened before us: the kernel freed its owner byte after its last thread).
            if ends && self.replace(index, word, BlockWord::FREE, edge::FREED.release()) {
                count += 1;
            }
        }
        Ok(count)
    }

    fn reap_receiver(&self, dead: Owner, mut taker: Option<Owner>) -> Result<(u64, Option<Received>), Refused> {
        let (mut count, mut taken) = (0, None);
        for (index, word, position) in self.held_by(dead)? {
            match taker {
                Some(me) if self.take_over(index, word, position, me) => {
                    taken = Some(Received::new(index));
                    taker = None;
                    count += 1;
                }
                _ => {
                    let orphan = BlockWord::reading(Owner::ORPHAN, position);
                    // [ORPHAN] Release, pairs with a taker's compare-and-swap: the dead receiver's reads come before
                    // whatever the taker lets happen to the block.
                    count += u64::from(self.replace(index, word, orphan, edge::ORPHAN.release()));
                }
            }
        }
        Ok((count, taken))
    }

    /// Takes the oldest orphan for the receiver `me`.
    pub(crate) fn take_orphan(&self, me: Owner) -> Result<Option<Received>, Refused> {
        let orphans = self.held_by(Owner::ORPHAN)?;
        let taken = orphans
            .into_iter()
            .find(|&(index, word, position)| self.take_over(index, word, position, me));
        Ok(taken.map(|(index, ..)| Received::new(index)))
    }

    /// There is a message that a receiver could take now: unread, or an orphan.
    pub(crate) fn has_messages(&self) -> Result<bool, Refused> {
        self.any(|index, word| {
            // Relaxed: hint (what is published meanwhile is found by the next look).
            matches!(word, BlockPhase::Reading(Owner::ORPHAN, _)) || self.is_message(index, word, Relaxed)
        })
    }

    /// There is a message that its receiver's reaper has left for any other.
    pub(crate) fn has_orphans(&self) -> Result<bool, Refused> {
        self.any(|_, word| matches!(word, BlockPhase::Reading(Owner::ORPHAN, _)))
    }

    /// The blocks, by index, that hold senders up: all, if none is free.
    pub(crate) fn held_up_at(&self) -> Result<Vec<u64>, Refused> {
        if self.any(|_, word| word == BlockPhase::Free)? {
            return Ok(Vec::new());
        }
        Ok((0..u64::from(self.count())).collect())
    }

    /// The claim of block `index`, if an endpoint has it, as its word, and that endpoint.
    pub(crate) fn claim_at(&self, index: u64) -> Result<Option<(Owner, u64)>, Refused> {
        let index = index as u32;
        // Relaxed: hint (re-checked by who does something about it).
        let word = self.word(index, Relaxed);
        Ok(match self.decode(word)? {
            BlockPhase::Free | BlockPhase::Reading(Owner::ORPHAN, _) => None,
            BlockPhase::Loaned(owner) | BlockPhase::Reading(owner, _) => Some((owner, word.bits())),
            staged @ BlockPhase::Staged(owner, _) => {
                // [ENTRY] Acquire, pairs with who filled it: if that was for a later position, the message that we saw has
                // been received before, and the second look finds another word.
                let message = self.is_message(index, staged, edge::ENTRY.acquire());
                // Relaxed: under ENTRY (see above).
                (!message && self.word(index, Relaxed) == word).then_some((owner, word.bits()))
            }
        })
    }

    fn any(&self, is: impl Fn(u32, BlockPhase) -> bool) -> Result<bool, Refused> {
        for index in 0..self.count() {
            // Relaxed: hint (re-checked by who does something about it).
            if is(index, self.decode(self.word(index, Relaxed))?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The messages that `owner` has received, oldest first.
    fn held_by(&self, owner: Owner) -> Result<Vec<(u32, BlockWord, u64)>, Refused> {
        let mut held = Vec::new();
        for index in 0..self.count() {
            // Relaxed: hint (re-checked by [CLAIMED] or the compare-and-swap that repairs).
            let word = self.word(index, Relaxed);
            match self.decode(word)? {
                BlockPhase::Reading(reader, position) if reader == owner => held.push((index, word, position)),
                // No endpoint is both.
                BlockPhase::Loaned(sender) if sender == owner => return Err(Refused::Corrupt),
                _ => {}
            }
        }
        if let Some(&(_, _, one)) = held.first() {
            held.sort_unstable_by_key(|&(_, _, position)| words_apart(one, position));
        }
        Ok(held)
    }

    /// `word`, a `READING`, becomes our own.
    fn take_over(&self, index: u32, word: BlockWord, position: u64, me: Owner) -> bool {
        // [CLAIMED] Acquire, pairs with the making of an orphan: its receiver had seen the message, and is done with it. (The
        // dead one's own is under the owner byte.)
        self.replace(index, word, BlockWord::reading(me, position), edge::CLAIMED.acquire())
    }

    fn replace(&self, index: u32, from: BlockWord, to: BlockWord, success: Ordering) -> bool {
        // Failure Relaxed: nothing was done, nothing is read.
        self.head(index)
            .word
            .compare_exchange(from.bits(), to.bits(), success, Relaxed)
            .is_ok()
    }
}
