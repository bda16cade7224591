//! What do the words of a stream's region say, seen from outside?
//!
//! Written against `src/layout/LAYOUT.md` alone, as `support::words` is, which has the lines that all transports share. A
//! stream's tail and head are no hints but how many elements have ever been written, and read.

use std::fs::File;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use crate::support::Words;

/// The kind of a stream.
const STREAM: u32 = 6;

/// A region's words.
#[derive(Debug)]
pub(crate) struct StreamWords {
    common: Words,
    file: File,
    marks: u64,
}

impl StreamWords {
    /// The words of `channel`.
    pub(crate) fn of(channel: &impl AsFd) -> StreamWords {
        let common = Words::of(channel);
        let file = File::from(channel.as_fd().try_clone_to_owned().expect("a duplicate"));
        let mut kind = [0; 4];
        file.read_exact_at(&mut kind, 12).expect("line 0");
        assert_eq!(u32::from_ne_bytes(kind), STREAM);
        StreamWords {
            marks: 768 + 128 * u64::from(common.table_length),
            common,
            file,
        }
    }

    /// Elements in it.
    pub(crate) fn len(&self) -> u64 {
        self.tail().wrapping_sub(self.head())
    }

    /// Makes the fresh, empty stream one in which so many elements have been written and read.
    pub(crate) fn wind(&self, start: u64) {
        self.set_hints(start, start);
    }

    /// The head that a sleeping writer waits for.
    pub(crate) fn writers_mark(&self) -> u64 {
        self.at(self.marks)
    }

    /// The tail that a sleeping reader waits for.
    pub(crate) fn readers_mark(&self) -> u64 {
        self.at(self.marks + 128)
    }

    /// Stores both marks.
    pub(crate) fn set_marks(&self, writer: u64, reader: u64) {
        self.scribble(self.marks, writer);
        self.scribble(self.marks + 128, reader);
    }

    /// Where the words of the protocol are, all of them: cursors, wait words and marks.
    pub(crate) fn offsets(&self) -> [u64; 6] {
        [128, 256, 384, 512, self.marks, self.marks + 128]
    }

    fn at(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, offset).expect("a word");
        u64::from_ne_bytes(bytes)
    }

    /// Stores a word anywhere.
    pub(crate) fn scribble(&self, offset: u64, word: u64) {
        self.file.write_all_at(&word.to_ne_bytes(), offset).expect("a word");
    }

    /// System calls that anybody who is attached has made to wake somebody: what a sleeper finds by its tick costs none.
    pub(crate) fn wakes(&self) -> u64 {
        (1..self.table_length).map(|id| self.record(id).wakes).sum()
    }
}

impl Deref for StreamWords {
    type Target = Words;

    fn deref(&self) -> &Words {
        &self.common
    }
}
