//! Who waits for whom, and what is left out when?

use super::{Job, Kill, Rule, Scenario, Ticks};
use crate::catalogue::{Control, Run, Size};

use Job::{Reap, Receive, ReceiveTimeout, Send};

impl Scenario {
    fn new(name: &'static str, capacity: u8, jobs: &[Job]) -> Scenario {
        Scenario {
            name,
            capacity,
            being_read: 0,
            jobs: jobs.to_vec(),
            kill: Kill::Nobody,
            ticks: Ticks::Off,
            without: None,
        }
    }

    /// The ring is full of messages that receivers are copying out.
    fn being_read(mut self) -> Self {
        self.being_read = self.capacity;
        self
    }

    /// The first process is killed with a claim.
    fn killed_with_claim(mut self) -> Self {
        self.kill = Kill::WithClaim;
        self
    }

    /// The first process is killed anywhere; sleeps end with ticks.
    fn killed_anywhere(mut self) -> Self {
        self.kill = Kill::Anywhere;
        self.ticks = Ticks::On;
        self
    }

    fn without(mut self, rule: Rule) -> Self {
        self.without = Some(rule);
        self
    }
}

fn ping_pong() -> Scenario {
    Scenario::new("1 sender, 1 receiver, 1 slot", 1, &[Send(3), Receive(3)])
}

fn senders_wait() -> Scenario {
    Scenario::new(
        "2 senders wait for 2 receivers",
        2,
        &[Send(1), Send(1), Receive(1), Receive(1)],
    )
    .being_read()
}

fn receivers_wait() -> Scenario {
    Scenario::new(
        "2 receivers wait for 2 senders",
        2,
        &[Send(1), Send(1), Receive(1), Receive(1)],
    )
}

fn gap_for_receivers() -> Scenario {
    let jobs = [Send(1), Send(1), Receive(1), Reap];
    Scenario::new("a sender dies, a receiver waits behind it", 2, &jobs).killed_with_claim()
}

fn gap_for_senders() -> Scenario {
    let jobs = [Send(1), Send(1), Receive(1), Reap];
    Scenario::new("a sender dies, a sender waits for its slot", 1, &jobs).killed_with_claim()
}

fn with_timeout() -> Scenario {
    Scenario::new(
        "a receiver waits, and one with a timeout",
        2,
        &[Send(1), Receive(1), ReceiveTimeout(1)],
    )
}

fn sleeper_dies() -> Scenario {
    Scenario::new("a receiver dies anywhere", 2, &[Receive(1), Send(2), Receive(1)]).killed_anywhere()
}

fn waker_dies() -> Scenario {
    Scenario::new("a sender dies anywhere", 2, &[Send(2), Send(1), Receive(2)]).killed_anywhere()
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    use Size::{Full, Quick};
    let new = Scenario::new;
    let scenarios = vec![
        (Quick, ping_pong()),
        (Quick, new("1 sender, 1 receiver, 2 slots", 2, &[Send(3), Receive(3)])),
        (Quick, senders_wait()),
        (Quick, receivers_wait()),
        (
            Full,
            new(
                "2 senders, 2 receivers, 1 slot",
                1,
                &[Send(1), Send(1), Receive(1), Receive(1)],
            ),
        ),
        (
            Full,
            new(
                "2 senders, 2 receivers, 2 messages of one",
                2,
                &[Send(2), Send(1), Receive(2), Receive(1)],
            ),
        ),
        (
            Full,
            new(
                "3 receivers wait for 2 senders",
                2,
                &[Send(1), Send(1), Receive(1), Receive(1), Receive(1)],
            ),
        ),
        (
            Full,
            new(
                "3 senders wait for 2 receivers",
                2,
                &[Send(1), Send(1), Send(1), Receive(1), Receive(1)],
            )
            .being_read(),
        ),
        (Quick, gap_for_receivers()),
        (Quick, gap_for_senders()),
        (
            Quick,
            new(
                "a receiver dies, another waits for its message",
                2,
                &[Receive(1), Send(2), Receive(2), Reap],
            )
            .killed_with_claim(),
        ),
        (
            Full,
            new(
                "a sender dies, 2 receivers",
                2,
                &[Send(1), Send(1), Receive(1), Receive(1), Reap],
            )
            .killed_with_claim(),
        ),
        (Quick, with_timeout()),
        (
            Full,
            new(
                "2 with timeouts, 2 senders",
                2,
                &[Send(1), Send(1), ReceiveTimeout(2), ReceiveTimeout(1)],
            ),
        ),
        (Quick, sleeper_dies()),
        (Quick, waker_dies()),
        (
            Quick,
            new("a sender that waits dies anywhere", 1, &[Send(1), Send(1), Receive(2)])
                .being_read()
                .killed_anywhere(),
        ),
        (
            Full,
            new(
                "a receiver dies anywhere, 2 senders",
                2,
                &[Receive(1), Send(1), Send(1), Receive(2)],
            )
            .killed_anywhere(),
        ),
    ];
    scenarios
        .into_iter()
        .map(|(size, scenario)| Run::new("waiting", scenario.name, size, scenario))
        .collect()
}

/// The scenario that shows that a rule is needed, and what is wrong without it.
fn shows(rule: Rule) -> (Scenario, &'static str) {
    match rule {
        Rule::AnnounceBeforeLook | Rule::WakerEpoch => (ping_pong(), "LOST"),
        Rule::WaiterEpoch | Rule::ClearByCas => (
            Scenario::new("2 receivers, 1 sender", 2, &[Send(2), Receive(2), Receive(1)]),
            "LOST",
        ),
        Rule::KernelCounts => (sleeper_dies(), "LEAK"),
        Rule::SenderChain => (senders_wait(), "LOST"),
        Rule::ReceiverChain => (receivers_wait(), "LOST"),
        Rule::ReaperNotifiesReceivers => (gap_for_receivers(), "LOST"),
        Rule::ReaperNotifiesSenders => (gap_for_senders(), "LOST"),
        Rule::LastLook => (with_timeout(), "LOST"),
        Rule::Ticks => (waker_dies(), "LOST"),
    }
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |rule| {
        let (scenario, says) = shows(rule);
        Control::new("waiting", &rule, says, scenario.clone(), scenario.without(rule))
    };
    Rule::ALL.into_iter().map(control).collect()
}
