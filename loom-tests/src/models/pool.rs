//! Loans, entries and blocks while everybody lives.

use loom::thread::spawn;

use crate::kill;
use crate::stage::blocks::{among_blocks, finish, publish, read};
use crate::stage::{explore, id, message, saw};
use crate::wait::Watch;

/// `ENTRY`: who receives a message receives all of it.
pub(super) fn a_published_block_is_whole() {
    explore(None, || {
        among_blocks(1, 0, |blocks| {
            let sender = spawn(move || assert!(blocks.send(id(0), 1)));
            match blocks.recv(id(1)) {
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

/// `ENTRY`: two entries for one place: one wins, and the other goes on. And who goes on finds each entry as new as the one
/// before it.
pub(super) fn two_senders_never_fill_one_entry() {
    explore(3, || {
        among_blocks(2, 0, |blocks| {
            let (a, b) = (blocks.loan(id(0)).unwrap(), blocks.loan(id(1)).unwrap());
            let first = spawn(move || publish(a, 1));
            publish(b, 2);
            first.join().unwrap();
            let got = blocks.drain();
            saw(if got == [1, 2] { "in order" } else { "overtaken" });
            assert!(got == [1, 2] || got == [2, 1], "both, once: {got:?}");
            blocks.as_good_as_new();
        });
    });
    // The others are two laps further when it gets to the second entry.
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            let mine = blocks.loan(id(0)).unwrap();
            let others = spawn(move || {
                let mut got = Vec::new();
                for n in 1..=3 {
                    assert!(blocks.send(id(1), n));
                    got.extend(blocks.recv(id(2)));
                }
                got
            });
            publish(mine, 9);
            let mut got = others.join().unwrap();
            saw(if got.contains(&9) { "overtaken" } else { "in order" });
            got.extend(blocks.drain());
            let mut low = got.clone();
            low.retain(|n| *n < 9);
            assert_eq!((low, got.len()), (vec![1, 2, 3], 4));
            blocks.as_good_as_new();
        });
    });
}

/// `FREED`: who takes a block again writes after its last reader, or after who gave it back unsent.
pub(super) fn a_block_is_not_reused_early() {
    explore(None, || {
        among_blocks(1, 0, |blocks| {
            blocks.fill([1]);
            let receiver = spawn(move || assert_eq!(blocks.recv(id(0)), Some(1)));
            let again = blocks.send(id(1), 2);
            saw(if again { "sent" } else { "full" });
            receiver.join().unwrap();
            assert_eq!(blocks.drain(), if again { vec![2] } else { vec![] });
        });
    });
    explore(None, || {
        among_blocks(1, 0, |blocks| {
            let mut mine = blocks.loan(id(0)).unwrap();
            let other = spawn(move || blocks.send(id(1), 2));
            mine.fill(1, &message(1));
            mine.abort();
            let sent = other.join().unwrap();
            saw(if sent { "sent behind" } else { "full" });
            assert_eq!(blocks.drain(), if sent { vec![2] } else { vec![] });
            blocks.as_good_as_new();
        });
    });
}

/// Two loans of one block: one wins, and the other goes on.
pub(super) fn two_senders_never_take_one_block() {
    // One for each.
    explore(3, || {
        among_blocks(2, 0, |blocks| {
            let first = spawn(move || assert!(blocks.send(id(0), 1), "there are two blocks"));
            assert!(blocks.send(id(1), 2), "there are two blocks");
            first.join().unwrap();
            let got = blocks.drain();
            saw(if got == [1, 2] { "in order" } else { "overtaken" });
            assert!(got == [1, 2] || got == [2, 1], "both, once: {got:?}");
            blocks.as_good_as_new();
        });
    });
    // One block, and a receiver that frees it.
    explore(2, || {
        among_blocks(1, 0, |blocks| {
            blocks.fill([9]);
            let receiver = spawn(move || blocks.recv(id(2)));
            let first = spawn(move || blocks.loan(id(0)));
            let second = blocks.loan(id(1));
            assert_eq!(receiver.join().unwrap(), Some(9));
            let first = first.join().unwrap();
            assert!(first.is_none() || second.is_none(), "one block for two");
            saw(match first.or(second) {
                Some(loan) => {
                    loan.abort();
                    "one has it"
                }
                None => "none has it",
            });
            blocks.as_good_as_new();
        });
    });
}

/// Two receive one message: one wins, and the other goes on.
pub(super) fn two_receivers_never_take_one_block() {
    explore(3, || {
        among_blocks(2, 0, |blocks| {
            blocks.fill([1, 2]);
            let first = spawn(move || blocks.recv(id(0)).expect("one for each"));
            let second = blocks.recv(id(1)).expect("one for each");
            let first = first.join().unwrap();
            assert_eq!(first + second, 3);
            saw(if first < second { "in order" } else { "overtaken" });
            blocks.as_good_as_new();
        });
    });
    // One message, while it is sent.
    explore(2, || {
        among_blocks(1, 0, |blocks| {
            let sender = spawn(move || assert!(blocks.send(id(2), 1)));
            let first = spawn(move || blocks.recv(id(0)));
            let second = blocks.recv(id(1));
            sender.join().unwrap();
            let mut got = blocks.drain();
            saw(if got.is_empty() { "taken" } else { "left" });
            got.extend(first.join().unwrap());
            got.extend(second);
            assert_eq!(got, [1]);
            blocks.as_good_as_new();
        });
    });
}

/// `TAIL`: a walk that starts at a hint finds every entry before it filled: none looks a lap too old, to the sender that
/// starts there or to who receives after it.
pub(super) fn a_sender_starts_behind_filled_entries() {
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            let mine = blocks.loan(id(0)).unwrap();
            let others = spawn(move || {
                for n in 1..=2 {
                    assert!(blocks.send(id(1), n));
                    if n == 1 {
                        assert!(blocks.recv(id(2)).is_some(), "a message was sent");
                    }
                }
            });
            publish(mine, 9);
            others.join().unwrap();
            let got = blocks.drain();
            saw(match got[..] {
                [2, 9] => "behind",
                [9, 2] => "between",
                [1, 2] => "before",
                _ => panic!("{got:?}"),
            });
            blocks.as_good_as_new();
        });
    });
}

/// `HEAD`: a walk that starts at a hint finds every entry before it filled, so none looks a lap too old.
pub(super) fn a_receiver_starts_behind_received_entries() {
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            let others = spawn(move || {
                let mut got = Vec::new();
                for n in 1..=2 {
                    assert!(blocks.send(id(1), n));
                    got.extend(blocks.recv(id(2)));
                }
                got
            });
            let mine = blocks.recv(id(0));
            saw(if mine.is_some() { "received" } else { "empty" });
            let mut got = others.join().unwrap();
            got.extend(mine);
            got.extend(blocks.drain());
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
            blocks.as_good_as_new();
        });
    });
    // Who starts behind another's finds the next message.
    explore(3, || {
        among_blocks(2, 0, |blocks| {
            blocks.fill([1, 2]);
            let first = spawn(move || blocks.recv(id(0)).expect("there are two"));
            let second = blocks.recv(id(1)).expect("there are two");
            if second == 2 {
                saw("behind");
            }
            assert_eq!(first.join().unwrap() + second, 3);
        });
    });
}

/// FIFO, a sender, in the order of its publishing.
pub(super) fn each_senders_blocks_stay_in_order() {
    // Two senders, one receiver.
    explore(2, || {
        among_blocks(3, 0, |blocks| {
            let (late, early) = (blocks.loan(id(0)).unwrap(), blocks.loan(id(0)).unwrap());
            let first = spawn(move || {
                publish(early, 1);
                publish(late, 2);
            });
            let second = spawn(move || assert!(blocks.send(id(1), 11)));
            let mut got: Vec<_> = (0..2).filter_map(|_| blocks.recv(id(2))).collect();
            first.join().unwrap();
            second.join().unwrap();
            saw(["none early", "one early", "two early"][got.len()]);
            got.extend(blocks.drain());
            saw(if got[0] == 11 { "the other first" } else { "in turn" });
            assert_eq!(got.iter().filter(|n| **n < 10).collect::<Vec<_>>(), [&1, &2]);
            assert_eq!(got.len(), 3);
            blocks.as_good_as_new();
        });
    });
    // One sender, two receivers: each sees a rising sequence.
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            blocks.fill([1]);
            let sender = spawn(move || (2..=3).filter(|n| blocks.send(id(0), *n)).collect::<Vec<_>>());
            let first = spawn(move || (0..2).filter_map(|_| blocks.recv(id(1))).collect::<Vec<_>>());
            let second = blocks.recv(id(2));
            let first = first.join().unwrap();
            assert!(first.is_sorted());
            let mut all = vec![1];
            all.extend(sender.join().unwrap());
            let rest = blocks.drain();
            assert!(rest.is_sorted());
            let mut got = [first, second.into_iter().collect(), rest].concat();
            got.sort_unstable();
            assert_eq!(got, all);
            blocks.as_good_as_new();
        });
    });
}

/// Empty is exact, and so is a want of blocks.
pub(super) fn empty_is_exact_for_blocks() {
    // A sender receives right behind its own publish, whatever another is about.
    explore(3, || {
        among_blocks(2, 0, |blocks| {
            let first = spawn(move || assert!(blocks.send(id(0), 1)));
            assert!(blocks.send(id(1), 2));
            let n = blocks.recv(id(2)).expect("a message was sent");
            saw(if n == 1 { "the other's" } else { "its own" });
            first.join().unwrap();
            assert_eq!(blocks.drain(), [3 - n]);
            blocks.as_good_as_new();
        });
    });
    // A receiver sends right behind its own release.
    explore(3, || {
        among_blocks(2, 0, |blocks| {
            blocks.fill([1, 2]);
            let first = spawn(move || assert!(blocks.recv(id(0)).is_some()));
            assert!(blocks.recv(id(1)).is_some());
            assert!(blocks.send(id(2), 3), "a block was free");
            first.join().unwrap();
            assert_eq!(blocks.drain(), [3]);
            blocks.as_good_as_new();
        });
    });
}

/// `ENTRY`: what is received, and followed by another message in its place, in mid-look is not taken for a claim of nobody's.
pub(super) fn a_message_is_nobodys_claim() {
    explore(None, || {
        among_blocks(1, 0, |blocks| {
            assert!(blocks.send(id(0), 1));
            let others = spawn(move || {
                assert_eq!(blocks.recv(id(1)), Some(1));
                assert!(blocks.send(id(2), 2));
            });
            let claim = blocks.pool().claim_at(0).expect("sound");
            saw(if claim.is_some() { "another's" } else { "nobody's" });
            assert!(
                claim.is_none_or(|(owner, _)| owner != id(0)),
                "its message was published"
            );
            others.join().unwrap();
        });
    });
}

/// Who was refused watches a word that changes with what it waits for.
pub(super) fn who_was_refused_watches_the_right_word() {
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            let pool = blocks.pool();
            let sender = spawn(move || blocks.fill([1]));
            if let Some(n) = blocks.recv(id(0)) {
                saw("received");
                assert_eq!(n, 1);
                sender.join().unwrap();
            } else {
                let watch = pool.watch_for_a_message();
                sender.join().unwrap();
                assert!(watch.changed(), "a message was sent");
                saw("changed");
            }
        });
    });
    explore(2, || {
        among_blocks(1, 0, |blocks| {
            blocks.fill([1]);
            let pool = blocks.pool();
            let receiver = spawn(move || assert!(blocks.recv(id(0)).is_some()));
            let watch = pool.watch_for_a_block(0);
            if blocks.send(id(1), 2) {
                saw("sent");
                receiver.join().unwrap();
            } else {
                receiver.join().unwrap();
                assert!(watch.changed(), "a block was freed");
                saw("freed");
            }
        });
    });
}

/// Hints that are stored late move back by laps; walks from them skip and repeat nothing.
pub(super) fn a_late_hint_of_blocks_loses_nothing() {
    // A sender is stopped anywhere for some laps, and goes on while others start where it has left the hint.
    for (count, rounds) in [(1, 3), (2, 5), (3, 9)] {
        kill::everywhere(2, move |accesses| {
            among_blocks(count + 1, 0, |blocks| {
                let mine = blocks.loan(id(0)).unwrap();
                let others = move || {
                    for n in 1..=rounds {
                        assert!(blocks.send(id(1), n), "a block is free");
                        if let Some(got) = blocks.recv(id(2)) {
                            assert!(got == n || got == 99 || got == n - 1, "in order");
                        }
                    }
                };
                let (_, stopped) = kill::if_stopped(accesses, others, || publish(mine, 99));
                let tx = spawn(move || blocks.send(id(3), 100));
                let mut got = Vec::new();
                got.extend(blocks.recv(id(4)));
                assert!(tx.join().unwrap());
                got.extend(blocks.drain());
                assert_eq!(got.last(), Some(&100));
                if stopped {
                    saw(if got.contains(&99) { "late" } else { "in time" });
                }
                blocks.as_good_as_new();
            });
        });
    }
    // A receiver, likewise.
    for (count, rounds) in [(1, 3), (2, 5), (3, 9)] {
        kill::everywhere(2, move |accesses| {
            among_blocks(count + 1, 0, |blocks| {
                blocks.fill([99]);
                let others = move || {
                    for n in 1..=rounds {
                        assert!(blocks.send(id(1), n), "a block is free");
                        if let Some(got) = blocks.recv(id(2)) {
                            assert!(got == n || got == 99 || got == n - 1, "in order");
                        }
                    }
                };
                let (first, stopped) = kill::if_stopped(accesses, others, || blocks.receive(id(0)));
                let first = finish(first.expect("there is one more"));
                assert!(first == 99 || stopped && first == rounds, "{first} is neither");
                if stopped {
                    saw(if first == 99 { "its own" } else { "a later one" });
                }
                let tx = spawn(move || blocks.send(id(3), 100));
                let mut got = Vec::new();
                got.extend(blocks.recv(id(4)));
                assert!(tx.join().unwrap());
                got.extend(blocks.drain());
                assert_eq!(got, [100]);
                blocks.as_good_as_new();
            });
        });
    }
}

/// Two laps below the wrap of positions, or of the part of them that is in a block's word, and on.
pub(super) fn laps_of_blocks_wrap() {
    for (count, lap) in [(1, -3), (2, -3), (2, (1 << 47) - 3), (3, (1 << 46) - 3)] {
        explore(3, move || {
            among_blocks(count, lap, |blocks| {
                // Up to the wrap alone, then across it together.
                let capacity = count.next_power_of_two();
                for n in 0..2 * capacity - 1 {
                    assert!(blocks.send(id(0), n));
                    assert_eq!(blocks.recv(id(1)), Some(n));
                }
                let sender = spawn(move || (0..2).filter(|n| blocks.send(id(0), 20 + n)).count());
                let mut got: Vec<_> = (0..2).filter_map(|_| blocks.recv(id(1))).collect();
                let crossed = sender.join().unwrap();
                saw(["none", "one across", "two across"][crossed]);
                got.extend(blocks.drain());
                assert!(got.is_sorted());
                assert_eq!(got.len(), crossed);
                blocks.as_good_as_new();
            });
        });
    }
}

/// One is stopped for good anywhere, with a block or without, and nobody repairs after it: the others pass messages, for laps.
pub(super) fn nothing_holds_up_the_others() {
    for operation in ["send", "abort", "receive", "hold"] {
        kill::everywhere(1, move |accesses| {
            among_blocks(3, -1, |blocks| {
                blocks.fill([1]);
                let stopped = spawn(move || {
                    kill::after(accesses, || match operation {
                        "send" => assert!(blocks.send(id(0), 2)),
                        "abort" => blocks.loan(id(0)).expect("there are three").abort(),
                        "receive" => drop(blocks.recv(id(0))),
                        _ => drop(blocks.receive(id(0)).map(|block| read(&block))),
                    })
                });
                // A block for each message, and the one that is with the stopped one. They start while it still goes.
                let mut got: Vec<_> = (10..12)
                    .filter_map(|n| {
                        assert!(blocks.send(id(1), n), "a block is left");
                        blocks.recv(id(2))
                    })
                    .collect();
                stopped.join().unwrap();
                got.extend(blocks.drain());
                for n in 12..20 {
                    assert!(blocks.send(id(1), n), "a block is left");
                    got.extend(blocks.recv(id(2)));
                }
                let sender = spawn(move || assert!(blocks.send(id(1), 20) && blocks.send(id(1), 21)));
                got.extend(blocks.recv(id(2)));
                sender.join().unwrap();
                got.extend(blocks.drain());
                let own = got.iter().filter(|n| **n == 2).count();
                assert!(own <= 1, "the stopped one's, twice");
                got.retain(|n| *n != 2);
                // In the order of their sending, and none is missing but what the stopped one has taken.
                let mut all: Vec<u32> = [1].into_iter().chain(10..22).collect();
                if got.len() < all.len() {
                    assert!(matches!(operation, "receive" | "hold"), "{got:?}");
                    let taken = *all.iter().find(|n| !got.contains(n)).expect("fewer");
                    assert!(taken < 12, "{got:?}");
                    all.retain(|n| *n != taken);
                }
                assert_eq!(got, all, "each once, in order");
                saw(match blocks.free() {
                    3 => "without a block",
                    2 => "with a block",
                    _ => panic!("more than one block"),
                });
            });
        });
    }
}
