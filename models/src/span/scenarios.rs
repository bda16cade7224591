//! Which streams are looked at, and what is left out when?

use super::{Rule, Scenario};
use crate::catalogue::{Control, Run, Size};

impl Scenario {
    const fn new(name: &'static str, capacity: u8, chunks: [[u8; 2]; 2], total: u8) -> Scenario {
        Scenario {
            name,
            capacity,
            low_water: 1,
            chunks,
            total,
            kills: 0,
            without: None,
        }
    }

    const fn kills(mut self, kills: u8) -> Self {
        self.kills = kills;
        self
    }

    const fn low_water(mut self, low_water: u8) -> Self {
        self.low_water = low_water;
        self
    }

    const fn without(mut self, rule: Rule) -> Self {
        self.without = Some(rule);
        self
    }
}

const fn one_by_one() -> Scenario {
    Scenario::new("1 element, one by one", 1, [[1, 1], [1, 1]], 4)
}

const fn chunks() -> Scenario {
    Scenario::new("3 elements, chunks of 1 and 2", 3, [[2, 1], [1, 2]], 7)
}

/// Nothing comes after the chunk: who sleeps through it sleeps on.
const fn one_chunk() -> Scenario {
    Scenario::new("3 elements, 2 come", 3, [[2, 2], [1, 1]], 2)
}

const fn refused() -> Scenario {
    Scenario::new("3 elements, the reader wants them all", 3, [[1, 1], [1, 3]], 8).low_water(2)
}

const fn killed() -> Scenario {
    Scenario::new("3 elements, killed once", 3, [[2, 1], [1, 2]], 6).kills(1)
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    use Size::{Full, Quick};
    let scenarios = [
        (Quick, one_by_one()),
        (
            Quick,
            Scenario::new("2 elements, chunks of 1 and 2", 2, [[2, 1], [1, 1]], 6),
        ),
        (Quick, chunks()),
        (Quick, one_chunk()),
        (
            Quick,
            Scenario::new("3 elements, low water", 3, [[1, 1], [1, 1]], 8).low_water(2),
        ),
        (Quick, refused()),
        (
            Quick,
            Scenario::new("1 element, killed twice", 1, [[1, 1], [1, 1]], 4).kills(2),
        ),
        (Quick, killed()),
        (
            Quick,
            Scenario::new("2 elements, killed twice", 2, [[2, 1], [1, 1]], 5).kills(2),
        ),
        (
            Full,
            Scenario::new("3 elements, killed 3 times", 3, [[2, 1], [1, 2]], 8)
                .kills(3)
                .low_water(2),
        ),
    ];
    scenarios
        .into_iter()
        .map(|(size, scenario)| Run::new("span", scenario.name, size, scenario))
        .collect()
}

/// The scenario that shows that a rule is needed, and what is wrong without it.
fn shows(rule: Rule) -> (Scenario, &'static str) {
    match rule {
        Rule::CommitLast => (one_by_one(), "TORN"),
        Rule::ConsumeLast => (one_by_one(), "TORN"),
        Rule::OwnWord => (killed(), "LOST"),
        Rule::MarkFirst => (one_chunk(), "ASLEEP"),
        Rule::AnnounceBeforeLook => (one_by_one(), "ASLEEP"),
        Rule::WakesAtTheMark => (one_by_one(), "ASLEEP"),
        Rule::RefusedWakes => (refused(), "ASLEEP"),
    }
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |rule| {
        let (scenario, says) = shows(rule);
        Control::new("span", &rule, says, scenario.clone(), scenario.without(rule))
    };
    Rule::ALL.into_iter().map(control).collect()
}
