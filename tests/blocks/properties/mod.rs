//! Does a channel of blocks between processes answer as a pool and a queue in one program would?
//!
//! A random program of operations is spread over two or three processes, some of which are killed on the way. They are
//! executed one at a time, in the program's order, and each answer is compared with that of a sequential model (`model`):
//! every message, in which order and whether it had come before, every `Exhausted` with its holders, every `Empty` and
//! `Disconnected`. A few operations really wait: another one is made only when the process is asleep.

mod model;
mod worker;

use std::cell::Cell;
use std::time::Duration;

use annulus::FenceMode;
use model::Model;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{Peer, until, words};
use crate::words::BlockWords;
use crate::world::{Numbers, ROOM};

/// Programs.
const CASES: u32 = 600;

/// A program and the channel that it runs on.
#[derive(Clone, Debug)]
struct Case {
    blocks: usize,
    processes: usize,
    fenced: bool,
    /// Spin before sleeping.
    spins: bool,
    /// So many positions before a place where numbers wrap.
    start: Option<(Wrap, u64)>,
    steps: Vec<Step>,
}

/// Where something wraps.
#[derive(Clone, Copy, Debug)]
enum Wrap {
    /// Positions, and laps with them.
    Position,
    /// What of a position is in a block's word.
    Word,
    /// The sign of a difference of the two.
    Sign,
}

/// One operation. Who does it is a number modulo how many can.
#[derive(Clone, Debug)]
enum Step {
    Attach(usize, bool),
    Detach(usize, bool),
    Loan(usize, Form),
    LoanTooMuch(usize),
    Send(usize),
    SendSlice(usize, Form),
    Abort(usize),
    Receive(usize, Form),
    Drop(usize),
    /// A receiver waits until a sender sends.
    SleepInRecv(usize, usize),
    /// A sender waits until somebody gives a block back.
    SleepInLoan(usize, usize),
    Look(usize),
    Close(usize, bool),
    Kill(usize),
}

/// In which form.
#[derive(Clone, Copy, Debug)]
enum Form {
    Try,
    /// Waiting as long as it takes, where the model says that it takes no time.
    Wait,
    Timeout,
    Deadline,
}

impl Form {
    /// Of the verb, where an answer might have to be waited for.
    fn of(self, verb: &str, waits: bool) -> String {
        match self {
            Form::Wait if !waits => verb.to_owned(),
            Form::Try | Form::Wait => format!("try_{verb}"),
            Form::Timeout => format!("{verb}_timeout"),
            Form::Deadline => format!("{verb}_deadline"),
        }
    }
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        4 => Just(Form::Try),
        3 => Just(Form::Wait),
        1 => Just(Form::Timeout),
        1 => Just(Form::Deadline),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let any = || 0..12usize;
    prop_oneof![
        4 => (any(), proptest::bool::ANY).prop_map(|(who, sends)| Step::Attach(who, sends)),
        1 => (any(), proptest::bool::ANY).prop_map(|(who, sends)| Step::Detach(who, sends)),
        7 => (any(), form()).prop_map(|(who, form)| Step::Loan(who, form)),
        1 => any().prop_map(Step::LoanTooMuch),
        6 => any().prop_map(Step::Send),
        3 => (any(), form()).prop_map(|(who, form)| Step::SendSlice(who, form)),
        2 => any().prop_map(Step::Abort),
        8 => (any(), form()).prop_map(|(who, form)| Step::Receive(who, form)),
        6 => any().prop_map(Step::Drop),
        1 => (any(), any()).prop_map(|(who, by)| Step::SleepInRecv(who, by)),
        1 => (any(), any()).prop_map(|(who, by)| Step::SleepInLoan(who, by)),
        3 => any().prop_map(Step::Look),
        1 => (any(), proptest::bool::ANY).prop_map(|(who, sends)| Step::Close(who, sends)),
        1 => any().prop_map(Step::Kill),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let blocks = prop::sample::select(vec![1, 2, 3, 5, 8]);
    let wrap = prop::sample::select(vec![Wrap::Position, Wrap::Word, Wrap::Sign]);
    let start = prop::option::of((wrap, 0..24u64));
    let steps = prop::collection::vec(step(), 1..120);
    (
        blocks,
        2..=3usize,
        proptest::bool::ANY,
        proptest::bool::ANY,
        start,
        steps,
    )
        .prop_map(|(blocks, processes, fenced, spins, start, steps)| Case {
            blocks,
            processes,
            fenced,
            spins,
            start,
            steps,
        })
}

pub(crate) fn blocks_between_processes_behave_as_the_model() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let (slept, killed) = (Cell::new(0), Cell::new(0));
    let result = TestRunner::new(config).run(&case(), |case| {
        let program = run(&case)?;
        slept.set(slept.get() + program.0);
        killed.set(killed.get() + program.1);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    assert!(
        slept.get() > 0 && killed.get() > 0,
        "some sleep, and some die with blocks"
    );
}

/// Runs a program; how many of its operations slept, and how many blocks the dead had.
fn run(case: &Case) -> Result<(u64, usize), TestCaseError> {
    let mut channel = Numbers::builder(case.blocks, ROOM).table_length(model::TABLE as u32);
    if case.fenced {
        channel = channel.fence_mode(FenceMode::Fenced);
    }
    if !case.spins {
        channel = channel.spin_time(Duration::ZERO);
    }
    let channel = channel.anonymous().expect("a channel");
    words::forget();
    let words = BlockWords::of(&channel);
    if let Some((wrap, back)) = case.start {
        let at = match wrap {
            Wrap::Position => 1 << words.position_bits(),
            Wrap::Word => 1 << 48,
            Wrap::Sign => 1 << (words.position_bits() - 1),
        };
        words.wind(at - back);
    }
    let start = || Peer::fork("worker", |link| worker::serve(&channel, link));
    let mut program = Program {
        peers: (0..case.processes).map(|_| start()).collect(),
        channel: &channel,
        model: Model::new(case.blocks),
        words: &words,
        next: 0,
        slept: 0,
        killed: 0,
    };
    for (i, step) in case.steps.iter().enumerate() {
        program.step(i, step)?;
    }
    for mut peer in program.peers {
        peer.tell("leave");
        peer.join();
    }
    let left = channel.holders();
    prop_assert!(left.endpoints.is_empty(), "{}", left);
    Ok((program.slept, program.killed))
}

/// A program on its way.
struct Program<'a> {
    peers: Vec<Peer>,
    channel: &'a Numbers,
    model: Model,
    words: &'a BlockWords,
    /// The number of the next message.
    next: u64,
    slept: u64,
    killed: usize,
}

impl Program<'_> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Has an endpoint's process do something; its answer must be the model's.
    fn compare(&mut self, i: usize, process: usize, command: &str, expected: &str) -> Result<(), TestCaseError> {
        let answer = self.peers[process].ask(command);
        prop_assert_eq!(&answer, expected, "step {}: {} in process {}", i, command, process);
        Ok(())
    }

    fn step(&mut self, i: usize, step: &Step) -> Result<(), TestCaseError> {
        self.perform(i, step).unwrap_or(Ok(()))
    }

    /// `None`: nobody can do that now.
    fn perform(&mut self, i: usize, step: &Step) -> Option<Result<(), TestCaseError>> {
        Some(match *step {
            Step::Attach(process, sends) => {
                let process = process % self.peers.len();
                let (name, expected) = self.model.attach(process, sends);
                let verb = if sends { "sender" } else { "receiver" };
                self.compare(i, process, &format!("{verb} {name}"), expected)
            }
            Step::Detach(who, sends) => {
                let (name, process) = self.model.endpoint(who, sends)?;
                self.model.drop_handle(name);
                self.compare(i, process, &format!("leave-handle {name}"), "dropped")
            }
            Step::Loan(who, form) => {
                let (name, process) = self.model.endpoint(who, true)?;
                let (answer, number) = (self.model.loan_answer(), self.number());
                let verb = form.of("loan", answer.starts_with("exhausted"));
                let made = if answer == "lent" {
                    self.model.lend(name, process, number)
                } else {
                    0
                };
                self.compare(i, process, &format!("{verb} {name} {made} {number}"), &answer)
            }
            Step::LoanTooMuch(who) => {
                let (name, process) = self.model.endpoint(who, true)?;
                self.compare(i, process, &format!("too-long {name}"), "too long")
            }
            Step::Send(which) => {
                let (name, process, _) = self.model.thing(which, true)?;
                let expected = self.model.send(name);
                self.compare(i, process, &format!("send {name}"), expected)
            }
            Step::SendSlice(who, form) => {
                let (name, process) = self.model.endpoint(who, true)?;
                let (answer, number) = (self.model.loan_answer(), self.number());
                let verb = form.of("loan", answer.starts_with("exhausted"));
                let expected = if answer == "lent" {
                    self.model.put(number);
                    "sent".to_owned()
                } else {
                    answer
                };
                self.compare(i, process, &format!("{verb}_slice {name} 0 {number}"), &expected)
            }
            Step::Abort(which) => {
                let (name, process, _) = self.model.thing(which, true)?;
                self.model.forget(name);
                self.compare(i, process, &format!("drop {name}"), "dropped")
            }
            Step::Receive(who, form) => {
                let (name, process) = self.model.endpoint(who, false)?;
                let (answer, takes) = self.model.receive_answer();
                let verb = form.of("recv", answer == "empty");
                let made = if takes { self.model.receive(name, process) } else { 0 };
                self.compare(i, process, &format!("{verb} {name} {made}"), &answer)
            }
            Step::Drop(which) => {
                let (name, process, _) = self.model.thing(which, false)?;
                self.model.forget(name);
                self.compare(i, process, &format!("drop {name}"), "dropped")
            }
            Step::SleepInRecv(who, by) => {
                let (rx, a) = self.model.endpoint(who, false)?;
                let (tx, b) = self.model.endpoint(by, true)?;
                if a == b || self.model.receive_answer().0 != "empty" || self.model.loan_answer() != "lent" {
                    return None;
                }
                let number = self.number();
                self.model.put(number);
                let expected = self.model.receive_answer().0;
                let made = self.model.receive(rx, a);
                let wakes = self.sleep(a, &format!("recv {rx} {made}"));
                self.compare(i, b, &format!("loan_slice {tx} 0 {number}"), "sent")
                    .and_then(|()| self.woken(i, a, &expected, wakes))
            }
            Step::SleepInLoan(who, by) => {
                let (tx, a) = self.model.endpoint(who, true)?;
                if !self.model.loan_answer().starts_with("exhausted") {
                    return None;
                }
                let number = self.number();
                let (given, b) = match (self.model.anothers(a), self.model.endpoint(by, false)) {
                    (Some(thing), _) => thing,
                    (None, Some((rx, b))) if a != b => {
                        let (answer, takes) = self.model.receive_answer();
                        if !takes {
                            return None;
                        }
                        let made = self.model.receive(rx, b);
                        if let Err(error) = self.compare(i, b, &format!("recv {rx} {made}"), &answer) {
                            return Some(Err(error));
                        }
                        (made, b)
                    }
                    _ => return None,
                };
                self.model.forget(given);
                if self.model.loan_answer() != "lent" {
                    // It was a receiver's last, and nobody would wait: no sleep then.
                    return Some(self.compare(i, b, &format!("drop {given}"), "dropped"));
                }
                let made = self.model.lend(tx, a, number);
                let wakes = self.sleep(a, &format!("loan {tx} {made} {number}"));
                self.compare(i, b, &format!("drop {given}"), "dropped")
                    .and_then(|()| self.woken(i, a, "lent", wakes))
            }
            Step::Look(who) => {
                let sender = self.model.endpoint(who, true);
                let (name, process) = sender.or_else(|| self.model.endpoint(who, false))?;
                let expected = self.model.look();
                self.compare(i, process, &format!("look {name}"), &expected)
            }
            Step::Close(who, sends) => {
                let (name, process) = self.model.endpoint(who, sends)?;
                self.model.close();
                self.compare(i, process, &format!("close {name}"), "closed")
            }
            Step::Kill(process) => {
                let process = process % self.peers.len();
                self.peers[process].kill();
                self.model.kill(process);
                let repaired = self.channel.recover().expect("a sound channel");
                self.killed += repaired;
                let channel = self.channel;
                self.peers[process] = Peer::fork("worker", |link| worker::serve(channel, link));
                Ok(())
            }
        })
    }

    fn waits(&self) -> u64 {
        (1..self.words.table_length).map(|id| self.words.record(id).waits).sum()
    }

    /// System calls that anybody has made to wake somebody.
    fn wakes(&self) -> u64 {
        (1..self.words.table_length).map(|id| self.words.record(id).wakes).sum()
    }

    /// Gives a command that waits, and sees that it does; [`wakes`](Self::wakes) then.
    fn sleep(&mut self, process: usize, command: &str) -> u64 {
        let before = self.waits();
        self.peers[process].tell(command);
        until("it sleeps", || {
            let peer = &mut self.peers[process];
            assert!(!peer.has_spoken(), "{command} in process {process}: {}", peer.hear());
            peer.state() == 'S' && self.waits() > before
        });
        self.slept += 1;
        self.wakes()
    }

    /// The one that sleeps has been woken, and answers.
    fn woken(&mut self, i: usize, process: usize, expected: &str, wakes: u64) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            self.peers[process].hear(),
            expected,
            "step {}: in process {}",
            i,
            process
        );
        prop_assert!(self.wakes() > wakes, "step {}: nobody was woken", i);
        Ok(())
    }
}
