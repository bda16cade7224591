//! Where do blocks play?
//!
//! A message's header is what loom watches; its length repeats what the header says, so that one without the other is seen.

use std::ptr::NonNull;

use super::{Message, id, message, whole};
use crate::layout::block::{BlockPhase, BlockWord, Entry, Head};
use crate::layout::{Laps, Lines, Owner, Role};
use crate::pool::{Loaned, Pool, Received};
use crate::ring::Refused;
use crate::sync::{self, AtomicU64, Ordering, Relaxed};
use crate::weaken::Rule;

/// The shared words and blocks of a region.
pub(crate) struct Blocks {
    pub(crate) lines: Lines,
    entries: Vec<AtomicU64>,
    heads: Vec<Head<Message>>,
    laps: Laps,
}

/// `count` blocks, all free, and entries that were last filled in lap `lap` (taken modulo the laps), for `play`, which joins
/// every thread that it starts.
pub(crate) fn among_blocks(count: u32, lap: i64, play: impl FnOnce(&'static Blocks)) {
    let laps = Laps::new(count.next_power_of_two().trailing_zeros());
    let lap = lap as u64 & (u64::MAX >> (64 - laps.lap_bits()));
    let entry = |_| AtomicU64::new(Entry::new(lap, 0).bits());
    let head = |_| Head {
        word: AtomicU64::new(BlockWord::FREE.bits()),
        length: AtomicU64::new(0),
        header: Default::default(),
    };
    let blocks = Box::new(Blocks {
        lines: Lines::default(),
        entries: (0..laps.capacity()).map(entry).collect(),
        heads: (0..count).map(head).collect(),
        laps,
    });
    let hints = [&blocks.lines.tail.0, &blocks.lines.head.0];
    for hint in hints {
        hint.futex.mark_hint();
        if lap != 0 {
            hint.store(laps.at(lap, 0), Relaxed);
        }
    }
    sync::block_word::set_hints(Some((hints.map(NonNull::from), laps)));
    let blocks = Box::into_raw(blocks);
    // SAFETY: it lives until the box is back, when every thread that could use it has been joined.
    play(unsafe { &*blocks });
    sync::block_word::set_hints(None);
    // SAFETY: from `Box::into_raw` above.
    drop(unsafe { Box::from_raw(blocks) });
}

impl Blocks {
    pub(crate) fn pool(&'static self) -> Pool<Message> {
        let entries = NonNull::from(self.entries.as_slice()).cast();
        let heads = NonNull::from(self.heads.as_slice()).cast();
        let count = self.heads.len() as u32;
        // SAFETY: V1, V2: `'static` as `among_blocks` sees to it, as many as said, and no `&mut` to any. V3: by `laps`.
        unsafe {
            Pool::new(
                NonNull::from(&self.lines),
                entries,
                (heads, size_of::<Head<Message>>(), count),
                self.laps,
                16,
            )
        }
    }

    /// What block `index` is doing.
    pub(crate) fn block(&self, index: usize) -> BlockPhase {
        let word = BlockWord::from_bits(self.heads[index].word.load(Relaxed));
        word.decode(16).expect("a possible word")
    }

    /// Blocks that are free.
    pub(crate) fn free(&self) -> usize {
        let free = |index: &usize| self.block(*index) == BlockPhase::Free;
        (0..self.heads.len()).filter(free).count()
    }

    /// `None`: no block is free.
    pub(crate) fn loan(&'static self, me: Owner) -> Option<Loan> {
        let pool = self.pool();
        match pool.loan(me, 0) {
            Ok(block) => Some(Loan { pool, me, block }),
            Err(Refused::Blocked) => None,
            Err(Refused::Corrupt) => panic!("a sender takes sound blocks for corrupt"),
        }
    }

    /// `false`: no block is free.
    pub(crate) fn send(&'static self, me: Owner, n: u32) -> bool {
        self.loan(me).map(|loan| publish(loan, n)).is_some()
    }

    /// `None`: empty.
    pub(crate) fn receive(&'static self, me: Owner) -> Option<Taken> {
        match self.pool().receive(me) {
            Ok(block) => Some(self.taken(block)),
            Err(Refused::Blocked) => None,
            Err(Refused::Corrupt) => panic!("a receiver takes sound blocks for corrupt"),
        }
    }

    /// Receives, reads and gives back.
    pub(crate) fn recv(&'static self, me: Owner) -> Option<u32> {
        self.receive(me).map(finish)
    }

    /// Sends, before the others come.
    pub(crate) fn fill(&'static self, messages: impl IntoIterator<Item = u32>) {
        for n in messages {
            assert!(self.send(id(7), n), "a free block");
        }
    }

    /// Receives what is there, in order.
    pub(crate) fn drain(&'static self) -> Vec<u32> {
        std::iter::from_fn(|| self.recv(id(7))).collect()
    }

    /// Takes the orphans, oldest first.
    pub(crate) fn take_orphans(&'static self, me: Owner) -> Vec<u32> {
        std::iter::from_fn(|| self.take_orphan(me).map(finish)).collect()
    }

    /// Takes the oldest orphan.
    pub(crate) fn take_orphan(&'static self, me: Owner) -> Option<Taken> {
        let orphan = self.pool().take_orphan(me).expect("sound");
        orphan.map(|block| self.taken(block))
    }

    /// Repairs after a dead receiver, for a living one.
    pub(crate) fn reap_and_take(&'static self, dead: Owner, me: Owner) -> (u64, Option<Taken>) {
        let (count, block) = self.pool().reap_and_take(dead, me).expect("sound");
        (count, block.map(|block| self.taken(block)))
    }

    fn taken(&'static self, block: Received) -> Taken {
        let pool = self.pool();
        Taken { pool, block }
    }

    /// Without [`Rule::ByteFirst`]: the blocks that `dead`, who may be at it still, has staged and not published.
    pub(crate) fn foresee(&'static self, dead: Owner) -> Vec<(usize, BlockWord)> {
        let mut unpublished = Vec::new();
        for index in (0..self.heads.len()).filter(|_| !Rule::ByteFirst.kept()) {
            if let BlockPhase::Staged(owner, position) = self.block(index)
                && owner == dead
            {
                let entry = &self.entries[self.laps.index(position) as usize];
                if !Entry::from_bits(entry.load(Relaxed)).names(self.laps, position, index as u32) {
                    unpublished.push((index, BlockWord::staged(owner, position)));
                }
            }
        }
        unpublished
    }

    /// Frees them, if they are as they were.
    pub(crate) fn free_foreseen(&'static self, unpublished: Vec<(usize, BlockWord)>) {
        for (index, word) in unpublished {
            let word_of = &self.heads[index].word;
            // As the pass does: what `dead` has done comes before us.
            let _ = word_of.compare_exchange(word.bits(), BlockWord::FREE.bits(), Ordering::Release, Relaxed);
        }
    }

    /// Repairs after `dead`; how many blocks.
    pub(crate) fn reap(&'static self, dead: Owner, role: Role) -> u64 {
        if !Rule::Published.kept() {
            for head in &self.heads {
                let word = BlockWord::from_bits(head.word.load(Relaxed));
                if matches!(word.decode(16), Some(BlockPhase::Staged(owner, _)) if owner == dead) {
                    head.word.store(BlockWord::loaned(dead).bits(), Relaxed);
                }
            }
        }
        self.pool().reap(dead, role).expect("sound")
    }

    /// Nothing is lost or left over: all blocks are free, and two laps go through all of them.
    pub(crate) fn as_good_as_new(&'static self) {
        let count = self.heads.len() as u32;
        assert_eq!(self.free(), self.heads.len(), "a block is lost");
        for _ in 0..2 {
            self.fill(0..count);
            assert!(self.loan(id(7)).is_none(), "more blocks than there are");
            assert_eq!(self.drain(), (0..count).collect::<Vec<_>>(), "the blocks work on");
        }
    }
}

/// A block on loan, and from where.
pub(crate) struct Loan {
    pool: Pool<Message>,
    me: Owner,
    block: Loaned,
}

impl Loan {
    /// Which block.
    pub(crate) fn index(&self) -> u32 {
        self.block.index()
    }

    /// Writes length and header.
    pub(crate) fn fill(&mut self, length: u64, message: &Message) {
        self.pool.fill(&mut self.block, length, message);
    }

    /// Gives it back.
    pub(crate) fn abort(self) {
        self.pool.abort(self.block);
    }
}

/// A block that was received, and from where.
pub(crate) struct Taken {
    pool: Pool<Message>,
    block: Received,
}

/// Fills a block and publishes it.
pub(crate) fn publish(mut loan: Loan, n: u32) {
    loan.fill(u64::from(n), &message(n));
    if loan.pool.publish(loan.me, loan.block).is_err() {
        panic!("a sender takes sound blocks for corrupt");
    }
}

/// What a block says, if it is whole.
pub(crate) fn read(block: &Taken) -> u32 {
    let (length, message) = block.pool.open(&block.block);
    let n = whole(message);
    assert_eq!(length, u64::from(n), "another message's length");
    n
}

/// Reads a block and gives it back.
pub(crate) fn finish(block: Taken) -> u32 {
    let n = read(&block);
    block.pool.release(block.block);
    n
}
