//! What do receivers that share an end owe each other?

use std::time::Duration;

use annulus::{Channel, End, Multi, RecvError, RecvTimeoutError, TryRecvError};

use crate::support::traffic::{channel, drain, go_on};
use crate::support::{Link, Peer, Words, until};
use crate::world::{holding, lease};

pub(crate) fn others_pass_what_is_on_lease<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let tx = channel.sender().unwrap();
    let (a, b) = (channel.receiver().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1, 2, 3]).unwrap();
    let (zero, one) = (lease(&a), lease(&b));
    assert_eq!((zero.1, one.1), (0, 1));
    assert_eq!(b.try_recv(), Ok(2));
    drop(zero.0);
    let (again, number, redelivered) = lease(&b);
    assert_eq!((number, redelivered), (0, true), "handed from one to the other");
    assert_eq!(a.try_recv(), Ok(3));
    again.ack();
    one.0.ack();
    assert!(words.all_free());
    go_on(&tx, &b);
}

/// A child that waits for one message and says which.
fn waiting<S: End>(channel: &Channel<u64, S, Multi>, words: &Words) -> Peer {
    let waiter = Peer::fork("waiter", |link: &mut Link| {
        let rx = channel.receiver().unwrap();
        match rx.recv_lease() {
            Ok(lease) => {
                link.say(format!("{} {}", *lease, lease.redelivered()));
                lease.ack();
            }
            Err(error) => link.say(format!("{error:?}")),
        }
    });
    until("the waiter has attached", || {
        (1..words.table_length).any(|id| {
            let record = words.record(id);
            record.role == 2 && record.pid == waiter.pid().as_raw() as u32
        })
    });
    waiter.until_waiting(words, words.receiver_of(waiter.pid()));
    waiter
}

pub(crate) fn a_waiting_receiver_is_woken_for_what_comes_back<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(5).unwrap();
    let held = rx.recv_lease().unwrap();
    let mut waiter = waiting(&channel, &words);
    drop(held);
    waiter.expect("5 true");
    waiter.join();
    assert!(words.all_free());
    go_on(&tx, &rx);
}

pub(crate) fn what_is_left_behind_comes_back_to_a_waiting_receiver<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let tx = channel.sender().unwrap();
    tx.send_many(&[0, 1, 2, 3]).unwrap();
    let mut holder = holding(&channel);
    let mut waiter = waiting(&channel, &words);
    holder.kill();
    waiter.expect("0 true");
    waiter.join();
    let rx = channel.receiver().unwrap();
    drop(tx);
    assert_eq!(drain(&rx), [2, 3]);
    assert!(words.all_free());
}

pub(crate) fn the_stream_has_not_ended_while_another_holds_something<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let tx = channel.sender().unwrap();
    let (a, b) = (channel.receiver().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1]).unwrap();
    let (zero, one) = (a.recv_lease().unwrap(), a.recv_lease().unwrap());
    drop(tx);
    assert_eq!(b.try_recv_lease().err(), Some(TryRecvError::Empty));
    let late = b.recv_lease_timeout(Duration::from_millis(60)).err();
    assert_eq!(late, Some(RecvTimeoutError::Timeout));
    assert_eq!(
        b.try_recv(),
        Err(TryRecvError::Disconnected),
        "who does not lease does not wait"
    );
    drop(one);
    let (held, number, again) = lease(&b);
    assert_eq!((number, again), (1, true));
    held.ack();
    assert_eq!(b.try_recv_lease().err(), Some(TryRecvError::Empty));
    zero.ack();
    assert_eq!(b.try_recv_lease().err(), Some(TryRecvError::Disconnected));
    assert_eq!(a.try_recv_lease().err(), Some(TryRecvError::Disconnected));
    assert!(words.all_free());
}

pub(crate) fn the_last_acknowledgement_ends_a_wait<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(5).unwrap();
    let held = rx.recv_lease().unwrap();
    drop(tx);
    let mut waiter = waiting(&channel, &words);
    held.ack();
    waiter.expect("Disconnected");
    waiter.join();
}

pub(crate) fn two_that_hold_something_do_not_wait_for_each_other<S: End>() {
    let (channel, _) = channel::<u64, S, Multi>(8);
    let tx = channel.sender().unwrap();
    let (a, b) = (channel.receiver().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1]).unwrap();
    drop(tx);
    let (zero, one) = (a.recv_lease().unwrap(), b.recv_lease().unwrap());
    assert_eq!(a.recv_lease().err(), Some(RecvError::Disconnected));
    assert_eq!(b.recv_lease().err(), Some(RecvError::Disconnected));
    zero.ack();
    drop(one);
    let (held, number, again) = lease(&a);
    assert_eq!((number, again), (1, true));
    held.ack();
}
