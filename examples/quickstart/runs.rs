//! What is measured? A stream one way, one message at a time or 64 at a time, and round trips.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::links::{Error, In, Out};
use super::messages::{Check, Tally, message};

/// Messages in a batch.
const BATCH: usize = 64;
/// Messages between two looks at the clock.
const BETWEEN_LOOKS: u64 = 256;
/// The part of a run, from its beginning, whose round trips are checked and not timed.
const WARM_UP: u32 = 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// One way, a message a call.
    Stream,
    /// One way, 64 messages a call.
    Batches,
    /// There and back, without ever going to sleep.
    Spinning,
    /// There and back, going to sleep at once for each message.
    Asleep,
}

impl Run {
    pub const ALL: [Run; 4] = [Run::Stream, Run::Batches, Run::Spinning, Run::Asleep];

    pub fn name(self) -> &'static str {
        match self {
            Run::Stream => "stream",
            Run::Batches => "batches",
            Run::Spinning => "spinning",
            Run::Asleep => "asleep",
        }
    }
}

/// What the first process knows after a run.
pub struct Sent {
    /// Messages sent to the second one.
    pub messages: u64,
    /// What came back, if anything was to.
    pub echoes: Option<Tally>,
    /// Nanoseconds from sending to receiving the echo.
    pub round_trips: Histogram<u64>,
}

/// The first process: sends for about `time`, and ends the stream.
pub fn lead(run: Run, time: Duration, mut out: impl Out, mut echoes: impl In) -> Result<Sent, Error> {
    let start = Instant::now();
    let mut sent = 0;
    let mut round_trips = Histogram::new(3)?;
    match run {
        Run::Stream => {
            while start.elapsed() < time {
                for n in sent..sent + BETWEEN_LOOKS {
                    out.send(message(n))?;
                }
                sent += BETWEEN_LOOKS;
            }
        }
        Run::Batches => {
            while start.elapsed() < time {
                for _ in 0..BETWEEN_LOOKS {
                    let batch: [u64; BATCH] = std::array::from_fn(|i| message(sent + i as u64));
                    out.send_many(&batch)?;
                    sent += BATCH as u64;
                }
            }
        }
        Run::Spinning | Run::Asleep => {
            let mut check = Check::default();
            let warm = start + time / WARM_UP;
            let end = start + time;
            loop {
                let begin = Instant::now();
                out.send(message(sent))?;
                sent += 1;
                let Some(echo) = echoes.recv()? else { break };
                let there_and_back = begin.elapsed();
                check.take(echo);
                if begin >= end {
                    break;
                }
                if begin >= warm {
                    round_trips.record(there_and_back.as_nanos() as u64)?;
                }
            }
            return Ok(Sent {
                messages: sent,
                echoes: Some(check.tally()),
                round_trips,
            });
        }
    }
    Ok(Sent {
        messages: sent,
        echoes: None,
        round_trips,
    })
}

/// The second process: receives until the end of the stream, and checks. How long it took, from the first message on.
pub fn follow(run: Run, mut messages: impl In, mut echoes: impl Out) -> Result<(Tally, Duration), Error> {
    let mut check = Check::default();
    let mut batch = [0; BATCH];
    let Some(first) = messages.recv()? else {
        return Ok((check.tally(), Duration::ZERO));
    };
    let start = Instant::now();
    check.take(first);
    match run {
        Run::Stream => {
            while let Some(message) = messages.recv()? {
                check.take(message);
            }
        }
        Run::Batches => loop {
            let count = messages.recv_many(&mut batch)?;
            if count == 0 {
                break;
            }
            batch[..count].iter().for_each(|&message| check.take(message));
        },
        Run::Spinning | Run::Asleep => {
            echoes.send(first)?;
            while let Some(message) = messages.recv()? {
                check.take(message);
                echoes.send(message)?;
            }
        }
    }
    Ok((check.tally(), start.elapsed()))
}
