//! Is a wake-up lost?
//!
//! `src/wait`, with the parts of `src/channel` that call it: two wait words with both epochs and the `SLEEPERS` bit, a
//! kernel that knows who sleeps, senders and receivers that wait for one another, a newcomer that reaps. To claim a slot
//! and to finish it are a step each; around them each access to a wait word and each futex call is one. Who is between two
//! operations may never begin another.
//!
//! Without ticks, and if nobody is killed but in the middle of a message: when nobody can go on, nobody sleeps whose
//! operation would succeed. With ticks, and killed anywhere: from every state that can be come to again. A sleeper that
//! was killed costs the others one system call, and no more.
//!
//! (Two that are about to sleep on one word can keep each other awake, each announcement undoing the other's sleep, for as
//! long as they run in step. A schedule in which they do not is all that is asked for.)

pub mod scenarios;
mod slots;
mod turn;
mod wake;

use crate::explore::{Model, Step};

use slots::Slots;
use turn::Turn;

/// Processes at most.
const PROCESSES: usize = 5;

/// What is left out to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// Who waits looks at the ring again after it has announced itself.
    AnnounceBeforeLook,
    /// The notifier changes the word before it wakes.
    WakerEpoch,
    /// The waiter changes the word even if the bit stands already.
    WaiterEpoch,
    /// Who has woken nobody compares before it takes the bit away. Without: a plain store.
    ClearByCas,
    /// The kernel counts the sleepers. Without: a number in shared memory.
    KernelCounts,
    /// A sender that sees another place wakes one more sender.
    SenderChain,
    /// A receiver that sees another message wakes one more receiver.
    ReceiverChain,
    /// Who reaps notifies the receivers: a gap moves them on, an orphan is theirs.
    ReaperNotifiesReceivers,
    /// Who reaps notifies the senders: a gap is a place.
    ReaperNotifiesSenders,
    /// Every sleep is followed by a last look, before the time is up.
    LastLook,
    /// Every sleep ends with a tick.
    Ticks,
}

impl Rule {
    /// Every one.
    pub const ALL: [Rule; 11] = [
        Rule::AnnounceBeforeLook,
        Rule::WakerEpoch,
        Rule::WaiterEpoch,
        Rule::ClearByCas,
        Rule::KernelCounts,
        Rule::SenderChain,
        Rule::ReceiverChain,
        Rule::ReaperNotifiesReceivers,
        Rule::ReaperNotifiesSenders,
        Rule::LastLook,
        Rule::Ticks,
    ];
}

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// Sends so many messages.
    Send(u8),
    /// Receives so many.
    Receive(u8),
    /// Receives so many, and has given up waiting at any time.
    ReceiveTimeout(u8),
    /// Repairs what the dead have left, as who attaches does.
    Reap,
}

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kill {
    /// Nobody.
    Nobody,
    /// The first process, with a claim.
    WithClaim,
    /// The first process, anywhere.
    Anywhere,
}

/// What sleeps end with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ticks {
    /// Only with a wake-up.
    Off,
    /// With a tick at any time.
    On,
}

/// A few processes that wait for one another.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// Slots.
    pub capacity: u8,
    /// So many messages are in the ring from the start, each being copied out by one of the receivers.
    pub being_read: u8,
    /// Who is there.
    pub jobs: Vec<Job>,
    /// Who is killed.
    pub kill: Kill,
    /// What sleeps end with.
    pub ticks: Ticks,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// What somebody remembers of a wait word. Of the epochs it only matters whether they have moved since: they do not come
/// round here, so what is stale stays so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Seen {
    word: u8,
    /// An epoch has moved.
    stale: bool,
    sleepers: u8,
}

const NOTHING: Seen = Seen {
    word: 0,
    stale: true,
    sleepers: 0,
};

/// Everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    slots: Slots,
    /// The `SLEEPERS` bit of the receivers' word and of the senders'; without [`Rule::KernelCounts`] a number.
    sleepers: [u8; 2],
    processes: [Local; PROCESSES],
    killed: bool,
}

const RECEIVERS: u8 = 0;
const SENDERS: u8 = 1;

/// What a process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Local {
    at: At,
    /// Operations that it may still begin.
    left: u8,
    /// What it has claimed.
    p: u8,
    /// A wait word as it left it.
    seen: Seen,
}

/// Before which step a process is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Between operations.
    Rest,
    Announce,
    /// The look between announcement and sleep.
    Check,
    Futex,
    Asleep,
    Woken,
    /// In the middle of a message.
    Work,
    Notify(Errand),
    Bump(Errand),
    Wake(Errand),
    Clear(Errand),
    ChainLook,
    ChainMore,
    /// A reaper that has nothing to do yet.
    Watch,
    Done,
    /// Killed; it has left something in its slot or not.
    Dead,
    Repaired,
}

/// Whom somebody wakes, and why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Errand {
    /// The other end, after an operation.
    Theirs,
    /// Its own end.
    Chain,
    /// All receivers, after a repair.
    Receivers,
    /// All senders, after that.
    Senders,
}

impl Scenario {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    fn ticks(&self) -> bool {
        self.ticks == Ticks::On && self.keeps(Rule::Ticks)
    }
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let nobody = Local {
            at: At::Done,
            left: 0,
            p: 0,
            seen: NOTHING,
        };
        let mut state = State {
            slots: Slots::new(self.capacity),
            sleepers: [0; 2],
            processes: [nobody; PROCESSES],
            killed: false,
        };
        let mut reading = 0..self.being_read;
        for (job, local) in self.jobs.iter().zip(&mut state.processes) {
            local.at = At::Rest;
            match job {
                Job::Send(count) => local.left = *count,
                Job::Receive(count) | Job::ReceiveTimeout(count) => {
                    local.left = *count;
                    if let Some(p) = reading.next() {
                        state.slots.set(p, 0, slots::Phase::Reading);
                        *local = Local {
                            at: At::Work,
                            left: count - 1,
                            p,
                            ..*local
                        };
                    }
                }
                Job::Reap => local.at = At::Watch,
            }
        }
        state
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        for k in 0..self.jobs.len() {
            Turn::new(self, state, k).steps(next);
        }
        let first = state.processes[0].at;
        let may_die = match self.kill {
            Kill::Nobody => false,
            Kill::WithClaim => first == At::Work,
            Kill::Anywhere => !matches!(first, At::Done),
        };
        if may_die && !state.killed {
            next.push(Turn::new(self, state, 0).killed());
        }
    }

    fn good_end(&self, state: &State) -> bool {
        let unrepaired = state.processes.iter().any(|local| local.at == At::Dead);
        let rests = |k: usize| match state.processes[k].at {
            At::Done | At::Watch | At::Dead | At::Repaired => true,
            At::Asleep => !unrepaired && !Turn::new(self, state, k).could(),
            _ => false,
        };
        (0..self.jobs.len()).all(rests)
    }

    fn at_rest(&self, state: &State) -> Option<String> {
        let lost = |&k: &usize| state.processes[k].at == At::Asleep && Turn::new(self, state, k).could();
        let lost = (0..self.jobs.len()).find(lost)?;
        Some(format!("LOST: P{lost} sleeps, and could go on"))
    }
}
