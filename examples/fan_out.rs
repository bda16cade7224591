//! What has been lost with workers that the dispatcher does not know?
//!
//! A dispatcher has numbers to factor, and whoever comes by the name takes some: any number of workers, whoever started
//! them. One is killed with a task in hand. To find out which task, the dispatcher need not notice the death, nor know who
//! had what: the end of the results tells. (In `work_queue` it has started the workers, and does not wait for the end.)
//!
//! ```text
//! cargo run --release --example fan_out
//! cargo run --release --example fan_out -- dispatch NAME 2    (in one terminal; begins when there are 2 workers)
//! cargo run --release --example fan_out -- work NAME          (in as many others as you like, before or after)
//! cargo run --release --example fan_out -- work NAME 25       (one that is killed over its 25th task)
//! ```
//!
//! # What the two ends say
//! When the last task is sent, the dispatcher drops its sender: the workers drain the ring, get `Disconnected` and leave.
//! When the last worker has left, in whatever way, the results are `Disconnected`, too. Nobody is left who has a task, so
//! what is unanswered *now* is lost, and goes into another round, with other workers; what is answered is answered once.
//! A worker that is killed has at most one task in hand: those that are still in the ring go to the others.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::Duration;

use annulus::bytemuck::{Pod, Zeroable};
use annulus::{RecvError, mpsc, spmc};
use nix::sys::signal::{Signal, raise};

type Error = Box<dyn std::error::Error>;

const TASKS: usize = 400;
const WORKERS: usize = 4;
/// The task over which a worker is killed, of some hundred that it would do.
const FATAL: &str = "25";
/// Messages that each ring holds.
const CAPACITY: usize = 8;
/// How long the dispatcher waits for workers, and workers for the dispatcher.
const PATIENCE: Duration = Duration::from_secs(20);

/// "What is the least factor of this number?"
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Task {
    number: u64,
}

/// What a worker says.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Answer {
    /// Its process's id.
    worker: u64,
    /// The task's, or [`HERE`].
    number: u64,
    factor: u64,
}

/// In place of a number: no answer, but a worker that has come.
const HERE: u64 = 0;

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => return all(),
        ["work", name] => work(name, None)?,
        ["work", name, fatal] => work(name, Some(fatal.parse()?))?,
        ["dispatch", name, workers] => drop(dispatch(name, workers.parse()?, |missing| {
            println!("dispatcher: waits for {missing} of: fan_out work {name}");
            Ok(())
        })?),
        _ => return Err("usage: fan_out [dispatch NAME WORKERS | work NAME [FATAL]]".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn tasks(name: &str) -> String {
    format!("{name}.tasks")
}

fn results(name: &str) -> String {
    format!("{name}.results")
}

fn work(name: &str, fatal: Option<usize>) -> Result<(), Error> {
    let tasks = spmc::Channel::<Task>::open_timeout(&tasks(name), PATIENCE)?;
    // Attached before the tasks are: whoever may have a task holds the results open.
    let results = mpsc::Channel::open_timeout(&results(name), PATIENCE)?.sender()?;
    let tasks = tasks.receiver()?;
    let answer = |number, factor| Answer {
        worker: std::process::id().into(),
        number,
        factor,
    };
    results.send(answer(HERE, 0))?;
    for (count, Task { number }) in (1..).zip(&tasks) {
        if fatal == Some(count) {
            raise(Signal::SIGKILL)?;
        }
        results.send(answer(number, least_factor(number)))?;
    }
    Ok(())
}

fn least_factor(number: u64) -> u64 {
    let odd = (3..).step_by(2).take_while(|d| d * d <= number);
    let factor = |d: &u64| number.is_multiple_of(*d);
    [2].into_iter().chain(odd).find(factor).unwrap_or(number)
}

/// Products of two primes just above a million, with the lesser: half a million divisions to find it, one to check it.
fn products() -> BTreeMap<u64, u64> {
    let primes: Vec<_> = (1_000_000..)
        .filter(|&n| least_factor(n) == n)
        .take(2 * TASKS)
        .collect();
    primes.chunks(2).map(|pair| (pair[0] * pair[1], pair[0])).collect()
}

/// Has everything done by workers that are `call`ed, `missing` of them at first; how many tasks were lost on the way.
fn dispatch(name: &str, mut missing: usize, mut call: impl FnMut(usize) -> Result<(), Error>) -> Result<usize, Error> {
    let mut open = products();
    let mut tallies = BTreeMap::<u64, usize>::new();
    let mut lost = 0;
    while !open.is_empty() {
        // New channels in each round: if all workers have died, the old ring has tasks in it.
        let tx = spmc::Channel::create(&tasks(name), CAPACITY)?.sender()?;
        let rx = mpsc::Channel::<Answer>::create(&results(name), CAPACITY)?.receiver()?;
        call(missing)?;
        for _ in 0..missing {
            tallies.insert(rx.recv_timeout(PATIENCE)?.worker, 0);
        }
        println!("dispatcher: workers that have come: {missing}; tasks: {}", open.len());
        // From a thread of its own, since both rings are small: while this one waited for room for a task, the workers
        // would wait for room for their answers. If it gives up, what it has not sent is unanswered like the rest.
        let tasks: Vec<_> = open.keys().map(|&number| Task { number }).collect();
        let sending = thread::spawn(move || tasks.into_iter().all(|task| tx.send_timeout(task, PATIENCE).is_ok()));
        loop {
            match rx.recv() {
                Ok(answer) if answer.number == HERE => drop(tallies.insert(answer.worker, 0)),
                // Exactly once: a second answer finds no task.
                Ok(answer) if open.remove(&answer.number) == Some(answer.factor) => {
                    *tallies.entry(answer.worker).or_default() += 1;
                }
                Ok(answer) => return Err(format!("{answer:?} is wrong, or the second").into()),
                Err(RecvError::Disconnected) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let _ = sending.join();
        println!("dispatcher: all workers have gone; unanswered: {}", open.len());
        lost += open.len();
        missing = 1;
    }
    for (worker, count) in &tallies {
        println!("worker {worker}: {count} tasks answered");
    }
    println!(
        "dispatcher: {TASKS} tasks, {} answers, all of them right",
        tallies.values().sum::<usize>()
    );
    Ok(lost)
}

fn all() -> Result<ExitCode, Error> {
    let name = format!("example-fan-out-{}", std::process::id());
    let mut workers: Vec<Child> = Vec::new();
    let lost = dispatch(&name, WORKERS, |missing| {
        for _ in 0..missing {
            let fatal = workers.is_empty().then_some(FATAL);
            let mut command = Command::new(env::current_exe()?);
            workers.push(command.args(["work", &name]).args(fatal).spawn()?);
        }
        Ok(())
    })?;
    let mut good = lost == 1;
    for (i, worker) in workers.iter_mut().enumerate() {
        let status = worker.wait()?;
        let killed = status.signal() == Some(Signal::SIGKILL as i32);
        good &= if i == 0 { killed } else { status.success() };
        println!("worker {}: {status}", worker.id());
    }
    let ours = [tasks(&name), results(&name)];
    for channel in annulus::list()?.iter().filter(|channel| ours.contains(&channel.name)) {
        println!("the name {:?} is left", channel.name);
        good = false;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
