//! Is a stream sound after a death?
//!
//! What [`audit`](super::audit) is for slots, for streams: what is there is what was committed and not consumed, whole and in
//! order, and whoever takes an end goes on at that very element.

use std::fs::File;
use std::os::fd::AsFd;

use annulus::stream::{Reader, TryReadError, Writer};

use super::Words;

/// A stream of large elements, of which few fill a page.
pub type Channel = annulus::stream::Channel<Element>;
/// An element: its number, with the place of each word in its top byte.
pub type Element = [u64; 64];
/// One end.
pub type Tx = Writer<Element>;
/// The other.
pub type Rx = Reader<Element>;

/// Elements that fill a page of the usual size: the smallest stream.
pub const SMALL: usize = 4096 / size_of::<Element>();

/// Element `number`.
pub fn element(number: u64) -> Element {
    std::array::from_fn(|i| number ^ (i as u64) << 56)
}

/// The number of an element; panics unless it is whole.
pub fn number(element: &Element) -> u64 {
    let number = element[0];
    assert!(*element == self::element(number), "element {number} is torn");
    number
}

/// The numbers of elements.
pub fn numbers(elements: &[Element]) -> Vec<u64> {
    elements.iter().map(number).collect()
}

/// What the words and elements of a stream say, seen from outside, by `src/layout/flat.rs`.
#[derive(Debug)]
pub struct Flow {
    pub words: Words,
    file: File,
}

impl Flow {
    /// Of `channel`; printed should a watchdog bark during this test.
    pub fn of(channel: &Channel) -> Flow {
        let file = channel.as_fd().try_clone_to_owned().expect("a duplicate");
        Flow {
            words: Words::of(channel),
            file: File::from(file),
        }
    }

    /// Elements that it holds.
    pub fn capacity(&self) -> u64 {
        self.words.capacity
    }

    /// The numbers of the elements that are there, all whole, oldest first. Nobody is writing but by being dead or stopped.
    pub fn there(&self) -> Vec<u64> {
        let (head, tail) = (self.words.head(), self.words.tail());
        let len = tail.wrapping_sub(head);
        assert!(len <= self.capacity(), "from {head} to {tail}");
        (0..len).map(|n| number(&self.element(head.wrapping_add(n)))).collect()
    }

    fn element(&self, position: u64) -> Element {
        let size = size_of::<Element>() as u64;
        // The elements are the last that is there.
        let first = self.file.metadata().expect("a file").len() - self.capacity() * size;
        let at = first + position % self.capacity() * size;
        annulus::bytemuck::pod_read_unaligned(&self.words.bytes(at, size))
    }
}

/// Writes elements in a chunk of as many, if there is room for them.
pub fn try_write(tx: &mut Tx, numbers: &[u64]) -> Result<(), annulus::stream::TryWriteError> {
    let mut chunk = tx.try_write_chunk(numbers.len())?;
    for (place, &number) in chunk.iter_mut().zip(numbers) {
        *place = element(number);
    }
    chunk.commit_all();
    Ok(())
}

/// Reads a chunk of `len` elements, if there are so many; fewer at the end of the stream.
pub fn try_read(rx: &mut Rx, len: usize) -> Result<Vec<u64>, TryReadError> {
    let chunk = rx.try_read_chunk(len)?;
    let numbers = numbers(&chunk);
    chunk.consume_all();
    Ok(numbers)
}

/// What is there now, by `rx`.
pub fn rest(rx: &mut Rx, case: &str) -> Vec<u64> {
    let mut came = Vec::new();
    loop {
        match try_read(rx, 1) {
            Ok(numbers) => came.extend(numbers),
            Err(TryReadError::Empty | TryReadError::Disconnected) => return came,
            Err(error) => panic!("{case}: {error}"),
        }
    }
}

/// 10,000 more elements pass, in order and whole, by chunks of all lengths.
pub fn passes_more(tx: &mut Tx, rx: &mut Rx, case: &str) {
    let capacity = tx.capacity() as u64;
    let (mut first, mut len) = (1_000, 1);
    while first < 11_000 {
        let chunk: Vec<u64> = (first..first + len).collect();
        assert_eq!(try_write(tx, &chunk), Ok(()), "{case}: no room for {len}");
        assert_eq!(
            try_read(rx, len as usize),
            Ok(chunk),
            "{case}: {first} and those behind it"
        );
        first += len;
        len = len % capacity + 1;
    }
    assert_eq!(try_read(rx, 1), Err(TryReadError::Empty), "{case}");
}

/// Drains the stream, and lets more elements pass from `tx` to `rx`; what was in it.
pub fn sound(flow: &Flow, tx: &mut Tx, rx: &mut Rx, case: &str) -> Vec<u64> {
    let there = flow.there();
    let came = rest(rx, case);
    assert_eq!(
        came,
        there,
        "{case}: what came, and what was there\n{}",
        flow.words.text()
    );
    assert_eq!(tx.free() as u64, flow.capacity(), "{case}: all is free");
    passes_more(tx, rx, case);
    assert_eq!(flow.there(), [0; 0], "{case}");
    came
}
