//! What becomes of the elements of a process that is killed?

use annulus::stream::{ReadTimeoutError, TryReadError, TryWriteError, WriteError, WriteTimeoutError};

use crate::support::{LONG, Peer, traffic, until};
use crate::world::{A_WHILE, CAPACITY, check, element, fill, filling, go_on, holding, holds, read, stream, write};

/// The chunk may be of any size, up to all of the stream, and wrap anywhere.
pub(crate) fn a_killed_writers_chunk_was_never_written() {
    for start in [0, 1, CAPACITY - 3, CAPACITY / 2] {
        for (committed, more) in [(0, 1), (0, CAPACITY), (5, 100), (CAPACITY - 1, 1)] {
            let (channel, words) = stream();
            words.wind(start);
            let mut rx = channel.reader().unwrap();
            let mut writer = filling(&channel, 0..committed, more);
            writer.kill();
            assert_eq!(words.len(), committed);
            if committed > 0 {
                // What it has committed is there, and then the end.
                let rest = rx.read_chunk_timeout(CAPACITY as usize, LONG).unwrap();
                assert_eq!(rest.len() as u64, committed);
                check(&rest, 0);
                rest.consume_all();
            }
            let gone = rx.read_chunk_timeout(1, LONG).map(|chunk| chunk.len());
            assert_eq!(gone, Err(ReadTimeoutError::Disconnected));
            // The next writer writes from that element on.
            let mut tx = channel.writer().unwrap();
            assert_eq!(tx.free() as u64, CAPACITY);
            write(&mut tx, committed..committed + 3);
            assert_eq!(words.tail(), start + committed + 3);
            read(&mut rx, committed..committed + 3);
            go_on(&mut tx, &mut rx);
        }
    }
}

/// While a reader waits for all that they will have written: to it, they are one writer.
pub(crate) fn the_next_writer_goes_on_at_the_exact_element() {
    let (channel, words) = stream();
    let mut reader = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        read(&mut rx, 0..CAPACITY);
        link.say("all is there");
        link.hear();
    });
    reader.expect("attached");
    for first in (0..CAPACITY).step_by(64) {
        assert_eq!(words.tail(), first);
        // The last one has died, but who waits must not see the stream without a writer: that would be its end.
        let mut writer = filling(&channel, first..first + 64, 64.min(CAPACITY - first - 64));
        reader.resume();
        if first + 64 < CAPACITY {
            reader.until_waiting(&words, words.receiver_of(reader.pid()));
            reader.stop();
            writer.kill();
        } else {
            reader.expect("all is there");
        }
    }
    assert_eq!((words.tail(), words.head()), (CAPACITY, CAPACITY));
    reader.tell("leave");
    reader.join();
}

/// In the middle of a slice: up to some element all is there, and nothing of what follows it.
pub(crate) fn what_a_writer_killed_in_mid_slice_has_written_is_whole() {
    for round in 0..20 {
        let (channel, words) = stream();
        let mut rx = channel.reader().unwrap();
        let mut writer = Peer::fork("writer", |link| {
            let mut tx = channel.writer().unwrap();
            let all: Vec<u64> = (0..1_000_000).map(element).collect();
            link.say("attached");
            tx.write_all(&all).unwrap();
            link.say("all of it");
        });
        writer.expect("attached");
        let enough = 50 * round * round;
        let mut next = 0;
        while next < enough {
            let chunk = rx.readable().unwrap();
            check(&chunk, next);
            next += chunk.len() as u64;
            chunk.consume_all();
        }
        writer.kill();
        assert!(!writer.has_spoken());
        while let Ok(chunk) = rx.readable() {
            check(&chunk, next);
            next += chunk.len() as u64;
            chunk.consume_all();
        }
        assert_eq!((words.tail(), words.head()), (next, next));
        let mut tx = channel.writer().unwrap();
        write(&mut tx, next..next + 10);
        read(&mut rx, next..next + 10);
        go_on(&mut tx, &mut rx);
    }
}

/// While it waits for room.
pub(crate) fn a_writer_killed_in_its_sleep_leaves_nothing() {
    let (channel, words) = stream();
    let mut rx = channel.reader().unwrap();
    let mut writer = Peer::fork("writer", |link| {
        let mut tx = channel.writer().unwrap();
        write(&mut tx, 0..CAPACITY - 1);
        link.say("nearly full");
        drop(tx.write_chunk(2));
    });
    writer.expect("nearly full");
    writer.until_waiting(&words, words.sender_of(writer.pid()));
    writer.kill();
    // It had announced itself: that keeps nobody up.
    holds(&mut rx, 0..CAPACITY - 1);
    read(&mut rx, 0..CAPACITY - 1);
    let mut tx = channel.writer().unwrap();
    go_on(&mut tx, &mut rx);
}

/// All that it had not consumed, from the first on, whatever it had read of it.
pub(crate) fn a_killed_readers_chunk_is_read_again() {
    for start in [0, 1, CAPACITY - 3, CAPACITY / 2] {
        for (consumed, more, behind) in [
            (0, 1, 0),
            (0, CAPACITY, 0),
            (5, 100, 30),
            (CAPACITY - 1, 1, 0),
            (1, 1, 1),
        ] {
            let (channel, words) = stream();
            words.wind(start);
            let mut tx = channel.writer().unwrap();
            let last = consumed + more + behind;
            write(&mut tx, 0..last);
            let mut reader = holding(&channel, 0..consumed, more);
            assert_eq!(tx.free() as u64, CAPACITY - last + consumed);
            reader.kill();
            let mut rx = channel.reader().unwrap();
            assert_eq!(words.head(), start + consumed);
            holds(&mut rx, consumed..last);
            read(&mut rx, consumed..last);
            go_on(&mut tx, &mut rx);
        }
    }
}

/// Though it has died in between, and its successor has it read to it from a chunk of another size.
pub(crate) fn the_next_reader_goes_on_at_the_exact_element() {
    let (channel, words) = stream();
    let mut tx = channel.writer().unwrap();
    let (mut consumed, mut written) = (0, 0);
    for round in 1..60 {
        let len = CAPACITY - (written - consumed);
        write(&mut tx, written..written + len);
        written += len;
        let some = round * 37 % (CAPACITY / 2);
        let mut reader = holding(&channel, consumed..consumed + some, round % (CAPACITY / 2) + 1);
        reader.kill();
        consumed += some;
        assert_eq!((words.tail(), words.head()), (written, consumed));
        assert_eq!(tx.free() as u64, some);
    }
}

pub(crate) fn a_reader_killed_in_its_sleep_takes_nothing_along() {
    let (channel, words) = stream();
    let mut tx = channel.writer().unwrap();
    let mut reader = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        drop(rx.read_chunk(10));
    });
    reader.expect("attached");
    write(&mut tx, 0..9);
    reader.until_waiting(&words, words.receiver_of(reader.pid()));
    reader.kill();
    // What it waited for comes when nobody is there to read it; who writes finds that out only by waiting.
    write(&mut tx, 9..12);
    let mut rx = channel.reader().unwrap();
    holds(&mut rx, 0..12);
    read(&mut rx, 0..12);
    go_on(&mut tx, &mut rx);
}

/// It waits for room that will not come, in every form, and without waiting it finds out, too.
pub(crate) fn a_writer_notices_that_its_reader_was_killed() {
    let (channel, words) = stream();
    let mut tx = channel.writer().unwrap();
    write(&mut tx, 0..CAPACITY);
    let mut reader = holding(&channel, 0..0, 1);
    assert_eq!(tx.try_write_chunk(1).map(|chunk| chunk.len()), Err(TryWriteError::Full));
    let late = tx.write_chunk_timeout(1, A_WHILE).map(|chunk| chunk.len());
    assert_eq!(late, Err(WriteTimeoutError::Timeout));
    reader.kill();
    until("it is noticed without waiting", || {
        tx.try_write_chunk(1).map(|chunk| chunk.len()) == Err(TryWriteError::Disconnected)
    });
    let mut rx = channel.reader().unwrap();
    read(&mut rx, 0..1);
    let mut reader = {
        drop(rx);
        traffic::idle("reader", || channel.reader().unwrap())
    };
    write(&mut tx, CAPACITY..CAPACITY + 1);
    reader.kill();
    assert_eq!(
        tx.write_chunk(1).map(|chunk| chunk.len()),
        Err(WriteError::Disconnected)
    );
    // And a reader by a poll of its own.
    assert_eq!((words.tail(), words.head()), (CAPACITY + 1, 1));
}

pub(crate) fn a_reader_notices_that_its_writer_was_killed() {
    let (channel, _words) = stream();
    let mut rx = channel.reader().unwrap();
    let mut writer = filling(&channel, 0..3, 1);
    read(&mut rx, 0..2);
    assert_eq!(rx.try_read_chunk(2).map(|chunk| chunk.len()), Err(TryReadError::Empty));
    writer.kill();
    until("it is noticed without waiting", || {
        rx.try_read_chunk(2).map(|chunk| chunk.len()) == Ok(1)
    });
    read(&mut rx, 2..3);
    assert_eq!(
        rx.try_read_chunk(1).map(|chunk| chunk.len()),
        Err(TryReadError::Disconnected)
    );
    assert_eq!(rx.poll(LONG), Ok(true));
}

/// A mark and an announcement of the dead are no more than a wake-up that nobody needs.
pub(crate) fn both_ends_may_die_and_the_next_ones_go_on() {
    let (channel, words) = stream();
    let mut next = 0;
    for round in 0..30 {
        let last = next + 1 + round * 17 % 400;
        let mut writer = filling(&channel, next..last, 1 + round);
        let mut reader = holding(&channel, next..last - 1, 1);
        if round % 2 == 0 {
            writer.kill();
            reader.kill();
        } else {
            reader.kill();
            writer.kill();
        }
        assert_eq!((words.tail(), words.head()), (last, last - 1));
        let mut rx = channel.reader().unwrap();
        read(&mut rx, last - 1..last);
        next = last;
    }
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let mut chunk = tx.write_chunk(1).unwrap();
    fill(&mut chunk, next);
    chunk.commit_all();
    read(&mut rx, next..next + 1);
    go_on(&mut tx, &mut rx);
}
