//! Is a wake-up lost, if blocks are waited for?
//!
//! Two wait words as in [`waiting`](crate::waiting), with a bit for sleepers, which the kernel counts: who publishes
//! notifies one receiver; who releases or aborts, one sender. Hints and walks take no time here: a receiver's look at all
//! blocks is a step (*Empty* is exact), a sender's look at one block (*Full* is not). Unlike the ring's, these waiters need
//! no chains, in which who was woken wakes the next.
//!
//! Sleeps end with no tick. One process may be killed, and is repaired in a step by a reaper that is not one of the others:
//! each block that it frees notifies one sender, each orphan one receiver, and the death itself both words once.
//!
//! In every state: if nobody is on the way to anything, nobody sleeps whose call would succeed. Who holds a block may hold
//! it for ever, and who is between two calls may never make another.

mod notify;
pub mod scenarios;
mod turn;

use crate::explore::{Model, Step};

use turn::Turn;

/// Processes at most.
const PROCESSES: usize = 5;
/// Blocks at most.
const BLOCKS: usize = 3;

/// What is left out to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// Who waits looks again after it has announced itself.
    AnnounceBeforeLook,
    /// Who releases notifies a sender.
    ReleaseNotifies,
    /// Who aborts notifies a sender.
    AbortNotifies,
    /// Every sleep is followed by a last look, before the time is up.
    LastLook,
    /// Who frees a dead one's block notifies the senders.
    FreedNotifies,
    /// One notification for each such block. Without: one for all.
    FreedNotifiesEach,
    /// Who makes an orphan notifies. Without: it does not.
    OrphanNotifies,
    /// Who makes an orphan notifies the receivers. Without: the senders.
    OrphanNotifiesReceivers,
    /// One notification for each orphan. Without: one for all.
    OrphanNotifiesEach,
    /// Who first deals with a dead endpoint notifies both words, whatever it finds.
    DeathNotifiesBoth,
}

impl Rule {
    /// Every one.
    pub const ALL: [Rule; 10] = [
        Rule::AnnounceBeforeLook,
        Rule::ReleaseNotifies,
        Rule::AbortNotifies,
        Rule::LastLook,
        Rule::FreedNotifies,
        Rule::FreedNotifiesEach,
        Rule::OrphanNotifies,
        Rule::OrphanNotifiesReceivers,
        Rule::OrphanNotifiesEach,
        Rule::DeathNotifiesBoth,
    ];
}

/// A process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    /// It sends, or else it receives.
    pub sends: bool,
    /// So many messages.
    pub count: u8,
    /// Its time may be up whenever it sleeps.
    pub deadline: bool,
}

/// Who is killed, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kill {
    /// Nobody.
    Nobody,
    /// Somebody before all began, whose blocks are not free.
    Before,
    /// This one, with a block, or on the way to one.
    Holding(usize),
    /// This one, between what it did with its block and the look for sleepers.
    Notifying(usize),
    /// This one, woken.
    Woken(usize),
    /// This one, anywhere.
    Anywhere(usize),
}

/// A few processes that wait for blocks.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// The blocks, as they are at the start.
    pub blocks: Vec<Block>,
    /// Who is there.
    pub processes: Vec<Process>,
    /// Senders may abort.
    pub aborts: bool,
    /// Who has loaned a block and sees another one free wakes one more sender.
    pub sender_chain: bool,
    /// Who has claimed a message and sees another wakes one more receiver.
    pub receiver_chain: bool,
    /// A reaper notifies once for all blocks, not for each.
    pub once: bool,
    /// A death notifies both words.
    pub both: bool,
    /// Who is killed.
    pub kill: Kill,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// What is done with a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Block {
    /// To be loaned.
    Free,
    /// Being written.
    Loaned,
    /// Published.
    Staged,
    /// Being read.
    Reading,
    /// Left by a dead receiver.
    Orphan,
}

/// Everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    blocks: [Block; BLOCKS],
    /// The bits of the receivers' word and of the senders'.
    sleepers: [bool; 2],
    processes: [Local; PROCESSES],
    death: Death,
    /// How often the reaper still notifies each word.
    notices: [u8; 2],
}

const RECEIVERS: usize = 0;
const SENDERS: usize = 1;

/// Has somebody died?
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Death {
    Nobody,
    /// With this block, or none.
    Unrepaired(Option<u8>),
    /// With every block that is at work.
    UnrepairedAll,
    Repaired,
}

/// What a process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Local {
    at: At,
    /// Calls that it may still begin.
    left: u8,
}

/// Before which step a process is. `unchanged`: the wait word is as it has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// A first look, which begins a call; a sender's at this block.
    Try {
        block: u8,
    },
    /// Woken: another look; the last, if its time is up.
    Retry {
        block: u8,
        last: bool,
    },
    Announce,
    /// The look between announcement and sleep.
    Recheck {
        block: u8,
        unchanged: bool,
    },
    Futex {
        unchanged: bool,
    },
    Asleep,
    Hold {
        block: u8,
    },
    ChainLook {
        block: u8,
    },
    Notify(Errand),
    Bump(Errand),
    Wake {
        errand: Errand,
        unchanged: bool,
    },
    Clear {
        errand: Errand,
        unchanged: bool,
    },
    Dead,
    Gone,
}

/// To notify a word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Errand {
    word: usize,
    /// The block that it holds meanwhile: in a chain.
    holds: Option<u8>,
}

impl Scenario {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// Where process `k` may be killed.
    fn may_die(&self, k: usize, at: At) -> bool {
        let there = match self.kill {
            Kill::Nobody | Kill::Before => return false,
            Kill::Holding(mortal) => {
                let between = matches!(
                    at,
                    At::Retry { .. } | At::Asleep | At::Notify(_) | At::Bump(_) | At::Wake { .. } | At::Clear { .. }
                );
                mortal == k && !between
            }
            Kill::Notifying(mortal) => mortal == k && matches!(at, At::Notify(_)),
            Kill::Woken(mortal) => mortal == k && matches!(at, At::Retry { .. }),
            Kill::Anywhere(mortal) => mortal == k,
        };
        there && !matches!(at, At::Dead | At::Gone)
    }

    /// Nobody is on the way to anything.
    fn is_quiet(&self, state: &State) -> bool {
        let rests = |local: &Local| {
            matches!(
                local.at,
                At::Try { .. } | At::Asleep | At::Hold { .. } | At::Dead | At::Gone
            )
        };
        let repaired = matches!(state.death, Death::Nobody | Death::Repaired);
        state.processes.iter().all(rests) && repaired && state.notices == [0; 2]
    }
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let gone = Local { at: At::Gone, left: 0 };
        let mut state = State {
            blocks: [Block::Loaned; BLOCKS],
            sleepers: [false; 2],
            processes: [gone; PROCESSES],
            death: if self.kill == Kill::Before {
                Death::UnrepairedAll
            } else {
                Death::Nobody
            },
            notices: [0; 2],
        };
        state.blocks[..self.blocks.len()].copy_from_slice(&self.blocks);
        for (process, local) in self.processes.iter().zip(&mut state.processes) {
            *local = Local {
                at: At::Try { block: 0 },
                left: process.count,
            };
        }
        state
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        let processes = 0..self.processes.len();
        if self.is_quiet(state) {
            let lost = |&k: &usize| state.processes[k].at == At::Asleep && Turn::new(self, state, k).could();
            if let Some(k) = processes.clone().find(lost) {
                let what = format!("LOST: P{k} sleeps, and could go on");
                return next.push(Step::Wrong((k as u8, "sleeps"), what));
            }
        }
        for k in processes {
            let turn = Turn::new(self, state, k);
            turn.steps(next);
            if state.death == Death::Nobody && self.may_die(k, turn.me().at) {
                next.push(turn.killed());
            }
        }
        Turn::new(self, state, self.processes.len()).reap(next);
    }

    fn good_end(&self, state: &State) -> bool {
        self.is_quiet(state)
    }
}
