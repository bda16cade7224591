//! What of an operation that is stopped after any of its instructions, and goes on later?
//!
//! Nobody takes anything from it. While it stands there the others pass 100 messages, or as many as may pass what it has
//! claimed (`src/ring/mod.rs`, *Progress*): none are received behind a sender's claim, and behind a receiver's so many as
//! the ring has other slots. Meanwhile newcomers, a supervisor and a receiver that waits look after the dead, and find
//! none. Then it goes on, and its message has come or gone once.

use std::time::Duration;

use annulus::{End, Multi, RecvTimeoutError, TryRecvError, TrySendError};

use crate::stepping::{At, Reached, Walker, mark};
use crate::support::audit::sound;
use crate::support::log::Log;
use crate::support::message::{Message, Tick};
use crate::support::words::Phase;
use crate::tally::{Stage, at_each_instruction};
use crate::world::{POSITION, SMALL, STAKE, WARM_UP, about_to_send, channel, fill, take, title};

/// Rings that the others go round many times, and not once.
const CAPACITIES: [usize; 2] = [SMALL, 128];
/// What they pass.
const OTHERS: std::ops::Range<u64> = 100..200;
/// What is left for a receiver whose message they have taken.
const LAST: u64 = 200;
/// Some ticks.
const LOOKS: Duration = Duration::from_millis(5);

pub fn a_try_send_stopped_anywhere_is_not_robbed<R: End>() {
    for capacity in CAPACITIES {
        stopped_sender::<R>(capacity);
    }
}

fn stopped_sender<R: End>(capacity: usize) {
    let what = title::<Tick, Multi, R>(&format!("try_send, stopped, {capacity} slots"));
    at_each_instruction(&what, Stage::Done, |count| {
        let (channel, words) = channel::<Tick, Multi, R>(capacity);
        let rx = channel.receiver().unwrap();
        let mut sender = about_to_send(&channel);
        sender.go_to_mark();
        take(&rx, WARM_UP);
        let id = words.sender_of(sender.pid());
        let tx = channel.sender().unwrap();
        let reached = sender.steps(count);
        let stage = Stage::of_send(words.state(POSITION), id);
        let mut passed = OTHERS.start;
        match stage {
            Stage::Claimed => {
                while passed < OTHERS.end && tx.try_send(Tick::of(passed)).is_ok() {
                    passed += 1;
                }
                assert_eq!(passed - OTHERS.start, 100.min(capacity as u64 - 1));
                let nothing = rx.recv_timeout(LOOKS).err();
                assert_eq!(nothing, Some(RecvTimeoutError::Timeout), "behind its claim");
                drop(channel.sender().unwrap());
                assert_eq!(channel.recover().unwrap(), 0);
                assert_eq!(words.claims(Phase::Writing, id), [POSITION]);
            }
            Stage::Done => take(&rx, [STAKE]),
            _ => {}
        }
        if stage != Stage::Claimed {
            for number in OTHERS {
                fill(&tx, [number]);
                take(&rx, [number]);
            }
        }
        assert_eq!(words.record(id).role, 1, "nobody takes it for dead");
        go_on_to_the_end(&mut sender, reached);
        if stage != Stage::Done {
            take(&rx, [STAKE]);
        }
        take(&rx, OTHERS.start..passed);
        sender.finish();
        assert_eq!(sound(&channel, &words, &tx, &rx, "after the stop"), []);
        (reached, stage)
    });
}

pub fn a_try_recv_stopped_anywhere_is_not_robbed<S: End>() {
    for capacity in CAPACITIES {
        stopped_receiver::<S>(capacity);
    }
}

fn stopped_receiver<S: End>(capacity: usize) {
    let what = title::<Tick, S, Multi>(&format!("try_recv, stopped, {capacity} slots"));
    at_each_instruction(&what, Stage::Done, |count| {
        let (channel, words) = channel::<Tick, S, Multi>(capacity);
        let tx = channel.sender().unwrap();
        fill(&tx, WARM_UP);
        fill(&tx, [STAKE]);
        let log = Log::new(1);
        let mut receiver = Walker::fork(|| {
            let rx = channel.receiver().unwrap();
            take(&rx, WARM_UP);
            mark();
            let message = rx.try_recv();
            mark();
            log.push(message.unwrap().number());
            mark();
        });
        receiver.go_to_mark();
        let id = words.receiver_of(receiver.pid());
        let rx = channel.receiver().unwrap();
        let reached = receiver.steps(count);
        let stage = Stage::of_receive(words.state(POSITION), id);
        let its = if stage == Stage::NotDone {
            take(&rx, [STAKE]); // Theirs, since it has not claimed it.
            LAST
        } else {
            STAKE
        };
        let may_pass = if stage == Stage::Claimed {
            capacity - 1
        } else {
            usize::MAX
        };
        for number in OTHERS.take(may_pass) {
            fill(&tx, [number]);
            take(&rx, [number]);
        }
        if stage == Stage::Claimed {
            if may_pass < 100 {
                assert!(matches!(tx.try_send(Tick::of(LAST)), Err(TrySendError::Full(_))));
            }
            let nothing = rx.recv_timeout(LOOKS).err();
            assert_eq!(nothing, Some(RecvTimeoutError::Timeout));
            drop(channel.receiver().unwrap());
            assert_eq!(channel.recover().unwrap(), 0);
            assert_eq!(words.claims(Phase::Reading, id), [POSITION]);
        }
        if its == LAST {
            fill(&tx, [LAST]);
        }
        assert_eq!(words.record(id).role, 2, "nobody takes it for dead");
        go_on_to_the_end(&mut receiver, reached);
        assert_eq!(log.list(), [its]);
        assert_eq!(rx.try_recv().err(), Some(TryRecvError::Empty));
        receiver.finish();
        assert_eq!(sound(&channel, &words, &tx, &rx, "after the stop"), []);
        (reached, stage)
    });
}

/// Through the operation, if it has not returned, and what the child thinks of it.
fn go_on_to_the_end(child: &mut Walker, reached: Reached) {
    if reached.at != At::Mark {
        child.go_to_mark();
    }
    child.go_to_mark();
}
