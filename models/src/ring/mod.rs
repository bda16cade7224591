//! Do messages go through the slots, whoever dies on the way?
//!
//! `src/ring`, with the parts of `src/channel` that look after the dead and after leases. Each access to a shared word,
//! each lock call, and each half of a copy is a step; a mortal process may be killed before any of them, and the kernel
//! frees its bytes. A hint, a walk, a claim, a repair are made as in the sources, so the files here are named like those
//! there.
//!
//! In every state that can be come to:
//! - a sender claims the first position that no sender has claimed (R1), a receiver the oldest message (R2): nothing
//!   overtakes;
//! - nobody living loses a slot that it has claimed, nor sees its payload change, nor reads half a one;
//! - no message is received twice; one on lease is received again only after it was handed back or its holder died;
//! - *Empty* and *Full* are as exact, at the moment of the look, as the docs of `try_recv` and `try_send` say;
//! - who is in the middle of an operation finishes it alone, with all others stopped where they are;
//! - a sound ring is not taken for a corrupt one;
//! - the living can still come to a good end: all that living senders have to send is sent, all that was sent is
//!   received, and every slot is free.
//!
//! Left out: the bound on walks (the numbers are too small for it), the life word and the end of the stream
//! ([`stream`](crate::stream)), who is told (`waiting`).

mod cases;
mod checks;
mod reap;
mod receiver;
mod rules;
pub mod scenarios;
mod sender;
mod turn;
mod word;

use crate::explore::{Model, Step};

use turn::{Turn, bit};

pub use rules::Rule;
pub use word::{Laps, Look, ORPHAN, Phase, SLOTS, Word};

/// Processes at most.
const PROCESSES: usize = 5;
/// Ids at most.
const IDS: usize = 6;
/// Messages that a receiver holds at most.
const HELD: usize = 2;
/// No id.
const NOBODY: u8 = u8::MAX - 1;

/// How many endpoints an end admits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// One.
    Single,
    /// Many.
    Multi,
}

/// What a process does for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// Sends so many messages, up to `batch` with each call.
    Send {
        /// Messages.
        count: u8,
        /// With each call.
        batch: u8,
    },
    /// Receives, up to `batch` with each call.
    Receive {
        /// With each call.
        batch: u8,
    },
    /// Receives on lease, acknowledges and hands back in any order.
    Lease {
        /// Held at the same time.
        most: u8,
        /// How often it hands something back.
        returns: u8,
    },
}

/// A process, which is one endpoint.
#[derive(Clone, Debug)]
pub struct Process {
    /// What it does.
    pub job: Job,
    /// The ids that it may take. It has the first from the start, unless it is a newcomer.
    pub ids: Vec<u8>,
    /// It may be killed.
    pub mortal: bool,
    /// It attaches at any time.
    pub newcomer: bool,
}

/// A few processes at a ring.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// Slots and laps.
    pub laps: Laps,
    /// Positions between two stores of the hint of a single end.
    pub chunk: u8,
    /// The senders' end.
    pub senders: End,
    /// The receivers' end.
    pub receivers: End,
    /// Who is there.
    pub processes: Vec<Process>,
    /// How many of the mortal ones are killed.
    pub kills: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// A slot: its word and the number of the message in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Slot {
    word: Word,
    payload: u8,
}

/// Half of a payload.
const TORN: u8 = u8::MAX;

/// Everything shared, every process, and what is remembered of each message (a bit each).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    slots: [Slot; SLOTS],
    tail: u8,
    head: u8,
    /// Owner bytes: the process that holds each, plus one.
    bytes: [u8; IDS],
    processes: [Local; PROCESSES],
    kills: u8,
    /// Published.
    sent: u16,
    /// Out on lease, or handed back.
    told: u16,
    /// May be received again.
    again: u16,
    /// Received, or acknowledged.
    got: u16,
}

/// A message that a receiver holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Held {
    /// Its number; 0: none.
    value: u8,
    position: u8,
    /// Handed back, at a single end.
    back: bool,
}

/// What a process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Local {
    at: At,
    id: u8,
    /// Messages still to be sent; times still to hand back.
    left: u8,
    /// Where it looks, or the first that it has claimed.
    p: u8,
    /// How many it has claimed.
    claimed: u8,
    /// How many of those are dealt with.
    done: u8,
    /// What it has read.
    value: u8,
    /// Where a single end stands.
    cursor: u8,
    held: [Held; HELD],
    /// The owner byte of a dead one that it holds.
    byte: u8,
    /// Steps of a walk, where they are counted.
    walked: u8,
}

/// Where a process is: before which step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Outside,
    Dead,
    /// The walk by which a single end finds its place.
    Find,
    Idle,
    Look,
    Claim,
    ExtendLook,
    ExtendClaim,
    Hint,
    Copy,
    Copied,
    Unlock,
    Store,
    /// A pass over the slots for what `dead` has left, at the `j`th from `start`.
    Pass {
        dead: u8,
        start: u8,
        j: u8,
    },
    /// The compare-and-swap of `word` there.
    Repair {
        dead: u8,
        start: u8,
        j: u8,
        word: Word,
    },
}

const NOWHERE: Local = Local {
    at: At::Outside,
    id: NOBODY,
    left: 0,
    p: 0,
    claimed: 0,
    done: 0,
    value: 0,
    cursor: 0,
    held: [Held {
        value: 0,
        position: 0,
        back: false,
    }; HELD],
    byte: NOBODY,
    walked: 0,
};

impl Scenario {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// The number of the first message of process `k`.
    fn first(&self, k: usize) -> u8 {
        let before = self.processes[..k].iter().map(|process| match process.job {
            Job::Send { count, .. } => count,
            Job::Receive { .. } | Job::Lease { .. } => 0,
        });
        1 + before.sum::<u8>()
    }

    /// The position at which all begin: in the last lap, so that the next one is the first again.
    fn origin(&self) -> u8 {
        self.laps.at(self.laps.laps - 1, 0)
    }
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let lap = self.laps.lap(self.origin());
        let mut state = State {
            slots: [Slot {
                word: Word::free(lap),
                payload: 0,
            }; SLOTS],
            tail: self.origin(),
            head: self.origin(),
            bytes: [0; IDS],
            processes: [NOWHERE; PROCESSES],
            kills: self.kills,
            sent: 0,
            told: 0,
            again: 0,
            got: 0,
        };
        for (k, process) in self.processes.iter().enumerate() {
            let local = &mut state.processes[k];
            local.left = match process.job {
                Job::Send { count, .. } => count,
                Job::Receive { .. } => 0,
                Job::Lease { returns, .. } => returns,
            };
            if !process.newcomer {
                local.at = At::Idle;
                local.id = process.ids[0];
                local.cursor = self.origin();
                state.bytes[usize::from(local.id)] = k as u8 + 1;
            }
            Turn::at(self, &state, k).settled(&mut state);
        }
        state
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        for (k, process) in self.processes.iter().enumerate() {
            let turn = Turn::at(self, state, k);
            let at = turn.me().at;
            if at == At::Dead {
                continue;
            }
            turn.steps(next);
            if !turn.finishes_alone() {
                next.push(turn.wrong("goes on alone", "HELD UP: it does not finish if all others are stopped"));
            }
            if process.mortal && state.kills > 0 && at != At::Outside {
                next.push(turn.killed());
            }
        }
    }

    fn good_end(&self, state: &State) -> bool {
        let done = self.processes.iter().zip(&state.processes).all(|(process, local)| {
            let sends = matches!(process.job, Job::Send { .. });
            let holds = local.held.iter().any(|held| held.value != 0);
            match local.at {
                At::Idle => !holds && (!sends || local.left == 0),
                At::Outside | At::Dead => true,
                _ => false,
            }
        });
        let free = |slot: &Slot| slot.word.phase == Phase::Free;
        done && state.sent == state.got && self.slots(state).iter().all(free)
    }
}

impl Scenario {
    fn slots<'s>(&self, state: &'s State) -> &'s [Slot] {
        &state.slots[..usize::from(self.laps.capacity)]
    }
}
