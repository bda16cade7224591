//! Where does a stream play?
//!
//! An element is a cell that loom watches, found by the index that [`Free`] or [`Filled`] says.

use std::ptr::NonNull;

use loom::cell::UnsafeCell;

use crate::kill;
use crate::layout::{Laps, Lines, Marks};
use crate::ring::Refused;
use crate::span::{Filled, Free, ReadEnd, Span, WriteEnd};
use crate::sync::Relaxed;
use crate::weaken::Rule;

/// The shared words and elements of a region.
pub(crate) struct Stream {
    pub(crate) lines: Lines,
    marks: Marks,
    elements: Vec<UnsafeCell<u32>>,
    laps: Laps,
}

/// `2^shift` elements, none of them filled, the next one at position `start`, for `play`, which joins every thread that it
/// starts.
pub(crate) fn in_a_stream(shift: u32, start: u64, play: impl FnOnce(&'static Stream)) {
    let laps = Laps::new(shift);
    let stream = Box::new(Stream {
        lines: Lines::default(),
        marks: Marks::default(),
        elements: (0..laps.capacity()).map(|_| UnsafeCell::new(0)).collect(),
        laps,
    });
    if start != 0 {
        stream.lines.tail.0.store(start, Relaxed);
        stream.lines.head.0.store(start, Relaxed);
    }
    let stream = Box::into_raw(stream);
    // SAFETY: it lives until the box is back, when every thread that could use it has been joined.
    play(unsafe { &*stream });
    // SAFETY: from `Box::into_raw` above.
    drop(unsafe { Box::from_raw(stream) });
}

impl Stream {
    pub(crate) fn span(&'static self) -> Span {
        // SAFETY: V1, V2: `'static` as `in_a_stream` sees to it, and no `&mut` to either.
        unsafe { Span::new(NonNull::from(&self.lines), NonNull::from(&self.marks), self.laps) }
    }

    /// To be called by whoever comes after the last writer.
    pub(crate) fn writer(&'static self) -> Writer {
        let end = WriteEnd::new(self.span()).expect("a sound stream");
        Writer { stream: self, end }
    }

    /// To be called by whoever comes after the last reader.
    pub(crate) fn reader(&'static self) -> Reader {
        let end = ReadEnd::new(self.span()).expect("a sound stream");
        Reader { stream: self, end }
    }

    /// Writes, before the others come.
    pub(crate) fn fill(&'static self, numbers: &[u32]) {
        assert!(self.writer().write(numbers), "room");
    }

    /// Two laps go through all of it, and it holds as many as it should.
    pub(crate) fn as_good_as_new(&'static self) {
        let (mut writer, mut reader) = (self.writer(), self.reader());
        let all: Vec<_> = (0..self.laps.capacity() as u32).collect();
        for _ in 0..2 {
            assert!(writer.write(&all), "there is room for all");
            assert!(!writer.write(&[9]), "and for no more");
            assert_eq!(reader.read(1).as_ref(), Some(&all), "the elements work on");
        }
        assert_eq!(reader.read(1), None, "there is nothing else");
    }

    fn element(&self, index: u64) -> &UnsafeCell<u32> {
        kill::point();
        &self.elements[self.laps.index(index) as usize]
    }
}

/// The writing end of a stream.
pub(crate) struct Writer {
    pub(crate) stream: &'static Stream,
    pub(crate) end: WriteEnd,
}

impl Writer {
    /// `false`: not so much room.
    pub(crate) fn write(&mut self, numbers: &[u32]) -> bool {
        self.write_part(numbers, numbers.len())
    }

    /// Fills elements with `numbers`, and commits the first `count`. `false`: not so much room.
    pub(crate) fn write_part(&mut self, numbers: &[u32], count: usize) -> bool {
        let len = numbers.len() as u64;
        if found(self.end.free(len)).is_none() {
            return false;
        }
        let stream = self.stream;
        let free: Free<'_> = self.end.take(len);
        let (first, len) = (free.index(), free.len());
        let fill = || {
            for (n, number) in (0..len).zip(numbers) {
                // SAFETY: S2: loom sees that nobody else is at it.
                stream
                    .element(first + n)
                    .with_mut(|element| unsafe { *element = *number });
            }
        };
        if Rule::CommitLast.kept() {
            fill();
            free.commit(count as u64);
        } else {
            free.commit(count as u64);
            fill();
        }
        true
    }
}

/// The reading end of a stream.
pub(crate) struct Reader {
    pub(crate) stream: &'static Stream,
    pub(crate) end: ReadEnd,
}

impl Reader {
    /// All that is there, consumed. `None`: fewer than `wanted`.
    pub(crate) fn read(&mut self, wanted: u64) -> Option<Vec<u32>> {
        self.read_part(wanted, u64::MAX, u64::MAX)
    }

    /// What is there, `most` at most, the first `count` of which are consumed. `None`: fewer than `wanted`.
    pub(crate) fn read_part(&mut self, wanted: u64, most: u64, count: u64) -> Option<Vec<u32>> {
        let len = found(self.end.filled(wanted))?.min(most);
        let stream = self.stream;
        let filled: Filled<'_> = self.end.take(len);
        let (first, len) = (filled.index(), filled.len());
        let read = || {
            // SAFETY: S2: loom sees that nobody writes to it.
            let number = |n| stream.element(first + n).with(|element| unsafe { *element });
            (0..len).map(number).collect()
        };
        Some(if Rule::ConsumeLast.kept() {
            let numbers = read();
            filled.consume(count.min(len));
            numbers
        } else {
            filled.consume(count.min(len));
            read()
        })
    }
}

fn found(elements: Result<u64, Refused>) -> Option<u64> {
    match elements {
        Ok(count) => Some(count),
        Err(Refused::Blocked) => None,
        Err(Refused::Corrupt) => panic!("an end takes a sound stream for corrupt"),
    }
}
