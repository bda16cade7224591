//! Do the operations that copy, those of the standard library among them, pass a stream as it is?

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use annulus::stream::{
    Channel, ReadError, ReadExactError, Reader, TryReadError, TryWriteError, WriteAllError, WriteError, Writer,
};

use crate::support::{LONG, Peer};
use crate::world::{A_WHILE, CAPACITY, check, element, go_on, holds, panics, read, stream, write};

fn elements(first: u64, len: u64) -> Vec<u64> {
    (first..first + len).map(element).collect()
}

pub(crate) fn as_many_are_written_and_read_as_there_is_room_for() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let mut buffer = vec![0; 2 * CAPACITY as usize];
    assert_eq!(rx.try_read(&mut buffer), Err(TryReadError::Empty));
    assert_eq!(tx.try_write(&elements(0, 300)), Ok(300));
    assert_eq!(
        tx.write_some(&elements(300, 300)),
        Ok(CAPACITY as usize - 300),
        "what fits"
    );
    assert_eq!(tx.try_write(&elements(CAPACITY, 1)), Err(TryWriteError::Full));
    holds(&mut rx, 0..CAPACITY);
    assert_eq!(rx.try_read(&mut buffer[..100]), Ok(100));
    check(&buffer[..100], 0);
    assert_eq!(rx.read_some(&mut buffer), Ok(CAPACITY as usize - 100), "what is there");
    check(&buffer[..CAPACITY as usize - 100], 100);
    assert_eq!(rx.try_read(&mut buffer), Err(TryReadError::Empty));
    // Of none at all, at once.
    write(&mut tx, 0..CAPACITY);
    assert_eq!(
        (tx.try_write(&[]), tx.write_some(&[]), tx.write_all(&[])),
        (Ok(0), Ok(0), Ok(()))
    );
    read(&mut rx, 0..CAPACITY);
    let none = (rx.try_read(&mut []), rx.read_some(&mut []), rx.read_exact(&mut []));
    assert_eq!(none, (Ok(0), Ok(0), Ok(())));
    go_on(&mut tx, &mut rx);
}

pub(crate) fn what_is_longer_than_the_stream_passes_between_threads() {
    for lengths in [(20_000, 3), (7, 20_000), (CAPACITY + 1, 2 * CAPACITY + 1)] {
        let (channel, words) = stream();
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        let all = lengths.0 * lengths.1 * 3;
        thread::scope(|scope| {
            scope.spawn(|| {
                for first in (0..all).step_by(lengths.0 as usize) {
                    tx.write_all(&elements(first, lengths.0)).unwrap();
                }
            });
            let mut buffer = vec![0; lengths.1 as usize];
            for first in (0..all).step_by(lengths.1 as usize) {
                rx.read_exact(&mut buffer).unwrap();
                check(&buffer, first);
            }
        });
        assert_eq!((words.tail(), words.head()), (all, all));
        go_on(&mut tx, &mut rx);
    }
}

pub(crate) fn what_is_longer_than_the_stream_passes_between_processes() {
    let (channel, words) = stream();
    let mut rx = channel.reader().unwrap();
    let seat = channel.reserve_writer().unwrap();
    let writer = Peer::fork("writer", |_| {
        let mut tx = seat.attach().unwrap();
        tx.write_all(&elements(0, 100_000)).unwrap();
    });
    let mut all = vec![0; 100_000];
    rx.read_exact(&mut all).unwrap();
    check(&all, 0);
    writer.join();
    assert_eq!((words.tail(), words.head()), (100_000, 100_000));
}

/// As far as it has got, to the element, is what the error says.
pub(crate) fn who_cannot_finish_says_how_far_it_has_got() {
    let (channel, words) = stream();
    let (mut tx, rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let seat = channel.reserve_reader();
    assert!(seat.is_err(), "there is one reader");
    let mut reader = Peer::fork("reader", |link| {
        link.hear();
    });
    drop(rx);
    let expected = WriteAllError {
        written: 0,
        kind: WriteError::Disconnected,
    };
    assert_eq!(tx.write_all(&[1]), Err(expected));
    assert_eq!(
        expected.to_string(),
        "writing to a disconnected stream after 0 elements"
    );
    reader.tell("leave");
    reader.join();
    // One that reads a part and goes.
    let mut reader = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        read(&mut rx, 0..100);
        link.say("read");
        link.hear();
    });
    reader.expect("attached");
    let seen = thread::scope(|scope| {
        let writing = scope.spawn(|| tx.write_all(&elements(0, 2 * CAPACITY)));
        reader.expect("read");
        crate::support::until("it is full again", || words.len() == CAPACITY);
        reader.tell("leave");
        writing.join().unwrap()
    });
    let expected = WriteAllError {
        written: CAPACITY as usize + 100,
        kind: WriteError::Disconnected,
    };
    assert_eq!(seen, Err(expected));
    reader.join();
    drop(tx);
    let mut rx = channel.reader().unwrap();
    let mut buffer = [0; 1000];
    let expected = ReadExactError {
        read: CAPACITY as usize,
        kind: ReadError::Disconnected,
    };
    assert_eq!(rx.read_exact(&mut buffer), Err(expected));
    assert_eq!(
        expected.to_string(),
        "reading from an empty and disconnected stream after 512 elements"
    );
    check(&buffer[..CAPACITY as usize], 100);
}

fn bytes(capacity: usize) -> (Writer<u8>, Reader<u8>) {
    let channel = Channel::<u8>::anonymous(capacity).unwrap();
    (channel.writer().unwrap(), channel.reader().unwrap())
}

/// A byte of a text that is not the same after any power of two.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

pub(crate) fn a_stream_of_bytes_is_copied_through() {
    let text = text(1_000_003);
    for capacity in [4096, 1 << 16] {
        let (mut tx, mut rx) = bytes(capacity);
        let mut got = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                io::copy(&mut &text[..], &mut tx).unwrap();
                tx.flush().unwrap();
                drop(tx);
            });
            assert_eq!(io::copy(&mut rx, &mut got).unwrap(), text.len() as u64);
        });
        assert!(got == text);
        // From one stream to another one.
        let ((mut tx, rx), (to, mut back)) = (bytes(capacity), bytes(capacity));
        thread::scope(|scope| {
            scope.spawn(|| {
                Write::write_all(&mut tx, &text).unwrap();
                drop(tx);
            });
            scope.spawn(move || {
                let (mut rx, mut to) = (rx, to);
                io::copy(&mut rx, &mut to).unwrap();
            });
            got.clear();
            back.read_to_end(&mut got).unwrap();
        });
        assert!(got == text);
    }
}

pub(crate) fn a_stream_of_bytes_is_read_by_lines() {
    let (mut tx, mut rx) = bytes(4096);
    let lines: Vec<String> = (0..5000).map(|n| "x".repeat(n % 100) + &n.to_string()).collect();
    let long = "y".repeat(10_000); // More than is there at a time.
    thread::scope(|scope| {
        scope.spawn(|| {
            for line in &lines {
                writeln!(tx, "{line}").unwrap();
            }
            write!(tx, "{long}\nno end").unwrap();
            drop(tx);
        });
        for line in &lines {
            let mut got = String::new();
            assert_eq!(rx.read_line(&mut got).unwrap(), line.len() + 1);
            assert_eq!(got.trim_end(), line);
        }
        let rest: Vec<_> = (&mut rx).lines().map(Result::unwrap).collect();
        assert_eq!(rest, [&*long, "no end"]);
    });
    assert_eq!(rx.fill_buf().unwrap(), b"", "the end");
}

/// `fill_buf` is the stream itself: what is not consumed is still there.
pub(crate) fn the_buffer_is_the_stream() {
    let (mut tx, mut rx) = bytes(4096);
    Writer::write_all(&mut tx, b"0123456789").unwrap();
    assert_eq!(rx.fill_buf().unwrap(), b"0123456789");
    BufRead::consume(&mut rx, 3);
    assert_eq!(tx.free(), 4096 - 7);
    assert_eq!(rx.fill_buf().unwrap(), b"3456789");
    Writer::write_all(&mut tx, b"ab").unwrap();
    assert_eq!(rx.fill_buf().unwrap(), b"3456789ab", "and what has come since");
    BufRead::consume(&mut rx, 0);
    let mut two = [0; 2];
    Read::read_exact(&mut rx, &mut two).unwrap();
    assert_eq!((&two, rx.len()), (b"34", 7));
    let text = panics(|| BufRead::consume(&mut rx, 8));
    assert_eq!(text, "a chunk of 7 elements cannot be consumed for 8");
    assert_eq!(rx.fill_buf().unwrap(), b"56789ab", "nothing was consumed by that");
}

/// Errors are what a pipe's would be.
pub(crate) fn the_ends_of_a_stream_of_bytes_are_a_pipes() {
    let (mut tx, rx) = bytes(4096);
    drop(rx);
    for _ in 0..2 {
        assert_eq!(tx.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(
            Write::write_all(&mut tx, b"x").unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    }
    let (tx, mut rx) = bytes(4096);
    drop(tx);
    let mut byte = [0];
    for _ in 0..2 {
        assert_eq!(rx.read(&mut byte).unwrap(), 0);
        assert_eq!(rx.fill_buf().unwrap(), b"");
        assert_eq!(
            Read::read_exact(&mut rx, &mut byte).unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );
    }
    assert_eq!(rx.read(&mut []).unwrap(), 0);
    let (tx, mut rx) = bytes(4096);
    let copies = [tx, bytes(4096).0];
    Peer::fork("child", |_| {
        let [mut tx, _] = copies;
        assert_eq!(tx.write(b"x").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(rx.read(&mut byte).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(rx.fill_buf().unwrap_err().kind(), ErrorKind::PermissionDenied);
    })
    .join();
}

/// What has come in so far, without saying how much that should be.
pub(crate) fn all_that_is_there_is_readable() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let (mut first, mut last) = (0, 0);
    for len in [1, 100, 511, 3, 400] {
        let len = len.min(CAPACITY - (last - first));
        write(&mut tx, last..last + len);
        last += len;
        let chunk = rx.readable().unwrap();
        assert_eq!(chunk.len() as u64, last - first);
        check(&chunk, first);
        chunk.consume(len as usize / 2);
        first += len / 2;
    }
    read(&mut rx, first..last);
    // It waits for the first.
    let mut reader = {
        drop(rx);
        Peer::fork("reader", |link| {
            let mut rx = channel.reader().unwrap();
            link.say("attached");
            link.say(rx.readable().unwrap().len());
        })
    };
    reader.expect("attached");
    reader.until_waiting(&words, words.receiver_of(reader.pid()));
    write(&mut tx, last..last + 5);
    reader.expect("5");
    reader.join();
}

pub(crate) fn a_poll_says_whether_a_read_or_a_write_would_wait() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    assert_eq!((tx.poll(A_WHILE), rx.poll(A_WHILE)), (Ok(true), Ok(false)));
    write(&mut tx, 0..1);
    assert_eq!((tx.poll(Duration::ZERO), rx.poll(Duration::ZERO)), (Ok(true), Ok(true)));
    write(&mut tx, 1..CAPACITY);
    assert_eq!((tx.poll(A_WHILE), rx.poll(LONG)), (Ok(false), Ok(true)));
    assert_eq!((words.tail(), words.head()), (CAPACITY, 0), "nothing is taken by that");
    read(&mut rx, 0..CAPACITY);
    drop(tx);
    assert_eq!(rx.poll(LONG), Ok(true), "it would meet the end");
    let mut tx = channel.writer().unwrap();
    drop(rx);
    assert_eq!(tx.poll(LONG), Err(WriteError::Disconnected));
    let mut rx = channel.reader().unwrap();
    go_on(&mut tx, &mut rx);
}
