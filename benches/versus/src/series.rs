//! How is a question asked of all mechanisms, so that what comes of it may be compared?
//!
//! In rounds: each mechanism once, in an order that turns from round to round, with a probe of the machine before and after each
//! run. What is compared are two runs of one round whose probes agree; see [`crate::ratio`].

use serde::{Deserialize, Serialize};

use crate::ask::{Ask, Question};
use crate::crew::{Crew, Outcome};
use crate::machine;
use crate::mechanism::Entry;

/// What was measured of one question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The question.
    pub ask: Ask,
    /// What was asked it in each round.
    pub rounds: Vec<Round>,
    /// Who was not, or no longer, and why.
    pub absent: Vec<Absent>,
}

/// One turn of all mechanisms.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// In the order in which they were made.
    pub runs: Vec<Run>,
}

/// One run of one mechanism.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub mechanism: String,
    /// The probes before and after, in nanoseconds; none on one processor.
    pub probes: Vec<f64>,
    /// What it came to.
    pub outcome: Outcome,
}

/// A mechanism without a figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Absent {
    /// Its name.
    pub mechanism: String,
    /// Why.
    pub why: String,
    /// Whether it was meant to answer: it hung, died, or delivered something else.
    pub failed: bool,
}

impl Answer {
    /// Why a mechanism has no figure here, if it has none.
    pub fn absence(&self, mechanism: &str) -> Option<&Absent> {
        self.absent.iter().find(|absent| absent.mechanism == mechanism)
    }
}

impl Run {
    /// The figure that the question is about: nanoseconds a message, of a round trip the median; of the nearly idle,
    /// nanoseconds of processor time a message; system calls a message.
    pub fn figure(&self, question: Question) -> f64 {
        let a_message = |what: u64| what as f64 / self.outcome.messages as f64;
        match question {
            Question::OneWay | Question::Many => a_message(self.outcome.elapsed),
            Question::RoundTrip => self.outcome.latency.map_or(f64::NAN, |latency| latency.p50 as f64),
            Question::Idle => a_message(self.outcome.cpu),
            Question::SystemCalls => self.outcome.calls.map_or(f64::NAN, a_message),
        }
    }

    /// Gigabytes a second, of messages of so many bytes.
    pub fn bandwidth(&self, size: usize) -> f64 {
        (self.outcome.messages * size as u64) as f64 / self.outcome.elapsed as f64
    }

    /// Processor seconds a million messages.
    pub fn busy(&self) -> f64 {
        self.outcome.cpu as f64 / self.outcome.messages as f64 / 1e3
    }

    /// What making the link and taking its ends took, in nanoseconds.
    pub fn start_up(&self) -> f64 {
        (self.outcome.open + self.outcome.attach) as f64
    }
}

/// Asks all of `entries`, `rounds` times; `step` is told before each run.
pub fn measure(ask: &Ask, entries: &[Entry], rounds: usize, crew: &Crew, mut step: impl FnMut(&str)) -> Answer {
    let mut answer = Answer {
        ask: ask.clone(),
        rounds: Vec::new(),
        absent: Vec::new(),
    };
    let mut present = Vec::new();
    for entry in entries {
        match (entry.refuses)(ask) {
            None => present.push(*entry),
            Some(why) => answer.absent.push(Absent {
                mechanism: entry.name.to_owned(),
                why: why.to_string(),
                failed: false,
            }),
        }
    }
    for turn in 0..rounds {
        let mut round = Round::default();
        if !present.is_empty() {
            let first = turn % present.len();
            present.rotate_left(first);
        }
        let mut before = machine::probe(crew);
        present.retain(|entry| {
            step(entry.name);
            match (entry.run)(ask, crew) {
                Ok(outcome) => {
                    let after = machine::probe(crew);
                    round.runs.push(Run {
                        mechanism: entry.name.to_owned(),
                        probes: before.into_iter().chain(after).collect(),
                        outcome,
                    });
                    before = after;
                    true
                }
                Err(why) => {
                    answer.absent.push(Absent {
                        mechanism: entry.name.to_owned(),
                        failed: why.is_fault(),
                        why: why.to_string(),
                    });
                    false
                }
            }
        });
        answer.rounds.push(round);
    }
    answer
}
