//! What have all rounds come to?

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

use super::audit::Fault;
use super::plan::Plan;
use super::round::Outcome;

/// Stories told of a round that went wrong.
const STORIES: usize = 8;

/// Sums over rounds.
#[derive(Debug, Default)]
pub struct Tally {
    rounds: u64,
    operations: u64,
    messages: u64,
    kills: u64,
    stops: u64,
    forks: u64,
    respawns: u64,
    redelivered: u64,
    taken_along: u64,
    disordered: u64,
    others: u64,
    lost: u64,
    doubled: u64,
    torn: u64,
    hung: u64,
}

impl Tally {
    /// Adds a round; if it went wrong, says how.
    pub fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        let found = &outcome.findings;
        self.rounds += 1;
        self.operations += outcome.operations;
        self.messages += found.messages;
        self.kills += outcome.kills;
        self.stops += outcome.stops;
        self.forks += outcome.forks;
        self.respawns += outcome.respawns;
        self.redelivered += found.again;
        self.taken_along += found.taken_along;
        self.disordered += found.count(Fault::Disordered);
        self.others += found.count(Fault::Mismarked) + found.count(Fault::Invented) + outcome.failures.len() as u64;
        self.lost += found.count(Fault::Lost);
        self.doubled += found.count(Fault::Doubled);
        self.torn += found.count(Fault::Torn);
        self.hung += u64::from(outcome.hung);
        let stories = found.faults.iter().map(|(fault, story)| format!("{fault:?}: {story}"));
        let stories = outcome.failures.iter().cloned().chain(stories);
        for (i, story) in stories.take(STORIES).enumerate() {
            if i == 0 {
                eprintln!("{plan}");
            }
            eprintln!("    {story}");
        }
    }

    /// Nothing went wrong.
    pub fn is_clean(&self) -> bool {
        self.disordered + self.others + self.lost + self.doubled + self.torn + self.hung == 0
    }

    /// Rounds so far.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    fn rows(&self) -> [(&'static str, u64); 15] {
        [
            ("rounds", self.rounds),
            ("operations", self.operations),
            ("messages", self.messages),
            ("processes killed", self.kills),
            ("stopped and continued", self.stops),
            ("forked by workers", self.forks),
            ("respawned", self.respawns),
            ("delivered again, after a drop or a death", self.redelivered),
            ("died with their receivers", self.taken_along),
            ("out of order", self.disordered),
            ("other faults", self.others),
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("torn", self.torn),
            ("hung rounds", self.hung),
        ]
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        for (what, count) in self.rows() {
            table.add_row([what.to_owned(), count.to_string()]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}
