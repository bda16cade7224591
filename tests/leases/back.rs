//! In which order, and by which calls, is a message received that has been handed back?

use annulus::{End, Receiver};

use crate::support::LONG;
use crate::support::traffic::{channel, go_on};
use crate::world::lease;

pub(crate) fn what_is_dropped_comes_back_oldest_first<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1, 2, 3, 4]).unwrap();
    let [zero, one, two, three] = std::array::from_fn(|_| lease(&rx).0);
    drop(two);
    drop(zero);
    one.ack();
    for expected in [0, 2] {
        let (held, number, again) = lease(&rx);
        assert_eq!((number, again), (expected, true));
        held.ack();
    }
    drop(three);
    let (held, number, again) = lease(&rx);
    assert_eq!((number, again), (3, true));
    drop(held); // Again and again, if need be.
    let (held, number, again) = lease(&rx);
    assert_eq!((number, again), (3, true));
    held.ack();
    let (held, number, again) = lease(&rx);
    assert_eq!((number, again), (4, false));
    held.ack();
    assert!(words.all_free());
    go_on(&tx, &rx);
}

pub(crate) fn what_comes_back_is_received_in_every_way<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    type Way<R> = fn(&Receiver<u64, R>) -> u64;
    let ways: [Way<R>; 7] = [
        |rx| rx.recv().unwrap(),
        |rx| rx.try_recv().unwrap(),
        |rx| rx.recv_timeout(LONG).unwrap(),
        |rx| rx.iter().next().unwrap(),
        |rx| {
            let lease = rx.try_recv_lease().unwrap();
            let number = *lease;
            lease.ack();
            number
        },
        |rx| {
            let lease = rx.recv_lease().unwrap();
            let number = *lease;
            lease.ack();
            number
        },
        |rx| {
            let mut one = [0];
            assert_eq!(rx.try_recv_many(&mut one), Ok(1));
            one[0]
        },
    ];
    for (i, way) in (0..).step_by(2).zip(ways) {
        tx.send_many(&[i, i + 1]).unwrap();
        drop(rx.recv_lease());
        assert_eq!(way(&rx), i);
        assert_eq!(way(&rx), i + 1);
    }
    tx.send_many(&[0, 1, 2, 3]).unwrap();
    let held: [_; 2] = std::array::from_fn(|_| rx.recv_lease().unwrap());
    drop(held);
    let mut batch = [9; 8];
    assert_eq!(rx.recv_many(&mut batch), Ok(4));
    assert_eq!(batch[..4], [0, 1, 2, 3]);
    assert!(words.all_free());
}
