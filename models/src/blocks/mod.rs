//! Does each message come through the blocks once and in order, whoever is stopped or killed?
//!
//! Large messages lie in a pool of K blocks and travel as one-word entries of a ring of M, at least K. A block's word is
//! `position | phase | owner`: FREE; LOANED to a sender that writes in it; STAGED at a position; READING by a receiver. An
//! entry is `lap | block`. A message gets its position when it is published, not when its block is loaned:
//!
//! - *loan*: CAS of a free block to LOANED. *Abort*: a store of FREE.
//! - *publish* at `p`: length, payload; STAGED(p); CAS of the entry from its older lap to (lap of `p`, block); tail hint. If
//!   the CAS fails, on to the next position, and STAGED anew.
//! - *receive* at `p`: the entry; CAS of its block from STAGED(p) to READING; head hint. *Release*: a store of FREE.
//! - *jump*: on an entry of a later position `q`, a sender goes on at `q + 1`, a receiver at the later of `p + 1` and
//!   `q - K + 1`: hints may be late, or never stored.
//! - *reap*, with the dead one's byte held: LOANED becomes FREE; STAGED(p) is published if the entry of `p` has its lap and
//!   names the block, else it becomes FREE; READING is taken over by a receiver that delivers it, or becomes READING(ORPHAN).
//!
//! Each access to a shared word, each lock call, and each half of a copy is a step; a mortal process may be killed before
//! any of them, and the kernel frees its bytes.
//!
//! In every state that can be come to:
//! - a block has one party: a sender, a receiver, or nobody; length and payload are whole and do not change under a reader;
//! - the calls have an order in which a queue would have answered the same: nothing overtakes, nothing is doubled but what
//!   a dead receiver held, *Empty* is exact;
//! - no entry is filled out of turn, nor over a message that nobody has claimed;
//! - *Full* is exact, where a scenario asks for it;
//! - no walk takes more than M + K + 1 looks, where hints are never stored;
//! - no steps lead round in a circle in which no call ends, so a stopped process holds up nobody; and who is in a call ends
//!   it alone, within [`most_alone`](Model::most_alone) steps;
//! - the living can still come to a good end: all that living senders have to send is sent, all that was sent is received,
//!   and every block is free.
//!
//! Left out: laps that come round, the life word, and who is told ([`wake`]). Whether any of the dead has left something, and
//! whether any sender is alive, is seen in a step with something else.

mod cases;
mod checks;
mod local;
mod queue;
mod reap;
mod receiver;
mod rules;
pub mod scenarios;
mod sender;
mod shows;
mod turn;
pub mod wake;
mod word;

use crate::explore::{Model, Step};
use crate::ring::End;

use local::{At, Local, NOWHERE, Pass};
use queue::Orders;
use turn::Turn;

pub use rules::Rule;
pub use word::{Block, Entry, ORPHAN, TORN, Word};

/// Processes at most.
const PROCESSES: usize = 5;
/// Ids at most.
const IDS: usize = 6;
/// Blocks at most.
const BLOCKS: usize = 3;
/// Entries at most.
const ENTRIES: usize = 4;

/// What a process does for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// Sends so many messages.
    Send(u8),
    /// The same, but may abort any of them.
    SendOrAbort(u8),
    /// Receives.
    Receive,
    /// Receives, and may keep one block while it receives others.
    Keep,
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
    /// The blocks that it may loan, a bit each.
    pub home: u8,
}

/// How walks pass what is no longer there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jumps {
    /// By the number of blocks.
    ByPool,
    /// A receiver by the number of entries, which is less far.
    ByRing,
    /// Not at all.
    None,
}

/// When *Full* must be exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// Nobody asks.
    Unasked,
    /// Always.
    Exact,
    /// Unless another sender has loaned a block during the call.
    UnlessLoaned,
}

/// A few processes at a pool of blocks.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// Entries of the ring.
    pub entries: u8,
    /// Blocks.
    pub blocks: u8,
    /// Every so many positions a hint is stored; 0: never.
    pub hints: u8,
    /// How walks go on.
    pub jumps: Jumps,
    /// Looks that a receiver's walk may take, if they are counted.
    pub most_looks: Option<u8>,
    /// When *Full* must be exact.
    pub full: Full,
    /// Receivers look for the dead before they look at the ring, too.
    pub looks_first: bool,
    /// A receiver that takes a dead one's message over takes the oldest, and makes its others orphans.
    pub rest_to_orphans: bool,
    /// Receivers answer *Disconnected* at the end, and leave.
    pub ends: bool,
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
    orders: Orders,
}

/// Everything shared, every process, and what is remembered of the calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    entries: [Option<Entry>; ENTRIES],
    blocks: [Block; BLOCKS],
    tail: u8,
    head: u8,
    /// Owner bytes: the process that holds each, plus one.
    bytes: [u8; IDS],
    processes: [Local; PROCESSES],
    kills: u8,
    /// Messages, a bit each, that somebody had received who died with their block.
    again: u16,
    /// In which orders the calls may have happened.
    orders: u32,
}

impl Scenario {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    fn sends(&self, k: usize) -> bool {
        matches!(self.processes[k].job, Job::Send(_) | Job::SendOrAbort(_))
    }

    fn count(&self, k: usize) -> u8 {
        match self.processes[k].job {
            Job::Send(count) | Job::SendOrAbort(count) => count,
            Job::Receive | Job::Keep => 0,
        }
    }

    /// The message that process `k` sends next.
    fn message(&self, state: &State, k: usize) -> u8 {
        let before: u8 = (0..k).map(|k| self.count(k)).sum();
        1 + before + self.count(k) - state.processes[k].left
    }

    fn blocks<'s>(&self, state: &'s State) -> &'s [Block] {
        &state.blocks[..usize::from(self.blocks)]
    }

    /// The entry of position `p`.
    fn entry(&self, state: &State, p: u8) -> Option<Entry> {
        state.entries[usize::from(p % self.entries)]
    }

    /// A block that is staged at `position` is published there.
    fn published(&self, state: &State, position: u8, block: u8) -> bool {
        self.entry(state, position).is_some_and(|entry| {
            let lap = if self.keeps(Rule::PublishedByBlock) {
                entry.position == position
            } else {
                entry.position >= position
            };
            (lap || !self.keeps(Rule::PublishedByLap)) && (entry.block == block || !self.keeps(Rule::PublishedByBlock))
        })
    }
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let mut state = State {
            entries: [None; ENTRIES],
            blocks: [Block::FREE; BLOCKS],
            tail: 0,
            head: 0,
            bytes: [0; IDS],
            processes: [NOWHERE; PROCESSES],
            kills: self.kills,
            again: 0,
            orders: self.orders.first(),
        };
        for (k, process) in self.processes.iter().enumerate() {
            let local = &mut state.processes[k];
            local.left = self.count(k);
            if !process.newcomer {
                local.at = At::Idle;
                local.id = process.ids[0];
                local.cursor = Some(0);
                state.bytes[usize::from(local.id)] = k as u8 + 1;
            }
            Turn::at(self, &state, k).settled(&mut state);
        }
        state
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        let somebody_left = state.processes.iter().any(|local| local.at == At::Gone);
        for (k, process) in self.processes.iter().enumerate() {
            let turn = Turn::at(self, state, k);
            let at = turn.me().at;
            turn.steps(next);
            let lives = !matches!(at, At::Outside | At::Dead | At::Gone);
            if process.mortal && state.kills > 0 && lives && !somebody_left {
                next.push(turn.killed());
            }
        }
    }

    fn good_end(&self, state: &State) -> bool {
        let mut locals = state.processes.iter().take(self.processes.len());
        let done = locals.clone().all(|local| match local.at {
            At::Idle => local.left == 0,
            At::Outside | At::Dead | At::Gone => true,
            _ => false,
        });
        let left = locals.any(|local| local.at == At::Gone);
        let mut blocks = (0..).zip(self.blocks(state));
        let empty = blocks.all(|(j, block)| match block.word {
            Word::Free => true,
            // Nobody is left to reap it.
            Word::Loaned { .. } => left,
            Word::Staged { position, .. } => left && !self.published(state, position, j),
            Word::Reading { .. } => false,
        });
        let mut receivers = (0..self.processes.len()).filter(|&k| !self.sends(k));
        let received = receivers.any(|k| state.processes[k].at != At::Dead);
        done && empty && received && self.orders.nothing_lost(state.orders, &self.calls(state))
    }

    /// A call looks at each entry once and at each block twice, and takes ten steps more; for each that has died, a pass
    /// takes three steps a block, and the look begins again.
    fn most_alone(&self) -> Option<u16> {
        let (entries, blocks) = (u16::from(self.entries), u16::from(self.blocks));
        let undisturbed = entries + 2 * blocks + 10;
        Some(undisturbed + u16::from(self.kills) * (entries + 3 * blocks + 4))
    }
}
