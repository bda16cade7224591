//! What did a process do, and when?

use std::fmt;
use std::sync::atomic::{Ordering::SeqCst, fence};
use std::time::Duration;

use annulus::{Channel, End, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError};
use nix::time::{ClockId, clock_gettime};

use crate::support::message::Message;

/// `CLOCK_MONOTONIC`, in nanoseconds.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// What an operation did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// It sends; otherwise it receives.
    pub sends: bool,
    /// The messages that it sent or received, in order.
    pub values: Vec<u64>,
    /// After them (or instead) it found the ring full, or empty.
    pub refused: bool,
    /// When it began.
    pub invoked: u64,
    /// When it had its answer.
    pub responded: u64,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<_> = self.values.iter().map(u64::to_string).collect();
        write!(
            f,
            "{},{},{},{},{}",
            self.sends,
            self.refused,
            self.invoked,
            self.responded,
            values.join(",")
        )
    }
}

impl Operation {
    /// As it was displayed.
    pub fn parse(text: &str) -> Operation {
        let mut fields = text.split(',');
        let mut field = || fields.next().expect("a field");
        let sends = field() == "true";
        let refused = field() == "true";
        let invoked = field().parse().expect("a time");
        let responded = field().parse().expect("a time");
        Operation {
            sends,
            refused,
            invoked,
            responded,
            values: fields
                .filter(|v| !v.is_empty())
                .map(|v| v.parse().expect("a value"))
                .collect(),
        }
    }
}

/// Runs an operation between two readings of the clock.
pub fn timed(sends: bool, operation: impl FnOnce() -> (Vec<u64>, bool)) -> Operation {
    let invoked = now();
    fence(SeqCst);
    let (values, refused) = operation();
    fence(SeqCst);
    let responded = now();
    Operation {
        sends,
        values,
        refused,
        invoked,
        responded,
    }
}

/// One endpoint, and which operations it is to do.
pub struct Recorder<T: Message, S: End, R: End> {
    end: Result<Sender<T, S>, Receiver<T, R>>,
    /// The process among those of its history.
    number: u64,
    next: u64,
    dice: u64,
}

/// Operations in a round.
const OPERATIONS: usize = 6;
/// A wait that is mostly over before it has begun: what times out has seen full or empty before it gave up.
const A_MOMENT: Duration = Duration::from_micros(20);

impl<T: Message, S: End, R: End> Recorder<T, S, R> {
    /// Attaches the end that the environment names.
    pub fn attach(channel: &Channel<T, S, R>) -> Self {
        let variable = |name| std::env::var(name).unwrap();
        let number: u64 = variable("NUMBER").parse().unwrap();
        Recorder {
            end: if variable("SENDS") == "true" {
                Ok(channel.sender().unwrap())
            } else {
                Err(channel.receiver().unwrap())
            },
            number,
            next: 0,
            dice: (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// Below `n`. Marsaglia's xorshift64.
    fn roll(&mut self, n: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % n
    }

    /// Some operations, from `begin` on.
    pub fn round(&mut self, round: u64, begin: u64) -> Vec<Operation> {
        self.dice ^= round.wrapping_mul(0xd134_2543_de82_ef95) | 1;
        let plan: Vec<_> = (0..OPERATIONS)
            .map(|_| (self.roll(4), self.roll(3) as usize + 2))
            .collect();
        while now() < begin {
            std::hint::spin_loop();
        }
        plan.into_iter()
            .map(|(form, count)| self.operation(form, count))
            .collect()
    }

    fn operation(&mut self, form: u64, count: usize) -> Operation {
        let count = if form == 0 { count } else { 1 };
        let fresh: Vec<u64> = (self.next..).take(count).map(|n| self.number << 32 | n).collect();
        match &self.end {
            Ok(tx) => {
                self.next += count as u64;
                let values: Vec<T> = fresh.iter().map(|&n| T::of(n)).collect();
                timed(true, || {
                    let sent = match form {
                        0 => match tx.try_send_many(&values) {
                            Ok(sent) => sent,
                            Err(TrySendError::Full(())) => 0,
                            Err(e) => panic!("{e}"),
                        },
                        1 => match tx.send_timeout(values[0], A_MOMENT) {
                            Ok(()) => 1,
                            Err(SendTimeoutError::Timeout(_)) => 0,
                            Err(e) => panic!("{e}"),
                        },
                        _ => match tx.try_send(values[0]) {
                            Ok(()) => 1,
                            Err(TrySendError::Full(_)) => 0,
                            Err(e) => panic!("{e}"),
                        },
                    };
                    (fresh[..sent].to_vec(), sent < count)
                })
            }
            Err(rx) => {
                let mut room = vec![T::zeroed(); count];
                let mut operation = timed(false, || {
                    let got = match form {
                        0 => match rx.try_recv_many(&mut room) {
                            Ok(got) => got,
                            Err(TryRecvError::Empty) => 0,
                            Err(e) => panic!("{e}"),
                        },
                        1 => match rx.recv_timeout(A_MOMENT) {
                            Ok(value) => {
                                room[0] = value;
                                1
                            }
                            Err(RecvTimeoutError::Timeout) => 0,
                            Err(e) => panic!("{e}"),
                        },
                        _ => match rx.try_recv() {
                            Ok(value) => {
                                room[0] = value;
                                1
                            }
                            Err(TryRecvError::Empty) => 0,
                            Err(e) => panic!("{e}"),
                        },
                    };
                    (vec![0; got], got < count)
                });
                for (value, message) in operation.values.iter_mut().zip(&room) {
                    *value = message.number();
                }
                operation
            }
        }
    }

    /// Receives until there is nothing left.
    pub fn drain(&mut self) -> Vec<Operation> {
        let mut history = Vec::new();
        loop {
            let operation = self.operation(2, 1);
            let done = operation.refused;
            history.push(operation);
            if done {
                return history;
            }
        }
    }
}
