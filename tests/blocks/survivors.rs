//! What do those who live notice of a death, and when?

use std::collections::BTreeMap;

use annulus::RecvError;
use annulus::blocks::TryLoanError;

use crate::support::log::Log;
use crate::support::{Peer, until};
use crate::world::{Rx, channel, go_on, holding, lending, next, number, receive, send, try_send};

/// All blocks are a lender's, or a reader's, and somebody waits for one: with tries as with waits.
pub(crate) fn a_waiting_sender_gets_what_a_killed_holder_had() {
    for tries in [false, true] {
        let (channel, words) = channel(3);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let mut lender = lending(&channel, 100, 3);
        let waiter = || {
            let mut waiter = Peer::fork("waiter", |link| {
                let tx = channel.sender().unwrap();
                link.say("attached");
                if tries {
                    until("a block is free", || match try_send(&tx, 5) {
                        Ok(()) => true,
                        Err(TryLoanError::Exhausted(_)) => false,
                        Err(error) => panic!("{error}"),
                    });
                } else {
                    send(&tx, 5);
                }
                link.say("sent");
            });
            waiter.expect("attached");
            if !tries {
                waiter.until_waiting(&words, words.sender_of(waiter.pid()));
            }
            waiter
        };
        let mut first = waiter();
        lender.kill();
        first.expect("sent");
        first.join();
        assert_eq!(next(&rx), Ok(5));

        // A dead reader's blocks are free when another reader has dealt with them.
        for number in 0..3 {
            send(&tx, number);
        }
        let mut holder = holding(&channel, 0, 3);
        let mut second = waiter();
        holder.kill();
        let (block, number, again) = receive(&rx).unwrap();
        assert_eq!((number, again), (0, true));
        drop(block);
        second.expect("sent");
        second.join();
        // 5 may be sent between the two that came back, which are found when nothing else is.
        let mut came: Vec<_> = (0..3)
            .map(|_| receive(&rx).map(|(_, number, again)| (number, again)).unwrap())
            .collect();
        came.sort_unstable();
        assert_eq!(came, [(1, true), (2, true), (5, false)]);
        go_on(&tx, &rx, &words);
    }
}

pub(crate) fn a_waiting_receiver_gets_what_a_killed_one_held() {
    let (channel, words) = channel(4);
    let tx = channel.sender().unwrap();
    for number in 0..3 {
        send(&tx, number);
    }
    let mut holder = holding(&channel, 0, 3);
    let mut waiters: Vec<Peer> = (0..3)
        .map(|_| {
            let mut waiter = Peer::fork("waiter", |link| {
                let rx = channel.receiver().unwrap();
                link.say("attached");
                let (_, number, again) = receive(&rx).unwrap();
                link.say(format!("{number} {again}"));
            });
            waiter.expect("attached");
            waiter.until_waiting(&words, words.receiver_of(waiter.pid()));
            waiter
        })
        .collect();
    holder.kill();
    let mut came: Vec<_> = waiters.iter_mut().map(Peer::hear).collect();
    came.sort();
    assert_eq!(came, ["0 true", "1 true", "2 true"]);
    waiters.into_iter().for_each(Peer::join);
    go_on(&tx, &channel.receiver().unwrap(), &words);
}

/// It is never empty, and it never waits.
pub(crate) fn a_receiver_that_always_finds_something_finds_what_the_dead_held() {
    let (channel, words) = channel(6);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for number in 0..3 {
        send(&tx, number);
    }
    holding(&channel, 0, 2).kill();
    let mut again = Vec::new();
    for number in 3..3 + 3 * 1024 {
        send(&tx, number);
        let (_, came, redelivered) = receive(&rx).unwrap();
        if redelivered {
            again.push(came);
        }
    }
    assert_eq!(again, [0, 1]);
    assert_eq!(rx.try_iter().count(), 3, "what they took the turn of");
    go_on(&tx, &rx, &words);
}

pub(crate) fn what_a_dead_receiver_held_is_delivered_before_the_end() {
    let (channel, words) = channel(4);
    let tx = channel.sender().unwrap();
    send(&tx, 0);
    send(&tx, 1);
    let mut holder = holding(&channel, 0, 2);
    let rx = channel.receiver().unwrap();
    drop(tx);
    assert_eq!(
        next(&rx),
        Err(RecvError::Disconnected),
        "who holds them deals with them"
    );
    holder.kill();
    // The end of a stream asks who is alive each time.
    let came: Vec<_> = std::iter::from_fn(|| receive(&rx).ok().map(|(_, number, again)| (number, again))).collect();
    assert_eq!(came, [(0, true), (1, true)]);
    go_on(&channel.sender().unwrap(), &rx, &words);
}

/// One sender and one receiver are killed again and again in the middle of what they do, while others go on. What a sender
/// says it has sent comes; what comes twice was redelivered.
pub(crate) fn traffic_survives_kills() {
    const ROUNDS: u64 = 40;
    let (channel, words) = channel(5);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut counts: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
    let mut expected = Vec::new();
    let mut take = |rx: &Rx, log: &Log| {
        for number in log.list() {
            counts.entry(number).or_default().0 += 1;
        }
        while let Ok(block) = rx.try_recv() {
            let entry = counts.entry(number(&block)).or_default();
            if block.redelivered() {
                entry.1 += 1;
            } else {
                entry.0 += 1;
            }
        }
    };
    for round in 0..ROUNDS {
        let (sent, received) = (Log::new(100_000), Log::new(100_000));
        let mut sender = Peer::fork("sender", |_| {
            let tx = channel.sender().unwrap();
            for number in (round << 32..).take(99_999) {
                send(&tx, number);
                sent.push(number);
            }
        });
        let mut receiver = Peer::fork("receiver", |_| {
            let rx = channel.receiver().unwrap();
            while let Ok((block, number, _)) = receive(&rx) {
                received.push(number);
                drop(block);
            }
        });
        until("some traffic", || received.len() as u64 > 100 + 37 * round);
        if round % 2 == 0 {
            sender.kill();
            receiver.kill();
        } else {
            receiver.kill();
            sender.kill();
        }
        channel.recover().unwrap();
        take(&rx, &received);
        expected.extend(sent.list());
        assert!(words.all_free(), "round {round}: {:?}", words.states());
    }
    for number in expected {
        let came = counts.get(&number).copied().unwrap_or_default();
        assert!(came.0 + came.1 >= 1, "{number:#x} is lost");
    }
    for (number, (first, again)) in counts {
        assert!(
            first <= 1,
            "{number:#x} came {first} times, not counting what was redelivered"
        );
        assert!(
            first + again <= 2,
            "{number:#x} came {first} times, and {again} times again"
        );
    }
    go_on(&tx, &rx, &words);
}
