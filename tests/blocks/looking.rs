//! What is seen of a channel of blocks from outside, and does looking disturb anybody?

use std::fs;

use annulus::{AttachError, EndpointStats, Kind, Observer, Stats};
use nix::unistd::{Pid, getpid};

use crate::support::own::Own;
use crate::support::{LONG, Peer, until};
use crate::world::{Numbers, ROOM, channel, drain, go_on, holding, loan, next, receive, send};

fn of<'a>(stats: &'a Stats, role: &str, pid: Pid) -> &'a EndpointStats {
    let mut found = stats
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.role == role && endpoint.pid == pid.as_raw() as u32);
    let endpoint = found.next().expect("it is attached");
    assert_eq!(found.next(), None);
    endpoint
}

pub(crate) fn messages_are_counted_by_who_sends_and_who_receives() {
    let (channel, words) = channel(5);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let look = || {
        let stats = channel.stats().unwrap();
        let count = |role| of(&stats, role, getpid()).messages;
        (
            count("sender"),
            count("receiver"),
            stats.len,
            stats.sent,
            stats.received,
        )
    };
    assert_eq!(look(), (0, 0, 0, 0, 0));
    send(&tx, 0);
    tx.send_slice(&[]).unwrap();
    tx.try_send_slice(&[1]).unwrap();
    tx.send_slice_timeout(&[2], LONG).unwrap();
    assert_eq!(look(), (4, 0, 4, 4, 0));
    let lent = loan(&tx, 9);
    assert_eq!(look(), (4, 0, 4, 4, 0), "a loan is no message yet");
    drop(lent);
    assert_eq!(look(), (4, 0, 4, 4, 0), "and now it never is one");
    let held = rx.recv().unwrap();
    assert_eq!(look(), (4, 1, 3, 4, 1));
    drop(held);
    assert_eq!(rx.try_iter().count(), 3);
    assert_eq!(look(), (4, 4, 0, 4, 4));
    // Around the ring, and with any number unread.
    for number in 4..100 {
        send(&tx, number);
        if number % 3 == 0 {
            send(&tx, 1000 + number);
            rx.recv().unwrap();
        }
        let (sent, received, unread, all, gone) = look();
        assert_eq!((sent, received, unread), (all, gone, 1));
        rx.recv().unwrap();
    }
    go_on(&tx, &rx, &words);
}

pub(crate) fn stats_tell_kind_capacity_close_and_who_is_there() {
    let (channel, words) = channel(5);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let stats = channel.stats().unwrap();
    assert_eq!((stats.kind, stats.capacity, stats.closed), (Kind::Blocks, 5, false));
    assert!(
        stats.to_string().starts_with("blocks, 0 of 5 messages, 0 sent\n  "),
        "{stats}"
    );
    send(&tx, 0);
    let mut holder = holding(&channel, 0, 1);
    let mut lender = crate::world::lending(&channel, 10, 2);
    let stats = channel.stats().unwrap();
    assert_eq!(stats.endpoints.len(), 4);
    assert!(stats.endpoints.iter().all(|endpoint| endpoint.alive));
    assert_eq!(of(&stats, "receiver", holder.pid()).messages, 1);
    holder.kill();
    lender.kill();
    let stats = channel.stats().unwrap();
    for (role, pid) in [("receiver", holder.pid()), ("sender", lender.pid())] {
        assert!(!of(&stats, role, pid).alive);
    }
    // Our own, which look after them.
    let (block, number, again) = receive(&rx).unwrap();
    assert_eq!((number, again), (0, true));
    drop(block);
    // A look that finds a message ends there; the next one goes on.
    until("all of the dead are dealt with", || {
        assert!(rx.try_recv().is_err());
        channel.stats().unwrap().endpoints.len() == 2
    });
    let stats = channel.stats().unwrap();
    let receiver = of(&stats, "receiver", getpid());
    assert_eq!((receiver.redelivered, receiver.reaped), (1, 3));
    assert!(stats.to_string().contains("3 reaped, 1 redelivered"), "{stats}");
    go_on(&tx, &rx, &words);
    rx.close();
    let stats = channel.stats().unwrap();
    assert!(stats.closed && stats.to_string().contains(", closed"));
}

/// Who is about to look after the dead when the message comes needs no wake-up: then there is another message.
pub(crate) fn waits_and_wakes_are_counted() {
    let (channel, words) = channel(2);
    let tx = channel.sender().unwrap();
    let mut waiter = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        while let Ok(number) = next(&rx) {
            link.say(number);
        }
    });
    waiter.expect("attached");
    let id = words.receiver_of(waiter.pid());
    let before = channel.stats().unwrap();
    let mut sent = 0;
    let stats = loop {
        let waits = words.record(id).waits;
        until("the child waits", || waiter.is_waiting(&words, id, waits));
        send(&tx, sent);
        waiter.expect(&sent.to_string());
        sent += 1;
        let stats = channel.stats().unwrap();
        assert!(of(&stats, "receiver", waiter.pid()).waits > waits);
        let wakes = of(&stats, "sender", getpid()).wakes;
        assert!(wakes <= sent, "one for each message at most");
        if wakes > 0 {
            break stats;
        }
    };
    let rates = stats.rates_since(&before);
    assert!(rates.sent > 0.0 && rates.received > 0.0 && rates.wakes > 0.0);
    drop(tx);
    waiter.join();
}

pub(crate) fn an_observer_sees_the_same_and_changes_nothing() {
    let name = Own::new("blocks-observed");
    let channel = Numbers::create(&name, 5, ROOM).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    send(&tx, 1);
    let held = rx.recv().unwrap();
    let lent = loan(&tx, 2);
    let before = fs::read(name.path()).unwrap();
    for observer in [Observer::open(&name).unwrap(), Observer::from_fd(&channel).unwrap()] {
        assert_eq!((observer.kind(), observer.payload()), (Kind::Blocks, "[u64], u64"));
        let (seen, told) = (observer.stats().unwrap(), channel.stats().unwrap());
        assert_eq!(
            (seen.kind, seen.capacity, seen.len, seen.sent, seen.received),
            (Kind::Blocks, 5, 1, 2, 1)
        );
        assert_eq!(seen.endpoints, told.endpoints);
    }
    assert_eq!(fs::read(name.path()).unwrap(), before);
    // It keeps neither the name nor the stream.
    let observer = Observer::open(&name).unwrap();
    drop((held, lent, tx));
    assert_eq!(drain(&rx), [1]);
    drop((rx, channel));
    assert!(!name.exists());
    let stats = observer.stats().unwrap();
    assert_eq!((stats.len, stats.sent, stats.endpoints), (0, 2, Vec::new()));
}

pub(crate) fn looks_during_traffic_make_sense() {
    let (channel, words) = channel(5);
    let to = channel.reserve_sender().unwrap();
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        assert_eq!(drain(&rx), Vec::from_iter(0..100_000));
    });
    receiver.expect("attached");
    let sender = Peer::fork("sender", |_| {
        let tx = to.attach().unwrap();
        (0..100_000).for_each(|number| send(&tx, number));
    });
    let observer = Observer::from_fd(&channel).unwrap();
    let mut before = observer.stats().unwrap();
    while !receiver.has_ended() {
        let now = observer.stats().unwrap();
        assert!(now.len <= 5 && now.received + now.len == now.sent);
        // What is read first may be older than what is read last, by no more than there are blocks.
        assert!(now.sent + 5 >= before.sent, "{} after {}", now.sent, before.sent);
        let holders = channel.holders();
        let held: usize = holders.endpoints.iter().map(|holder| holder.blocks).sum();
        assert!(holders.unread <= 5 && held <= 5 && holders.orphaned == 0, "{holders}");
        before = now;
    }
    sender.join();
    receiver.join();
    let stats = observer.stats().unwrap();
    assert_eq!((stats.len, stats.sent, stats.received), (0, 100_000, 100_000));
    assert!(words.all_free());
}

pub(crate) fn an_impossible_role_is_corrupt_to_who_looks() {
    let (channel, words) = channel(2);
    let tx = channel.sender().unwrap();
    let observer = Observer::from_fd(&channel).unwrap();
    assert!(observer.stats().is_ok());
    let id = words.sender_of(getpid());
    words.set_role(id, 3);
    assert!(matches!(observer.stats(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.stats(), Err(AttachError::Corrupt)));
    words.set_role(id, 1);
    drop(tx);
}
