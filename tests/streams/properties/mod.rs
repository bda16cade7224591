//! Does a stream answer as a queue in one program would?
//!
//! A random program of operations, in one process or spread over two, some of which are killed on the way and replaced. They
//! are executed one at a time, in the program's order, and each answer is compared with that of a sequential model (`model`):
//! every element, every `Full`, `Empty`, `TooLong` and `Disconnected`, every length. A few operations really wait: another one
//! is made only when the process is asleep.

mod model;
mod worker;

use std::cell::Cell;
use std::time::Duration;

use annulus::FenceMode;
use annulus::stream::Channel;
use model::{End, Model};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use worker::{Element, Worker};

use crate::support::{Peer, until, words};
use crate::words::StreamWords;

/// Programs for each type of elements.
const CASES: u32 = 250;

/// A program and the stream that it runs on.
#[derive(Clone, Debug)]
struct Case {
    /// Or in this process alone.
    two_processes: bool,
    pages: usize,
    fenced: bool,
    /// Spin before sleeping.
    spins: bool,
    /// Elements that have gone through it.
    start: u64,
    steps: Vec<Step>,
}

/// One operation.
#[derive(Clone, Debug)]
enum Step {
    Attach(usize, bool),
    Detach(bool),
    /// A chunk of a length, of which a part is committed.
    WriteChunk(Length, Length, Form),
    Write(Length, Copying),
    ReadChunk(Length, Length, Form),
    Readable(Length),
    Read(Length, Copying),
    Poll(bool),
    Look(bool),
    TooLong(bool, usize),
    Close(bool),
    Kill(usize),
    /// The reader waits until the writer has written.
    SleepInRead(Length),
    /// The writer waits until the reader has consumed.
    SleepInWrite(Length),
}

/// A number of elements.
#[derive(Clone, Copy, Debug)]
enum Length {
    /// So many.
    Few(usize),
    /// So many less than there are, or is room for.
    All(usize),
    /// So many of 1000 of the capacity.
    Part(usize),
}

impl Length {
    /// Where there are `now`, of the capacity.
    fn of(self, now: usize, capacity: usize) -> usize {
        match self {
            Length::Few(few) => few.min(capacity),
            Length::All(less) => now.saturating_sub(less),
            Length::Part(part) => capacity * part / 1000,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Try,
    /// Waiting as long as it takes, where the model says that it takes no time.
    Wait,
    Timeout,
    Deadline,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Copying {
    Try,
    Some,
    /// Where the model says that it takes no time.
    All,
}

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        2 => (0..10usize).prop_map(Length::Few),
        3 => (0..3usize).prop_map(Length::All),
        3 => (0..=1000usize).prop_map(Length::Part),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let end = || proptest::bool::ANY;
    let form = prop_oneof![
        Just(Form::Try),
        Just(Form::Wait),
        Just(Form::Timeout),
        Just(Form::Deadline)
    ];
    let copying = prop_oneof![Just(Copying::Try), Just(Copying::Some), Just(Copying::All)];
    prop_oneof![
        6 => (0..2usize, end()).prop_map(|(who, writes)| Step::Attach(who, writes)),
        1 => end().prop_map(Step::Detach),
        9 => (length(), length(), form.clone()).prop_map(|(len, part, form)| Step::WriteChunk(len, part, form)),
        5 => (length(), copying.clone()).prop_map(|(len, copying)| Step::Write(len, copying)),
        9 => (length(), length(), form).prop_map(|(len, part, form)| Step::ReadChunk(len, part, form)),
        2 => length().prop_map(Step::Readable),
        5 => (length(), copying).prop_map(|(len, copying)| Step::Read(len, copying)),
        2 => end().prop_map(Step::Poll),
        2 => end().prop_map(Step::Look),
        1 => (end(), 1..5000usize).prop_map(|(writes, more)| Step::TooLong(writes, more)),
        1 => end().prop_map(Step::Close),
        1 => (0..2usize).prop_map(Step::Kill),
        2 => length().prop_map(Step::SleepInRead),
        2 => length().prop_map(Step::SleepInWrite),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let flag = || proptest::bool::ANY;
    let start = prop_oneof![
        0..5000u64,
        (0..9000u64).prop_map(|back| 0_u64.wrapping_sub(back)),
        (0..9000u64).prop_map(|back| (1 << 63) - back),
    ];
    let steps = prop::collection::vec(step(), 1..150);
    (flag(), 1..=2usize, flag(), flag(), start, steps).prop_map(
        |(two_processes, pages, fenced, spins, start, steps)| Case {
            two_processes,
            pages,
            fenced,
            spins,
            start,
            steps,
        },
    )
}

pub(crate) fn streams_behave_as_the_model() {
    behave_as_the_model::<u8>();
    crate::support::runner::gets_on();
    behave_as_the_model::<u32>();
    crate::support::runner::gets_on();
    behave_as_the_model::<[u8; 64]>();
}

fn behave_as_the_model<T: Element>() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let (slept, killed) = (Cell::new(0), Cell::new(0));
    let result = TestRunner::new(config).run(&case(), |case| {
        let program = run::<T>(&case)?;
        slept.set(slept.get() + program.0);
        killed.set(killed.get() + program.1);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    assert!(
        slept.get() > 0 && killed.get() > 0,
        "some sleep, and some die at an end"
    );
}

/// Runs a program; how many of its operations slept, and how many ends have died.
fn run<T: Element>(case: &Case) -> Result<(u64, u64), TestCaseError> {
    let mut channel = Channel::<T>::builder(case.pages * 4096 / size_of::<T>());
    if case.fenced {
        channel = channel.fence_mode(FenceMode::Fenced);
    }
    if !case.spins {
        channel = channel.spin_time(Duration::ZERO);
    }
    let channel = channel.anonymous().expect("a stream");
    words::forget();
    let words = StreamWords::of(&channel);
    words.wind(case.start);
    let hosts = if case.two_processes {
        vec![Host::there(&channel), Host::there(&channel)]
    } else {
        vec![Host::Here(Box::new(Worker::new(&channel)))]
    };
    let mut program = Program {
        capacity: channel.capacity(),
        model: Model::new(channel.capacity()),
        hosts,
        channel: &channel,
        words: &words,
        next: 0,
        slept: 0,
        killed: 0,
    };
    for (i, step) in case.steps.iter().enumerate() {
        program.step(i, step)?;
    }
    let (slept, killed) = (program.slept, program.killed);
    prop_assert_eq!(words.len() as usize, program.model.len());
    for host in program.hosts {
        if let Host::There(mut peer) = host {
            peer.tell("leave");
            peer.join();
        }
    }
    Ok((slept, killed))
}

/// Who executes commands.
enum Host<'a, T: Element> {
    Here(Box<Worker<'a, T>>),
    There(Peer),
}

impl<'a, T: Element> Host<'a, T> {
    fn there(channel: &'a Channel<T>) -> Self {
        Host::There(Peer::fork("worker", |link| worker::serve(channel, link)))
    }

    fn ask(&mut self, command: &str) -> String {
        match self {
            Host::Here(worker) => worker.execute(command),
            Host::There(peer) => peer.ask(command),
        }
    }
}

/// A program on its way.
struct Program<'a, T: Element> {
    capacity: usize,
    model: Model,
    hosts: Vec<Host<'a, T>>,
    channel: &'a Channel<T>,
    words: &'a StreamWords,
    /// The number of the next element.
    next: u64,
    slept: u64,
    killed: u64,
}

fn end(writes: bool) -> (End, &'static str) {
    if writes {
        (End::Writer, "writer")
    } else {
        (End::Reader, "reader")
    }
}

impl<T: Element> Program<'_, T> {
    /// Has a process do something; its answer must be the model's.
    fn compare(&mut self, i: usize, process: usize, command: &str, expected: &str) -> Result<(), TestCaseError> {
        let answer = self.hosts[process].ask(command);
        prop_assert_eq!(&answer, expected, "step {}: {} in process {}", i, command, process);
        Ok(())
    }

    /// The next `len` numbers: the first, and what can be told of all.
    fn numbers(&mut self, len: usize) -> (u64, Vec<u64>) {
        let first = self.next;
        self.next += len as u64;
        (first, (first..self.next).map(|number| number % T::NUMBERS).collect())
    }

    fn step(&mut self, i: usize, step: &Step) -> Result<(), TestCaseError> {
        self.perform(i, step).unwrap_or(Ok(()))
    }

    /// `None`: nobody can do that now.
    fn perform(&mut self, i: usize, step: &Step) -> Option<Result<(), TestCaseError>> {
        let capacity = self.capacity;
        Some(match *step {
            Step::Attach(process, writes) => {
                let process = process % self.hosts.len();
                let (end, name) = end(writes);
                let expected = self.model.attach(process, end);
                self.compare(i, process, &format!("attach {name}"), expected)
            }
            Step::Detach(writes) => {
                let (end, name) = end(writes);
                let process = self.model.end(end)?;
                self.model.detach(end);
                self.compare(i, process, &format!("detach {name}"), "detached")
            }
            Step::WriteChunk(len, part, form) => {
                let process = self.model.end(End::Writer)?;
                let len = len.of(self.model.room(), capacity);
                let count = part.of(len, capacity).min(len);
                let (first, numbers) = self.numbers(count);
                let expected = self.model.write_chunk(len, &numbers);
                let form = form.word(&expected);
                self.compare(
                    i,
                    process,
                    &format!("write-chunk {form} {len} {count} {first}"),
                    &expected,
                )
            }
            Step::Write(len, copying) => {
                let process = self.model.end(End::Writer)?;
                let len = len.of(self.model.room(), capacity);
                let (first, numbers) = self.numbers(len);
                let expected = self.model.write(&numbers);
                let all = expected == format!("written {len}") || expected == "disconnected";
                let form = copying.word(&expected, all);
                self.compare(i, process, &format!("write {form} {len} 0 {first}"), &expected)
            }
            Step::ReadChunk(len, part, form) => {
                let process = self.model.end(End::Reader)?;
                let len = len.of(self.model.len(), capacity);
                let count = part.of(len, capacity);
                let expected = self.model.read_chunk(len, count);
                let form = form.word(&expected);
                self.compare(i, process, &format!("read-chunk {form} {len} {count}"), &expected)
            }
            Step::Readable(part) => {
                let process = self.model.end(End::Reader)?;
                let there = self.model.len();
                let count = part.of(there, capacity);
                let expected = self.model.read_chunk(there.max(1), count);
                if expected == "not now" {
                    return None;
                }
                self.compare(i, process, &format!("read-chunk all 0 {count}"), &expected)
            }
            Step::Read(len, copying) => {
                let process = self.model.end(End::Reader)?;
                let len = len.of(self.model.len(), capacity);
                let all = len <= self.model.len() || self.model.len() == 0;
                let expected = self.model.read(len);
                let form = copying.word(&expected, all);
                self.compare(i, process, &format!("read {form} {len}"), &expected)
            }
            Step::Poll(writes) => {
                let (end, name) = end(writes);
                let process = self.model.end(end)?;
                let expected = self.model.poll(end);
                self.compare(i, process, &format!("poll {name}"), expected)
            }
            Step::Look(writes) => {
                let (end, name) = end(writes);
                let process = self.model.end(end)?;
                let expected = if writes {
                    format!("{} free", self.model.room())
                } else {
                    format!("{} there", self.model.len())
                };
                self.compare(i, process, &format!("look {name}"), &expected)
            }
            Step::TooLong(writes, more) => {
                let process = self.model.end(end(writes).0)?;
                let verb = if writes { "write-chunk" } else { "read-chunk" };
                let expected = format!("too long: {} of {capacity}", capacity + more);
                self.compare(i, process, &format!("{verb} wait {} 0 0", capacity + more), &expected)
            }
            Step::Close(writes) => {
                let (end, name) = end(writes);
                let process = self.model.end(end)?;
                self.model.close();
                self.compare(i, process, &format!("close {name}"), "closed")
            }
            Step::Kill(process) => self.kill(i, process % self.hosts.len())?,
            Step::SleepInRead(len) => {
                let (reader, writer) = self.apart()?;
                let len = len.of(self.model.len() + 1, capacity).min(capacity);
                if len <= self.model.len() || self.model.over(End::Reader) || self.model.over(End::Writer) {
                    return None;
                }
                let wakes = self.sleep(reader, &format!("read-chunk wait {len} {len}"), 2);
                let missing = len - self.model.len();
                let (first, numbers) = self.numbers(missing);
                let expected = self.model.write_chunk(missing, &numbers);
                let then = self.model.read_chunk(len, len);
                self.compare(
                    i,
                    writer,
                    &format!("write-chunk try {missing} {missing} {first}"),
                    &expected,
                )
                .and_then(|()| self.woken(i, reader, &then, wakes))
            }
            Step::SleepInWrite(len) => {
                let (reader, writer) = self.apart()?;
                let len = len.of(capacity, capacity);
                if len <= self.model.room() || self.model.over(End::Reader) || self.model.over(End::Writer) {
                    return None;
                }
                let (first, numbers) = self.numbers(len);
                let wakes = self.sleep(writer, &format!("write-chunk wait {len} {len} {first}"), 1);
                let missing = len.max(capacity / 4) - self.model.room();
                let expected = self.model.read_chunk(missing, missing);
                let then = self.model.write_chunk(len, &numbers);
                self.compare(i, reader, &format!("read-chunk try {missing} {missing}"), &expected)
                    .and_then(|()| self.woken(i, writer, &then, wakes))
            }
        })
    }

    /// The processes of the reader and the writer, if they are two.
    fn apart(&self) -> Option<(usize, usize)> {
        let (reader, writer) = (self.model.end(End::Reader)?, self.model.end(End::Writer)?);
        (reader != writer).then_some((reader, writer))
    }

    /// Kills a process. Its ends are taken over at once, by another one: until they wait, the others do not notice.
    fn kill(&mut self, i: usize, process: usize) -> Option<Result<(), TestCaseError>> {
        let Host::There(peer) = &mut self.hosts[process] else {
            return None;
        };
        peer.kill();
        self.hosts[process] = Host::there(self.channel);
        let had = [true, false].map(|writes| (writes, self.model.end(end(writes).0) == Some(process)));
        let died = had.into_iter().filter(|(_, had)| *had);
        for (writes, _) in died.clone() {
            self.model.detach(end(writes).0);
        }
        for (writes, _) in died {
            let (end, name) = end(writes);
            let expected = self.model.attach(process, end);
            self.killed += 1;
            if let Err(error) = self.compare(i, process, &format!("attach {name}"), expected) {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    /// Gives a command that waits, in the only end with record `id`, and sees that it does; the wake-ups until then.
    fn sleep(&mut self, process: usize, command: &str, id: u16) -> u64 {
        let before = self.words.record(id).waits;
        let Host::There(peer) = &mut self.hosts[process] else {
            panic!("two processes");
        };
        peer.tell(command);
        until("it sleeps", || {
            assert!(!peer.has_spoken(), "{command} in process {process}: {}", peer.hear());
            peer.is_waiting(self.words, id, before)
        });
        self.slept += 1;
        self.words.wakes()
    }

    /// The one that sleeps has been woken, and answers.
    fn woken(&mut self, i: usize, process: usize, expected: &str, wakes: u64) -> Result<(), TestCaseError> {
        let Host::There(peer) = &mut self.hosts[process] else {
            panic!("two processes");
        };
        prop_assert_eq!(peer.hear(), expected, "step {}: in process {}", i, process);
        prop_assert!(self.words.wakes() > wakes, "step {}: nobody was woken", i);
        Ok(())
    }
}

impl Form {
    /// Where the model expects this answer.
    fn word(self, expected: &str) -> &'static str {
        match self {
            Form::Wait if expected != "not now" => "wait",
            Form::Try | Form::Wait => "try",
            Form::Timeout => "timeout",
            Form::Deadline => "deadline",
        }
    }
}

impl Copying {
    /// Where the model expects this answer, and whether that is all of it.
    fn word(self, expected: &str, all: bool) -> &'static str {
        match self {
            Copying::Try => "try",
            _ if expected == "not now" => "try",
            Copying::All if all => "all",
            Copying::Some | Copying::All => "some",
        }
    }
}
