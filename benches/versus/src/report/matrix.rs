//! Which mechanism is for whom? A row each, with the figures that decide.

use maud::{Markup, html};

use crate::ask::{Question, Wait};
use crate::crew::Latency;
use crate::mechanism::Reach;
use crate::record::{Record, Subject};
use crate::series::{Answer, Run};

use super::charts::Unit;

/// Shades from the best of a group to its worst.
const SHADES: usize = 5;

/// The figure that counts, and one that is told besides.
type Figures = (f64, Option<f64>);

/// A column of figures.
struct Column<'a> {
    title: &'static str,
    of: &'static str,
    unit: Unit,
    /// What it is taken from, if that was asked.
    answer: Option<&'a Answer>,
    figures: fn(&Answer, &str) -> Option<Figures>,
}

/// A figure, or why there is none.
enum Cell<'a> {
    Figure {
        figure: f64,
        besides: Option<f64>,
        /// Among its group: 0 is the best.
        rank: usize,
        of: usize,
    },
    None {
        why: &'a str,
        failed: bool,
    },
}

/// The whole.
pub fn matrix(record: &Record) -> Markup {
    let columns = columns(record);
    html! {
        div.scroll {
            table.matrix {
                thead {
                    tr {
                        th scope="col" { "mechanism" }
                        @for column in &columns {
                            th.figure scope="col" { (column.title) small { (column.of) } }
                        }
                        @for title in ["framing", "outlives its processes", "who can be at the other end", "when one is killed"] {
                            th.words scope="col" { (title) }
                        }
                    }
                }
                @for group in Reach::ALL {
                    @let subjects: Vec<_> = record.mechanisms.iter().filter(|subject| subject.reach == group).collect();
                    @if !subjects.is_empty() {
                        tbody {
                            tr.group { th colspan=(columns.len() + 5) scope="colgroup" { span { (group.title()) } } }
                            @for subject in subjects { (row(record, subject, &columns)) }
                        }
                    }
                }
            }
        }
    }
}

fn row(record: &Record, subject: &Subject, columns: &[Column<'_>]) -> Markup {
    let about = &subject.about;
    html! {
        tr.ours[subject.is_ours()] {
            th.name scope="row" { (subject.name) }
            @for column in columns { (column.cell(record, subject).markup(column.unit, subject.reach)) }
            @for words in [&about.framing, &about.persistence, &about.relation, &about.death] {
                td.words { (words) }
            }
        }
    }
}

impl Column<'_> {
    fn figures(&self, name: &str) -> Option<Figures> {
        (self.figures)(self.answer?, name)
    }

    fn cell(&self, record: &Record, subject: &Subject) -> Cell<'_> {
        let none = |why, failed| Cell::None { why, failed };
        let Some(answer) = self.answer else {
            return none("not asked in this run", false);
        };
        match (self.figures(&subject.name), answer.absence(&subject.name)) {
            (_, Some(absent)) => none(&absent.why, absent.failed),
            (None, None) => none("not measured", false),
            (Some((figure, besides)), None) => {
                let group = record.mechanisms.iter().filter(|other| other.reach == subject.reach);
                let others: Vec<f64> = group.filter_map(|other| Some(self.figures(&other.name)?.0)).collect();
                let is_ahead = |other: f64| match self.unit.is_more_better() {
                    true => other > figure,
                    false => other < figure,
                };
                Cell::Figure {
                    figure,
                    besides,
                    rank: others.iter().filter(|&&other| is_ahead(other)).count(),
                    of: others.len(),
                }
            }
        }
    }
}

impl Cell<'_> {
    fn markup(&self, unit: Unit, group: Reach) -> Markup {
        match self {
            Cell::None { why, failed } => html! {
                td.figure.none.failed[*failed] title=(why) { @if *failed { "failed" } @else { "–" } }
            },
            Cell::Figure {
                figure,
                besides,
                rank,
                of,
            } => {
                let is_peer = group != Reach::Limit && *of > 1;
                let shade = is_peer.then(|| rank * SHADES / of);
                html! {
                    td.figure.best[is_peer && *rank == 0] data-shade=[shade] {
                        (unit.write(*figure))
                        @if let Some(besides) = besides { small { (unit.write(*besides)) } }
                    }
                }
            }
        }
    }
}

fn columns(record: &Record) -> [Column<'_>; 7] {
    let find = |question: Question, is: &dyn Fn(&Answer) -> bool| {
        let mut answers = record.answers.iter();
        answers.find(|answer| answer.ask.question == question && is(answer))
    };
    let round_trip = |wait: Wait| find(Question::RoundTrip, &|answer| answer.ask.wait == Some(wait));
    let size = |size: usize| find(Question::OneWay, &|answer| answer.ask.size == size);
    let any = |question: Question| find(question, &|_| true);
    [
        Column {
            title: "round trip, spinning",
            of: "p50, p99",
            unit: Unit::Time,
            answer: round_trip(Wait::Spin),
            figures: trip,
        },
        Column {
            title: "round trip, asleep",
            of: "p50, p99",
            unit: Unit::Time,
            answer: round_trip(Wait::Sleep),
            figures: trip,
        },
        Column {
            title: "one way, 8 B",
            of: "messages/s",
            unit: Unit::Rate,
            answer: size(8),
            figures: |answer, name| one(answer, name, |run| 1e9 / run.figure(Question::OneWay)),
        },
        Column {
            title: "one way, 64 KiB",
            of: "GB/s",
            unit: Unit::Bandwidth,
            answer: size(64 << 10),
            figures: |answer, name| one(answer, name, |run| run.bandwidth(64 << 10)),
        },
        Column {
            title: "CPU, nearly idle",
            of: "s a million messages",
            unit: Unit::Processor,
            answer: any(Question::Idle),
            figures: |answer, name| one(answer, name, Run::busy),
        },
        Column {
            title: "system calls",
            of: "a message",
            unit: Unit::Count,
            answer: any(Question::SystemCalls),
            figures: |answer, name| one(answer, name, |run| run.figure(Question::SystemCalls)),
        },
        Column {
            title: "start-up",
            of: "open and attach",
            unit: Unit::Time,
            answer: size(8),
            figures: |answer, name| one(answer, name, Run::start_up),
        },
    ]
}

fn one(answer: &Answer, name: &str, of: impl Fn(&Run) -> f64) -> Option<Figures> {
    Some((answer.spread(name, of)?.median, None))
}

fn trip(answer: &Answer, name: &str) -> Option<Figures> {
    let at = |of: fn(Latency) -> u64| {
        let spread = answer.spread(name, |run| run.outcome.latency.map_or(f64::NAN, |l| of(l) as f64));
        spread.map(|spread| spread.median)
    };
    Some((at(|l| l.p50)?, at(|l| l.p99)))
}
