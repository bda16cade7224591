//! What do senders find where a message is on lease?

use annulus::{End, TryRecvError, TrySendError};

use crate::support::traffic::{channel, drain, go_on};
use crate::world::lease;

pub(crate) fn a_slot_on_lease_is_full_to_senders<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1, 2, 3]).unwrap();
    let (held, number, again) = lease(&rx);
    assert_eq!((number, again), (0, false));
    for number in 1..4 {
        assert_eq!(rx.try_recv(), Ok(number));
    }
    // Three slots are free, but the next one in order is not.
    assert_eq!(tx.try_send(4), Err(TrySendError::Full(4)));
    assert!(tx.is_full());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    held.ack();
    tx.send_many(&[4, 5, 6, 7]).unwrap();
    assert_eq!(tx.try_send(8), Err(TrySendError::Full(8)));
    drop(tx);
    assert_eq!(drain(&rx), [4, 5, 6, 7]);
}

pub(crate) fn what_is_acknowledged_in_any_order_makes_room<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(256);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut sent = 0..;
    let mut received = 0..;
    // Several chunks of hints, some laps, and each permutation of four.
    for order in 0..24 * 16 {
        for number in sent.by_ref().take(4) {
            tx.try_send(number).unwrap();
        }
        let mut held: Vec<_> = received.by_ref().take(4).map(|number| (lease(&rx), number)).collect();
        let mut order = order;
        for among in (1..=4).rev() {
            let ((held, number, again), expected) = held.remove(order % among);
            assert_eq!((number, again), (expected, false));
            held.ack();
            order /= among;
        }
    }
    assert!(words.all_free());
    go_on(&tx, &rx);
}

pub(crate) fn a_batch_may_be_on_lease_all_around_the_ring<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(128);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for lap in 0..5 {
        let numbers: Vec<u64> = (0..128).map(|n| 1000 * lap + n).collect();
        assert_eq!(tx.send_many(&numbers), Ok(()));
        let held: Vec<_> = (0..128).map(|_| lease(&rx)).collect();
        assert_eq!(held.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(), numbers);
        assert_eq!(
            rx.try_recv(),
            Err(TryRecvError::Empty),
            "what is held is not received twice"
        );
        assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
        for (held, ..) in held {
            held.ack();
        }
        assert!(words.all_free());
    }
}
