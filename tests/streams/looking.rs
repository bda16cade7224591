//! What is seen of a stream from outside, and does looking disturb anybody?

use std::fs;

use annulus::{AttachError, EndpointStats, Kind, Observer, Stats};
use nix::unistd::{Pid, getpid};

use crate::support::own::Own;
use crate::support::{Peer, until};
use crate::world::{CAPACITY, Numbers, filling, go_on, holding, read, stream, write};

fn of<'a>(stats: &'a Stats, role: &str, pid: Pid) -> &'a EndpointStats {
    let mut found = stats
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.role == role && endpoint.pid == pid.as_raw() as u32);
    let endpoint = found.next().expect("it is attached");
    assert_eq!(found.next(), None);
    endpoint
}

pub(crate) fn elements_are_counted_by_who_writes_and_who_reads() {
    for start in [0, 1 << 40, u64::MAX - 20] {
        let (channel, words) = stream();
        words.wind(start);
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        let look = || {
            let stats = channel.stats().unwrap();
            let count = |role| of(&stats, role, getpid()).messages;
            let since = |cursor: u64| cursor.wrapping_sub(start);
            (
                count("sender"),
                count("receiver"),
                stats.len,
                since(stats.sent),
                since(stats.received),
            )
        };
        assert_eq!(look(), (0, 0, 0, 0, 0));
        write(&mut tx, 0..40);
        assert_eq!(look(), (40, 0, 40, 40, 0));
        let chunk = tx.write_chunk(7).unwrap();
        assert_eq!(look(), (40, 0, 40, 40, 0), "a chunk is nothing yet");
        drop(chunk);
        let chunk = rx.read_chunk(7).unwrap();
        assert_eq!(look(), (40, 0, 40, 40, 0), "nor has it been read");
        chunk.consume(2);
        assert_eq!(look(), (40, 2, 38, 40, 2));
        read(&mut rx, 2..40);
        assert_eq!(look(), (40, 40, 0, 40, 40));
        // Of an end, not of the stream.
        drop((tx, rx));
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        assert_eq!(look(), (0, 0, 0, 40, 40));
        write(&mut tx, 40..41);
        assert_eq!(look(), (1, 0, 1, 41, 40));
        read(&mut rx, 40..41);
        go_on(&mut tx, &mut rx);
    }
}

pub(crate) fn stats_tell_kind_capacity_close_and_who_is_there() {
    let (channel, _words) = stream();
    let stats = channel.stats().unwrap();
    assert_eq!(
        (stats.kind, stats.capacity, stats.closed),
        (Kind::Stream, CAPACITY, false)
    );
    let mut writer = filling(&channel, 0..10, 5);
    let mut reader = holding(&channel, 0..3, 5);
    let stats = channel.stats().unwrap();
    assert_eq!((stats.len, stats.sent, stats.received), (7, 10, 3));
    assert_eq!(stats.endpoints.len(), 2);
    assert!(stats.endpoints.iter().all(|endpoint| endpoint.alive));
    assert_eq!(of(&stats, "sender", writer.pid()).messages, 10);
    assert_eq!(of(&stats, "receiver", reader.pid()).messages, 3);
    let text = stats.to_string();
    assert!(text.starts_with("stream, 7 of 512 "), "{text}");
    writer.kill();
    reader.kill();
    let stats = channel.stats().unwrap();
    for (role, pid) in [("sender", writer.pid()), ("receiver", reader.pid())] {
        assert!(!of(&stats, role, pid).alive);
    }
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    let stats = channel.stats().unwrap();
    assert_eq!(stats.endpoints.len(), 2, "in the places of the dead");
    assert!(of(&stats, "sender", getpid()).alive && of(&stats, "receiver", getpid()).alive);
    read(&mut rx, 3..10);
    go_on(&mut tx, &mut rx);
    rx.close();
    let stats = channel.stats().unwrap();
    assert!(stats.closed && stats.to_string().contains(", closed"));
}

pub(crate) fn waits_and_wakes_are_counted() {
    let (channel, words) = stream();
    let mut tx = channel.writer().unwrap();
    let mut waiter = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        for number in 0..3 {
            link.hear();
            read(&mut rx, number..number + 1);
            link.say(number);
        }
        link.hear();
    });
    waiter.expect("attached");
    let id = words.receiver_of(waiter.pid());
    let before = channel.stats().unwrap();
    for number in 0..3 {
        let waits = words.record(id).waits;
        waiter.tell("go on");
        until("the child waits", || waiter.is_waiting(&words, id, waits));
        let wakes = words.wakes();
        write(&mut tx, number..number + 1);
        waiter.expect(&number.to_string());
        assert_eq!(words.wakes(), wakes + 1);
        assert!(of(&channel.stats().unwrap(), "receiver", waiter.pid()).waits > waits);
    }
    let rates = channel.stats().unwrap().rates_since(&before);
    assert!(rates.sent > 0.0 && rates.wakes > 0.0 && rates.waits > 0.0);
    waiter.tell("leave");
    waiter.join();
}

pub(crate) fn an_observer_sees_the_same_and_changes_nothing() {
    let name = Own::new("streams-observed");
    let channel = Numbers::create(&name, 5).unwrap();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..30);
    read(&mut rx, 0..10);
    let (made, got) = (tx.write_chunk(5).unwrap(), rx.read_chunk(5).unwrap());
    let before = fs::read(name.path()).unwrap();
    for observer in [Observer::open(&name).unwrap(), Observer::from_fd(&channel).unwrap()] {
        assert_eq!((observer.kind(), observer.payload()), (Kind::Stream, "u64"));
        let (seen, told) = (observer.stats().unwrap(), channel.stats().unwrap());
        assert_eq!(
            (seen.kind, seen.capacity, seen.len, seen.sent, seen.received),
            (Kind::Stream, CAPACITY, 20, 30, 10)
        );
        assert_eq!(seen.endpoints, told.endpoints);
    }
    assert_eq!(fs::read(name.path()).unwrap(), before);
    // It keeps neither the name nor the stream.
    let observer = Observer::open(&name).unwrap();
    drop((made, got));
    drop(tx);
    read(&mut rx, 10..30);
    assert!(rx.read_chunk(1).is_err(), "the end");
    drop((rx, channel));
    assert!(!name.exists());
    let stats = observer.stats().unwrap();
    assert_eq!((stats.len, stats.sent, stats.endpoints), (0, 30, Vec::new()));
}

pub(crate) fn looks_during_traffic_make_sense() {
    const ALL: u64 = 2_000_000;
    let (channel, words) = stream();
    let to = channel.reserve_writer().unwrap();
    let mut reader = Peer::fork("reader", |link| {
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        let mut first = 0;
        while let Ok(chunk) = rx.readable() {
            crate::world::check(&chunk, first);
            first += chunk.len() as u64;
            chunk.consume_all();
        }
        assert_eq!(first, ALL);
    });
    reader.expect("attached");
    let writer = Peer::fork("writer", |_| {
        let mut tx = to.attach().unwrap();
        for first in (0..ALL).step_by(100) {
            write(&mut tx, first..first + 100);
        }
    });
    let observer = Observer::from_fd(&channel).unwrap();
    let mut before = observer.stats().unwrap();
    let mut looks = 0;
    while !reader.has_ended() {
        let now = observer.stats().unwrap();
        assert!(now.len <= CAPACITY && now.received + now.len == now.sent);
        assert!(now.sent >= before.sent, "{} after {}", now.sent, before.sent);
        before = now;
        looks += 1;
    }
    writer.join();
    reader.join();
    let stats = observer.stats().unwrap();
    assert_eq!((stats.len, stats.sent, stats.received), (0, ALL, ALL));
    assert!(looks > 10 && words.len() == 0);
}

pub(crate) fn an_impossible_role_is_corrupt_to_who_looks() {
    let (channel, words) = stream();
    let tx = channel.writer().unwrap();
    let observer = Observer::from_fd(&channel).unwrap();
    assert!(observer.stats().is_ok());
    let id = words.sender_of(getpid());
    words.set_role(id, 3);
    assert!(matches!(observer.stats(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.stats(), Err(AttachError::Corrupt)));
    words.set_role(id, 1);
    drop(tx);
}
