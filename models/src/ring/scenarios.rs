//! How is a scenario put together, and which one shows that a rule is needed?

use super::cases::{
    many_laps, on_lease, receiver_dies, receivers_die, receivers_id_to_sender, returned, sender_id_reused, senders_die,
    single_holder, single_holder_dies, single_sender_dies, two_gaps, undisturbed,
};
use super::{End, Job, Laps, Process, Rule, Scenario};
use crate::catalogue::{Control, Run};

use End::{Multi, Single};

/// Sends `count` messages.
pub(super) fn sends(count: u8) -> Process {
    works(Job::Send { count, batch: 1 })
}

/// Receives.
pub(super) fn receives() -> Process {
    works(Job::Receive { batch: 1 })
}

/// Receives on lease, `most` at a time, and hands back so many times.
pub(super) fn leases(most: u8, returns: u8) -> Process {
    works(Job::Lease { most, returns })
}

pub(super) fn works(job: Job) -> Process {
    Process {
        job,
        ids: Vec::new(),
        mortal: false,
        newcomer: false,
    }
}

impl Process {
    pub(super) fn mortal(mut self) -> Self {
        self.mortal = true;
        self
    }

    /// Comes later, and takes one of `ids`.
    pub(super) fn newcomer(mut self, ids: &[u8]) -> Self {
        self.newcomer = true;
        self.ids = ids.to_vec();
        self
    }

    pub(super) fn batches(mut self, size: u8) -> Self {
        match &mut self.job {
            Job::Send { batch, .. } | Job::Receive { batch } => *batch = size,
            Job::Lease { .. } => {}
        }
        self
    }
}

impl Scenario {
    pub(super) fn new(name: &'static str, ends: (End, End), capacity: u8, processes: Vec<Process>) -> Self {
        let mut scenario = Scenario {
            name,
            laps: Laps { capacity, laps: 16 },
            chunk: capacity,
            senders: ends.0,
            receivers: ends.1,
            processes,
            kills: 0,
            without: None,
        };
        for (id, process) in (0..).zip(&mut scenario.processes) {
            if process.ids.is_empty() {
                process.ids = vec![id];
            }
        }
        scenario
    }

    pub(super) fn kills(mut self, kills: u8) -> Self {
        self.kills = kills;
        self
    }

    pub(super) fn laps(mut self, laps: u8) -> Self {
        self.laps.laps = laps;
        self
    }

    pub(super) fn chunk(mut self, chunk: u8) -> Self {
        self.chunk = chunk;
        self
    }

    pub(super) fn without(mut self, rule: Rule) -> Self {
        self.without = Some(rule);
        self
    }
}

/// Many at both ends.
pub(super) fn mpmc<const N: usize>(name: &'static str, capacity: u8, processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Multi, Multi), capacity, processes.to_vec())
}

/// One receiver.
pub(super) fn mpsc<const N: usize>(name: &'static str, capacity: u8, processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Multi, Single), capacity, processes.to_vec())
}

/// One sender.
pub(super) fn spmc<const N: usize>(name: &'static str, capacity: u8, processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Single, Multi), capacity, processes.to_vec())
}

/// One of each.
pub(super) fn spsc<const N: usize>(name: &'static str, capacity: u8, processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Single, Single), capacity, processes.to_vec())
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    let scenarios = [undisturbed(), senders_die(), receivers_die(), on_lease()];
    let run = |(size, scenario): (_, Scenario)| {
        let (name, capacity, chunk) = (scenario.name, scenario.laps.capacity, scenario.chunk);
        let name = format!("{name} (capacity {capacity}, hints every {chunk})");
        Run::new("ring", &name, size, scenario)
    };
    scenarios.into_iter().flatten().map(run).collect()
}

/// The scenario that shows that a rule is needed, and what is wrong without it.
fn shows(rule: Rule) -> (Scenario, &'static str) {
    match rule {
        Rule::ClaimByCas => (mpmc("2 senders", 2, [sends(2), sends(1), receives()]), "ROBBED"),
        Rule::CopyBeforePublish => (mpmc("1 sender", 2, [sends(2), receives()]), "TORN"),
        Rule::HintBeforeStore => (many_laps(), "R5"),
        Rule::HintAfterSlot => (single_sender_dies(2), "R1"),
        Rule::ReceiverJump => (two_gaps(), "CORRUPT"),
        Rule::EarlierLapIsEmpty => (receiver_dies(1), "CORRUPT"),
        Rule::WritingIsEmpty => (mpmc("1 sender", 1, [sends(1), receives()]), "HELD UP"),
        Rule::WalksBeginAgain => (many_laps(), "CORRUPT"),
        Rule::LapsWrap => (spsc("spsc", 2, [sends(4), receives()]), "CORRUPT"),
        Rule::GapNextLap => (
            mpmc("a sender dies", 2, [sends(1).mortal(), sends(2), receives()]).kills(1),
            "R1",
        ),
        Rule::OrphanKeepsMessage | Rule::Reap => (receiver_dies(2), "STUCK"),
        Rule::OrphanByOthers => (receivers_id_to_sender(), "STUCK"),
        Rule::SeekOrphans => (receivers_id_to_sender(), "STUCK"),
        Rule::TakeByCas => (
            mpmc("2 seek an orphan", 2, [sends(1), leases(1, 1), receives(), receives()]),
            "ROBBED",
        ),
        Rule::OwnerByte => (
            mpmc(
                "a sender's id is reused, 2 messages",
                1,
                [sends(1).mortal(), receives(), sends(2).newcomer(&[0]), sends(1)],
            )
            .kills(1),
            "ROBBED",
        ),
        Rule::NeverItself => (mpmc("2 on lease", 2, [sends(1), leases(2, 0)]), "DOUBLED"),
        Rule::Sweep => (sender_id_reused(), "STUCK"),
        Rule::HintBehindHeld => (single_holder_dies(), "CORRUPT"),
        Rule::HeldLapIsEmpty => (single_holder(2), "CORRUPT"),
        Rule::HandBackMarks | Rule::HandBackKeepsMessage => (returned(), "STUCK"),
    }
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |rule| {
        let (scenario, says) = shows(rule);
        Control::new("ring", &rule, says, scenario.clone(), scenario.without(rule))
    };
    Rule::ALL.into_iter().map(control).collect()
}
