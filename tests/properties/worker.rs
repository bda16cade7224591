//! What does a process do with the commands that it is given?

use std::collections::HashMap;
use std::time::{Duration, Instant};

use annulus::{
    AttachError, Channel, End, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender,
    TryRecvError, TrySendError,
};

use crate::support::Link;
use crate::support::message::Message;

const A_MOMENT: Duration = Duration::from_micros(300);

/// Executes commands until it is told to leave.
pub fn serve<T: Message, S: End, R: End>(channel: &Channel<T, S, R>, link: &mut Link) {
    let mut worker = Worker {
        channel,
        senders: HashMap::new(),
        receivers: HashMap::new(),
    };
    while let Some(command) = link.hear() {
        if command == "leave" {
            return;
        }
        let answer = worker.execute(&command);
        link.say(answer);
    }
}

struct Worker<'a, T: Message, S: End, R: End> {
    channel: &'a Channel<T, S, R>,
    senders: HashMap<u32, Sender<T, S>>,
    receivers: HashMap<u32, Receiver<T, R>>,
}

impl<T: Message, S: End, R: End> Worker<'_, T, S, R> {
    fn execute(&mut self, command: &str) -> String {
        let mut words = command.split(' ');
        let (verb, name) = (words.next().unwrap(), words.next().unwrap());
        let name = name.parse().unwrap();
        let rest = words.next().unwrap_or_default();
        match verb {
            "sender" => attached(self.channel.sender().map(|tx| _ = self.senders.insert(name, tx))),
            "receiver" => attached(self.channel.receiver().map(|rx| _ = self.receivers.insert(name, rx))),
            "drop" => {
                assert!(self.senders.remove(&name).is_some() || self.receivers.remove(&name).is_some());
                "dropped".to_owned()
            }
            "close" => {
                self.senders.get(&name).map(Sender::close);
                self.receivers.get(&name).map(Receiver::close);
                "closed".to_owned()
            }
            "look" => match self.senders.get(&name) {
                Some(tx) => look(tx.len(), tx.capacity(), tx.is_empty(), tx.is_full()),
                None => {
                    let rx = &self.receivers[&name];
                    look(rx.len(), rx.capacity(), rx.is_empty(), rx.is_full())
                }
            },
            _ if verb.contains("send") => {
                let numbers: Vec<T> = rest
                    .split(',')
                    .filter(|n| !n.is_empty())
                    .map(|n| T::of(n.parse().unwrap()))
                    .collect();
                send(&self.senders[&name], verb, &numbers)
            }
            _ => receive(&self.receivers[&name], verb, rest.parse().unwrap()),
        }
    }
}

fn attached(result: Result<(), AttachError>) -> String {
    match result {
        Ok(()) => "attached".to_owned(),
        Err(AttachError::AlreadyAttached { .. }) => "already attached".to_owned(),
        Err(AttachError::TableFull { .. }) => "table full".to_owned(),
        Err(other) => other.to_string(),
    }
}

fn look(len: usize, capacity: usize, is_empty: bool, is_full: bool) -> String {
    format!("{len} of {capacity} {is_empty} {is_full}")
}

fn send<T: Message, S: End>(tx: &Sender<T, S>, verb: &str, values: &[T]) -> String {
    let refused = |what: &str, value: T| format!("{what} {}", value.number());
    let in_time = |result: Result<(), SendTimeoutError<T>>| match result {
        Ok(()) => "ok".to_owned(),
        Err(SendTimeoutError::Timeout(value)) => refused("timeout", value),
        Err(SendTimeoutError::Disconnected(value)) => refused("disconnected", value),
        Err(other) => other.to_string(),
    };
    match verb {
        "send" => match tx.send(values[0]) {
            Ok(()) => "ok".to_owned(),
            Err(SendError::Disconnected(value)) => refused("disconnected", value),
            Err(other) => other.to_string(),
        },
        "try_send" => match tx.try_send(values[0]) {
            Ok(()) => "ok".to_owned(),
            Err(TrySendError::Full(value)) => refused("full", value),
            Err(TrySendError::Disconnected(value)) => refused("disconnected", value),
            Err(other) => other.to_string(),
        },
        "send_timeout" => in_time(tx.send_timeout(values[0], A_MOMENT)),
        "send_deadline" => in_time(tx.send_deadline(values[0], Instant::now() + A_MOMENT)),
        "send_many" => match tx.send_many(values) {
            Ok(()) => "ok".to_owned(),
            Err(error) => match error.kind {
                SendError::Disconnected(()) => format!("sent {}, then disconnected", error.sent),
                other => other.to_string(),
            },
        },
        "try_send_many" => match tx.try_send_many(values) {
            Ok(count) => format!("sent {count}"),
            Err(TrySendError::Full(())) => "full".to_owned(),
            Err(TrySendError::Disconnected(())) => "disconnected".to_owned(),
            Err(other) => other.to_string(),
        },
        _ => panic!("{verb:?}"),
    }
}

fn receive<T: Message, R: End>(rx: &Receiver<T, R>, verb: &str, count: usize) -> String {
    let got = |values: &[T]| {
        let list: Vec<_> = values.iter().map(|value| value.number().to_string()).collect();
        format!("got {}", list.join(","))
    };
    let in_time = |result| match result {
        Ok(value) => got(&[value]),
        Err(RecvTimeoutError::Timeout) => "timeout".to_owned(),
        Err(RecvTimeoutError::Disconnected) => "disconnected".to_owned(),
        Err(other) => other.to_string(),
    };
    let at_once = |result: Result<String, TryRecvError>| match result {
        Ok(got) => got,
        Err(TryRecvError::Empty) => "empty".to_owned(),
        Err(TryRecvError::Disconnected) => "disconnected".to_owned(),
        Err(other) => other.to_string(),
    };
    let waiting = |result: Result<String, RecvError>| match result {
        Ok(got) => got,
        Err(RecvError::Disconnected) => "disconnected".to_owned(),
        Err(other) => other.to_string(),
    };
    match verb {
        "recv" => waiting(rx.recv().map(|value| got(&[value]))),
        "try_recv" => at_once(rx.try_recv().map(|value| got(&[value]))),
        "recv_timeout" => in_time(rx.recv_timeout(A_MOMENT)),
        "recv_deadline" => in_time(rx.recv_deadline(Instant::now() + A_MOMENT)),
        "recv_many" => {
            let mut room = vec![T::zeroed(); count];
            waiting(rx.recv_many(&mut room).map(|n| got(&room[..n])))
        }
        "try_recv_many" => {
            let mut room = vec![T::zeroed(); count];
            at_once(rx.try_recv_many(&mut room).map(|n| got(&room[..n])))
        }
        "try_iter" => got(&rx.try_iter().collect::<Vec<_>>()),
        _ => panic!("{verb:?}"),
    }
}
