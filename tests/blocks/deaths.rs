//! What becomes of the blocks of a process that is killed?

use std::time::Instant;

use annulus::blocks::TryLoanError;
use annulus::{RecvError, TryRecvError};
use nix::unistd::getpid;

use crate::support::{LONG, Peer, until};
use crate::words::{BlockWords, ORPHAN, Phase};
use crate::world::{
    Got, Numbers, ROOM, Rx, channel, go_on, holding, lending, loan, next, number, receive, send, try_send,
};

/// Noticed by who finds no block, without anybody's help.
pub(crate) fn a_killed_senders_loans_are_free_again() {
    for loans in [1, 3] {
        let (channel, words) = channel(3);
        let rx = channel.receiver().unwrap();
        let mut lender = lending(&channel, 100, loans);
        let id = words.sender_of(lender.pid());
        assert_eq!(words.with(Phase::Loaned, id), loans as usize);
        lender.kill();
        let tx = channel.sender().unwrap();
        let all: Vec<_> = (0..3).map(|number| loan(&tx, number)).collect();
        assert_eq!(
            rx.try_recv().map(|_| ()),
            Err(TryRecvError::Empty),
            "nobody sees the message"
        );
        drop(all);
        let record = words.record(id);
        assert!(record.role == 0 || record.pid == std::process::id(), "{record:?}");
        go_on(&tx, &rx, &words);
    }
}

pub(crate) fn what_a_killed_sender_has_sent_arrives() {
    let (channel, words) = channel(4);
    let rx = channel.receiver().unwrap();
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        for number in 0..3 {
            send(&tx, number);
        }
        let _unsent = loan(&tx, 3);
        link.say("sent");
        link.hear();
    });
    sender.expect("sent");
    sender.kill();
    for expected in 0..3 {
        let (_, number, again) = receive(&rx).unwrap();
        assert_eq!((number, again), (expected, false));
    }
    assert_eq!(next(&rx), Err(RecvError::Disconnected), "the loan was never sent");
    channel.recover().unwrap();
    go_on(&channel.sender().unwrap(), &rx, &words);
}

/// One block and several, held by one that was there first, whatever lies behind them.
pub(crate) fn what_a_killed_receiver_held_comes_back_oldest_first() {
    for held in [1, 2, 4] {
        let (channel, words) = channel(8);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        // Round about, so that blocks and positions are in different orders.
        let mixed: Vec<_> = (0..4).map(|number| loan(&tx, number)).collect();
        for loan in mixed.into_iter().rev() {
            loan.send().unwrap();
        }
        assert_eq!([3, 2, 1, 0].map(|_| next(&rx).unwrap()), [3, 2, 1, 0]);
        let out_of_order: Vec<_> = (0..4).map(|i| loan(&tx, 3 - i)).collect();
        for loan in out_of_order.into_iter().rev() {
            loan.send().unwrap();
        }
        let mut holder = holding(&channel, 0, held);
        assert_eq!(rx.len() as u64, 4 - held);
        holder.kill();
        // What is there comes first: nobody has looked yet. Then nothing is found, and then what the dead one held.
        let mut came = Vec::new();
        let mut blocks = Vec::new();
        for _ in 0..4 {
            let (block, number, again) = receive(&rx).unwrap();
            came.push((number, again));
            blocks.push(block);
        }
        let mut expected: Vec<_> = (held..4).map(|number| (number, false)).collect();
        expected.extend((0..held).map(|number| (number, true)));
        assert_eq!(came, expected);
        assert!(
            blocks
                .iter()
                .zip(&came)
                .all(|(block, &(there, _))| number(block) == there)
        );
        assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Empty));
        drop(blocks);
        let stats = channel.stats().unwrap();
        let receiver = stats
            .endpoints
            .iter()
            .find(|endpoint| endpoint.role == "receiver")
            .unwrap();
        assert_eq!((receiver.redelivered, receiver.messages), (held, 8));
        go_on(&tx, &rx, &words);
    }
}

/// Where positions, the part of them in a block's word, or the sign of a difference wrap.
pub(crate) fn what_comes_back_over_a_wrap_is_in_order() {
    for blocks in [4, 5] {
        let bits = channel(blocks).1.position_bits();
        for wrap in [1 << bits, 1 << 48, 1 << 47, 1 << (bits - 1)] {
            for back in 0..=4 {
                let (channel, words) = channel(blocks);
                words.wind(wrap - back);
                let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
                let out_of_order: Vec<_> = (0..4).map(|i| loan(&tx, 3 - i)).collect();
                for loan in out_of_order.into_iter().rev() {
                    loan.send().unwrap();
                }
                holding(&channel, 0, 4).kill();
                channel.recover().unwrap();
                for expected in 0..4 {
                    let (_, number, again) = receive(&rx).unwrap();
                    assert_eq!((number, again), (expected, true), "{back} before {wrap:#x}");
                }
                go_on(&tx, &rx, &words);
            }
        }
    }
}

pub(crate) fn what_comes_back_is_received_in_every_way() {
    type Way = fn(&Rx) -> Got;
    let ways: [Way; 6] = [
        |rx| rx.recv().unwrap(),
        |rx| rx.recv_timeout(LONG).unwrap(),
        |rx| rx.recv_deadline(Instant::now() + LONG).unwrap(),
        |rx| rx.iter().next().unwrap(),
        |rx| {
            let mut came = None;
            until("what was held has come", || {
                came = rx.try_recv().ok();
                came.is_some()
            });
            came.unwrap()
        },
        |rx| {
            let mut came = None;
            until("what was held has come", || {
                came = rx.try_iter().next();
                came.is_some()
            });
            came.unwrap()
        },
    ];
    for (expected, way) in (20..).zip(ways) {
        let (channel, words) = channel(4);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        send(&tx, expected);
        holding(&channel, expected, 1).kill();
        let block = way(&rx);
        assert_eq!((number(&block), block.redelivered()), (expected, true));
        drop(block);
        go_on(&tx, &rx, &words);
    }
}

pub(crate) fn what_comes_back_can_come_back_again() {
    let (channel, words) = channel(4);
    let tx = channel.sender().unwrap();
    send(&tx, 6);
    holding(&channel, 6, 1).kill();
    for _ in 0..3 {
        let mut holder = Peer::fork("holder", |link| {
            let rx = channel.receiver().unwrap();
            let (_block, number, again) = receive(&rx).unwrap();
            link.say(format!("{number} {again}"));
            link.hear();
        });
        holder.expect("6 true");
        holder.kill();
    }
    let rx = channel.receiver().unwrap();
    let (block, number, again) = receive(&rx).unwrap();
    assert_eq!((number, again), (6, true));
    drop(block);
    go_on(&tx, &rx, &words);
}

/// Whoever has noticed the death takes what came back first.
pub(crate) fn what_came_back_precedes_what_is_sent_later() {
    let (channel, words) = channel(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    send(&tx, 1);
    holding(&channel, 0, 2).kill();
    assert_eq!(channel.recover().unwrap(), 2);
    send(&tx, 2);
    for expected in [(0, true), (1, true), (2, false)] {
        let (_, number, again) = receive(&rx).unwrap();
        assert_eq!((number, again), expected);
    }
    go_on(&tx, &rx, &words);
}

pub(crate) fn recover_repairs_what_the_dead_have_left() {
    let (channel, words) = channel(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    send(&tx, 1);
    let (mut holder, mut lender) = (holding(&channel, 0, 2), lending(&channel, 10, 3));
    let (reader, writer) = (words.receiver_of(holder.pid()), words.sender_of(lender.pid()));
    let before = words.states();
    assert_eq!(channel.recover().unwrap(), 0, "they live");
    assert_eq!(words.states(), before);
    holder.kill();
    lender.kill();
    assert_eq!(words.states(), before, "nobody has looked");
    assert_eq!(channel.recover().unwrap(), 5);
    assert_eq!(channel.recover().unwrap(), 0);
    assert_eq!((words.record(reader).role, words.record(writer).role), (0, 0));
    assert_eq!(
        (words.with(Phase::Reading, ORPHAN), words.with(Phase::Loaned, writer)),
        (2, 0)
    );
    assert_eq!((channel.holders().orphaned, channel.holders().endpoints.len()), (2, 0));
    for expected in 0..2 {
        let (_, number, again) = receive(&rx).unwrap();
        assert_eq!((number, again), (expected, true));
    }
    go_on(&tx, &rx, &words);
}

/// There are two numbers, so that each is used again; what was held under one, or published, is not the next one's.
pub(crate) fn a_newcomer_under_a_dead_ones_number_has_nothing_of_his() {
    let channel = Numbers::builder(6, ROOM).table_length(2).anonymous().unwrap();
    let words = BlockWords::of(&channel);
    let tx = channel.sender().unwrap();
    send(&tx, 0);
    let mut holder = holding(&channel, 0, 1);
    let id = words.receiver_of(holder.pid());
    holder.kill();
    let rx = channel.receiver().unwrap();
    assert_eq!(words.receiver_of(getpid()), id);
    assert_eq!(
        (words.with(Phase::Reading, id), words.with(Phase::Reading, ORPHAN)),
        (0, 1)
    );
    let (block, number, again) = receive(&rx).unwrap();
    assert_eq!((number, again), (0, true));
    drop((block, tx));

    let mut lender = Peer::fork("lender", |link| {
        let tx = channel.sender().unwrap();
        send(&tx, 1);
        let _loan = loan(&tx, 2);
        link.say("done");
        link.hear();
    });
    lender.expect("done");
    let id = words.sender_of(lender.pid());
    lender.kill();
    let tx = channel.sender().unwrap();
    assert_eq!(words.sender_of(getpid()), id);
    assert_eq!(
        (words.with(Phase::Loaned, id), tx.len()),
        (0, 1),
        "his message stays, his loan does not"
    );
    send(&tx, 3);
    assert_eq!([next(&rx), next(&rx)], [Ok(1), Ok(3)]);
    go_on(&tx, &rx, &words);

    // A sender's number becomes a receiver's, with his message still there.
    send(&tx, 4);
    drop(tx);
    drop(rx);
    let both = [channel.receiver().unwrap(), channel.receiver().unwrap()];
    assert_eq!(next(&both[0]), Ok(4));
    assert!(words.all_free());
}

pub(crate) fn who_dies_with_a_hundred_blocks_loses_none() {
    let (channel, words) = channel(200);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for number in 0..150 {
        send(&tx, number);
    }
    let (mut holder, mut lender) = (holding(&channel, 0, 100), lending(&channel, 1000, 50));
    assert!(matches!(try_send(&tx, 0), Err(TryLoanError::Exhausted(_))));
    holder.kill();
    lender.kill();
    assert_eq!(channel.recover().unwrap(), 150);
    let came: Vec<_> = (0..150)
        .map(|_| receive(&rx).map(|(_, number, again)| (number, again)).unwrap())
        .collect();
    let expected: Vec<_> = (0..150).map(|number| (number, number < 100)).collect();
    assert_eq!(came, expected);
    go_on(&tx, &rx, &words);
}
