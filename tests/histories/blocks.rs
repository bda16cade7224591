//! Is what processes see that share a channel of blocks what a pool and a queue would have shown them?
//!
//! A send takes a block and is over when it is sent; a receive is over when the block is given back. Both take their time in
//! between, now and then, as programs do that fill and read in place.

use std::time::Duration;

use annulus::blocks::{Block, Channel, LoanTimeoutError, Receiver, Sender, TryLoanError};
use annulus::{FenceMode, Kind, RecvTimeoutError, TryRecvError};

use super::checker::{Checker, Ends};
use super::record::{Operation, now, timed};
use super::{PASSED, hear, long, shapes};
use crate::support::{Link, Peer, Words, words};

type Numbers = Channel<[u64]>;

/// Histories for each shape, number of blocks, length and mode.
const ROUNDS: u64 = 80;
/// Operations of a process in a round.
const OPERATIONS: usize = 6;
/// A wait that is mostly over before it has begun.
const A_MOMENT: Duration = Duration::from_micros(20);
/// Messages in a long history, all senders' together.
const MESSAGES: u64 = 60_000;

fn start(channel: &Numbers, role: &str, sends: bool, number: usize) -> Peer {
    Peer::spawn(role, |command| {
        channel.pass_to(command, PASSED).unwrap();
        command.env("SENDS", sends.to_string());
        command.env("NUMBER", number.to_string());
    })
}

/// Messages of a word, and of 64 KiB: others really meet one that is being written or read.
pub fn short_histories_of_blocks_are_linearizable() {
    for (senders, receivers) in shapes(Kind::Blocks) {
        for blocks in [1, 2, 3] {
            for length in [1, 8192] {
                for mode in [None, Some(FenceMode::Fenced)] {
                    let builder = Numbers::builder(blocks, length);
                    let builder = if let Some(mode) = mode {
                        builder.fence_mode(mode)
                    } else {
                        builder
                    };
                    let channel = builder.anonymous().expect("a channel");
                    words::forget();
                    let _words = Words::of(&channel);
                    record(&channel, senders, receivers);
                }
            }
        }
    }
}

/// Records and checks histories. Each begins and ends with all blocks free.
fn record(channel: &Numbers, senders: usize, receivers: usize) {
    let mut peers: Vec<Peer> = (0..senders + receivers)
        .map(|number| start(channel, "blocks", number < senders, number))
        .collect();
    for peer in &mut peers {
        peer.expect("attached");
    }
    let ends = Ends {
        many_senders: true,
        many_receivers: true,
        capacity: channel.blocks(),
        blocks: true,
    };
    for round in 0..ROUNDS {
        let begin = now() + 100_000;
        for peer in &mut peers {
            peer.tell(format!("round {round} {begin}"));
        }
        let mut histories: Vec<Vec<Operation>> = peers.iter_mut().map(hear).collect();
        peers[senders].tell("drain");
        histories[senders].extend(hear(&mut peers[senders]));
        if let Err(why) = Checker::new(ends).check(&histories) {
            panic!("{} blocks, round {round}: {why}", ends.capacity);
        }
    }
    for mut peer in peers {
        peer.tell("leave");
        peer.join();
    }
}

enum End {
    Sends(Sender<[u64]>),
    Receives(Receiver<[u64]>),
}

struct Recorder {
    end: End,
    number: u64,
    next: u64,
    dice: u64,
    length: usize,
}

fn variable<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> T {
    std::env::var(name).unwrap().parse().unwrap()
}

/// A re-executed process.
pub fn recorder(link: &mut Link) {
    let channel = Numbers::inherited(PASSED).unwrap();
    let number: u64 = variable("NUMBER");
    let mut recorder = Recorder {
        end: if variable("SENDS") {
            End::Sends(channel.sender().unwrap())
        } else {
            End::Receives(channel.receiver().unwrap())
        },
        number,
        next: 0,
        dice: (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        length: channel.block_len().min(8192),
    };
    link.say("attached");
    while let Some(command) = link.hear() {
        let mut words = command.split(' ');
        let history = match words.next().unwrap() {
            "round" => {
                let mut word = || words.next().unwrap().parse().unwrap();
                let (round, begin) = (word(), word());
                recorder.round(round, begin)
            }
            "drain" => recorder.drain(),
            _ => return,
        };
        say(link, &history);
    }
}

fn say(link: &mut Link, history: &[Operation]) {
    let history: Vec<_> = history.iter().map(ToString::to_string).collect();
    link.say(history.join(";"));
}

/// What a whole message is made of, in every item.
fn value(block: &Block<[u64]>) -> u64 {
    let value = block[0];
    assert!(block.iter().all(|&item| item == value), "a torn message");
    value
}

impl Recorder {
    /// Below `n`. Marsaglia's xorshift64.
    fn roll(&mut self, n: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % n
    }

    fn round(&mut self, round: u64, begin: u64) -> Vec<Operation> {
        self.dice ^= round.wrapping_mul(0xd134_2543_de82_ef95) | 1;
        while now() < begin {
            std::hint::spin_loop();
        }
        (0..OPERATIONS).map(|_| self.operation()).collect()
    }

    fn operation(&mut self) -> Operation {
        let (form, dwell) = (self.roll(4), self.roll(4) * 1000);
        let dwell = || {
            let end = now() + dwell;
            while now() < end {
                std::hint::spin_loop();
            }
        };
        match &self.end {
            End::Sends(tx) => {
                let value = self.number << 32 | self.next;
                self.next += 1;
                timed(true, || {
                    let loan = match form {
                        0 => match tx.loan_timeout(self.length, A_MOMENT) {
                            Err(LoanTimeoutError::Timeout(_)) => None,
                            loan => Some(loan.unwrap()),
                        },
                        _ => match tx.try_loan(self.length) {
                            Err(TryLoanError::Exhausted(_)) => None,
                            loan => Some(loan.unwrap()),
                        },
                    };
                    let Some(mut loan) = loan else {
                        return (Vec::new(), true);
                    };
                    loan.fill(value);
                    dwell();
                    loan.send().unwrap();
                    (vec![value], false)
                })
            }
            End::Receives(rx) => timed(false, || {
                let block = match form {
                    0 => match rx.recv_timeout(A_MOMENT) {
                        Err(RecvTimeoutError::Timeout) => None,
                        block => Some(block.unwrap()),
                    },
                    _ => match rx.try_recv() {
                        Err(TryRecvError::Empty) => None,
                        block => Some(block.unwrap()),
                    },
                };
                let Some(block) = block else {
                    return (Vec::new(), true);
                };
                assert!(!block.redelivered());
                dwell();
                (vec![value(&block)], false)
            }),
        }
    }

    /// Receives until there is nothing left.
    fn drain(&mut self) -> Vec<Operation> {
        let mut history = Vec::new();
        loop {
            let operation = self.operation();
            let done = operation.refused;
            history.push(operation);
            if done {
                return history;
            }
        }
    }
}

/// For the violations that a queue can show.
pub fn long_histories_of_blocks_show_no_violation() {
    for (senders, receivers) in shapes(Kind::Blocks) {
        for blocks in [1, 3, 4, 64] {
            let channel = Numbers::anonymous(blocks, 1).expect("a channel");
            words::forget();
            let _words = Words::of(&channel);
            let messages = if blocks == 1 { MESSAGES / 6 } else { MESSAGES };
            let mut peers: Vec<Peer> = (0..senders + receivers)
                .map(|number| start(&channel, "long blocks", number < senders, number))
                .collect();
            for peer in &mut peers {
                peer.expect("attached");
            }
            for peer in &mut peers {
                peer.tell(messages / senders as u64);
            }
            let histories: Vec<Vec<Operation>> = peers.iter_mut().map(hear).collect();
            if let Err(why) = long::check(&histories, blocks) {
                panic!("{blocks} blocks: {why}");
            }
            let left = channel.holders();
            assert!(left.endpoints.is_empty() && left.unread == 0, "{left}");
        }
    }
}

/// A re-executed process.
pub fn long_recorder(link: &mut Link) {
    let channel = Numbers::inherited(PASSED).unwrap();
    let number: u64 = variable("NUMBER");
    let mut history = Vec::new();
    if variable("SENDS") {
        let tx = channel.sender().unwrap();
        link.say("attached");
        let count: u64 = link.hear().unwrap().parse().unwrap();
        for seq in 0..count {
            let value = number << 32 | seq;
            history.push(timed(true, || {
                tx.send_slice(&[value]).unwrap();
                (vec![value], false)
            }));
        }
    } else {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        link.hear().unwrap();
        loop {
            let operation = timed(false, || match rx.recv() {
                Ok(block) => (vec![value(&block)], false),
                Err(_) => (Vec::new(), true),
            });
            if operation.refused {
                break;
            }
            history.push(operation);
        }
    }
    say(link, &history);
}
