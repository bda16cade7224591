//! Which single words are found out?
//!
//! A word that the protocol cannot have stored makes whoever comes by it answer `Corrupt`, and stays as it is: what cannot
//! be there cannot be repaired.

use annulus::{AttachError, Channel, End, Kind, Multi, RecvError, SendError, Single, TryRecvError, TrySendError};
use nix::unistd::getpid;

use crate::support::Words;
use crate::support::words::ORPHAN;
use crate::{Message, channel};

const MESSAGE: Message = [7; 3];

fn state(lap: u64, owner: u16, phase: u64) -> u64 {
    lap << 16 | u64::from(owner) << 3 | phase
}

pub fn an_impossible_slot_is_corrupt_and_stays_as_it_is<S: End, R: End>() {
    let mut impossible = vec![
        state(0, 0, 4),
        state(0, 0, 7),
        // Nobody's claims, the single ends', and those of ids past the table's end.
        state(0, 0, 1),
        state(0, 0, 3),
        state(0, 1, 1),
        state(0, 2, 3),
        state(0, 24, 1),
        state(0, ORPHAN, 1),
        // Claimed by somebody, and nobody's.
        state(0, 3, 0),
        state(0, 3, 2),
        // Laps long gone.
        state((1 << 48) - 3, 0, 0),
        state((1 << 48) - 2, 0, 2),
        u64::MAX,
    ];
    let kind = Channel::<Message, S, R>::kind();
    // At a single end nobody makes claims.
    if matches!(kind, Kind::Spsc | Kind::Spmc) {
        impossible.extend([state(0, 3, 1), state(0, 23, 1)]);
    }
    if matches!(kind, Kind::Spsc | Kind::Mpsc) {
        impossible.extend([state(0, 3, 3), state(0, 23, 3), state(0, ORPHAN, 3)]);
    }
    for bits in impossible {
        let (channel, _guards) = channel::<S, R>();
        let words = Words::of(&channel);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        words.set_bits(0, bits);
        assert_eq!(tx.try_send(MESSAGE), Err(TrySendError::Corrupt(MESSAGE)), "{bits:#x}");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Corrupt), "{bits:#x}");
        assert!(tx.len() <= tx.capacity() && rx.len() <= rx.capacity());
        drop((tx, rx));
        assert_eq!(words.bits(0), bits);
    }
}

/// It would wait for the sender to publish, and there is none that could.
pub fn a_claim_beside_the_only_sender_keeps_nobody_waiting() {
    claim_beside_the_only_sender::<Single>();
    claim_beside_the_only_sender::<Multi>();
}

fn claim_beside_the_only_sender<R: End>() {
    let (channel, _guards) = channel::<Single, R>();
    let words = Words::of(&channel);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    words.set_bits(0, state(0, 3, 1));
    assert_eq!(rx.recv(), Err(RecvError::Corrupt));
    assert_eq!(tx.send(MESSAGE), Err(SendError::Corrupt(MESSAGE)));
    assert!(channel.stats().is_err(), "whoever only looks on says so, too");
    assert_eq!(words.bits(0), state(0, 3, 1));
}

pub fn an_impossible_life_word_is_corrupt_and_stays_as_it_is<S: End, R: End>() {
    let flags = 0b110;
    // The bit that is never set; neither of us has been seen.
    for change in [1 << 31, flags] {
        let (channel, _guards) = channel::<S, R>();
        let words = Words::of(&channel);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let life = words.life() ^ change;
        words.set_life(life);
        assert_eq!(tx.try_send(MESSAGE), Err(TrySendError::Corrupt(MESSAGE)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Corrupt));
        assert_eq!(words.life(), life);
    }
    let (channel, _guards) = channel::<S, R>();
    let words = Words::of(&channel);
    words.set_life(1 << 31);
    assert!(matches!(channel.sender(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.receiver(), Err(AttachError::Corrupt)));
    assert_eq!(words.life(), 1 << 31);
}

pub fn an_impossible_role_is_corrupt_and_stays_as_it_is<S: End, R: End>() {
    let (channel, _guards) = channel::<S, R>();
    let words = Words::of(&channel);
    // Ids that the ends would take, and one further on.
    for id in [1, 2, 3, 8] {
        words.set_role(id, 3);
    }
    assert!(matches!(channel.recover(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.sender(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.receiver(), Err(AttachError::Corrupt)));
    for id in [1, 2, 3, 8] {
        assert_eq!(words.record(id).role, 3, "{id}");
    }
}

pub fn an_impossible_seat_is_corrupt_and_stays_as_it_is<S: End, R: End>() {
    for impossible in [3, 1 << 31, u32::MAX] {
        let (channel, _guards) = channel::<S, R>();
        let words = Words::of(&channel);
        let (to, from) = (channel.reserve_sender().unwrap(), channel.reserve_receiver().unwrap());
        let ids = [words.sender_of(getpid()), words.receiver_of(getpid())];
        for id in ids {
            words.set_seat(id, impossible);
        }
        assert!(matches!(to.attach(), Err(AttachError::Corrupt)));
        assert!(matches!(from.attach(), Err(AttachError::Corrupt)));
        assert_eq!(ids.map(|id| words.record(id).seat), [impossible; 2]);
    }
}

pub fn a_message_that_is_overwritten_on_lease_is_corrupt<S: End, R: End>() {
    let (channel, _guards) = channel::<S, R>();
    let words = Words::of(&channel);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(MESSAGE).unwrap();
    drop(rx.recv_lease().unwrap());
    words.spoil(0);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Corrupt));
    assert_eq!(words.bits(0), u64::MAX);
}

/// The claim of a dead endpoint, but one that the other end makes.
pub fn a_dead_ones_claim_of_the_other_end_is_corrupt_and_stays_as_it_is() {
    for (role, phase) in [(1, 3), (2, 1)] {
        let (channel, _guards) = channel::<Multi, Multi>();
        let words = Words::of(&channel);
        words.set_role(3, role);
        words.set_bits(0, state(0, 3, phase));
        assert!(matches!(channel.recover(), Err(AttachError::Corrupt)));
        assert!(matches!(channel.sender(), Err(AttachError::Corrupt)));
        assert_eq!((words.bits(0), words.record(3).role), (state(0, 3, phase), role));
    }
}

/// The claim of a dead endpoint, but in a lap that the slot before it cannot be so far from.
pub fn a_dead_ones_claim_of_another_lap_is_corrupt_and_stays_as_it_is() {
    for (role, phase) in [(1, 1), (2, 3)] {
        for lap in [1, 5, 1 << 30, (1 << 48) - 3] {
            let (channel, _guards) = channel::<Multi, Multi>();
            let words = Words::of(&channel);
            words.set_role(3, role);
            words.set_bits(2, state(lap, 3, phase));
            assert!(matches!(channel.recover(), Err(AttachError::Corrupt)), "{lap}");
            assert!(matches!(channel.receiver(), Err(AttachError::Corrupt)), "{lap}");
            assert_eq!((words.bits(2), words.record(3).role), (state(lap, 3, phase), role));
        }
    }
}

/// An id that no endpoint has had.
const NOBODY: u16 = 9;

/// Claims under it, where receivers find the ring empty and where senders find it full.
pub fn a_claim_of_nobodys_is_corrupt_to_whom_it_holds_up<S: End, R: End>() {
    let kind = Channel::<Message, S, R>::kind();
    if matches!(kind, Kind::Mpsc | Kind::Mpmc) {
        let claim = state(0, NOBODY, 1);
        let held_up = |found: &dyn Fn(&Channel<Message, S, R>) -> bool| {
            let (channel, _guards) = channel::<S, R>();
            let words = Words::of(&channel);
            let tx = channel.sender().unwrap();
            words.set_bits(0, claim);
            assert!(found(&channel));
            drop(tx);
            assert_eq!((words.bits(0), words.record(NOBODY).role), (claim, 0));
        };
        held_up(&|channel| matches!(channel.recover(), Err(AttachError::Corrupt)));
        held_up(&|channel| matches!(channel.receiver(), Err(AttachError::Corrupt)));
        held_up(&|channel| matches!(channel.sender(), Err(AttachError::Corrupt)));
        let (channel, _guards) = channel::<S, R>();
        let words = Words::of(&channel);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        words.set_bits(0, claim);
        tx.send(MESSAGE).unwrap();
        assert_eq!(rx.recv(), Err(RecvError::Corrupt));
        assert_eq!(words.bits(0), claim);
    }
    if matches!(kind, Kind::Spmc | Kind::Mpmc) {
        let claim = state(0, NOBODY, 3);
        let (channel, _guards) = channel::<S, R>();
        let words = Words::of(&channel);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        tx.send_many(&[MESSAGE; 8]).unwrap();
        words.set_bits(0, claim);
        assert!((0..7).all(|_| rx.recv() == Ok(MESSAGE)), "it holds up no receiver");
        assert_eq!(tx.send(MESSAGE), Err(SendError::Corrupt(MESSAGE)));
        assert!(matches!(channel.recover(), Err(AttachError::Corrupt)));
        assert_eq!(words.bits(0), claim);
    }
}

/// Who receives on lease waits for what others hold, though the stream has ended.
pub fn a_message_that_nobody_holds_is_not_waited_for<S: End>() {
    let (channel, _guards) = channel::<S, Multi>();
    let words = Words::of(&channel);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(MESSAGE).unwrap();
    words.set_bits(0, state(0, NOBODY, 3));
    drop(tx);
    assert!(matches!(rx.recv_lease(), Err(RecvError::Corrupt)));
    assert_eq!(words.bits(0), state(0, NOBODY, 3));
}

/// It would pass for its own.
pub fn a_newcomer_does_not_take_an_id_that_nobody_claims_under() {
    let (channel, _guards) = channel::<Multi, Multi>();
    let words = Words::of(&channel);
    words.set_bits(0, state(0, 3, 1));
    assert!(matches!(channel.sender(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.receiver(), Err(AttachError::Corrupt)));
    assert_eq!((words.bits(0), words.record(3).generation), (state(0, 3, 1), 0));
}
