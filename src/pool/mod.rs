//! How do messages that stay where they are go from one process to another, whoever dies or stops on the way?
//!
//! This room is the algorithm of blocks and nothing else, as [`ring`](crate::ring) is that of messages that are copied: it
//! knows no mapping, no file, no clock and no process, and does not touch the bytes that a block is for.
//!
//! # The protocol
//! There are `K` blocks, and a ring of `M` entries, `M` the power of two from `K` on. A block's [`BlockWord`] is `FREE`, or
//! a sender's (`LOANED`, then `STAGED` for a position), or a receiver's (`READING`). An [`Entry`] says which block is the
//! message of its position.
//!
//! - *loan*: compare-and-swap of a free block to `LOANED(me)`. Write for as long as wanted. *abort*: one store of `FREE`.
//! - *publish* at `t`, the first position that is not filled: store `STAGED(me, t)`, then compare-and-swap of `t`'s entry
//!   from the lap before to this block. Lost, to another sender: the same at the next position. Then the tail hint. **The
//!   position is taken here, and not at the loan**: a sender that is slow, stopped or dead with a block in hand is in
//!   nobody's way.
//! - *receive* at `p`: the entry of `p` names a block whose word is `STAGED` for `p`: compare-and-swap to
//!   `READING(me, p)`, then the head hint. Any other word: somebody has it, or had it; go on at `p + 1`. Read for as long
//!   as wanted. *release*: one store of `FREE`.
//!
//! A position is of no block's for longer than the entry lasts, and no entry is reused while its message is unread: a
//! sender that has come round to it has filled `M ≥ K` positions since, each with a block that is not this one. So the
//! ring is never full, and whoever has a block can publish it.
//!
//! Tail and head are hints, stored after the compare-and-swap that they tell of (before it, a receiver would pass a
//! position that is about to be filled). They lag by any number of laps and move back. So whoever walks jumps: an entry that
//! was filled in a later lap, for position `q`, proves everything before `q` filled, and, since only `K` messages can be
//! unread, everything up to `q - K` received. Hints are kept less the first lap, so that zeros say that nothing was sent.
//!
//! # Invariants
//! Numbered; SAFETY and ordering comments refer to them.
//! - **B1** Positions are filled in order: every position before a filled one has been filled, and an entry goes from one
//!   lap to the next.
//! - **B2** Every position before the head hint has been received. (Or is being: its block is somebody's.)
//! - **B3** Bytes, length and header of a block are touched only by the owner that its word names: a sender in `LOANED` and
//!   `STAGED`, until it has published, a receiver in `READING`.
//! - **B4** A block is given up by its owner, or by who holds the dead owner's byte (the caller of [`Pool::reap`]).
//! - **B5** `STAGED(owner, p)` was published if and only if the entry of `p` names this block for `p`. That stays so until
//!   it is received, even when `owner` is dead and its id somebody else's.
//!
//! # Edges
//! | label | stored at | loaded at | protects | loom model that fails without it |
//! |---|---|---|---|---|
//! | `ENTRY` | [`sender`]: an entry is filled | [`receiver`]: look at the entry | the block's word and the message are all there | `a_published_block_is_whole` |
//! | | | [`sender`]: look at the entry | B1 for who goes on from there | `two_senders_never_fill_one_entry` |
//! | | | [`reap`]: is it a claim of nobody's? | what has been received is not taken for one | `a_message_is_nobodys_claim` |
//! | `FREED` | [`receiver`]: release; [`sender`]: abort; [`reap`]: a dead sender's | [`sender`]: loan | nothing is overwritten while it is read or written | `a_block_is_not_reused_early` |
//! | `ORPHAN` | [`reap`]: `READING(dead)` → `READING(ORPHAN)` | `CLAIMED`'s compare-and-swap | a dead receiver's reads come before the next message | `an_orphaned_block_is_freed_after_the_dead_receivers_reads` |
//! | `CLAIMED` | `ORPHAN` | [`reap`]: a block is taken over | the message of an orphan | `a_block_taken_over_is_whole` |
//! | `TAIL` | [`sender`]: tail hint | [`sender`]: start of a walk | B1 for who starts there, and no false Empty behind it | `a_sender_starts_behind_filled_entries` |
//! | `HEAD` | [`receiver`]: head hint | [`receiver`]: start of a walk | no entry looks impossibly old | `a_receiver_starts_behind_received_entries` |
//!
//! # Progress
//! All lock-free, whoever is stopped or dead, and with as many blocks as are out of order. Loan and reap pass over all
//! blocks once. A receiver needs at most `M + K + 1` looks; the walk is bounded all the same, since the words may be
//! another's scribbles.
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | loan: `LOANED(me)`; part or all of the message | a block less | reap: `FREE` |
//! | publish: `STAGED(me, t)`, before the entry or after a lost one | the same | reap: the entry does not name it: `FREE` |
//! | publish: the entry | a message: it was sent | nothing to repair: reap leaves it. A wake-up that it owed comes with the sleeper's tick |
//! | publish: before the tail hint | the same; the hint is behind | who walks |
//! | abort: `FREE` | a free block | nothing to repair |
//! | receive: `READING(me, p)` | a block less; others pass its position | reap by a receiver: takes it over and delivers it; by anybody else: `READING(ORPHAN, p)` for any receiver |
//! | receive: head hint; reading, for as long as that takes | the same | the same: at least once |
//! | release: `FREE` | a free block; the message has been dealt with | nothing to repair |
//! | reap: any compare-and-swap | that block is repaired, the others are not; the reaper's own byte is free, the dead one's too | any next reaper, from the start |
//! | reap: takeover (`READING(me, p)`) | as *receive* | the same, for the reaper |
//!
//! # What loom caught
//! `cargo test -p annulus-loom --test mutate` weakens each end of each label in turn, at all its places and then at each
//! single one, and fails unless a model fails: the one named above, or, for the place in [`reap`] where a dead sender's block
//! is freed, `a_blocks_sender_may_be_killed_anywhere`. `STAGED` has no label, since no model needs it ordered: who reads a
//! message has seen its entry, or comes after a receiver that has. Rules of the protocol are left out in the same way:
//!
//! | without | this model fails |
//! |---|---|
//! | compare-and-swap in a loan, for an entry, for a message | `two_senders_never_take_one_block`, `two_senders_never_fill_one_entry`, `two_receivers_never_take_one_block` |
//! | `STAGED` before the entry | `empty_is_exact_for_blocks` |
//! | hints after what they tell of | `empty_is_exact_for_blocks`, `a_blocks_sender_may_be_killed_anywhere`, `a_blocks_receiver_may_be_killed_anywhere` |
//! | B5: a dead sender's `STAGED` is always freed, or always left | `a_blocks_sender_may_be_killed_anywhere` |
//! | B4: the byte, before the words are read | `a_blocks_sender_may_be_killed_anywhere` |
//! | the message in an orphan: `FREE` | `a_blocks_receiver_may_be_killed_anywhere` |
//! | the sweep of a reused id, or the owner byte | `a_reused_id_of_blocks_is_swept_first` |
//! | a wake-up with each freed block | `each_freed_block_wakes_a_sender` |
//!
//! What else can be left out, `.ci/mutate` does, by patches: `models/CONTROLS.md` has a line for each rule.
//!
//! That a stopped process is in nobody's way is `nothing_holds_up_the_others`; that old hints do no harm,
//! `a_late_hint_of_blocks_loses_nothing`; that each message and each freed block wakes one, and nobody passes a wake-up on,
//! `each_message_wakes_a_receiver` and `each_freed_block_wakes_a_sender`.
//!
//! # Unsafe
//! [`Pool::new`] is where the caller vouches for the memory; `entry` and `head` trust reduced indices; [`Pool::fill`] and
//! [`Pool::open`] touch a header, by B3: who calls them shows that the block is his, by a [`Loaned`] or a [`Received`], of
//! which there is one for each claim.

mod reap;
mod receiver;
mod sender;

use std::marker::PhantomData;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ptr::NonNull;

use crate::layout::block::{BlockPhase, BlockWord, Entry, Head};
use crate::layout::blocks::BLOCK_ALIGN;
use crate::layout::{Laps, Lines, Owner};
use crate::ring::{Levels, Refused};
use crate::sync::{AtomicU64, Ordering, Relaxed, prefetch, prefetch_beyond};

pub(crate) use receiver::Received;
pub(crate) use sender::Loaned;

/// One process's view of the shared words of a region of blocks, whose messages have headers of type `H`.
///
/// # Invariants
/// - **V1** `lines`, `entries` and `blocks` are valid for as long as the view is used: `laps.capacity()` entries, and
///   `count` blocks that each begin with a `Head<H>`, `stride` bytes apart.
/// - **V2** They are aligned for those types; nobody makes a `&mut` to any of it.
/// - **V3** `count` is at most `laps.capacity()`, and that is at most 2^16.
pub(crate) struct Pool<H> {
    lines: NonNull<Lines>,
    entries: NonNull<AtomicU64>,
    blocks: NonNull<u8>,
    /// Not zero: a block has a head.
    stride: NonZeroUsize,
    laps: Laps,
    /// Blocks.
    count: NonZeroU32,
    /// Ids are below this.
    ids: u16,
    header: PhantomData<H>,
}

impl<H> Clone for Pool<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Pool<H> {}

// SAFETY: all access goes through atomics and owned blocks (B3), from any thread as from any process; `H: Send` as for
// any channel.
unsafe impl<H: Send> Send for Pool<H> {}
// SAFETY: as above.
unsafe impl<H: Send> Sync for Pool<H> {}

/// What a position's entry says to someone who stands there.
enum Look {
    /// Not filled yet.
    Blank,
    /// Filled for this position, with this block.
    Named(u32),
    /// Filled for this later position.
    Later(u64),
}

/// How many blocks an endpoint has, and of which sort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holding {
    /// Who; [`Owner::ORPHAN`]: a dead receiver that has been reaped.
    pub(crate) owner: Owner,
    /// On loan, or staged and not published.
    pub(crate) loaned: u32,
    /// Received.
    pub(crate) received: u32,
}

impl<H> Pool<H> {
    /// A view of `laps.capacity()` entries, and of `count` blocks that begin with a `Head<H>`, `stride` bytes apart.
    ///
    /// # Safety
    /// V1 to V3 hold for as long as this view or a copy of it is used.
    pub(crate) unsafe fn new(
        lines: NonNull<Lines>,
        entries: NonNull<AtomicU64>,
        (blocks, stride, count): (NonNull<u8>, usize, u32),
        laps: Laps,
        ids: u16,
    ) -> Pool<H> {
        Pool {
            lines,
            entries,
            blocks,
            stride: NonZeroUsize::new(stride).expect("a block has a head"),
            laps,
            count: NonZeroU32::new(count).expect("there is a block"),
            ids,
            header: PhantomData,
        }
    }

    /// The shared words.
    #[inline(always)]
    pub(crate) fn lines(&self) -> &Lines {
        // SAFETY: V1; `Lines` is all atomics.
        unsafe { self.lines.as_ref() }
    }

    /// Blocks.
    #[inline(always)]
    pub(crate) fn count(&self) -> u32 {
        self.count.get()
    }

    /// The entry of position `p`.
    #[inline(always)]
    fn entry(&self, p: u64) -> &AtomicU64 {
        // SAFETY: V1: an index is below the capacity.
        let entry = unsafe { self.entries.add(self.laps.index(p) as usize) };
        // SAFETY: V1, V2; atomic.
        unsafe { entry.as_ref() }
    }

    /// The head of block `index`, which is below [`count`](Self::count).
    #[inline(always)]
    fn head(&self, index: u32) -> &Head<H> {
        assert!(index < self.count.get(), "there are no more blocks");
        // SAFETY: V1: the block is inside (assertion).
        let head = unsafe { self.blocks.add(index as usize * self.stride.get()) };
        // SAFETY: V1, V2; word and length are atomic and the header is behind `UnsafeCell`.
        unsafe { head.cast::<Head<H>>().as_ref() }
    }

    /// Asks for the lines with the head of block `index` and its first items, to write to them: to read and then to claim or
    /// write would bring each over twice, and one after the other.
    #[inline(always)]
    pub(crate) fn expect(&self, index: u32) {
        let head = self.head(index);
        prefetch(head);
        prefetch_beyond(head, BLOCK_ALIGN);
    }

    /// A block's word, with the ordering of the edge that the caller is on.
    #[inline(always)]
    fn word(&self, index: u32, order: Ordering) -> BlockWord {
        BlockWord::from_bits(self.head(index).word.load(order))
    }

    /// Block `index` is free, as far as can be seen.
    pub(crate) fn seems_free(&self, index: u32) -> bool {
        // Relaxed: hint (re-checked by the loan).
        self.word(index, Relaxed) == BlockWord::FREE
    }

    /// What the word says, if the protocol could have stored it.
    #[inline]
    fn decode(&self, word: BlockWord) -> Result<BlockPhase, Refused> {
        word.decode(self.ids).ok_or(Refused::Corrupt)
    }

    /// The position that a hint tells of.
    #[inline(always)]
    fn position(&self, hint: u64) -> u64 {
        self.laps.add(self.laps.position(hint), self.laps.capacity())
    }

    /// The hint that tells of a position.
    #[inline(always)]
    fn hint(&self, position: u64) -> u64 {
        self.laps.position(position.wrapping_sub(self.laps.capacity()))
    }

    /// What `entry` says to someone who stands at position `p`.
    #[inline(always)]
    fn look(&self, p: u64, entry: Entry) -> Result<Look, Refused> {
        let laps = self.laps;
        match laps.lap_distance(laps.lap(p), entry.lap()) {
            -1 => Ok(Look::Blank),
            0 if entry.index() < self.count.get() => Ok(Look::Named(entry.index())),
            1.. => Ok(Look::Later(laps.at(entry.lap(), laps.index(p)))),
            // A block that there is not, or an entry that was left out, against B1.
            _ => Err(Refused::Corrupt),
        }
    }

    /// `word`, of block `index`, is a message that nobody has received (B5), as far as a load with `order` of its entry says.
    fn is_message(&self, index: u32, word: BlockPhase, order: Ordering) -> bool {
        match word {
            BlockPhase::Staged(_, position) => {
                let entry = Entry::from_bits(self.entry(position).load(order));
                entry.names(self.laps, position, index)
            }
            _ => false,
        }
    }

    /// Messages that nobody has received: exact while nobody sends or receives, otherwise near the truth.
    pub(crate) fn len(&self) -> u32 {
        // Relaxed: hint (who asks does nothing about it).
        let unread = |&index: &u32| {
            let word = self.decode(self.word(index, Relaxed));
            word.is_ok_and(|word| self.is_message(index, word, Relaxed))
        };
        (0..self.count()).filter(unread).count() as u32
    }

    /// How far the senders and the receivers are, for who looks on, by relaxed loads alone: a lap less than the positions.
    pub(crate) fn levels(&self) -> Result<Levels, Refused> {
        let mut tail = self.hint(self.find_tail());
        let len = u64::from(self.len());
        // What was published while we counted.
        if self.laps.distance(len, tail) < 0 {
            tail = len;
        }
        Ok(Levels {
            tail,
            head: self.laps.position(tail.wrapping_sub(len)),
            len,
        })
    }

    /// The first position that is not filled, as far as relaxed loads can see.
    fn find_tail(&self) -> u64 {
        // Relaxed: hint (who looks on does nothing about it).
        let mut p = self.position(self.lines().tail.0.load(Relaxed));
        for _ in 0..=self.laps.capacity() {
            // Relaxed: hint (as above).
            match self.look(p, Entry::from_bits(self.entry(p).load(Relaxed))) {
                Ok(Look::Named(_)) => p = self.laps.next(p),
                Ok(Look::Later(q)) => p = self.laps.next(q),
                // To relaxed loads an entry may look older than it is.
                Ok(Look::Blank) | Err(_) => break,
            }
        }
        p
    }

    /// Who has how many blocks, and how many have unread messages. A hint, gathered while everybody goes on.
    pub(crate) fn holdings(&self) -> (Vec<Holding>, u32) {
        let mut holdings: Vec<Holding> = Vec::new();
        let mut unread = 0;
        let mut add = |owner, loaned, received| match holdings.iter_mut().find(|h| h.owner == owner) {
            Some(holding) => {
                holding.loaned += loaned;
                holding.received += received;
            }
            None => holdings.push(Holding {
                owner,
                loaned,
                received,
            }),
        };
        for index in 0..self.count() {
            // Relaxed: hint (for people).
            match self.decode(self.word(index, Relaxed)) {
                Ok(BlockPhase::Loaned(owner)) => add(owner, 1, 0),
                Ok(BlockPhase::Reading(owner, _)) => add(owner, 0, 1),
                // Relaxed: hint (for people).
                Ok(word @ BlockPhase::Staged(owner, _)) if !self.is_message(index, word, Relaxed) => add(owner, 1, 0),
                Ok(BlockPhase::Staged(..)) => unread += 1,
                Ok(BlockPhase::Free) | Err(_) => {}
            }
        }
        (holdings, unread)
    }
}
