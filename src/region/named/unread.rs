//! What is in a region that nobody has received?
//!
//! A stream's cursors tell, and in a plain region there never is anything. Of the others all slots or blocks are read, and not the ring from its hints: behind the claim of a dead sender, and under those of
//! dead receivers, there may be messages. Whoever asks has presence alone, so none of them changes.

use std::mem::offset_of;

use super::super::lock::LockFile;
use super::super::memory;
use crate::layout::block::{BlockPhase, BlockWord, Entry};
use crate::layout::geometry::LINES_OFFSET;
use crate::layout::{Blocks, Body, Geometry, Lines, Phase, State};

/// How much of the slots is read at a time.
const CHUNK: usize = 256 * 1024;
/// From this stride on, each slot's word is read by itself. A guess: what pread(2) copies in the time that it takes to be
/// called.
const LARGE: usize = 2048;

const WORD: usize = size_of::<u64>();

/// Messages in the object that nobody has received; `None` if its words do not say so.
pub(super) fn unread(object: &LockFile, geometry: &Geometry) -> Option<u64> {
    count_unread(object, geometry, u64::MAX)
}

/// Are there no [`unread`] messages?
pub(super) fn is_drained(object: &LockFile, geometry: &Geometry) -> bool {
    count_unread(object, geometry, 1) == Some(0)
}

/// Stops when there are `enough`.
fn count_unread(object: &LockFile, geometry: &Geometry, enough: u64) -> Option<u64> {
    let allocated = memory::allocated(object.fd().ok()?).ok()?;
    match &geometry.body {
        // Whatever its users have made of its bytes.
        Body::Plain(_) => Some(0),
        _ if allocated < geometry.total as u64 => None,
        Body::Slots => count_in_slots(object, geometry, enough),
        Body::Blocks(blocks) => count_in_blocks(object, geometry, blocks, enough),
        Body::Flat(_) => count_in_stream(object, geometry),
    }
}

fn count_in_slots(object: &LockFile, geometry: &Geometry, enough: u64) -> Option<u64> {
    let (claimants, laps) = (geometry.claimants, geometry.laps);
    let read = |word: u64| {
        let (_, phase) = State::from_bits(word).decode(laps.lap_bits(), claimants)?;
        Some(matches!(phase, Phase::Full | Phase::Reading(_)))
    };
    let slots = laps.capacity() as usize;
    count(
        object,
        (geometry.slots_offset, geometry.stride, slots),
        enough,
        |_, word| read(word),
    )
}

fn count_in_blocks(object: &LockFile, geometry: &Geometry, blocks: &Blocks, enough: u64) -> Option<u64> {
    let (ids, laps) = (geometry.table_length, geometry.laps);
    let mut entries = vec![0; WORD * laps.capacity() as usize];
    memory::read_at(object.fd().ok()?, &mut entries, geometry.slots_offset as u64).ok()?;
    let (entries, _) = entries.as_chunks::<WORD>();
    let unread = |index: usize, word: u64| match BlockWord::from_bits(word).decode(ids)? {
        BlockPhase::Free | BlockPhase::Loaned(_) => Some(false),
        BlockPhase::Reading(..) => Some(true),
        BlockPhase::Staged(_, position) => {
            let entry = u64::from_ne_bytes(entries[laps.index(position) as usize]);
            Some(Entry::from_bits(entry).names(laps, position, index as u32))
        }
    };
    let where_they_are = (blocks.offset, blocks.stride, blocks.count as usize);
    count(object, where_they_are, enough, unread)
}

/// Nobody writes or reads now, so both cursors stand still.
fn count_in_stream(object: &LockFile, geometry: &Geometry) -> Option<u64> {
    let cursor = |offset: usize| {
        let mut word = [0; WORD];
        memory::read_at(object.fd().ok()?, &mut word, (LINES_OFFSET + offset) as u64).ok()?;
        Some(u64::from_ne_bytes(word))
    };
    let tail = cursor(offset_of!(Lines, tail))?;
    let head = cursor(offset_of!(Lines, head))?;
    Some(tail.wrapping_sub(head)).filter(|&unread| unread <= geometry.laps.capacity())
}

/// Of so many words, a stride apart from an offset, those that `is` says yes to; `None` if it has no say for one.
fn count(
    object: &LockFile,
    (offset, stride, words): (usize, usize, usize),
    enough: u64,
    is: impl Fn(usize, u64) -> Option<bool>,
) -> Option<u64> {
    let file = object.fd().ok()?;
    let at_once = if stride < LARGE { CHUNK / stride } else { 1 };
    let at_once = at_once.clamp(1, words);
    // The last one of a chunk is read no further than its word.
    let mut bytes = vec![0; (at_once - 1) * stride + WORD];
    let mut count = 0;
    for first in (0..words).step_by(at_once) {
        let here = at_once.min(words - first);
        let part = &mut bytes[..(here - 1) * stride + WORD];
        memory::read_at(file, part, (offset + first * stride) as u64).ok()?;
        for (index, chunk) in part.chunks(stride).enumerate() {
            let word = u64::from_ne_bytes(*chunk.first_chunk()?);
            count += u64::from(is(first + index, word)?);
        }
        if count >= enough {
            break;
        }
    }
    Some(count)
}
