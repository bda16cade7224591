//! annulus, measured against what a user would pick instead.
//!
//! `cargo run --release --manifest-path benches/versus/Cargo.toml -- --help` tells what can be asked. Reading order: [`ask`] (what
//! is asked), [`mechanism`] (who is), [`question`] (how), [`crew`] (by which processes and threads), [`series`] (in which
//! order, so that figures may be compared), [`ratio`] (which may), [`table`].

mod ask;
mod board;
mod crew;
mod machine;
mod mechanism;
mod message;
mod options;
mod plan;
mod question;
mod ratio;
mod series;
mod table;
mod trace;

use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use board::Board;
use crew::Crew;
use machine::Machine;
use mechanism::Entry;
use options::Options;
use series::Answer;

/// Everything that one run of this program has measured.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    /// The packages that were compared, with their versions.
    versions: Vec<(&'static str, &'static str)>,
    mechanisms: Vec<Entry>,
    answers: Vec<Answer>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("versus: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that was measured was also delivered.
fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let mut entries = mechanism::all();
    let wanted =
        |name: &str| options.mechanism.is_empty() || options.mechanism.iter().any(|part| name.contains(part.as_str()));
    entries.retain(|entry| wanted(entry.name));
    let asks = plan::asks(options);
    if options.list {
        for entry in &entries {
            println!("{:<28} {:?}", entry.name, entry.reach);
        }
        return Ok(true);
    }
    let crew = Crew {
        board: Board::shared()?,
        cpus: machine::processors(&options.pin)?,
    };
    let machine = Machine::read(&crew.cpus);
    println!("{}\n", table::machine(&machine, machine::probe(&crew)));
    let rounds = options.rounds();
    let bar = bar(asks.len() * entries.len() * rounds);
    let mut answers = Vec::new();
    for (i, ask) in asks.iter().enumerate() {
        bar.set_prefix(format!("{}, {}", ask.question, ask.title()));
        let answer = series::measure(ask, &entries, rounds, &crew, |name| {
            bar.set_message(name.to_owned());
            bar.inc(1);
        });
        bar.set_position(((i + 1) * entries.len() * rounds) as u64);
        bar.suspend(|| println!("{}\n", table::answer(&answer, mechanism::ours(ask))));
        answers.push(answer);
    }
    bar.finish_and_clear();
    let sound = !answers.iter().flat_map(|a| &a.absent).any(|absent| absent.failed);
    let report = Report {
        machine,
        versions: VERSIONS.to_vec(),
        mechanisms: entries,
        answers,
    };
    if let Some(path) = &options.json {
        serde_json::to_writer_pretty(BufWriter::new(File::create(path)?), &report)?;
    }
    Ok(sound)
}

include!(concat!(env!("OUT_DIR"), "/versions.rs"));

/// No ticker: a thread of its own would be in the way of the forks.
fn bar(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {prefix}: {msg} ({eta} left)");
    ProgressBar::new(runs as u64).with_style(style.expect("a sound template"))
}
