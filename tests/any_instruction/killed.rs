//! What is left of an operation that is killed after any of its instructions?
//!
//! All of it or nothing. What the slots show when its process has just died is what the others get, each message once:
//! what was published, what had been claimed and not released; and whoever waits for that gets it.

use std::time::Duration;

use annulus::{Channel, End, Receiver, RecvError, RecvTimeoutError};

use crate::stepping::{At, Walker, mark};
use crate::support::Peer;
use crate::support::log::Log;
use crate::support::message::{Message, Tick};
use crate::tally::{Stage, at_each_instruction};
use crate::world::{
    BEHIND, POSITION, SMALL, STAKE, WARM_UP, about_to_send, channel, fill, go_on, many_receivers, take, title,
};

pub fn a_try_send_killed_anywhere_has_sent_its_message_or_not<S: End, R: End>() {
    send::<Tick, S, R>();
}

fn send<T: Message, S: End, R: End>() {
    at_each_instruction(&title::<T, S, R>("try_send"), Stage::Done, |count| {
        let (channel, words) = channel::<T, S, R>(SMALL);
        let rx = channel.receiver().unwrap();
        let mut sender = about_to_send(&channel);
        sender.go_to_mark();
        take(&rx, WARM_UP);
        let id = words.sender_of(sender.pid());
        let other = channel.sender().ok();
        let reached = sender.steps(count);
        if reached.at == At::Mark {
            sender.go_to_mark(); // And it knows that it has sent it.
        }
        drop(sender); // Killed there.
        let stage = Stage::of_send(words.state(POSITION), id);
        let came = go_on(&channel, &words, other, Some(rx), count);
        assert_eq!(came.first() == Some(&STAKE), stage == Stage::Done);
        (reached, stage)
    });
}

/// What a receiver does.
#[derive(Clone, Copy)]
struct Operation<T: Message, R: End> {
    name: &'static str,
    /// Counts in the log right before it lets go of the message.
    run: fn(&Receiver<T, R>, &Log) -> T,
    /// What has become of the message then.
    last: Stage,
}

pub fn a_try_recv_killed_anywhere_has_taken_its_message_or_not<S: End, R: End>() {
    receive_by::<Tick, S, R>(try_recv());
}

/// Larger than what is copied word by word.
pub fn a_large_message_killed_anywhere_on_its_way_has_come_whole_or_not<S: End, R: End>() {
    send::<[u8; 100], S, R>();
    receive_by::<[u8; 100], S, R>(try_recv());
}

fn try_recv<T: Message, R: End>() -> Operation<T, R> {
    Operation {
        name: "try_recv",
        run: |rx, lets_go| {
            lets_go.count();
            rx.try_recv().unwrap()
        },
        last: Stage::Done,
    }
}

pub fn a_lease_killed_anywhere_is_delivered_again_unless_acknowledged<S: End, R: End>() {
    receive_by::<Tick, S, R>(Operation {
        name: "recv_lease and ack",
        run: |rx, lets_go| {
            let lease = rx.recv_lease().unwrap();
            let message = *lease;
            lets_go.count();
            lease.ack();
            message
        },
        last: Stage::Done,
    });
}

pub fn a_lease_killed_anywhere_on_its_way_back_is_delivered_again<S: End, R: End>() {
    receive_by::<Tick, S, R>(Operation {
        name: "recv_lease and drop",
        run: |rx, _| *rx.recv_lease().unwrap(),
        // The only receiver keeps it to itself that it has a message on lease.
        last: if many_receivers::<S, R>() {
            Stage::HandedBack
        } else {
            Stage::NotDone
        },
    });
}

fn receive_by<T: Message, S: End, R: End>(operation: Operation<T, R>) {
    at_each_instruction(&title::<T, S, R>(operation.name), operation.last, |count| {
        let (channel, words) = channel::<T, S, R>(SMALL);
        let tx = channel.sender().unwrap();
        fill(&tx, WARM_UP);
        fill(&tx, [STAKE]);
        let lets_go = Log::new(0);
        let mut receiver = Walker::fork(|| {
            let rx = channel.receiver().unwrap();
            for number in WARM_UP {
                assert_eq!((operation.run)(&rx, &lets_go).number(), number);
                if operation.last != Stage::Done {
                    take(&rx, [number]);
                }
            }
            mark();
            let message = (operation.run)(&rx, &lets_go);
            mark();
            assert_eq!(message.number(), STAKE);
            mark();
        });
        receiver.go_to_mark();
        fill(&tx, BEHIND);
        let id = words.receiver_of(receiver.pid());
        let other = channel.receiver().ok();
        let before = lets_go.len();
        let reached = receiver.steps(count);
        if reached.at == At::Mark {
            receiver.go_to_mark(); // And it knows which it has received.
        }
        drop(receiver); // Killed there.
        let stage = Stage::of_receive(words.state(POSITION), id);
        assert!(stage != Stage::Done || lets_go.len() > before, "still on lease");
        let came = go_on(&channel, &words, Some(tx), other, count);
        assert_eq!(came.contains(&STAKE), stage != Stage::Done);
        if stage == Stage::NotDone {
            assert!(came.is_sorted(), "{came:?}");
        }
        (reached, stage)
    });
}

pub fn a_recv_killed_anywhere_on_its_way_to_sleep_leaves_nothing<S: End, R: End>() {
    let mut announced = Vec::new();
    at_each_instruction(&title::<Tick, S, R>("recv until it sleeps"), Stage::NotDone, |count| {
        let (channel, words) = channel::<Tick, S, R>(SMALL);
        let tx = channel.sender().unwrap();
        fill(&tx, WARM_UP);
        let mut receiver = Walker::fork(|| {
            let rx = channel.receiver().unwrap();
            take(&rx, WARM_UP);
            let nothing = rx.recv_timeout(Duration::from_millis(1)).err();
            assert_eq!(nothing, Some(RecvTimeoutError::Timeout));
            mark();
            let message = rx.recv();
            panic!("received {:?}", message.map(|message| message.number()));
        });
        receiver.go_to_mark();
        let other = channel.receiver().ok();
        let before = words.receivers();
        let reached = receiver.steps(count);
        assert_ne!(reached.at, At::Mark, "it sleeps before it returns");
        drop(receiver); // Killed there.
        announced.push(words.receivers() != before);
        let came = go_on(&channel, &words, Some(tx), other, count);
        assert_eq!(came.len(), 1, "{came:?}");
        (reached, Stage::NotDone)
    });
    // The first ran to the end. Not sorted: in the vDSO a clock takes some instructions more or less each time.
    if let [at_the_end, at_once, ..] = announced[..] {
        assert!(at_the_end && !at_once, "it announces itself on its way");
    }
}

pub fn a_try_send_killed_anywhere_on_its_way_to_wake_a_sleeper_leaves_nobody_asleep<S: End, R: End>() {
    at_each_instruction(&title::<Tick, S, R>("try_send to a sleeper"), Stage::Done, |count| {
        let (channel, words) = channel::<Tick, S, R>(SMALL);
        let mut sleeper = sleeper(&channel);
        let mut sender = about_to_send(&channel);
        sender.go_to_mark();
        for number in WARM_UP {
            sleeper.expect(&number.to_string());
        }
        let id = words.receiver_of(sleeper.pid());
        sleeper.until_waiting(&words, id);
        let other = channel.sender().ok();
        let reached = sender.steps(count);
        if reached.at == At::Mark {
            sender.go_to_mark();
        }
        drop(sender); // Killed there.
        let tx = other.unwrap_or_else(|| channel.sender().unwrap());
        fill(&tx, BEHIND);
        let mut heard = vec![sleeper.hear_value()];
        while heard.last() != Some(&BEHIND[1]) {
            heard.push(sleeper.hear_value());
        }
        sleeper.join();
        let stage = if heard == BEHIND { Stage::NotDone } else { Stage::Done };
        if stage == Stage::Done {
            assert_eq!(heard, [STAKE, BEHIND[0], BEHIND[1]]);
        }
        drop(tx);
        go_on(&channel, &words, None, None, count);
        (reached, stage)
    });
}

/// A child that receives, asleep for most of the time, until the last message behind the operation's has come.
fn sleeper<S: End, R: End>(channel: &Channel<Tick, S, R>) -> Peer {
    let mut sleeper = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        let mut last = 0;
        while last != BEHIND[1] {
            match rx.recv() {
                Ok(message) => {
                    last = message.number();
                    link.say(last);
                }
                // Between the only sender's death and the next one.
                Err(end) => assert_eq!(end, RecvError::Disconnected),
            }
        }
    });
    sleeper.expect("attached");
    sleeper
}
