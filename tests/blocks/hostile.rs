//! What can a peer that scribbles over the words do to the others?
//!
//! Make them answer `Corrupt`, or hand them wrong values; never a panic, a hang, or a look outside of the memory.

use std::time::Duration;

use annulus::blocks::{LoanError, LoanTimeoutError, TryLoanError};
use annulus::{AttachError, FenceMode, RecvError, RecvTimeoutError, SendError, TryRecvError};
use nix::unistd::getpid;

use crate::support::guard::guarded;
use crate::support::{LONG, Peer, until};
use crate::words::{BlockWords, ORPHAN, Phase, State};
use crate::world::{Numbers, ROOM, Rx, Tx, channel, fill, loan, number, send};

/// Words that no block has, where `ids` are the numbers of endpoints that there can be.
fn impossible(table_length: u16) -> Vec<u64> {
    let word = |position: u64, owner: u16, phase: u64| position << 16 | u64::from(owner) << 3 | phase;
    let mut words = vec![
        u64::MAX,
        word(0, 0, 4),
        word(0, 3, 5),
        word(9, 3, 6),
        word(0, 3, 7),
        // Free, with an owner or a position.
        word(0, 3, 0),
        word(1, 0, 0),
        // Lent at a position; staged by a receiver's orphan; and of nobody, in every phase.
        word(1, 3, 1),
        word(1, ORPHAN, 2),
        word(0, ORPHAN, 1),
    ];
    for phase in 1..4 {
        for owner in [0, 1, 2, table_length, 8190] {
            words.push(word(0, owner, phase));
        }
    }
    words
}

fn corrupt_receiver(rx: &Rx, case: &str) {
    for _ in 0..2 {
        assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Corrupt), "{case}");
        assert_eq!(rx.recv().map(|_| ()), Err(RecvError::Corrupt), "{case}");
        assert_eq!(
            rx.recv_timeout(LONG).map(|_| ()),
            Err(RecvTimeoutError::Corrupt),
            "{case}"
        );
    }
}

fn corrupt_sender(tx: &Tx, case: &str) {
    for _ in 0..2 {
        assert!(matches!(tx.try_loan(1), Err(TryLoanError::Corrupt)), "{case}");
        assert!(matches!(tx.loan(1), Err(LoanError::Corrupt)), "{case}");
        assert!(
            matches!(tx.loan_timeout(1, LONG), Err(LoanTimeoutError::Corrupt)),
            "{case}"
        );
        assert!(matches!(tx.send_slice(&[1]), Err(LoanError::Corrupt)), "{case}");
    }
}

pub(crate) fn a_word_of_no_phase_is_corrupt() {
    let (probe, probe_words) = channel(1);
    let all = impossible(probe_words.table_length);
    drop(probe);
    for bits in all {
        let case = format!("{bits:#x}");
        let (channel, words) = channel(1);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        words.set_bits(0, bits);
        corrupt_sender(&tx, &case);
        assert!(!words.all_free(), "{case}: nobody repairs it");
        drop(tx);
        assert_eq!(rx.len(), 0, "{case}");
        assert!(channel.holders().endpoints.is_empty(), "{case}");

        // And in the block of a message that is there.
        words.set_bits(0, 0);
        let tx = channel.sender().unwrap();
        send(&tx, 0);
        words.set_bits(0, bits);
        corrupt_receiver(&rx, &case);
        // A newcomer is refused, or answers the same.
        match channel.receiver() {
            Ok(rx) => corrupt_receiver(&rx, &case),
            Err(error) => assert!(matches!(error, AttachError::Corrupt), "{case}: {error}"),
        }
    }
}

/// A block that there is not; a position that was left out.
pub(crate) fn an_entry_that_cannot_be_is_corrupt() {
    for blocks in [1, 3, 4] {
        let (probe, words) = channel(blocks);
        drop(probe);
        // The first position is in lap 1.
        let first = words.entries;
        let mut entries: Vec<u64> = [words.count, words.count + 1, 65_535]
            .map(|index| 1 << 16 | index)
            .to_vec();
        // A lap before the last one, and the one that is farthest.
        entries.extend([u64::MAX, 0xffff_ffff_fffe << 16, ((1 << 47) + 1) << 16]);
        for entry in entries {
            let case = format!("{entry:#x} in {blocks} blocks");
            let (channel, words) = channel(blocks);
            let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
            words.set_entry(first, entry);
            corrupt_receiver(&rx, &case);
            let made = loan(&tx, 5);
            let Err(SendError::Corrupt(mut made)) = made.send() else {
                panic!("{case}: it was sent");
            };
            // It is still ours to write to, and to give back.
            assert_eq!(*made.header(), 5);
            fill(&mut made, 5);
            drop(made);
            assert!(words.all_free(), "{case}");
            corrupt_sender(&tx, &case);
        }
    }
}

/// A lap beyond, where nobody can be yet: who goes on from there does not come back, and finds no message that is none.
pub(crate) fn an_entry_of_a_later_lap_is_passed() {
    for ahead in [2, 3, 1000, 1 << 40, (1 << 47) - 1] {
        let (channel, words) = channel(4);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        words.set_entry(words.entries, ahead << 16);
        let outcome = rx.try_recv().map(|block| block.len());
        assert!(
            matches!(outcome, Err(TryRecvError::Empty | TryRecvError::Corrupt)),
            "lap {ahead}: {outcome:?}"
        );
        let made = loan(&tx, 5);
        match made.send() {
            Ok(()) | Err(SendError::Corrupt(_)) => {}
            Err(error) => panic!("lap {ahead}: {error}"),
        }
        let _ = rx.recv_timeout(Duration::from_millis(1));
        let _ = (channel.stats(), channel.holders(), channel.recover());
    }
}

pub(crate) fn a_length_beyond_the_block_is_corrupt() {
    for length in [ROOM as u64 + 1, 1 << 32, 1 << 63, u64::MAX] {
        let (channel, words) = channel(2);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        send(&tx, 1);
        let index = (0..2).find(|&index| words.bits(index) != 0).unwrap();
        words.set_length(index, length);
        corrupt_receiver(&rx, &format!("{length} items"));
        // What says so stays where it is until its receiver has gone, and is then the next one's to refuse.
        let id = words.receiver_of(getpid());
        assert_eq!(words.state(index).owner, id);
        let other = channel.receiver().unwrap();
        drop(rx);
        corrupt_receiver(&other, &format!("{length} items again"));
        drop(other);
        words.set_length(index, 0);
        let last = channel.receiver().unwrap();
        let block = last.recv().unwrap();
        assert_eq!((*block.header(), block.len(), block.redelivered()), (1, 0, true));
    }
    // One that fits is believed: wrong values, at most.
    let (channel, words) = channel(1);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_slice(&[7]).unwrap();
    words.set_length(0, ROOM as u64);
    let block = rx.recv().unwrap();
    assert_eq!((block.len(), block[0]), (ROOM, 7));
}

/// They are where walks begin, and no more.
pub(crate) fn hints_anywhere_lead_to_values_or_to_corrupt() {
    let hints = [
        0,
        1,
        3,
        4,
        5,
        100,
        1 << 16,
        1 << 32,
        1 << 47,
        1 << 48,
        1 << 49,
        1 << 63,
        u64::MAX - 4,
        u64::MAX,
    ];
    for tail in hints {
        for head in hints {
            let (channel, words) = channel(4);
            let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
            for expected in 0..6 {
                send(&tx, expected);
                assert_eq!(number(&rx.recv().unwrap()), expected);
            }
            words.set_hints(tail, head);
            for n in 6..20 {
                let mut made = match tx.try_loan(crate::world::len_of(n)) {
                    Ok(made) => made,
                    Err(TryLoanError::Corrupt | TryLoanError::Exhausted(_)) => break,
                    Err(error) => panic!("tail {tail:#x}, head {head:#x}: {error}"),
                };
                fill(&mut made, n);
                if let Err(error) = made.send() {
                    assert!(matches!(error, SendError::Corrupt(_)), "{error}");
                }
                match rx.try_recv() {
                    Ok(block) => assert!(number(&block) <= n),
                    Err(TryRecvError::Empty | TryRecvError::Corrupt) => {}
                    Err(error) => panic!("tail {tail:#x}, head {head:#x}: {error}"),
                }
            }
            let _ = (channel.stats(), channel.holders(), channel.recover(), rx.len());
        }
    }
}

/// Hints that lag, by any number of laps, are what the protocol itself leaves behind.
pub(crate) fn hints_that_lag_cost_nothing_but_a_walk() {
    for blocks in [1, 2, 3, 5, 8] {
        for sent in [0, 1, 7, 8, 9, 1000] {
            for unread in 0..=blocks as u64 {
                let (channel, words) = channel(blocks);
                let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
                for expected in 0..sent {
                    send(&tx, expected);
                    assert_eq!(number(&rx.recv().unwrap()), expected);
                }
                for number in 0..unread {
                    words.set_hints(0, 0);
                    send(&tx, number);
                }
                words.set_hints(0, 0);
                assert_eq!(channel.stats().unwrap().len, unread);
                for expected in 0..unread {
                    assert_eq!(
                        number(&rx.try_recv().unwrap()),
                        expected,
                        "{sent} sent, {unread} unread"
                    );
                    words.set_hints(0, 0);
                }
                assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Empty));
                assert!(words.all_free());
            }
        }
    }
}

/// What belongs to the other role under a dead one's number is not repaired but told.
pub(crate) fn a_dead_senders_message_in_hand_is_corrupt() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut dead = crate::support::traffic::idle("sender", || channel.sender().unwrap());
    let owner = words.sender_of(dead.pid());
    dead.kill();
    let reading = State {
        position: 9,
        owner,
        phase: Phase::Reading,
    };
    words.set_bits(0, reading.bits());
    assert!(matches!(channel.recover(), Err(AttachError::Corrupt)));
    until("it is found", || matches!(rx.try_recv(), Err(TryRecvError::Corrupt)));
    drop(tx.try_loan(1));
}

/// One process stores words of all kinds in all places while others send and receive, with pages around the mapping that
/// nobody may touch. Whoever gets `Corrupt` attaches anew, and the scribbler mends everything from time to time.
pub(crate) fn others_withstand_a_scribbler() {
    const ROUNDS: u64 = 60;
    for blocks in [1, 3, 8] {
        let make = || {
            Numbers::builder(blocks, ROOM)
                .table_length(16)
                .tick(Duration::from_millis(1))
                .fence_mode(FenceMode::Fenced)
                .anonymous()
        };
        let (channel, _guards) = guarded(make).unwrap();
        let words = BlockWords::of(&channel);
        let mut victims: Vec<Peer> = (0..4)
            .map(|i| {
                Peer::fork("victim", |link| {
                    link.say("here");
                    while let Some(line) = link.hear() {
                        if line != "go on" {
                            break;
                        }
                        if i % 2 == 0 {
                            send_some(&channel)
                        } else {
                            receive_some(&channel)
                        }
                        link.say("alive");
                    }
                })
            })
            .collect();
        for victim in &mut victims {
            victim.expect("here");
        }
        let offsets = words.offsets();
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64 ^ blocks as u64;
        let mut roll = |n: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % n
        };
        for _ in 0..ROUNDS {
            for victim in &mut victims {
                victim.tell("go on");
            }
            for _ in 0..200 {
                let offset = offsets[roll(offsets.len() as u64) as usize];
                let word = match roll(6) {
                    0 => 0,
                    1 => roll(u64::MAX),
                    2 => roll(4) << 16 | roll(2 * blocks as u64),
                    3 => roll(40) << 16 | (3 + roll(4)) << 3 | roll(4),
                    4 => roll(64),
                    _ => roll(1 << 48) << 16 | roll(blocks as u64),
                };
                words.scribble(offset, word);
            }
            for victim in &mut victims {
                victim.expect("alive");
            }
            // As it was at first, so that there is something to spoil again.
            for &offset in &offsets {
                words.scribble(offset, 0);
            }
        }
        for mut victim in victims {
            victim.tell("leave");
            victim.join();
        }
    }
}

fn send_some(channel: &Numbers) {
    for _ in 0..20 {
        let Ok(tx) = channel.sender() else { continue };
        for number in 0..50 {
            match tx.loan_timeout(number % (ROOM + 1), Duration::from_micros(50)) {
                Ok(mut loan) => {
                    loan.fill(number as u64);
                    if let Err(SendError::Corrupt(_)) = loan.send() {
                        break;
                    }
                }
                Err(LoanTimeoutError::Corrupt) => break,
                Err(_) => {}
            }
        }
        let _ = (tx.len(), tx.holders(), channel.stats());
    }
}

fn receive_some(channel: &Numbers) {
    for _ in 0..20 {
        let Ok(rx) = channel.receiver() else { continue };
        let mut held = Vec::new();
        for i in 0..50 {
            match rx.recv_timeout(Duration::from_micros(50)) {
                Ok(block) => {
                    // Inside the block, whatever it says.
                    assert!(block.iter().fold(0, |sum: u64, item| sum.wrapping_add(*item)) < u64::MAX);
                    if i % 3 == 0 {
                        held.push(block);
                    }
                }
                Err(RecvTimeoutError::Corrupt) => break,
                Err(_) => {}
            }
        }
        let _ = (rx.len(), channel.holders(), channel.recover());
    }
}
