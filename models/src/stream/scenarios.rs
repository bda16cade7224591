//! Who meets at the end of a stream, and what is left out when?

use super::{Job, Rule, Scenario, Ticks};
use crate::catalogue::{Control, Run, Size};

use Job::{Lease, Receive, Recover, Send};

impl Scenario {
    fn new(name: &'static str, jobs: &[Job]) -> Scenario {
        Scenario {
            name,
            jobs: jobs.to_vec(),
            kills: (0, 0),
            ticks: Ticks::Off,
            without: None,
        }
    }

    /// So many of the first so many are killed; sleeps end with ticks.
    fn kills(mut self, kills: u8, mortals: usize) -> Self {
        self.kills = (kills, mortals);
        self.ticks = Ticks::On;
        self
    }

    /// Sleeps end with ticks.
    fn ticks(mut self) -> Self {
        self.ticks = Ticks::On;
        self
    }

    fn without(mut self, rule: Rule) -> Self {
        self.without = Some(rule);
        self
    }
}

const fn lease(most: u32, returns: u8) -> Job {
    Lease { most, returns }
}

fn plain() -> Scenario {
    Scenario::new("1 sender, 2 receivers", &[Send(2), Receive, Receive])
}

fn with_ticks() -> Scenario {
    Scenario::new("1 sender, 1 receiver, ticks", &[Send(2), Receive]).ticks()
}

fn returned() -> Scenario {
    Scenario::new("1 sender, 2 lease, handed back", &[Send(2), lease(1, 1), lease(1, 1)])
}

fn two_each() -> Scenario {
    Scenario::new("2 hold 2 each", &[Send(2), lease(2, 0), lease(2, 0)])
}

fn holder_dies() -> Scenario {
    Scenario::new("a holder dies", &[lease(1, 1), Send(1), lease(1, 0)]).kills(1, 1)
}

fn reaped_by_another() -> Scenario {
    Scenario::new(
        "a receiver dies, somebody recovers",
        &[Receive, Send(1), Receive, Recover],
    )
    .kills(1, 1)
}

fn two_back() -> Scenario {
    Scenario::new("1 hands 2 back", &[Send(2), lease(2, 2), lease(1, 0)])
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    use Size::{Full, Quick};
    let new = Scenario::new;
    let scenarios = vec![
        (Quick, plain()),
        (Quick, with_ticks()),
        (Quick, new("2 senders, 1 receiver", &[Send(1), Send(1), Receive])),
        (
            Full,
            new("2 senders, 2 receivers", &[Send(2), Send(1), Receive, Receive]),
        ),
        (Quick, returned()),
        (Quick, two_each()),
        (Quick, two_back()),
        (
            Quick,
            new("1 leases, 1 receives", &[Send(2), lease(1, 1), Receive]).ticks(),
        ),
        (Full, new("3 lease", &[Send(2), lease(1, 1), lease(1, 0), lease(1, 0)])),
        (Quick, holder_dies()),
        (
            Full,
            new("a holder of 2 dies", &[lease(2, 1), Send(2), lease(1, 0)]).kills(1, 1),
        ),
        (
            Full,
            new(
                "a holder dies, and who took over",
                &[lease(1, 0), lease(1, 0), Send(1), lease(1, 0)],
            )
            .kills(2, 2),
        ),
        (Quick, new("a sender dies", &[Send(2), Receive, Receive]).kills(1, 1)),
        (
            Quick,
            new("a sender dies, 2 lease", &[Send(2), lease(1, 1), lease(1, 0)]).kills(1, 1),
        ),
        (Quick, reaped_by_another()),
        (
            Full,
            new("sender and holder die", &[Send(2), lease(1, 0), lease(1, 1)]).kills(2, 2),
        ),
    ];
    scenarios
        .into_iter()
        .map(|(size, scenario)| Run::new("stream", scenario.name, size, scenario))
        .collect()
}

/// The scenario that shows that a rule is needed, and what is wrong without it.
fn shows(rule: Rule) -> (Scenario, &'static str) {
    match rule {
        Rule::LastLookLast => (with_ticks(), "EARLY"),
        Rule::WaitForReapers => (reaped_by_another(), "EARLY"),
        Rule::WaitForHolders => (holder_dies(), "EARLY"),
        Rule::HoldersDoNotWait => (two_each(), "ASLEEP"),
        Rule::AcknowledgementWakes => (returned(), "ASLEEP"),
        Rule::ReturnIsAnnounced => (returned(), "ASLEEP"),
        Rule::MoreMayHaveComeBack => (two_back(), "ASLEEP"),
        Rule::CountBeforeClean => (reaped_by_another(), "EARLY"),
        Rule::LeavingIsAnnounced => (plain(), "ASLEEP"),
        Rule::GoneBeforeAnnounced => (plain(), "ASLEEP"),
    }
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |rule| {
        let (scenario, says) = shows(rule);
        Control::new("stream", &rule, says, scenario.clone(), scenario.without(rule))
    };
    Rule::ALL.into_iter().map(control).collect()
}
