//! How does a sender come by a block, and how does a block become a message?

use bytemuck::Pod;

use super::{Look, Pool};
use crate::edge;
use crate::layout::Owner;
use crate::layout::block::{BlockPhase, BlockWord, Entry};
use crate::ring::Refused;
use crate::sync::{Relaxed, prefetch};

/// Looks at entries before a publish gives up. Each that is lost is another sender's success, so on a sound ring nobody comes
/// near it; it keeps one who scribbles without end from keeping us. A guess.
const LOOKS: u64 = 1 << 22;

/// A block that a sender alone may touch (B3): `LOANED` or `STAGED` with its id. It stays that until it is published or
/// aborted, or reaped after its owner's death.
#[must_use]
#[derive(Debug)]
pub(crate) struct Loaned {
    index: u32,
}

impl Loaned {
    /// Which block.
    #[inline(always)]
    pub(crate) fn index(&self) -> u32 {
        self.index
    }
}

impl<H: Pod> Pool<H> {
    /// Takes a free block, the first from block `from` on, all round.
    ///
    /// [`Refused::Blocked`] is exact unless another sender has taken a block meanwhile.
    #[inline]
    pub(crate) fn loan(&self, me: Owner, from: u32) -> Result<Loaned, Refused> {
        let count = self.count();
        let mut index = from % count;
        // Relaxed: hint (nothing depends on it). Receivers look at that entry all the time; by when it is filled it is here.
        prefetch(self.entry(self.position(self.lines().tail.0.load(Relaxed))));
        for _ in 0..count {
            // Relaxed: hint (re-checked by [FREED]'s compare-and-swap).
            match self.decode(self.word(index, Relaxed))? {
                BlockPhase::Free if self.take_free(me, index) => return Ok(Loaned { index }),
                _ => index = if index + 1 == count { 0 } else { index + 1 },
            }
        }
        Err(Refused::Blocked)
    }

    /// `FREE` → `LOANED(me)`.
    #[inline(always)]
    fn take_free(&self, me: Owner, index: u32) -> bool {
        let mine = BlockWord::loaned(me);
        // Success [FREED] Acquire, pairs with whoever freed it: what they read and wrote comes before what we write.
        // Failure Relaxed: nothing was done, nothing is read.
        self.head(index)
            .word
            .compare_exchange(BlockWord::FREE.bits(), mine.bits(), edge::FREED.acquire(), Relaxed)
            .is_ok()
    }

    /// A block of the caller's own → `FREE`.
    #[inline(always)]
    pub(super) fn free(&self, index: u32) {
        // [FREED] Release, pairs with the next loan: our reads and writes come before what is written then.
        self.head(index)
            .word
            .store(BlockWord::FREE.bits(), edge::FREED.release());
    }

    /// Gives a block back.
    #[inline]
    pub(crate) fn abort(&self, block: Loaned) {
        self.free(block.index);
    }

    /// Writes length and header of a message.
    #[inline]
    pub(crate) fn fill(&self, block: &mut Loaned, length: u64, header: &H) {
        let head = self.head(block.index);
        // Relaxed: under the loan; published with the entry.
        head.length.store(length, Relaxed);
        // SAFETY: B3: `block` says that the word is LOANED with our id, and only we (B4: alive) end that. A `Head` is 8-byte aligned, and its
        // header follows two words.
        unsafe { head.header.write(header) };
    }

    /// Publishes a block of `me`'s, filled, at the next position.
    ///
    /// # Errors
    /// None on a sound ring. After [`Refused::Corrupt`] the block is on loan as before.
    #[inline]
    pub(crate) fn publish(&self, me: Owner, block: Loaned) -> Result<(), (Loaned, Refused)> {
        let laps = self.laps;
        // [TAIL] Acquire: every position before the hint is seen filled (B1).
        let mut t = self.position(self.lines().tail.0.load(edge::TAIL.acquire()));
        for _ in 0..LOOKS {
            // [ENTRY] Acquire, pairs with who filled it: what comes before it is seen filled as well (B1).
            let entry = Entry::from_bits(self.entry(t).load(edge::ENTRY.acquire()));
            match self.look(t, entry) {
                Ok(Look::Blank) if self.put(me, block.index, t, entry) => return Ok(()),
                Ok(Look::Blank) => {} // Another sender has it: it will be seen filled.
                Ok(Look::Named(_)) => t = laps.next(t),
                Ok(Look::Later(q)) => t = laps.next(q),
                Err(_) => break,
            }
        }
        // Relaxed: under the loan (nothing is published by it).
        self.head(block.index).word.store(BlockWord::loaned(me).bits(), Relaxed);
        Err((block, Refused::Corrupt))
    }

    /// Block `index`, on loan to `me`, becomes the message of position `t`, if its entry is still `before`.
    #[inline(always)]
    fn put(&self, me: Owner, index: u32, t: u64, before: Entry) -> bool {
        // Before the entry, and again for each position: who sees the entry finds it.
        // Relaxed: under the loan; published with the entry. Who takes the block over later comes after its receiver (B4, or
        // [ORPHAN]), who has seen the entry.
        self.head(index).word.store(BlockWord::staged(me, t).bits(), Relaxed);
        let filled = Entry::new(self.laps.lap(t), index);
        // Success [ENTRY] Release, pairs with the receivers' look: who sees it sees the word and the message.
        // Failure Relaxed: looked at again.
        let put = self
            .entry(t)
            .compare_exchange(before.bits(), filled.bits(), edge::ENTRY.release(), Relaxed);
        if put.is_ok() {
            let next = self.hint(self.laps.next(t));
            // [TAIL] Release: who starts here finds what is before it filled. After the entry, never before.
            self.lines().tail.0.store(next, edge::TAIL.release());
        }
        put.is_ok()
    }
}
