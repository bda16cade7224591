//! Who does the work of a run, threads or processes, and how are they told what to do?

use std::env;
use std::process::Command;

use nix::unistd::alarm;

use super::board::{Board, Outcome, Shared, now, worked};
use super::machine::{Lab, pin};

/// The argument that makes this binary a worker.
pub const WORKER: &str = "--worker";
/// Where a worker process finds the board.
const BOARD: &str = "ANNULUS_RATIOS_BOARD";
/// A worker that hangs is killed by its own alarm, after so many seconds.
const WATCHDOG: u32 = 120;

/// What a worker is to do. In a process it travels as arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which of the workers' programs.
    pub role: &'static str,
    /// How many messages, round trips, …
    pub messages: u64,
    /// Messages a call.
    pub batch: usize,
    /// Workers of the sending kind.
    pub senders: usize,
    /// Workers of the receiving kind.
    pub receivers: usize,
}

/// What a thread does at its post.
pub type Work<'a> = Box<dyn FnOnce(Post<'a>) + Send + 'a>;

/// A worker at its post.
#[derive(Debug)]
pub struct Post<'a> {
    /// Its number within the run, from 0.
    pub index: usize,
    crew: usize,
    /// What all workers of the run share.
    pub board: &'a Board,
}

/// What a worker process finds.
#[derive(Debug)]
pub struct Task<'a> {
    /// The name of what is to be done.
    pub role: &'a str,
    /// The same as in the order.
    pub order: Order,
    /// Where.
    pub post: Post<'a>,
}

impl Post<'_> {
    /// Waits for the others, runs `work`, and writes down how long it took. `work` returns when it ended (0: now), what
    /// it counted and what it added up.
    pub fn perform(&self, work: impl FnOnce() -> (u64, u64, u64)) {
        self.board.meet(self.crew as u32);
        let before = worked();
        let start = now();
        let (end, count, sum) = work();
        let end = if end == 0 { now() } else { end };
        let outcome = Outcome {
            elapsed: end - start,
            lost: (now() - start).saturating_sub(worked() - before),
            count,
            sum,
        };
        self.board.sign(self.index, outcome, start);
    }
}

/// Runs `orders` in a process each; `pass` adds the channels that they inherit.
pub fn processes(lab: &Lab, orders: &[Order], pass: impl Fn(&mut Command)) -> Outcome {
    let board = lab.shared.board();
    board.wipe();
    let program = env::current_exe().expect("this binary has a path");
    let children: Vec<_> = orders
        .iter()
        .enumerate()
        .map(|(index, order)| {
            let mut command = Command::new(&program);
            let numbers = [
                index,
                orders.len(),
                lab.cpu(index),
                order.batch,
                order.senders,
                order.receivers,
            ];
            command
                .args([WORKER, order.role, &order.messages.to_string()])
                .args(numbers.map(|n| n.to_string()))
                .env(BOARD, lab.shared.path());
            pass(&mut command);
            command.spawn().expect("start a worker")
        })
        .collect();
    for mut child in children {
        let status = child.wait().expect("wait for a worker");
        assert!(status.success(), "a worker failed: {status}");
    }
    board.outcome(orders.len())
}

/// Runs `works` in a thread each.
pub fn threads<'a>(lab: &'a Lab, works: Vec<Work<'a>>) -> Outcome {
    let board = lab.shared.board();
    board.wipe();
    let crew = works.len();
    std::thread::scope(|scope| {
        for (index, work) in works.into_iter().enumerate() {
            scope.spawn(move || {
                pin(lab.cpu(index));
                work(Post { index, crew, board });
            });
        }
    });
    board.outcome(crew)
}

/// The life of a worker process.
pub fn work(args: &[String], run: impl FnOnce(&Task<'_>) -> Option<()>) {
    alarm::set(WATCHDOG);
    let number = |i: usize| args[i].parse::<usize>().expect("a number");
    pin(number(4));
    let path = env::var(BOARD).expect("started by the bench");
    let shared = Shared::open(&path).expect("open the board");
    let task = Task {
        role: &args[0],
        order: Order {
            role: "",
            messages: number(1) as u64,
            batch: number(5),
            senders: number(6),
            receivers: number(7),
        },
        post: Post {
            index: number(2),
            crew: number(3),
            board: shared.board(),
        },
    };
    run(&task).expect("a role that some question has");
}
