//! Who is ahead, question by question?

use crate::mechanism;
use crate::mechanism::Reach;
use crate::ratio::Spread;
use crate::record::{Record, is_ours};
use crate::series::Answer;

/// One question's best.
#[derive(Debug)]
pub struct Line<'a> {
    /// What was asked, and what came of it.
    pub answer: &'a Answer,
    /// The one of ours that the others are compared with,
    pub ours: &'static str,
    /// and its figures.
    pub figures: Option<Spread>,
    /// The best of each of [`Reach::ALL`] that is not ours.
    pub best: [Option<Best<'a>>; 3],
}

/// The best of a group.
#[derive(Debug)]
pub struct Best<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its figures.
    pub figures: Spread,
    /// How many times as long as ours it takes, if that may be said.
    pub ratio: Option<Spread>,
}

/// A line for each question.
pub fn lines<'a>(record: &'a Record) -> Vec<Line<'a>> {
    let line = |answer: &'a Answer| {
        let ours = mechanism::ours(&answer.ask);
        Line {
            answer,
            ours,
            figures: answer.figures(ours),
            best: Reach::ALL.map(|group| best(record, answer, ours, group)),
        }
    };
    record.answers.iter().map(line).collect()
}

fn best<'a>(record: &Record, answer: &'a Answer, ours: &str, group: Reach) -> Option<Best<'a>> {
    let ranking = answer.ranking();
    let (name, figures) = ranking
        .into_iter()
        .find(|(name, _)| !is_ours(name) && record.group(name) == Some(group))?;
    Some(Best {
        name,
        figures,
        ratio: answer.ratio(name, ours),
    })
}
