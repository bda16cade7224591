//! What does the terminal show?

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::ask::Question;
use crate::crew::Latency;
use crate::machine::Machine;
use crate::ratio::Spread;
use crate::record::Record;
use crate::series::{Answer, Run};
use crate::summary::{self, Best};

/// What the figures depend on.
pub fn machine(record: &Record, probe: Option<f64>) -> String {
    let Machine {
        processor,
        processors,
        virtual_machine,
        kernel,
        rustc,
        load,
        pinning,
    } = &record.machine;
    let virtual_machine = if *virtual_machine { ", virtual machine" } else { "" };
    let probe = probe.map_or_else(
        || "none".to_owned(),
        |probe| format!("{probe:.0} ns for a bare atomic round trip"),
    );
    let versions = record
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"));
    let versions = versions.collect::<Vec<_>>().join(", ");
    format!(
        "machine  {processor}, {processors} processors{virtual_machine}\nkernel   Linux {kernel}\nbuilt by {rustc}\n\
         versions {versions}\npinning  {pinning}\nload     {load}\nprobe    {probe}"
    )
}

/// One question: a row a mechanism, fastest first, each with its ratio to `ours`.
pub fn answer(answer: &Answer, ours: &str) -> String {
    let question = answer.ask.question;
    let mut header = vec![
        format!("{question}, {}", answer.ask.title()),
        unit(question).to_owned(),
        format!("times {ours}"),
    ];
    header.extend(extra(question).iter().map(|s| (*s).to_owned()));
    let rows = answer.ranking().into_iter().map(|(name, figures)| {
        let ratio = match answer.ratio(name, ours) {
            _ if name == ours => "1".to_owned(),
            Some(ratio) => spread(ratio),
            None => "–".to_owned(),
        };
        let mut row = vec![name.to_owned(), number(scaled(question, figures.median)), ratio];
        row.extend(extras(answer, name).map(|extra| extra.map_or_else(|| "–".to_owned(), |e| number(e.median))));
        row
    });
    let mut text = fitted(&header, &rows.collect::<Vec<_>>());
    for absent in answer.absent.iter().filter(|absent| absent.failed) {
        text.push_str(&format!("\n  {}: {}", absent.mechanism, absent.why));
    }
    text
}

/// A line a question: ours, and the best of the others with their ratios to ours.
pub fn summary(record: &Record) -> String {
    let best = |best: &Option<Best<'_>>| match best {
        Some(Best {
            name,
            ratio: Some(ratio),
            ..
        }) => format!("{name} ×{}", number(ratio.median)),
        Some(Best { name, ratio: None, .. }) => format!("{name} –"),
        None => String::new(),
    };
    let header = [
        "the best, × how long ours takes",
        "ours",
        "between processes",
        "in one process",
        "limit",
    ];
    let rows = summary::lines(record).into_iter().map(|line| {
        let question = line.answer.ask.question;
        let ours = line.figures.map_or_else(
            || "–".to_owned(),
            |figures| format!("{} {}", number(scaled(question, figures.median)), short(question)),
        );
        let mut row = vec![format!("{question}, {}", line.answer.ask.title()), ours];
        row.extend(line.best.iter().map(best));
        row
    });
    table(&header.map(str::to_owned), &rows.collect::<Vec<_>>()).to_string()
}

/// As wide as its content, but no wider than the terminal, if there is one: then without the last columns, which say least.
fn fitted(header: &[String], rows: &[Vec<String>]) -> String {
    /// The name, the figure and the ratio.
    const LEAST: usize = 3;
    for columns in (LEAST..=header.len()).rev() {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row[..columns].to_vec()).collect();
        let mut table = table(&header[..columns], &rows);
        table.set_content_arrangement(ContentArrangement::Disabled);
        let text = table.to_string();
        let width = text.lines().next().map_or(0, |line| line.chars().count());
        if table.width().is_none_or(|terminal| width <= usize::from(terminal)) {
            return text;
        }
    }
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row[..LEAST].to_vec()).collect();
    table(&header[..LEAST], &rows).to_string()
}

/// Broken into lines where it does not fit.
fn table(header: &[String], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The unit of [`scaled`] figures.
pub fn unit(question: Question) -> &'static str {
    match question {
        Question::OneWay | Question::Many => "ns a message",
        Question::RoundTrip => "p50, ns",
        Question::Idle => "CPU s a million messages",
        Question::SystemCalls => "calls a message",
    }
}

/// A figure of [`crate::series::Run::figure`] in [`unit`]s.
pub fn scaled(question: Question, figure: f64) -> f64 {
    match question {
        // Nanoseconds a message are thousandths of seconds a million.
        Question::Idle => figure / 1e3,
        _ => figure,
    }
}

fn short(question: Question) -> &'static str {
    match question {
        Question::OneWay | Question::Many | Question::RoundTrip => "ns",
        Question::Idle => "s",
        Question::SystemCalls => "calls",
    }
}

/// What else is told of a question.
pub fn extra(question: Question) -> &'static [&'static str] {
    match question {
        Question::OneWay => &["GB/s", "CPU s a million", "open + attach, µs", "memory, KiB"],
        Question::Many => &["CPU s a million"],
        Question::RoundTrip => &["p99, ns", "p99.9, ns", "max, ns"],
        Question::Idle | Question::SystemCalls => &[],
    }
}

/// The figures of [`extra`].
pub fn extras(answer: &Answer, name: &str) -> impl Iterator<Item = Option<Spread>> {
    let latency = |of: fn(Latency) -> u64| move |run: &Run| run.outcome.latency.map_or(f64::NAN, |l| of(l) as f64);
    let all = match answer.ask.question {
        Question::OneWay => vec![
            answer.spread(name, |run| run.bandwidth(answer.ask.size)),
            answer.spread(name, Run::busy),
            answer.spread(name, |run| run.start_up() / 1e3),
            answer.spread(name, |run| run.outcome.memory as f64 / 1024.0),
        ],
        Question::Many => vec![answer.spread(name, Run::busy)],
        Question::RoundTrip => vec![
            answer.spread(name, latency(|l| l.p99)),
            answer.spread(name, latency(|l| l.p999)),
            answer.spread(name, latency(|l| l.max)),
        ],
        Question::Idle | Question::SystemCalls => Vec::new(),
    };
    all.into_iter()
}

/// The median, and in brackets the least and the greatest.
pub fn spread(Spread { min, median, max, .. }: Spread) -> String {
    let [min, median, max] = [min, median, max].map(number);
    format!("{median} [{min} {max}]")
}

/// Three digits or so.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        v if v >= 1e4 => {
            let digits = format!("{value:.0}");
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|c| std::str::from_utf8(c).expect("digits"))
                .collect();
            groups.join(",")
        }
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        v if v >= 0.1 => format!("{value:.2}"),
        v if v >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_three_digits_or_so() {
        let all = [0.0, 0.00123, 0.0123, 0.5, 12.34, 123.4, 1234.0, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(
            all,
            [
                "0",
                "0.0012",
                "0.012",
                "0.50",
                "12.3",
                "123",
                "1234",
                "12,346",
                "1,234,567"
            ]
        );
    }
}
