//! What are the figures behind the charts?

use maud::{Markup, html};

use crate::mechanism;
use crate::mechanism::Reach;
use crate::ratio::Spread;
use crate::record::{Record, is_ours};
use crate::series::Answer;
use crate::summary;
use crate::table::{extra, extras, number, scaled, spread, unit};

/// A line a question: ours, and the best of each group with its ratio to ours.
pub fn summary(record: &Record) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "question" }
                        th.figure scope="col" { "ours" }
                        @for title in ["best between processes", "best in one process", "limit"] {
                            th.figure scope="col" colspan="2" { (title) }
                        }
                    }
                }
                tbody {
                    @for line in summary::lines(record) {
                        @let question = line.answer.ask.question;
                        tr {
                            th scope="row" { (question) ", " (line.answer.ask.title()) small { (unit(question)) } }
                            td.figure {
                                @if let Some(figures) = line.figures { (number(scaled(question, figures.median))) } @else { "–" }
                            }
                            @for best in &line.best {
                                @if let Some(best) = best {
                                    td.figure { (best.name) small { (number(scaled(question, best.figures.median))) } }
                                    (ratio(line.answer, best.name, line.ours))
                                } @else {
                                    td.figure.none colspan="2" { "–" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// All about one question.
pub fn answer(record: &Record, answer: &Answer) -> Markup {
    let question = answer.ask.question;
    let ours = mechanism::ours(&answer.ask);
    html! {
        details {
            summary { (question) ", " (answer.ask.title()) }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "mechanism" }
                            th scope="col" { "where" }
                            th.figure scope="col" { (unit(question)) }
                            th.figure scope="col" { "times " (ours) }
                            th.figure scope="col" { "rounds" }
                            @for title in extra(question) { th.figure scope="col" { (title) } }
                        }
                    }
                    tbody {
                        @for (name, figures) in answer.ranking() {
                            tr.ours[is_ours(name)] {
                                th scope="row" { (name) }
                                td.words { (record.group(name).map_or("", Reach::title)) }
                                td.figure { (number(scaled(question, figures.median))) (extremes(figures, |f| scaled(question, f))) }
                                (ratio(answer, name, ours))
                                td.figure { (figures.rounds) }
                                @for extra in extras(answer, name) {
                                    td.figure { @if let Some(extra) = extra { (number(extra.median)) } @else { "–" } }
                                }
                            }
                        }
                    }
                }
            }
            @if !answer.absent.is_empty() { (absent(answer)) }
        }
    }
}

/// A cell.
fn ratio(answer: &Answer, name: &str, ours: &str) -> Markup {
    match answer.ratio(name, ours) {
        _ if name == ours => html! { td.figure { "1" } },
        Some(ratio) => html! {
            td.figure title=(format!("{} in {} rounds", spread(ratio), ratio.rounds)) {
                "×\u{202f}" (number(ratio.median)) (extremes(ratio, |ratio| ratio))
            }
        },
        None => html! {
            td.figure.none title="too few rounds in which both were measured, with the machine in one state" { "–" }
        },
    }
}

fn extremes(spread: Spread, scaled: impl Fn(f64) -> f64) -> Markup {
    html! { small { (number(scaled(spread.min))) " to " (number(scaled(spread.max))) } }
}

/// Who was not measured, by reason.
fn absent(answer: &Answer) -> Markup {
    let mut whys: Vec<(&str, bool)> = answer
        .absent
        .iter()
        .map(|absent| (absent.why.as_str(), absent.failed))
        .collect();
    whys.sort_by_key(|&(why, failed)| (!failed, why));
    whys.dedup();
    html! {
        p { "Without a figure:" }
        ul {
            @for (why, failed) in whys {
                @let names: Vec<&str> = answer
                    .absent
                    .iter()
                    .filter(|absent| absent.why == why && absent.failed == failed)
                    .map(|absent| absent.mechanism.as_str())
                    .collect();
                li.failed[failed] { (names.join(", ")) ": " (why) }
            }
        }
    }
}
