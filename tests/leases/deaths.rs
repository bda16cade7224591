//! What becomes of what a receiver held that is killed, forgetful, forked or stopped?

use std::cell::Cell;
use std::time::Duration;

use annulus::{End, RecvTimeoutError, TryRecvError, TrySendError};

use crate::support::Peer;
use crate::support::message::{Message, Page};
use crate::support::traffic::{channel, drain, go_on, receive};
use crate::world::{holding, lease, many_receive};

pub(crate) fn what_a_killed_receiver_held_comes_back<S: End, R: End>() {
    let (channel, words) = channel::<Page, S, R>(8);
    let tx = channel.sender().unwrap();
    for number in 0..6 {
        tx.send(Page::of(number)).unwrap();
    }
    let mut holder = holding(&channel);
    holder.kill();
    // At a single end they are where they were; at a multi end a newcomer makes them anybody's.
    let rx = channel.receiver().unwrap();
    let mut came = Vec::new();
    for _ in 0..5 {
        let (held, number, again) = lease(&rx);
        assert_eq!(
            again,
            many_receive::<S, R>() && [0, 2, 3].contains(&number),
            "message {number}"
        );
        came.push(number);
        held.ack();
    }
    assert_eq!(came, [0, 2, 3, 4, 5]);
    assert!(words.all_free());
    go_on(&tx, &rx);
}

/// The ring has gone on for several chunks of hints, almost a lap, since the message was leased.
pub(crate) fn what_was_held_for_long_comes_back<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(512);
    let tx = channel.sender().unwrap();
    let mut holder = Peer::fork("holder", |link| {
        let rx = channel.receiver().unwrap();
        let _first = lease(&rx).0;
        for number in 1..500 {
            assert_eq!(rx.recv(), Ok(number));
        }
        let _last = lease(&rx).0;
        link.say("holds");
        link.hear();
    });
    for number in 0..510 {
        tx.send(number).unwrap();
    }
    holder.expect("holds");
    holder.kill();
    let rx = channel.receiver().unwrap();
    drop(tx);
    assert_eq!(drain(&rx), [0].into_iter().chain(500..510).collect::<Vec<_>>());
    assert!(words.all_free());
    go_on(&channel.sender().unwrap(), &rx);
}

pub(crate) fn what_a_receiver_forgot_comes_back_when_it_has_gone<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1, 2]).unwrap();
    std::mem::forget(rx.recv_lease());
    rx.recv_lease().unwrap().ack();
    assert_eq!(rx.recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(rx);
    let rx = channel.receiver().unwrap();
    assert_eq!(receive(&rx), Ok(0));
    assert!(words.all_free());
    go_on(&tx, &rx);
}

pub(crate) fn a_forked_childs_copy_of_a_lease_does_nothing<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1, 2]).unwrap();
    let held: [_; 2] = std::array::from_fn(|_| Cell::new(Some(rx.recv_lease().unwrap())));
    let before = (0..8).map(|i| words.state(i)).collect::<Vec<_>>();
    let life = words.life();
    Peer::fork("child", |_| {
        let [acknowledged, dropped] = &held;
        assert_eq!(acknowledged.take().map(|lease| (*lease, lease.ack())), Some((0, ())));
        drop(dropped.take());
        assert_eq!(rx.try_recv_lease().err(), Some(TryRecvError::WrongProcess));
    })
    .join();
    assert_eq!((0..8).map(|i| words.state(i)).collect::<Vec<_>>(), before);
    assert_eq!(words.life(), life);
    assert_eq!(rx.try_recv(), Ok(2), "nothing has come back");
    for held in held {
        held.take().unwrap().ack();
    }
    assert!(words.all_free());
    go_on(&tx, &rx);
}

pub(crate) fn a_stopped_holder_is_not_robbed<S: End, R: End>() {
    let (channel, words) = channel::<Page, S, R>(8);
    let tx = channel.sender().unwrap();
    for number in 0..4 {
        tx.send(Page::of(number)).unwrap();
    }
    let mut holder = holding(&channel);
    let id = words.receiver_of(holder.pid());
    holder.stop();
    let before = (0..8).map(|i| words.state(i)).collect::<Vec<_>>();
    assert_eq!(channel.recover().unwrap(), 0);
    if many_receive::<S, R>() {
        let rx = channel.receiver().unwrap();
        let late = rx.recv_timeout(Duration::from_millis(60)).err();
        assert_eq!(late, Some(RecvTimeoutError::Timeout));
        // The others go on around what is held, as far as there are slots.
        for number in 4..8 {
            tx.try_send(Page::of(number)).unwrap();
            assert_eq!(receive(&rx), Ok(number));
        }
        assert!(matches!(tx.try_send(Page::of(8)), Err(TrySendError::Full(_))));
    }
    assert_eq!((0..4).map(|i| words.state(i)).collect::<Vec<_>>(), before[..4]);
    assert_eq!(words.record(id).role, 2);
    holder.resume();
    holder.tell("deal with them");
    holder.expect("done");
    holder.tell("leave");
    holder.join();
    assert!(words.all_free());
    let rx = channel.receiver().unwrap();
    go_on(&tx, &rx);
}
