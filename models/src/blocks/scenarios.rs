//! How is a scenario put together?

use super::cases;
use super::queue::Orders;
use super::shows::shows;
use super::{End, Full, Job, Jumps, Process, Rule, Scenario};
use crate::catalogue::{Control, Run};

use End::{Multi, Single};

fn works(job: Job) -> Process {
    Process {
        job,
        ids: Vec::new(),
        mortal: false,
        newcomer: false,
        home: u8::MAX,
    }
}

/// Sends `count` messages.
pub(super) fn sends(count: u8) -> Process {
    works(Job::Send(count))
}

/// Sends or aborts `count` messages.
pub(super) fn sends_or_aborts(count: u8) -> Process {
    works(Job::SendOrAbort(count))
}

/// Receives.
pub(super) fn receives() -> Process {
    works(Job::Receive)
}

/// Receives, and may keep one block while it receives others.
pub(super) fn keeps() -> Process {
    works(Job::Keep)
}

impl Process {
    pub(super) fn mortal(mut self) -> Self {
        self.mortal = true;
        self
    }

    /// Comes later, and takes this id.
    pub(super) fn newcomer(mut self, id: u8) -> Self {
        self.newcomer = true;
        self.ids = vec![id];
        self
    }

    /// Loans these blocks only, a bit each.
    pub(super) fn home(mut self, blocks: u8) -> Self {
        self.home = blocks;
        self
    }
}

impl Scenario {
    fn new(name: &'static str, ends: (End, End), size: (u8, u8), processes: &[Process]) -> Self {
        let mut scenario = Scenario {
            name,
            entries: size.0,
            blocks: size.1,
            hints: 1,
            jumps: Jumps::ByPool,
            most_looks: None,
            full: Full::Unasked,
            looks_first: false,
            rest_to_orphans: false,
            ends: false,
            senders: ends.0,
            receivers: ends.1,
            processes: processes.to_vec(),
            kills: 0,
            without: None,
            orders: Orders::default(),
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

    /// Hints are stored every so many positions.
    pub(super) fn hints(mut self, every: u8) -> Self {
        self.hints = every;
        self
    }

    /// Hints are never stored.
    pub(super) fn no_hints(self) -> Self {
        self.hints(0)
    }

    pub(super) fn jumps(mut self, jumps: Jumps) -> Self {
        self.jumps = jumps;
        self
    }

    pub(super) fn most_looks(mut self, most: u8) -> Self {
        self.most_looks = Some(most);
        self
    }

    pub(super) fn full(mut self, full: Full) -> Self {
        self.full = full;
        self
    }

    /// Receivers look for the dead first.
    pub(super) fn looks_first(mut self) -> Self {
        self.looks_first = true;
        self
    }

    /// Of several messages of a dead receiver all but the oldest become orphans.
    pub(super) fn rest_to_orphans(mut self) -> Self {
        self.rest_to_orphans = true;
        self
    }

    /// There is an end of the stream.
    pub(super) fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    pub(super) fn without(mut self, rule: Rule) -> Self {
        if rule == Rule::RingHoldsPool {
            self.entries /= 2;
        }
        self.without = Some(rule);
        self
    }

    /// What is looked at, and how large the ring and the pool are.
    pub(super) fn title(&self) -> String {
        let Scenario { entries, blocks, .. } = self;
        format!("{} (M = {entries}, K = {blocks})", self.name)
    }
}

/// Many at both ends; `size` is the number of entries and of blocks.
pub(super) fn mpmc<const N: usize>(name: &'static str, size: (u8, u8), processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Multi, Multi), size, &processes)
}

/// One receiver.
pub(super) fn mpsc<const N: usize>(name: &'static str, size: (u8, u8), processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Multi, Single), size, &processes)
}

/// One sender.
pub(super) fn spmc<const N: usize>(name: &'static str, size: (u8, u8), processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Single, Multi), size, &processes)
}

/// One of each.
pub(super) fn spsc<const N: usize>(name: &'static str, size: (u8, u8), processes: [Process; N]) -> Scenario {
    Scenario::new(name, (Single, Single), size, &processes)
}

/// Everything that is looked at.
pub fn all() -> Vec<Run> {
    let scenarios = [
        cases::undisturbed(),
        cases::single_ends(),
        cases::senders_die(),
        cases::receivers_die(),
        cases::ids_are_reused(),
        cases::blocks_are_kept(),
        cases::full_is_exact(),
        cases::streams_end(),
    ];
    let run = |(size, scenario): (_, Scenario)| Run::new("blocks", &scenario.title(), size, scenario);
    scenarios.into_iter().flatten().map(run).collect()
}

/// Each rule left out.
pub fn controls() -> Vec<Control> {
    let control = |rule: Rule, (scenario, says): (Scenario, _)| {
        let title = scenario.title();
        Control::new("blocks", &rule, says, scenario.clone(), scenario.without(rule)).seen_in(&title)
    };
    let controls = |rule| shows(rule).into_iter().map(move |shown| control(rule, shown));
    Rule::ALL.into_iter().flat_map(controls).collect()
}
