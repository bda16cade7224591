//! Does a channel between processes answer as a queue in one program would?
//!
//! A random program of operations is spread over two to four processes. The coordinator has them executed one at a time,
//! in the program's order, and compares each answer with that of a sequential model (`model`): every message, every
//! `Full`, `Empty`, `Timeout` and `Disconnected`, every length, every refused attach. Nothing runs at the same time, so
//! every answer is exact; what happens when much does is for `histories`. A few operations really wait: the coordinator
//! sees that the process has gone to sleep before it lets another one do what wakes it.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod worker;

use std::cell::Cell;
use std::time::Duration;

use annulus::{Channel, End, FenceMode, SlotPadding};
use model::Model;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use support::message::{Huge, Message, Page, Tick};
use support::{Link, Peer, Words, until};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[("worker", worker)],
        &support::tests!(all: a_channel_between_processes_behaves_as_the_model;),
    )
}

/// Programs for each kind.
const CASES: u32 = 800;

/// A program and the channel that it runs on.
#[derive(Clone, Debug)]
struct Case {
    payload: usize,
    capacity: usize,
    processes: usize,
    /// The processes are this binary executed again, and not forks.
    spawned: bool,
    padded: bool,
    fenced: bool,
    /// Spin before sleeping.
    spins: bool,
    /// The ring starts so many positions before the last one there is.
    back: Option<u64>,
    steps: Vec<Step>,
}

/// One operation. Which endpoint does it is a number modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    AttachSender(usize),
    AttachReceiver(usize),
    DetachSender(usize),
    DetachReceiver(usize),
    Send(usize, Form),
    Receive(usize, Form),
    /// A receiver waits until a sender sends.
    SleepInRecv(usize, usize),
    /// A sender waits until a receiver receives.
    SleepInSend(usize, usize),
    Look(usize),
    Close(usize),
}

/// In which form.
#[derive(Clone, Copy, Debug)]
enum Form {
    Try,
    /// Waiting as long as it takes, where the model says that it takes no time.
    Wait,
    Timeout,
    Deadline,
    TryMany(usize),
    Many(usize),
    /// Receivers only; to a sender as [`Form::Try`].
    TryIter,
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        4 => Just(Form::Try),
        3 => Just(Form::Wait),
        1 => Just(Form::Timeout),
        1 => Just(Form::Deadline),
        2 => (0..6usize).prop_map(Form::TryMany),
        2 => (0..6usize).prop_map(Form::Many),
        1 => Just(Form::TryIter),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..12usize;
    prop_oneof![
        2 => any.clone().prop_map(Step::AttachSender),
        2 => any.clone().prop_map(Step::AttachReceiver),
        1 => any.clone().prop_map(Step::DetachSender),
        1 => any.clone().prop_map(Step::DetachReceiver),
        9 => (any.clone(), form()).prop_map(|(who, form)| Step::Send(who, form)),
        8 => (any.clone(), form()).prop_map(|(who, form)| Step::Receive(who, form)),
        1 => (any.clone(), any.clone()).prop_map(|(who, by)| Step::SleepInRecv(who, by)),
        1 => (any.clone(), any.clone()).prop_map(|(who, by)| Step::SleepInSend(who, by)),
        3 => any.clone().prop_map(Step::Look),
        1 => any.prop_map(Step::Close),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let capacity = prop_oneof![3 => Just(1usize), 3 => Just(2), 2 => 3..=4usize, 1 => 5..=40usize];
    let back = prop_oneof![2 => Just(None), 1 => (0..200u64).prop_map(Some)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let steps = prop::collection::vec(step(), 1..80);
    (0..8usize, capacity, 2..=4usize, flags, back, steps).prop_map(
        |(payload, capacity, processes, flags, back, steps)| {
            let (spawned, padded, fenced, spins) = flags;
            Case {
                payload,
                capacity,
                processes,
                spawned,
                padded,
                fenced,
                spins,
                back,
                steps,
            }
        },
    )
}

/// Calls a function that is generic over the payload, by the payload's number.
macro_rules! with_payload {
    ($payload:expr, $run:ident :: <$S:ty, $R:ty> ($($argument:expr),*)) => {
        match $payload {
            0 => $run::<(), $S, $R>($($argument),*),
            1 => $run::<u8, $S, $R>($($argument),*),
            2 => $run::<u64, $S, $R>($($argument),*),
            3 => $run::<[u8; 12], $S, $R>($($argument),*),
            4 => $run::<Tick, $S, $R>($($argument),*),
            5 => $run::<[u8; 100], $S, $R>($($argument),*),
            6 => $run::<Page, $S, $R>($($argument),*),
            _ => $run::<Huge, $S, $R>($($argument),*),
        }
    };
}

fn a_channel_between_processes_behaves_as_the_model<S: End, R: End>() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let slept = Cell::new(0);
    let result = TestRunner::new(config).run(&case(), |case| {
        let sleeps = with_payload!(case.payload, run::<S, R>(&case))?;
        slept.set(slept.get() + sleeps);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    assert!(slept.get() > 0, "some operation in {CASES} programs sleeps");
}

const PASSED: &str = "ring";

/// A re-executed worker: kind and payload come in the environment.
fn worker(link: &mut Link) {
    use annulus::{Multi, Single};
    let number = |name: &str| std::env::var(name).unwrap().parse::<usize>().unwrap();
    let payload = number("PAYLOAD");
    match number("KIND") {
        1 => with_payload!(payload, inherit::<Single, Single>(link)),
        2 => with_payload!(payload, inherit::<Multi, Single>(link)),
        3 => with_payload!(payload, inherit::<Single, Multi>(link)),
        _ => with_payload!(payload, inherit::<Multi, Multi>(link)),
    }
}

fn inherit<T: Message, S: End, R: End>(link: &mut Link) {
    let channel = Channel::<T, S, R>::inherited(PASSED).unwrap();
    worker::serve(&channel, link);
}

/// Runs a program; how many of its operations slept.
fn run<T: Message, S: End, R: End>(case: &Case) -> Result<u64, TestCaseError> {
    let channel = Channel::<T, S, R>::builder(case.capacity)
        .slot_padding(if case.padded {
            SlotPadding::Line
        } else {
            SlotPadding::Packed
        })
        .table_length(model::TABLE as u32);
    let channel = if case.fenced {
        channel.fence_mode(FenceMode::Fenced)
    } else {
        channel
    };
    let channel = if case.spins {
        channel
    } else {
        channel.spin_time(Duration::ZERO)
    };
    let channel = channel.anonymous().expect("a channel");
    support::words::forget();
    let words = Words::of(&channel);
    if let Some(back) = case.back {
        words.wind(back);
    }
    let start = || {
        if case.spawned {
            Peer::spawn("worker", |command| {
                channel.pass_to(command, PASSED).unwrap();
                command.env("KIND", (Channel::<T, S, R>::kind() as usize).to_string());
                command.env("PAYLOAD", case.payload.to_string());
            })
        } else {
            Peer::fork("worker", |link| worker::serve(&channel, link))
        }
    };
    let mut program = Program {
        peers: (0..case.processes).map(|_| start()).collect(),
        model: Model::new(Channel::<T, S, R>::kind(), channel.capacity(), T::NUMBERS),
        words,
        next: 0,
        slept: 0,
    };
    for (i, step) in case.steps.iter().enumerate() {
        program.step(i, step)?;
    }
    for mut peer in program.peers {
        peer.tell("leave");
        peer.join();
    }
    prop_assert!(program.words.claims(support::words::Phase::Writing, 0).is_empty());
    Ok(program.slept)
}

/// A program on its way.
struct Program {
    peers: Vec<Peer>,
    model: Model,
    words: Words,
    /// The number of the next message.
    next: u64,
    slept: u64,
}

impl Program {
    fn numbers(&mut self, count: usize) -> Vec<u64> {
        let first = self.next;
        self.next += count as u64;
        (first..self.next).collect()
    }

    /// Has an endpoint's process do something; its answer must be the model's.
    fn compare(&mut self, i: usize, process: usize, command: &str, expected: &str) -> Result<(), TestCaseError> {
        let answer = self.peers[process].ask(command);
        prop_assert_eq!(&answer, expected, "step {}: {} in process {}", i, command, process);
        Ok(())
    }

    fn step(&mut self, i: usize, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::AttachSender(process) => {
                let process = process % self.peers.len();
                let (name, expected) = self.model.attach_sender(process);
                self.compare(i, process, &format!("sender {name}"), expected)
            }
            Step::AttachReceiver(process) => {
                let process = process % self.peers.len();
                let (name, expected) = self.model.attach_receiver(process);
                self.compare(i, process, &format!("receiver {name}"), expected)
            }
            Step::DetachSender(who) => {
                let Some((name, process)) = self.model.sender(who) else {
                    return Ok(());
                };
                self.model.detach(name);
                self.compare(i, process, &format!("drop {name}"), "dropped")
            }
            Step::DetachReceiver(who) => {
                let Some((name, process)) = self.model.receiver(who) else {
                    return Ok(());
                };
                self.model.detach(name);
                self.compare(i, process, &format!("drop {name}"), "dropped")
            }
            Step::Send(who, form) => {
                let Some((name, process)) = self.model.sender(who) else {
                    return Ok(());
                };
                let (command, expected) = self.send(name, form);
                self.compare(i, process, &command, &expected)
            }
            Step::Receive(who, form) => {
                let Some((name, process)) = self.model.receiver(who) else {
                    return Ok(());
                };
                let (command, expected) = self.receive(name, form);
                self.compare(i, process, &command, &expected)
            }
            Step::SleepInRecv(who, by) => {
                let (Some((rx, a)), Some((tx, b))) = (self.model.receiver(who), self.model.sender(by)) else {
                    return Ok(());
                };
                if a == b || self.model.receive_answer() != "empty" || self.model.send_answer() != "ok" {
                    return Ok(());
                }
                let number = self.numbers(1)[0];
                let wakes = self.sleep(a, &format!("recv {rx} 1"));
                self.compare(i, b, &format!("send {tx} {number}"), "ok")?;
                prop_assert!(self.wakes() > wakes, "step {}: nobody was woken", i);
                self.model.send(&[number]);
                let expected = self.model.receive(1);
                prop_assert_eq!(self.peers[a].hear(), expected, "step {}: recv in process {}", i, a);
                Ok(())
            }
            Step::SleepInSend(who, by) => {
                let (Some((tx, a)), Some((rx, b))) = (self.model.sender(who), self.model.receiver(by)) else {
                    return Ok(());
                };
                if a == b || self.model.send_answer() != "full" {
                    return Ok(());
                }
                let number = self.numbers(1)[0];
                let wakes = self.sleep(a, &format!("send {tx} {number}"));
                let expected = self.model.receive(1);
                self.compare(i, b, &format!("recv {rx} 1"), &expected)?;
                prop_assert!(self.wakes() > wakes, "step {}: nobody was woken", i);
                self.model.send(&[number]);
                prop_assert_eq!(self.peers[a].hear(), "ok", "step {}: send in process {}", i, a);
                Ok(())
            }
            Step::Look(who) => {
                let Some((name, process)) = self.model.endpoint(who) else {
                    return Ok(());
                };
                let expected = self.model.look();
                self.compare(i, process, &format!("look {name}"), &expected)
            }
            Step::Close(who) => {
                let Some((name, process)) = self.model.endpoint(who) else {
                    return Ok(());
                };
                self.model.close();
                self.compare(i, process, &format!("close {name}"), "closed")
            }
        }
    }

    /// System calls that anybody has made to wake somebody.
    fn wakes(&self) -> u64 {
        (1..self.words.table_length).map(|id| self.words.record(id).wakes).sum()
    }

    /// Gives a command that waits, and sees that it does; [`wakes`](Self::wakes) then.
    fn sleep(&mut self, process: usize, command: &str) -> u64 {
        let waits = |words: &Words| (1..words.table_length).map(|id| words.record(id).waits).sum::<u64>();
        let before = waits(&self.words);
        let peer = &mut self.peers[process];
        peer.tell(command);
        until("it sleeps", || {
            assert!(!peer.has_spoken(), "{command} in process {process}: {}", peer.hear());
            waits(&self.words) > before && peer.state() == 'S'
        });
        self.slept += 1;
        self.wakes()
    }

    fn send(&mut self, name: u32, form: Form) -> (String, String) {
        let answer = self.model.send_answer();
        let (verb, count) = match form {
            Form::Wait if answer != "full" => ("send", 1),
            Form::Wait | Form::Timeout => ("send_timeout", 1),
            Form::Deadline => ("send_deadline", 1),
            Form::Try | Form::TryIter => ("try_send", 1),
            Form::Many(count) if answer != "ok" || count <= self.model.room() => ("send_many", count),
            Form::Many(count) | Form::TryMany(count) => ("try_send_many", count),
        };
        // A batch that would wait is tried instead.
        let verb = if verb == "send_many" && answer == "full" && count > 0 {
            "try_send_many"
        } else {
            verb
        };
        let numbers = self.numbers(count);
        let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let command = format!("{verb} {name} {}", list.join(","));
        let expected = match (verb, answer) {
            ("try_send_many", _) if count == 0 => "sent 0".to_owned(),
            ("try_send_many", "ok") => format!("sent {}", self.model.send(&numbers)),
            ("send_many", _) if count == 0 => "ok".to_owned(),
            ("send_many", "disconnected") => "sent 0, then disconnected".to_owned(),
            ("send_timeout" | "send_deadline", "full") => format!("timeout {}", self.model.reduce(numbers[0])),
            (_, "ok") => {
                assert_eq!(self.model.send(&numbers), count);
                "ok".to_owned()
            }
            ("try_send_many", refused) => refused.to_owned(),
            (_, refused) => format!("{refused} {}", self.model.reduce(numbers[0])),
        };
        (command, expected)
    }

    fn receive(&mut self, name: u32, form: Form) -> (String, String) {
        let answer = self.model.receive_answer();
        let (verb, count) = match form {
            Form::Wait if answer != "empty" => ("recv", 1),
            Form::Wait | Form::Timeout => ("recv_timeout", 1),
            Form::Deadline => ("recv_deadline", 1),
            Form::Try => ("try_recv", 1),
            Form::Many(count) if answer != "empty" || count == 0 => ("recv_many", count),
            Form::Many(count) | Form::TryMany(count) => ("try_recv_many", count),
            Form::TryIter => ("try_iter", usize::MAX),
        };
        let command = format!("{verb} {name} {count}");
        let expected = match (verb, answer) {
            ("try_iter", _) => self.model.receive(count),
            (_, _) if count == 0 => "got ".to_owned(),
            ("recv_timeout" | "recv_deadline", "empty") => "timeout".to_owned(),
            (_, "ok") => self.model.receive(count),
            (_, refused) => refused.to_owned(),
        };
        (command, expected)
    }
}
