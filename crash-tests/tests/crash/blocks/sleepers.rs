//! Is somebody woken for everything that a death leaves to be had, and for the death itself?
//!
//! The sleepers here sleep soundly: no tick tells them of what nobody has told them of. A supervisor repairs what the dead
//! have left; it holds nothing itself, and takes nothing.

use std::time::Duration;

use annulus::crash;

use crate::support::log::Log;
use crate::support::pool::{Phase, Pool};
use crate::support::stock::{self, Channel, Picture, ROOM, Rx, Tx, number_of, try_send};
use crate::support::{Peer, Test};
use crate::trace::{Traced, begin, end};

/// The tests of this room.
pub fn tests() -> [Test; 4] {
    [
        Test::new(
            "blocks::each_block_that_is_freed_wakes_a_sender",
            each_block_that_is_freed_wakes_a_sender,
        ),
        Test::new(
            "blocks::each_message_that_comes_back_wakes_a_receiver",
            each_message_that_comes_back_wakes_a_receiver,
        ),
        Test::new(
            "blocks::who_dies_before_he_wakes_another_wakes_him_all_the_same",
            who_dies_before_he_wakes_another_wakes_him_all_the_same,
        ),
        Test::new(
            "blocks::who_wakes_too_late_looks_once_more",
            who_wakes_too_late_looks_once_more,
        ),
    ]
}

/// A channel of two blocks, whose endpoints do not spin.
fn channel() -> (Channel, Pool) {
    let channel = Channel::builder(2, ROOM).spin_time(Duration::ZERO).table_length(8);
    let channel = channel.anonymous().expect("a channel");
    let pool = Pool::of(&channel);
    (channel, pool)
}

/// A child that has both blocks in its hands, one way or the other.
fn holding(channel: &Channel, sends: bool) -> Peer {
    let mut holder = Peer::fork("holder", |link| {
        let (mut loans, mut blocks) = (Vec::new(), Vec::new());
        if sends {
            let tx = channel.sender().expect("to attach");
            loans.extend([1, 2].map(|length| tx.try_loan(length).expect("a block")));
        } else {
            let rx = channel.receiver().expect("to attach");
            blocks.extend([1, 2].map(|_| rx.try_recv().expect("a message")));
        }
        link.say("holds them");
        link.hear();
        drop((loans, blocks));
    });
    holder.expect("holds them");
    holder
}

/// A child that sleeps soundly until there is a block, which it keeps until it is told to let go of it.
fn waiting_sender(channel: &Channel, pool: &Pool) -> Peer {
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().expect("to attach");
        crash::sleep_soundly();
        link.say("attached");
        let loan = tx.loan(1).expect("a block");
        link.say("has one");
        link.hear();
        drop(loan);
    });
    sender.expect("attached");
    sender.until_waiting(pool, pool.id_of(sender.pid(), 1));
    sender
}

/// The same until there is a message, whose number it says.
fn waiting_receiver(channel: &Channel, pool: &Pool) -> Peer {
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().expect("to attach");
        crash::sleep_soundly();
        link.say("attached");
        let block = rx.recv().expect("a message");
        link.say(number_of(&block));
        link.hear();
        drop(block);
    });
    receiver.expect("attached");
    receiver.until_waiting(pool, pool.id_of(receiver.pid(), 2));
    receiver
}

fn let_go(peers: impl IntoIterator<Item = Peer>) {
    for mut peer in peers {
        peer.tell("let go");
        peer.join();
    }
}

/// They keep what they get: nobody wakes the next one.
fn each_block_that_is_freed_wakes_a_sender() {
    let (channel, pool) = channel();
    let (tx, rx) = ends(&channel);
    let mut lender = holding(&channel, true);
    let mut senders = [0, 1].map(|_| waiting_sender(&channel, &pool));
    lender.kill();
    assert_eq!(channel.recover().ok(), Some(2));
    for sender in &mut senders {
        sender.expect("has one");
    }
    let_go(senders);
    stock::sound(&channel, &pool, &tx, &rx, "two senders were woken");
}

fn each_message_that_comes_back_wakes_a_receiver() {
    let (channel, pool) = channel();
    let (tx, rx) = ends(&channel);
    for number in [1, 2] {
        assert_eq!(try_send(&tx, number), Ok(true));
    }
    let mut holder = holding(&channel, false);
    let mut receivers = [0, 1].map(|_| waiting_receiver(&channel, &pool));
    holder.kill();
    assert_eq!(channel.recover().ok(), Some(2));
    let mut came = receivers.each_mut().map(Peer::hear_value::<u64>);
    came.sort_unstable();
    assert_eq!(came, [1, 2]);
    let_go(receivers);
    stock::sound(&channel, &pool, &tx, &rx, "two receivers were woken");
}

/// There is nothing to repair, but for the wake-up.
fn who_dies_before_he_wakes_another_wakes_him_all_the_same() {
    let (channel, pool) = channel();
    let (tx, rx) = ends(&channel);
    let mut dying = Traced::fork(|| {
        let tx = channel.sender().expect("to attach");
        begin();
        let _ = try_send(&tx, 1);
    });
    let mut receiver = waiting_receiver(&channel, &pool);
    while Picture::of(&pool).messages().is_empty() {
        assert!(dying.step(|| ()), "it sends");
    }
    dying.kill();
    assert_eq!(channel.recover().ok(), Some(0), "it was sent");
    assert_eq!(receiver.hear_value::<u64>(), 1);
    let_go([receiver]);

    for number in [2, 3] {
        assert_eq!(try_send(&tx, number), Ok(true));
    }
    let mut dying = Traced::fork(|| {
        let rx = channel.receiver().expect("to attach");
        let block = rx.try_recv().expect("a message");
        begin();
        drop(block);
    });
    let mut sender = waiting_sender(&channel, &pool);
    while (0..2).all(|index| pool.block(index).phase != Phase::Free) {
        assert!(dying.step(|| ()), "it gives its block back");
    }
    dying.kill();
    assert_eq!(channel.recover().ok(), Some(0), "it was given back");
    sender.expect("has one");
    let_go([sender]);
    let left = stock::sound(&channel, &pool, &tx, &rx, "somebody was woken for the dead");
    assert_eq!(left, [(3, false)]);
}

/// What it waits for comes when it goes to sleep, and its time is up.
fn who_wakes_too_late_looks_once_more() {
    let (channel, pool) = channel();
    let (tx, rx) = ends(&channel);
    let log = Log::new(4);
    let mut receiver = Traced::fork(|| {
        let rx = channel.receiver().expect("to attach");
        begin();
        let came = rx.recv_timeout(Duration::ZERO);
        end();
        log.push(came.map_or(0, |block| number_of(&block)));
    });
    let mut sleeps = 0;
    while receiver.step(|| {
        sleeps += 1;
        assert_eq!(try_send(&tx, 5), Ok(true));
    }) {}
    finish(receiver);
    assert_eq!((sleeps, log.list()), (1, vec![5]), "a message");

    for number in [6, 7] {
        assert_eq!(try_send(&tx, number), Ok(true));
    }
    let mut sender = Traced::fork(|| {
        let tx = channel.sender().expect("to attach");
        begin();
        let lent = tx.loan_timeout(1, Duration::ZERO);
        end();
        log.push(u64::from(lent.is_ok()));
    });
    let mut sleeps = 0;
    while sender.step(|| {
        sleeps += 1;
        assert_eq!(stock::receive(&rx), (6, false));
    }) {}
    finish(sender);
    assert_eq!((sleeps, log.list()), (1, vec![5, 1]), "a block");
    let left = stock::sound(&channel, &pool, &tx, &rx, "who was late has what he wanted");
    assert_eq!(left, [(7, false)]);
}

/// Lets a child whose operation has ended go on to its own end.
fn finish(mut child: Traced) {
    child.stop();
    child.resume();
    crate::support::until("the child has ended", || child.has_ended());
}

fn ends(channel: &Channel) -> (Tx, Rx) {
    let tx = channel.sender().expect("to attach");
    (tx, channel.receiver().expect("to attach"))
}
