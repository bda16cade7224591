//! Do many deaths in a row lose or double any elements but those that the documentation says?
//!
//! A writer and a reader work as fast as they can, with chunks and copies of all sizes, while now the one and now the other
//! is killed, or stopped for a while, and another one takes its place. Elements are numbered by where they stand in the
//! stream; each end writes down, in memory that outlives it, how far it is certain to have come, and how far what it is about to
//! do may take it. Where the dead one has stopped must be between the two, and at one of them if it was a chunk.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use annulus::stream::{ReadError, WriteError};

use crate::support::log::Log;
use crate::support::{Peer, runner, until};
use crate::words::StreamWords;
use crate::world::{CAPACITY, Numbers, Rx, Tx, check, element, fill, stream};

/// Deaths in a run.
const DEATHS: u64 = 120;
/// Elements of a chunk, at most. Those who wait for more, both of them, may wait for each other.
const CHUNK: u64 = CAPACITY / 2;
/// Elements of a copied slice, at most.
const SLICE: u64 = 3 * CAPACITY;

/// What an end writes down.
struct Diary<'a> {
    /// So far it has come.
    done: &'a AtomicU64,
    /// So far what it is about to do may take it.
    about: &'a AtomicU64,
    /// That is all or nothing.
    whole: &'a AtomicU64,
    over: &'a AtomicU64,
}

/// Words of the log.
const OVER: usize = 0;
const WRITER: usize = 1;
const READER: usize = 4;

impl<'a> Diary<'a> {
    fn of(log: &'a Log, first: usize) -> Self {
        Diary {
            done: log.word(first),
            about: log.word(first + 1),
            whole: log.word(first + 2),
            over: log.word(OVER),
        }
    }

    /// Where its successor begins, which is where the dead one has stopped.
    fn begin(&self, at: u64) {
        let (done, about) = (self.done.load(Relaxed), self.about.load(Relaxed));
        assert!(
            (done..=about).contains(&at),
            "it stopped at {at}, between {done} and {about}"
        );
        if self.whole.load(Relaxed) != 0 {
            assert!(
                at == done || at == about,
                "a part of a chunk: {at}, between {done} and {about}"
            );
        }
        self.done.store(at, Relaxed);
        self.about.store(at, Relaxed);
    }

    /// About to go as far as `to`, at once if it is a chunk.
    fn about_to(&self, to: u64, whole: bool) {
        self.about.store(self.done.load(Relaxed), Relaxed);
        self.whole.store(u64::from(whole), Relaxed);
        self.about.store(to, Relaxed);
    }

    fn done(&self, to: u64) {
        self.done.store(to, Relaxed);
    }
}

/// Numbers that look random. Marsaglia's xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn write_on(tx: &mut Tx, diary: &Diary<'_>, dice: &mut Dice) {
    let mut next = diary.done.load(Relaxed);
    while diary.over.load(Relaxed) == 0 {
        let chunk = dice.roll(3) > 0;
        let len = dice.roll(if chunk { CHUNK + 1 } else { SLICE });
        let written = if chunk {
            match tx.write_chunk(len as usize) {
                Ok(mut chunk) => {
                    fill(&mut chunk, next);
                    let count = if dice.roll(2) == 0 { len } else { dice.roll(len + 1) };
                    diary.about_to(next + count, true);
                    chunk.commit(count as usize);
                    Ok(count)
                }
                Err(error) => Err((0, error)),
            }
        } else {
            let elements: Vec<u64> = (next..next + len).map(element).collect();
            diary.about_to(next + len, false);
            let all = tx.write_all(&elements);
            all.map(|()| len).map_err(|error| (error.written as u64, error.kind))
        };
        let count = written.unwrap_or_else(|(written, error)| {
            // Its reader has died, and the next one has not come.
            assert_eq!(error, WriteError::Disconnected);
            std::thread::yield_now();
            written
        });
        next += count;
        diary.done(next);
    }
}

/// Until the end of the stream, when that is what is meant.
fn read_on(rx: &mut Rx, diary: &Diary<'_>, dice: &mut Dice) {
    let mut next = diary.done.load(Relaxed);
    let mut buffer = vec![0; SLICE as usize];
    loop {
        let in_place = dice.roll(3) > 0;
        let len = 1 + dice.roll(if in_place { CHUNK } else { SLICE });
        let read = if in_place {
            match rx.read_chunk(len as usize) {
                Ok(chunk) => {
                    check(&chunk, next);
                    let count = if dice.roll(2) == 0 {
                        chunk.len() as u64
                    } else {
                        dice.roll(chunk.len() as u64 + 1)
                    };
                    diary.about_to(next + count, true);
                    chunk.consume(count as usize);
                    Ok(count)
                }
                Err(error) => Err((0, error)),
            }
        } else {
            diary.about_to(next + len, false);
            let exact = rx.read_exact(&mut buffer[..len as usize]);
            let read = exact.map(|()| len).map_err(|error| (error.read as u64, error.kind));
            let count = read.unwrap_or_else(|(read, _)| read);
            check(&buffer[..count as usize], next);
            read
        };
        let count = match read {
            Ok(count) => count,
            Err((count, error)) => {
                assert_eq!(error, ReadError::Disconnected);
                std::thread::yield_now();
                count
            }
        };
        next += count;
        diary.done(next);
        if read.is_err() && diary.over.load(Relaxed) == 2 {
            return;
        }
    }
}

fn writer(channel: &Numbers, words: &StreamWords, log: &Log, seed: u64) -> Peer {
    let mut peer = Peer::fork("writer", |link| {
        let mut tx = channel.writer().unwrap();
        let diary = Diary::of(log, WRITER);
        diary.begin(words.tail());
        link.say("attached");
        write_on(&mut tx, &diary, &mut Dice(seed));
    });
    peer.expect("attached");
    peer
}

fn reader(channel: &Numbers, words: &StreamWords, log: &Log, seed: u64) -> Peer {
    let mut peer = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        let diary = Diary::of(log, READER);
        diary.begin(words.head());
        link.say("attached");
        read_on(&mut rx, &diary, &mut Dice(seed));
    });
    peer.expect("attached");
    peer
}

pub(crate) fn no_takeover_loses_or_doubles_an_element() {
    for seed in 1..=3_u64 {
        runner::gets_on();
        let (channel, words) = stream();
        let log = Log::new(8);
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let new = |dice: &mut Dice, writes: bool| {
            let seed = dice.roll(u64::MAX) | 1;
            if writes {
                writer(&channel, &words, &log, seed)
            } else {
                reader(&channel, &words, &log, seed)
            }
        };
        let mut peers = [true, false].map(|writes| new(&mut dice, writes));
        let mut deaths = 0;
        while deaths < DEATHS {
            std::thread::sleep(Duration::from_micros(dice.roll(4000)));
            let which = dice.roll(2) as usize;
            if dice.roll(4) == 0 {
                peers[which].stop();
                std::thread::sleep(Duration::from_micros(dice.roll(2000)));
                if dice.roll(2) == 0 {
                    peers[which].resume();
                    continue;
                }
            }
            assert!(!peers[which].has_spoken(), "{}", peers[which].hear());
            peers[which].kill();
            peers[which] = new(&mut dice, which == 0);
            deaths += 1;
        }
        // Elements still pass.
        let before = words.head();
        until("it goes on", || words.head() > before + 10 * CAPACITY);
        log.word(OVER).store(1, Relaxed);
        let [writer, reader] = peers;
        writer.join();
        log.word(OVER).store(2, Relaxed);
        reader.join();
        let (tail, head) = (words.tail(), words.head());
        assert_eq!(tail, head, "all is read");
        let far = |first| (log.word(first).load(Relaxed), log.word(first + 1).load(Relaxed));
        assert!(far(WRITER).0 == tail && far(READER).0 == head);
        assert!(tail > DEATHS * CAPACITY / 4, "{tail} elements");
    }
}
