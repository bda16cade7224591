//! What of a channel of blocks crosses a fork, and what does not?

use std::cell::Cell;

use annulus::blocks::{LoanError, LoanTimeoutError, TryLoanError};
use annulus::{AttachError, RecvError, RecvTimeoutError, SendError, TryRecvError};
use nix::unistd::getpid;

use crate::support::{LONG, Peer};
use crate::world::{A_WHILE, channel, drain, go_on, holding, loan, next, number, receive, send};

pub(crate) fn a_seat_becomes_the_childs_endpoint() {
    let (channel, words) = channel(4);
    let (to, from) = (channel.reserve_sender().unwrap(), channel.reserve_receiver().unwrap());
    let mut to = Some(to);
    let mut receiver = Peer::fork("receiver", |link| {
        drop(to.take());
        let rx = from.attach().unwrap();
        link.say("attached");
        assert_eq!(drain(&rx), Vec::from_iter(0..1000));
    });
    receiver.expect("attached");
    assert_eq!(words.record(words.receiver_of(receiver.pid())).seat, 2, "taken");
    let sender = Peer::fork("sender", |_| {
        let tx = to.take().unwrap().attach().unwrap();
        (0..1000).for_each(|number| send(&tx, number));
    });
    drop(to);
    sender.join();
    receiver.join();
    assert!(words.all_free());
}

pub(crate) fn a_seat_is_taken_once() {
    let (channel, words) = channel(4);
    let (mut to, mut from) = (channel.reserve_sender().ok(), channel.reserve_receiver().ok());
    let mut child = Peer::fork("child", |link| {
        let tx = to.take().unwrap().attach().unwrap();
        let rx = from.take().unwrap().attach().unwrap();
        link.say("attached");
        link.hear();
        send(&tx, 1);
        assert_eq!(next(&rx), Ok(1));
    });
    child.expect("attached");
    assert!(matches!(to.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    assert!(matches!(from.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    assert_eq!(words.record(words.sender_of(child.pid())).role, 1);
    child.tell("go");
    child.join();
}

pub(crate) fn a_child_that_is_killed_before_it_sits_down_ends_the_stream() {
    for kills in [true, false] {
        let (channel, words) = channel(2);
        let rx = channel.receiver().unwrap();
        let seat = channel.reserve_sender().unwrap();
        let mut child = Peer::fork("sender", |link| {
            let _seat = seat;
            link.say("here");
            link.hear();
        });
        child.expect("here");
        assert_eq!(rx.recv_timeout(A_WHILE).map(|_| ()), Err(RecvTimeoutError::Timeout));
        if kills {
            child.kill();
        } else {
            child.tell("leave");
        }
        assert_eq!(rx.recv_timeout(LONG).map(|_| ()), Err(RecvTimeoutError::Disconnected));
        drop(rx);
        let tx = channel.sender().unwrap();
        let seat = channel.reserve_receiver().unwrap();
        let mut child = Peer::fork("receiver", |link| {
            let _seat = seat;
            link.say("here");
            link.hear();
        });
        child.expect("here");
        send(&tx, 0);
        send(&tx, 1);
        assert!(matches!(tx.loan_timeout(1, A_WHILE), Err(LoanTimeoutError::Timeout(_))));
        if kills {
            child.kill();
        } else {
            child.tell("leave");
        }
        assert!(matches!(tx.loan_timeout(1, LONG), Err(LoanTimeoutError::Disconnected)));
        let rx = channel.receiver().unwrap();
        assert_eq!([next(&rx), next(&rx)], [Ok(0), Ok(1)]);
        go_on(&tx, &rx, &words);
    }
}

pub(crate) fn a_forked_child_cannot_use_its_parents_endpoints() {
    let (channel, words) = channel(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    send(&tx, 0);
    let (before, life) = (words.states(), words.life());
    Peer::fork("child", |_| {
        assert!(matches!(tx.loan(1), Err(LoanError::WrongProcess)));
        assert!(matches!(tx.try_loan(1), Err(TryLoanError::WrongProcess)));
        assert!(matches!(tx.loan_timeout(1, LONG), Err(LoanTimeoutError::WrongProcess)));
        assert!(matches!(tx.send_slice(&[1]), Err(LoanError::WrongProcess)));
        let clone = tx.clone();
        assert!(matches!(clone.try_send_slice(&[1]), Err(TryLoanError::WrongProcess)));
        assert_eq!(rx.recv().map(|_| ()), Err(RecvError::WrongProcess));
        assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::WrongProcess));
        assert_eq!(rx.recv_timeout(LONG).map(|_| ()), Err(RecvTimeoutError::WrongProcess));
        assert_eq!(rx.clone().iter().count(), 0);
        tx.close();
        rx.close();
    })
    .join();
    assert_eq!((words.states(), words.life()), (before, life), "not even closed");
    assert_eq!(next(&rx), Ok(0));
    go_on(&tx, &rx, &words);
}

pub(crate) fn what_a_forked_child_drops_disturbs_nobody() {
    let (channel, words) = channel(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let (mut mine, mut theirs) = (Some(tx), Some(rx));
    let life = words.life();
    Peer::fork("child", |_| drop((mine.take(), theirs.take()))).join();
    assert_eq!(words.life(), life);
    go_on(&mine.take().unwrap(), &theirs.take().unwrap(), &words);
}

pub(crate) fn a_forked_childs_copy_of_a_loan_or_a_block_does_nothing() {
    let (channel, words) = channel(6);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for number in 0..3 {
        send(&tx, number);
    }
    let blocks = [0, 1].map(|_| Cell::new(Some(rx.recv().unwrap())));
    let loans = [10, 11].map(|number| Cell::new(Some(loan(&tx, number))));
    let uninit = Cell::new(Some(tx.loan_uninit(3).unwrap()));
    let (before, life) = (words.states(), words.life());
    Peer::fork("child", |_| {
        drop(blocks[0].take());
        drop(loans[0].take());
        drop(uninit.take());
        let Err(SendError::WrongProcess(copy)) = loans[1].take().unwrap().send() else {
            panic!("sent by a child");
        };
        assert_eq!(*copy.header(), 11);
        drop(copy);
        // As it exits, with a block in hand.
        assert!(blocks[1].take().is_some_and(|block| number(&block) == 1));
    })
    .join();
    // And killed with all of them.
    let mut killed = Peer::fork("child", |link| {
        link.say("here");
        link.hear();
    });
    killed.expect("here");
    killed.kill();
    assert_eq!(
        (channel.recover().unwrap(), words.states(), words.life()),
        (0, before, life)
    );
    assert_eq!(next(&rx), Ok(2), "nothing has come back");
    for (expected, block) in (0..).zip(blocks) {
        assert_eq!(number(&block.take().unwrap()), expected);
    }
    for loan in loans {
        loan.take().unwrap().send().unwrap();
    }
    drop(uninit.take());
    assert_eq!([next(&rx), next(&rx)], [Ok(10), Ok(11)]);
    go_on(&tx, &rx, &words);
}

pub(crate) fn a_forked_child_attaches_through_its_inherited_channel() {
    let (channel, words) = channel(4);
    let rx = channel.receiver().unwrap();
    let mut child = Peer::fork("child", |link| {
        let tx = channel.sender().unwrap();
        assert_eq!(words.record(words.sender_of(getpid())).role, 1);
        send(&tx, 5);
        link.say("sent");
        link.hear();
    });
    child.expect("sent");
    let (block, number, _) = receive(&rx).unwrap();
    assert_eq!(number, 5);
    drop(block);
    child.tell("leave");
    child.join();
    assert_eq!(next(&rx), Err(RecvError::Disconnected));
    go_on(&channel.sender().unwrap(), &rx, &words);
}

/// A child that outlives its parent's death does not keep the parent's blocks from the others.
pub(crate) fn a_child_does_not_keep_a_dead_parents_blocks() {
    let (channel, words) = channel(3);
    let rx = channel.receiver().unwrap();
    let mut parent = Peer::fork("parent", |link| {
        let tx = channel.sender().unwrap();
        let _loans = [0, 1, 2].map(|number| loan(&tx, number));
        let mut child = Peer::fork("child", |link| {
            // Its parent is killed, and it is not.
            nix::sys::prctl::set_pdeathsig(None).unwrap();
            link.say("here");
            nix::unistd::pause();
        });
        child.expect("here");
        link.say(child.pid());
        link.hear();
    });
    let child = nix::unistd::Pid::from_raw(parent.hear_value());
    parent.kill();
    let tx = channel.sender().unwrap();
    let outcome = tx.loan_timeout(1, LONG).map(drop);
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
    outcome.expect("the dead parent's");
    channel.recover().unwrap();
    go_on(&tx, &rx, &words);
}

/// Nor does it look after the dead in its parent's name, however many messages that has received.
pub(crate) fn a_forked_childs_receiver_takes_over_nothing() {
    for received in [1023, 1024] {
        let (channel, words) = channel(4);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        for number in 0..received {
            send(&tx, number);
            assert_eq!(next(&rx), Ok(number));
        }
        send(&tx, received);
        holding(&channel, received, 1).kill();
        assert_eq!(channel.recover().unwrap(), 1);
        Peer::fork("child", |_| {
            for _ in 0..3 {
                assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::WrongProcess));
            }
        })
        .join();
        let again = rx.try_recv().unwrap();
        assert!(again.redelivered() && number(&again) == received);
        drop(again);
        assert!(words.all_free());
    }
}
