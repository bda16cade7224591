//! Is there an order in which a bounded queue answers the same?
//!
//! The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of states that
//! have led nowhere ("Testing for Linearizability", 2017). What is searched for is not one point for each operation but,
//! at an end that admits many, two for each message, because the documentation says so: a sender *claims* a place and
//! *publishes* the message; a receiver *claims* a message and *releases* the place. In between
//! - Empty is a right answer although later messages are complete, if the first one is still being written;
//! - Full is a right answer although places are free, if the one whose turn it is is still being read.
//!
//! At a single end the two are one point, and the answers of the other end are exact in that respect. A batch is its
//! messages in order: claims in order, publications in order, each after its claim. Where
//! it ends early, it finds the ring full or empty behind its claims, but maybe before others see its publications or
//! releases: those may still be in the store buffer, with no fence before that look. Nothing else is allowed: a history
//! that passes is one of a queue with those two documented liberties.
//!
//! Blocks are a pool and a queue: a sender takes a block and then *sends* it, which is one point; a receiver *takes* the
//! oldest message, one point too, and then gives the block back. Empty is exact. Full, there is no free block, is also a
//! right answer if another sender has taken a block meanwhile, because the documentation says so.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;

use super::record::Operation;

/// Which ends admit many, and how many messages there is room for.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Senders claim.
    pub many_senders: bool,
    /// Receivers claim.
    pub many_receivers: bool,
    /// Slots, or blocks.
    pub capacity: usize,
    /// It is a channel of blocks.
    pub blocks: bool,
}

/// States that may be looked at before the search gives up (it has not happened).
const MOST: usize = 5_000_000;

/// How far a process has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Progress {
    /// Operations that are over.
    operation: u8,
    /// Messages of the next one that are claimed.
    claimed: u8,
    /// Messages of the next one that are published or released.
    ended: u8,
    /// It has found the ring full, or empty, behind what it has claimed.
    answered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    Writing,
    Full,
    Reading,
    Free,
}

/// A position that a sender has claimed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Place {
    value: u64,
    phase: Phase,
}

/// One state of the search: the ring's places from the oldest that is not free, and where everybody is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    progress: Vec<Progress>,
    places: VecDeque<Place>,
    /// Places in front of [`places`](Self::places): all free again.
    passed: usize,
    /// The first place that no receiver has claimed.
    head: usize,
    /// Blocks on loan.
    lent: usize,
}

/// A search.
#[derive(Debug)]
pub struct Checker {
    ends: Ends,
    dead_ends: HashSet<State>,
    /// Refused sends, by process and number, during which another sender may have taken a block.
    excused: HashSet<(usize, usize)>,
    looked_at: usize,
}

impl Checker {
    /// For histories of a ring with these ends.
    pub fn new(ends: Ends) -> Checker {
        Checker {
            ends,
            dead_ends: HashSet::new(),
            excused: HashSet::new(),
            looked_at: 0,
        }
    }

    /// Whether `histories`, one of each process, are linearizable; the text says why not, and shows them.
    pub fn check(mut self, histories: &[Vec<Operation>]) -> Result<(), String> {
        let start = State {
            progress: vec![Progress::default(); histories.len()],
            places: VecDeque::new(),
            passed: 0,
            head: 0,
            lent: 0,
        };
        if self.ends.blocks {
            self.excused = excused(histories);
        }
        match self.search(histories, start) {
            Some(true) => Ok(()),
            Some(false) => Err(format!("not linearizable\n{}", show(histories))),
            None => Err(format!("not decided after {MOST} states\n{}", show(histories))),
        }
    }

    /// Depth first; `None` if it takes too long.
    fn search(&mut self, histories: &[Vec<Operation>], start: State) -> Option<bool> {
        let mut stack = vec![start];
        while let Some(state) = stack.pop() {
            if state
                .progress
                .iter()
                .zip(histories)
                .all(|(p, h)| usize::from(p.operation) == h.len())
            {
                return Some(true);
            }
            self.looked_at += 1;
            if self.looked_at > MOST {
                return None;
            }
            for next in self.successors(histories, &state) {
                if self.dead_ends.insert(next.clone()) {
                    stack.push(next);
                }
            }
        }
        Some(false)
    }

    /// The states that one more step of some process leads to.
    fn successors(&self, histories: &[Vec<Operation>], state: &State) -> Vec<State> {
        // What a process does next, if it is not over.
        let current = |process: usize| histories[process].get(usize::from(state.progress[process].operation));
        // No operation takes effect that began after another, not yet over here, was over in time.
        let over = (0..histories.len()).filter_map(current).map(|o| o.responded).min();
        let mut next = Vec::new();
        for process in 0..histories.len() {
            let Some(operation) = current(process) else { continue };
            if over.is_some_and(|over| over < operation.invoked) {
                continue;
            }
            let steps = match (operation.sends, self.ends.blocks) {
                (true, true) => Self::send_block,
                (true, false) => Self::send,
                (false, _) => Self::receive,
            };
            steps(self, state, process, operation, &mut next);
        }
        next
    }

    fn send(&self, state: &State, process: usize, operation: &Operation, next: &mut Vec<State>) {
        let Progress {
            claimed,
            ended,
            answered,
            ..
        } = state.progress[process];
        let (claimed, ended) = (usize::from(claimed), usize::from(ended));
        let tail = state.passed + state.places.len();
        // The place whose turn it is: free if the one a lap before it is.
        let blocked = tail >= self.ends.capacity && state.place(tail - self.ends.capacity).is_some();
        let in_two = self.ends.many_senders || operation.refused;
        if operation.refused && !answered && claimed == operation.values.len() && blocked {
            next.push(state.answered(process, operation));
        }
        if claimed < operation.values.len() && !blocked && (in_two || claimed == ended) {
            let value = operation.values[claimed];
            let mut after = state.clone();
            after.progress[process].claimed += 1;
            let phase = if in_two { Phase::Writing } else { Phase::Full };
            after.places.push_back(Place { value, phase });
            if !in_two {
                after.end(process, operation);
            }
            next.push(after);
        }
        if in_two && ended < claimed {
            let value = operation.values[ended];
            let mut after = state.clone();
            let place = after
                .places
                .iter_mut()
                .find(|p| p.value == value && p.phase == Phase::Writing);
            place.expect("it was claimed").phase = Phase::Full;
            after.end(process, operation);
            next.push(after);
        }
    }

    fn send_block(&self, state: &State, process: usize, operation: &Operation, next: &mut Vec<State>) {
        let Progress {
            operation: number,
            claimed,
            ended,
            ..
        } = state.progress[process];
        let in_use = state.lent + state.places.iter().filter(|p| p.phase != Phase::Free).count();
        let exhausted = in_use >= self.ends.capacity;
        let Some(&value) = operation.values.get(usize::from(ended)) else {
            if exhausted || self.excused.contains(&(process, usize::from(number))) {
                next.push(state.advanced(process));
            }
            return;
        };
        let mut after = state.clone();
        if claimed > ended {
            after.lent -= 1;
            after.places.push_back(Place {
                value,
                phase: Phase::Full,
            });
            after.end(process, operation);
        } else if exhausted {
            return;
        } else {
            after.lent += 1;
            after.progress[process].claimed += 1;
        }
        next.push(after);
    }

    fn receive(&self, state: &State, process: usize, operation: &Operation, next: &mut Vec<State>) {
        let Progress {
            claimed,
            ended,
            answered,
            ..
        } = state.progress[process];
        let (claimed, ended) = (usize::from(claimed), usize::from(ended));
        let first = state.place(state.head);
        let in_two = self.ends.many_receivers || operation.refused;
        let empty = first.is_none_or(|p| p.phase == Phase::Writing);
        if operation.refused && !answered && claimed == operation.values.len() && empty {
            next.push(state.answered(process, operation));
        }
        if claimed < operation.values.len() && (in_two || claimed == ended) {
            let wanted = Place {
                value: operation.values[claimed],
                phase: Phase::Full,
            };
            if first == Some(wanted) {
                let mut after = state.clone();
                after.progress[process].claimed += 1;
                let at = after.head - after.passed;
                after.places[at].phase = if in_two { Phase::Reading } else { Phase::Free };
                after.head += 1;
                if !in_two {
                    after.end(process, operation);
                }
                next.push(after);
            }
        }
        if in_two && ended < claimed {
            let value = operation.values[ended];
            let mut after = state.clone();
            let place = after
                .places
                .iter_mut()
                .find(|p| p.value == value && p.phase == Phase::Reading);
            place.expect("it was claimed").phase = Phase::Free;
            after.end(process, operation);
            next.push(after);
        }
    }
}

impl State {
    /// A place that is not free again, by its position.
    fn place(&self, position: usize) -> Option<Place> {
        let place = self.places.get(position.checked_sub(self.passed)?)?;
        (place.phase != Phase::Free).then_some(*place)
    }

    /// One more message of this operation is done with, and with the last so is the operation.
    fn end(&mut self, process: usize, operation: &Operation) {
        self.progress[process].ended += 1;
        let progress = self.progress[process];
        if usize::from(progress.ended) == operation.values.len() && (!operation.refused || progress.answered) {
            self.over(process);
        }
        while self.places.front().is_some_and(|p| p.phase == Phase::Free) {
            self.places.pop_front();
            self.passed += 1;
        }
    }

    fn over(&mut self, process: usize) {
        let operation = self.progress[process].operation + 1;
        self.progress[process] = Progress {
            operation,
            ..Progress::default()
        };
    }

    /// The operation has found the ring full, or empty, behind what it has claimed.
    fn answered(&self, process: usize, operation: &Operation) -> State {
        let mut after = self.clone();
        after.progress[process].answered = true;
        if usize::from(after.progress[process].ended) == operation.values.len() {
            after.over(process);
        }
        after
    }

    fn advanced(&self, process: usize) -> State {
        let mut after = self.clone();
        after.over(process);
        after
    }
}

/// The refused sends that overlap with another process's send that was not refused.
fn excused(histories: &[Vec<Operation>]) -> HashSet<(usize, usize)> {
    let all = || {
        let numbered = |(process, history): (usize, &'_ Vec<Operation>)| {
            let operations = history.iter().cloned().enumerate();
            operations
                .map(move |(number, operation)| (process, number, operation))
                .collect::<Vec<_>>()
        };
        histories.iter().enumerate().flat_map(numbered)
    };
    let overlaps = |a: &Operation, b: &Operation| a.invoked <= b.responded && b.invoked <= a.responded;
    let taken: Vec<_> = all().filter(|(_, _, o)| o.sends && !o.values.is_empty()).collect();
    all()
        .filter(|(process, _, o)| {
            let by_another = |(other, _, taking): &(usize, usize, Operation)| other != process && overlaps(taking, o);
            o.sends && o.refused && taken.iter().any(by_another)
        })
        .map(|(process, number, _)| (process, number))
        .collect()
}

fn show(histories: &[Vec<Operation>]) -> String {
    let mut text = String::new();
    let start = histories.iter().flatten().map(|o| o.invoked).min().unwrap_or(0);
    for (process, history) in histories.iter().enumerate() {
        for o in history {
            let (verb, refusal) = if o.sends {
                ("send", " full")
            } else {
                ("receive", " empty")
            };
            let _ = writeln!(
                text,
                "  process {process}: {:>8} to {:>8}: {verb} {:x?}{}",
                o.invoked - start,
                o.responded - start,
                o.values,
                if o.refused { refusal } else { "" }
            );
        }
    }
    text
}
