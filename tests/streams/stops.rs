//! Whom does a process hold up that is stopped in the middle?
//!
//! Nobody but who needs what it has: the other end goes on as far as the stream reaches, and then waits, as long as it takes.

use std::time::Duration;

use annulus::AttachError;
use annulus::stream::{ReadTimeoutError, TryReadError, TryWriteError, WriteTimeoutError};

use crate::support::{LONG, Peer, traffic, until};
use crate::world::{CAPACITY, Numbers, filling, go_on, holding, holds, read, stream, write};

/// Ten ticks.
const LATE: Duration = Duration::from_millis(200);

/// The reader gets what was committed, and waits for the rest; it is not told that the stream has ended.
pub(crate) fn a_stopped_writer_keeps_its_chunk() {
    let (channel, words) = stream();
    let mut rx = channel.reader().unwrap();
    let mut writer = filling(&channel, 0..10, 20);
    writer.stop();
    read(&mut rx, 0..10);
    let late = rx.read_chunk_timeout(1, LATE).map(|chunk| chunk.len());
    assert_eq!(late, Err(ReadTimeoutError::Timeout), "stopped is not dead");
    for _ in 0..1000 {
        assert_eq!(rx.try_read_chunk(1).map(|chunk| chunk.len()), Err(TryReadError::Empty));
    }
    // Nobody takes its place, nor its elements.
    assert!(matches!(
        channel.writer(),
        Err(AttachError::AlreadyAttached { role: "sender", .. })
    ));
    assert!(channel.stats().unwrap().endpoints.iter().all(|endpoint| endpoint.alive));
    assert_eq!(words.tail(), 10);
    writer.resume();
    writer.tell("commit it");
    writer.expect("committed");
    read(&mut rx, 10..30);
    writer.tell("leave");
    writer.join();
    go_on(&mut channel.writer().unwrap(), &mut rx);
}

pub(crate) fn a_stopped_reader_keeps_its_chunk() {
    let (channel, words) = stream();
    let mut tx = channel.writer().unwrap();
    write(&mut tx, 0..40);
    let mut reader = holding(&channel, 0..10, 20);
    reader.stop();
    // There is room for all that is not in its hands.
    let mut last = 40;
    while tx.try_write_chunk(30).is_ok() {
        write(&mut tx, last..last + 30);
        last += 30;
    }
    let rest = CAPACITY + 10 - last;
    write(&mut tx, last..last + rest);
    assert_eq!(words.len(), CAPACITY);
    let late = tx.write_chunk_timeout(1, LATE).map(|chunk| chunk.len());
    assert_eq!(late, Err(WriteTimeoutError::Timeout), "stopped is not dead");
    for _ in 0..1000 {
        assert_eq!(tx.try_write_chunk(1).map(|chunk| chunk.len()), Err(TryWriteError::Full));
    }
    assert!(matches!(
        channel.reader(),
        Err(AttachError::AlreadyAttached { role: "receiver", .. })
    ));
    reader.resume();
    reader.tell("consume it"); // It was whole all the time.
    reader.expect("consumed");
    assert_eq!(words.head(), 30);
    assert_eq!(tx.free(), 20);
    write(&mut tx, CAPACITY + 10..CAPACITY + 30);
    reader.tell("leave");
    reader.join();
    let mut rx = channel.reader().unwrap();
    holds(&mut rx, 30..CAPACITY + 30);
    read(&mut rx, 30..CAPACITY + 30);
    go_on(&mut tx, &mut rx);
}

/// Who is stopped in its sleep is woken by nobody, and finds what has come when it goes on.
pub(crate) fn who_is_stopped_in_its_sleep_misses_nothing() {
    for reads in [true, false] {
        let (channel, words) = stream();
        let mut sleeper = Peer::fork("sleeper", |link| {
            link.say("here");
            if reads {
                let mut rx = channel.reader().unwrap();
                read(&mut rx, 0..CAPACITY);
            } else {
                let mut tx = channel.writer().unwrap();
                write(&mut tx, 0..CAPACITY);
                write(&mut tx, CAPACITY..2 * CAPACITY);
            }
            link.say("done");
            link.hear();
        });
        sleeper.expect("here");
        until("it attaches", || !channel.stats().unwrap().endpoints.is_empty());
        sleeper.until_waiting(&words, words.id_of(sleeper.pid(), 1 + u32::from(reads)));
        sleeper.stop();
        if reads {
            let mut tx = channel.writer().unwrap();
            for first in 0..CAPACITY {
                write(&mut tx, first..first + 1);
            }
            let late = tx.write_chunk_timeout(1, LATE).map(|chunk| chunk.len());
            assert_eq!(late, Err(WriteTimeoutError::Timeout));
            sleeper.resume();
            sleeper.expect("done");
            go_on_after(tx, sleeper, &channel);
        } else {
            let mut rx = channel.reader().unwrap();
            for first in 0..CAPACITY {
                read(&mut rx, first..first + 1);
            }
            let late = rx.read_chunk_timeout(1, LATE).map(|chunk| chunk.len());
            assert_eq!(late, Err(ReadTimeoutError::Timeout));
            sleeper.resume();
            sleeper.expect("done");
            read(&mut rx, CAPACITY..2 * CAPACITY);
            go_on_after(rx, sleeper, &channel);
        }
    }
}

fn go_on_after<E>(end: E, mut sleeper: Peer, channel: &Numbers) {
    sleeper.tell("leave");
    sleeper.join();
    drop(end);
    go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
}

/// Each holds all that it can, and both are stopped: others look, and wait, and disturb nothing.
pub(crate) fn two_who_are_stopped_are_robbed_by_nobody() {
    let (channel, words) = stream();
    write(&mut channel.writer().unwrap(), 0..CAPACITY / 2);
    let mut reader = holding(&channel, 0..0, CAPACITY / 2);
    let mut writer = filling(&channel, CAPACITY / 2..CAPACITY / 2, CAPACITY / 2);
    reader.stop();
    writer.stop();
    let before = (words.tail(), words.head(), words.life());
    assert!(channel.writer().is_err() && channel.reader().is_err());
    let mut looker = traffic::idle("looker", || channel.stats().unwrap());
    assert_eq!((words.tail(), words.head(), words.life()), before);
    writer.resume();
    writer.tell("commit it");
    writer.expect("committed");
    reader.resume();
    reader.tell("consume it");
    reader.expect("consumed");
    for peer in [&mut looker, &mut reader, &mut writer] {
        peer.tell("leave");
    }
    for peer in [looker, reader, writer] {
        peer.join();
    }
    let mut rx = channel.reader().unwrap();
    holds(&mut rx, CAPACITY / 2..CAPACITY);
    assert!(rx.read_chunk_timeout(1, LONG).is_ok());
}
