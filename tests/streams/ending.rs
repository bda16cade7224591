//! When is the stream over, for whom, and is it over for good?

use annulus::stream::{
    ReadError, ReadTimeoutError, TryReadError, TryWriteError, WriteError, WriteTimeoutError, Writer,
};

use crate::support::{LONG, Peer, traffic};
use crate::words::StreamWords;
use crate::world::{A_WHILE, CAPACITY, Numbers, Rx, Tx, check, element, fill, go_on, holds, read, stream, write};

/// A child that waits for `len` elements, or for room for so many: what comes of it.
fn waiting(channel: &Numbers, words: &StreamWords, reads: bool, len: usize) -> Peer {
    let mut peer = Peer::fork("waiter", |link| {
        if reads {
            let mut rx = channel.reader().unwrap();
            link.say("attached");
            link.say(format!("{:?}", rx.read_chunk(len).map(|chunk| chunk.len())));
        } else {
            let mut tx = channel.writer().unwrap();
            link.say("attached");
            link.say(format!("{:?}", tx.write_chunk(len).map(|chunk| chunk.len())));
        }
    });
    peer.expect("attached");
    peer.until_waiting(words, words.id_of(peer.pid(), 1 + u32::from(reads)));
    peer
}

/// In every form there is.
fn ended_to_read(rx: &mut Rx) {
    let mut buffer = [0; 3];
    for _ in 0..2 {
        for len in [1, CAPACITY as usize] {
            let gone = rx.try_read_chunk(len).map(|chunk| chunk.len());
            assert_eq!(gone, Err(TryReadError::Disconnected));
            let gone = rx.read_chunk(len).map(|chunk| chunk.len());
            assert_eq!(gone, Err(ReadError::Disconnected));
            let gone = rx.read_chunk_timeout(len, LONG).map(|chunk| chunk.len());
            assert_eq!(gone, Err(ReadTimeoutError::Disconnected));
        }
        assert_eq!(rx.readable().map(|chunk| chunk.len()), Err(ReadError::Disconnected));
        assert_eq!(rx.read_some(&mut buffer), Err(ReadError::Disconnected));
        assert_eq!(rx.try_read(&mut buffer), Err(TryReadError::Disconnected));
        let exact = rx.read_exact(&mut buffer).map_err(|error| (error.read, error.kind));
        assert_eq!(exact, Err((0, ReadError::Disconnected)));
        assert_eq!(rx.poll(LONG), Ok(true));
    }
}

/// In every form there is.
fn ended_to_write(tx: &mut Tx) {
    for _ in 0..2 {
        for len in [1, CAPACITY as usize] {
            let gone = tx.try_write_chunk(len).map(|chunk| chunk.len());
            assert_eq!(gone, Err(TryWriteError::Disconnected));
            let gone = tx.write_chunk(len).map(|chunk| chunk.len());
            assert_eq!(gone, Err(WriteError::Disconnected));
            let gone = tx.write_chunk_timeout(len, LONG).map(|chunk| chunk.len());
            assert_eq!(gone, Err(WriteTimeoutError::Disconnected));
        }
        assert_eq!(tx.write_some(&[1]), Err(WriteError::Disconnected));
        assert_eq!(tx.try_write(&[1]), Err(TryWriteError::Disconnected));
        let all = tx.write_all(&[1]).map_err(|error| (error.written, error.kind));
        assert_eq!(all, Err((0, WriteError::Disconnected)));
        assert_eq!(tx.poll(LONG), Err(WriteError::Disconnected));
    }
}

pub(crate) fn a_close_ends_both_ends() {
    for by_the_writer in [true, false] {
        let (channel, words) = stream();
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        write(&mut tx, 0..5);
        if by_the_writer {
            tx.close();
        } else {
            rx.close();
        }
        assert!(channel.stats().unwrap().closed);
        ended_to_write(&mut tx);
        assert_eq!(words.tail(), 5);
        // What is there can be read, piece by piece, and what is left when more is wanted.
        read(&mut rx, 0..2);
        let left = rx.read_chunk(CAPACITY as usize).unwrap();
        assert_eq!(left.len(), 3);
        check(&left, 2);
        left.consume_all();
        ended_to_read(&mut rx);
        // For as long as anybody is attached.
        drop(tx);
        let mut another = channel.writer().unwrap();
        ended_to_write(&mut another);
        drop((another, rx));
        go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
    }
}

/// A chunk that was had before is written by its commit.
pub(crate) fn a_chunk_from_before_the_close_can_be_committed() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let mut chunk = tx.write_chunk(3).unwrap();
    fill(&mut chunk, 0);
    rx.close();
    chunk.commit_all();
    read(&mut rx, 0..3);
    ended_to_write(&mut tx);
    ended_to_read(&mut rx);
}

pub(crate) fn a_close_wakes_who_waits() {
    let (channel, words) = stream();
    let tx = channel.writer().unwrap();
    let mut waiter = waiting(&channel, &words, true, 1);
    tx.close();
    waiter.expect("Err(Disconnected)");
    waiter.join();
    drop(tx);
    let rx = channel.reader().unwrap();
    write(&mut channel.writer().unwrap(), 0..CAPACITY);
    let mut waiter = waiting(&channel, &words, false, 1);
    rx.close();
    waiter.expect("Err(Disconnected)");
    waiter.join();
}

/// The rest, however much it waits for.
pub(crate) fn the_end_of_the_writer_wakes_a_waiting_reader() {
    for killed in [false, true] {
        for left in [0, 1, 9] {
            let (channel, words) = stream();
            let mut writer = traffic::idle("writer", || {
                let mut tx = channel.writer().unwrap();
                write(&mut tx, 0..left);
                tx
            });
            let mut waiter = waiting(&channel, &words, true, 10);
            if killed {
                writer.kill();
            } else {
                writer.tell("leave");
            }
            let rest = if left == 0 {
                "Err(Disconnected)".to_owned()
            } else {
                format!("Ok({left})")
            };
            waiter.expect(&rest);
            waiter.join();
            // It has not consumed them.
            let mut rx = channel.reader().unwrap();
            holds(&mut rx, 0..left);
            if left > 0 {
                read(&mut rx, 0..left);
                ended_to_read(&mut rx);
            }
        }
    }
}

pub(crate) fn the_end_of_the_reader_ends_a_waiting_writer() {
    for killed in [false, true] {
        let (channel, words) = stream();
        let mut reader = traffic::idle("reader", || channel.reader().unwrap());
        let mut tx = channel.writer().unwrap();
        write(&mut tx, 0..CAPACITY - 3);
        drop(tx);
        let mut waiter = waiting(&channel, &words, false, 4);
        if killed {
            reader.kill();
        } else {
            reader.tell("leave");
        }
        waiter.expect("Err(Disconnected)");
        waiter.join();
        // What was written is for the next one.
        let mut rx = channel.reader().unwrap();
        read(&mut rx, 0..CAPACITY - 3);
        let mut tx = channel.writer().unwrap();
        go_on(&mut tx, &mut rx);
    }
}

/// And another writer may go on.
pub(crate) fn what_is_there_comes_before_the_end() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..100);
    drop(tx);
    read(&mut rx, 0..40);
    for _ in 0..2 {
        // Fewer than asked for, as often as they are asked for, in every form.
        let more = CAPACITY as usize;
        assert_eq!(rx.read_chunk(more).map(|chunk| chunk.len()), Ok(60));
        assert_eq!(rx.try_read_chunk(more).map(|chunk| chunk.len()), Ok(60));
        assert_eq!(rx.read_chunk_timeout(more, LONG).map(|chunk| chunk.len()), Ok(60));
        assert_eq!(rx.readable().map(|chunk| chunk.len()), Ok(60));
    }
    let mut buffer = vec![0; 100];
    let short = rx.read_exact(&mut buffer).unwrap_err();
    assert_eq!((short.read, short.kind), (60, ReadError::Disconnected));
    check(&buffer[..60], 40);
    ended_to_read(&mut rx);
    assert_eq!((words.tail(), words.head()), (100, 100));
    // A writer that attaches later makes the stream live again.
    let mut tx = channel.writer().unwrap();
    assert_eq!(rx.try_read_chunk(1).map(|chunk| chunk.len()), Err(TryReadError::Empty));
    go_on(&mut tx, &mut rx);
}

pub(crate) fn nobody_writes_for_nobody() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..7);
    read(&mut rx, 0..3);
    drop(rx);
    ended_to_write(&mut tx);
    assert_eq!(words.tail(), 7);
    // With a reader it can write after all.
    let mut rx = channel.reader().unwrap();
    write(&mut tx, 7..9);
    read(&mut rx, 3..9);
    go_on(&mut tx, &mut rx);
}

/// As a pipe's writer may write before anybody reads.
pub(crate) fn a_first_peer_is_waited_for() {
    let (channel, _words) = stream();
    let mut tx = channel.writer().unwrap();
    write(&mut tx, 0..CAPACITY);
    let late = tx.write_chunk_timeout(1, A_WHILE).map(|chunk| chunk.len());
    assert_eq!(late, Err(WriteTimeoutError::Timeout));
    assert_eq!(tx.poll(A_WHILE), Ok(false));
    let mut rx = channel.reader().unwrap();
    read(&mut rx, 0..CAPACITY);
    drop((tx, rx));
    let mut rx = channel.reader().unwrap();
    let late = rx.read_chunk_timeout(1, A_WHILE).map(|chunk| chunk.len());
    assert_eq!(late, Err(ReadTimeoutError::Timeout), "a new session");
    go_on(&mut channel.writer().unwrap(), &mut rx);
}

pub(crate) fn the_wait_for_a_first_peer_ends_when_nobody_can_come() {
    let (channel, _words) = stream();
    let mut rx = channel.reader().unwrap();
    drop(channel);
    // Who waits asks.
    let gone = rx.read_chunk(1).map(|chunk| chunk.len());
    assert_eq!(gone, Err(ReadError::Disconnected));
    ended_to_read(&mut rx);
    let (channel, _words) = stream();
    let mut tx = channel.writer().unwrap();
    drop(channel);
    write(&mut tx, 0..CAPACITY);
    let gone = tx.write_chunk(1).map(|chunk| chunk.len());
    assert_eq!(gone, Err(WriteError::Disconnected));
}

/// What the last writer has left is a stream with an end, and not one whose writer has yet to come.
pub(crate) fn who_finds_elements_finds_the_end_behind_them() {
    let (channel, _words) = stream();
    write(&mut channel.writer().unwrap(), 0..5);
    let mut rx = channel.reader().unwrap();
    read(&mut rx, 0..5);
    ended_to_read(&mut rx);
}

pub(crate) fn there_is_one_writer_and_one_reader() {
    let (channel, _words) = stream();
    let (tx, rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let us = std::process::id();
    let taken = |error| match error {
        annulus::AttachError::AlreadyAttached { role, pid } => (role, pid),
        other => panic!("{other}"),
    };
    assert_eq!(channel.writer().map_err(taken).err(), Some(("sender", us)));
    assert_eq!(channel.reader().map_err(taken).err(), Some(("receiver", us)));
    Peer::fork("child", |_| {
        assert_eq!(channel.writer().map_err(taken).err(), Some(("sender", us)));
        assert_eq!(channel.reserve_writer().map_err(taken).err(), Some(("sender", us)));
        assert_eq!(channel.reserve_reader().map_err(taken).err(), Some(("receiver", us)));
    })
    .join();
    drop((tx, rx));
    let (mut tx, mut rx): (Writer<u64>, _) = (channel.writer().unwrap(), channel.reader().unwrap());
    tx.write_all(&[element(0)]).unwrap();
    read(&mut rx, 0..1);
    go_on(&mut tx, &mut rx);
}
