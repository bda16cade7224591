//! What happens to the others when a process is killed?
//!
//! Idle, or waiting: that it waits is observed, in its record's `waits` and its state in `/proc`. Deaths in the middle of
//! an operation are in `claims`, deaths at any point of the traffic in `storm`.

mod support;

use std::time::Duration;

use annulus::{Channel, End, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use support::traffic::{channel, drain, go_on, idle, receive};
use support::{Link, Peer, Words, until};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            all:
                a_killed_idle_sender_ends_the_stream
                a_killed_idle_receiver_ends_the_stream_for_senders
                a_sender_killed_while_it_waits_sends_nothing_more
                a_receiver_killed_while_it_waits_takes_nothing_with_it
                a_waiting_receiver_hears_of_a_killed_sender
                a_waiting_sender_hears_of_a_killed_receiver
                a_waiting_receiver_hears_of_a_sender_that_leaves
                a_waiting_sender_hears_of_a_receiver_that_leaves
                a_killed_owner_is_dead_although_its_forked_child_lives;
            multi_senders: a_killed_sender_is_no_end_while_another_lives;
            multi_receivers: a_killed_receiver_is_no_end_while_another_lives;
        ),
    )
}

// Idle.

fn a_killed_idle_sender_ends_the_stream<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        for number in 1..=3 {
            tx.send(number).unwrap();
        }
        link.say("sent");
        link.hear();
    });
    sender.expect("sent");
    sender.kill();
    assert_eq!(drain(&rx), [1, 2, 3]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    // And it is not sticky: the next sender makes the channel live again.
    let tx = channel.sender().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    go_on(&tx, &rx);
}

fn a_killed_idle_receiver_ends_the_stream_for_senders<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let tx = channel.sender().unwrap();
    let mut receiver = idle("receiver", || channel.receiver().unwrap());
    receiver.kill();
    // Nobody has told the sender: it finds out when it has to wait.
    let mut sent = 0;
    loop {
        match tx.send(sent) {
            Ok(()) => sent += 1,
            Err(SendError::Disconnected(back)) => break assert_eq!(back, sent, "the message comes back"),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(sent, words.capacity);
    assert!(matches!(tx.try_send(99), Err(TrySendError::Disconnected(99))));
    let rx = channel.receiver().unwrap();
    for number in 0..words.capacity {
        assert_eq!(receive(&rx), Ok(number));
    }
    go_on(&tx, &rx);
}

fn a_killed_sender_is_no_end_while_another_lives<R: End>() {
    let (channel, _) = channel::<u64, annulus::Multi, R>(4);
    let rx = channel.receiver().unwrap();
    let tx = channel.sender().unwrap();
    let mut other = idle("sender", || channel.sender().unwrap());
    other.kill();
    assert_eq!(
        rx.recv_timeout(Duration::from_millis(100)),
        Err(RecvTimeoutError::Timeout)
    );
    go_on(&tx, &rx);
    drop(tx);
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
}

fn a_killed_receiver_is_no_end_while_another_lives<S: End>() {
    let (channel, _) = channel::<u64, S, annulus::Multi>(4);
    let rx = channel.receiver().unwrap();
    let tx = channel.sender().unwrap();
    let mut other = idle("receiver", || channel.receiver().unwrap());
    other.kill();
    while tx.try_send(7).is_ok() {}
    let refused = tx.send_timeout(8, Duration::from_millis(100));
    assert!(matches!(refused, Err(SendTimeoutError::Timeout(8))), "{refused:?}");
    for _ in 0..tx.capacity() {
        assert_eq!(receive(&rx), Ok(7));
    }
    go_on(&tx, &rx);
    drop(rx);
    assert!(matches!(tx.send(1), Err(SendError::Disconnected(1))));
}

// Waiting.

fn a_sender_killed_while_it_waits_sends_nothing_more<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        for number in 0.. {
            tx.send(number).unwrap();
        }
    });
    sender.expect("attached");
    sender.until_waiting(&words, words.sender_of(sender.pid()));
    sender.kill();
    assert_eq!(drain(&rx), [0, 1, 2, 3]);
    let tx = channel.sender().unwrap();
    go_on(&tx, &rx);
    // A dead sleeper is forgotten by the first who tries to wake it, and costs no system call after that.
    assert!(words.record(words.receiver_of(nix::unistd::getpid())).wakes <= 2);
}

fn a_receiver_killed_while_it_waits_takes_nothing_with_it<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let tx = channel.sender().unwrap();
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        panic!("received {:?}", rx.recv());
    });
    receiver.expect("attached");
    receiver.until_waiting(&words, words.receiver_of(receiver.pid()));
    receiver.kill();
    let rx = channel.receiver().unwrap();
    go_on(&tx, &rx);
    assert!(words.record(words.sender_of(nix::unistd::getpid())).wakes <= 2);
}

/// A child that receives until the stream ends, and says how many there were.
fn draining<S: End, R: End>(channel: &Channel<u64, S, R>, words: &Words) -> Peer {
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        let mut count = 0;
        let end = loop {
            match rx.recv() {
                Ok(_) => count += 1,
                Err(end) => break end,
            }
        };
        link.say(format!("{count} {end:?}"));
    });
    receiver.expect("attached");
    receiver.until_waiting(words, words.receiver_of(receiver.pid()));
    receiver
}

/// A child that sends until nobody receives, and says how many there were, and which came back.
fn filling<S: End, R: End>(channel: &Channel<u64, S, R>, words: &Words) -> Peer {
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        let mut count = 0;
        let end = loop {
            match tx.send(count) {
                Ok(()) => count += 1,
                Err(SendError::Disconnected(back)) => break back,
                Err(error) => panic!("{error:?}"),
            }
        };
        link.say(format!("{count} {end}"));
    });
    sender.expect("attached");
    sender.until_waiting(words, words.sender_of(sender.pid()));
    sender
}

fn a_waiting_receiver_hears_of_a_killed_sender<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let mut sender = idle("sender", || channel.sender().unwrap());
    let mut receiver = draining(&channel, &words);
    sender.kill();
    receiver.expect("0 Disconnected");
    receiver.join();
}

fn a_waiting_sender_hears_of_a_killed_receiver<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let mut receiver = idle("receiver", || channel.receiver().unwrap());
    let mut sender = filling(&channel, &words);
    receiver.kill();
    sender.expect("4 4");
    sender.join();
}

fn a_waiting_receiver_hears_of_a_sender_that_leaves<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let mut sender = idle("sender", || channel.sender().unwrap());
    let mut receiver = draining(&channel, &words);
    sender.tell("leave");
    sender.join();
    receiver.expect("0 Disconnected");
    receiver.join();
}

fn a_waiting_sender_hears_of_a_receiver_that_leaves<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let mut receiver = idle("receiver", || channel.receiver().unwrap());
    let mut sender = filling(&channel, &words);
    receiver.tell("leave");
    receiver.join();
    sender.expect("4 4");
    sender.join();
}

/// The process that made the channel forks two children and is killed. One child inherits its endpoint, uses nothing of
/// it, and lives on; the other is its peer, and must see the death all the same.
fn a_killed_owner_is_dead_although_its_forked_child_lives<S: End, R: End>() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    for role in ["sender", "receiver"] {
        let (mut to_peer, peers_end) = Link::pair();
        let (mut to_bystander, bystanders_end) = Link::pair();
        let mut owner = Peer::fork("owner", |link| {
            let channel = Channel::<u64, S, R>::builder(4)
                .tick(Duration::from_millis(20))
                .anonymous()
                .unwrap();
            let words = Words::of(&channel);
            let Some(peer) = support::peer::fork_alone() else {
                support::peer::perform(peers_end, |link| {
                    if role == "sender" {
                        let rx = channel.receiver().unwrap();
                        link.say("attached");
                        while rx.recv().is_ok() {}
                    } else {
                        let tx = channel.sender().unwrap();
                        link.say("attached");
                        while tx.send(0).is_ok() {}
                    }
                    link.say("the owner is dead");
                });
            };
            // The peer has attached when the test says so: before, its wait would be one for a first peer.
            link.expect("attach");
            let endpoints = if role == "sender" {
                (Some(channel.sender().unwrap()), None)
            } else {
                (None, Some(channel.receiver().unwrap()))
            };
            let Some(bystander) = support::peer::fork_alone() else {
                support::peer::perform(bystanders_end, |link| {
                    let _inherited = endpoints;
                    link.say("alive");
                    link.hear();
                    link.say("still alive");
                });
            };
            until("the peer waits", || {
                support::peer::state(peer) == 'S'
                    && (1..words.table_length).any(|id| {
                        let record = words.record(id);
                        record.pid == peer.as_raw() as u32 && record.waits > 0
                    })
            });
            link.say(peer);
            link.say(bystander);
            link.hear();
            drop(endpoints);
        });
        to_peer.expect("attached");
        owner.tell("attach");
        let pids = [owner.hear_value::<i32>(), owner.hear_value()];
        to_bystander.expect("alive");
        owner.kill();
        to_peer.expect("the owner is dead");
        to_bystander.say("go");
        to_bystander.expect("still alive");
        for pid in pids {
            nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
        }
    }
    nix::sys::prctl::set_child_subreaper(false).unwrap();
}
