//! Threads that stop for good with a block, and those who repair after them.
//!
//! The dead one's owner byte is its thread, as in [`death`](super::death): who joins it may reap.

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::spawn;

use crate::kill;
use crate::layout::Role;
use crate::layout::block::BlockPhase;
use crate::stage::blocks::{among_blocks, finish, publish, read};
use crate::stage::{explore, id, saw};
use crate::weaken::Rule;

/// `ORPHAN`: who takes an orphan, and lets its block be written again, does so after what the dead receiver read.
pub(super) fn an_orphaned_block_is_freed_after_the_dead_receivers_reads() {
    kill::everywhere(2, |accesses| {
        among_blocks(1, 0, |blocks| {
            blocks.fill([1]);
            let victim = spawn(move || {
                kill::after(accesses, || blocks.recv(id(0)));
            });
            let taker = spawn(move || {
                let got = finish(blocks.take_orphan(id(1))?);
                assert!(blocks.send(id(2), 2));
                Some(got)
            });
            victim.join().unwrap();
            let orphan = blocks.reap(id(0), Role::Receiver) == 1;
            let got = taker.join().unwrap();
            assert!(got.is_none() || orphan && got == Some(1));
            match (orphan, got) {
                (true, Some(_)) => saw("taken"),
                (true, None) => {
                    saw("left");
                    assert_eq!(blocks.take_orphans(id(1)), [1]);
                }
                (false, _) => saw("no orphan"),
            }
            blocks.drain();
            blocks.as_good_as_new();
        });
    });
}

/// `CLAIMED`: who takes a dead one's message sees all that its sender wrote, though the two never met: the reaper by the
/// dead one's byte, others by the orphan.
pub(super) fn a_block_taken_over_is_whole() {
    for reaper_takes in [false, true] {
        kill::everywhere(2, move |accesses| {
            among_blocks(1, 0, |blocks| {
                let sender = spawn(move || assert!(blocks.send(id(2), 1)));
                let victim = spawn(move || {
                    kill::after(accesses, || blocks.receive(id(0)));
                });
                let taker = spawn(move || blocks.take_orphan(id(1)).map(finish));
                victim.join().unwrap();
                let mut got = None;
                let repaired = if reaper_takes {
                    let (count, block) = blocks.reap_and_take(id(0), id(3));
                    got = block.map(finish);
                    if got.is_some() {
                        saw("by the reaper");
                    }
                    count
                } else {
                    blocks.reap(id(0), Role::Receiver)
                };
                got = got.or(taker.join().unwrap());
                saw(if got.is_some() { "taken" } else { "not taken" });
                assert!(got.is_none() || repaired == 1 && got == Some(1));
                sender.join().unwrap();
                let mut all = blocks.take_orphans(id(3));
                all.extend(got);
                all.extend(blocks.drain());
                // A victim that has not been killed keeps its block.
                assert!(all == [1] || blocks.free() == 0 && all.is_empty());
            });
        });
    }
}

/// A dead sender's message is sent or its block is free, and nobody else's are touched.
pub(super) fn a_blocks_sender_may_be_killed_anywhere() {
    for (lap, preemptions) in [(0, 2), (-2, 1)] {
        kill::everywhere(preemptions, move |accesses| {
            among_blocks(2, lap, |blocks| {
                let victim = spawn(move || kill::after(accesses, || assert!(blocks.send(id(0), 1))).is_some());
                let sender = spawn(move || assert!(blocks.send(id(1), 11), "a block is left"));
                let mut got: Vec<_> = blocks.recv(id(2)).into_iter().collect();
                let foreseen = blocks.foresee(id(0));
                let returned = victim.join().unwrap();
                blocks.free_foreseen(foreseen);
                let freed = blocks.reap(id(0), Role::Sender);
                got.extend(blocks.recv(id(2)));
                sender.join().unwrap();
                got.extend(blocks.drain());
                let (low, high): (Vec<u32>, Vec<u32>) = got.into_iter().partition(|n| *n < 10);
                assert_eq!(high, [11], "the living one's message");
                assert!(low == [1] || low.is_empty() && !returned, "its message was sent");
                assert!(freed == 0 || freed == 1 && low.is_empty(), "freed, though it was sent");
                saw(match (freed, low.len()) {
                    (0, 0) => "nothing to repair",
                    (0, _) => "received",
                    _ => "freed",
                });
                blocks.as_good_as_new();
            });
        });
    }
    // Its reaper finds the message, or what is left of it, while others go round the ring.
    kill::everywhere(2, move |accesses| {
        among_blocks(2, 0, |blocks| {
            let victim = spawn(move || kill::after(accesses, || assert!(blocks.send(id(0), 1))).is_some());
            let returned = victim.join().unwrap();
            let others = spawn(move || {
                let mut got = Vec::new();
                for n in 11..=13 {
                    assert!(blocks.send(id(1), n), "a block is left");
                    got.extend(blocks.recv(id(2)));
                }
                got
            });
            blocks.reap(id(0), Role::Sender);
            let mut got = others.join().unwrap();
            got.extend(blocks.drain());
            let (low, high): (Vec<u32>, Vec<u32>) = got.into_iter().partition(|n| *n < 10);
            assert_eq!(high, [11, 12, 13], "the living one's messages");
            assert!(low == [1] || low.is_empty() && !returned, "its message was sent");
            blocks.as_good_as_new();
        });
    });
}

/// A dead receiver's messages are delivered once more, oldest first, by whoever reaps, unless it had given them back.
pub(super) fn a_blocks_receiver_may_be_killed_anywhere() {
    // Across the wrap as well: "oldest" is told by what of a position is in a word.
    for (lap, both, preemptions) in [(0, false, 2), (0, true, 2), (-2, true, 1), ((1 << 47) - 2, true, 1)] {
        kill::everywhere(preemptions, move |accesses| {
            among_blocks(2, lap, |blocks| {
                // Positions 1 and 2 of two laps of two, so that the older one is in the later block.
                blocks.fill([0]);
                let odd = blocks.loan(id(6)).unwrap();
                assert_eq!(blocks.drain(), [0]);
                publish(odd, 1);
                blocks.fill([2]);
                let victim = spawn(move || {
                    kill::after(accesses, || {
                        let first = blocks.receive(id(0)).expect("there are two");
                        let second = both.then(|| blocks.receive(id(0)).expect("there are two"));
                        assert_eq!(finish(first), 1);
                        second.map(finish)
                    });
                });
                victim.join().unwrap();
                let freed = blocks.free() as u32;
                // One receiver reaps, another takes what it finds, a sender goes on.
                let other = spawn(move || {
                    let orphan = blocks.take_orphan(id(1)).map(finish);
                    (orphan, blocks.recv(id(1)))
                });
                let sender = spawn(move || blocks.send(id(2), 3));
                let (repaired, taken) = blocks.reap_and_take(id(0), id(3));
                let taken = taken.map(finish);
                assert!(taken.is_none_or(|n| n == freed + 1), "the oldest first");
                saw(match (taken, repaired) {
                    (None, 0) => "nothing to repair",
                    (Some(_), 1) => "one taken over",
                    (Some(_), 2) => "and one orphan",
                    _ => panic!("more than there were"),
                });
                let (orphan, received) = other.join().unwrap();
                if orphan.is_some() {
                    saw("orphan taken by another");
                }
                let mut got: Vec<_> = [taken, orphan, received].into_iter().flatten().collect();
                let third = sender.join().unwrap();
                got.extend(blocks.take_orphans(id(3)));
                got.extend(blocks.drain());
                got.sort_unstable();
                let all = freed + 1..=if third { 3 } else { 2 };
                assert_eq!(got, all.collect::<Vec<_>>(), "each once, {freed} freed");
                blocks.as_good_as_new();
            });
        });
    }
}

/// While a receiver dies, another receives: nothing twice, and nothing lost but what had been given back.
pub(super) fn the_living_keep_their_blocks() {
    kill::everywhere(2, |accesses| {
        among_blocks(2, 0, |blocks| {
            blocks.fill([1, 2]);
            let victim = spawn(move || {
                kill::after(accesses, || blocks.receive(id(0)).map(|block| read(&block)));
            });
            let living = spawn(move || {
                let block = blocks.receive(id(1)).expect("there are two");
                let n = read(&block);
                (block, n)
            });
            victim.join().unwrap();
            let (_, taken) = blocks.reap_and_take(id(0), id(2));
            let mut got: Vec<_> = taken.map(finish).into_iter().collect();
            saw(if got.is_empty() {
                "nothing taken over"
            } else {
                "taken over"
            });
            let (block, n) = living.join().unwrap();
            assert_eq!(finish(block), n, "its block was changed");
            got.push(n);
            got.extend(blocks.take_orphans(id(2)));
            got.extend(blocks.drain());
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
            blocks.as_good_as_new();
        });
    });
}

/// A reaper may be killed like anybody else; the next one starts over.
pub(super) fn a_blocks_reaper_may_be_killed_anywhere() {
    // Of a receiver with up to two messages.
    for with in 0..14 {
        kill::everywhere(2, move |accesses| {
            among_blocks(3, 0, |blocks| {
                blocks.fill([1, 2]);
                let returned = kill::first(with, || {
                    let first = blocks.receive(id(0)).expect("there are two");
                    let second = blocks.receive(id(0)).expect("there are two");
                    (read(&first), read(&second))
                });
                saw(if returned.is_some() { "not killed" } else { "killed" });
                let reaper = spawn(move || {
                    let got = kill::after(accesses, || {
                        let (_, taken) = blocks.reap_and_take(id(0), id(1));
                        taken.map(|block| read(&block))
                    });
                    saw(if got.is_none() { "reaper killed" } else { "reaped" });
                });
                // There is a third block, whatever the others are about.
                assert!(blocks.send(id(3), 3));
                reaper.join().unwrap();
                let mut got = Vec::new();
                // The reaper does not give back what it has taken over, and is as good as dead.
                for dead in [0, 1] {
                    let (_, taken) = blocks.reap_and_take(id(dead), id(2));
                    got.extend(taken.map(finish));
                }
                got.extend(blocks.take_orphans(id(2)));
                got.extend(blocks.drain());
                got.sort_unstable();
                assert_eq!(got, [1, 2, 3], "each once");
                blocks.as_good_as_new();
            });
        });
    }
    // Of a sender with a loan, and one staged and published, or not.
    for with in [4, 12, 13, 20] {
        kill::everywhere(2, move |accesses| {
            among_blocks(3, 0, |blocks| {
                let returned = kill::first(with, || {
                    let kept = blocks.loan(id(0)).unwrap();
                    assert!(blocks.send(id(0), 1));
                    kept.index()
                });
                saw(if returned.is_some() { "not killed" } else { "killed" });
                let reaper = spawn(move || {
                    let freed = kill::after(accesses, || blocks.reap(id(0), Role::Sender));
                    saw(if freed.is_none() { "reaper killed" } else { "reaped" });
                });
                assert!(blocks.send(id(3), 3));
                reaper.join().unwrap();
                blocks.reap(id(0), Role::Sender);
                let got = blocks.drain();
                assert!(got == [1, 3] || got == [3] && returned.is_none(), "{got:?}");
                blocks.as_good_as_new();
            });
        });
    }
}

/// A newcomer that gets a dead one's id sweeps it first: nothing of the dead one's passes for its own, and nothing of its own
/// for the dead one's.
pub(super) fn a_reused_id_of_blocks_is_swept_first() {
    for was in [Role::Sender, Role::Receiver] {
        kill::everywhere(2, move |accesses| {
            among_blocks(3, 0, |blocks| {
                if was == Role::Receiver {
                    blocks.fill([1]);
                }
                let returned = kill::after(accesses, || match was {
                    Role::Sender => blocks.send(id(0), 1),
                    Role::Receiver => blocks.recv(id(0)).is_some(),
                })
                .is_some();
                let free = blocks.free();
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
                        blocks.reap(me, was);
                    }
                    // With a block in hand for as long as the reaper looks.
                    let kept = blocks.loan(me).expect("a block is left");
                    assert!(blocks.send(me, 2), "a block is left");
                    (mine, kept)
                });
                let mut got = Vec::new();
                let mut reap = || {
                    let mine = take(&byte);
                    if mine || !Rule::OwnerByte.kept() {
                        saw(match blocks.reap(id(0), was) {
                            0 => "nothing to repair",
                            _ => "repaired",
                        });
                    }
                    if mine {
                        byte.store(false, Ordering::Release);
                    }
                    got.extend(blocks.take_orphans(id(2)));
                    mine
                };
                reap();
                let (reused, kept) = newcomer.join().unwrap();
                saw(if reused { "reused" } else { "another id" });
                // The newcomer lives on and keeps its byte.
                assert!(reused != reap());
                let held = (0..3).filter(|index| matches!(blocks.block(*index), BlockPhase::Loaned(_)));
                assert_eq!(
                    held.collect::<Vec<_>>(),
                    [kept.index() as usize],
                    "the newcomer's loan, and no other"
                );
                publish(kept, 3);
                got.extend(blocks.drain());
                let dealt_with = was == Role::Receiver && returned;
                saw(match (was, got.contains(&1)) {
                    (Role::Sender, true) => "sent",
                    (Role::Sender, false) => "not sent",
                    (Role::Receiver, true) => "received",
                    (Role::Receiver, false) => "read to the end",
                });
                assert!(
                    got.contains(&1) || dealt_with || was == Role::Sender && !returned,
                    "{free} free"
                );
                got.retain(|n| *n != 1);
                assert_eq!(got, [2, 3]);
                blocks.as_good_as_new();
            });
        });
    }
}
