//! What if the last sender sends and goes while a receiver looks whether anybody is left?
//!
//! The receiver is stopped at each point of a `recv`, which looks once, sleeps, and looks after the dead at each tick. Then
//! the only sender sends its only message and detaches; the receiver goes on, and must find it.

use std::time::Duration;

use crate::score::Score;
use crate::support::log::Log;
use crate::support::stock::{Channel, ROOM, number_of, try_send};
use crate::support::until;
use crate::trace::{Did, Traced, begin, end};

/// Sleeps of the receiver: after the third it only repeats itself.
const SLEEPS: usize = 3;
/// What comes if the receiver hears of the end.
const THE_END: u64 = 0;

pub fn the_last_message_comes_before_the_end() {
    let mut score = Score::new("blocks, the last sender goes while a receiver is stopped at one point".into());
    score.enter();
    score.visit_all(sent_after);
    score.settle(28);
}

/// What the receiver had done last when it was stopped after so many steps. `None`: it has slept often enough by then.
fn sent_after(steps: usize) -> Option<Did> {
    let channel = Channel::builder(2, ROOM)
        .tick(Duration::from_millis(1))
        .spin_time(Duration::ZERO);
    let channel = channel.anonymous().expect("a channel");
    let tx = channel.sender().expect("to attach");
    let log = Log::new(4);
    let mut receiver = Traced::fork(|| {
        let rx = channel.receiver().expect("to attach");
        begin();
        let came = rx.recv();
        end();
        log.push(came.map_or(THE_END, |block| number_of(&block)));
    });
    let mut sleeps = 0;
    for _ in 0..steps {
        assert!(receiver.step(|| sleeps += 1), "it has heard of something");
    }
    if sleeps == SLEEPS {
        return None;
    }
    receiver.stop();
    assert_eq!(try_send(&tx, 7), Ok(true));
    drop(tx);
    receiver.resume();
    until("the receiver has gone on", || receiver.has_ended());
    assert_eq!(log.list(), [7], "stopped after {steps} steps, {:?}", receiver.did());
    Some(receiver.did())
}
