//! Is a message that has come back found where counters wrap, wake-ups are owed to few, and ends are shared?

use std::time::Duration;

use crate::support::traffic::channel;
use crate::support::{Link, Peer, Words};
use annulus::{Channel, End, Multi, RecvError, Single, TryRecvError};
use nix::unistd::getpid;

/// The life word counts what has been handed back modulo this.
const TURN: u32 = 4096;

/// A channel with one message, which its receiver has handed back for a whole turn of the counter.
#[expect(clippy::type_complexity, reason = "said once")]
fn turned<S: End>() -> (
    Channel<u64, S, Multi>,
    annulus::Sender<u64, S>,
    annulus::Receiver<u64, Multi>,
) {
    let (channel, _) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(5).unwrap();
    for _ in 0..TURN {
        drop(rx.recv_lease().unwrap());
    }
    (channel, tx, rx)
}

pub(crate) fn what_has_come_back_for_a_whole_turn_is_found<S: End>() {
    let (_channel, tx, rx) = turned::<S>();
    tx.send(6).unwrap();
    assert_eq!(rx.try_recv(), Ok(5), "before anything newer");
    assert_eq!(rx.try_recv(), Ok(6));
}

pub(crate) fn a_newcomer_finds_what_has_come_back_for_a_whole_turn<S: End>() {
    let (channel, _tx, _rx) = turned::<S>();
    let newcomer = channel.receiver().unwrap();
    assert_eq!(newcomer.try_recv(), Ok(5));
}

pub(crate) fn the_end_leaves_nothing_that_has_come_back_for_a_whole_turn<S: End>() {
    let (channel, tx, _rx) = turned::<S>();
    let newcomer = channel.receiver().unwrap();
    drop(tx);
    assert_eq!(newcomer.recv(), Ok(5));
    assert_eq!(newcomer.recv(), Err(RecvError::Disconnected));
}

/// One that has looked before, and then not for a turn.
pub(crate) fn who_waits_sleeps_past_no_whole_turn<S: End>() {
    let (channel, _) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let other = channel.receiver().unwrap();
    tx.send(5).unwrap();
    drop(rx.recv_lease().unwrap());
    let mut held = other.recv_lease().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "it has looked");
    for _ in 0..TURN - 1 {
        drop(held);
        held = other.recv_lease().unwrap();
    }
    drop(held);
    assert_eq!(rx.try_recv(), Ok(5));
}

/// As threads of a pool do: one of them fails with its message in hand.
pub(crate) fn clones_wait_for_each_others_leases<S: End>() {
    let (channel, _) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(5).unwrap();
    drop(tx);
    let clone = rx.clone();
    let held = rx.recv_lease().unwrap();
    assert_eq!(
        clone.try_recv_lease().err(),
        Some(TryRecvError::Empty),
        "it may come back"
    );
    drop(held);
    assert_eq!(clone.try_recv_lease().map(|held| *held).ok(), Some(5));
}

/// A child that waits for a lease and says what came.
fn waiting<S: End>(channel: &Channel<u64, S, Multi>, words: &Words) -> Peer {
    let mut waiter = Peer::fork("waiter", |link: &mut Link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        match rx.recv_lease() {
            Ok(lease) => lease.ack(),
            Err(error) => link.say(format!("{error:?}")),
        }
        link.hear();
    });
    waiter.expect("attached");
    waiter.until_waiting(words, words.receiver_of(waiter.pid()));
    waiter
}

pub(crate) fn waking_a_receiver_for_what_comes_back_counts<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let id = words.receiver_of(getpid());
    // Again, if the waiter is up for a tick just then.
    let mut woken = false;
    for _ in 0..20 {
        tx.send(5).unwrap();
        let held = rx.recv_lease().unwrap();
        let mut waiter = waiting(&channel, &words);
        let before = words.receivers() >> 16;
        drop(held);
        woken |= words.receivers() >> 16 != before;
        crate::support::until("it is dealt with", || words.all_free());
        waiter.tell("leave");
        waiter.join();
    }
    assert!(woken);
    let stats = channel.stats().unwrap();
    let ours = stats.endpoints.iter().find(|endpoint| endpoint.id == id).unwrap();
    assert_ne!(ours.wakes, 0, "{stats}");
}

/// The only sender is killed, which nobody but the kernel tells. Who holds the last message has not asked.
pub(crate) fn an_acknowledgement_wakes_who_waits_for_it_whoever_has_died() {
    let channel = Channel::<u64, Single, Multi>::builder(8)
        .tick(Duration::from_secs(20))
        .anonymous()
        .unwrap();
    let words = Words::of(&channel);
    let rx = channel.receiver().unwrap();
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        tx.send(5).unwrap();
        link.say("sent");
        link.hear();
    });
    sender.expect("sent");
    let held = rx.recv_lease().unwrap();
    sender.kill();
    let mut waiter = waiting(&channel, &words);
    let id = words.receiver_of(waiter.pid());
    // Some ticks later it has asked who is there, and sleeps for longer each time.
    crate::support::until("it has found the sender dead", || waiter.is_waiting(&words, id, 4));
    let before = words.receivers() >> 16;
    held.ack();
    let woken = words.receivers() >> 16 != before;
    waiter.expect("Disconnected");
    waiter.tell("leave");
    waiter.join();
    assert!(woken, "it has come by a tick alone");
}
