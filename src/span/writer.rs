//! What may a stream's writer fill, and when is it written?

use super::{Span, ahead};
use crate::edge;
use crate::ring::Refused;
use crate::sync::Relaxed;
use crate::wait::Watch;

/// Of its capacity, a stream that was full should have this part free before its writer is woken. A guess: a wake-up for each
/// quarter of the ring, and by the time that the writer is up the reader has most of it left.
const LOW_WATER: u64 = 4;

/// The writing end: there is one at a time.
#[derive(Debug)]
pub(crate) struct WriteEnd {
    span: Span,
    /// The truth; nobody else stores the word.
    tail: u64,
    /// As it was last seen.
    head: u64,
}

/// Elements that are the writer's alone (S2), from the tail on.
#[derive(Debug)]
pub(crate) struct Free<'a> {
    end: &'a mut WriteEnd,
    len: u64,
}

impl WriteEnd {
    /// Goes on where the last one has stopped. To be called under the writer's owner byte.
    pub(crate) fn new(span: Span) -> Result<WriteEnd, Refused> {
        // Relaxed: under the owner byte.
        let tail = span.lines().tail.0.load(Relaxed);
        let mut end = WriteEnd {
            span,
            tail,
            // As full as can be: the truth is no further back (S1).
            head: tail.wrapping_sub(span.capacity()),
        };
        end.look()?;
        Ok(end)
    }

    /// The shared words.
    #[inline(always)]
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// How many elements may be written, if they are `wanted`, which is at least one, or more.
    #[inline(always)]
    pub(crate) fn free(&mut self, wanted: u64) -> Result<u64, Refused> {
        if self.known() < wanted {
            self.look()?;
            if self.known() < wanted {
                return Err(Refused::Blocked);
            }
        }
        Ok(self.known())
    }

    #[inline(always)]
    fn known(&self) -> u64 {
        self.span.capacity() - self.tail.wrapping_sub(self.head)
    }

    fn look(&mut self) -> Result<(), Refused> {
        // [CONSUME] Acquire, pairs with the reader's: it has done with what it says it has read.
        let head = self.span.lines().head.0.load(edge::CONSUME.acquire());
        // S1: not before where it was, and not past the tail.
        if head.wrapping_sub(self.head) > self.tail.wrapping_sub(self.head) {
            return Err(Refused::Corrupt);
        }
        self.head = head;
        Ok(())
    }

    /// How many elements may be written now; as far as was known before, if the word says what it cannot.
    pub(crate) fn refresh(&mut self) -> u64 {
        let _ = self.look();
        self.known()
    }

    /// `len` of those that [`free`](Self::free) has found.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: u64) -> Free<'_> {
        assert!(len <= self.known(), "no more than are free");
        Free { end: self, len }
    }

    /// The reader sleeps, if at all, until there is more to read than there is.
    #[inline(always)]
    pub(crate) fn below_the_readers_mark(&self) -> bool {
        // Relaxed: under SLEEP, whose fence came before.
        let mark = self.span.marks().reader.0.load(Relaxed);
        // Further ahead than there can be, it is no mark of ours: zero, or another's scribbles.
        let ahead = mark.wrapping_sub(self.tail);
        ahead != 0 && ahead <= self.span.capacity()
    }

    /// About to sleep until `wanted` elements are free: says how far the reader should get.
    pub(crate) fn mark(&self, wanted: u64) {
        let capacity = self.span.capacity();
        let room = wanted.max(capacity / LOW_WATER);
        let head = self.tail.wrapping_add(room).wrapping_sub(capacity);
        // Relaxed: under SLEEP, whose fence follows.
        self.span.marks().writer.0.store(head, Relaxed);
    }

    /// Where a change means that `wanted` elements may be free.
    pub(crate) fn watch(&self, wanted: u64) -> RoomWatch {
        RoomWatch {
            span: self.span,
            needed: self.tail.wrapping_add(wanted).wrapping_sub(self.span.capacity()),
            wanted,
        }
    }
}

impl<'a> Free<'a> {
    /// The index of the first.
    #[inline(always)]
    pub(crate) fn index(&self) -> u64 {
        self.end.span.laps.index(self.end.tail)
    }

    /// How many.
    #[inline(always)]
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The first `count` are written: the reader's from now on.
    #[inline(always)]
    pub(crate) fn commit(self, count: u64) -> &'a WriteEnd {
        debug_assert!(count <= self.len);
        let end = self.end;
        end.tail = end.tail.wrapping_add(count);
        // [COMMIT] Release, pairs with the reader's look: who sees them written sees what was written.
        end.span.lines().tail.0.store(end.tail, edge::COMMIT.release());
        end
    }
}

/// Whether there is room now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomWatch {
    span: Span,
    /// The head at which there is.
    needed: u64,
    wanted: u64,
}

impl Watch for RoomWatch {
    #[inline]
    fn changed(&self) -> bool {
        // Relaxed: hint (re-checked by the operation).
        let head = self.span.lines().head.0.load(Relaxed);
        head.wrapping_sub(self.needed) <= self.span.capacity()
    }

    fn ahead(&self, chunks: u64) -> Option<Self> {
        let needed = self.needed.wrapping_add(ahead(&self.span, self.wanted, chunks)?);
        Some(RoomWatch { needed, ..*self })
    }
}
