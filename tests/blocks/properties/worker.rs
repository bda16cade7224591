//! What does a process do with the commands that it is given?

use std::collections::HashMap;
use std::time::{Duration, Instant};

use annulus::blocks::{Holders, LoanError, LoanTimeoutError, TryLoanError};
use annulus::{AttachError, RecvError, RecvTimeoutError, SendError, TryRecvError};

use crate::support::Link;
use crate::world::{Got, Made, Numbers, ROOM, Rx, Tx, fill, len_of, number};

const A_MOMENT: Duration = Duration::from_micros(300);

/// Executes commands until it is told to leave.
pub(crate) fn serve(channel: &Numbers, link: &mut Link) {
    let mut worker = Worker {
        channel,
        senders: HashMap::new(),
        receivers: HashMap::new(),
        loans: HashMap::new(),
        blocks: HashMap::new(),
    };
    while let Some(command) = link.hear() {
        if command == "leave" {
            return;
        }
        let answer = worker.execute(&command);
        link.say(answer);
    }
}

struct Worker<'a> {
    channel: &'a Numbers,
    senders: HashMap<u32, Tx>,
    receivers: HashMap<u32, Rx>,
    loans: HashMap<u32, Made>,
    blocks: HashMap<u32, Got>,
}

impl Worker<'_> {
    /// A verb, whom it is about, and two more numbers: as a rule the name of what comes of it, and of a message.
    fn execute(&mut self, command: &str) -> String {
        let mut words = command.split(' ');
        let verb = words.next().unwrap();
        let mut word = || words.next().map_or(0, |word| word.parse::<u64>().unwrap());
        let (name, made, message) = (word() as u32, word() as u32, word());
        match verb {
            "sender" => attached(self.channel.sender().map(|tx| _ = self.senders.insert(name, tx))),
            "receiver" => attached(self.channel.receiver().map(|rx| _ = self.receivers.insert(name, rx))),
            "leave-handle" => {
                assert!(self.senders.remove(&name).is_some() || self.receivers.remove(&name).is_some());
                "dropped".to_owned()
            }
            "drop" => {
                let block = self.blocks.remove(&name);
                block.iter().for_each(|block| _ = number(block));
                assert!(self.loans.remove(&name).is_some() || block.is_some());
                "dropped".to_owned()
            }
            "close" => {
                self.senders.get(&name).map(Tx::close);
                self.receivers.get(&name).map(Rx::close);
                "closed".to_owned()
            }
            "look" => match self.senders.get(&name) {
                Some(tx) => look(tx.len(), &tx.holders()),
                None => look(self.receivers[&name].len(), &self.channel.holders()),
            },
            "send" => match self.loans.remove(&name).unwrap().send() {
                Ok(()) => "sent".to_owned(),
                Err(SendError::Disconnected(loan)) => {
                    self.loans.insert(name, loan);
                    "disconnected".to_owned()
                }
                Err(other) => other.to_string(),
            },
            "too-long" => match self.senders[&name].try_loan(ROOM + 1) {
                Err(TryLoanError::TooLong { max: ROOM, .. }) => "too long".to_owned(),
                other => format!("{other:?}"),
            },
            _ if verb.ends_with("slice") => slice(&self.senders[&name], verb, message),
            _ if verb.contains("loan") => match lend(&self.senders[&name], verb, len_of(message)) {
                Ok(mut loan) => {
                    fill(&mut loan, message);
                    self.loans.insert(made, loan);
                    "lent".to_owned()
                }
                Err(answer) => answer,
            },
            _ => match receive(&self.receivers[&name], verb) {
                Ok(block) => {
                    let answer = format!("got {} {}", number(&block), block.redelivered());
                    self.blocks.insert(made, block);
                    answer
                }
                Err(answer) => answer,
            },
        }
    }
}

fn attached(result: Result<(), AttachError>) -> String {
    match result {
        Ok(()) => "attached".to_owned(),
        Err(AttachError::TableFull { .. }) => "table full".to_owned(),
        Err(other) => other.to_string(),
    }
}

fn look(len: usize, holders: &Holders) -> String {
    let held: usize = holders.endpoints.iter().map(|holder| holder.blocks).sum();
    assert_eq!(len, holders.unread);
    format!("{} unread {} orphaned {held} held", holders.unread, holders.orphaned)
}

fn exhausted(holders: &Holders) -> String {
    format!("exhausted: {}", look(holders.unread, holders))
}

fn tried(error: TryLoanError) -> String {
    match error {
        TryLoanError::Exhausted(holders) => exhausted(&holders),
        TryLoanError::Disconnected => "disconnected".to_owned(),
        other => other.to_string(),
    }
}

fn timed(error: LoanTimeoutError) -> String {
    match error {
        LoanTimeoutError::Timeout(holders) => exhausted(&holders),
        LoanTimeoutError::Disconnected => "disconnected".to_owned(),
        other => other.to_string(),
    }
}

fn waited(error: LoanError) -> String {
    match error {
        LoanError::Disconnected => "disconnected".to_owned(),
        other => other.to_string(),
    }
}

fn lend(tx: &Tx, verb: &str, len: usize) -> Result<Made, String> {
    match verb {
        "loan" => tx.loan(len).map_err(waited),
        "try_loan" => tx.try_loan(len).map_err(tried),
        "loan_timeout" => tx.loan_timeout(len, A_MOMENT).map_err(timed),
        "loan_deadline" => tx.loan_deadline(len, Instant::now() + A_MOMENT).map_err(timed),
        _ => panic!("{verb:?}"),
    }
}

/// By loan and send in one; the header is needed to tell the messages, so the slice is made a loan's.
fn slice(tx: &Tx, verb: &str, message: u64) -> String {
    let answer = lend(tx, verb.trim_end_matches("_slice"), len_of(message)).map(|mut loan| {
        fill(&mut loan, message);
        loan.send().unwrap();
    });
    answer.map_or_else(|answer| answer, |()| "sent".to_owned())
}

fn receive(rx: &Rx, verb: &str) -> Result<Got, String> {
    let gone = || "disconnected".to_owned();
    let in_time = |error| match error {
        RecvTimeoutError::Timeout => "empty".to_owned(),
        RecvTimeoutError::Disconnected => gone(),
        other => other.to_string(),
    };
    match verb {
        "recv" => rx.recv().map_err(|error| match error {
            RecvError::Disconnected => gone(),
            other => other.to_string(),
        }),
        "try_recv" => rx.try_recv().map_err(|error| match error {
            TryRecvError::Empty => "empty".to_owned(),
            TryRecvError::Disconnected => gone(),
            other => other.to_string(),
        }),
        "recv_timeout" => rx.recv_timeout(A_MOMENT).map_err(in_time),
        "recv_deadline" => rx.recv_deadline(Instant::now() + A_MOMENT).map_err(in_time),
        _ => panic!("{verb:?}"),
    }
}
