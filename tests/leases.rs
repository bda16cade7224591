//! What becomes of a message on lease, whatever becomes of its receiver?

mod support;

use std::cell::Cell;
use std::time::Duration;

use annulus::{Channel, End, Kind, Lease, Multi, Receiver, RecvError, RecvTimeoutError, TryRecvError, TrySendError};
use support::message::{Message, Page};
use support::traffic::{channel, drain, go_on, receive};
use support::{LONG, Link, Peer, Words};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            all:
                a_slot_on_lease_is_full_to_senders
                what_is_acknowledged_in_any_order_makes_room
                what_is_dropped_comes_back_oldest_first
                what_comes_back_is_received_in_every_way
                a_batch_may_be_on_lease_all_around_the_ring
                what_a_killed_receiver_held_comes_back
                what_was_held_for_long_comes_back
                what_a_receiver_forgot_comes_back_when_it_has_gone
                a_forked_childs_copy_of_a_lease_does_nothing
                a_lease_reads_a_copy
                a_lease_waits_as_a_receive_does
                a_stopped_holder_is_not_robbed
                an_impossible_word_is_corrupt
                an_acknowledgement_of_what_is_not_ours_is_corrupt;
            multi_receivers:
                others_pass_what_is_on_lease
                a_waiting_receiver_is_woken_for_what_comes_back
                what_is_left_behind_comes_back_to_a_waiting_receiver
                the_stream_has_not_ended_while_another_holds_something
                the_last_acknowledgement_ends_a_wait
                two_that_hold_something_do_not_wait_for_each_other;
        ),
    )
}

/// The number of the next message and whether it is a redelivery; it stays on lease.
fn lease<T: Message, R: End>(rx: &Receiver<T, R>) -> (Lease<'_, T, R>, u64, bool) {
    let lease = rx.recv_lease_timeout(LONG).expect("a message");
    let (number, again) = (lease.number(), lease.redelivered());
    (lease, number, again)
}

fn many_receive<S: End, R: End>() -> bool {
    matches!(Channel::<(), S, R>::kind(), Kind::Spmc | Kind::Mpmc)
}

// Capacity.

fn a_slot_on_lease_is_full_to_senders<S: End, R: End>() {
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

fn what_is_acknowledged_in_any_order_makes_room<S: End, R: End>() {
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

fn a_batch_may_be_on_lease_all_around_the_ring<S: End, R: End>() {
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

// Handed back.

fn what_is_dropped_comes_back_oldest_first<S: End, R: End>() {
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

fn what_comes_back_is_received_in_every_way<S: End, R: End>() {
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

// Killed, forgotten, forked, stopped.

/// A child that leases messages 0 to 3, acknowledges 1, and then holds the others.
fn holding<T: Message, S: End, R: End>(channel: &Channel<T, S, R>) -> Peer {
    let mut holder = Peer::fork("holder", |link| {
        let rx = channel.receiver().unwrap();
        let [_zero, one, _two, _three] = std::array::from_fn(|_| lease(&rx).0);
        one.ack();
        link.say("holds");
        if link.hear().is_some() {
            // Deals with all of them after all.
            for held in [_zero, _two, _three] {
                held.ack();
            }
            link.say("done");
            link.hear();
        }
    });
    holder.expect("holds");
    holder
}

fn what_a_killed_receiver_held_comes_back<S: End, R: End>() {
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
fn what_was_held_for_long_comes_back<S: End, R: End>() {
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

fn what_a_receiver_forgot_comes_back_when_it_has_gone<S: End, R: End>() {
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

fn a_forked_childs_copy_of_a_lease_does_nothing<S: End, R: End>() {
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

fn a_stopped_holder_is_not_robbed<S: End, R: End>() {
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

// What it is.

fn a_lease_reads_a_copy<S: End, R: End>() {
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

fn a_lease_waits_as_a_receive_does<S: End, R: End>() {
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
        support::until("the receiver waits", || words.record(id).waits > waits);
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

fn an_impossible_word_is_corrupt<S: End, R: End>() {
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

fn an_acknowledgement_of_what_is_not_ours_is_corrupt<S: End, R: End>() {
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

// Many receivers.

fn others_pass_what_is_on_lease<S: End>() {
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
    support::until("the waiter has attached", || {
        (1..words.table_length).any(|id| {
            let record = words.record(id);
            record.role == 2 && record.pid == waiter.pid().as_raw() as u32
        })
    });
    waiter.until_waiting(words, words.receiver_of(waiter.pid()));
    waiter
}

fn a_waiting_receiver_is_woken_for_what_comes_back<S: End>() {
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

fn what_is_left_behind_comes_back_to_a_waiting_receiver<S: End>() {
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

fn the_stream_has_not_ended_while_another_holds_something<S: End>() {
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

fn the_last_acknowledgement_ends_a_wait<S: End>() {
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

fn two_that_hold_something_do_not_wait_for_each_other<S: End>() {
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
