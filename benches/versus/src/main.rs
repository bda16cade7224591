//! annulus, measured against what a user would pick instead.
//!
//! `cargo run --release --manifest-path benches/versus/Cargo.toml -- --help` tells what can be asked. Reading order: [`ask`] (what
//! is asked), [`mechanism`] (who is), [`question`] (how), [`crew`] (by which processes and threads), [`series`] (in which
//! order, so that figures may be compared), [`ratio`] (which may), [`record`] (what is kept), [`table`] and [`report`] (what is shown).

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
mod record;
mod report;
mod series;
mod summary;
mod table;
mod trace;

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use board::Board;
use crew::Crew;
use machine::Machine;
use mechanism::Entry;
use options::Options;
use record::{Record, Subject};

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

/// Whether everything that was measured here was also delivered.
fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let mut entries = mechanism::all();
    let wanted =
        |name: &str| options.mechanism.is_empty() || options.mechanism.iter().any(|part| name.contains(part.as_str()));
    entries.retain(|entry| wanted(entry.name));
    if options.list {
        for entry in &entries {
            println!("{:<28} {:?}", entry.name, entry.reach);
        }
        return Ok(true);
    }
    let record = match &options.from {
        Some(path) => {
            let record = Record::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
            println!("{}\n", table::machine(&record, None));
            for answer in &record.answers {
                println!("{}\n", table::answer(answer, mechanism::ours(&answer.ask)));
            }
            record
        }
        None => measure(options, &entries)?,
    };
    println!("{}", table::summary(&record));
    if let Some(path) = &options.json {
        record.write(path)?;
    }
    if let Some(directory) = &options.report {
        let page = report::write(&record, directory)?;
        println!("\nreport   {}", page.display());
    }
    Ok(options.from.is_some() || record.is_sound())
}

/// Asks everything, and shows each answer when it is there.
fn measure(options: &Options, entries: &[Entry]) -> Result<Record, Box<dyn std::error::Error>> {
    let asks = plan::asks(options);
    let crew = Crew {
        board: Board::shared()?,
        cpus: machine::processors(&options.pin)?,
    };
    let mut record = Record {
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        arguments: std::env::args().skip(1).collect(),
        machine: Machine::read(&crew.cpus),
        versions: VERSIONS
            .iter()
            .map(|&(name, version)| (name.to_owned(), version.to_owned()))
            .collect(),
        mechanisms: entries.iter().map(Subject::from).collect(),
        answers: Vec::new(),
    };
    println!("{}\n", table::machine(&record, machine::probe(&crew)));
    let rounds = options.rounds();
    let bar = bar(asks.len() * entries.len() * rounds);
    for (i, ask) in asks.iter().enumerate() {
        bar.set_prefix(format!("{}, {}", ask.question, ask.title()));
        let answer = series::measure(ask, entries, rounds, &crew, |name| {
            bar.set_message(name.to_owned());
            bar.inc(1);
        });
        bar.set_position(((i + 1) * entries.len() * rounds) as u64);
        bar.suspend(|| println!("{}\n", table::answer(&answer, mechanism::ours(ask))));
        record.answers.push(answer);
    }
    bar.finish_and_clear();
    Ok(record)
}

include!(concat!(env!("OUT_DIR"), "/versions.rs"));

/// On a terminal only. No ticker: a thread of its own would be in the way of the forks.
fn bar(runs: usize) -> ProgressBar {
    if !stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {prefix}: {msg} ({eta} left)");
    ProgressBar::new(runs as u64).with_style(style.expect("a sound template"))
}
