//! What does a person see who did not watch the run? A page with charts, and the charts as files.

mod charts;
mod matrix;
mod tables;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::record::Record;

use charts::{Chart, Probes};

/// Writes the page, whose path it says, and a file for each chart beside it.
pub fn write(record: &Record, directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let charts = charts::all(record);
    for chart in &charts {
        fs::write(directory.join(format!("{}.svg", chart.name)), chart.file(record)?)?;
    }
    let path = directory.join("index.html");
    fs::write(&path, page(record, &charts)?.into_string())?;
    Ok(path)
}

fn page(record: &Record, charts: &[Chart<'_>]) -> Result<Markup, Box<dyn Error>> {
    let sections: Result<Vec<Markup>, _> = charts.iter().map(|chart| section(record, chart)).collect();
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "annulus, measured against what a user would pick instead" }
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(charts::style_sheet())) }
            }
            body {
                header {
                    h1 { "annulus, measured against what a user would pick instead" }
                    p.lead { (lead(record)) }
                }
                main {
                    section {
                        h2 { "Which is for whom?" }
                        p {
                            "Figures are medians of all rounds; a shade is a rank among its group, and " b.star { "marked" }
                            " is the best. Where there is a dash, pointing at it says why, and so do the tables below."
                        }
                        (matrix::matrix(record))
                    }
                    section {
                        h2 { "How far apart?" }
                        (how_to_read())
                        (tables::summary(record))
                    }
                    @for section in sections? { (section) }
                }
                footer { (foot(record)?) }
            }
        }
    })
}

fn lead(record: &Record) -> Markup {
    let rounds = record
        .answers
        .iter()
        .map(|answer| answer.rounds.len())
        .max()
        .unwrap_or(0);
    html! {
        (record.mechanisms.len()) " mechanisms, " (record.answers.len()) " questions, " (rounds) " rounds of each, on "
        (record.machine.processor) ", " time datetime=(record.date) { (record.day()) }
    }
}

fn how_to_read() -> Markup {
    html! {
        p {
            "A figure alone says little: on a virtual machine the same code runs several times slower from one minute to the \
             next. So the mechanisms take turns, round after round, and a bare atomic round trip before and after each run tells \
             whether the processors have been moved. " b { "A ratio" } " is of two runs of one round with the machine in one \
             state: ×\u{202f}2 is a peer that takes twice as long as ours, and the two figures below it are the extremes of the \
             rounds. A ratio whose extremes lie on both sides of 1 is no difference. Where no round is fit, there is no ratio, \
             and none can be made of figures of different runs of this program."
        }
    }
}

fn section(record: &Record, chart: &Chart<'_>) -> Result<Markup, Box<dyn Error>> {
    let answers = record
        .answers
        .iter()
        .filter(|answer| answer.ask.question == chart.question);
    let file = format!("{}.svg", chart.name);
    Ok(html! {
        section {
            h2 { (chart.title) }
            (figure(chart.title, &chart.inline()?))
            p.caption { (chart.legend) ". " (chart.caption) " " a href=(file) { "The chart as a file" } "." }
            @for answer in answers { (tables::answer(record, answer)) }
        }
    })
}

/// A chart twice, one of which is shown.
fn figure(title: &str, [wide, narrow]: &[String; 2]) -> Markup {
    html! {
        figure role="img" aria-label=(title) {
            div.wide { (PreEscaped(wide)) }
            div.narrow { (PreEscaped(narrow)) }
        }
    }
}

fn foot(record: &Record) -> Result<Markup, Box<dyn Error>> {
    let machine = &record.machine;
    let probes = Probes::of(record);
    let mut command = vec!["cargo run --release --manifest-path benches/versus/Cargo.toml --".to_owned()];
    command.extend(
        record
            .arguments
            .iter()
            .map(|argument| match argument.contains(char::is_whitespace) {
                true => format!("'{argument}'"),
                false => argument.clone(),
            }),
    );
    let rows = [
        ("processor", machine.processor.clone()),
        ("processors", machine.processors.to_string()),
        (
            "virtual machine",
            if machine.virtual_machine { "yes" } else { "no" }.to_owned(),
        ),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("load before", machine.load.clone()),
        ("pinning", machine.pinning.clone()),
        ("compiler", machine.rustc.clone()),
        ("date", record.date.clone()),
    ];
    Ok(html! {
        h2 { "Where, when, and how?" }
        dl {
            @for (name, value) in rows { dt { (name) } dd { (value) } }
            dt { "versions" }
            dd { @for (i, (name, version)) in record.versions.iter().enumerate() { @if i > 0 { ", " } (name) " " (version) } }
            dt { "command" }
            dd { code { (command.join(" ")) } }
        }
        h3 { "Was the machine the same all the time?" }
        p { (probes.words()) }
        @if !probes.is_empty() { (figure("probes of the machine, run after run", &probes.inline()?)) }
    })
}
