//! Is what is committed what is read, in one piece, wherever it lies?

use annulus::stream::{Channel, ReadError, TryReadError, TryWriteError, WriteError};

use crate::support::message::{Message, Page};
use crate::world::{CAPACITY, check, fill, go_on, holds, read, stream, write};

pub(crate) fn what_is_committed_is_read_and_no_more() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    for committed in 0..=10 {
        let first = words.tail();
        let mut chunk = tx.write_chunk(10).unwrap();
        fill(&mut chunk, first);
        assert_eq!(words.tail(), first, "nothing is written before the commit");
        chunk.commit(committed as usize);
        assert_eq!(words.tail(), first + committed);
        holds(&mut rx, first..first + committed);
        read(&mut rx, first..first + committed);
        // All of it is room again, what was not committed included.
        assert_eq!(tx.free() as u64, CAPACITY);
    }
    go_on(&mut tx, &mut rx);
}

pub(crate) fn a_chunk_that_is_dropped_was_never_written() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    for len in [0, 1, 7, CAPACITY] {
        let mut chunk = tx.write_chunk(len as usize).unwrap();
        fill(&mut chunk, 77);
        drop(chunk);
        assert_eq!((words.tail(), words.head()), (0, 0));
        assert_eq!(rx.try_read_chunk(1).map(|chunk| chunk.len()), Err(TryReadError::Empty));
    }
    go_on(&mut tx, &mut rx);
}

pub(crate) fn what_is_not_consumed_comes_again() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..10);
    for _ in 0..3 {
        let chunk = rx.read_chunk(10).unwrap();
        check(&chunk, 0);
        drop(chunk);
        assert_eq!((words.head(), rx.len()), (0, 10));
    }
    let mut first = 0;
    for consumed in [0, 1, 3, 6] {
        let chunk = rx.read_chunk(3.max(consumed)).unwrap();
        check(&chunk, first);
        chunk.consume(consumed);
        first += consumed as u64;
        assert_eq!(words.head(), first);
        holds(&mut rx, first..10);
    }
    go_on(&mut tx, &mut rx);
}

/// At every place that a chunk can begin, and with every size there.
pub(crate) fn a_chunk_is_one_piece_wherever_it_wraps() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let mut first = 0;
    for offset in 0..CAPACITY {
        assert_eq!(words.tail() % CAPACITY, offset);
        for len in [1, 2, CAPACITY - offset, CAPACITY - offset + 1, CAPACITY - 1, CAPACITY] {
            let len = len.min(CAPACITY);
            write(&mut tx, first..first + len);
            // In parts of any size, and as a whole.
            holds(&mut rx, first..first + len);
            let part = len * (offset + 1) / (CAPACITY + 1);
            read(&mut rx, first..first + part);
            read(&mut rx, first + part..first + len);
            // Back to where this began.
            let rest = CAPACITY - len;
            write(&mut tx, first + len..first + len + rest);
            read(&mut rx, first + len..first + len + rest);
            first += CAPACITY;
            assert_eq!(words.tail() % CAPACITY, offset);
        }
        write(&mut tx, first..first + 1);
        read(&mut rx, first..first + 1);
        first += 1;
    }
}

/// A chunk is where it is, twice: what is written through the one mapping is read through the other.
pub(crate) fn both_mappings_are_the_same_memory() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..CAPACITY - 1);
    read(&mut rx, 0..CAPACITY - 1);
    // The first of these is the last element of the first mapping, the others are in the second one.
    write(&mut tx, CAPACITY - 1..CAPACITY + 9);
    let chunk = rx.read_chunk(1).unwrap();
    let at = chunk.as_ptr();
    chunk.consume_all();
    // And now they are read in the first one.
    let chunk = rx.read_chunk(9).unwrap();
    assert_eq!(at as usize - chunk.as_ptr() as usize, 8 * (CAPACITY as usize - 1));
    check(&chunk, CAPACITY);
}

pub(crate) fn a_fresh_chunk_is_zero_and_a_used_one_is_what_was_there() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let chunk = tx.write_chunk(CAPACITY as usize).unwrap();
    assert!(chunk.iter().all(|&element| element == 0));
    drop(chunk);
    write(&mut tx, 0..CAPACITY);
    read(&mut rx, 0..CAPACITY);
    let chunk = tx.write_chunk(CAPACITY as usize).unwrap();
    check(&chunk, 0);
}

pub(crate) fn full_and_empty_are_exact() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let capacity = CAPACITY as usize;
    let mut first = 0;
    for filled in 0..=capacity {
        let last = first + filled as u64;
        write(&mut tx, first..last);
        let room = |asked| (asked <= capacity - filled).then_some(asked).ok_or(TryWriteError::Full);
        let there = |asked| (asked <= filled).then_some(asked).ok_or(TryReadError::Empty);
        for asked in [
            0,
            1,
            filled,
            filled + 1,
            capacity - filled,
            capacity - filled + 1,
            capacity,
        ] {
            let asked = asked.min(capacity);
            assert_eq!(tx.try_write_chunk(asked).map(|chunk| chunk.len()), room(asked));
            assert_eq!(rx.try_read_chunk(asked).map(|chunk| chunk.len()), there(asked));
        }
        assert_eq!((tx.free(), rx.len()), (capacity - filled, filled));
        assert_eq!(rx.is_empty(), filled == 0);
        read(&mut rx, first..last);
        first = last;
    }
}

pub(crate) fn a_chunk_longer_than_the_stream_says_both_lengths() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let max = CAPACITY as usize;
    for len in [max + 1, 2 * max, usize::MAX / 8, usize::MAX] {
        let text = format!("a chunk of {len} elements does not fit a stream that holds {max}");
        let error = tx.write_chunk(len).unwrap_err();
        assert_eq!(
            (error, error.to_string()),
            (WriteError::TooLong { len, max }, text.clone())
        );
        let error = rx.read_chunk(len).unwrap_err();
        assert_eq!(
            (error, error.to_string()),
            (ReadError::TooLong { len, max }, text.clone())
        );
        let long = crate::support::LONG;
        let texts = [
            tx.try_write_chunk(len).unwrap_err().to_string(),
            tx.write_chunk_timeout(len, long).unwrap_err().to_string(),
            rx.try_read_chunk(len).unwrap_err().to_string(),
            rx.read_chunk_timeout(len, long).unwrap_err().to_string(),
        ];
        assert!(texts.iter().all(|said| *said == text), "{texts:?}");
    }
    assert_eq!(words.tail(), 0);
    go_on(&mut tx, &mut rx);
}

/// Elements as large as a page: a stream of one of them, and of two.
pub(crate) fn a_stream_may_hold_a_single_element() {
    for capacity in [1, 2, 4] {
        let channel = Channel::<Page>::anonymous(capacity).unwrap();
        assert_eq!(channel.capacity(), capacity);
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        for round in 0..10 {
            for len in 1..=capacity {
                let mut chunk = tx.try_write_chunk(len).unwrap();
                for (i, place) in chunk.iter_mut().enumerate() {
                    *place = Page::of((round + len + i) as u64);
                }
                chunk.commit_all();
                let full = tx.try_write_chunk(capacity - len + 1).map(|chunk| chunk.len());
                assert_eq!(full, Err(TryWriteError::Full));
                let chunk = rx.try_read_chunk(len).unwrap();
                for (i, there) in chunk.iter().enumerate() {
                    assert_eq!(there.number(), (round + len + i) as u64);
                }
                chunk.consume_all();
            }
        }
        assert_eq!(rx.try_read_chunk(1).map(|chunk| chunk.len()), Err(TryReadError::Empty));
    }
}

/// The counts of elements are 64-bit numbers, which may wrap.
pub(crate) fn a_stream_goes_on_where_its_counts_wrap() {
    for back in [0, 1, 5, CAPACITY - 1, CAPACITY, 3 * CAPACITY + 7] {
        for half in [false, true] {
            let (channel, words) = stream();
            let start = if half { 1 << 63 } else { 0_u64 }.wrapping_sub(back);
            words.wind(start);
            let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
            for first in (0..2 * back + 2 * CAPACITY).step_by(37) {
                write(&mut tx, first..first + 37);
                let stats = channel.stats().unwrap();
                assert_eq!((stats.len, stats.sent), (37, start.wrapping_add(first + 37)));
                assert_eq!(words.len(), 37);
                read(&mut rx, first..first + 37);
            }
            go_on(&mut tx, &mut rx);
        }
    }
}

pub(crate) fn a_large_stream_is_of_the_capacity_that_was_asked_for() {
    for (asked, holds) in [
        (1, 4096),
        (4096, 4096),
        (4097, 8192),
        (10_000, 16_384),
        (1 << 24, 1 << 24),
    ] {
        let channel = Channel::<u8>::anonymous(asked).unwrap();
        assert_eq!(channel.capacity(), holds);
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        assert_eq!((tx.capacity(), rx.capacity(), tx.free()), (holds, holds, holds));
        for round in 0..3_u8 {
            let mut chunk = tx.try_write_chunk(holds).unwrap();
            chunk.fill(round + 1);
            chunk.commit(holds - 1);
            let chunk = rx.try_read_chunk(holds - 1).unwrap();
            assert!(chunk.iter().all(|&byte| byte == round + 1));
            chunk.consume_all();
        }
    }
}
