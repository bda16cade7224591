//! Which of two is faster, by how much, and is that good enough?

use super::board::Outcome;
use super::machine::{self, Lab};

/// A worker that was without its processor for more than this share of the run was disturbed.
const LOST: f64 = 0.02;
/// Attempts for each round that is wanted, before rounds that should be thrown away are counted all the same.
const ATTEMPTS: usize = 6;
/// Rounds in a regime before it is worth a line.
const LEAST: usize = 3;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Times that all questions are asked: the hypervisor moves the processors in the meantime.
    pub passes: usize,
    /// Rounds of each that count.
    pub rounds: usize,
    /// The number of messages is divided by this.
    pub share: u64,
}

impl Effort {
    /// What a figure in the notes comes from.
    pub const FULL: Effort = Effort {
        passes: 3,
        rounds: 9,
        share: 1,
    };
    /// For a look.
    pub const QUICK: Effort = Effort {
        passes: 1,
        rounds: 5,
        share: 4,
    };
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Nanoseconds an operation.
    pub ns: f64,
    /// A worker lost its processor, and each had one to itself.
    pub disturbed: bool,
}

impl Run {
    /// `operations` done in `outcome` by `crew` workers.
    pub fn of(outcome: Outcome, operations: u64, crew: usize) -> Run {
        Run {
            ns: outcome.elapsed as f64 / operations as f64,
            disturbed: crew <= 2 && outcome.lost as f64 > outcome.elapsed as f64 * LOST,
        }
    }
}

/// What the ratio should be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// A is at least so many times as fast as B.
    Faster(f64),
    /// A takes at most so many times as long as B.
    Slower(f64),
    /// The same, to be aimed at and explained.
    Aim(f64),
    /// For the record: how many times as fast.
    Told,
    /// For the record: how many times as long.
    ToldSlower,
}

/// Runs so many operations.
pub type Runner = Box<dyn Fn(&Lab, u64) -> Run>;

/// One of the two sides: its name, and a run of so many operations.
pub struct Side {
    /// As printed.
    pub name: String,
    /// What it does.
    pub run: Runner,
}

/// A against B.
pub struct Question {
    /// As printed and filtered.
    pub name: String,
    /// Operations a run, at full effort.
    pub operations: u64,
    /// Ours.
    pub a: Side,
    /// The other.
    pub b: Side,
    /// What is wanted of it.
    pub target: Target,
}

/// One pair of runs that counts.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    a: f64,
    b: f64,
    /// What stood around it, in nanoseconds.
    pub probe: f64,
}

/// What has been measured of a question.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Those that count.
    pub rounds: Vec<Round>,
    /// Disturbed, and repeated.
    thrown: usize,
    /// Disturbed, and counted all the same, for want of better ones.
    kept: usize,
}

impl Question {
    /// Measures, and adds to what has been measured before.
    pub fn measure(&self, lab: &Lab, effort: Effort, answer: &mut Answer) {
        let operations = (self.operations / effort.share).max(1);
        let mut rounds = Vec::new();
        let mut spare = Vec::new();
        for attempt in 0..effort.rounds * ATTEMPTS {
            if rounds.len() == effort.rounds {
                break;
            }
            let (round, good) = self.round(lab, operations, attempt);
            if good { &mut rounds } else { &mut spare }.push(round);
        }
        let lacking = effort.rounds - rounds.len();
        answer.thrown += spare.len() - lacking;
        answer.kept += lacking;
        answer.rounds.extend(rounds);
        answer.rounds.extend(spare.into_iter().take(lacking));
    }

    /// Both sides, the first one by turns, with a probe around each.
    fn round(&self, lab: &Lab, operations: u64, attempt: usize) -> (Round, bool) {
        let first = lab.probe();
        let (a, between, b);
        if attempt.is_multiple_of(2) {
            a = (self.a.run)(lab, operations);
            between = lab.probe();
            b = (self.b.run)(lab, operations);
        } else {
            b = (self.b.run)(lab, operations);
            between = lab.probe();
            a = (self.a.run)(lab, operations);
        }
        let last = lab.probe();
        let good = machine::same_regime(&[first, between, last]) && !a.disturbed && !b.disturbed;
        let round = Round {
            a: a.ns,
            b: b.ns,
            probe: between,
        };
        (round, good)
    }

    /// Prints, with a line for each of `regimes` (the highest probe of each) that has enough rounds.
    pub fn print(&self, answer: &Answer, regimes: &[f64]) {
        let Answer { rounds, thrown, kept } = answer;
        let disturbed = if *kept > 0 {
            format!(", {kept} kept although disturbed")
        } else {
            String::new()
        };
        println!(
            "{}: {} as {}, {} rounds, {thrown} thrown away{disturbed}",
            self.name,
            self.a.name,
            self.b.name,
            rounds.len(),
        );
        let mut lowest = 0.0;
        for &highest in regimes {
            let these: Vec<Round> = rounds
                .iter()
                .copied()
                .filter(|round| lowest < round.probe && round.probe <= highest)
                .collect();
            lowest = highest;
            if these.len() >= LEAST {
                self.print_regime(&these);
            }
        }
    }

    fn print_regime(&self, rounds: &[Round]) {
        let times_as_fast = !matches!(self.target, Target::Slower(_) | Target::ToldSlower);
        let ratio = |r: &Round| if times_as_fast { r.b / r.a } else { r.a / r.b };
        let [low, ratio, high] = quartiles(rounds.iter().map(ratio));
        let [_, a, _] = quartiles(rounds.iter().map(|r| r.a));
        let [_, b, _] = quartiles(rounds.iter().map(|r| r.b));
        let [_, probe, _] = quartiles(rounds.iter().map(|r| r.probe));
        let verdict = match self.target {
            Target::Faster(least) => format!("target ≥ {least}: {}", met(ratio >= least)),
            Target::Slower(most) => format!("target ≤ {most}: {}", met(ratio <= most)),
            Target::Aim(least) => format!("aim ≥ {least}: {}", met(ratio >= least)),
            Target::Told | Target::ToldSlower => String::new(),
        };
        println!(
            "    probe {probe:3.0}: {ratio:5.2} [{low:.2} {high:.2}]  {a:.2} ns, {b:.2} ns, {} rounds  {verdict}",
            rounds.len(),
        );
    }
}

fn met(yes: bool) -> &'static str {
    if yes { "met" } else { "MISSED" }
}

/// First quartile, median, third quartile.
pub fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let last = (sorted.len() - 1) as f64;
    [0.25, 0.5, 0.75].map(|q| sorted[(q * last).round() as usize])
}
