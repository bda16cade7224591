//! Slots, hints and messages while everybody lives.

use loom::thread::spawn;

use crate::layout::Phase;
use crate::stage::{End, MIXES, Message, TryPop, explore, id, message, on_stage, received, saw, sent, whole};

/// `PUB`: who receives a message receives all of it.
pub(super) fn published_bytes_are_visible() {
    for (senders, receivers) in MIXES {
        explore(None, move || {
            on_stage(0, 0, |stage| {
                let tx = stage.sender(senders, id(0));
                let rx = stage.receiver(receivers, id(1));
                let sender = spawn(move || assert!(sent(tx.try_push(&message(1)))));
                match received(rx.try_pop()) {
                    Some(n) => {
                        assert_eq!(n, 1);
                        saw("received");
                    }
                    None => saw("empty"),
                }
                sender.join().unwrap();
            });
        });
    }
}

/// `DRAIN`: who fills a slot again does so after the last reader.
pub(super) fn a_slot_is_not_reused_early() {
    for (senders, receivers) in MIXES {
        explore(None, move || {
            on_stage(0, 0, |stage| {
                stage.fill([1]);
                let tx = stage.sender(senders, id(0));
                let rx = stage.receiver(receivers, id(1));
                let receiver = spawn(move || assert_eq!(received(rx.try_pop()), Some(1)));
                let again = sent(tx.try_push(&message(2)));
                saw(if again { "sent" } else { "full" });
                receiver.join().unwrap();
                assert_eq!(stage.drain(), if again { vec![2] } else { vec![] });
            });
        });
    }
}

/// `TAIL`: a walk that starts at a hint finds every slot before it claimed, so no slot looks a lap too old.
pub(super) fn a_sender_starts_behind_claimed_slots() {
    explore(None, || {
        on_stage(0, 0, |stage| {
            let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
            let first = spawn(move || sent(a.try_push(&message(1))));
            let second = sent(b.try_push(&message(2)));
            saw(if second { "sent" } else { "full" });
            assert_eq!(u32::from(first.join().unwrap()) + u32::from(second), 1);
        });
    });
    // What a completed send has put behind another's claim is not reported as nothing.
    explore(3, || {
        on_stage(1, 0, |stage| {
            let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
            let first = spawn(move || assert!(sent(a.try_push(&message(1)))));
            let position = b.try_push(&message(2)).expect("room").last.unwrap();
            if position == 1 {
                saw("behind");
            }
            assert_eq!(stage.ring().drained(), Ok(false), "a message was sent");
            first.join().unwrap();
        });
    });
}

/// `HEAD`: a walk that starts at a hint finds every slot before it claimed or drained.
pub(super) fn a_receiver_starts_behind_drained_slots() {
    explore(None, || {
        on_stage(0, 0, |stage| {
            stage.fill([1]);
            let (a, b) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
            let first = spawn(move || received(a.try_pop()));
            let second = received(b.try_pop());
            saw(if second.is_some() { "received" } else { "empty" });
            let first = first.join().unwrap();
            assert!(matches!((first, second), (Some(1), None) | (None, Some(1))));
        });
    });
    // Who starts behind another's claim finds the next message.
    explore(None, || {
        on_stage(1, 0, |stage| {
            stage.fill([1, 2]);
            let (a, b) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
            let first = spawn(move || received(a.try_pop()).expect("there are two"));
            let second = received(b.try_pop()).expect("there are two");
            if second == 2 {
                saw("behind");
            }
            assert_eq!(first.join().unwrap() + second, 3);
        });
    });
}

/// Two claims of one place: one wins, and the other goes on.
pub(super) fn two_senders_never_own_one_slot() {
    explore(None, || {
        on_stage(1, 0, |stage| {
            let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
            let first = spawn(move || a.try_push(&message(1)).expect("room for both").last.unwrap());
            let second = b.try_push(&message(2)).expect("room for both").last.unwrap();
            let first = first.join().unwrap();
            assert_eq!(first + second, 1, "positions 0 and 1");
            saw(if first < second { "in order" } else { "overtaken" });
            assert_eq!(stage.drain(), if first < second { [1, 2] } else { [2, 1] });
        });
    });
    // One place, and a receiver that makes it free again.
    explore(2, || {
        on_stage(0, 0, |stage| {
            stage.fill([9]);
            let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
            let rx = stage.receiver(End::Multi, id(2));
            let receiver = spawn(move || assert_eq!(received(rx.try_pop()), Some(9)));
            let first = spawn(move || sent(a.try_push(&message(1))));
            let second = sent(b.try_push(&message(2)));
            receiver.join().unwrap();
            let sent = match (first.join().unwrap(), second) {
                (true, true) => panic!("two in one place"),
                (true, false) => vec![1],
                (false, true) => vec![2],
                (false, false) => vec![],
            };
            saw(if sent.is_empty() { "both full" } else { "one sent" });
            assert_eq!(stage.drain(), sent);
        });
    });
}

/// Two claims of one message: one wins, and the other goes on.
pub(super) fn two_receivers_never_take_one_message() {
    explore(None, || {
        on_stage(1, 0, |stage| {
            stage.fill([1, 2]);
            let (a, b) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
            let first = spawn(move || received(a.try_pop()).expect("one for each"));
            let second = received(b.try_pop()).expect("one for each");
            let first = first.join().unwrap();
            assert_eq!(first + second, 3);
            saw(if first < second { "in order" } else { "overtaken" });
        });
    });
    // One message, while it is sent.
    explore(2, || {
        on_stage(1, 0, |stage| {
            let tx = stage.sender(End::Multi, id(2));
            let (a, b) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
            let sender = spawn(move || assert!(sent(tx.try_push(&message(1)))));
            let first = spawn(move || received(a.try_pop()));
            let second = received(b.try_pop());
            sender.join().unwrap();
            let mut got = stage.drain();
            saw(if got.is_empty() { "taken" } else { "left" });
            got.extend(first.join().unwrap());
            got.extend(second);
            assert_eq!(got, [1]);
        });
    });
}

/// FIFO, a sender.
pub(super) fn each_senders_messages_stay_in_order() {
    // One receiver, two senders.
    for receivers in [End::Single, End::Multi] {
        explore(2, move || {
            on_stage(2, 0, |stage| {
                let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
                let rx = stage.receiver(receivers, id(2));
                let first = spawn(move || (1..=2).for_each(|n| assert!(sent(a.try_push(&message(n))))));
                let second = spawn(move || assert!(sent(b.try_push(&message(11)))));
                let mut got: Vec<_> = (0..2).filter_map(|_| received(rx.try_pop())).collect();
                first.join().unwrap();
                second.join().unwrap();
                saw(["none early", "one early", "two early"][got.len()]);
                got.extend(std::iter::from_fn(|| received(rx.try_pop())));
                saw(if got[0] == 11 { "the other first" } else { "in turn" });
                assert_eq!(got.iter().filter(|n| **n < 10).collect::<Vec<_>>(), [&1, &2]);
                assert_eq!(got.len(), 3);
            });
        });
    }
    // Two receivers, one sender: each sees a rising sequence.
    for senders in [End::Single, End::Multi] {
        explore(2, move || {
            on_stage(1, 0, |stage| {
                stage.fill([1]);
                let tx = stage.sender(senders, id(0));
                let (a, b) = (stage.receiver(End::Multi, id(1)), stage.receiver(End::Multi, id(2)));
                let sender = spawn(move || (2..=3).filter(|n| sent(tx.try_push(&message(*n)))).collect::<Vec<_>>());
                let first = spawn(move || (0..2).filter_map(|_| received(a.try_pop())).collect::<Vec<_>>());
                let second = received(b.try_pop());
                let first = first.join().unwrap();
                assert!(first.is_sorted());
                let mut all = vec![1];
                all.extend(sender.join().unwrap());
                let rest = stage.drain();
                assert!(rest.is_sorted());
                let mut got = [first, second.into_iter().collect(), rest].concat();
                got.sort_unstable();
                assert_eq!(got, all);
            });
        });
    }
}

/// Empty is exact but behind a slot in `WRITING`, Full but for one still `READING` a lap behind.
pub(super) fn empty_and_full_are_exact() {
    // A sender receives right behind its own send.
    for receivers in [End::Single, End::Multi] {
        explore(3, move || {
            on_stage(1, 0, |stage| {
                let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
                let rx = stage.receiver(receivers, id(2));
                let first = spawn(move || assert!(sent(a.try_push(&message(1)))));
                let position = b.try_push(&message(2)).expect("room").last.unwrap();
                match received(rx.try_pop()) {
                    Some(n) => saw(if n == 1 { "the other's" } else { "its own" }),
                    None => {
                        assert_eq!(position, 1, "Empty right behind a completed send");
                        saw("empty behind WRITING");
                    }
                }
                first.join().unwrap();
            });
        });
    }
    // A receiver sends right behind its own receive.
    for senders in [End::Single, End::Multi] {
        explore(3, move || {
            on_stage(1, 0, |stage| {
                stage.fill([1, 2]);
                let (a, b) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
                let tx = stage.sender(senders, id(2));
                let first = spawn(move || assert!(received(a.try_pop()).is_some()));
                let mine = received(b.try_pop()).expect("there are two");
                if sent(tx.try_push(&message(3))) {
                    saw("sent");
                } else {
                    assert_eq!(mine, 2, "Full right behind a completed receive of the oldest");
                    saw("full behind READING");
                }
                first.join().unwrap();
            });
        });
    }
}

/// A hint that is stored late moves back; walks from it skip and repeat nothing.
pub(super) fn a_late_hint_loses_nothing() {
    for (rounds, preemptions) in [(3, 1), (2, 2)] {
        explore(preemptions, move || a_late_tail(rounds));
        explore(preemptions, move || a_late_head(rounds));
    }
}

/// One sender's hint for position 0 may come when the others are two laps further.
fn a_late_tail(rounds: u32) {
    on_stage(1, 0, |stage| {
        let late = stage.sender(End::Multi, id(0));
        let sender = spawn(move || sent(late.try_push(&message(1))));
        let (tx, rx) = (stage.sender(End::Multi, id(1)), stage.receiver(End::Multi, id(2)));
        let mut got = Vec::new();
        let mut next = 11;
        for _ in 0..rounds {
            next += u32::from(sent(tx.try_push(&message(next))));
            got.extend(received(rx.try_pop()));
        }
        let late = sender.join().unwrap();
        saw(if got.contains(&1) { "in time" } else { "late" });
        // From wherever the hint is now.
        got.extend(stage.drain());
        assert!(got.iter().filter(|n| **n > 10).is_sorted());
        got.sort_unstable();
        assert_eq!(got, late.then_some(1).into_iter().chain(11..next).collect::<Vec<_>>());
        assert!(sent(tx.try_push(&message(2))) && received(rx.try_pop()) == Some(2));
    });
}

/// One receiver's hint for the first message, likewise.
fn a_late_head(rounds: u32) {
    on_stage(1, 0, |stage| {
        stage.fill([1, 2]);
        let late = stage.receiver(End::Multi, id(0));
        let receiver = spawn(move || received(late.try_pop()));
        let (tx, rx) = (stage.sender(End::Multi, id(1)), stage.receiver(End::Multi, id(2)));
        let mut got = Vec::new();
        let mut next = 3;
        for _ in 0..rounds {
            got.extend(received(rx.try_pop()));
            next += u32::from(sent(tx.try_push(&message(next))));
        }
        let late = receiver.join().unwrap();
        saw(if late.is_some() { "late" } else { "too late" });
        got.extend(stage.drain());
        assert!(got.is_sorted());
        got.extend(late);
        got.sort_unstable();
        assert_eq!(got, (1..next).collect::<Vec<_>>());
        assert!(sent(tx.try_push(&message(9))) && received(rx.try_pop()) == Some(9));
    });
}

/// Two laps below the wrap, and on.
pub(super) fn laps_wrap() {
    for shift in [0, 1] {
        for (senders, receivers) in MIXES {
            explore(2, move || {
                on_stage(shift, -2, |stage| {
                    let lap = 1 << shift;
                    // One lap alone, then one across the wrap together.
                    let tx = stage.sender(senders, id(0));
                    let rx = stage.receiver(receivers, id(1));
                    for n in 0..lap {
                        assert!(sent(tx.try_push(&message(n))));
                    }
                    for n in 0..lap {
                        assert_eq!(received(rx.try_pop()), Some(n));
                    }
                    for n in 0..lap {
                        assert!(sent(tx.try_push(&message(10 + n))));
                    }
                    let sender = spawn(move || (0..2).filter(|n| sent(tx.try_push(&message(20 + n)))).count());
                    let mut got: Vec<_> = (0..2).filter_map(|_| received(rx.try_pop())).collect();
                    let crossed = sender.join().unwrap();
                    saw(["none across", "one across", "two across"][crossed]);
                    got.extend(std::iter::from_fn(|| received(rx.try_pop())));
                    assert!(got.is_sorted());
                    assert_eq!(got.len(), lap as usize + crossed);
                    // Two laps more on the other side.
                    let tx = stage.sender(senders, id(2));
                    let rx = stage.receiver(receivers, id(3));
                    for n in 0..3 * lap {
                        assert!(sent(tx.try_push(&message(n))));
                        assert_eq!(received(rx.try_pop()), Some(n));
                    }
                });
            });
        }
    }
}

/// A batch is a run of messages as sent one by one: all of it, in order, and each once.
pub(super) fn batches_stay_whole_and_in_order() {
    for (senders, receivers) in MIXES {
        explore(3, move || {
            on_stage(1, -1, |stage| {
                let tx = stage.sender(senders, id(0));
                let rx = stage.receiver(receivers, id(1));
                let sender = spawn(move || {
                    let all: Vec<_> = (1..=3).map(message).collect();
                    let count = tx.try_push_many(&all).expect("room").count;
                    assert!(count >= 2, "an empty ring of two has room for two");
                    count
                });
                let mut buffer = [[0; 2]; 3];
                let mut got = Vec::new();
                for _ in 0..2 {
                    match rx.try_pop_many(&mut buffer) {
                        Ok((count, _)) => got.extend(buffer[..count].iter().map(|m| whole(*m))),
                        Err(refused) => assert_eq!(refused, crate::ring::Refused::Blocked),
                    }
                }
                saw(["none early", "one early", "two early", "three early"][got.len()]);
                let count = sender.join().unwrap();
                while let Ok((count, _)) = rx.try_pop_many(&mut buffer) {
                    got.extend(buffer[..count].iter().map(|m| whole(*m)));
                }
                assert_eq!(got, (1..=count as u32).collect::<Vec<_>>());
            });
        });
    }
    // Over what a receiver is still taking.
    for (senders, receivers) in MIXES {
        explore(3, move || {
            on_stage(1, 0, |stage| {
                stage.fill([1, 2]);
                let tx = stage.sender(senders, id(0));
                let rx = stage.receiver(receivers, id(1));
                let receiver = spawn(move || (1..=2).for_each(|n| assert_eq!(received(rx.try_pop()), Some(n))));
                let count = tx.try_push_many(&[message(3), message(4)]).map_or(0, |sent| sent.count);
                saw(["full", "one place", "two places"][count]);
                receiver.join().unwrap();
                assert_eq!(stage.drain(), (3..3 + count as u32).collect::<Vec<_>>());
            });
        });
    }
    // Two senders: runs may interleave, each stays in order.
    explore(2, || {
        on_stage(2, 0, |stage| {
            let batch = |n| [message(n), message(n + 1)];
            let (a, b) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
            let first = spawn(move || a.try_push_many(&batch(1)).expect("room").count);
            let second = b.try_push_many(&batch(11)).expect("room").count;
            let first = first.join().unwrap();
            let got = stage.drain();
            let (low, high): (Vec<u32>, Vec<u32>) = got.into_iter().partition(|n| *n < 10);
            assert_eq!(low, (1..=first as u32).collect::<Vec<_>>());
            assert_eq!(high, (11..11 + second as u32).collect::<Vec<_>>());
            saw(if first + second < 4 {
                "a run cut short"
            } else {
                "all at once"
            });
        });
    });
    // Two receivers: what they take is all that there is, each part in order.
    explore(2, || {
        on_stage(2, 0, |stage| {
            stage.fill(1..=3);
            let (a, b) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
            let take = |rx: Box<dyn crate::ring::receiver::ReceiveEnd<Message>>| {
                let mut buffer = [[0; 2]; 2];
                let count = rx.try_pop_many(&mut buffer).map_or(0, |(count, _)| count);
                buffer[..count].iter().map(|m| whole(*m)).collect::<Vec<_>>()
            };
            let first = spawn(move || take(a));
            let second = take(b);
            let first = first.join().unwrap();
            let rest = stage.drain();
            assert!(first.is_sorted() && second.is_sorted() && rest.is_sorted());
            let mut got = [first, second, rest].concat();
            got.sort_unstable();
            assert_eq!(got, [1, 2, 3]);
        });
    });
}

/// Walks by somebody who is neither: never an impossible word, and a length within bounds.
pub(super) fn an_observer_sees_a_sound_ring() {
    for (senders, receivers) in MIXES {
        explore(2, move || {
            on_stage(0, 0, |stage| {
                let tx = stage.sender(senders, id(0));
                let rx = stage.receiver(receivers, id(1));
                let sender = spawn(move || assert!(sent(tx.try_push(&message(1)))));
                let receiver = spawn(move || received(rx.try_pop()));
                let ring = stage.ring();
                let (_, full) = ring.find_tail().expect("sound");
                let (_, empty) = ring.find_head().expect("sound");
                saw(if full { "full" } else { "not full" });
                saw(if empty { "empty" } else { "not empty" });
                assert!(ring.len() <= 1);
                sender.join().unwrap();
                let got = receiver.join().unwrap();
                assert_eq!(ring.len(), u64::from(got.is_none()));
                assert_eq!(ring.has_messages(), Ok(got.is_none()));
                assert_eq!(stage.slot(0).1 == Phase::Full, got.is_none());
            });
        });
    }
    // Laps go by while it walks from an old hint. Seven words of a slot, as many as loom remembers.
    for tail in [true, false] {
        explore(2, move || {
            on_stage(1, 0, |stage| {
                let tx = stage.sender(End::Single, id(0));
                let rx = stage.receiver(End::Single, id(1));
                let traffic = spawn(move || {
                    for n in 0..5 {
                        assert!(sent(tx.try_push(&message(n))));
                        assert_eq!(received(rx.try_pop()), Some(n));
                    }
                });
                let ring = stage.ring();
                let walked = if tail { ring.find_tail() } else { ring.find_head() };
                let (position, _) = walked.expect("sound");
                saw(["at 0", "at 1", "at 2", "at 3", "at 4", "at 5"][position as usize]);
                traffic.join().unwrap();
            });
        });
    }
}
