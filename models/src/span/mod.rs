//! Does every element of a stream come through once and in order, whoever dies, and is a wake-up lost on the way?
//!
//! `src/span`, and `src/channel/stream` around it: tail and head, chunks that are filled and committed, read and consumed, one
//! element a step; marks, announcements and wake-ups. Who is killed has a successor, which takes the end as it finds it.
//!
//! No two chunks are together longer than the stream and one element: two ends that wait for more than that wait for each other,
//! as the docs of `write_chunk` say.
//!
//! - `TORN`: what is read is not what was written there.
//! - `LOST`: an end goes on at another element than the one at which the last has stopped.
//! - `ASLEEP`: nobody can go on, and somebody sleeps. (Without ticks, and then nobody is killed.)
//! - `STUCK`: from here not everything can be read any more.

pub mod scenarios;
mod turn;

use crate::explore::{Model, Step};

use turn::Turn;

/// Elements at most.
const CAPACITY: usize = 3;

/// The writer, and the reader.
const WRITER: usize = 0;
const READER: usize = 1;

/// A rule that a scenario can do without, to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// Elements are filled before they are committed.
    CommitLast,
    /// Elements are read before they are consumed.
    ConsumeLast,
    /// A successor goes on at its end's own word. Without: a reader begins at the tail.
    OwnWord,
    /// The mark is set before the announcement. Without: after the look that follows.
    MarkFirst,
    /// The announcement comes before the last look. Without: after.
    AnnounceBeforeLook,
    /// Who comes to a sleeper's mark wakes it. Without: who is beyond it.
    WakesAtTheMark,
    /// A reader that is refused wakes the writer, whatever its mark.
    RefusedWakes,
}

impl Rule {
    /// Every one.
    pub const ALL: [Rule; 7] = [
        Rule::CommitLast,
        Rule::ConsumeLast,
        Rule::OwnWord,
        Rule::MarkFirst,
        Rule::AnnounceBeforeLook,
        Rule::WakesAtTheMark,
        Rule::RefusedWakes,
    ];
}

/// A stream with two ends.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// Elements that it holds.
    pub capacity: u8,
    /// Elements that are free before a sleeping writer is woken, or more, if it waits for more.
    pub low_water: u8,
    /// How long the chunks of each end are, by turns.
    pub chunks: [[u8; 2]; 2],
    /// Elements that go through.
    pub total: u8,
    /// How many are killed; sleeps end with ticks, then.
    pub kills: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// Everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// Which element is where: its position, plus one.
    elements: [u8; CAPACITY],
    /// Tail, and head.
    words: [u8; 2],
    /// How far the reader, and the writer, has to get before the writer, or the reader, is woken.
    marks: [u8; 2],
    /// Announced, and not woken since.
    announced: [bool; 2],
    ends: [Local; 2],
    kills: u8,
}

/// What an end knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Local {
    at: At,
    /// Its own word.
    own: u8,
    /// The other's, as last seen.
    other: u8,
    /// Which of its chunks comes next.
    turn: bool,
    /// It has told the writer at this head that it was refused.
    owed: bool,
    /// It is between its announcement and its sleep.
    announced: bool,
}

/// Before which step an end is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Attach,
    Look,
    /// Element by element of a chunk.
    Element(u8),
    Store,
    Tell,
    /// Refused: the writer is told, whatever its mark.
    Owe,
    Mark,
    Announce,
    /// About to sleep.
    Futex,
    Asleep,
    Finished,
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let local = Local {
            at: At::Attach,
            own: 0,
            other: 0,
            turn: false,
            owed: false,
            announced: false,
        };
        State {
            elements: [0; CAPACITY],
            words: [0; 2],
            // A reader has waited for all that there could be, and has given up.
            marks: [0, self.capacity],
            announced: [false; 2],
            ends: [local; 2],
            kills: self.kills,
        }
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        for k in [WRITER, READER] {
            let turn = Turn {
                scenario: self,
                state: *state,
                k,
            };
            if turn.me().at == At::Finished {
                continue;
            }
            next.extend(turn.step());
            if state.kills > 0 && turn.me().at != At::Attach {
                next.push(turn.killed());
            }
        }
    }

    fn good_end(&self, state: &State) -> bool {
        state.ends.iter().all(|local| local.at == At::Finished) && state.words == [self.total; 2]
    }

    fn at_rest(&self, state: &State) -> Option<String> {
        let asleep = state.ends.iter().position(|local| local.at == At::Asleep)?;
        Some(format!("ASLEEP: P{asleep}, and nobody will wake it"))
    }
}
