//! How is work shared out to processes, one of which dies over it?
//!
//! A feeder (this process) puts jobs into an `spmc` ring, four workers (this program again) take them, and their results
//! come back through an `mpsc` ring. The workers end when the jobs do: at the end of the stream. One of them is killed in
//! the middle of a job, and all results are there nevertheless.
//!
//! ```text
//! cargo run --example work_queue
//! ```
//!
//! # What a killed worker takes with it
//! The ring survives: the others go on receiving, and a message that the dead worker had claimed and not been given yet
//! goes to another. But a job that `recv` had *returned* is gone with the process that had it: the ring delivers at most
//! once, and cannot know whether the job was done. So the feeder keeps each job until its result is there, and sends
//! those of a dead worker again. It cannot tell them from those that the others have in hand, so a job may be done twice;
//! results carry the job's number, and the second one is dropped. (A job with side effects needs more than that.)

#![forbid(unsafe_code)]

use std::collections::{BTreeSet, VecDeque};
use std::env;
use std::process::{Child, Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use annulus::bytemuck::{Pod, Zeroable};
use annulus::{RecvTimeoutError, TrySendError, mpsc, spmc};

type Error = Box<dyn std::error::Error>;

const WORKERS: usize = 4;
/// Jobs, and numbers in each: all below a million.
const JOBS: u32 = 200;
const SPAN: u32 = 5000;
/// The job over which a worker is killed.
const FATAL: u32 = 42;
/// Primes below a million.
const PRIMES: u32 = 78_498;
/// Between two looks at whether a worker has died, while there are no results.
const LOOK: Duration = Duration::from_millis(100);

/// "How many primes are there in the span from `start` on?"
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Job {
    number: u32,
    start: u32,
    /// Not 0: it takes ten seconds longer, so that its worker is killed over it each time that this example runs.
    stalls: u32,
}

/// What a worker says of a job.
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Note {
    worker: u32,
    job: u32,
    /// [`BEGUN`] or [`DONE`]. An enum is not `Pod`: not every bit pattern is one.
    kind: u32,
    primes: u32,
}

const BEGUN: u32 = 0;
const DONE: u32 = 1;

fn main() -> Result<ExitCode, Error> {
    match env::args().nth(1) {
        Some(worker) => work(worker.parse()?).map(|()| ExitCode::SUCCESS),
        None => feed(),
    }
}

// The workers.

fn work(worker: u32) -> Result<(), Error> {
    let jobs = spmc::Channel::<Job>::inherited("jobs")?.receiver()?;
    let notes = mpsc::Channel::<Note>::inherited("notes")?.sender()?;
    for Job { number, start, stalls } in &jobs {
        let note = |kind, primes| Note {
            worker,
            job: number,
            kind,
            primes,
        };
        notes.send(note(BEGUN, 0))?;
        if stalls != 0 {
            sleep(Duration::from_secs(10));
        }
        notes.send(note(DONE, primes(start)))?;
    }
    Ok(())
}

fn primes(start: u32) -> u32 {
    let prime = |n: u32| n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (start..start + SPAN).filter(|&n| prime(n)).count() as u32
}

// The feeder.

fn feed() -> Result<ExitCode, Error> {
    // Smaller than what goes through them, so the feeder must not wait with one of them while the other is full.
    let jobs = spmc::Channel::<Job>::anonymous(16)?;
    let notes = mpsc::Channel::<Note>::anonymous(16)?;
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        let mut command = Command::new(env::current_exe()?);
        jobs.pass_to(&mut command, "jobs")?;
        notes.pass_to(&mut command, "notes")?;
        workers.push(command.arg(worker.to_string()).spawn()?);
    }
    let (tx, rx) = (jobs.sender()?, notes.receiver()?);
    drop((jobs, notes)); // Nobody else is to come: should all workers die, the notes end.
    println!("feeder: {JOBS} jobs for {WORKERS} workers");

    let mut ledger = Ledger::new();
    let mut deaths = 0;
    while !ledger.open.is_empty() {
        while let Some(&number) = ledger.to_send.front() {
            match tx.try_send(ledger.job(number)) {
                Ok(()) => ledger.to_send.pop_front(),
                Err(TrySendError::Full(_)) => break,
                Err(error) => return Err(error.into()),
            };
        }
        match rx.recv_timeout(LOOK) {
            Ok(note) => {
                ledger.write(note);
                if note.job == FATAL && ledger.victim.is_none() {
                    println!("feeder: worker {} has begun job {FATAL}, and is killed", note.worker);
                    workers[note.worker as usize].kill()?; // SIGKILL
                    ledger.victim = Some(note.worker as usize);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = ended(&mut workers)?;
        // All jobs have been taken, and some worker has died since we last asked: what is open now is in the hands of
        // the living, or nobody's.
        if ended > deaths && ledger.to_send.is_empty() && tx.is_empty() {
            deaths = ended;
            ledger.send_again();
        }
    }
    drop(tx); // The end of the stream: the workers end, and with them the notes.
    rx.iter().for_each(|note| ledger.write(note));
    for (i, worker) in workers.iter_mut().enumerate() {
        let status = worker.wait()?;
        println!(
            "worker {i}: began {}, finished {}, {status}",
            ledger.begun[i], ledger.done[i]
        );
    }
    println!(
        "feeder: {JOBS} results, {} of them twice; {} primes below a million",
        ledger.twice, ledger.primes
    );
    let killed_in_mid_work = ledger.victim.is_some_and(|i| ledger.begun[i] == ledger.done[i] + 1);
    Ok(if ledger.primes == PRIMES && killed_in_mid_work {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn ended(workers: &mut [Child]) -> Result<usize, Error> {
    let mut count = 0;
    for worker in workers {
        count += usize::from(worker.try_wait()?.is_some());
    }
    Ok(count)
}

/// What the feeder knows.
struct Ledger {
    to_send: VecDeque<u32>,
    /// Jobs without a result.
    open: BTreeSet<u32>,
    primes: u32,
    twice: u32,
    begun: [u32; WORKERS],
    done: [u32; WORKERS],
    victim: Option<usize>,
}

impl Ledger {
    fn new() -> Ledger {
        Ledger {
            to_send: (0..JOBS).collect(),
            open: (0..JOBS).collect(),
            primes: 0,
            twice: 0,
            begun: [0; WORKERS],
            done: [0; WORKERS],
            victim: None,
        }
    }

    fn write(&mut self, note: Note) {
        let worker = note.worker as usize;
        if note.kind == BEGUN {
            self.begun[worker] += 1;
            return;
        }
        self.done[worker] += 1;
        if self.open.remove(&note.job) {
            self.primes += note.primes;
        } else {
            self.twice += 1;
        }
    }

    fn job(&self, number: u32) -> Job {
        Job {
            number,
            start: number * SPAN,
            stalls: u32::from(number == FATAL && self.victim.is_none()),
        }
    }

    fn send_again(&mut self) {
        println!("feeder: sends again what has no result: {:?}", self.open);
        self.to_send.extend(&self.open);
    }
}
