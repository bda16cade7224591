//! When does a receiver hear that the stream is over, and does it hear it at all?
//!
//! `src/channel/{taking,lease,reaper,endpoint}.rs` at a multi end: the life word and what each endpoint has attended to of
//! it, the kernel's word on who lives, reaping under an owner byte, messages on lease, and the sleep between. The ring
//! itself takes one step here for each claim, publish, release and repair: [`ring`](crate::ring) looks into them.
//!
//! - `EARLY`: a receiver hears the end of the stream, and there is a message that it could still have got. For who leases
//!   and holds nothing that includes all that others hold.
//! - `LOST`: all have gone, and a message was not received.
//! - `ASLEEP`: nobody can go on, and a receiver sleeps. (Without ticks, and then nobody is killed.)
//! - `STUCK`: from here nobody can come to the end any more.
//!
//! What the model says of the sources as they are, and what is therefore not called wrong here:
//! - A receiver without a lease does not wait for another that is about to take the last message. If that one is killed just
//!   then, the message stays in the ring for who attaches next; with `recv_lease` it does not come to that.
//! - One that leases, and waits for what another holds, is woken by an acknowledgement, but not when that other has received
//!   *without* a lease: then it hears the end with its next tick. Scenarios with both kinds have ticks.
//!
//! Receivers go on until they hear the end while they hold nothing, or stop receiving at any time. What an endpoint has
//! attended to is two flags: the life word has changed since, and so has the number of orphans in it.

mod dead;
mod receive;
mod rules;
pub mod scenarios;
mod turn;

use crate::explore::{Model, Step};

use turn::Turn;

pub use rules::Rule;

/// Processes at most.
const PROCESSES: usize = 4;
/// Messages at most.
const MESSAGES: usize = 3;

/// Whose an orphan was that somebody has handed back.
const RETURNED: u8 = u8::MAX;

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// Sends so many messages, and leaves.
    Send(u8),
    /// Receives to the end.
    Receive,
    /// Receives on lease to the end, and hands back so many times.
    Lease {
        /// Held at the same time.
        most: u32,
        /// How often it hands something back.
        returns: u8,
    },
    /// Reaps, as `recover` does, and takes nothing.
    Recover,
}

/// What sleeps end with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ticks {
    /// Only with a wake-up.
    Off,
    /// With a tick at any time.
    On,
}

/// A few processes at a channel.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// Who is there.
    pub jobs: Vec<Job>,
    /// How many of the first so many are killed.
    pub kills: (u8, usize),
    /// What sleeps end with.
    pub ticks: Ticks,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// A position of the ring, which is as large as it has to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Message {
    None,
    Writing(u8),
    Full,
    Reading(u8),
    /// Nobody's any more; whose it was, if a dead one's.
    Orphan(u8),
    /// Received, acknowledged, or a gap.
    Gone,
}

/// Everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    messages: [Message; MESSAGES],
    processes: [Local; PROCESSES],
    /// Who holds each owner byte: a process plus one.
    bytes: [u8; PROCESSES],
    /// Records that are not clean.
    records: u8,
    kills: u8,
}

/// What a process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Local {
    at: At,
    /// Messages to send, or times to hand back.
    left: u8,
    /// Messages that it holds.
    held: u8,
    /// The message that it has just claimed, plus one.
    taken: u8,
    /// The life word has changed since it was attended to.
    event: bool,
    /// So has the number of orphans in it.
    orphans: bool,
    /// Its senders were gone when it last asked.
    ended: bool,
    /// They were gone when this look after the dead began.
    gone: bool,
    /// No dead endpoint is in another reaper's hands.
    settled: bool,
    /// In the last look of a look after the dead.
    last: bool,
    /// It has announced itself to its wait word, and nobody has changed that since.
    announced: bool,
    /// A tick has passed.
    ticked: bool,
    /// It has heard the end, and holds something.
    over: bool,
    /// Whom it has found alive as it looked after the dead. Looked at from outside.
    alive: u8,
}

const NOWHERE: Local = Local {
    at: At::Start,
    left: 0,
    held: 0,
    taken: 0,
    event: false,
    orphans: false,
    ended: false,
    gone: false,
    settled: false,
    last: false,
    announced: false,
    ticked: false,
    over: false,
    alive: 0,
};

/// Before which step a process is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Between operations.
    Start,
    Publish(u8),
    /// Leaving: its locks go; it is announced.
    Locks,
    LeaveAnnounced,
    /// `pop`: has anything happened?
    Gate,
    AttendSenders,
    TakeAgain,
    Pop,
    Announce,
    Futex,
    Asleep,
    /// `look_after_the_dead`.
    Senders,
    Reap(u8),
    Repair(u8),
    Count(u8),
    Clean(u8),
    ReapAnnounced(u8),
    Unlock(u8),
    Drained,
    SendersAgain,
    Holders,
    Wake,
    /// What was claimed is freed, or held.
    Deliver,
    /// An acknowledgement, or something handed back, is told.
    Acknowledged,
    Returned,
    /// It lives, and does nothing more.
    Rests,
    Finished,
    Dead,
}

impl Scenario {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let mut state = State {
            messages: [Message::None; MESSAGES],
            processes: [Local {
                at: At::Finished,
                ..NOWHERE
            }; PROCESSES],
            bytes: [0; PROCESSES],
            records: 0,
            kills: self.kills.0,
        };
        for (k, job) in self.jobs.iter().enumerate() {
            let left = match job {
                Job::Send(count) => *count,
                Job::Lease { returns, .. } => *returns,
                Job::Receive | Job::Recover => 0,
            };
            state.processes[k] = Local { left, ..NOWHERE };
            if *job != Job::Recover {
                state.bytes[k] = k as u8 + 1;
                state.records |= 1 << k;
            }
        }
        state
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        for k in 0..self.jobs.len() {
            let turn = Turn {
                scenario: self,
                state: *state,
                k,
            };
            if matches!(turn.me().at, At::Rests | At::Finished | At::Dead) {
                continue;
            }
            turn.steps(next);
            if state.kills > 0 && k < self.kills.1 {
                next.push(turn.killed());
            }
        }
        next.extend(self.lost(state));
    }

    fn good_end(&self, state: &State) -> bool {
        let ended = |local: &Local| matches!(local.at, At::Rests | At::Finished | At::Dead);
        state.processes.iter().all(ended)
    }

    fn at_rest(&self, state: &State) -> Option<String> {
        let asleep = state.processes.iter().position(|local| local.at == At::Asleep)?;
        Some(format!("ASLEEP: P{asleep}, and nobody will wake it"))
    }
}

impl Scenario {
    /// All have gone, a receiver has heard the end, and something is left.
    fn lost(&self, state: &State) -> Option<Step<State>> {
        let at = |at: At| state.processes.iter().any(|local| local.at == at);
        let plain = self.jobs.contains(&Job::Receive);
        let left = |message: &Message| match message {
            Message::None | Message::Gone | Message::Writing(_) => false,
            // Who receives without a lease does not wait for another to be done, nor to be killed.
            Message::Reading(_) | Message::Orphan(_) => !plain,
            Message::Full => true,
        };
        let heard = self.jobs.iter().zip(&state.processes);
        let heard = heard.filter(|(job, _)| matches!(job, Job::Receive | Job::Lease { .. }));
        let heard = heard.filter(|(_, local)| local.at == At::Finished).count() > 0;
        let lost = self.good_end(state) && !at(At::Rests) && heard && state.messages.iter().any(left);
        lost.then(|| Step::Wrong((0, "and all have gone"), "LOST: a message is left".to_owned()))
    }
}
