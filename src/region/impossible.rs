//! Which words are impossible, and what does a ring answer that comes by one?
//!
//! Plain tests of `layout`'s words, of `ring` on memory of its own, as in [`wrap`](super::wrap), and of who tries a word that
//! others write over.

use crate::layout::{Claimants, Kind, Owner, Phase, Role, State};
use crate::ring::Refused;
use crate::ring::receiver::{MultiReceiver, SingleReceiver};
use crate::ring::sender::{MultiSender, SendEnd, SingleSender};
use crate::sync::{AtomicU64, Relaxed};
use crate::tries;

use super::wound::{TryPop, Wound};

#[test]
fn a_word_that_nobody_stores_is_no_state() {
    let says = |bits: u64| State::from_bits(bits).decode(48, Claimants::of(Kind::Mpmc, 100));
    for phase in 4..8 {
        assert_eq!(says(phase), None, "phase {phase}");
    }
    let word = |owner: u64, phase: u64| owner << 3 | phase;
    for owner in [1, 3, 99, 8191] {
        assert_eq!(says(word(owner, 0)), None, "FREE with owner {owner}");
        assert_eq!(says(word(owner, 2)), None, "FULL with owner {owner}");
    }
    for owner in [0, 1, 2, 100, 101, 8190] {
        assert_eq!(says(word(owner, 1)), None, "WRITING by {owner}");
        assert_eq!(says(word(owner, 3)), None, "READING by {owner}");
    }
    assert_eq!(
        says(word(8191, 1)),
        None,
        "an orphan is a message, and never half a one"
    );
    assert_eq!(says(word(99, 1)), Some((0, Phase::Writing(Owner::new(99).unwrap()))));
    for id in [0, 8191, u16::MAX] {
        assert_eq!(Owner::new(id), None);
    }
}

#[test]
fn nobody_claims_a_slot_at_a_single_end() {
    let owner = Owner::new(3).unwrap();
    for (kind, sends, receives) in [
        (Kind::Spsc, false, false),
        (Kind::Mpsc, true, false),
        (Kind::Spmc, false, true),
        (Kind::Mpmc, true, true),
    ] {
        for (word, possible) in [
            (State::writing(0, owner), sends),
            (State::reading(0, owner), receives),
            (State::reading(0, Owner::ORPHAN), receives),
        ] {
            let w = Wound::of(kind, 2, 0);
            w.slot(0).state.store(word.bits(), Relaxed);
            let ring = &w.ring;
            for (what, answer) in [
                ("find_tail", ring.find_tail().map(drop)),
                ("find_head", ring.find_head().map(drop)),
                ("levels", ring.levels().map(drop)),
                ("drained", ring.drained().map(drop)),
                ("oldest_held", ring.oldest_held().map(drop)),
                ("has_messages", ring.has_messages().map(drop)),
                ("reap", ring.reap(Owner::new(4).unwrap(), Role::Sender).map(drop)),
            ] {
                let expected = if possible { Ok(()) } else { Err(Refused::Corrupt) };
                assert_eq!(answer, expected, "{kind:?}, {word:?}: {what}");
            }
            assert_eq!(w.slot(0).state.load(Relaxed), word.bits());
        }
    }
    let at_head = |kind, word: State| {
        let w = Wound::of(kind, 2, 0);
        let rx = SingleReceiver::new(w.ring).unwrap();
        w.slot(0).state.store(word.bits(), Relaxed);
        rx.try_pop().unwrap_err()
    };
    let writing = State::writing(0, owner);
    assert_eq!(at_head(Kind::Mpsc, writing), Refused::Blocked, "its sender is at it");
    assert_eq!(at_head(Kind::Spsc, writing), Refused::Corrupt);
}

#[test]
fn an_impossible_word_is_found_and_nothing_hangs() {
    let (a, b) = (Owner::new(3).unwrap(), Owner::new(4).unwrap());
    for shift in [0, 3] {
        for word in [
            7,
            4,
            State::free(0).bits() | 5 << 3,
            State::full(1 << 47).bits(),
            State::free(1000).bits(),
        ] {
            let w = Wound::new(shift, 0);
            let (tx, rx) = (MultiSender::new(w.ring, a), MultiReceiver::new(w.ring, b));
            let (single_tx, single_rx) = (SingleSender::new(w.ring).unwrap(), SingleReceiver::new(w.ring).unwrap());
            for i in 0..w.ring.laps().capacity() {
                w.slot(i).state.store(word, Relaxed);
            }
            // Corrupt, full or empty: whatever it is, it is an answer.
            for refused in [
                tx.try_push(&1).err(),
                single_tx.try_push(&1).err(),
                rx.try_pop().err(),
                single_rx.try_pop().err(),
            ] {
                let claimants = Claimants::of(Kind::Mpmc, 100);
                if State::from_bits(word)
                    .decode(w.ring.laps().lap_bits(), claimants)
                    .is_none()
                {
                    assert_eq!(refused, Some(Refused::Corrupt), "{:?}", State::from_bits(word));
                }
            }
            let _ = (w.ring.len(), w.ring.is_full(), w.ring.drained(), w.ring.has_messages());
        }
    }
}

/// A ring of four slots whose first two positions have been sent by 3 and not received, and the word put at the second.
fn with_second(word: State) -> Wound {
    let w = Wound::new(2, 4);
    let tx = MultiSender::new(w.ring, Owner::new(3).unwrap());
    tx.try_push(&1).unwrap();
    tx.try_push(&2).unwrap();
    w.slot(1).state.store(word.bits(), Relaxed);
    w
}

#[test]
fn a_dead_ones_claim_of_another_lap_is_not_repaired() {
    let (dead, me) = (Owner::new(7).unwrap(), Owner::new(3).unwrap());
    let laps = with_second(State::free(0)).ring.laps();
    let last = laps.lap_before(0);
    // The slot before was sent in the last lap: that of the claim, or the one after, when others have overtaken it.
    let possible = [last, laps.lap_before(last)];
    let impossible = [last - 2, 0, 1, 1 << 20, 1 << 46, 1 << 47];
    let possible = possible.map(|lap| (lap, true));
    for (lap, possible) in possible.into_iter().chain(impossible.map(|lap| (lap, false))) {
        let answers = |word: State, answer: &dyn Fn(&Wound) -> Option<Refused>| {
            let w = with_second(word);
            let expected = (!possible).then_some(Refused::Corrupt);
            assert_eq!(answer(&w), expected, "{word:?}");
            assert_eq!(w.slot(1).state.load(Relaxed) == word.bits(), !possible, "{word:?}");
        };
        let (writing, reading) = (State::writing(lap, dead), State::reading(lap, dead));
        answers(writing, &|w| w.ring.reap(dead, Role::Sender).err());
        answers(reading, &|w| w.ring.reap(dead, Role::Receiver).err());
        answers(reading, &|w| w.ring.reap_and_take(dead, me).err());
        answers(State::reading(lap, Owner::ORPHAN), &|w| w.ring.take_orphan(me).err());
    }
}

#[test]
fn a_word_that_is_written_over_for_ever_is_given_up() {
    let word = AtomicU64::new(0);
    let closed = |seen| {
        word.store(seen + 2, Relaxed);
        1
    };
    let updated = word.fetch_update(Relaxed, Relaxed, tries::at_most(closed));
    assert!(updated.is_err());
    assert_eq!(word.load(Relaxed) % 2, 0, "and is not ours");
}

#[test]
fn a_word_that_others_change_is_changed() {
    let word = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let many =
                || (0..10_000).for_each(|_| _ = word.fetch_update(Relaxed, Relaxed, tries::at_most(|seen| seen + 1)));
            scope.spawn(many);
        }
    });
    assert_eq!(word.load(Relaxed), 40_001);
}
