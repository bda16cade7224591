//! What is printed?

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;

use super::links::Error;
use super::processes::{Outcome, Transport};
use super::runs::Run;

/// What a transport has done.
pub struct Row {
    pub transport: Transport,
    /// Million messages a second, a value a round.
    one_at_a_time: Vec<f64>,
    batches: Vec<f64>,
    /// Nanoseconds, all rounds together.
    spinning: Histogram<u64>,
    asleep: Histogram<u64>,
}

impl Row {
    pub fn new(transport: Transport) -> Row {
        let empty = || Histogram::new(3).expect("three digits are between 0 and 5");
        Row {
            transport,
            one_at_a_time: Vec::new(),
            batches: Vec::new(),
            spinning: empty(),
            asleep: empty(),
        }
    }

    pub fn add(&mut self, run: Run, outcome: Outcome) -> Result<(), Error> {
        match run {
            Run::Stream => self.one_at_a_time.push(outcome.rate),
            Run::Batches => self.batches.push(outcome.rate),
            Run::Spinning => self.spinning.add(outcome.round_trips)?,
            Run::Asleep => self.asleep.add(outcome.round_trips)?,
        }
        Ok(())
    }
}

pub fn render(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "8-byte messages\none process to another",
        "million/s\none a call",
        "times\na pipe",
        "million/s\n64 a call",
        "times\na pipe",
        "round trip, µs\nspinning\np50 / p99",
        "round trip, µs\nasleep\np50 / p99",
    ]);
    let pipe = rows.iter().find(|row| row.transport == Transport::Pipe);
    for row in rows {
        let times = |rates: fn(&Row) -> &[f64]| {
            let (Some(ours), Some(pipes)) = (median(rates(row)), pipe.and_then(|pipe| median(rates(pipe)))) else {
                return "-".into();
            };
            format!("{:.1}", ours / pipes)
        };
        table.add_row([
            row.transport.name().to_owned(),
            rate(&row.one_at_a_time),
            times(|row| &row.one_at_a_time),
            rate(&row.batches),
            times(|row| &row.batches),
            percentiles(&row.spinning),
            percentiles(&row.asleep),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn rate(rounds: &[f64]) -> String {
    median(rounds).map_or("-".into(), |rate| format!("{rate:.1}"))
}

fn percentiles(nanoseconds: &Histogram<u64>) -> String {
    if nanoseconds.is_empty() {
        return "-".into();
    }
    let at = |quantile| nanoseconds.value_at_quantile(quantile) as f64 / 1e3;
    format!("{:.2} / {:.2}", at(0.5), at(0.99))
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
