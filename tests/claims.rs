//! What becomes of a claim whose owner is killed, or stopped, before it has ended it?
//!
//! A process is killed between claim and publish in one of two ways.
//! - *Crafted.* A process that has died idle is made one that died right after its claim, by writing into the slot the
//!   word that the claim's compare-and-swap would have left there. The survivors cannot tell the two apart, since all
//!   that they ever see of the dead one is that word, its record and its locks.
//! - *Trapped* ([`support::trap`]). The process itself claims a batch, falls over a locked page in the middle of the copy
//!   and stops there; it is killed where it stands, or goes on.

mod support;

use std::time::Duration;

use annulus::{Channel, End, Multi, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use support::message::{Message, Page};
use support::traffic::{channel, drain, go_on, idle, receive};
use support::trap::Trap;
use support::words::{ORPHAN, Phase};
use support::{LONG, Peer, Words, until};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            all:
                a_sender_killed_in_mid_batch_has_sent_a_prefix
                a_receiver_killed_in_mid_batch_takes_only_what_it_had_released
                a_stopped_sender_is_not_robbed
                a_stopped_receiver_is_not_robbed;
            multi_senders:
                a_claim_of_a_killed_sender_becomes_a_gap
                a_ring_full_of_a_killed_senders_claims_has_room_again
                a_wait_behind_a_stopped_senders_claim_ends_in_time
                an_id_is_swept_before_it_is_used_again_by_a_sender;
            multi_receivers:
                a_message_claimed_by_a_killed_receiver_is_delivered_once
                a_ring_full_of_a_killed_receivers_claims_has_messages_again
                a_wait_behind_a_stopped_receivers_claim_ends_in_time
                an_id_is_swept_before_it_is_used_again_by_a_receiver;
        ),
    )
}

// Crafted.

/// Who repairs what a dead endpoint left.
#[derive(Clone, Copy, Debug)]
enum Repair {
    /// A receiver that waits for a message.
    Receiver,
    /// A newcomer, while it attaches.
    Newcomer,
    /// A supervisor.
    Recover,
}

const REPAIRS: [Repair; 3] = [Repair::Receiver, Repair::Newcomer, Repair::Recover];

fn a_claim_of_a_killed_sender_becomes_a_gap<R: End>() {
    for (by, hinted) in REPAIRS.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let (channel, words) = channel::<u64, Multi, R>(8);
        let mut dead = idle("sender", || channel.sender().unwrap());
        let id = words.sender_of(dead.pid());
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        tx.send_many(&[1, 2]).unwrap();
        dead.kill();
        // Killed in `send`, right after its claim, or after the hint.
        words.claim(2, Phase::Writing, id);
        if hinted {
            words.set_tail(3);
        }
        tx.send_many(&[3, 4]).unwrap(); // Others pass the claim, long before anybody has repaired anything.
        assert_eq!(words.claims(Phase::Writing, id), [2]);
        assert_eq!(receive(&rx), Ok(1));
        assert_eq!(receive(&rx), Ok(2));
        // Behind the claim later sends may be complete: that is the one inexact Empty.
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "by {by:?}");
        let newcomer = match by {
            Repair::Receiver => None,
            Repair::Newcomer => Some(channel.sender().unwrap()),
            Repair::Recover => {
                assert_eq!(channel.recover().unwrap(), 1);
                assert_eq!(channel.recover().unwrap(), 0);
                None
            }
        };
        if !matches!(by, Repair::Receiver) {
            assert_eq!(words.claims(Phase::Writing, id), [], "by {by:?}");
        }
        assert_eq!(receive(&rx), Ok(3), "by {by:?}");
        assert_eq!(receive(&rx), Ok(4), "by {by:?}");
        assert!(words.all_free());
        assert_eq!((words.state(2).lap, words.state(2).phase), (1, Phase::Free));
        if newcomer.is_none() {
            assert_eq!(words.record(id).role, 0, "the id is clean again");
        }
        go_on(&tx, &rx);
    }
}

/// Neither an empty slot nor a message: a wait that spins on it all the same comes to its end, and so does the claim.
fn a_wait_behind_a_stopped_senders_claim_ends_in_time<R: End>() {
    let (channel, words) = channel::<u64, Multi, R>(4);
    let mut stopped = idle("sender", || channel.sender().unwrap());
    let id = words.sender_of(stopped.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    words.claim(0, Phase::Writing, id);
    words.set_tail(1);
    tx.send(1).unwrap();
    let late = rx.recv_timeout(Duration::from_millis(20));
    assert_eq!(late, Err(RecvTimeoutError::Timeout));
    stopped.kill();
    assert_eq!(receive(&rx), Ok(1), "behind the gap");
    go_on(&tx, &rx);
}

fn a_ring_full_of_a_killed_senders_claims_has_room_again<R: End>() {
    let (channel, words) = channel::<u64, Multi, R>(4);
    let mut dead = idle("sender", || channel.sender().unwrap());
    let id = words.sender_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    dead.kill();
    for position in 0..4 {
        words.claim(position, Phase::Writing, id); // Killed in `send_many`.
    }
    words.set_tail(4);
    assert!(matches!(tx.try_send(1), Err(TrySendError::Full(1))));
    tx.send_timeout(1, LONG).expect("a gap makes room");
    assert_eq!(words.record(words.sender_of(nix::unistd::getpid())).reaped, 4);
    assert_eq!(receive(&rx), Ok(1));
    go_on(&tx, &rx);
}

fn a_message_claimed_by_a_killed_receiver_is_delivered_once<S: End>() {
    for (by, hinted) in REPAIRS.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let (channel, words) = channel::<u64, S, Multi>(8);
        let mut dead = idle("receiver", || channel.receiver().unwrap());
        let id = words.receiver_of(dead.pid());
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        tx.send_many(&[1, 2, 3, 4]).unwrap();
        dead.kill();
        // Killed in `recv_many`, right after its claims, or after the hint.
        words.claim(0, Phase::Reading, id);
        words.claim(1, Phase::Reading, id);
        if hinted {
            words.set_head(2);
        }
        // Others pass the claims, long before anybody has repaired anything.
        assert_eq!(rx.try_recv(), Ok(3));
        assert_eq!(words.claims(Phase::Reading, id), [0, 1]);
        let newcomer = match by {
            Repair::Receiver => None,
            Repair::Newcomer => Some(channel.receiver().unwrap()),
            Repair::Recover => {
                assert_eq!(channel.recover().unwrap(), 2);
                None
            }
        };
        if !matches!(by, Repair::Receiver) {
            assert_eq!(words.claims(Phase::Reading, id), [], "by {by:?}");
            assert_eq!(words.claims(Phase::Reading, ORPHAN), [0, 1], "by {by:?}");
        }
        let mut received: Vec<u64> = (0..3).map(|_| receive(&rx).unwrap()).collect();
        received.sort_unstable();
        assert_eq!(received, [1, 2, 4], "by {by:?}, each once, in any order");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(words.all_free());
        if newcomer.is_none() {
            assert_eq!(words.record(id).role, 0, "the id is clean again");
        }
        drop(newcomer);
        go_on(&tx, &rx);
    }
}

/// Neither a message nor room, likewise; and nobody to make some, once the receiver is dead.
fn a_wait_behind_a_stopped_receivers_claim_ends_in_time<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(1);
    let mut stopped = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(stopped.pid());
    let tx = channel.sender().unwrap();
    tx.send(1).unwrap();
    words.claim(0, Phase::Reading, id);
    words.set_head(1);
    let late = tx.send_timeout(2, Duration::from_millis(20));
    assert_eq!(late, Err(SendTimeoutError::Timeout(2)));
    stopped.kill();
    assert_eq!(tx.send(2), Err(SendError::Disconnected(2)));
    let rx = channel.receiver().unwrap();
    assert_eq!(receive(&rx), Ok(1), "left for another");
    go_on(&tx, &rx);
}

fn a_ring_full_of_a_killed_receivers_claims_has_messages_again<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(4);
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[1, 2, 3, 4]).unwrap();
    dead.kill();
    for position in 0..4 {
        words.claim(position, Phase::Reading, id);
    }
    words.set_head(4);
    // The sender waits, reaps, and cannot deliver: it leaves orphans, and tells the receivers.
    let refused = tx.send_timeout(5, Duration::from_millis(300));
    assert!(matches!(refused, Err(SendTimeoutError::Timeout(5))), "{refused:?}");
    assert_eq!(words.claims(Phase::Reading, ORPHAN), [0, 1, 2, 3]);
    let other = channel.receiver().unwrap();
    let mut received: Vec<u64> = (0..4)
        .map(|i| receive(if i % 2 == 0 { &rx } else { &other }).unwrap())
        .collect();
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3, 4]);
    drop(other);
    go_on(&tx, &rx);
}

/// A channel with room for two endpoints at its multi ends: whoever comes next has a dead one's id.
fn narrow<S: End, R: End>(endpoints: u32) -> (Channel<u64, S, R>, Words) {
    let channel = Channel::<u64, S, R>::builder(4)
        .tick(Duration::from_millis(20))
        .table_length(endpoints);
    let channel = channel.anonymous().expect("a channel");
    let words = Words::of(&channel);
    (channel, words)
}

fn an_id_is_swept_before_it_is_used_again_by_a_sender<R: End>() {
    let multi_receiver = matches!(Channel::<u64, Multi, R>::kind(), annulus::Kind::Mpmc);
    let (channel, words) = narrow::<Multi, R>(if multi_receiver { 2 } else { 1 });
    let rx = channel.receiver().unwrap();
    let mut dead = idle("sender", || channel.sender().unwrap());
    let id = words.sender_of(dead.pid());
    dead.kill();
    words.claim(0, Phase::Writing, id);
    let tx = channel.sender().unwrap();
    assert_eq!(words.sender_of(nix::unistd::getpid()), id, "the same id");
    assert_eq!(words.record(id).generation, 2);
    assert_eq!(words.claims(Phase::Writing, id), [], "under which nothing is left");
    tx.send(1).unwrap();
    assert_eq!(receive(&rx), Ok(1));
    go_on(&tx, &rx);
}

fn an_id_is_swept_before_it_is_used_again_by_a_receiver<S: End>() {
    let multi_sender = matches!(Channel::<u64, S, Multi>::kind(), annulus::Kind::Mpmc);
    let (channel, words) = narrow::<S, Multi>(if multi_sender { 2 } else { 1 });
    let tx = channel.sender().unwrap();
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(dead.pid());
    tx.send_many(&[1, 2]).unwrap();
    dead.kill();
    words.claim(0, Phase::Reading, id);
    let rx = channel.receiver().unwrap();
    assert_eq!(words.receiver_of(nix::unistd::getpid()), id, "the same id");
    assert_eq!(words.claims(Phase::Reading, id), [], "under which nothing is left");
    let mut received = [receive(&rx).unwrap(), receive(&rx).unwrap()];
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
    go_on(&tx, &rx);
}

// Trapped.

/// The batch that is fallen over, and where.
const BATCH: [u64; 4] = [0, 1, 2, 3];
const LEN: u64 = BATCH.len() as u64;
const LOCKED: usize = 2;

/// A child that sends messages 0 to 3 in one batch and has stopped in the middle of message 2.
fn trapped_sender<S: End, R: End>(channel: &Channel<Page, S, R>) -> Peer {
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        link.expect("send");
        let trap = Trap::new(&BATCH, LOCKED);
        tx.send_many(trap.messages()).unwrap();
        link.say("sent");
        link.expect("leave");
    });
    sender.expect("attached");
    sender.tell("send");
    until("the sender has stopped", || sender.state() == 'T');
    sender
}

/// A child that receives four messages in one batch and has stopped in the middle of the third.
fn trapped_receiver<S: End, R: End>(channel: &Channel<Page, S, R>) -> Peer {
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        link.expect("receive");
        let mut trap = Trap::new(&[0; BATCH.len()], LOCKED);
        let count = rx.recv_many(trap.room()).unwrap();
        let numbers: Vec<_> = trap.messages()[..count].iter().map(Message::number).collect();
        link.say(format!("{numbers:?}"));
        link.expect("leave");
    });
    receiver.expect("attached");
    receiver
}

fn multi_sender<S: End, R: End>() -> bool {
    matches!(Channel::<Page, S, R>::kind(), annulus::Kind::Mpsc | annulus::Kind::Mpmc)
}

fn multi_receiver<S: End, R: End>() -> bool {
    matches!(Channel::<Page, S, R>::kind(), annulus::Kind::Spmc | annulus::Kind::Mpmc)
}

fn a_sender_killed_in_mid_batch_has_sent_a_prefix<S: End, R: End>() {
    let (channel, words) = channel::<Page, S, R>(8);
    let rx = channel.receiver().unwrap();
    let mut sender = trapped_sender(&channel);
    if multi_sender::<S, R>() {
        // The claims are really there, and others pass them.
        let id = words.sender_of(sender.pid());
        assert_eq!(words.claims(Phase::Writing, id), [2, 3]);
        let other = channel.sender().unwrap();
        other.send(Page::of(9)).unwrap();
        sender.kill();
        assert_eq!(words.claims(Phase::Writing, id), [2, 3]);
        assert_eq!([receive(&rx), receive(&rx), receive(&rx)], [Ok(0), Ok(1), Ok(9)]);
        assert_eq!(words.record(words.receiver_of(nix::unistd::getpid())).reaped, 2);
    } else {
        sender.kill();
        assert_eq!([receive(&rx), receive(&rx)], [Ok(0), Ok(1)]);
    }
    assert_eq!(drain(&rx), []);
    assert!(words.all_free());
    go_on(&channel.sender().unwrap(), &rx);
}

fn a_receiver_killed_in_mid_batch_takes_only_what_it_had_released<S: End, R: End>() {
    let (channel, words) = channel::<Page, S, R>(8);
    let tx = channel.sender().unwrap();
    let mut receiver = trapped_receiver(&channel);
    for number in 0..=LEN {
        tx.send(Page::of(number)).unwrap();
    }
    receiver.tell("receive");
    until("the receiver has stopped", || receiver.state() == 'T');
    // Which of the two it is depends on when the compiler lets the released message reach its place.
    let released = (0..LEN).filter(|&p| words.state(p).phase == Phase::Free).count() as u64;
    assert!((2..=3).contains(&released), "{released}");
    if multi_receiver::<S, R>() {
        let id = words.receiver_of(receiver.pid());
        assert_eq!(words.claims(Phase::Reading, id), Vec::from_iter(released..LEN));
        let other = channel.receiver().unwrap();
        assert_eq!(receive(&other), Ok(LEN), "others pass its claims");
        receiver.kill();
        let mut rest: Vec<_> = (released..LEN).map(|_| receive(&other).unwrap()).collect();
        rest.sort_unstable();
        assert_eq!(rest, Vec::from_iter(released..LEN), "delivered once, in any order");
        assert!(words.all_free());
        go_on(&tx, &other);
    } else {
        receiver.kill();
        let other = channel.receiver().unwrap();
        for number in released..=LEN {
            assert_eq!(receive(&other), Ok(number));
        }
        assert!(words.all_free());
        go_on(&tx, &other);
    }
}

/// Lets the others look after the dead for a while: several ticks pass in the wait of a receiver that finds nothing.
fn look_after<R: End>(rx: &annulus::Receiver<Page, R>) {
    assert!(matches!(
        rx.recv_timeout(Duration::from_millis(300)),
        Err(RecvTimeoutError::Timeout)
    ));
}

fn a_stopped_sender_is_not_robbed<S: End, R: End>() {
    let (channel, words) = channel::<Page, S, R>(8);
    let rx = channel.receiver().unwrap();
    let mut sender = trapped_sender(&channel);
    let id = words.sender_of(sender.pid());
    let other = multi_sender::<S, R>().then(|| channel.sender().unwrap());
    if let Some(other) = &other {
        other.send(Page::of(9)).unwrap(); // Passes it, and attaching has looked after the dead.
    } else {
        assert!(matches!(
            channel.sender(),
            Err(annulus::AttachError::AlreadyAttached { .. })
        ));
    }
    assert_eq!([receive(&rx), receive(&rx)], [Ok(0), Ok(1)]);
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
    look_after(&rx);
    assert_eq!(channel.recover().unwrap(), 0);
    if other.is_some() {
        assert_eq!(words.claims(Phase::Writing, id), [2, 3]);
    }
    assert_eq!(sender.state(), 'T');
    assert_eq!(words.record(id).role, 1);
    sender.resume();
    assert_eq!([receive(&rx), receive(&rx)], [Ok(2), Ok(3)]);
    if let Some(other) = other {
        assert_eq!(receive(&rx), Ok(9));
        drop(other);
    }
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
    sender.expect("sent");
    sender.tell("leave");
    assert_eq!(drain(&rx), []);
    sender.join();
    go_on(&channel.sender().unwrap(), &rx);
}

fn a_stopped_receiver_is_not_robbed<S: End, R: End>() {
    let (channel, words) = channel::<Page, S, R>(4);
    let tx = channel.sender().unwrap();
    let mut receiver = trapped_receiver(&channel);
    for number in 0..LEN {
        tx.send(Page::of(number)).unwrap();
    }
    receiver.tell("receive");
    until("the receiver has stopped", || receiver.state() == 'T');
    let id = words.receiver_of(receiver.pid());
    let claims = words.claims(Phase::Reading, id);
    let released = (0..LEN).filter(|&p| words.state(p).phase == Phase::Free).count() as u64;
    let other = multi_receiver::<S, R>().then(|| channel.receiver().unwrap());
    if let Some(other) = &other {
        assert_eq!(claims, Vec::from_iter(released..LEN));
        look_after(other);
    } else {
        assert!(matches!(
            channel.receiver(),
            Err(annulus::AttachError::AlreadyAttached { .. })
        ));
    }
    // Those released make room; then the ring is full, for as long as it stands there.
    for number in 0..released {
        tx.send(Page::of(10 + number)).unwrap();
    }
    assert!(matches!(tx.try_send(Page::of(20)), Err(TrySendError::Full(_))));
    let refused = tx.send_timeout(Page::of(20), Duration::from_millis(300));
    assert!(matches!(refused, Err(SendTimeoutError::Timeout(_))));
    assert_eq!(channel.recover().unwrap(), 0);
    assert_eq!(words.claims(Phase::Reading, id), claims);
    assert_eq!(receiver.state(), 'T');
    receiver.resume();
    if let Some(other) = other {
        receiver.expect("[0, 1, 2, 3]");
        for number in 0..released {
            assert_eq!(receive(&other), Ok(10 + number));
        }
        receiver.tell("leave");
        receiver.join();
        go_on(&tx, &other);
    } else {
        // It had claimed nothing, so the batch goes on as far as there is something.
        receiver.expect("[0, 1, 2, 3]");
        receiver.tell("leave");
        receiver.join();
        let rx = channel.receiver().unwrap();
        for number in 0..released {
            assert_eq!(receive(&rx), Ok(10 + number));
        }
        go_on(&tx, &rx);
    }
}
