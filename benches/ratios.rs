//! How fast is annulus, next to what else could do the job?
//!
//! `cargo bench --bench ratios [-- [FILTER…] [--quick] [--passes N] [--rounds N] [--list]]`. Each question is answered by a ratio of
//! A and B, run in turn within each round, since on a virtual machine the figures themselves mean nothing: the
//! hypervisor moves the processors about, and the same code then runs up to five times slower. A probe (a bare atomic
//! ping-pong) stands before and after each run; a round whose probes disagree, or one of whose workers lost its processor for a while, is
//! thrown away and repeated. What is left is told apart by its probes: two processors may be two halves of one core, share a
//! cache or not, and the answer differs. Ours runs between *processes* (this binary again), the others between threads; both sides
//! are pinned alike, and every receiver checks the order of what it receives.
//!
//! The exit status tells whether every run was whole, not whether the targets were met.

#[path = "ratios/allocator.rs"]
mod allocator;
#[path = "ratios/attach.rs"]
mod attach;
#[path = "ratios/blocks.rs"]
mod blocks;
#[path = "ratios/board.rs"]
mod board;
#[path = "ratios/crew.rs"]
mod crew;
#[path = "ratios/duel.rs"]
mod duel;
#[path = "ratios/machine.rs"]
mod machine;
#[path = "ratios/many.rs"]
mod many;
#[path = "ratios/one_way.rs"]
mod one_way;
#[path = "ratios/round_trip.rs"]
mod round_trip;
#[path = "ratios/streams.rs"]
mod streams;

use std::env;
use std::process::ExitCode;

use duel::{Answer, Effort, Question};
use machine::Lab;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == crew::WORKER) {
        crew::work(&args[1..], |task| {
            one_way::worker(task)
                .or_else(|| many::worker(task))
                .or_else(|| round_trip::worker(task))
                .or_else(|| attach::worker(task))
                .or_else(|| blocks::worker(task))
                .or_else(|| streams::worker(task))
        });
        return ExitCode::SUCCESS;
    }
    let options = Options::parse(args);
    let lab = match Lab::set_up() {
        Ok(lab) => lab,
        Err(what) => {
            eprintln!("ratios: {what}");
            return ExitCode::FAILURE;
        }
    };
    let questions = all_questions();
    let chosen: Vec<&Question> = questions.iter().filter(|q| options.wants(&q.name)).collect();
    if options.list {
        chosen.iter().for_each(|q| println!("{}", q.name));
        return ExitCode::SUCCESS;
    }
    lab.describe(options.effort);
    let mut answers = vec![Answer::default(); chosen.len()];
    for _ in 0..options.effort.passes {
        for (question, answer) in chosen.iter().zip(&mut answers) {
            question.measure(&lab, options.effort, answer);
        }
    }
    let probes = answers
        .iter()
        .flat_map(|answer| &answer.rounds)
        .map(|round| round.probe);
    let regimes = machine::regimes(probes);
    for (question, answer) in chosen.iter().zip(&answers) {
        question.print(answer, &regimes);
    }
    attach::report(&lab, |name| options.wants(name));
    allocator::report(|name| options.wants(name));
    ExitCode::SUCCESS
}

fn all_questions() -> Vec<Question> {
    let mut questions = one_way::questions();
    questions.extend(many::questions());
    questions.extend(round_trip::questions());
    questions.extend(blocks::questions());
    questions.extend(streams::questions());
    questions
}

struct Options {
    filters: Vec<String>,
    effort: Effort,
    list: bool,
}

/// A number of at least one, if it is a number.
fn count(arg: Option<String>, into: &mut usize) {
    if let Some(number) = arg.and_then(|arg| arg.parse().ok()) {
        *into = usize::max(number, 1);
    }
}

impl Options {
    fn parse(args: Vec<String>) -> Options {
        let mut options = Options {
            filters: Vec::new(),
            effort: Effort::FULL,
            list: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.effort = Effort::QUICK,
                "--list" => options.list = true,
                "--rounds" => count(args.next(), &mut options.effort.rounds),
                "--passes" => count(args.next(), &mut options.effort.passes),
                // What cargo adds, and whatever else libtest would understand.
                arg if arg.starts_with("--") => {}
                _ => options.filters.push(arg),
            }
        }
        options
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }
}
