//! Whom does a process hold up that is stopped with a block in its hands?

use std::time::Duration;

use annulus::blocks::TryLoanError;
use annulus::{RecvTimeoutError, TryRecvError};

use crate::support::{LONG, Peer};
use crate::words::Phase;
use crate::world::{Numbers, channel, go_on, holding, lending, loan, next, receive, send};

/// What the others pass meanwhile.
const MESSAGES: u64 = 1_000_000;

/// A sender and a receiver, each a process of its own, pass so many messages, in order.
fn others_pass_a_million(channel: &Numbers) {
    let seat = channel.reserve_sender().unwrap();
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        for expected in 0..MESSAGES {
            let block = rx.recv_timeout(LONG).unwrap();
            assert_eq!((*block.header(), block.len()), (expected, 1));
            assert_eq!(block[0], !expected);
            assert!(!block.redelivered());
        }
        link.say("all came");
    });
    receiver.expect("attached");
    let sender = Peer::fork("sender", |_| {
        let tx = seat.attach().unwrap();
        for number in 0..MESSAGES {
            let mut loan = tx.loan_timeout(1, LONG).unwrap();
            loan[0] = !number;
            loan.set_header(number);
            loan.send().unwrap();
        }
    });
    receiver.expect("all came");
    sender.join();
    receiver.join();
}

pub(crate) fn a_stopped_loan_holds_up_nobody() {
    let (channel, words) = channel(4);
    let rx = channel.receiver().unwrap();
    let mut lender = lending(&channel, 77, 1);
    let id = words.sender_of(lender.pid());
    lender.stop();
    others_pass_a_million(&channel);
    assert_eq!(words.with(Phase::Loaned, id), 1, "it still has its loan");
    lender.resume();
    lender.tell("send it");
    lender.expect("sent");
    assert_eq!(next(&rx), Ok(77));
    lender.tell("leave");
    lender.join();
    go_on(&channel.sender().unwrap(), &rx, &words);
}

pub(crate) fn a_stopped_reader_holds_up_nobody() {
    let (channel, words) = channel(4);
    let tx = channel.sender().unwrap();
    send(&tx, 0);
    let mut holder = holding(&channel, 0, 1);
    let id = words.receiver_of(holder.pid());
    holder.stop();
    others_pass_a_million(&channel);
    assert_eq!(words.with(Phase::Reading, id), 1, "it still has its block");
    holder.resume();
    holder.tell("let go of it");
    holder.expect("let go"); // It was whole all the time.
    assert!(words.all_free());
    holder.tell("leave");
    holder.join();
    go_on(&tx, &channel.receiver().unwrap(), &words);
}

/// As long as there is a block for each that is held, and one besides.
pub(crate) fn two_who_are_stopped_hold_up_nobody() {
    let (channel, words) = channel(4);
    let tx = channel.sender().unwrap();
    send(&tx, 0);
    let mut holder = holding(&channel, 0, 1);
    let mut lender = lending(&channel, 10, 2);
    holder.stop();
    lender.stop();
    others_pass_a_million(&channel);
    holder.resume();
    lender.resume();
    lender.tell("send them");
    lender.expect("sent");
    holder.tell("let go of it");
    holder.expect("let go");
    let rx = channel.receiver().unwrap();
    assert_eq!((next(&rx), next(&rx)), (Ok(10), Ok(11)));
    for mut peer in [holder, lender] {
        peer.tell("leave");
        peer.join();
    }
    go_on(&tx, &rx, &words);
}

/// Stopped is not dead: nobody takes its blocks, however long the others want for some.
pub(crate) fn a_stopped_holder_is_not_robbed() {
    let (channel, words) = channel(3);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    let mut holder = holding(&channel, 0, 1);
    let mut lender = lending(&channel, 10, 2);
    holder.stop();
    lender.stop();
    let before = words.states();
    assert_eq!(channel.recover().unwrap(), 0);
    let late = Duration::from_millis(200); // Ten ticks.
    assert_eq!(rx.recv_timeout(late).map(|_| ()), Err(RecvTimeoutError::Timeout));
    assert!(tx.loan_timeout(1, late).is_err());
    for _ in 0..1000 {
        assert!(matches!(tx.try_loan(1), Err(TryLoanError::Exhausted(_))));
        assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Empty));
    }
    assert_eq!(words.states(), before);
    holder.resume();
    lender.resume();
    holder.tell("let go of it");
    holder.expect("let go");
    drop(loan(&tx, 1));
    lender.tell("send them");
    lender.expect("sent");
    for expected in [10, 11] {
        let (_, number, again) = receive(&rx).unwrap();
        assert_eq!((number, again), (expected, false));
    }
    for mut peer in [holder, lender] {
        peer.tell("leave");
        peer.join();
    }
    go_on(&tx, &rx, &words);
}
