//! How does an array of 500 MB get from one process to another?
//!
//! A loader (this process) fills an array of doubles, and another process (this program again) reads it; each element is
//! checked. By way of a block of shared memory, which is filled in place and read in place; by way of a pipe and of a Unix
//! socket, which copy it twice; and, where there is Python, by way of `multiprocessing.Queue`, which pickles it. What the
//! machine does at best is the same work in one process, over memory that it has used before.
//!
//! ```text
//! cargo run --release --example array_500mb [ITEMS]
//! ```
//!
//! It takes 2 GB of memory and some ten seconds, and ends with a failure unless each element has arrived.

mod arrays;
mod blocks;
mod files;
#[path = "../quickstart/machine.rs"]
mod machine;
mod python;

use std::env;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};

use machine::Pins;

type Error = Box<dyn std::error::Error>;

/// Doubles: 500 MB.
const ITEMS: usize = 62_500_000;
/// Rounds of each; the first one, in which pages are touched for the first time, does not count.
pub const ROUNDS: usize = 5;

/// What a transport came to, medians of all rounds but the first.
#[derive(Clone, Debug)]
pub struct Measured {
    /// From the beginning of the filling to the end of the reading.
    pub total: Duration,
    /// From when the array was filled until the other process had it, if that can be told apart.
    pub hand_over: Option<Duration>,
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("reader") => reader(&arguments[1..]).map(|()| ExitCode::SUCCESS),
        Some(items) => compare(items.parse()?),
        None => compare(ITEMS),
    }
}

fn compare(items: usize) -> Result<ExitCode, Error> {
    println!("machine: {}", machine::describe());
    let pins = Pins::choose();
    match pins {
        Some(pins) => {
            println!("pinned:  {pins}");
            machine::pin(pins.first)?;
        }
        None => println!("pinned:  there is only one CPU"),
    }
    println!("load:    {} (means over 1, 5 and 15 minutes)", machine::load());
    println!("array:   {items} doubles, {:.1} MB\n", items as f64 * 8e-6);
    let start = |transport: &str| {
        let mut command = Command::new(env::current_exe()?);
        command.args(["reader", transport, &items.to_string()]);
        command.args(pins.map(|pins| pins.second.to_string()));
        Ok::<_, Error>(command)
    };
    let one = one_process(items);
    let mut rows = vec![("one process, warm memory", one.clone())];
    rows.push(("annulus blocks", blocks::load(start("blocks")?, items)?));
    rows.push(("Unix socket", files::load_by_socket(start("file")?, items)?));
    rows.push(("pipe", files::load_by_pipe(start("file")?, items)?));
    match python::load(items) {
        Ok(measured) => rows.push(("Python, multiprocessing.Queue", measured)),
        Err(why) => println!("Python is left out: {why}"),
    }
    print(&rows, one.total);
    println!(
        "\nchecked {} elements, all of them right",
        items * ROUNDS * (rows.len() - 1)
    );
    Ok(ExitCode::SUCCESS)
}

/// Filled and read in turn, where nobody else is.
fn one_process(items: usize) -> Measured {
    let mut array = vec![0.0; items];
    let totals = (0..ROUNDS).map(|round| {
        let began = Instant::now();
        arrays::fill(&mut array, round);
        arrays::check(std::hint::black_box(&array), round);
        began.elapsed()
    });
    Measured {
        total: median(totals.collect()),
        hand_over: None,
    }
}

/// Of all rounds but the first.
pub fn median(mut rounds: Vec<Duration>) -> Duration {
    let counted = &mut rounds[1..];
    counted.sort_unstable();
    counted[counted.len() / 2]
}

/// The other process.
fn reader(arguments: &[String]) -> Result<(), Error> {
    let [transport, items, cpu @ ..] = arguments else {
        return Err("the reader is started by the loader".into());
    };
    if let Some(cpu) = cpu.first() {
        machine::pin(cpu.parse()?)?;
    }
    match transport.as_str() {
        "blocks" => blocks::read(),
        "file" => files::read(items.parse()?),
        other => Err(format!("no such transport: {other}").into()),
    }
}

fn print(rows: &[(&str, Measured)], one: Duration) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "fill, hand over, read", "times one process", "hand-over"]);
    for (name, measured) in rows {
        let hand_over = measured
            .hand_over
            .map_or_else(String::new, |time| format!("{:.1} µs", time.as_secs_f64() * 1e6));
        table.add_row([
            (*name).to_owned(),
            format!("{:.0} ms", measured.total.as_secs_f64() * 1e3),
            format!("{:.2}", measured.total.as_secs_f64() / one.as_secs_f64()),
            hand_over,
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}
