//! What does a process do with the commands that it is given, and what does it answer?

use std::collections::BTreeMap;
use std::time::Duration;

use annulus::{
    AttachError, CreateError, Listed, OpenOrCreateError, RecvError, RecvTimeoutError, SendError, SendTimeoutError,
    TryRecvError, TrySendError,
};

use crate::freely;
use crate::handles::{AnyChannel, AnyReceiver, AnySender, KINDS, Wish};
use crate::letter::Letter;
use crate::support::Link;

const A_MOMENT: Duration = Duration::from_micros(300);
/// Seconds after which a worker that is told nothing ends itself.
const PATIENCE: u32 = 150;

/// Executes commands until nobody gives any.
pub fn serve(link: &mut Link) {
    let mut worker = Worker::default();
    while let Some(command) = link.hear() {
        nix::unistd::alarm::set(PATIENCE);
        match command.strip_prefix("run ") {
            Some(program) => freely::run(&mut worker, program, link),
            None => link.say(worker.execute(&command)),
        }
    }
}

/// What a process has, each under a key, and of which object it is.
#[derive(Default)]
pub struct Worker {
    /// Its senders.
    pub senders: BTreeMap<u32, (u64, Box<dyn AnySender>)>,
    /// Its receivers.
    pub receivers: BTreeMap<u32, (u64, Box<dyn AnyReceiver>)>,
    /// Its channels.
    pub channels: BTreeMap<u32, (u64, Box<dyn AnyChannel>)>,
}

impl Worker {
    /// Does it, and says how it went.
    pub fn execute(&mut self, command: &str) -> String {
        let mut words = command.split(' ');
        let verb = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        match (verb, &*rest) {
            ("unlink", [name]) => match annulus::unlink(name) {
                Ok(()) => "unlinked".to_owned(),
                Err(error) => attach_error(error),
            },
            ("list", [prefix]) => list(prefix),
            ("gc", [prefix]) => gc(prefix),
            ("leave", []) => {
                self.senders.clear();
                self.receivers.clear();
                self.channels.clear();
                "left".to_owned()
            }
            (verb, [key, rest @ ..]) => self.with(verb, key.parse().expect("a key"), rest),
            _ => panic!("{command:?}"),
        }
    }

    fn with(&mut self, verb: &str, key: u32, rest: &[&str]) -> String {
        match (verb, rest) {
            ("create" | "join" | "open" | "open_now", [name, numbers @ ..]) => {
                let number = |i: usize| numbers.get(i).map_or(0, |n| n.parse().expect("a number"));
                let wish = Wish {
                    name,
                    kind: number(0),
                    capacity: number(1),
                    keep: number(2) == 1,
                };
                let opened = match verb {
                    "create" => wish.create().map_err(create_error),
                    "join" => wish.join().map_err(|error| match error {
                        OpenOrCreateError::Open(error) => attach_error(error),
                        OpenOrCreateError::Create(error) => create_error(error),
                        other => format!("error: {other}"),
                    }),
                    "open" => wish.open(None).map_err(attach_error),
                    _ => wish.open(Some(Duration::ZERO)).map_err(attach_error),
                };
                opened.map_or_else(
                    |error| error,
                    |channel| {
                        let (object, capacity) = (channel.object(), channel.capacity());
                        self.channels.insert(key, (object, channel));
                        format!("opened {object} {capacity}")
                    },
                )
            }
            ("sender", [channel]) => {
                let (object, channel) = &self.channels[&channel.parse().expect("a key")];
                let sender = channel.sender().map(|tx| self.senders.insert(key, (*object, tx)));
                sender.map_or_else(attach_error, |_| "attached".to_owned())
            }
            ("receiver", [channel]) => {
                let (object, channel) = &self.channels[&channel.parse().expect("a key")];
                let receiver = channel.receiver().map(|rx| self.receivers.insert(key, (*object, rx)));
                receiver.map_or_else(attach_error, |_| "attached".to_owned())
            }
            ("recover", []) => match self.channels[&key].1.recover() {
                Ok(slots) => slots.to_string(),
                Err(error) => attach_error(error),
            },
            ("drop", []) => {
                let sender = self.senders.remove(&key).is_some();
                let receiver = self.receivers.remove(&key).is_some();
                let channel = self.channels.remove(&key).is_some();
                assert!(sender || receiver || channel, "drop {key}");
                "dropped".to_owned()
            }
            (_, [letter]) => send(&*self.senders[&key].1, verb, letter.parse().expect("a letter")),
            (_, []) => receive(&*self.receivers[&key].1, verb),
            _ => panic!("{verb} {key} {rest:?}"),
        }
    }
}

fn attach_error(error: AttachError) -> String {
    match error {
        AttachError::NotFound { .. } => "not found".to_owned(),
        AttachError::Busy => "busy".to_owned(),
        AttachError::Kind { expected, actual } => format!("kind {actual}, not {expected}"),
        AttachError::AlreadyAttached { role, pid } => format!("already a {role}, {pid}"),
        AttachError::TableFull { .. } => "table full".to_owned(),
        AttachError::NotARegion { .. } => "not a region".to_owned(),
        other => format!("error: {other}"),
    }
}

fn create_error(error: CreateError) -> String {
    match error {
        CreateError::NameTaken { by, .. } => format!("taken: {by:?}"),
        CreateError::Busy { .. } => "busy".to_owned(),
        other => format!("error: {other}"),
    }
}

fn send(tx: &dyn AnySender, verb: &str, letter: Letter) -> String {
    // Whoever is refused has the letter back.
    let back = |what: &str, sealed: crate::letter::Sealed| {
        assert_eq!(sealed.open(), letter);
        what.to_owned()
    };
    match verb {
        "send" => match tx.send(letter) {
            Ok(()) => "ok".to_owned(),
            Err(SendError::Disconnected(sealed)) => back("disconnected", sealed),
            Err(other) => format!("error: {other}"),
        },
        "try_send" => match tx.try_send(letter) {
            Ok(()) => "ok".to_owned(),
            Err(TrySendError::Full(sealed)) => back("full", sealed),
            Err(TrySendError::Disconnected(sealed)) => back("disconnected", sealed),
            Err(other) => format!("error: {other}"),
        },
        "send_now" | "send_timeout" => {
            let timeout = if verb == "send_now" { Duration::ZERO } else { A_MOMENT };
            match tx.send_timeout(letter, timeout) {
                Ok(()) => "ok".to_owned(),
                Err(SendTimeoutError::Timeout(sealed)) => back("full", sealed),
                Err(SendTimeoutError::Disconnected(sealed)) => back("disconnected", sealed),
                Err(other) => format!("error: {other}"),
            }
        }
        _ => panic!("{verb:?}"),
    }
}

fn receive(rx: &dyn AnyReceiver, verb: &str) -> String {
    let received = match verb {
        "recv" => rx.recv().map_err(|error| match error {
            RecvError::Disconnected => "disconnected".to_owned(),
            other => format!("error: {other}"),
        }),
        "try_recv" => rx.try_recv().map_err(|error| match error {
            TryRecvError::Empty => "empty".to_owned(),
            TryRecvError::Disconnected => "disconnected".to_owned(),
            other => format!("error: {other}"),
        }),
        "recv_now" | "recv_timeout" => {
            let timeout = if verb == "recv_now" { Duration::ZERO } else { A_MOMENT };
            rx.recv_timeout(timeout).map_err(|error| match error {
                RecvTimeoutError::Timeout => "empty".to_owned(),
                RecvTimeoutError::Disconnected => "disconnected".to_owned(),
                other => format!("error: {other}"),
            })
        }
        _ => panic!("{verb:?}"),
    };
    received.map_or_else(|refused| refused, |letter| format!("got {letter}"))
}

/// Those whose names begin with `prefix`; the dead endpoints last.
fn list(prefix: &str) -> String {
    let listed = match annulus::list() {
        Ok(listed) => listed,
        Err(error) => return format!("error: {error}"),
    };
    let entry = |listed: &Listed| {
        let role = |alive: bool| {
            let with = listed.attached.iter().filter(|a| a.alive == alive);
            let mut all: Vec<_> = with.map(|a| format!("{}@{}", a.role, a.pid)).collect();
            all.sort();
            all.join(",")
        };
        let kind = KINDS
            .iter()
            .find(|kind| kind.eq_ignore_ascii_case(&format!("{:?}", listed.kind)));
        let (orphaned, kept) = (listed.orphaned, listed.kept);
        format!(
            "{} {}x{} orphaned={orphaned} kept={kept} alive={} dead={}",
            listed.name,
            kind.expect("one of four"),
            listed.capacity,
            role(true),
            role(false)
        )
    };
    let ours = listed.iter().filter(|listed| listed.name.starts_with(prefix));
    ours.map(entry).collect::<Vec<_>>().join("; ")
}

/// Those whose names begin with `prefix`, with what was unread.
fn gc(prefix: &str) -> String {
    let removed = match annulus::gc() {
        Ok(removed) => removed,
        Err(error) => return format!("error: {error}"),
    };
    let ours = removed.iter().filter(|removed| removed.name.starts_with(prefix));
    let mut ours: Vec<_> = ours
        .map(|removed| format!("{} unread={:?}", removed.name, removed.unread))
        .collect();
    ours.sort();
    ours.join("; ")
}
