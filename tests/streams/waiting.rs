//! Who waits, for how long, and what wakes whom?

use std::time::{Duration, Instant};

use annulus::FenceMode;
use annulus::stream::{ReadTimeoutError, TryReadError, WriteTimeoutError};

use crate::support::{LONG, Peer, until};
use crate::words::StreamWords;
use crate::world::{A_WHILE, CAPACITY, Numbers, Rx, check, fill, go_on, read, stream, write};

/// Streams in each mode, with and without a spin before the sleep, that look after the dead so seldom that a wake-up is one.
fn streams() -> impl Iterator<Item = (Numbers, StreamWords)> {
    let modes = [None, Some(FenceMode::Fenced)].into_iter();
    let all = modes.flat_map(|mode| [None, Some(Duration::ZERO)].map(|spin| (mode, spin)));
    all.map(move |(mode, spin)| {
        let mut builder = Numbers::builder(1);
        if let Some(mode) = mode {
            builder = builder.fence_mode(mode);
        }
        if let Some(spin) = spin {
            builder = builder.spin_time(spin);
        }
        let channel = builder.anonymous().unwrap();
        let words = StreamWords::of(&channel);
        (channel, words)
    })
}

/// A child that writes chunks of `len`, from element `first` on, each when it is told to.
fn writer(channel: &Numbers, first: u64, len: u64) -> Peer {
    let mut peer = Peer::fork("writer", |link| {
        let mut tx = channel.writer().unwrap();
        link.say("attached");
        for i in 0.. {
            if link.hear().is_none() {
                return;
            }
            let mut chunk = tx.write_chunk(len as usize).unwrap();
            fill(&mut chunk, first + i * len);
            chunk.commit_all();
            link.say("written");
        }
    });
    peer.expect("attached");
    peer
}

/// A child that reads chunks of `len`, from element `first` on, each when it is told to.
fn reader(channel: &Numbers, first: u64, len: u64) -> Peer {
    let mut peer = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        for i in 0.. {
            if link.hear().is_none() {
                return;
            }
            let chunk = rx.read_chunk(len as usize).unwrap();
            assert_eq!(chunk.len() as u64, len);
            check(&chunk, first + i * len);
            chunk.consume_all();
            link.say("read");
        }
    });
    peer.expect("attached");
    peer
}

/// Tells a child to go on with what its endpoint will wait in, and sees that it does.
fn until_it_waits(peer: &mut Peer, words: &StreamWords, id: u16) {
    let before = words.record(id).waits;
    peer.tell("go on");
    until("the child waits", || peer.is_waiting(words, id, before));
}

/// Who is at a tick just when it would be woken needs no wake-up: then there is another time.
fn woken_at_last(mut once: impl FnMut() -> bool) {
    assert!((0..20).any(|_| once()), "nobody is ever woken");
}

pub(crate) fn a_waiting_reader_is_woken_when_there_is_as_much_as_it_waits_for() {
    for (channel, words) in streams() {
        for len in [1, 2, 100, CAPACITY] {
            woken_at_last(|| {
                let mut tx = channel.writer().unwrap();
                let mut waiter = reader(&channel, 0, len);
                let id = words.receiver_of(waiter.pid());
                until_it_waits(&mut waiter, &words, id);
                assert_eq!(words.readers_mark(), words.tail() + len);
                // Too little wakes nobody.
                let before = words.wakes();
                for first in 0..len - 1 {
                    write(&mut tx, first..first + 1);
                }
                assert_eq!(words.wakes(), before);
                assert!(!waiter.has_spoken());
                write(&mut tx, len - 1..len);
                waiter.expect("read");
                words.wakes() > before
            });
        }
        go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
    }
}

/// A quarter of the stream, or as much as it waits for.
pub(crate) fn a_waiting_writer_is_woken_at_its_low_water() {
    for (channel, words) in streams() {
        for len in [1, CAPACITY / 4, CAPACITY / 2, CAPACITY] {
            let room = len.max(CAPACITY / 4);
            woken_at_last(|| {
                let mut rx = channel.reader().unwrap();
                let mut waiter = writer(&channel, 0, len);
                let id = words.sender_of(waiter.pid());
                for _ in 0..CAPACITY / len {
                    waiter.tell("go on");
                    waiter.expect("written");
                }
                until_it_waits(&mut waiter, &words, id);
                assert_eq!(words.writers_mark(), words.tail() + room - CAPACITY);
                let before = words.wakes();
                for first in 0..room - 1 {
                    read(&mut rx, first..first + 1);
                }
                assert_eq!(
                    words.wakes(),
                    before,
                    "there may be room, but too little to be woken for"
                );
                read(&mut rx, room - 1..room);
                waiter.expect("written");
                let woken = words.wakes() > before;
                drop(waiter);
                read(&mut rx, room..CAPACITY + len);
                woken
            });
        }
        go_on(&mut channel.writer().unwrap(), &mut channel.reader().unwrap());
    }
}

/// Though there is less room than its mark: otherwise the two would wait for each other until a tick.
pub(crate) fn a_reader_with_too_little_wakes_the_writer() {
    for (channel, words) in streams() {
        woken_at_last(|| {
            let mut rx = channel.reader().unwrap();
            let mut waiter = writer(&channel, 0, 1);
            let id = words.sender_of(waiter.pid());
            for _ in 0..CAPACITY {
                waiter.tell("go on");
                waiter.expect("written");
            }
            until_it_waits(&mut waiter, &words, id);
            read(&mut rx, 0..1);
            let before = words.wakes();
            let mut all_is_there = || rx.try_read_chunk(CAPACITY as usize).is_ok();
            let woken = !all_is_there() && words.wakes() == before + 1;
            // Once is enough, for as long as it reads nothing.
            for _ in 0..10 {
                all_is_there();
            }
            assert!(words.wakes() <= before + 1);
            read(&mut rx, 1..CAPACITY + 1);
            waiter.expect("written");
            woken
        });
    }
}

/// In whichever way: what was found before, and is not consumed, was too little.
pub(crate) fn a_reader_that_looks_again_wakes_the_writer() {
    type Looks = fn(&mut Rx);
    let ways: [Looks; 3] = [
        |rx| assert_ne!(rx.len(), 0),
        |rx| drop(rx.readable().unwrap()),
        |rx| assert_eq!(rx.poll(LONG), Ok(true)),
    ];
    for looks in ways {
        let (channel, words) = streams().next().unwrap();
        woken_at_last(|| {
            let mut rx = channel.reader().unwrap();
            let mut waiter = writer(&channel, 0, 1);
            let id = words.sender_of(waiter.pid());
            for _ in 0..CAPACITY {
                waiter.tell("go on");
                waiter.expect("written");
            }
            until_it_waits(&mut waiter, &words, id);
            read(&mut rx, 0..1);
            let before = words.wakes();
            looks(&mut rx);
            assert_eq!(words.wakes(), before, "it may have been enough");
            looks(&mut rx);
            let woken = words.wakes() == before + 1;
            read(&mut rx, 1..CAPACITY + 1);
            waiter.expect("written");
            woken
        });
    }
}

/// Two processes take turns with chunks of all sizes, asleep in between: a lost wake-up would be a wait for a tick, and
/// there are too many of those for the watchdog.
pub(crate) fn sleepers_pass_a_stream() {
    for (channel, words) in streams() {
        for sizes in [
            (1, 1),
            (CAPACITY, CAPACITY),
            (1, CAPACITY),
            (CAPACITY, 1),
            (100, 171),
            (384, 129),
        ] {
            let total = sizes.0 * sizes.1 * 12_000_u64.div_ceil(sizes.0 * sizes.1);
            let to = channel.reserve_reader().unwrap();
            let reader = Peer::fork("reader", |_| {
                let mut rx = to.attach().unwrap();
                for first in (0..total).step_by(sizes.1 as usize) {
                    let chunk = rx.read_chunk(sizes.1 as usize).unwrap();
                    check(&chunk, first);
                    chunk.consume_all();
                }
            });
            let mut tx = channel.writer().unwrap();
            for first in (0..total).step_by(sizes.0 as usize) {
                let mut chunk = tx.write_chunk(sizes.0 as usize).unwrap();
                fill(&mut chunk, first);
                chunk.commit_all();
            }
            drop(tx);
            reader.join();
            assert_eq!(words.len(), 0);
        }
    }
}

pub(crate) fn who_waits_for_a_time_waits_no_shorter() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let timed = |wait: &mut dyn FnMut()| {
        let begun = Instant::now();
        wait();
        assert!(begun.elapsed() >= A_WHILE);
    };
    let late = Err(ReadTimeoutError::Timeout);
    timed(&mut || assert_eq!(rx.read_chunk_timeout(1, A_WHILE).map(|c| c.len()), late));
    timed(&mut || {
        let until = Instant::now() + A_WHILE;
        assert_eq!(rx.read_chunk_deadline(1, until).map(|c| c.len()), late);
    });
    timed(&mut || assert_eq!(rx.poll(A_WHILE), Ok(false)));
    write(&mut tx, 0..CAPACITY - 1);
    let late = Err(WriteTimeoutError::Timeout);
    timed(&mut || assert_eq!(tx.write_chunk_timeout(2, A_WHILE).map(|c| c.len()), late));
    timed(&mut || {
        let until = Instant::now() + A_WHILE;
        assert_eq!(tx.write_chunk_deadline(2, until).map(|c| c.len()), late);
    });
    // There are many, but not enough.
    let late = Err(ReadTimeoutError::Timeout);
    timed(&mut || {
        let all = rx.read_chunk_timeout(CAPACITY as usize, A_WHILE);
        assert_eq!(all.map(|c| c.len()), late);
    });
    read(&mut rx, 0..CAPACITY - 1);
    go_on(&mut tx, &mut rx);
}

/// What is there is had even so.
pub(crate) fn a_time_that_is_over_still_gets_what_is_there() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let past = Instant::now();
    for _ in 0..100 {
        let none = Err(ReadTimeoutError::Timeout);
        assert_eq!(rx.read_chunk_timeout(1, Duration::ZERO).map(|c| c.len()), none);
        assert_eq!(rx.read_chunk_deadline(1, past).map(|c| c.len()), none);
        tx.write_chunk_timeout(300, Duration::ZERO).unwrap().commit_all();
        tx.write_chunk_deadline(212, past).unwrap().commit_all();
        let full = Err(WriteTimeoutError::Timeout);
        assert_eq!(tx.write_chunk_deadline(1, past).map(|c| c.len()), full);
        assert_eq!(tx.write_chunk_timeout(1, Duration::ZERO).map(|c| c.len()), full);
        rx.read_chunk_timeout(212, Duration::ZERO).unwrap().consume_all();
        rx.read_chunk_deadline(300, past).unwrap().consume_all();
    }
    // A time that no clock reaches.
    tx.write_chunk_timeout(1, Duration::MAX).unwrap().commit_all();
    rx.read_chunk_timeout(1, Duration::MAX).unwrap().consume_all();
    assert_eq!(rx.try_read_chunk(1).map(|c| c.len()), Err(TryReadError::Empty));
    go_on(&mut tx, &mut rx);
}

/// Woken in time, a wait with a deadline is a wait.
pub(crate) fn a_wait_with_a_deadline_is_woken_too() {
    for (channel, words) in streams() {
        let mut tx = channel.writer().unwrap();
        let mut waiter = Peer::fork("reader", |link| {
            let mut rx = channel.reader().unwrap();
            link.say("attached");
            let chunk = rx.read_chunk_deadline(3, Instant::now() + LONG).unwrap();
            check(&chunk, 0);
            chunk.consume_all();
            link.say("read");
            link.hear();
            read(&mut rx, 3..3 + CAPACITY);
            link.hear();
        });
        waiter.expect("attached");
        waiter.until_waiting(&words, words.receiver_of(waiter.pid()));
        write(&mut tx, 0..3);
        waiter.expect("read");
        write(&mut tx, 3..3 + CAPACITY);
        assert_eq!(tx.poll(Duration::ZERO), Ok(false));
        waiter.tell("go on");
        assert_eq!(tx.poll(LONG), Ok(true), "woken by the reader");
        waiter.tell("leave");
        waiter.join();
    }
}
