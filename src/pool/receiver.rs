//! How does a receiver come by a message, and how does it give the block back?

use bytemuck::Pod;

use super::{Look, Pool};
use crate::edge;
use crate::layout::Owner;
use crate::layout::block::{BlockPhase, BlockWord, Entry, in_word};
use crate::ring::{Refused, WALKS};
use crate::sync::{AtomicU64, Relaxed};
use crate::wait;

/// A message that a receiver alone may touch (B3): its block is `READING` with its id. It stays that until it is released, or
/// reaped after its owner's death.
#[must_use]
#[derive(Debug)]
pub(crate) struct Received {
    index: u32,
}

impl Received {
    /// Of block `index`, whose word the caller has just made its own.
    #[inline(always)]
    pub(super) fn new(index: u32) -> Received {
        Received { index }
    }

    /// Which block.
    #[inline(always)]
    pub(crate) fn index(&self) -> u32 {
        self.index
    }
}

impl<H: Pod> Pool<H> {
    /// Takes the next message.
    ///
    /// [`Refused::Blocked`] is exact: nothing whose publish has come before is left.
    #[inline]
    pub(crate) fn receive(&self, me: Owner) -> Result<Received, Refused> {
        let laps = self.laps;
        let count = u64::from(self.count());
        let limit = 2 * (laps.capacity() + count) + 64;
        for _ in 0..WALKS {
            // [HEAD] Acquire: every position before the hint is seen filled, so that none looks impossibly old.
            let mut p = self.position(self.lines().head.0.load(edge::HEAD.acquire()));
            for _ in 0..limit {
                // [ENTRY] Acquire, pairs with who filled it: the block's word, length, header and bytes are seen.
                let entry = Entry::from_bits(self.entry(p).load(edge::ENTRY.acquire()));
                match self.look(p, entry)? {
                    Look::Blank => return Err(Refused::Blocked),
                    Look::Named(index) => {
                        self.expect(index);
                        if self.take(me, p, index)? {
                            return Ok(Received::new(index));
                        }
                        p = laps.next(p);
                    }
                    // Everything up to `q - K` has been received: at most `K` messages are unread.
                    Look::Later(q) => {
                        let after = laps.add(q, 1u64.wrapping_sub(count));
                        let next = laps.next(p);
                        p = if laps.distance(next, after) > 0 { after } else { next };
                    }
                }
            }
        }
        // Nobody goes so far on a sound ring: the answer of one who was always too late.
        Err(Refused::Blocked)
    }

    /// `STAGED(_, p)` → `READING(me, p)`, and the hint; `false`: it is somebody's already.
    #[inline(always)]
    fn take(&self, me: Owner, p: u64, index: u32) -> Result<bool, Refused> {
        let is_ours = |word| {
            let phase = self.decode(word)?;
            Ok(matches!(phase, BlockPhase::Staged(_, position) if position == in_word(p)))
        };
        // Relaxed: under ENTRY, which was acquired: the word is that of position `p`, or a later one.
        let word = self.word(index, Relaxed);
        if !is_ours(word)? {
            return Ok(false);
        }
        let mine = BlockWord::reading(me, p).bits();
        // Relaxed, both: under ENTRY, as above. Who takes it over from us comes after us: by B4, or [ORPHAN].
        if let Err(other) = self
            .head(index)
            .word
            .compare_exchange(word.bits(), mine, Relaxed, Relaxed)
        {
            // Another receiver was faster. A position is not staged twice.
            return match is_ours(BlockWord::from_bits(other))? {
                true => Err(Refused::Corrupt),
                false => Ok(false),
            };
        }
        let next = self.hint(self.laps.next(p));
        // [HEAD] Release: who starts here finds what is before it filled. After the claim, never before.
        self.lines().head.0.store(next, edge::HEAD.release());
        Ok(true)
    }

    /// Length and header of a message, as sent.
    #[inline]
    pub(crate) fn open(&self, message: &Received) -> (u64, H) {
        let head = self.head(message.index);
        // Relaxed: under the claim, and ENTRY.
        let length = head.length.load(Relaxed);
        // SAFETY: B3: `message` says that the word is READING with our id, and only we (B4: alive) end that.
        (length, unsafe { head.header.read() })
    }

    /// Gives its block back.
    #[inline]
    pub(crate) fn release(&self, message: Received) {
        self.free(message.index);
    }

    /// Where a receiver that was refused waits for a change.
    pub(crate) fn watch_for_a_message(&self) -> Watch<'_> {
        // Relaxed, all: hint (re-checked by the operation).
        let p = self.position(self.lines().head.0.load(Relaxed));
        let word = self.entry(p);
        Watch {
            word,
            seen: self.laps.lap_before(self.laps.lap(p)) << Entry::INDEX_BITS,
            mask: u64::MAX << Entry::INDEX_BITS,
        }
    }

    /// Where a sender that was refused waits for a change: at block `index`.
    pub(crate) fn watch_for_a_block(&self, index: u32) -> Watch<'_> {
        let word = &self.head(index % self.count()).word;
        // Relaxed: hint (re-checked by the operation).
        let seen = word.load(Relaxed);
        Watch {
            word,
            seen,
            mask: u64::MAX,
        }
    }
}

/// A word that refuses an operation. It costs a load to ask whether it is still there.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    word: &'a AtomicU64,
    seen: u64,
    mask: u64,
}

impl wait::Watch for Watch<'_> {
    #[inline(always)]
    fn changed(&self) -> bool {
        // Relaxed: hint (re-checked by the operation).
        self.word.load(Relaxed) & self.mask != self.seen
    }

    /// Nobody lingers for blocks.
    fn ahead(&self, _slots: u64) -> Option<Self> {
        None
    }
}
