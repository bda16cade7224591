//! Who waits, for how long, and what wakes whom?

use std::time::{Duration, Instant};

use annulus::blocks::{LoanTimeoutError, TryLoanError};
use annulus::{FenceMode, RecvTimeoutError, TryRecvError};

use crate::support::{LONG, Peer, until};
use crate::words::BlockWords;
use crate::world::{
    A_WHILE, Numbers, channel, drain, fill, go_on, len_of, loan, next, number, receive, send, try_send,
};

/// Channels in each mode, with and without a spin before the sleep.
fn channels(blocks: usize) -> impl Iterator<Item = (Numbers, BlockWords)> {
    let modes = [None, Some(FenceMode::Fenced)].into_iter();
    let all = modes.flat_map(|mode| [None, Some(Duration::ZERO)].map(|spin| (mode, spin)));
    all.map(move |(mode, spin)| {
        let mut builder = Numbers::builder(blocks, 24).table_length(8);
        if let Some(mode) = mode {
            builder = builder.fence_mode(mode);
        }
        if let Some(spin) = spin {
            builder = builder.spin_time(spin);
        }
        let channel = builder.anonymous().unwrap();
        let words = BlockWords::of(&channel);
        (channel, words)
    })
}

/// A child that sends messages `numbers`, each when it is told to.
fn sender(channel: &Numbers, numbers: std::ops::Range<u64>) -> Peer {
    let mut peer = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        for number in numbers {
            link.hear();
            let mut loan = tx.loan(len_of(number)).unwrap();
            fill(&mut loan, number);
            loan.send().unwrap();
            link.say(number);
        }
    });
    peer.expect("attached");
    peer
}

/// A child that receives `count` messages, each when it is told to, and says their numbers.
fn receiver(channel: &Numbers, count: u64) -> Peer {
    let mut peer = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        for _ in 0..count {
            link.hear();
            link.say(number(&rx.recv().unwrap()));
        }
    });
    peer.expect("attached");
    peer
}

/// Tells a child to go on with what endpoint `id` of it will wait in, and sees that it does.
fn until_it_waits(peer: &mut Peer, words: &BlockWords, id: u16) {
    let before = words.record(id).waits;
    peer.tell("go on");
    until("the child waits", || peer.is_waiting(words, id, before));
}

/// System calls that anybody has made to wake somebody: what a sleeper finds by its tick costs none.
fn wakes(words: &BlockWords) -> u64 {
    (1..words.table_length).map(|id| words.record(id).wakes).sum()
}

/// By a received block, and by an aborted loan.
pub(crate) fn a_waiting_loan_is_woken_when_a_block_is_dropped() {
    for (channel, words) in channels(2) {
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        send(&tx, 1);
        let (held, ..) = receive(&rx).unwrap();
        let lent = loan(&tx, 2);
        let mut waiter = sender(&channel, 10..12);
        let id = words.sender_of(waiter.pid());
        until_it_waits(&mut waiter, &words, id);
        let before = wakes(&words);
        drop(held);
        waiter.expect("10");
        assert!(wakes(&words) > before);
        until_it_waits(&mut waiter, &words, id);
        let before = wakes(&words);
        drop(lent);
        waiter.expect("11");
        assert!(wakes(&words) > before);
        waiter.join();
        assert_eq!([next(&rx), next(&rx)], [Ok(10), Ok(11)]);
        go_on(&tx, &rx, &words);
    }
}

pub(crate) fn a_waiting_receiver_is_woken_when_a_message_is_sent() {
    for (channel, words) in channels(2) {
        let tx = channel.sender().unwrap();
        let mut waiter = receiver(&channel, 2);
        let id = words.receiver_of(waiter.pid());
        until_it_waits(&mut waiter, &words, id);
        let (lent, before) = (loan(&tx, 7), wakes(&words));
        lent.send().unwrap();
        waiter.expect("7");
        assert!(wakes(&words) > before);
        until_it_waits(&mut waiter, &words, id);
        let before = wakes(&words);
        try_send(&tx, 8).unwrap();
        waiter.expect("8");
        assert!(wakes(&words) > before);
        waiter.join();
        go_on(&tx, &channel.receiver().unwrap(), &words);
    }
}

/// Three wait at an end, and each gets one of what comes: nobody hands a wake-up on, and none is lost.
pub(crate) fn each_message_and_each_block_wakes_one() {
    for (channel, words) in channels(3) {
        let tx = channel.sender().unwrap();
        let mut waiters: Vec<Peer> = (0..3).map(|_| receiver(&channel, 1)).collect();
        for waiter in &mut waiters {
            let id = words.receiver_of(waiter.pid());
            until_it_waits(waiter, &words, id);
        }
        for number in 0..3 {
            send(&tx, number);
        }
        let mut came: Vec<u64> = waiters.iter_mut().map(Peer::hear_value).collect();
        came.sort_unstable();
        assert_eq!(came, [0, 1, 2]);
        waiters.into_iter().for_each(Peer::join);

        let rx = channel.receiver().unwrap();
        let loans: Vec<_> = (0..3).map(|number| loan(&tx, number)).collect();
        let mut waiters: Vec<Peer> = (10..13).map(|number| sender(&channel, number..number + 1)).collect();
        for waiter in &mut waiters {
            let id = words.sender_of(waiter.pid());
            until_it_waits(waiter, &words, id);
        }
        drop(loans);
        for (number, waiter) in (10..).zip(&mut waiters) {
            waiter.expect(&format!("{number}"));
        }
        waiters.into_iter().for_each(Peer::join);
        let mut came: Vec<u64> = (0..3).map(|_| next(&rx).unwrap()).collect();
        came.sort_unstable();
        assert_eq!(came, [10, 11, 12]);
        go_on(&tx, &rx, &words);
    }
}

/// Two processes take turns, asleep in between: a lost wake-up is a hang.
pub(crate) fn sleepers_pass_a_stream() {
    for blocks in [1, 3] {
        for (channel, words) in channels(blocks) {
            let to = channel.reserve_receiver().unwrap();
            let receiver = Peer::fork("receiver", |_| {
                let rx = to.attach().unwrap();
                assert_eq!(drain(&rx), Vec::from_iter(0..3000));
            });
            let tx = channel.sender().unwrap();
            for number in 0..3000 {
                send(&tx, number);
            }
            drop(tx);
            receiver.join();
            assert!(words.all_free());
        }
    }
}

pub(crate) fn who_waits_for_a_time_waits_no_shorter() {
    let (channel, words) = channel(1);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let timed = |wait: &dyn Fn()| {
        let begun = Instant::now();
        wait();
        assert!(begun.elapsed() >= A_WHILE);
    };
    let timeout = RecvTimeoutError::Timeout;
    timed(&|| assert_eq!(rx.recv_timeout(A_WHILE).map(|_| ()), Err(timeout)));
    timed(&|| assert_eq!(rx.recv_deadline(Instant::now() + A_WHILE).map(|_| ()), Err(timeout)));
    let lent = loan(&tx, 1);
    let late = |outcome: Result<(), LoanTimeoutError>| assert!(matches!(outcome, Err(LoanTimeoutError::Timeout(_))));
    timed(&|| late(tx.loan_timeout(1, A_WHILE).map(drop)));
    timed(&|| late(tx.loan_deadline(1, Instant::now() + A_WHILE).map(drop)));
    timed(&|| late(tx.send_slice_timeout(&[1], A_WHILE)));
    timed(&|| late(tx.send_slice_deadline(&[1], Instant::now() + A_WHILE)));
    drop(lent);
    go_on(&tx, &rx, &words);
}

/// What is there is had even so.
pub(crate) fn a_time_that_is_over_still_gets_what_is_there() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let past = Instant::now();
    for _ in 0..100 {
        assert!(matches!(
            rx.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout)
        ));
        assert!(matches!(rx.recv_deadline(past), Err(RecvTimeoutError::Timeout)));
        tx.loan_timeout(1, Duration::ZERO).unwrap().send().unwrap();
        tx.send_slice_deadline(&[2], past).unwrap();
        assert!(matches!(tx.loan_deadline(1, past), Err(LoanTimeoutError::Timeout(_))));
        assert!(matches!(tx.try_loan(1), Err(TryLoanError::Exhausted(_))));
        assert_eq!(rx.recv_timeout(Duration::ZERO).unwrap().len(), 1);
        assert_eq!(*rx.recv_deadline(past).unwrap(), [2]);
    }
    // A time that no clock reaches.
    tx.send_slice_timeout(&[3], Duration::MAX).unwrap();
    assert_eq!(*rx.recv_timeout(Duration::MAX).unwrap(), [3]);
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
    go_on(&tx, &rx, &words);
}

/// Woken in time, a wait with a deadline is a wait.
pub(crate) fn a_wait_with_a_deadline_is_woken_too() {
    for (channel, words) in channels(1) {
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let mut waiter = Peer::fork("receiver", |link| {
            let rx = channel.receiver().unwrap();
            link.say("attached");
            link.say(receive(&rx).unwrap().1);
            let tx = channel.sender().unwrap();
            link.say("a sender");
            link.expect("now send");
            tx.send_slice_deadline(&[4], Instant::now() + LONG).unwrap();
        });
        waiter.expect("attached");
        waiter.until_waiting(&words, words.receiver_of(waiter.pid()));
        send(&tx, 3);
        waiter.expect("3");
        waiter.expect("a sender");
        let lent = loan(&tx, 5);
        waiter.tell("now send");
        waiter.until_waiting(&words, words.sender_of(waiter.pid()));
        drop(lent);
        waiter.join();
        assert_eq!(*rx.recv().unwrap(), [4]);
        go_on(&tx, &rx, &words);
    }
}
