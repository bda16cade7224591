//! What do the tests of streams begin and end with?

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use annulus::stream::{Channel, Reader, TryReadError, Writer};

use crate::support::{LONG, Peer, words};
use crate::words::StreamWords;

/// Streams of numbers.
pub(crate) type Numbers = Channel<u64>;
pub(crate) type Tx = Writer<u64>;
pub(crate) type Rx = Reader<u64>;

/// What does not happen for so long is taken not to happen.
pub(crate) use crate::support::own::A_WHILE;

/// Elements of [`stream`]: a page of them.
pub(crate) const CAPACITY: u64 = 512;

/// A stream that looks after the dead often, and its words.
pub(crate) fn stream() -> (Numbers, StreamWords) {
    let channel = Numbers::builder(1).tick(Duration::from_millis(20));
    let channel = channel.anonymous().expect("a stream");
    assert_eq!(channel.capacity() as u64, CAPACITY);
    let words = StreamWords::of(&channel);
    (channel, words)
}

/// What element `number` of a test's stream says.
pub(crate) fn element(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5555
}

/// Fills `chunk` with elements from `first` on.
pub(crate) fn fill(chunk: &mut [u64], first: u64) {
    for (place, number) in chunk.iter_mut().zip(first..) {
        *place = element(number);
    }
}

/// `chunk` is of elements from `first` on.
pub(crate) fn check(chunk: &[u64], first: u64) {
    for (&there, number) in chunk.iter().zip(first..) {
        assert_eq!(there, element(number), "element {number}, in a chunk from {first} on");
    }
}

fn count(numbers: &Range<u64>) -> usize {
    (numbers.end - numbers.start) as usize
}

/// Writes elements `numbers` as one chunk.
pub(crate) fn write(tx: &mut Tx, numbers: Range<u64>) {
    let count = count(&numbers);
    let mut chunk = tx.write_chunk_timeout(count, LONG).unwrap_or_else(|error| {
        words::print_watched();
        panic!("writing {numbers:?}: {error}")
    });
    assert_eq!(chunk.len(), count);
    fill(&mut chunk, numbers.start);
    chunk.commit_all();
}

/// The next elements are `numbers`: reads them as one chunk.
pub(crate) fn read(rx: &mut Rx, numbers: Range<u64>) {
    let count = count(&numbers);
    let chunk = rx.read_chunk_timeout(count, LONG).unwrap_or_else(|error| {
        words::print_watched();
        panic!("reading {numbers:?}: {error}")
    });
    assert_eq!(chunk.len(), count);
    check(&chunk, numbers.start);
    chunk.consume_all();
}

/// What is in the stream is `numbers` and nothing more, and stays there.
pub(crate) fn holds(rx: &mut Rx, numbers: Range<u64>) {
    assert_eq!(rx.len(), count(&numbers));
    if numbers.is_empty() {
        return;
    }
    let chunk = rx.try_read_chunk(count(&numbers)).expect("they are there");
    check(&chunk, numbers.start);
}

/// Nothing is left, and 10,000 elements pass in order, in chunks of all sizes.
pub(crate) fn go_on(tx: &mut Tx, rx: &mut Rx) {
    let nothing = rx.try_read_chunk(1).map(|chunk| chunk.len());
    assert_eq!(nothing, Err(TryReadError::Empty));
    let capacity = tx.capacity() as u64;
    assert_eq!(tx.free() as u64, capacity);
    let (mut first, mut size) = (1_000_000, 1);
    while first < 1_010_000 {
        write(tx, first..first + size);
        holds(rx, first..first + size);
        read(rx, first..first + size);
        first += size;
        size = size * 3 % capacity + 1;
    }
    assert!(rx.is_empty());
}

/// It panics, and says so to the caller alone: what the panic says.
pub(crate) fn panics(run: impl FnOnce()) -> String {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    let panic = outcome.expect_err("it panics");
    panic.downcast_ref::<String>().expect("a text").clone()
}

/// A child that has committed `numbers` and has a chunk of `more` uncommitted, all of which it has filled, until it is told to
/// commit it, or killed.
pub(crate) fn filling(channel: &Numbers, numbers: Range<u64>, more: u64) -> Peer {
    let mut writer = Peer::fork("writer", |link| {
        let mut tx = channel.writer().unwrap();
        write(&mut tx, numbers.clone());
        let mut chunk = tx.write_chunk(more as usize).unwrap();
        fill(&mut chunk, numbers.end);
        link.say("has filled it");
        link.hear();
        chunk.commit_all();
        link.say("committed");
        link.hear();
    });
    writer.expect("has filled it");
    writer
}

/// A child that has consumed elements `numbers` and holds a chunk of `more` that it has read, until it is told to consume
/// them, or killed.
pub(crate) fn holding(channel: &Numbers, numbers: Range<u64>, more: u64) -> Peer {
    let mut reader = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        read(&mut rx, numbers.clone());
        let chunk = rx.read_chunk_timeout(more as usize, LONG).unwrap();
        check(&chunk, numbers.end);
        link.say("has read it");
        link.hear();
        // It was lent all the time.
        check(&chunk, numbers.end);
        chunk.consume_all();
        link.say("consumed");
        link.hear();
    });
    reader.expect("has read it");
    reader
}
