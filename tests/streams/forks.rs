//! What of a stream crosses a fork, and what does not?

use std::cell::Cell;

use annulus::AttachError;
use annulus::stream::{ReadError, ReadTimeoutError, TryReadError, TryWriteError, WriteError, WriteTimeoutError};
use nix::unistd::getpid;

use crate::support::{LONG, Peer};
use crate::world::{A_WHILE, CAPACITY, check, fill, go_on, holds, read, stream, write};

pub(crate) fn a_seat_becomes_the_childs_end() {
    let (channel, words) = stream();
    let (to, from) = (channel.reserve_writer().unwrap(), channel.reserve_reader().unwrap());
    let mut to = Some(to);
    let mut reader = Peer::fork("reader", |link| {
        drop(to.take());
        let mut rx = from.attach().unwrap();
        link.say("attached");
        for first in (0..100_000).step_by(100) {
            read(&mut rx, first..first + 100);
        }
        let end = rx.read_chunk(1).map(|chunk| chunk.len());
        assert_eq!(end, Err(ReadError::Disconnected));
    });
    reader.expect("attached");
    assert_eq!(words.record(words.receiver_of(reader.pid())).seat, 2, "taken");
    let writer = Peer::fork("writer", |_| {
        let mut tx = to.take().unwrap().attach().unwrap();
        for first in (0..100_000).step_by(125) {
            write(&mut tx, first..first + 125);
        }
    });
    drop(to);
    writer.join();
    reader.join();
    assert_eq!((words.tail(), words.head()), (100_000, 100_000));
}

pub(crate) fn a_seat_is_taken_once_and_the_end_is_taken_by_it() {
    let (channel, words) = stream();
    let (mut to, mut from) = (channel.reserve_writer().ok(), channel.reserve_reader().ok());
    assert!(matches!(
        channel.writer(),
        Err(AttachError::AlreadyAttached { role: "sender", .. })
    ));
    assert!(matches!(
        channel.reserve_reader(),
        Err(AttachError::AlreadyAttached { role: "receiver", .. })
    ));
    let mut child = Peer::fork("child", |link| {
        let mut tx = to.take().unwrap().attach().unwrap();
        let mut rx = from.take().unwrap().attach().unwrap();
        link.say("attached");
        link.hear();
        write(&mut tx, 0..3);
        read(&mut rx, 0..3);
    });
    child.expect("attached");
    assert!(matches!(to.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    assert!(matches!(from.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    assert_eq!(words.record(words.sender_of(child.pid())).role, 1);
    child.tell("go");
    child.join();
    // Dropped, it is nobody's.
    drop(channel.reserve_writer().unwrap());
    go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
}

pub(crate) fn a_child_that_is_killed_before_it_sits_down_ends_the_stream() {
    for kills in [true, false] {
        let (channel, _words) = stream();
        let mut rx = channel.reader().unwrap();
        let seat = channel.reserve_writer().unwrap();
        let mut child = Peer::fork("writer", |link| {
            let _seat = seat;
            link.say("here");
            link.hear();
        });
        child.expect("here");
        let late = rx.read_chunk_timeout(1, A_WHILE).map(|chunk| chunk.len());
        assert_eq!(late, Err(ReadTimeoutError::Timeout));
        if kills {
            child.kill();
        } else {
            child.tell("leave");
        }
        let gone = rx.read_chunk_timeout(1, LONG).map(|chunk| chunk.len());
        assert_eq!(gone, Err(ReadTimeoutError::Disconnected));
        drop(rx);
        let mut tx = channel.writer().unwrap();
        let seat = channel.reserve_reader().unwrap();
        let mut child = Peer::fork("reader", |link| {
            let _seat = seat;
            link.say("here");
            link.hear();
        });
        child.expect("here");
        write(&mut tx, 0..CAPACITY);
        let late = tx.write_chunk_timeout(1, A_WHILE).map(|chunk| chunk.len());
        assert_eq!(late, Err(WriteTimeoutError::Timeout));
        if kills {
            child.kill();
        } else {
            child.tell("leave");
        }
        let gone = tx.write_chunk_timeout(1, LONG).map(|chunk| chunk.len());
        assert_eq!(gone, Err(WriteTimeoutError::Disconnected));
        let mut rx = channel.reader().unwrap();
        read(&mut rx, 0..CAPACITY);
        go_on(&mut tx, &mut rx);
    }
}

/// Though there is room and something to read, and more than it needs.
pub(crate) fn a_forked_child_cannot_use_its_parents_ends() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..10);
    holds(&mut rx, 0..10);
    let seen = || {
        (
            words.tail(),
            words.head(),
            words.life(),
            words.receivers(),
            words.senders(),
        )
    };
    let before = seen();
    Peer::fork("child", |_| {
        for len in [0, 1, CAPACITY as usize] {
            let seen = tx.write_chunk(len).map(|chunk| chunk.len());
            assert_eq!(seen, Err(WriteError::WrongProcess));
            let seen = tx.try_write_chunk(len).map(|chunk| chunk.len());
            assert_eq!(seen, Err(TryWriteError::WrongProcess));
            let seen = tx.write_chunk_timeout(len, LONG).map(|chunk| chunk.len());
            assert_eq!(seen, Err(WriteTimeoutError::WrongProcess));
            let seen = rx.read_chunk(len).map(|chunk| chunk.len());
            assert_eq!(seen, Err(ReadError::WrongProcess));
            let seen = rx.try_read_chunk(len).map(|chunk| chunk.len());
            assert_eq!(seen, Err(TryReadError::WrongProcess));
            let seen = rx.read_chunk_timeout(len, LONG).map(|chunk| chunk.len());
            assert_eq!(seen, Err(ReadTimeoutError::WrongProcess));
        }
        assert_eq!(tx.write_some(&[1]), Err(WriteError::WrongProcess));
        assert_eq!(tx.try_write(&[1]), Err(TryWriteError::WrongProcess));
        let all = tx.write_all(&[1]).map_err(|error| (error.written, error.kind));
        assert_eq!(all, Err((0, WriteError::WrongProcess)));
        assert_eq!(rx.read_some(&mut [1]), Err(ReadError::WrongProcess));
        assert_eq!(rx.try_read(&mut [1]), Err(TryReadError::WrongProcess));
        assert_eq!(rx.readable().map(|chunk| chunk.len()), Err(ReadError::WrongProcess));
        let exact = rx.read_exact(&mut [1]).map_err(|error| (error.read, error.kind));
        assert_eq!(exact, Err((0, ReadError::WrongProcess)));
        assert_eq!(
            (tx.poll(LONG), rx.poll(LONG)),
            (Err(WriteError::WrongProcess), Err(ReadError::WrongProcess))
        );
        tx.close();
        rx.close();
    })
    .join();
    assert_eq!(seen(), before, "not even closed");
    read(&mut rx, 0..10);
    go_on(&mut tx, &mut rx);
}

pub(crate) fn what_a_forked_child_drops_disturbs_nobody() {
    let (channel, words) = stream();
    let (mine, theirs) = (Cell::new(channel.writer().ok()), Cell::new(channel.reader().ok()));
    let life = words.life();
    Peer::fork("child", |_| drop((mine.take(), theirs.take()))).join();
    assert_eq!(words.life(), life);
    go_on(&mut mine.take().unwrap(), &mut theirs.take().unwrap());
}

/// A commit and a consume of a copy, of all of it and of a part: neither tells anybody anything.
pub(crate) fn a_forked_childs_copy_of_a_chunk_does_nothing() {
    for part in [1, 5, 10] {
        let (channel, words) = stream();
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        write(&mut tx, 0..20);
        let mut chunk = tx.write_chunk(10).unwrap();
        fill(&mut chunk, 20);
        let (made, got) = (Cell::new(Some(chunk)), Cell::new(Some(rx.read_chunk(10).unwrap())));
        let before = (words.tail(), words.head(), words.life());
        Peer::fork("child", |_| {
            made.take().unwrap().commit(part);
            let got = got.take().unwrap();
            check(&got, 0);
            got.consume(part);
            assert_eq!((words.tail(), words.head(), words.life()), before);
        })
        .join();
        // And killed with both in hand.
        let mut killed = Peer::fork("child", |link| {
            let _both = (made.take(), got.take());
            link.say("here");
            link.hear();
        });
        killed.expect("here");
        killed.kill();
        assert_eq!((words.tail(), words.head(), words.life()), before);
        let (made, got) = (made.take().unwrap(), got.take().unwrap());
        check(&made, 20);
        made.commit(5);
        check(&got, 0);
        got.consume(3);
        read(&mut rx, 3..25);
        go_on(&mut tx, &mut rx);
    }
}

/// A child that goes on after its parent's death does not keep the parent's place.
pub(crate) fn a_child_does_not_keep_a_dead_parents_place() {
    let (channel, words) = stream();
    let mut rx = channel.reader().unwrap();
    let mut parent = Peer::fork("parent", |link| {
        let mut tx = channel.writer().unwrap();
        write(&mut tx, 0..5);
        let mut chunk = tx.write_chunk(5).unwrap();
        fill(&mut chunk, 5);
        let mut child = Peer::fork("child", |link| {
            // Its parent is killed, and it is not.
            nix::sys::prctl::set_pdeathsig(None).unwrap();
            link.say("here");
            nix::unistd::pause();
        });
        child.expect("here");
        link.say(child.pid());
        link.hear();
    });
    let child = nix::unistd::Pid::from_raw(parent.hear_value());
    parent.kill();
    read(&mut rx, 0..5);
    // The child has the channel, but no writer of its own.
    let gone = rx.read_chunk_timeout(1, LONG).map(|chunk| chunk.len());
    let tx = channel.writer();
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(gone, Err(ReadTimeoutError::Disconnected));
    assert_eq!(words.tail(), 5);
    go_on(&mut tx.unwrap(), &mut rx);
}

pub(crate) fn a_forked_child_attaches_through_its_inherited_channel() {
    let (channel, words) = stream();
    let mut rx = channel.reader().unwrap();
    let mut child = Peer::fork("child", |link| {
        let mut tx = channel.writer().unwrap();
        assert_eq!(words.record(words.sender_of(getpid())).role, 1);
        write(&mut tx, 0..5);
        link.say("written");
        link.hear();
    });
    child.expect("written");
    read(&mut rx, 0..5);
    child.tell("leave");
    child.join();
    let end = rx.read_chunk(1).map(|chunk| chunk.len());
    assert_eq!(end, Err(ReadError::Disconnected));
    go_on(&mut channel.writer().unwrap(), &mut rx);
}
