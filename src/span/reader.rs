//! What may a stream's reader read, and when has it done with it?

use super::{Span, ahead};
use crate::edge;
use crate::ring::Refused;
use crate::sync::Relaxed;
use crate::wait::Watch;

/// The reading end: there is one at a time.
#[derive(Debug)]
pub(crate) struct ReadEnd {
    span: Span,
    /// The truth; nobody else stores the word.
    head: u64,
    /// As it was last seen.
    tail: u64,
    /// Where the head was when the writer was last woken whatever its mark.
    woken_at: u64,
    /// Where it was when it was last looked how many there are.
    looked_at: u64,
}

/// Elements that are the reader's alone (S2), from the head on.
#[derive(Debug)]
pub(crate) struct Filled<'a> {
    end: &'a mut ReadEnd,
    len: u64,
}

impl ReadEnd {
    /// Goes on where the last one has stopped. To be called under the reader's owner byte.
    pub(crate) fn new(span: Span) -> Result<ReadEnd, Refused> {
        // Relaxed: under the owner byte.
        let head = span.lines().head.0.load(Relaxed);
        // As empty as can be: the truth is no further back (S1).
        let mut end = ReadEnd {
            span,
            head,
            tail: head,
            woken_at: head.wrapping_sub(1),
            looked_at: head.wrapping_sub(1),
        };
        end.look()?;
        Ok(end)
    }

    /// The shared words.
    #[inline(always)]
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// How many elements may be read, if they are `wanted`, which is at least one, or more.
    #[inline(always)]
    pub(crate) fn filled(&mut self, wanted: u64) -> Result<u64, Refused> {
        if self.known() < wanted {
            self.look()?;
            if self.known() < wanted {
                return Err(Refused::Blocked);
            }
        }
        Ok(self.known())
    }

    /// How many elements may be read now; as far as was known before, if the word says what it cannot.
    pub(crate) fn refresh(&mut self) -> u64 {
        let _ = self.look();
        self.known()
    }

    /// How many there were when it last looked.
    #[inline(always)]
    pub(crate) fn known(&self) -> u64 {
        self.tail.wrapping_sub(self.head)
    }

    fn look(&mut self) -> Result<(), Refused> {
        // [COMMIT] Acquire, pairs with the writer's: what it says it has written is there.
        let tail = self.span.lines().tail.0.load(edge::COMMIT.acquire());
        // S1: not before where it was, and not a capacity past the head.
        if tail.wrapping_sub(self.tail) > self.span.capacity() - self.known() {
            return Err(Refused::Corrupt);
        }
        self.tail = tail;
        Ok(())
    }

    /// `len` of those that [`filled`](Self::filled) has found.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: u64) -> Filled<'_> {
        assert!(len <= self.known(), "no more than are filled");
        Filled { end: self, len }
    }

    /// The writer sleeps, if at all, until there is more room than there is.
    #[inline(always)]
    pub(crate) fn below_the_writers_mark(&self) -> bool {
        // Relaxed: under SLEEP, whose fence came before.
        let mark = self.span.marks().writer.0.load(Relaxed);
        // Further ahead than there can be, it is no mark of ours: zero, or another's scribbles.
        let ahead = mark.wrapping_sub(self.head);
        ahead != 0 && ahead <= self.span.capacity()
    }

    /// It was refused: whether a writer that sleeps should be woken whatever its mark. Once at each head.
    pub(crate) fn owes_a_wake(&mut self) -> bool {
        let owes = self.woken_at != self.head;
        self.woken_at = self.head;
        owes
    }

    /// It looks how many there are: whether it has done so before, and consumed nothing since.
    pub(crate) fn looks_again(&mut self) -> bool {
        let again = self.looked_at == self.head;
        self.looked_at = self.head;
        again
    }

    /// About to sleep until `wanted` elements are filled: says how far the writer should get.
    pub(crate) fn mark(&self, wanted: u64) {
        // Relaxed: under SLEEP, whose fence follows.
        self.span
            .marks()
            .reader
            .0
            .store(self.head.wrapping_add(wanted), Relaxed);
    }

    /// Where a change means that `wanted` elements may be filled.
    pub(crate) fn watch(&self, wanted: u64) -> FillWatch {
        FillWatch {
            span: self.span,
            needed: self.head.wrapping_add(wanted),
            wanted,
        }
    }
}

impl<'a> Filled<'a> {
    /// The index of the first.
    #[inline(always)]
    pub(crate) fn index(&self) -> u64 {
        self.end.span.laps.index(self.end.head)
    }

    /// How many.
    #[inline(always)]
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The first `count` are done with: the writer's from now on.
    #[inline(always)]
    pub(crate) fn consume(self, count: u64) -> &'a ReadEnd {
        debug_assert!(count <= self.len);
        let end = self.end;
        end.head = end.head.wrapping_add(count);
        // [CONSUME] Release, pairs with the writer's look: what we have read is overwritten only afterwards.
        end.span.lines().head.0.store(end.head, edge::CONSUME.release());
        end
    }
}

/// Whether there is something now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FillWatch {
    span: Span,
    /// The tail at which there is.
    needed: u64,
    wanted: u64,
}

impl Watch for FillWatch {
    #[inline]
    fn changed(&self) -> bool {
        // Relaxed: hint (re-checked by the operation).
        let tail = self.span.lines().tail.0.load(Relaxed);
        tail.wrapping_sub(self.needed) <= self.span.capacity()
    }

    fn ahead(&self, chunks: u64) -> Option<Self> {
        let needed = self.needed.wrapping_add(ahead(&self.span, self.wanted, chunks)?);
        Some(FillWatch { needed, ..*self })
    }
}
