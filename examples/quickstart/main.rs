//! How fast is it on this machine, and does everything arrive?
//!
//! Streams 8-byte messages to a second process (this program again) through `spsc`, `mpmc`, a pipe and a Unix socket,
//! checks each of them, and prints a table. Exits with an error unless all have arrived in order.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! `links` is what there is to see of annulus' sending and receiving, `processes` of passing a channel to a program that
//! is started; `messages` is the check, `runs` what is measured, `machine` the pinning, `table` the table.

#![forbid(unsafe_code)]

mod links;
mod machine;
mod messages;
mod processes;
mod runs;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use links::Error;
use machine::Pins;
use messages::Verdict;
use processes::{SLOTS, Transport, measure};
use runs::Run;
use table::Row;

/// The machine may change its mind in mid-run (a virtual one is moved about): each run is made so often, in turns.
const ROUNDS: usize = 3;
/// How long each of the 48 runs takes: 14 seconds in all.
const TIME: Duration = Duration::from_millis(290);
/// Should a message be lost, both processes may wait for each other.
const WATCHDOG: Duration = Duration::from_secs(90);

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cheap while there is one thread only.
    let membarrier = annulus::prepare().is_ok();
    match arguments.split_first() {
        Some((first, rest)) if first == "second" => processes::second(rest).map(|()| ExitCode::SUCCESS),
        _ => {
            std::thread::spawn(|| {
                std::thread::sleep(WATCHDOG);
                eprintln!("no end after {WATCHDOG:?}: a message must have been lost");
                std::process::exit(2);
            });
            first(membarrier)
        }
    }
}

fn first(membarrier: bool) -> Result<ExitCode, Error> {
    println!("machine: {}", machine::describe());
    let pins = Pins::choose();
    match pins {
        Some(pins) => println!("pinned:  {pins}"),
        None => println!("pinned:  not at all, there is one CPU: nobody can spin"),
    }
    println!("load:    {} (means over 1, 5 and 15 minutes)", machine::load());
    let fences = if membarrier { "membarrier" } else { "fenced" };
    println!("rings:   {SLOTS} slots of an 8-byte message, {fences} mode");
    println!("runs:    {ROUNDS} of {TIME:?} for each number; each run has a second process of its own");
    if let Some(pins) = pins {
        machine::pin(pins.first)?;
    }

    let mut rows = Transport::ALL.map(Row::new);
    let mut total = Verdict::default();
    for _ in 0..ROUNDS {
        for run in Run::ALL {
            if run == Run::Spinning && pins.is_none() {
                continue;
            }
            for row in &mut rows {
                let outcome = measure(row.transport, run, TIME, pins.map(|pins| pins.second))
                    .map_err(|error| format!("{}, {}: {error}", row.transport.name(), run.name()))?;
                if !outcome.verdict.good() {
                    eprintln!("{}, {}: {:?}", row.transport.name(), run.name(), outcome.verdict);
                }
                total += outcome.verdict;
                row.add(run, outcome)?;
            }
        }
    }

    println!("\n{}\n", table::render(&rows));
    let Verdict {
        checked,
        lost,
        reordered,
    } = total;
    println!("checked {checked} messages, {lost} lost, {reordered} reordered");
    Ok(if total.good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
