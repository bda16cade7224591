//! When is the stream over, for whom, and is it over for good?

use annulus::blocks::{LoanError, LoanTimeoutError, TryLoanError};
use annulus::{RecvError, RecvTimeoutError, SendError, TryRecvError};

use crate::support::{LONG, Peer, until};
use crate::words::BlockWords;
use crate::world::{A_WHILE, Numbers, channel, drain, go_on, loan, next, receive, send, try_send};

/// A child that waits for a message, or for a block: what comes of it.
fn waiting(channel: &Numbers, words: &BlockWords, receives: bool) -> Peer {
    let mut peer = Peer::fork("waiter", |link| {
        if receives {
            let rx = channel.receiver().unwrap();
            link.say("attached");
            link.say(format!("{:?}", next(&rx)));
        } else {
            let tx = channel.sender().unwrap();
            link.say("attached");
            let outcome = tx.loan(1);
            assert!(matches!(outcome, Err(LoanError::Disconnected)), "{outcome:?}");
            link.say("Err(Disconnected)");
        }
    });
    peer.expect("attached");
    let id = words.id_of(peer.pid(), 1 + u32::from(receives));
    peer.until_waiting(words, id);
    peer
}

pub(crate) fn a_close_ends_both_ends() {
    for by_the_sender in [true, false] {
        let (channel, words) = channel(3);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        send(&tx, 1);
        send(&tx, 2);
        let late = loan(&tx, 3);
        let mut waiter = waiting(&channel, &words, false);
        if by_the_sender {
            tx.close();
        } else {
            rx.close();
        }
        waiter.expect("Err(Disconnected)");
        waiter.join();
        assert!(channel.stats().unwrap().closed);
        let Err(SendError::Disconnected(late)) = late.send() else {
            panic!("a send that begins after the close");
        };
        assert_eq!(*late.header(), 3, "the loan comes back as it was");
        assert!(matches!(tx.loan(1), Err(LoanError::Disconnected)));
        assert!(matches!(tx.try_loan(1), Err(TryLoanError::Disconnected)));
        assert!(matches!(tx.loan_timeout(1, LONG), Err(LoanTimeoutError::Disconnected)));
        assert!(matches!(tx.send_slice(&[1]), Err(LoanError::Disconnected)));
        assert!(matches!(tx.try_send_slice(&[1]), Err(TryLoanError::Disconnected)));
        assert!(matches!(
            tx.send_slice_timeout(&[1], LONG),
            Err(LoanTimeoutError::Disconnected)
        ));
        // Drained first.
        assert_eq!((next(&rx), next(&rx)), (Ok(1), Ok(2)));
        assert_eq!(next(&rx), Err(RecvError::Disconnected));
        assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv_timeout(LONG).map(|_| ()), Err(RecvTimeoutError::Disconnected));
        drop(late);
        assert!(words.all_free());
        // For as long as anybody is attached.
        let another = channel.sender().unwrap();
        assert!(matches!(another.loan(1), Err(LoanError::Disconnected)));
        drop((another, tx, rx));
        go_on(&channel.sender().unwrap(), &channel.receiver().unwrap(), &words);
    }
}

pub(crate) fn a_close_wakes_a_waiting_receiver() {
    let (channel, words) = channel(3);
    let tx = channel.sender().unwrap();
    let mut waiter = waiting(&channel, &words, true);
    tx.close();
    waiter.expect("Err(Disconnected)");
    waiter.join();
}

pub(crate) fn a_receiver_gets_what_is_there_and_then_the_end() {
    let (channel, words) = channel(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for number in 0..4 {
        send(&tx, number);
    }
    drop(tx);
    assert_eq!(drain(&rx), [0, 1, 2, 3]);
    for _ in 0..3 {
        assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Disconnected));
        assert_eq!(next(&rx), Err(RecvError::Disconnected));
    }
    // A sender that attaches later makes the channel live again.
    let tx = channel.sender().unwrap();
    assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Empty));
    go_on(&tx, &rx, &words);
}

pub(crate) fn the_last_sender_to_go_wakes_a_waiting_receiver() {
    for killed in [false, true] {
        let (channel, words) = channel(4);
        let mut sender = crate::support::traffic::idle("sender", || channel.sender().unwrap());
        let mut waiter = waiting(&channel, &words, true);
        if killed {
            sender.kill();
        } else {
            sender.tell("leave");
        }
        waiter.expect("Err(Disconnected)");
        waiter.join();
    }
}

pub(crate) fn the_last_receiver_to_go_ends_a_waiting_loan() {
    for killed in [false, true] {
        let (channel, words) = channel(2);
        let mut receiver = crate::support::traffic::idle("receiver", || channel.receiver().unwrap());
        let tx = channel.sender().unwrap();
        send(&tx, 0);
        send(&tx, 1);
        let mut waiter = waiting(&channel, &words, false);
        if killed {
            receiver.kill();
        } else {
            receiver.tell("leave");
        }
        waiter.expect("Err(Disconnected)");
        waiter.join();
        // What was sent is for the next one.
        let rx = channel.receiver().unwrap();
        assert_eq!((next(&rx), next(&rx)), (Ok(0), Ok(1)));
        go_on(&tx, &rx, &words);
    }
}

pub(crate) fn a_loan_that_nobody_would_read_comes_back_from_send() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let made = loan(&tx, 9);
    drop(rx);
    let Err(error) = made.send() else {
        panic!("no receiver is left");
    };
    assert_eq!(error.to_string(), "sending on a disconnected channel");
    let SendError::Disconnected(made) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(tx.try_loan(1), Err(TryLoanError::Disconnected)));
    assert!(tx.is_empty() && !words.all_free(), "not sent, and still ours");
    // With a receiver it can be sent after all.
    let rx = channel.receiver().unwrap();
    made.send().unwrap();
    assert_eq!(next(&rx), Ok(9));
    go_on(&tx, &rx, &words);
}

/// As a pipe's writer may write before anybody reads.
pub(crate) fn a_first_peer_is_waited_for() {
    let (channel, words) = channel(2);
    let tx = channel.sender().unwrap();
    try_send(&tx, 0).unwrap();
    send(&tx, 1);
    assert!(matches!(tx.loan_timeout(0, A_WHILE), Err(LoanTimeoutError::Timeout(_))));
    let rx = channel.receiver().unwrap();
    assert_eq!((next(&rx), next(&rx)), (Ok(0), Ok(1)));
    drop((tx, rx));
    let rx = channel.receiver().unwrap();
    let late = rx.recv_timeout(A_WHILE).map(|_| ());
    assert_eq!(late, Err(RecvTimeoutError::Timeout), "a new session");
    go_on(&channel.sender().unwrap(), &rx, &words);
}

pub(crate) fn the_wait_for_a_first_peer_ends_when_nobody_can_come() {
    let (numbers, words) = channel(2);
    let rx = numbers.receiver().unwrap();
    drop(numbers);
    assert_eq!(rx.recv_timeout(LONG).map(|_| ()), Err(RecvTimeoutError::Disconnected));
    drop((rx, words));
    let (numbers, words) = channel(1);
    let tx = numbers.sender().unwrap();
    drop(numbers);
    send(&tx, 0);
    assert!(matches!(tx.loan_timeout(1, LONG), Err(LoanTimeoutError::Disconnected)));
    drop(words);
}

/// Should its holder die, it comes back, and the channel is live again.
pub(crate) fn the_end_waits_for_no_block_that_another_holds() {
    let (channel, words) = channel(4);
    let tx = channel.sender().unwrap();
    let (a, b) = (channel.receiver().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    send(&tx, 1);
    let (held, ..) = receive(&a).unwrap();
    drop(tx);
    assert_eq!(next(&b), Ok(1));
    assert_eq!(next(&b), Err(RecvError::Disconnected), "who holds it is alive");
    drop(held);
    assert_eq!(next(&a), Err(RecvError::Disconnected));
    until("all are free", || words.all_free());
    go_on(&channel.sender().unwrap(), &b, &words);
}
