//! How many times as fast is one as the other, and how sure is that?
//!
//! A ratio is of two runs of one round, between which the machine has not changed; there is no way to make one of anything else.

use serde::Serialize;

use crate::machine::same_regime;
use crate::series::{Answer, Round, Run};

/// Rounds that a ratio needs.
const LEAST: usize = 5;

/// Figures of several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The greatest.
    pub max: f64,
    /// Of how many.
    pub rounds: usize,
}

impl Spread {
    /// Of these, if there are any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            (sorted[half - 1] + sorted[half]) / 2.0
        } else {
            sorted[half]
        };
        Some(Spread {
            min,
            median,
            max,
            rounds: sorted.len(),
        })
    }
}

impl Answer {
    /// The figures of a mechanism, whatever the machine did meanwhile.
    pub fn figures(&self, mechanism: &str) -> Option<Spread> {
        self.spread(mechanism, |run| run.figure(self.ask.question))
    }

    /// Something else of a mechanism's runs. None of one that could not answer to the end: what it did before does not count.
    pub fn spread(&self, mechanism: &str, of: impl Fn(&Run) -> f64) -> Option<Spread> {
        if self.absence(mechanism).is_some() {
            return None;
        }
        let runs = self.rounds.iter().filter_map(|round| round.of(mechanism));
        Spread::of(runs.map(of).filter(|figure| figure.is_finite()))
    }

    /// How many times as long `peer` takes as `ours`: more than 1 is ours ahead. None unless both were measured in the same
    /// rounds of this run, with the machine in one state, often enough.
    pub fn ratio(&self, peer: &str, ours: &str) -> Option<Spread> {
        if self.absence(peer).or(self.absence(ours)).is_some() {
            return None;
        }
        let question = self.ask.question;
        let ratios = self.rounds.iter().filter_map(|round| {
            let (peer, ours) = (round.of(peer)?, round.of(ours)?);
            let probes: Vec<f64> = peer.probes.iter().chain(&ours.probes).copied().collect();
            same_regime(&probes).then(|| peer.figure(question) / ours.figure(question))
        });
        Spread::of(ratios.filter(|ratio| ratio.is_finite())).filter(|spread| spread.rounds >= LEAST)
    }

    /// The mechanisms that have figures, fastest first.
    pub fn ranking(&self) -> Vec<(&str, Spread)> {
        let mut names: Vec<&str> = self
            .rounds
            .iter()
            .flat_map(|r| &r.runs)
            .map(|run| run.mechanism.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut ranking: Vec<_> = names
            .into_iter()
            .filter_map(|name| Some((name, self.figures(name)?)))
            .collect();
        ranking.sort_by(|a, b| a.1.median.total_cmp(&b.1.median));
        ranking
    }
}

impl Round {
    fn of(&self, mechanism: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.mechanism == mechanism)
    }
}
