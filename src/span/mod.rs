//! Which elements of a stream may its writer fill, and which may its reader read, whoever dies or stops on the way?
//!
//! This room is the algorithm of streams and nothing else, as [`ring`](crate::ring) is that of messages: it knows no mapping,
//! no file and no process, and does not touch an element. It says which stretch is whose.
//!
//! # The protocol
//! There are `C` elements, `C` a power of two, one writer and one reader. `tail` is how many have ever been written, `head`
//! how many have been read; element `p` stands at index `p mod C`.
//!
//! - *write*: the elements from `tail` to `head + C` are the writer's. It fills some, from the first on, for as long as it
//!   likes, and then stores `tail` once. What it has not committed was never written.
//! - *read*: the elements from `head` to `tail` are the reader's. It reads some, from the first on, for as long as it likes,
//!   and then stores `head` once. What it has not consumed is still there.
//!
//! Both words are the truth, and not hints as in a ring: each is stored by one end alone. So an end that dies leaves nothing
//! to repair, and the next to take its place goes on at that very element. Each end keeps its own word in private memory, and
//! the other's as it last saw it: it looks again only when that is not enough.
//!
//! # Low water
//! Who sleeps until it can go on says in its [mark](Marks) how far the other has to get, before it announces itself. The other,
//! after each commit or consume, looks for sleepers, and only if there is one at its mark, and wakes it if it is that far.
//! A reader's mark is where there is as much as it waits for. A writer's is where a quarter of the capacity is free, or as
//! much as it waits for, if that is more: a stream that is full is not worth a wake-up for each element that is read. That
//! is more than it needs. So a reader that is refused, or looks again at what it has found before, wakes a sleeping writer,
//! whatever the mark: with too little for the one and too little for the other nobody would go on. And since a reader may wait
//! for something else of the writer's, a writer's sleeps are short.
//!
//! That no wake-up is lost is [`wait`](crate::wait)'s argument, with the mark as a part of the announcement: who finds it
//! announced finds the mark of that announcement, or of a later one; and who is not found has seen the change.
//!
//! # Invariants
//! Numbered; SAFETY and ordering comments refer to them.
//! - **S1** `head ≤ tail ≤ head + C`, by wrapping difference; both only grow.
//! - **S2** An element is touched by the writer from `head + C` being past it to its commit, and by the reader from there to
//!   its being consumed: by one of them at a time.
//!
//! # Edges
//! | label | stored at | loaded at | protects | loom model that fails without it |
//! |---|---|---|---|---|
//! | `COMMIT` | [`Free::commit`] | [`ReadEnd::filled`] | what was written is what is read | `committed_elements_are_visible` |
//! | `CONSUME` | [`Filled::consume`] | [`WriteEnd::free`] | nothing is overwritten while it is read | `an_element_is_not_reused_early` |
//! | | | [`Span::levels`] | the tail that is looked at next is not behind the head | `an_observer_sees_a_sound_stream` |
//!
//! # Progress
//! All wait-free, whoever is stopped or dead.
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | part or all of a chunk, before the commit | nothing: it never was | nobody: the next writer fills the same elements |
//! | commit: `tail` | the elements, whole | nobody. A wake-up that it owed comes with the sleeper's tick |
//! | part or all of a chunk read, before it is consumed | what was there before | nobody: the next reader reads the same elements |
//! | consume: `head` | room | the same as a commit |
//! | a mark, before its announcement | nothing: marks are looked at where somebody is announced | the next who sleeps |
//!
//! # What loom caught
//! `cargo test -p annulus-loom --test mutate` weakens each end of each label in turn, at all its places and then at each
//! single one, and fails unless the model fails that is named above. Rules are left out in the same way:
//!
//! | without | this model fails |
//! |---|---|
//! | elements filled before they are committed | `a_streams_writer_may_be_killed_anywhere` |
//! | elements read before they are consumed | `an_element_is_not_reused_early`, `a_streams_reader_may_be_killed_anywhere` |
//! | the mark before the announcement | `no_wake_of_a_stream_is_lost` |
//! | a wake-up at the mark | `no_wake_of_a_stream_is_lost` |
//! | none before it | `a_wake_comes_at_the_mark` |
//! | a wake-up by a reader that is refused | `a_reader_that_is_refused_wakes_the_writer`, `the_next_reader_wakes_the_dead_ones_writer` |
//!
//! And of the code as it was, `an_observer_sees_a_sound_stream`: the head was loaded relaxed there, and who looked on while both
//! ends went on could find the tail behind it, and the stream corrupt.
//!
//! # Unsafe
//! [`Span::new`] is where the caller vouches for the memory.

mod reader;
mod writer;

use std::ptr::NonNull;

use crate::edge;
use crate::layout::{Laps, Lines, Marks};
use crate::ring::{Levels, Refused};
use crate::sync::{Relaxed, fence};

pub(crate) use reader::{Filled, ReadEnd};
pub(crate) use writer::{Free, WriteEnd};

/// The words of a stream.
///
/// # Invariants
/// - **V1** Both pointers are valid for as long as whoever holds this holds the region.
/// - **V2** What they point to is aligned, and accessed through shared references alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    lines: NonNull<Lines>,
    marks: NonNull<Marks>,
    laps: Laps,
}

// SAFETY: V1, V2: shared words, all of them atomic.
unsafe impl Send for Span {}
// SAFETY: as above.
unsafe impl Sync for Span {}

impl Span {
    /// The words of a stream of `laps.capacity()` elements.
    ///
    /// # Safety
    /// V1 and V2.
    pub(crate) unsafe fn new(lines: NonNull<Lines>, marks: NonNull<Marks>, laps: Laps) -> Span {
        Span { lines, marks, laps }
    }

    /// The shared words.
    #[inline(always)]
    pub(crate) fn lines(&self) -> &Lines {
        // SAFETY: V1, V2.
        unsafe { self.lines.as_ref() }
    }

    fn marks(&self) -> &Marks {
        // SAFETY: V1, V2.
        unsafe { self.marks.as_ref() }
    }

    /// Elements that there are.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.laps.capacity()
    }

    /// There is something to read.
    pub(crate) fn has_elements(&self) -> Result<bool, Refused> {
        self.levels().map(|levels| levels.len != 0)
    }

    /// How far the writer and the reader are: exact while neither goes on. By relaxed loads, since who looks on may have a mapping
    /// that cannot be written to, for which the language promises no others; the fence makes an acquire load of one.
    pub(crate) fn levels(&self) -> Result<Levels, Refused> {
        let lines = self.lines();
        // Relaxed, both: hint (who looks on does nothing about it).
        let head = lines.head.0.load(Relaxed);
        // [CONSUME] Acquire, pairs with the reader's: the tail up to which it has read is seen after this, or a later one.
        fence(edge::CONSUME.acquire());
        let tail = lines.tail.0.load(Relaxed);
        let ahead = tail.wrapping_sub(head);
        if ahead > u64::MAX / 2 {
            return Err(Refused::Corrupt);
        }
        // Both may have gone on between the two loads, so that there seems to be more than fits.
        let len = ahead.min(self.capacity());
        Ok(Levels {
            tail,
            head: tail.wrapping_sub(len),
            len,
        })
    }
}

/// So many elements further on there are `chunks` chunks more, of as many as are waited for; or as many as an eighth of the
/// stream holds, if that is more than one.
fn ahead(span: &Span, wanted: u64, chunks: u64) -> Option<u64> {
    let most = span.capacity() / 8;
    let ahead = wanted.saturating_mul(chunks).min(most);
    (ahead > wanted).then_some(ahead)
}
