//! Can handles be cloned, shared by threads, and held by several processes at an end?

use std::collections::BTreeMap;
use std::sync::Arc;

use annulus::{RecvError, TryRecvError};

use crate::support::Peer;
use crate::world::{channel, drain, go_on, loan, next, number, receive, send};

pub(crate) fn clones_are_one_endpoint() {
    let (channel, words) = channel(3);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let (tx2, rx2) = (tx.clone(), rx.clone());
    assert_eq!(channel.stats().unwrap().endpoints.len(), 2);
    send(&tx, 1);
    send(&tx2, 2);
    assert_eq!((next(&rx2), next(&rx)), (Ok(1), Ok(2)));
    drop(tx);
    send(&tx2, 3);
    assert_eq!(next(&rx), Ok(3));
    drop(rx);
    send(&tx2, 4);
    assert_eq!(next(&rx2), Ok(4));
    go_on(&tx2, &rx2, &words);
    drop(tx2);
    assert_eq!(next(&rx2), Err(RecvError::Disconnected));
}

/// Two threads at each end, of one endpoint: one handle that two share, and clones.
pub(crate) fn threads_share_an_endpoint() {
    const EACH: u64 = 20_000;
    let (channel, words) = channel(5);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let tx = Arc::new(tx);
    let received = std::thread::scope(|scope| {
        let clones = [rx.clone(), rx.clone()];
        let receivers = clones.map(|rx| scope.spawn(move || drain(&rx)));
        let senders = [0, 1].map(|sender| {
            let tx = Arc::clone(&tx);
            scope.spawn(move || (0..EACH).for_each(|i| send(&tx, sender * EACH + i)))
        });
        for sender in senders {
            sender.join().unwrap();
        }
        drop(tx);
        receivers.map(|receiver| receiver.join().unwrap())
    });
    for list in &received {
        for half in [0, 1] {
            let of = |number: &&u64| **number / EACH == half;
            assert!(list.iter().filter(of).is_sorted(), "each sender's order");
        }
    }
    let mut all = received.concat();
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(0..2 * EACH));
    assert!(words.all_free());
}

pub(crate) fn a_loan_and_a_block_can_go_to_another_thread() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for expected in 0..50 {
        let made = loan(&tx, expected);
        std::thread::spawn(move || made.send().unwrap()).join().unwrap();
        let (block, ..) = receive(&rx).unwrap();
        let there = std::thread::scope(|scope| scope.spawn(|| number(&block)).join().unwrap());
        assert_eq!(there, expected);
        std::thread::spawn(move || drop(block)).join().unwrap();
        assert!(words.all_free());
    }
    go_on(&tx, &rx, &words);
}

/// Two senders and three receivers, each a process of its own.
pub(crate) fn each_message_goes_to_one_receiver() {
    const EACH: u64 = 5000;
    for blocks in [1, 2, 4, 16] {
        let (channel, words) = channel(blocks);
        let tx = channel.sender().unwrap();
        let mut receivers: Vec<Peer> = (0..3)
            .map(|i| {
                Peer::fork(&format!("receiver {i}"), |link| {
                    let rx = channel.receiver().unwrap();
                    link.say("attached");
                    let list: Vec<_> = drain(&rx).iter().map(u64::to_string).collect();
                    link.say(list.join(","));
                })
            })
            .collect();
        for receiver in &mut receivers {
            receiver.expect("attached");
        }
        let senders = [0, 1].map(|sender| {
            let channel = &channel;
            Peer::fork("sender", move |_| {
                let tx = channel.sender().unwrap();
                (0..EACH).for_each(|i| send(&tx, sender * EACH + i));
            })
        });
        senders.into_iter().for_each(Peer::join);
        drop(tx);
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        for mut receiver in receivers {
            let line = receiver.hear();
            let list: Vec<u64> = line
                .split(',')
                .filter(|n| !n.is_empty())
                .map(|n| n.parse().unwrap())
                .collect();
            for half in [0, 1] {
                let of = |number: &&u64| **number / EACH == half;
                assert!(list.iter().filter(of).is_sorted(), "each sender's order");
            }
            for number in list {
                *counts.entry(number).or_default() += 1;
            }
            receiver.join();
        }
        assert_eq!(counts.len() as u64, 2 * EACH, "none is lost");
        assert!(counts.values().all(|&count| count == 1), "none comes twice");
        assert!(words.all_free());
    }
}

pub(crate) fn what_is_held_is_passed_by_the_others() {
    let (channel, words) = channel(3);
    let tx = channel.sender().unwrap();
    let (a, b) = (channel.receiver().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    let (kept, zero, _) = receive(&a).unwrap();
    let lent = loan(&tx, 1);
    for number in 2..10_000 {
        send(&tx, number);
        let of = if number % 2 == 0 { &a } else { &b };
        assert_eq!(next(of), Ok(number));
    }
    lent.send().unwrap();
    assert_eq!((next(&b), number(&kept), zero), (Ok(1), 0, 0));
    drop(kept);
    assert_eq!(
        b.try_recv().map(|_| ()),
        Err(TryRecvError::Empty),
        "what was dropped does not come back"
    );
    go_on(&tx, &a, &words);
}
