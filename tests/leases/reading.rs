//! What does one who leases read, wait for, and hear of impossible words?

use std::time::Duration;

use annulus::{End, RecvError, RecvTimeoutError, TryRecvError};

use crate::support::traffic::channel;
use crate::support::{LONG, Peer, until};

pub(crate) fn a_lease_reads_a_copy<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(7).unwrap();
    let held = rx.recv_lease().unwrap();
    words.set_payload(0, 8);
    assert_eq!(*held, 7);
    assert_eq!(format!("{held:?}"), "Lease { message: 7, redelivered: false, .. }");
    drop(held);
    let held = rx.recv_lease().unwrap();
    assert_eq!(*held, 8, "a redelivery is a new copy");
    held.ack();
}

pub(crate) fn a_lease_waits_as_a_receive_does<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let soon = Duration::from_millis(5);
    assert_eq!(rx.try_recv_lease().err(), Some(TryRecvError::Empty));
    assert_eq!(rx.recv_lease_timeout(soon).err(), Some(RecvTimeoutError::Timeout));
    let past = std::time::Instant::now();
    assert_eq!(rx.recv_lease_deadline(past).err(), Some(RecvTimeoutError::Timeout));
    let id = words.receiver_of(nix::unistd::getpid());
    let waits = words.record(id).waits;
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        until("the receiver waits", || words.record(id).waits > waits);
        tx.send(1).unwrap();
        link.hear();
    });
    sender.expect("attached");
    let held = rx.recv_lease().expect("woken by a send");
    assert_eq!(*held, 1);
    held.ack();
    sender.tell("leave");
    sender.join();
    assert_eq!(rx.try_recv_lease().err(), Some(TryRecvError::Disconnected));
    assert_eq!(rx.recv_lease_timeout(LONG).err(), Some(RecvTimeoutError::Disconnected));
    assert_eq!(rx.recv_lease().err(), Some(RecvError::Disconnected));
    let tx = channel.sender().unwrap();
    tx.send(2).unwrap();
    tx.close();
    rx.recv_lease().expect("what was sent before the close").ack();
    assert_eq!(rx.recv_lease().err(), Some(RecvError::Disconnected));
}

pub(crate) fn an_impossible_word_is_corrupt<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1]).unwrap();
    let held = rx.recv_lease().unwrap();
    words.spoil(1);
    assert_eq!(rx.try_recv_lease().err(), Some(TryRecvError::Corrupt));
    assert_eq!(rx.recv_lease().err(), Some(RecvError::Corrupt));
    assert_eq!(rx.recv_lease_timeout(LONG).err(), Some(RecvTimeoutError::Corrupt));
    drop(held);
    assert_eq!(rx.try_recv_lease().err(), Some(TryRecvError::Corrupt), "for good");
}

pub(crate) fn an_acknowledgement_of_what_is_not_ours_is_corrupt<S: End, R: End>() {
    for spoilt in [0, u64::MAX] {
        for dropped in [false, true] {
            let (channel, words) = channel::<u64, S, R>(4);
            let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
            tx.send_many(&[0, 1]).unwrap();
            let held = rx.recv_lease().unwrap();
            words.set_bits(0, spoilt);
            if dropped {
                drop(held);
            } else {
                held.ack();
            }
            // At a single end it is found when it is received again.
            let found = rx.try_recv_lease().err();
            assert_eq!(found, Some(TryRecvError::Corrupt));
            assert_eq!(words.bits(0), spoilt, "nothing is repaired");
        }
    }
}
