//! Messages that are held, acknowledged, handed back, and left by the dead.

use loom::thread::spawn;

use crate::channel::{self, Lease, Multi, Receiver, Sender, Single};
use crate::error::{RecvError, TryRecvError};
use crate::kill;
use crate::region::Region;
use crate::ring::Refused;
use crate::stage::{End, MIXES, Message, TryPop, explore, id, message, on_stage, received, saw, sent, taken, whole};

fn held(result: Result<(Message, u64), Refused>) -> Option<(u32, u64)> {
    match result {
        Ok((message, position)) => Some((whole(message), position)),
        Err(Refused::Blocked) => None,
        Err(Refused::Corrupt) => panic!("a receiver takes a sound ring for corrupt"),
    }
}

/// A ring of `capacity` with as many messages, two receivers, and the sender that sent them.
fn filled(
    capacity: u64,
) -> (
    Sender<Message, Multi>,
    Receiver<Message, Multi>,
    Receiver<Message, Multi>,
) {
    let region = Region::new(capacity);
    let tx = channel::sender::<Multi>(&region);
    let receivers = (channel::receiver::<Multi>(&region), channel::receiver::<Multi>(&region));
    for n in 1..=capacity {
        tx.try_send(message(n as u32)).unwrap();
    }
    (tx, receivers.0, receivers.1)
}

/// `DRAIN`: a slot that is held is written again only after it is freed.
pub(super) fn a_slot_that_is_held_is_not_reused() {
    for (senders, receivers) in MIXES {
        explore(None, move || {
            on_stage(0, 0, |stage| {
                stage.fill([1]);
                let tx = stage.sender(senders, id(0));
                let rx = stage.receiver(receivers, id(1));
                let receiver = spawn(move || {
                    let (message, position) = held(rx.try_hold()).expect("there is one");
                    assert_eq!(message, 1);
                    assert_eq!(received(rx.try_pop()), None, "it is held");
                    rx.free(position).expect("ours");
                });
                let again = sent(tx.try_push(&message(2)));
                saw(if again { "sent" } else { "full" });
                receiver.join().unwrap();
                assert_eq!(stage.drain(), if again { vec![2] } else { vec![] });
            });
        });
    }
}

/// `ORPHAN`: a slot that was handed back is written again after what its holder read.
pub(super) fn what_is_handed_back_was_read_before() {
    explore(3, || {
        on_stage(0, 0, |stage| {
            stage.fill([1]);
            let holder = stage.receiver(End::Multi, id(0));
            let taker = stage.receiver(End::Multi, id(1));
            let tx = stage.sender(End::Multi, id(2));
            let holding = spawn(move || {
                let (_, position) = held(holder.try_hold())?;
                holder.hand_back(position).expect("ours");
                Some(())
            });
            let taken = match taker.hold_again().expect("sound") {
                Some((value, position)) => {
                    assert_eq!(whole(value), 1);
                    taker.free(position).expect("ours");
                    assert!(sent(tx.try_push(&message(2))));
                    true
                }
                None => false,
            };
            saw(if taken { "taken" } else { "not yet" });
            assert!(holding.join().unwrap().is_some());
            if !taken {
                assert_eq!(
                    taker.hold_again().expect("sound").map(|(message, _)| whole(message)),
                    Some(1)
                );
            }
        });
    });
    // At a single end nobody else is concerned.
    explore(None, || {
        on_stage(1, 0, |stage| {
            stage.fill([1, 2]);
            let (rx, tx) = (stage.receiver(End::Single, id(0)), stage.sender(End::Multi, id(2)));
            let sender = spawn(move || sent(tx.try_push(&message(3))));
            let (_, first) = held(rx.try_hold()).expect("there are two");
            let (_, second) = held(rx.try_hold()).expect("there are two");
            rx.hand_back(second).expect("ours");
            rx.hand_back(first).expect("ours");
            for (number, position) in [(1, first), (2, second)] {
                assert_eq!(
                    held(rx.hold_again().map(Option::unwrap)),
                    Some((number, position)),
                    "the oldest first"
                );
            }
            assert!(rx.hold_again().expect("sound").is_none());
            rx.free(second).expect("ours");
            assert_eq!(received(rx.try_pop()), None, "the first is still held");
            rx.free(first).expect("ours");
            let third = sender.join().unwrap();
            saw(if third { "a third" } else { "no third" });
            assert_eq!(received(rx.try_pop()), third.then_some(3));
        });
    });
}

/// `CLAIMED`, where a message is taken: an orphan's word is the same each time that it has come back, so who takes it may
/// have looked before somebody else had it, read it, and handed it back.
pub(super) fn what_came_back_twice_was_read_before() {
    explore(3, || {
        loom::stop_exploring();
        on_stage(0, 0, |stage| {
            stage.fill([1]);
            let rx = |n| stage.receiver(End::Multi, id(n));
            let (first, between, taker, tx) = (rx(0), rx(1), rx(2), stage.sender(End::Multi, id(3)));
            let (_, position) = held(first.try_hold()).expect("there is one");
            first.hand_back(position).expect("ours");
            loom::explore();
            let again = spawn(move || {
                let Some((value, position)) = between.hold_again().expect("sound") else {
                    return;
                };
                assert_eq!(whole(value), 1);
                between.hand_back(position).expect("ours");
            });
            let taken = taker.hold_again().expect("sound");
            saw(if taken.is_some() { "taken" } else { "another has it" });
            if let Some((value, position)) = taken {
                assert_eq!(whole(value), 1);
                taker.free(position).expect("ours");
                assert!(sent(tx.try_push(&message(2))));
            }
            again.join().unwrap();
        });
    });
}

/// What a dead receiver has held and not freed is delivered again, and what it has freed is not.
pub(super) fn what_the_dead_have_held_comes_again() {
    for receivers in [End::Single, End::Multi] {
        kill::everywhere(2, move |accesses| {
            on_stage(1, 0, |stage| {
                stage.fill([1, 2]);
                let (dead, tx) = (stage.receiver(receivers, id(0)), stage.sender(End::Multi, id(1)));
                let victim = spawn(move || {
                    kill::after(accesses, || {
                        let (_, _first) = held(dead.try_hold()).expect("there are two");
                        let (_, second) = held(dead.try_hold()).expect("there are two");
                        dead.free(second).expect("ours");
                    });
                });
                let sender = spawn(move || sent(tx.try_push(&message(3))));
                victim.join().unwrap();
                assert!(!sender.join().unwrap(), "the first is not freed");
                let freed = stage.slot(1) == (1, crate::layout::Phase::Free);
                saw(if freed { "one freed" } else { "none freed" });
                let mut got = Vec::new();
                let next = stage.receiver(receivers, id(2));
                if receivers == End::Multi {
                    let (_, claim) = stage.ring().reap_and_take(id(0), id(2)).expect("sound");
                    got.extend(taken(claim));
                    while let Some((message, position)) =
                        held(next.hold_again().map(|m| m.ok_or(Refused::Blocked)).and_then(|m| m))
                    {
                        got.push(message);
                        next.free(position).expect("ours");
                    }
                }
                got.extend(std::iter::from_fn(|| received(next.try_pop())));
                assert_eq!(got, if freed { vec![1] } else { vec![1, 2] }, "each that was not freed");
                let tx = stage.sender(End::Multi, id(3));
                for n in 0..4 {
                    assert!(sent(tx.try_push(&message(n))));
                    assert_eq!(received(next.try_pop()), Some(n));
                }
            });
        });
    }
}

/// A message that is handed back wakes who waits for one.
pub(super) fn what_is_handed_back_is_received() {
    explore(2, || {
        loom::stop_exploring();
        let (_tx, rx, other) = filled(1);
        let lease = rx.try_recv_lease().unwrap();
        loom::explore();
        let waiting = spawn(move || {
            let lease = other.recv_lease().unwrap();
            assert!(lease.redelivered());
            let got = whole(*lease);
            lease.ack();
            got
        });
        drop(lease);
        assert_eq!(waiting.join().unwrap(), 1);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    });
    explore(2, || {
        let region = Region::new(1);
        let (tx, rx) = (channel::sender::<Single>(&region), channel::receiver::<Single>(&region));
        let sender = spawn(move || tx.send(message(1)).unwrap());
        drop(rx.recv_lease().unwrap());
        let lease = rx.recv_lease().unwrap();
        assert!(lease.redelivered() && whole(*lease) == 1);
        lease.ack();
        sender.join().unwrap();
        assert!(matches!(rx.recv_lease(), Err(RecvError::Disconnected)));
    });
}

/// `LIFE`: who sees that something has come back finds it.
pub(super) fn an_announced_return_is_found() {
    explore(3, || {
        loom::stop_exploring();
        let (_tx, rx, other) = filled(1);
        let lease = rx.try_recv_lease().unwrap();
        loom::explore();
        let asking = spawn(move || (other.try_recv().map(whole), other));
        drop(lease);
        let (first, other) = asking.join().unwrap();
        if first == Ok(1) {
            saw("found at once");
        } else {
            assert_eq!(first, Err(TryRecvError::Empty));
            let second = other.try_recv().map(whole);
            assert_eq!(second, Ok(1), "the event was seen, the orphan was not");
            saw("found later");
        }
    });
}

/// A sender that waits for room gets it when the lease ends.
pub(super) fn an_acknowledgement_makes_room() {
    explore(1, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let tx = channel::sender::<Multi>(&region);
        let rx = channel::receiver::<Multi>(&region);
        tx.try_send(message(1)).unwrap();
        let lease = rx.try_recv_lease().unwrap();
        loom::explore();
        let sender = spawn(move || tx.send(message(2)).unwrap());
        lease.ack();
        assert_eq!(rx.recv().map(whole), Ok(2));
        sender.join().unwrap();
    });
}

/// Who waits for what another may hand back hears that it was acknowledged, and that the other has gone.
pub(super) fn the_last_acknowledgement_is_the_end() {
    explore(2, || {
        loom::stop_exploring();
        let (tx, rx, other) = filled(1);
        let lease = rx.try_recv_lease().unwrap();
        drop(tx);
        loom::explore();
        let waiting = spawn(move || other.recv_lease().map(|_| ()));
        lease.ack();
        assert_eq!(waiting.join().unwrap(), Err(RecvError::Disconnected));
        assert!(matches!(rx.recv_lease(), Err(RecvError::Disconnected)));
    });
    // Two that hold something do not wait for one another.
    explore(1, || {
        loom::stop_exploring();
        let (tx, rx, other) = filled(2);
        drop(tx);
        loom::explore();
        let both = |rx: &Receiver<Message, Multi>| {
            let Ok(lease) = rx.recv_lease() else { return 0 };
            let further = rx.recv_lease().map(Lease::ack).is_ok();
            lease.ack();
            1 + u32::from(further)
        };
        let theirs = spawn(move || both(&other));
        let ours = both(&rx);
        saw(["none of two", "one of two", "both"][ours as usize]);
        assert_eq!(ours + theirs.join().unwrap(), 2);
    });
}
