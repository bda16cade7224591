//! Threads that stop for good, and those who repair after them.
//!
//! The dead one's owner byte is its thread: the kernel frees the byte when the last thread has left user mode, so that
//! everything the dead one did happens before whoever then gets the byte. Joining says the same.

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::spawn;

use crate::kill;
use crate::layout::{Phase, Role};
use crate::ring::{Claim, Ring};
use crate::stage::{End, Message, Stage, TryPop, explore, id, message, on_stage, received, saw, sent, taken, whole};
use crate::weaken::Rule;

fn take_orphans(ring: &Ring<Message>, me: u16) -> Vec<u32> {
    std::iter::from_fn(|| taken(ring.take_orphan(id(me)).expect("sound"))).collect()
}

/// The ring is as good as new: two laps of it go through.
fn as_good_as_new(stage: &'static Stage) {
    let laps = stage.ring().laps();
    for n in 0..2 * laps.capacity() as u32 {
        let last = n % laps.capacity() as u32;
        stage.fill([n]);
        assert_eq!(stage.drain(), [n], "the ring works on, {last}");
    }
}

/// `GAP`: a slot whose sender died in mid-copy is written again after what the dead one wrote.
pub(super) fn a_gap_comes_after_the_dead_senders_bytes() {
    kill::everywhere(2, |accesses| {
        on_stage(0, 0, |stage| {
            let (dead, tx) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
            let victim = spawn(move || {
                kill::after(accesses, || sent(dead.try_push(&message(1))));
            });
            let sender = spawn(move || sent(tx.try_push(&message(2))));
            victim.join().unwrap();
            let gap = stage.ring().reap(id(0), Role::Sender).expect("sound").gaps == 1;
            let second = sender.join().unwrap();
            if gap {
                saw(if second {
                    "sent over the gap"
                } else {
                    "full before the gap"
                });
            }
            let got = stage.drain();
            assert!(got == [1] && !gap || got == if second { vec![2] } else { vec![] });
            as_good_as_new(stage);
        });
    });
}

/// `ORPHAN`: who takes an orphan, and lets its slot be written again, does so after what the dead receiver read.
pub(super) fn an_orphan_is_taken_after_the_dead_receivers_reads() {
    kill::everywhere(2, |accesses| {
        on_stage(0, 0, |stage| {
            stage.fill([1]);
            let dead = stage.receiver(End::Multi, id(0));
            let victim = spawn(move || {
                kill::after(accesses, || received(dead.try_pop()));
            });
            let taker = spawn(move || {
                let got = taken(stage.ring().take_orphan(id(1)).expect("sound"))?;
                assert!(sent(stage.sender(End::Multi, id(2)).try_push(&message(2))));
                Some(got)
            });
            victim.join().unwrap();
            let orphan = stage.ring().reap(id(0), Role::Receiver).expect("sound").orphans == 1;
            let got = taker.join().unwrap();
            assert!(got.is_none() || orphan && got == Some(1));
            match (orphan, got) {
                (true, Some(_)) => saw("taken"),
                (true, None) => {
                    saw("left");
                    assert_eq!(take_orphans(&stage.ring(), 1), [1]);
                }
                (false, _) => saw("no orphan"),
            }
            stage.drain();
            as_good_as_new(stage);
        });
    });
}

/// `CLAIMED`: who takes an orphan reads all that its sender wrote, though the two never met.
pub(super) fn a_message_taken_over_is_whole() {
    kill::everywhere(2, |accesses| {
        on_stage(0, 0, |stage| {
            let (tx, dead) = (stage.sender(End::Multi, id(2)), stage.receiver(End::Multi, id(0)));
            let victim = spawn(move || {
                assert!(sent(tx.try_push(&message(1))));
                kill::after(accesses, || received(dead.try_pop()));
            });
            let taker = spawn(move || taken(stage.ring().take_orphan(id(1)).expect("sound")));
            victim.join().unwrap();
            let orphan = stage.ring().reap(id(0), Role::Receiver).expect("sound").orphans == 1;
            let got = taker.join().unwrap();
            saw(if got.is_some() { "taken" } else { "not taken" });
            assert!(got.is_none() || orphan && got == Some(1));
        });
    });
}

/// A dead sender's messages are a prefix of what it sent, and nobody else's are touched.
pub(super) fn a_sender_may_be_killed_anywhere() {
    for (receivers, batch) in [(End::Single, false), (End::Multi, true)] {
        kill::everywhere(2, move |accesses| {
            on_stage(1, -1, |stage| {
                let (dead, tx) = (stage.sender(End::Multi, id(0)), stage.sender(End::Multi, id(1)));
                let rx = stage.receiver(receivers, id(2));
                let victim = spawn(move || {
                    kill::after(accesses, || {
                        if batch {
                            sent(dead.try_push_many(&[message(1), message(2)]));
                        } else {
                            sent(dead.try_push(&message(1)));
                        }
                    });
                });
                let sender = spawn(move || sent(tx.try_push(&message(11))));
                victim.join().unwrap();
                let mut got: Vec<_> = received(rx.try_pop()).into_iter().collect();
                let gaps = stage.ring().reap(id(0), Role::Sender).expect("sound").gaps;
                got.extend(received(rx.try_pop()));
                let second = sender.join().unwrap();
                got.extend(std::iter::from_fn(|| received(rx.try_pop())));
                saw(["no gap", "a gap", "two gaps"][gaps as usize]);
                let (mut low, high): (Vec<u32>, Vec<u32>) = got.into_iter().partition(|n| *n < 10);
                assert_eq!(high, if second { vec![11] } else { vec![] }, "the living one's message");
                low.dedup();
                assert_eq!(low, (1..=low.len() as u32).collect::<Vec<_>>(), "a prefix");
                assert!(sent(stage.sender(End::Multi, id(3)).try_push(&message(12))));
                assert_eq!(received(rx.try_pop()), Some(12));
            });
        });
    }
}

/// A dead receiver's messages are delivered once, by whoever reaps, unless it had freed their slots.
pub(super) fn a_receiver_may_be_killed_anywhere() {
    for batch in [false, true] {
        kill::everywhere(2, move |accesses| {
            on_stage(1, 0, |stage| {
                stage.fill([1, 2]);
                let dead = stage.receiver(End::Multi, id(0));
                let victim = spawn(move || {
                    kill::after(accesses, || {
                        let mut buffer = [[0; 2]; 2];
                        let most = if batch { 2 } else { 1 };
                        dead.try_pop_many(&mut buffer[..most])
                            .map(|_| ())
                            .expect("there are two");
                    });
                });
                victim.join().unwrap();
                let freed = (0..2).filter(|i| stage.slot(*i) == (1, Phase::Free)).count();
                // One receiver reaps, another takes what it finds, a sender goes on.
                let (rx, tx) = (stage.receiver(End::Multi, id(1)), stage.sender(End::Multi, id(2)));
                let other = spawn(move || {
                    let orphan = taken(stage.ring().take_orphan(id(1)).expect("sound"));
                    (orphan, received(rx.try_pop()))
                });
                let sender = spawn(move || sent(tx.try_push(&message(3))));
                let ring = stage.ring();
                let (repairs, claim) = ring.reap_and_take(id(0), id(3)).expect("sound");
                let mut got: Vec<_> = taken(claim).into_iter().collect();
                saw(match (got.len() as u64, repairs.orphans) {
                    (0, 0) => "nothing to repair",
                    (1, 0) => "one taken over",
                    (1, 1) => "and one orphan",
                    _ => panic!("more than there were"),
                });
                let (orphan, popped) = other.join().unwrap();
                if orphan.is_some() {
                    saw("orphan taken by another");
                }
                got.extend(orphan);
                got.extend(popped);
                let second = sender.join().unwrap();
                got.extend(take_orphans(&ring, 3));
                got.extend(stage.drain());
                got.sort_unstable();
                let all = freed as u32 + 1..=if second { 3 } else { 2 };
                assert_eq!(got, all.collect::<Vec<_>>(), "each once, {freed} freed");
                as_good_as_new(stage);
            });
        });
    }
}

/// While a receiver dies, another receives: nothing twice.
pub(super) fn the_living_are_not_robbed() {
    kill::everywhere(2, |accesses| {
        on_stage(1, 0, |stage| {
            stage.fill([1, 2]);
            let (dead, rx) = (stage.receiver(End::Multi, id(0)), stage.receiver(End::Multi, id(1)));
            let victim = spawn(move || {
                kill::after(accesses, || received(dead.try_pop()));
            });
            let living = spawn(move || received(rx.try_pop()));
            victim.join().unwrap();
            let ring = stage.ring();
            let (_, claim) = ring.reap_and_take(id(0), id(2)).expect("sound");
            let mut got: Vec<_> = taken(claim).into_iter().collect();
            saw(if got.is_empty() {
                "nothing taken over"
            } else {
                "taken over"
            });
            got.extend(living.join().unwrap());
            got.extend(take_orphans(&ring, 2));
            got.extend(stage.drain());
            got.sort_unstable();
            assert!(got == [1, 2] || got == [1] || got == [2], "{got:?}");
            as_good_as_new(stage);
        });
    });
}

/// The next single sender goes on where the dead one stopped; no slot is left behind.
pub(super) fn a_single_sender_may_be_killed_anywhere() {
    kill::everywhere(2, |accesses| {
        on_stage(1, 0, |stage| {
            let (dead, rx) = (stage.sender(End::Single, id(0)), stage.receiver(End::Single, id(1)));
            let victim = spawn(move || {
                kill::after(accesses, || {
                    assert!(sent(dead.try_push(&message(1))));
                    sent(dead.try_push_many(&[message(2), message(3)]));
                });
            });
            let receiver = spawn(move || {
                let got: Vec<_> = (0..2).filter_map(|_| received(rx.try_pop())).collect();
                (got, rx)
            });
            victim.join().unwrap();
            let next = stage.sender(End::Single, id(0));
            let fourth = sent(next.try_push(&message(4)));
            let (mut got, rx) = receiver.join().unwrap();
            got.extend(std::iter::from_fn(|| received(rx.try_pop())));
            if fourth {
                assert_eq!(got.pop(), Some(4), "the successor's message");
            }
            saw(["none of three", "one of three", "two of three", "three of three"][got.len()]);
            assert_eq!(got, (1..=got.len() as u32).collect::<Vec<_>>(), "a prefix");
            for n in 0..4 {
                assert!(sent(next.try_push(&message(n))));
                assert_eq!(received(rx.try_pop()), Some(n));
            }
        });
    });
}

/// The next single receiver goes on where the dead one stopped.
pub(super) fn a_single_receiver_may_be_killed_anywhere() {
    kill::everywhere(2, |accesses| {
        on_stage(1, 0, |stage| {
            stage.fill([1, 2]);
            let (dead, tx) = (stage.receiver(End::Single, id(0)), stage.sender(End::Single, id(1)));
            let victim = spawn(move || {
                // What its caller got before it died.
                let mut returned = 0;
                kill::after(accesses, || {
                    for n in 1..=2 {
                        assert_eq!(received(dead.try_pop()), Some(n));
                        returned = n;
                    }
                });
                returned
            });
            let sender = spawn(move || {
                let third = sent(tx.try_push(&message(3)));
                (third, tx)
            });
            let returned = victim.join().unwrap();
            let next = stage.receiver(End::Single, id(0));
            let mut got: Vec<_> = received(next.try_pop()).into_iter().collect();
            let (third, tx) = sender.join().unwrap();
            got.extend(std::iter::from_fn(|| received(next.try_pop())));
            let last = if third { 3 } else { 2 };
            // One message dies with its receiver if it was killed between freeing the slot and returning.
            let lost = last - returned - got.len() as u32;
            saw(if lost == 0 { "nothing lost" } else { "one lost" });
            assert!(lost <= 1, "from where the dead one stopped");
            let rest = (returned + lost + 1..=last).collect::<Vec<_>>();
            assert_eq!(got, rest, "from where the dead one stopped");
            for n in 0..4 {
                assert!(sent(tx.try_push(&message(n))));
                assert_eq!(received(next.try_pop()), Some(n));
            }
        });
    });
}

/// A reaper may be killed like anybody else; the next one starts over.
pub(super) fn a_reaper_may_be_killed_anywhere() {
    for claimed in 0..14 {
        kill::everywhere(2, move |accesses| {
            on_stage(1, 0, |stage| {
                stage.fill([1, 2]);
                let ring = stage.ring();
                let dead = stage.receiver(End::Multi, id(0));
                let returned = kill::first(claimed, || {
                    let mut buffer = [[0; 2]; 2];
                    dead.try_pop_many(&mut buffer).is_ok()
                });
                let freed = |stage: &Stage| (0..2).filter(|i| stage.slot(*i) == (1, Phase::Free)).count() as u32;
                saw(if returned.is_some() { "not killed" } else { "killed" });
                let before = freed(stage);
                let reaper = spawn(move || {
                    let ring = stage.ring();
                    let got = kill::after(accesses, || {
                        let (_, claim) = ring.reap_and_take(id(0), id(1)).expect("sound");
                        taken(claim)
                    });
                    saw(if got.is_none() { "reaper killed" } else { "reaped" });
                    got.flatten()
                });
                let tx = stage.sender(End::Multi, id(3));
                let third = sent(tx.try_push(&message(3)));
                let mut got: Vec<_> = reaper.join().unwrap().into_iter().collect();
                for dead in [0, 1] {
                    let (_, claim) = ring.reap_and_take(id(dead), id(2)).expect("sound");
                    got.extend(taken(claim));
                }
                got.extend(take_orphans(&ring, 2));
                got.extend(stage.drain());
                got.sort_unstable();
                let last = if third { 3 } else { 2 };
                // The reaper, too, may have freed a slot and not returned.
                let lost = last - got.len() as u32;
                assert!(lost == before || lost == before + 1, "{lost} lost of {before} freed");
                assert!(got.is_sorted_by(|a, b| a < b), "none twice");
                as_good_as_new(stage);
            });
        });
    }
}

/// A newcomer that gets a dead one's id sweeps it first: nothing of the dead one's passes for its own.
pub(super) fn a_reused_id_is_swept_first() {
    kill::everywhere(2, |accesses| {
        on_stage(1, 0, |stage| {
            stage.fill([1]);
            let dead = stage.receiver(End::Multi, id(0));
            let returned = kill::after(accesses, || received(dead.try_pop()));
            let freed = stage.slot(0) == (1, Phase::Free);
            saw(if freed { "freed" } else { "not freed" });
            assert!(returned.is_none() || freed);
            // The owner byte of id 0, which the kernel has freed.
            let byte = std::sync::Arc::new(AtomicBool::new(false));
            let take = |byte: &AtomicBool| {
                byte.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
            };
            let newcomers = byte.clone();
            let newcomer = spawn(move || {
                let mine = take(&newcomers);
                let me = if mine { id(0) } else { id(1) };
                if Rule::Sweep.kept() {
                    // By the role that the dead one has left in the record, not the newcomer's own.
                    stage.ring().reap(me, Role::Receiver).expect("sound");
                }
                assert!(sent(stage.sender(End::Multi, me).try_push(&message(2))));
                mine
            });
            let ring = stage.ring();
            let mut got = Vec::new();
            let mut reap = || {
                let mine = take(&byte);
                if mine || !Rule::OwnerByte.kept() {
                    let (_, claim) = ring.reap_and_take(id(0), id(2)).expect("sound");
                    got.extend(taken(claim));
                }
                if mine {
                    byte.store(false, Ordering::Release);
                }
                got.extend(take_orphans(&ring, 2));
                mine
            };
            reap();
            let reused = newcomer.join().unwrap();
            saw(if reused { "reused" } else { "another id" });
            // The newcomer lives on and keeps its byte.
            assert!(reused != reap());
            got.extend(stage.drain());
            got.sort_unstable();
            assert_eq!(got, if freed { vec![2] } else { vec![1, 2] });
        });
    });
}

/// Gaps in a row, and walks from old hints over them: behind a gap nothing is skipped.
pub(super) fn nothing_is_skipped_behind_a_gap() {
    // A message between two gaps of one slot: from the old hint that slot is two laps ahead.
    for receivers in [End::Single, End::Multi] {
        explore(2, move || {
            on_stage(1, 0, |stage| {
                let (rx, tx) = (stage.receiver(receivers, id(4)), stage.sender(End::Multi, id(2)));
                let gap = |n| {
                    let dead = stage.sender(End::Multi, id(n));
                    assert!(kill::first(6, || sent(dead.try_push(&message(1)))).is_none());
                    assert_eq!(stage.ring().reap(id(n), Role::Sender).expect("sound").gaps, 1);
                };
                gap(0);
                stage.fill([11]);
                gap(1);
                let sender = spawn(move || sent(tx.try_push(&message(12))));
                assert_eq!(received(rx.try_pop()), Some(11));
                let second = sender.join().unwrap();
                assert_eq!(received(rx.try_pop()), second.then_some(12));
            });
        });
    }
    // Gaps wherever they come.
    for receivers in [End::Single, End::Multi] {
        kill::everywhere(2, move |accesses| {
            on_stage(1, 0, |stage| {
                // Position 0 and 1: killed senders; both gaps.
                let rx = stage.receiver(receivers, id(4));
                let late = stage.receiver(receivers, id(5));
                for n in 0..2 {
                    let dead = stage.sender(End::Multi, id(n));
                    kill::after(accesses, || sent(dead.try_push(&message(1))));
                }
                let tx = stage.sender(End::Multi, id(2));
                let sender = spawn(move || {
                    (11..=13)
                        .filter(|n| sent(tx.try_push(&message(*n))))
                        .collect::<Vec<_>>()
                });
                let mut gaps = 0;
                for n in 0..2 {
                    gaps += stage.ring().reap(id(n), Role::Sender).expect("sound").gaps;
                }
                let mut got: Vec<_> = received(rx.try_pop()).into_iter().collect();
                let all = sender.join().unwrap();
                if receivers == End::Multi {
                    got.extend(received(late.try_pop()));
                }
                got.extend(std::iter::from_fn(|| received(rx.try_pop())));
                got.retain(|n| *n > 10);
                assert_eq!(got, all);
                saw(["no gap", "one gap", "two gaps"][gaps as usize]);
            });
        });
    }
}
