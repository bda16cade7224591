//! Which charts are there, and what do they show?

mod grid;
mod probes;
mod scale;
mod theme;

use std::error::Error;

use crate::ask::{Question, bytes};
use crate::crew::Latency;
use crate::mechanism;
use crate::ratio::Spread;
use crate::record::Record;
use crate::series::{Answer, Run};

use grid::{Column, Frame, Grid, Mark, NARROW, WIDE};

pub use probes::Probes;
pub use scale::Unit;
pub use theme::style_sheet;

/// From which size on bytes count, and not messages.
const BLOCK: usize = 64 << 10;

/// A chart, and what is said about it.
#[derive(Debug)]
pub struct Chart<'a> {
    /// Of its file, without the ending.
    pub name: &'static str,
    /// What it asks.
    pub title: &'static str,
    /// What its marks are, in a line.
    pub legend: &'static str,
    /// What else is to be known.
    pub caption: &'static str,
    /// The question whose tables belong to it.
    pub question: Question,
    /// Itself.
    grid: Grid<'a>,
}

impl Chart<'_> {
    /// As a file of its own.
    pub fn file(&self, record: &Record) -> Result<String, Box<dyn Error>> {
        let machine = &record.machine;
        let rounds = record.answers.iter().map(|answer| answer.rounds.len()).max();
        let note = format!(
            "{}. {} rounds. {}, Linux {}, {}",
            self.legend,
            rounds.unwrap_or(0),
            machine.processor,
            machine.kernel,
            record.day(),
        );
        let frame = Frame {
            title: self.title,
            note: &note,
        };
        Ok(theme::alone(&self.grid.svg(WIDE, Some(frame))?))
    }

    /// For a page, wide and narrow.
    pub fn inline(&self) -> Result<[String; 2], Box<dyn Error>> {
        Ok([self.grid.svg(WIDE, None)?, self.grid.svg(NARROW, None)?])
    }
}

/// All that have something to show.
pub fn all(record: &Record) -> Vec<Chart<'_>> {
    const DOTS: &str = "Dot: the median; line through it: the extremes; upright line: ours";
    let chart = |name, title, question, [legend, caption]: [&'static str; 2], columns| Chart {
        name,
        title,
        legend,
        caption,
        question,
        grid: Grid {
            subjects: &record.mechanisms,
            columns,
        },
    };
    let first = |question, of| asked(record, question, of).into_iter().next();
    let charts = [
        chart(
            "throughput",
            "How many messages a second go one way?",
            Question::OneWay,
            [
                DOTS,
                "One sender, one receiver, a message a call. To the right is faster.",
            ],
            asked(record, Question::OneWay, throughput),
        ),
        chart(
            "latency",
            "How long does a message there and one back take?",
            Question::RoundTrip,
            [
                "Dot: the median; bar: to p99; line: to p99.9; upright line: the median of ours",
                "By how an end waits for what is not there yet. To the left is faster. Each is the median of the rounds.",
            ],
            asked(record, Question::RoundTrip, round_trip),
        ),
        chart(
            "many",
            "How many messages a second go between several?",
            Question::Many,
            [
                DOTS,
                "Senders : receivers, each message to one receiver, all through one channel. To the right is faster.",
            ],
            asked(record, Question::Many, throughput),
        ),
        chart(
            "cpu",
            "How much processor time does a million messages cost?",
            Question::Idle,
            [
                DOTS,
                "All workers together, each waiting as it does of itself. To the left is cheaper.",
            ],
            [first(Question::OneWay, busy), first(Question::Idle, busy)]
                .into_iter()
                .flatten()
                .collect(),
        ),
        chart(
            "footprint",
            "What else does it take?",
            Question::SystemCalls,
            [
                DOTS,
                "Start-up is making the channel and taking an end of it. Memory is what both ends hold of it in the end; what \
                 the kernel holds for them is not in it. To the left is less.",
            ],
            [
                first(Question::SystemCalls, calls),
                first(Question::OneWay, start_up),
                first(Question::OneWay, memory),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
    ];
    charts.into_iter().filter(|chart| !chart.grid.is_empty()).collect()
}

/// What a column shows, besides its marks.
type Head = (String, &'static str, Unit);
/// A mechanism's mark.
type Marker = fn(&Answer, &str) -> Option<Mark>;

/// A column for each answer to this question.
fn asked(record: &Record, question: Question, of: fn(&Answer) -> (Head, Marker)) -> Vec<Column> {
    let answers = record.answers.iter().filter(|answer| answer.ask.question == question);
    answers
        .map(|answer| {
            let ((title, words, unit), mark) = of(answer);
            let mark = |name: &str| match answer.absence(name) {
                Some(absent) if absent.failed => Mark::Failed,
                _ => mark(answer, name).unwrap_or(Mark::None),
            };
            Column {
                title,
                of: words,
                unit,
                ours: match mark(mechanism::ours(&answer.ask)) {
                    Mark::At { at, .. } => Some(at),
                    Mark::None | Mark::Failed => None,
                },
                marks: record.mechanisms.iter().map(|subject| mark(&subject.name)).collect(),
            }
        })
        .collect()
}

fn throughput(answer: &Answer) -> (Head, Marker) {
    match answer.ask.size {
        BLOCK.. => ((answer.ask.title(), "GB/s", Unit::Bandwidth), |answer, name| {
            answer.spread(name, |run| run.bandwidth(answer.ask.size)).map(dot)
        }),
        _ => ((answer.ask.title(), "messages/s", Unit::Rate), |answer, name| {
            answer
                .spread(name, |run| 1e9 / run.figure(answer.ask.question))
                .map(dot)
        }),
    }
}

fn round_trip(answer: &Answer) -> (Head, Marker) {
    ((answer.ask.title(), "p50, p99, p99.9", Unit::Time), |answer, name| {
        let at = |of: fn(Latency) -> u64| {
            let spread = answer.spread(name, |run| run.outcome.latency.map_or(f64::NAN, |l| of(l) as f64));
            spread.map(|spread| spread.median)
        };
        let (p50, p99, p999) = (at(|l| l.p50)?, at(|l| l.p99)?, at(|l| l.p999)?);
        Some(Mark::At {
            at: p50,
            bar: Some(p99),
            line: (p50, p999),
        })
    })
}

fn busy(answer: &Answer) -> (Head, Marker) {
    let title = match answer.ask.question {
        Question::Idle => format!("nearly idle, {}", answer.ask.title()),
        _ => format!("as fast as it goes, {}", bytes(answer.ask.size)),
    };
    (
        (title, "CPU seconds a million messages", Unit::Processor),
        |answer, name| answer.spread(name, Run::busy).map(dot),
    )
}

fn calls(_: &Answer) -> (Head, Marker) {
    (("system calls".to_owned(), "a message", Unit::Count), |answer, name| {
        answer.figures(name).map(dot)
    })
}

fn start_up(_: &Answer) -> (Head, Marker) {
    (
        ("start-up".to_owned(), "open and attach", Unit::Time),
        |answer, name| answer.spread(name, Run::start_up).map(dot),
    )
}

fn memory(_: &Answer) -> (Head, Marker) {
    (("memory".to_owned(), "both ends", Unit::Memory), |answer, name| {
        answer.spread(name, |run| run.outcome.memory as f64 / 1024.0).map(dot)
    })
}

fn dot(spread: Spread) -> Mark {
    Mark::At {
        at: spread.median,
        bar: None,
        line: (spread.min, spread.max),
    }
}
