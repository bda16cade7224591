//! Which block does a sender try first?
//!
//! Any would do. What matters is where the lines are: a block that was used a moment ago is in the caches, while one of a
//! thousand that are taken in turn is in nobody's, and to take them in order has both processors fetch ahead lines that the
//! other is about to write. But the very block that was given back last comes from the other side's cache only now, where
//! one that was given back earlier can be asked for ahead. So a sender goes round a *window* of few blocks, from a place of
//! its own on. The window doubles when its first block is still in use on coming round, and halves when the messages of half
//! of it would have been enough.

use crate::layout::Owner;
use crate::pool::Pool;
use crate::sync::{AtomicU32, Relaxed};

/// The smallest window: while one block is with the other side, the next is asked for. Measured: `benches/NOTES.md`.
const LEAST: u32 = 2;

/// Where a sender is. All of it is private to the process, and a guess: any value is right.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Where the window begins: elsewhere for each endpoint.
    home: u32,
    /// The block to try next, from there.
    next: AtomicU32,
    /// Blocks.
    window: AtomicU32,
}

impl Cursor {
    /// Of the endpoint `me`, among `count` blocks.
    pub(super) fn new(me: Owner, count: u32) -> Cursor {
        // Multiplied by the golden ratio's share of 2^32 (Knuth, "The Art of Computer Programming", 6.4): far apart.
        let spread = u32::from(me.id()).wrapping_mul(0x9e37_79b9);
        Cursor {
            home: ((u64::from(spread) * u64::from(count)) >> 32) as u32,
            next: AtomicU32::new(0),
            window: AtomicU32::new(LEAST.min(count)),
        }
    }

    /// The block to try first now.
    #[inline]
    pub(super) fn first<H>(&self, pool: &Pool<H>) -> u32 {
        // Relaxed, both: own line (private to the process).
        let (next, window) = (self.next.load(Relaxed), self.window.load(Relaxed));
        if next < window {
            return self.at(next, pool.count());
        }
        self.come_round(next, window, pool)
    }

    #[cold]
    fn come_round<H>(&self, next: u32, window: u32, pool: &Pool<H>) -> u32 {
        let count = pool.count();
        let free = |offset| pool.seems_free(self.at(offset, count));
        let (next, window) = if !free(0) {
            let grown = (window * 2).min(count);
            (if next < grown { next } else { 0 }, grown)
        } else if window > LEAST && free(window / 2) {
            (0, window / 2)
        } else {
            (0, window)
        };
        // Relaxed, both: own line (private to the process).
        self.window.store(window, Relaxed);
        self.next.store(next, Relaxed);
        self.at(next, count)
    }

    /// Block `index` was taken; the one that is likely to be the next.
    #[inline]
    pub(super) fn took(&self, index: u32, count: u32) -> u32 {
        let offset = if index >= self.home {
            index - self.home
        } else {
            index + (count - self.home)
        };
        // Relaxed, both: own line (private to the process).
        self.next.store(offset + 1, Relaxed);
        let next = if offset + 1 < self.window.load(Relaxed) {
            offset + 1
        } else {
            0
        };
        self.at(next, count)
    }

    /// The block at `offset` from home; at most all round.
    #[inline(always)]
    fn at(&self, offset: u32, count: u32) -> u32 {
        let index = self.home + offset;
        if index < count {
            index
        } else {
            (index - count).min(count - 1)
        }
    }
}

impl Clone for Cursor {
    fn clone(&self) -> Self {
        // Relaxed, both: own line (private to the process).
        Cursor {
            home: self.home,
            next: AtomicU32::new(self.next.load(Relaxed)),
            window: AtomicU32::new(self.window.load(Relaxed)),
        }
    }
}
