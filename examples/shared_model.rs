//! How do four workers share one model that was loaded once?
//!
//! A loader, which may take its time and die of it, writes the weights into a block and hands it to the server. The server
//! keeps the block and forks four workers, which read the weights where they are: there is one copy in the machine, whatever
//! the number of workers. Tasks go to whichever worker comes first through an `mpmc` ring, and results come back through
//! another one.
//!
//! ```text
//! cargo run --release --example shared_model
//! ```
//!
//! # Unsafe
//! fork(2) and _exit(2), in [`forked`]: this program has one thread, so its children may do whatever they like.

use std::process::ExitCode;
use std::time::Instant;

use annulus::bytemuck::{Pod, Zeroable};
use annulus::{blocks, mpmc};
use nix::libc;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};

type Error = Box<dyn std::error::Error>;

const WORKERS: usize = 4;
/// A matrix: 64 MB.
const ROWS: usize = 256;
const COLUMNS: usize = 65_536;
const TASKS: u32 = 2_000;

/// Rows and columns: what the loader says of the weights.
type Shape = [u32; 2];

/// "What is this row times that vector?"
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Task {
    number: u32,
    row: u32,
    /// Of the vector.
    seed: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Answer {
    number: u32,
    worker: u32,
    product: u64,
}

fn main() -> Result<ExitCode, Error> {
    let model = blocks::Channel::<[u32], Shape>::anonymous(1, ROWS * COLUMNS)?;
    let loader = forked(|| load(&model))?;
    let rx = model.receiver()?;
    let weights = rx.recv()?;
    expect(loader, waitpid(loader, None)?)?;
    let [rows, columns] = *weights.header();
    println!(
        "server {}: has {rows} x {columns} weights, {} MB",
        getpid(),
        weights.len() * 4 / 1_000_000
    );

    // Large enough for all: this process sends all tasks before it receives an answer.
    let tasks = mpmc::Channel::<Task>::anonymous(TASKS as usize)?;
    let answers = mpmc::Channel::<Answer>::anonymous(TASKS as usize)?;
    let (tx, rx) = (tasks.sender()?, answers.receiver()?);
    // A seat each, so that a worker that dies before it attaches is an end of stream.
    let workers: Vec<Pid> = (0..WORKERS)
        .map(|worker| {
            let (inbox, outbox) = (tasks.reserve_receiver()?, answers.reserve_sender()?);
            let weights = &weights;
            forked(move || {
                let (inbox, outbox) = (inbox.attach()?, outbox.attach()?);
                for task in &inbox {
                    let product = multiply(weights, task);
                    outbox.send(Answer {
                        number: task.number,
                        worker: worker as u32,
                        product,
                    })?;
                }
                Ok(())
            })
        })
        .collect::<Result<_, _>>()?;
    drop((tasks, answers));

    let began = Instant::now();
    for number in 0..TASKS {
        tx.send(task(number))?;
    }
    drop(tx); // The workers end when the tasks do.
    let mut shares = [0; WORKERS];
    let mut missing = TASKS;
    for answer in &rx {
        let right = answer.product == multiply(&weights, task(answer.number));
        if !right {
            return Err(format!("the answer to task {} is wrong", answer.number).into());
        }
        shares[answer.worker as usize] += 1;
        missing -= 1;
    }
    println!(
        "server {}: {} answers in {:.0?}, all of them right; the workers did {shares:?}",
        getpid(),
        TASKS - missing,
        began.elapsed()
    );
    for worker in workers {
        expect(worker, waitpid(worker, None)?)?;
    }
    Ok(if missing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The loader: a process of its own, whose end nobody waits for longer than for the weights.
fn load(model: &blocks::Channel<[u32], Shape>) -> Result<(), Error> {
    let tx = model.sender()?;
    let loan = tx.loan_uninit(ROWS * COLUMNS)?;
    let mut state = 1u32;
    // As good as read from a file: xorshift32 (Marsaglia, "Xorshift RNGs", 2003).
    let mut loan = loan.fill_with(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    });
    loan.set_header([ROWS as u32, COLUMNS as u32]);
    loan.send()?;
    println!("loader {}: has loaded the weights", getpid());
    Ok(())
}

fn task(number: u32) -> Task {
    Task {
        number,
        row: number % ROWS as u32,
        seed: number.wrapping_mul(2_654_435_761),
    }
}

/// A row of the matrix times the vector of the seed, modulo 2^64.
fn multiply(weights: &[u32], task: Task) -> u64 {
    let row = &weights[task.row as usize * COLUMNS..][..COLUMNS];
    let vector = (0..).map(|index| u64::from(task.seed.wrapping_add(index)));
    let products = row
        .iter()
        .zip(vector)
        .map(|(&weight, x)| u64::from(weight).wrapping_mul(x));
    products.fold(0, u64::wrapping_add)
}

fn expect(child: Pid, status: WaitStatus) -> Result<(), Error> {
    if status == WaitStatus::Exited(child, 0) {
        return Ok(());
    }
    Err(format!("a child ended otherwise than it should: {status:?}").into())
}

/// Runs `child` in a forked child, which exits with 0 if it succeeds. The parent drops its copy of what is in it.
fn forked(child: impl FnOnce() -> Result<(), Error>) -> Result<Pid, Error> {
    // SAFETY: this program has one thread, so no lock is left held by a thread that the child does not have.
    match unsafe { fork() }? {
        ForkResult::Parent { child: pid } => {
            drop(child);
            Ok(pid)
        }
        ForkResult::Child => {
            let code = match child() {
                Ok(()) => 0,
                Err(error) => {
                    eprintln!("child  {}: {error}", getpid());
                    1
                }
            };
            // SAFETY: ends this process without running what its parent has registered to run at exit.
            unsafe { libc::_exit(code) }
        }
    }
}
