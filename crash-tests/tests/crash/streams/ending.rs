//! What if the writer writes its last and goes while the reader looks whether anybody is left?
//!
//! The reader is stopped at each point of a `read_chunk`, which looks once, sleeps, and looks after the dead at each tick. Then
//! the writer writes one element, of the two that the reader waits for, and detaches; the reader goes on, and must find it.

use std::time::Duration;

use crate::score::Score;
use crate::support::flow::{Channel, SMALL, numbers, try_write};
use crate::support::log::Log;
use crate::support::until;
use crate::trace::{Did, Traced, begin, end};

/// Sleeps of the reader: after the third it only repeats itself.
const SLEEPS: usize = 3;
/// What comes if the reader hears of the end.
const THE_END: u64 = 0;

pub fn the_last_element_comes_before_the_end() {
    let mut score = Score::new("stream, the writer goes while the reader is stopped at one point".into());
    score.enter();
    score.visit_all(written_after);
    score.settle(28);
}

/// What the reader had done last when it was stopped after so many steps. `None`: it has slept often enough by then.
fn written_after(steps: usize) -> Option<Did> {
    let channel = Channel::builder(SMALL)
        .tick(Duration::from_millis(1))
        .spin_time(Duration::ZERO);
    let channel = channel.anonymous().expect("a stream");
    let mut tx = channel.writer().expect("to attach");
    let log = Log::new(4);
    let mut reader = Traced::fork(|| {
        let mut rx = channel.reader().expect("to attach");
        begin();
        let came = rx.read_chunk(2).map(|chunk| numbers(&chunk));
        end();
        came.unwrap_or(vec![THE_END])
            .into_iter()
            .for_each(|number| log.push(number));
    });
    let mut sleeps = 0;
    for _ in 0..steps {
        assert!(reader.step(|| sleeps += 1), "it has heard of something");
    }
    if sleeps == SLEEPS {
        return None;
    }
    reader.stop();
    assert_eq!(try_write(&mut tx, &[7]), Ok(()));
    drop(tx);
    reader.resume();
    until("the reader has gone on", || reader.has_ended());
    assert_eq!(log.list(), [7], "stopped after {steps} steps, {:?}", reader.did());
    Some(reader.did())
}
