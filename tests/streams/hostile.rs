//! What can a peer that scribbles over the words do to the others?
//!
//! Make them answer `Corrupt`, or hand them wrong values, or let them sleep until their next tick; never a panic, a hang, or a
//! look outside of the memory.

use std::time::Duration;

use annulus::stream::{ReadError, ReadTimeoutError, TryReadError, TryWriteError, WriteError, WriteTimeoutError};
use annulus::{AttachError, FenceMode};

use crate::support::guard::guarded;
use crate::support::{LONG, Peer};
use crate::words::StreamWords;
use crate::world::{CAPACITY, Numbers, Rx, Tx, check, fill, go_on, read, stream, write};

fn corrupt_reader(rx: &mut Rx, case: &str) {
    let all = CAPACITY as usize;
    for _ in 0..2 {
        let seen = rx.try_read_chunk(all).map(|chunk| chunk.len());
        assert_eq!(seen, Err(TryReadError::Corrupt), "{case}");
        let seen = rx.read_chunk(1).map(|chunk| chunk.len());
        assert_eq!(seen, Err(ReadError::Corrupt), "{case}");
        let seen = rx.read_chunk_timeout(1, LONG).map(|chunk| chunk.len());
        assert_eq!(seen, Err(ReadTimeoutError::Corrupt), "{case}");
        assert_eq!(rx.read_some(&mut [0]), Err(ReadError::Corrupt), "{case}");
        assert_eq!(rx.try_read(&mut [0]), Err(TryReadError::Corrupt), "{case}");
        assert_eq!(
            rx.readable().map(|chunk| chunk.len()),
            Err(ReadError::Corrupt),
            "{case}"
        );
        assert_eq!(rx.poll(LONG), Err(ReadError::Corrupt), "{case}");
        let exact = rx.read_exact(&mut [0]).map_err(|error| (error.read, error.kind));
        assert_eq!(exact, Err((0, ReadError::Corrupt)), "{case}");
        assert!(rx.len() <= all, "{case}");
    }
}

fn corrupt_writer(tx: &mut Tx, case: &str) {
    let all = CAPACITY as usize;
    for _ in 0..2 {
        let seen = tx.try_write_chunk(all).map(|chunk| chunk.len());
        assert_eq!(seen, Err(TryWriteError::Corrupt), "{case}");
        let seen = tx.write_chunk(1).map(|chunk| chunk.len());
        assert_eq!(seen, Err(WriteError::Corrupt), "{case}");
        let seen = tx.write_chunk_timeout(1, LONG).map(|chunk| chunk.len());
        assert_eq!(seen, Err(WriteTimeoutError::Corrupt), "{case}");
        assert_eq!(tx.write_some(&[0]), Err(WriteError::Corrupt), "{case}");
        assert_eq!(tx.try_write(&[0]), Err(TryWriteError::Corrupt), "{case}");
        assert_eq!(tx.poll(LONG), Err(WriteError::Corrupt), "{case}");
        let exact = tx.write_all(&[0]).map_err(|error| (error.written, error.kind));
        assert_eq!(exact, Err((0, WriteError::Corrupt)), "{case}");
        assert!(tx.free() <= all, "{case}");
    }
}

/// How far back a cursor may be moved: a little, or so far that it is ahead.
fn far_off() -> [u64; 7] {
    [1, 1000, CAPACITY, 1 << 32, 1 << 63, (1 << 63) + 1, u64::MAX - CAPACITY]
}

/// Moved back behind what was seen, or a capacity ahead of the head.
pub(crate) fn a_tail_that_cannot_be_is_corrupt_for_good() {
    for start in [0, 700, u64::MAX - 300] {
        let seen = start.wrapping_add(30);
        let back = far_off().map(|by| seen.wrapping_sub(by));
        let ahead = [0, 1, CAPACITY, 1 << 40].map(|by| start.wrapping_add(20 + CAPACITY + 1 + by));
        for tail in back.into_iter().chain(ahead) {
            let case = format!("tail {tail:#x}, from {start:#x}");
            let (channel, words) = stream();
            words.wind(start);
            let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
            write(&mut tx, 0..30);
            read(&mut rx, 0..10);
            let good = words.tail();
            words.set_tail(tail);
            // What it knows of is there, and is read.
            read(&mut rx, 10..20);
            let beyond = rx.try_read_chunk(CAPACITY as usize).map(|chunk| chunk.len());
            assert_eq!(beyond, Err(TryReadError::Corrupt), "{case}");
            corrupt_reader(&mut rx, &case);
            words.set_tail(good);
            corrupt_reader(&mut rx, &case);
            // Of the writer's own word the writer believes nothing.
            write(&mut tx, 30..31);
            assert_eq!(words.tail(), good.wrapping_add(1));
            // And the next reader finds all well.
            drop(rx);
            let mut rx = channel.reader().unwrap();
            read(&mut rx, 20..31);
            go_on(&mut tx, &mut rx);
        }
    }
}

/// Moved back, or past the tail.
pub(crate) fn a_head_that_cannot_be_is_corrupt_for_good() {
    for start in [0, 700, u64::MAX - 600] {
        let back = far_off().map(|by| start.wrapping_add(10).wrapping_sub(by));
        let ahead = [1, 2, CAPACITY, 1 << 40].map(|by| start.wrapping_add(10 + CAPACITY + by));
        for head in back.into_iter().chain(ahead) {
            let case = format!("head {head:#x}, from {start:#x}");
            let (channel, words) = stream();
            words.wind(start);
            let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
            write(&mut tx, 0..CAPACITY);
            read(&mut rx, 0..10);
            assert_eq!(tx.free(), 10);
            write(&mut tx, CAPACITY..CAPACITY + 5);
            words.set_head(head);
            write(&mut tx, CAPACITY + 5..CAPACITY + 10);
            let beyond = tx.try_write_chunk(1).map(|chunk| chunk.len());
            assert_eq!(beyond, Err(TryWriteError::Corrupt), "{case}");
            corrupt_writer(&mut tx, &case);
            words.set_head(start.wrapping_add(10));
            corrupt_writer(&mut tx, &case);
            read(&mut rx, 10..CAPACITY + 10);
            drop(tx);
            let mut tx = channel.writer().unwrap();
            go_on(&mut tx, &mut rx);
        }
    }
}

/// Though it was there once, and fits the tail: what was free is written to since then.
pub(crate) fn a_cursor_that_goes_back_is_corrupt() {
    for by in [1, 50, 100] {
        let (channel, words) = stream();
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        write(&mut tx, 0..300);
        read(&mut rx, 0..100);
        assert_eq!((tx.free(), rx.len()), (CAPACITY as usize - 200, 200));
        words.set_head(100 - by);
        corrupt_writer(&mut tx, &format!("head {by} back"));
        words.set_tail(300 - by);
        // It knows of those.
        read(&mut rx, 100..200);
        let all = rx.try_read_chunk(CAPACITY as usize).map(|chunk| chunk.len());
        assert_eq!(all, Err(TryReadError::Corrupt));
        corrupt_reader(&mut rx, &format!("tail {by} back"));
    }
}

/// The two do not fit each other: who attaches, or looks on, is told.
pub(crate) fn cursors_that_do_not_fit_each_other_are_refused() {
    for (tail, head) in [
        (0, 1),
        (CAPACITY + 1, 0),
        (5, 6),
        (0, u64::MAX / 2),
        (u64::MAX - 5, 5),
        (1 << 63, 0),
    ] {
        let case = format!("tail {tail:#x}, head {head:#x}");
        let (channel, words) = stream();
        words.set_hints(tail, head);
        for _ in 0..2 {
            let seen = channel.writer().map(drop);
            assert!(matches!(seen, Err(AttachError::Corrupt)), "{case}: {seen:?}");
            let seen = channel.reader().map(drop);
            assert!(matches!(seen, Err(AttachError::Corrupt)), "{case}: {seen:?}");
        }
        match channel.stats() {
            Ok(stats) => assert!(stats.len <= CAPACITY, "{case}"),
            Err(error) => assert!(matches!(error, AttachError::Corrupt), "{case}"),
        }
        assert_eq!((words.tail(), words.head()), (tail, head), "{case}: nobody mends it");
        words.set_hints(0, 0);
        go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
    }
}

/// A cursor that can be is believed: what is there is read as elements, whatever it is.
pub(crate) fn a_cursor_that_could_be_is_believed() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..3);
    words.set_tail(CAPACITY);
    assert_eq!(
        rx.read_chunk(CAPACITY as usize).map(|chunk| chunk.len()),
        Ok(CAPACITY as usize)
    );
    read(&mut rx, 0..3);
    let zeros = rx.readable().unwrap();
    assert!(zeros.len() == 509 && zeros.iter().all(|&element| element == 0));
}

/// Marks say when somebody is to be woken, and nothing more: with any, whoever sleeps looks at its tick.
pub(crate) fn a_false_mark_costs_a_tick_and_no_more() {
    let marks = |at: u64| {
        [
            0,
            at,
            at + 1,
            at + CAPACITY - 1,
            at + CAPACITY,
            at + CAPACITY + 1,
            at.wrapping_sub(1),
            1 << 63,
            u64::MAX,
        ]
    };
    for i in 0..marks(0).len() {
        let (channel, words) = stream();
        let mut tx = channel.writer().unwrap();
        let mut reader = Peer::fork("reader", |link| {
            let mut rx = channel.reader().unwrap();
            link.say("attached");
            read(&mut rx, 0..10);
            link.say("read");
            link.hear();
            read(&mut rx, 10..10 + CAPACITY);
            link.say("read");
            link.hear();
        });
        reader.expect("attached");
        reader.until_waiting(&words, words.receiver_of(reader.pid()));
        let mark = marks(words.tail() + 10)[i];
        words.set_marks(mark, mark);
        write(&mut tx, 0..10);
        reader.expect("read");
        // And a writer that waits for room.
        write(&mut tx, 10..10 + CAPACITY);
        let mark = marks(words.head())[i];
        let mut told = false;
        loop {
            words.set_marks(mark, mark);
            if !told {
                reader.tell("go on");
                told = true;
            }
            match tx.write_chunk_timeout(CAPACITY as usize, Duration::from_millis(5)) {
                Ok(_) => break,
                Err(error) => assert_eq!(error, WriteTimeoutError::Timeout),
            }
        }
        reader.expect("read");
        reader.tell("leave");
        reader.join();
    }
}

/// One process stores words of all kinds in all places while others write and read, with pages around the mapping that
/// nobody may touch. Whoever gets `Corrupt` attaches anew, and the scribbler mends everything from time to time.
pub(crate) fn others_withstand_a_scribbler() {
    const ROUNDS: u64 = 80;
    for fenced in [false, true] {
        let make = || {
            let builder = Numbers::builder(1).tick(Duration::from_millis(1));
            let builder = if fenced {
                builder.fence_mode(FenceMode::Fenced)
            } else {
                builder
            };
            builder.anonymous()
        };
        let (channel, _guards) = guarded(make).unwrap();
        let words = StreamWords::of(&channel);
        let mut victims: Vec<Peer> = [write_some, read_some]
            .into_iter()
            .map(|act| {
                let channel = &channel;
                Peer::fork("victim", |link| {
                    link.say("here");
                    let mut answers = 0;
                    while let Some(line) = link.hear() {
                        if line != "go on" {
                            break;
                        }
                        answers += act(channel);
                        link.say("alive");
                    }
                    link.say(answers);
                })
            })
            .collect();
        for victim in &mut victims {
            victim.expect("here");
        }
        let offsets = words.offsets();
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut roll = |n: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % n
        };
        for _ in 0..ROUNDS {
            for victim in &mut victims {
                victim.tell("go on");
            }
            for _ in 0..200 {
                let offset = offsets[roll(offsets.len() as u64) as usize];
                let near = words.tail();
                let word = match roll(6) {
                    0 => 0,
                    1 => roll(u64::MAX),
                    2 => near.wrapping_add(roll(2 * CAPACITY)),
                    3 => near.wrapping_sub(roll(2 * CAPACITY)),
                    4 => roll(64),
                    _ => u64::MAX - roll(CAPACITY),
                };
                words.scribble(offset, word);
            }
            for victim in &mut victims {
                victim.expect("alive");
            }
            for offset in offsets {
                words.scribble(offset, 0);
            }
        }
        for mut victim in victims {
            victim.tell("leave");
            let (corrupt, passed) = split(victim.hear_value());
            assert!(
                corrupt > 10 && passed > 10,
                "{corrupt} times corrupt, {passed} times not"
            );
            victim.join();
        }
        go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
    }
}

/// How often it was told `Corrupt`, and how often not, in one number.
const CORRUPT: u64 = 1 << 32;

fn split(answers: u64) -> (u64, u64) {
    (answers / CORRUPT, answers % CORRUPT)
}

fn write_some(channel: &Numbers) -> u64 {
    let mut answers = 0;
    for round in 0..20 {
        let Ok(mut tx) = channel.writer() else {
            answers += CORRUPT;
            continue;
        };
        for i in 0..50 {
            let len = (round * 50 + i) * 7 % (CAPACITY as usize + 1);
            match tx.write_chunk_timeout(len, Duration::from_micros(50)) {
                Ok(mut chunk) => {
                    assert_eq!(chunk.len(), len);
                    fill(&mut chunk, 0);
                    check(&chunk[..len.min(1)], 0);
                    chunk.commit(len / 2);
                    answers += 1;
                }
                Err(WriteTimeoutError::Corrupt) => {
                    answers += CORRUPT;
                    break;
                }
                Err(_) => {}
            }
        }
        assert!(tx.free() <= CAPACITY as usize);
        let _ = channel.stats();
    }
    answers
}

fn read_some(channel: &Numbers) -> u64 {
    let mut answers = 0;
    for round in 0..20 {
        let Ok(mut rx) = channel.reader() else {
            answers += CORRUPT;
            continue;
        };
        for i in 0..50 {
            let len = (round * 50 + i) * 11 % (CAPACITY as usize + 1);
            match rx.read_chunk_timeout(len, Duration::from_micros(50)) {
                Ok(chunk) => {
                    assert!(chunk.len() <= len);
                    // All of it, whatever it says.
                    let sum = chunk.iter().fold(0_u64, |sum, element| sum.wrapping_add(*element));
                    std::hint::black_box(sum);
                    let some = chunk.len() / 2;
                    chunk.consume(some);
                    answers += 1;
                }
                Err(ReadTimeoutError::Corrupt) => {
                    answers += CORRUPT;
                    break;
                }
                Err(_) => {}
            }
        }
        assert!(rx.len() <= CAPACITY as usize);
        let _ = channel.stats();
    }
    answers
}
