//! Is a ring's arithmetic right everywhere, and where its numbers wrap?
//!
//! Plain tests of `layout`'s words and positions, and of `ring` on memory of its own that begins two laps before the last
//! position there is. (Here and not there, since checkers compile those rooms again.)

use crate::layout::state::LAP_BITS;
use crate::layout::{Claimants, Kind, Laps, Owner, Phase, Role, State};
use crate::ring::Refused;
use crate::ring::receiver::{MultiReceiver, ReceiveEnd, SingleReceiver};
use crate::ring::sender::{MultiSender, SendEnd, SingleSender};
use crate::sync::Relaxed;

use super::wound::{TryPop, Wound};

/// Where the widths change: laps are 48 bits up to 16, positions 64 bits from 16 on.
const SHIFTS: [u32; 6] = [0, 15, 16, 17, 20, 32];

#[test]
fn laps_and_positions_have_the_bits_that_they_are_said_to_have() {
    for shift in SHIFTS {
        let laps = Laps::new(shift);
        assert_eq!(laps.capacity(), 1 << shift);
        assert_eq!(laps.lap_bits(), 48.min(64 - shift));
        let positions = 64.min(48 + shift);
        assert_eq!(laps.position(u64::MAX), u64::MAX >> (64 - positions));
        assert_eq!(laps.lap(laps.position(u64::MAX)), u64::MAX >> (64 - laps.lap_bits()));
        assert!(
            laps.lap(laps.position(u64::MAX)) >> LAP_BITS == 0,
            "a lap fits the state word"
        );
    }
}

#[test]
fn positions_wrap() {
    for shift in SHIFTS {
        let laps = Laps::new(shift);
        let last = laps.position(u64::MAX);
        let last_lap = laps.lap(last);
        assert_eq!(laps.next(last), 0);
        assert_eq!(laps.next_lap(last_lap), 0);
        assert_eq!(laps.index(last), laps.capacity() - 1);
        let half = 1 << (63 - last.leading_zeros());
        for p in [
            0,
            1,
            laps.capacity() - 1,
            laps.capacity(),
            half - 1,
            half,
            last - laps.capacity(),
            last,
        ] {
            let p = laps.position(p);
            assert_eq!(laps.at(laps.lap(p), laps.index(p)), p, "shift {shift}");
            assert_eq!(
                laps.add(p, last),
                laps.position(p.wrapping_sub(1)),
                "one back is all but one forward"
            );
            for n in [0, 1, 2, laps.capacity(), 3 * laps.capacity() + 1, half - 1] {
                let q = laps.add(p, n);
                assert_eq!(laps.distance(p, q), n as i64, "shift {shift}: {p} to {q}");
                assert_eq!(laps.distance(q, p), -(n as i64));
                let whole = laps.lap_distance(laps.lap(p), laps.lap(q));
                let carry = u64::from(laps.index(p) + n % laps.capacity() >= laps.capacity());
                if n < half - laps.capacity() {
                    assert_eq!(whole, (n / laps.capacity() + carry) as i64, "shift {shift}: {p} to {q}");
                }
            }
        }
        assert_eq!(laps.lap_distance(last_lap, 0), 1);
        assert_eq!(laps.lap_distance(0, last_lap), -1);
        assert_eq!(laps.lap_distance(last_lap, 1), 2);
        assert_eq!(laps.at(last_lap + 1, 0), 0, "any lap is reduced");
    }
}

#[test]
fn a_state_word_says_what_was_put_in() {
    let owners = [3, 4, 4095, 8190].map(|id| Owner::new(id).unwrap());
    for shift in SHIFTS {
        let bits = Laps::new(shift).lap_bits();
        let last = u64::MAX >> (64 - bits);
        for lap in [0, 1, last / 2, last - 1, last] {
            let says =
                |state: State, phase| assert_eq!(state.decode(bits, Claimants::ANY), Some((lap, phase)), "{state:?}");
            says(State::free(lap), Phase::Free);
            says(State::full(lap), Phase::Full);
            says(State::reading(lap, Owner::ORPHAN), Phase::Reading(Owner::ORPHAN));
            for owner in owners {
                says(State::writing(lap, owner), Phase::Writing(owner));
                says(State::reading(lap, owner), Phase::Reading(owner));
                assert_eq!(
                    State::from_bits(State::writing(lap, owner).bits()),
                    State::writing(lap, owner)
                );
            }
        }
        if bits < 48 {
            assert_eq!(
                State::free(last + 1).decode(bits, Claimants::ANY),
                None,
                "a lap that this ring does not reach"
            );
        }
    }
    assert_eq!(format!("{:?}", State::writing(7, owners[0])), "WRITING(7, 3)");
    assert_eq!(format!("{:?}", State::reading(7, Owner::ORPHAN)), "READING(7, ORPHAN)");
    assert_eq!(format!("{:?}", State::from_bits(7)), "IMPOSSIBLE(0x0000000000000007)");
}

/// Four laps: one at a time, by batches, and full to the brim.
fn four_laps(wound: &Wound, tx: &impl SendEnd<u64>, rx: &impl ReceiveEnd<u64>) {
    let ring = &wound.ring;
    let capacity = ring.laps().capacity();
    let mut number = 0..;
    let mut expected = 0..;
    // Lap 1, the last but one: one in, one out.
    for _ in 0..capacity {
        tx.try_push(&number.next().unwrap()).unwrap();
        assert_eq!((ring.len(), ring.is_full()), (1, capacity == 1));
        assert_eq!(rx.try_pop().unwrap().0, expected.next().unwrap());
    }
    // From the last lap into the first, and on: full, and empty again. Once one at a time, once in batches.
    for _ in 0..capacity {
        tx.try_push(&number.next().unwrap()).unwrap();
    }
    assert_eq!(tx.try_push(&99).unwrap_err(), Refused::Blocked);
    assert_eq!((ring.len(), ring.is_full()), (capacity, true));
    for _ in 0..capacity.div_ceil(2) {
        assert_eq!(rx.try_pop().unwrap().0, expected.next().unwrap());
    }
    let batch: Vec<u64> = number.by_ref().take(capacity.div_ceil(2) as usize).collect();
    let mut sent = 0;
    while sent < batch.len() {
        sent += tx.try_push_many(&batch[sent..]).unwrap().count;
    }
    assert_eq!(tx.try_push_many(&[99]).unwrap_err(), Refused::Blocked);
    let mut room = vec![0; capacity as usize];
    let mut left = capacity as usize;
    while left > 0 {
        let (count, _) = rx.try_pop_many(&mut room).unwrap();
        for value in &room[..count] {
            assert_eq!(*value, expected.next().unwrap());
        }
        left -= count;
    }
    assert_eq!(rx.try_pop().unwrap_err(), Refused::Blocked);
    assert_eq!((ring.len(), ring.is_full(), ring.drained()), (0, false, Ok(true)));
    // And once more round.
    for _ in 0..capacity + 1 {
        tx.try_push(&number.next().unwrap()).unwrap();
        assert_eq!(rx.try_pop().unwrap().0, expected.next().unwrap());
    }
}

#[test]
fn a_ring_goes_over_the_wrap() {
    for shift in [0, 1, 15, 16, 17, 20] {
        let wound = |kind| Wound::of(kind, shift, 2 << shift);
        let owner = |id| Owner::new(id).unwrap();
        {
            let w = wound(Kind::Spsc);
            let (tx, rx) = (SingleSender::new(w.ring).unwrap(), SingleReceiver::new(w.ring).unwrap());
            four_laps(&w, &tx, &rx);
        }
        {
            let w = wound(Kind::Mpsc);
            let (tx, rx) = (MultiSender::new(w.ring, owner(3)), SingleReceiver::new(w.ring).unwrap());
            four_laps(&w, &tx, &rx);
        }
        {
            let w = wound(Kind::Spmc);
            let (tx, rx) = (SingleSender::new(w.ring).unwrap(), MultiReceiver::new(w.ring, owner(3)));
            four_laps(&w, &tx, &rx);
        }
        let w = wound(Kind::Mpmc);
        let (tx, rx) = (MultiSender::new(w.ring, owner(3)), MultiReceiver::new(w.ring, owner(4)));
        four_laps(&w, &tx, &rx);
    }
}

#[test]
fn a_successor_goes_on_where_the_dead_one_stopped_however_far_the_hint_lags() {
    for shift in [0, 1, 2, 5, 6, 7, 8] {
        for done in 0..3 << shift {
            for backlog in [0, 1, (1 << shift) / 2, 1 << shift] {
                let w = Wound::of(Kind::Spsc, shift, 1 << shift);
                let (tx, rx) = (SingleSender::new(w.ring).unwrap(), SingleReceiver::new(w.ring).unwrap());
                for number in 0..done {
                    tx.try_push(&number).unwrap();
                    assert_eq!(rx.try_pop().unwrap().0, number);
                }
                for number in done..done + backlog {
                    tx.try_push(&number).unwrap();
                }
                // Neither says goodbye.
                let (tx, rx) = (SingleSender::new(w.ring).unwrap(), SingleReceiver::new(w.ring).unwrap());
                assert_eq!((w.ring.len(), w.ring.is_full()), (backlog, backlog == 1 << shift));
                assert_eq!(w.ring.drained(), Ok(backlog == 0));
                let mut room = vec![0; backlog as usize + 1];
                if backlog > 0 {
                    assert_eq!(rx.try_pop_many(&mut room).unwrap().0 as u64, backlog);
                }
                assert!(room[..backlog as usize].iter().copied().eq(done..done + backlog));
                tx.try_push(&(done + backlog)).unwrap();
                assert_eq!(rx.try_pop().unwrap().0, done + backlog);
            }
        }
    }
}

#[test]
fn a_batch_goes_over_gaps_chunks_and_the_end_of_the_ring() {
    let dead = Owner::new(7).unwrap();
    for shift in [3, 6, 8] {
        let capacity = 1 << shift;
        for start in [0, 1, capacity / 2, capacity - 1] {
            let w = Wound::of(Kind::Mpsc, shift, 1 << shift);
            let laps = w.ring.laps();
            let (tx, rx) = (
                MultiSender::new(w.ring, Owner::new(3).unwrap()),
                SingleReceiver::new(w.ring).unwrap(),
            );
            for number in 0..start {
                tx.try_push(&number).unwrap();
                assert_eq!(rx.try_pop().unwrap().0, number);
            }
            // Every third place is a dead sender's.
            let mut expected = Vec::new();
            for number in 0..capacity {
                let at = tx.try_push(&number).unwrap().last.unwrap();
                if number % 3 == 1 {
                    w.slot(at)
                        .state
                        .store(State::writing(laps.lap(at), dead).bits(), Relaxed);
                } else {
                    expected.push(number);
                }
            }
            assert_eq!(
                w.ring.reap(dead, Role::Sender).unwrap().gaps,
                capacity - expected.len() as u64
            );
            let mut room = vec![0; capacity as usize];
            let (count, _) = rx.try_pop_many(&mut room).unwrap();
            assert_eq!(room[..count], expected);
            assert_eq!(rx.try_pop_many(&mut room).unwrap_err(), Refused::Blocked);
            assert_eq!(w.ring.drained(), Ok(true));
        }
    }
}

#[test]
fn the_dead_are_reaped_over_the_wrap() {
    let (dead, me) = (Owner::new(7).unwrap(), Owner::new(3).unwrap());
    for shift in [0, 1, 15, 16, 17] {
        let w = Wound::new(shift, 1);
        let laps = w.ring.laps();
        let (tx, rx) = (MultiSender::new(w.ring, me), MultiReceiver::new(w.ring, me));
        // A dead sender holds the very last position: its gap is one of lap 0.
        let last = laps.position(u64::MAX);
        w.slot(last)
            .state
            .store(State::writing(laps.lap(last), dead).bits(), Relaxed);
        if shift > 0 {
            assert_eq!(tx.try_push(&1).unwrap().last, Some(0), "passed");
            assert_eq!(rx.try_pop().unwrap_err(), Refused::Blocked, "behind it");
        }
        assert_eq!(w.ring.reap(dead, Role::Sender).unwrap().gaps, 1);
        assert_eq!(w.slot(last).state.load(Relaxed), State::free(0).bits());
        if shift == 0 {
            assert_eq!(tx.try_push(&1).unwrap().last, Some(0), "now there is room");
        }
        assert_eq!(rx.try_pop().unwrap(), (1, Some(0)), "past the gap");

        // A dead receiver holds it: the message is delivered once, by whoever takes it over.
        for takes in [true, false] {
            let w = Wound::new(shift, 1);
            let (tx, rx) = (MultiSender::new(w.ring, me), MultiReceiver::new(w.ring, me));
            assert_eq!(tx.try_push(&5).unwrap().last, Some(last));
            w.slot(last)
                .state
                .store(State::reading(laps.lap(last), dead).bits(), Relaxed);
            assert_eq!(rx.try_pop().unwrap_err(), Refused::Blocked);
            let claim = if takes {
                w.ring.reap_and_take(dead, me).unwrap().1
            } else {
                assert_eq!(w.ring.reap(dead, Role::Receiver).unwrap().orphans, 1);
                assert!(w.ring.has_orphans().unwrap());
                w.ring.take_orphan(me).unwrap()
            };
            let claim = claim.expect("a message");
            assert_eq!((claim.position(), claim.read()), (last, 5));
            claim.free();
            assert_eq!(w.slot(last).state.load(Relaxed), State::free(0).bits());
            assert!(w.ring.take_orphan(me).unwrap().is_none());
            tx.try_push(&6).unwrap();
            assert_eq!(rx.try_pop().unwrap().0, 6);
        }
    }
}
