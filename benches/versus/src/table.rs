//! What does the terminal show?

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::ask::Question;
use crate::machine::Machine;
use crate::ratio::Spread;
use crate::series::Answer;

/// What the figures depend on.
pub fn machine(machine: &Machine, probe: Option<f64>) -> String {
    let Machine {
        processor,
        processors,
        virtual_machine,
        kernel,
        rustc,
        load,
        pinning,
    } = machine;
    let virtual_machine = if *virtual_machine { ", virtual machine" } else { "" };
    let probe = probe.map_or_else(
        || "none".to_owned(),
        |probe| format!("{probe:.0} ns for a bare atomic round trip"),
    );
    format!(
        "machine  {processor}, {processors} processors{virtual_machine}\nkernel   Linux {kernel}\nbuilt by {rustc}\n\
         pinning  {pinning}\nload     {load}\nprobe    {probe}"
    )
}

/// One question: a row a mechanism, fastest first, each with its ratio to `ours`.
pub fn answer(answer: &Answer, ours: &str) -> String {
    let question = answer.ask.question;
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let unit = unit(question);
    let mut header = vec![
        format!("{question}, {}", answer.ask.title()),
        unit.to_owned(),
        format!("times as long as {ours}"),
    ];
    header.extend(extra(question).iter().map(|s| (*s).to_owned()));
    table.set_header(header);
    for (name, figures) in answer.ranking() {
        let ratio = match answer.ratio(name, ours) {
            _ if name == ours => "1".to_owned(),
            Some(ratio) => spread(ratio, 2),
            None => "–".to_owned(),
        };
        let mut row = vec![name.to_owned(), number(scaled(question, figures.median)), ratio];
        row.extend(extras(answer, name));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    for absent in answer.absent.iter().filter(|absent| absent.failed) {
        text.push_str(&format!("\n  {}: {}", absent.mechanism, absent.why));
    }
    text
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

fn extra(question: Question) -> &'static [&'static str] {
    match question {
        Question::OneWay => &["GB/s", "CPU s a million", "open + attach, µs", "memory, KiB"],
        Question::Many => &["CPU s a million"],
        Question::RoundTrip => &["p99, ns", "p99.9, ns", "max, ns"],
        Question::Idle | Question::SystemCalls => &[],
    }
}

fn extras(answer: &Answer, name: &str) -> Vec<String> {
    let median = |of: &dyn Fn(&crate::crew::Outcome) -> f64| {
        let runs = answer
            .rounds
            .iter()
            .flat_map(|round| &round.runs)
            .filter(|run| run.mechanism == name);
        let spread = Spread::of(runs.map(|run| of(&run.outcome)));
        spread.map_or_else(|| "–".to_owned(), |spread| number(spread.median))
    };
    let cpu = || median(&|o| o.cpu as f64 / o.messages as f64 / 1e3);
    match answer.ask.question {
        Question::OneWay => vec![
            median(&|o| (o.messages * answer.ask.size as u64) as f64 / o.elapsed as f64),
            cpu(),
            median(&|o| (o.open + o.attach) as f64 / 1e3),
            median(&|o| o.memory as f64 / 1024.0),
        ],
        Question::Many => vec![cpu()],
        Question::RoundTrip => vec![
            median(&|o| o.latency.map_or(f64::NAN, |l| l.p99 as f64)),
            median(&|o| o.latency.map_or(f64::NAN, |l| l.p999 as f64)),
            median(&|o| o.latency.map_or(f64::NAN, |l| l.max as f64)),
        ],
        Question::Idle | Question::SystemCalls => Vec::new(),
    }
}

fn spread(spread: Spread, digits: usize) -> String {
    let Spread { min, median, max, .. } = spread;
    format!("{median:.digits$} [{min:.digits$} {max:.digits$}]")
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
        v if v >= 0.01 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_three_digits_or_so() {
        let all = [0.00123, 0.5, 12.34, 123.4, 1234.0, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(all, ["0.0012", "0.50", "12.3", "123", "1234", "12,346", "1,234,567"]);
    }
}
