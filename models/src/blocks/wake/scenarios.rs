//! Who waits for blocks, and what is left out when?

use super::{Block, Kill, Process, Rule, Scenario};
use crate::catalogue::{Control, Run, Size};

use Block::{Free, Loaned, Reading, Staged};
use Kill::{Anywhere, Before, Holding, Notifying, Woken};
use Size::{Full, Quick};

fn works(sends: bool, count: u8) -> Process {
    let deadline = false;
    Process { sends, count, deadline }
}

impl Scenario {
    /// So many messages for each sender and receiver.
    fn new(name: &'static str, blocks: &[Block], senders: &[u8], receivers: &[u8]) -> Scenario {
        let senders = senders.iter().map(|&count| works(true, count));
        let receivers = receivers.iter().map(|&count| works(false, count));
        Scenario {
            name,
            blocks: blocks.to_vec(),
            processes: senders.chain(receivers).collect(),
            aborts: true,
            sender_chain: false,
            receiver_chain: false,
            once: false,
            both: false,
            kill: Kill::Nobody,
            without: None,
        }
    }

    fn no_aborts(mut self) -> Self {
        self.aborts = false;
        self
    }

    fn sender_chain(mut self) -> Self {
        self.sender_chain = true;
        self
    }

    fn receiver_chain(mut self) -> Self {
        self.receiver_chain = true;
        self
    }

    /// A reaper notifies once for all blocks.
    fn once(mut self) -> Self {
        self.once = true;
        self
    }

    fn killed(mut self, kill: Kill) -> Self {
        self.kill = kill;
        self
    }

    /// A death notifies both words.
    fn both(mut self) -> Self {
        self.both = true;
        self
    }

    /// The time of these may be up whenever they sleep.
    fn deadlines(mut self, processes: &[usize]) -> Self {
        for &k in processes {
            self.processes[k].deadline = true;
        }
        self
    }

    fn without(mut self, rule: Rule) -> Self {
        self.without = Some(rule);
        self
    }
}

fn two_and_two(blocks: &[Block]) -> Scenario {
    Scenario::new("2 senders, 2 receivers", blocks, &[2, 1], &[2, 1])
}

fn one_block() -> Scenario {
    named("2 senders, 2 receivers, 1 block", two_and_two(&[Free]))
}

fn all_full() -> Scenario {
    Scenario::new(
        "2 senders, 2 receivers, full at the start",
        &[Staged; 2],
        &[1, 1],
        &[1, 1],
    )
}

fn holding_sender() -> Scenario {
    Scenario::new("a sender dies with a block", &[Free], &[2, 1], &[2]).killed(Holding(0))
}

fn holding_receiver() -> Scenario {
    Scenario::new("a receiver dies with a block", &[Free; 2], &[2], &[1, 2]).killed(Holding(1))
}

fn two_loans() -> Scenario {
    Scenario::new("somebody is dead with 2 loans", &[Loaned; 2], &[1, 1], &[1])
        .no_aborts()
        .killed(Before)
}

fn two_orphans() -> Scenario {
    Scenario::new("somebody is dead with 2 messages", &[Reading; 2], &[1], &[1, 1]).killed(Before)
}

fn dies_notifying() -> Scenario {
    named("a sender dies between publish and wake", all_full())
        .killed(Notifying(0))
        .both()
}

fn receiver_dies_notifying() -> Scenario {
    named("a receiver dies between release and wake", all_full())
        .killed(Notifying(2))
        .both()
}

fn dies_woken() -> Scenario {
    named("a sender dies when it is woken", all_full())
        .killed(Woken(0))
        .both()
}

fn named(name: &'static str, scenario: Scenario) -> Scenario {
    Scenario { name, ..scenario }
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    let scenarios = vec![
        (Full, two_and_two(&[Free; 2])),
        (Quick, all_full()),
        (Full, one_block()),
        (
            Full,
            Scenario::new("3 senders, 2 receivers, 3 blocks", &[Free; 3], &[1, 1, 1], &[2, 1]).no_aborts(),
        ),
        (
            Quick,
            Scenario::new("chains", &[Free; 2], &[1, 1], &[1, 1])
                .sender_chain()
                .receiver_chain(),
        ),
        (Quick, holding_sender()),
        (Quick, holding_receiver()),
        (Quick, two_loans()),
        (
            Quick,
            named("somebody is dead with 2 loans, told once, chain", two_loans())
                .once()
                .sender_chain(),
        ),
        (Quick, two_orphans()),
        (
            Quick,
            named("somebody is dead with 2 messages, told once, chain", two_orphans())
                .once()
                .receiver_chain(),
        ),
        (
            Quick,
            Scenario::new("deadlines", &[Free; 2], &[1, 1], &[1, 1]).deadlines(&[0, 1, 2, 3]),
        ),
        (Quick, dies_notifying()),
        (Quick, receiver_dies_notifying()),
        (Quick, dies_woken()),
        (
            Full,
            Scenario::new("a sender dies anywhere", &[Free; 2], &[1, 2], &[2, 1])
                .killed(Anywhere(0))
                .both(),
        ),
        (
            Full,
            Scenario::new("a receiver dies anywhere", &[Free; 2], &[2, 1], &[1, 2])
                .killed(Anywhere(2))
                .both(),
        ),
    ];
    scenarios
        .into_iter()
        .map(|(size, scenario)| Run::new("blocks::wake", scenario.name, size, scenario))
        .collect()
}

/// The scenarios that show that a rule is needed.
fn shows(rule: Rule) -> Vec<Scenario> {
    match rule {
        Rule::AnnounceBeforeLook => vec![two_and_two(&[Free; 2])],
        Rule::ReleaseNotifies => vec![all_full()],
        Rule::AbortNotifies => vec![one_block()],
        Rule::LastLook => vec![
            Scenario::new("a receiver with a deadline", &[Free; 2], &[1, 1], &[1, 1]).deadlines(&[2]),
            named("a sender with a deadline", all_full()).deadlines(&[0]),
        ],
        Rule::FreedNotifies => vec![holding_sender()],
        Rule::FreedNotifiesEach => vec![two_loans()],
        Rule::OrphanNotifies | Rule::OrphanNotifiesReceivers => vec![holding_receiver()],
        Rule::OrphanNotifiesEach => vec![two_orphans()],
        Rule::DeathNotifiesBoth => vec![dies_notifying(), receiver_dies_notifying(), dies_woken()],
    }
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |rule: Rule, scenario: Scenario| {
        let title = scenario.name;
        Control::new("blocks::wake", &rule, "LOST", scenario.clone(), scenario.without(rule)).seen_in(title)
    };
    let controls = |rule| shows(rule).into_iter().map(move |scenario| control(rule, scenario));
    Rule::ALL.into_iter().flat_map(controls).collect()
}
