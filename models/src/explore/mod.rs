//! Is anything wrong in any state that a model can come to?
//!
//! A breadth-first walk over all states, so that the trace of what is wrong is as short as it can be. Three things are
//! looked for: a step that the model itself calls [wrong](Step::Wrong); a state in which nobody can go on although
//! somebody should ([`Model::at_rest`]); a state from which the living cannot come to a [good end](Model::good_end), by no
//! schedule whatsoever. A model that says which steps [end a call](Step::Ends) may ask for a fourth: that calls end,
//! whoever is stopped, and in [so many steps](Model::most_alone).
//!
//! # Why not a library
//! The last question ("from every state a good end can be reached", AG EF in the language of CTL) is most of what these
//! models are for, and it must leave out the steps in which somebody is killed: a protocol that needs a death to go on
//! is stuck. `stateright`, which was considered, offers "eventually" on paths without cycles only, and receivers that poll
//! go round in cycles; what is left of it that would be of use here is the hundred lines below. The set of states is
//! `indexmap`'s, which is the queue at the same time.

mod calls;

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// More states than this are too many for a scenario: it says so instead of taking all memory.
const MOST: usize = 20_000_000;

/// Something that processes do together.
pub trait Model {
    /// All of it: what is shared, and where each process is.
    type State: Clone + Eq + Hash + Debug;

    /// Before anything has happened.
    fn initial(&self) -> Self::State;

    /// What may happen next, each possibility by itself.
    fn steps(&self, state: &Self::State, next: &mut Vec<Step<Self::State>>);

    /// Everything is done, and well done.
    fn good_end(&self, state: &Self::State) -> bool;

    /// Nobody can go on: why that must not be, if it must not.
    fn at_rest(&self, _state: &Self::State) -> Option<String> {
        None
    }

    /// The most steps that anybody may take to the end of a call while all others are stopped where they are. If it is
    /// said, no steps may lead round in a circle in which no call ends, either: whatever the schedule, calls end.
    fn most_alone(&self) -> Option<u16> {
        None
    }
}

/// What may happen.
#[derive(Clone, Debug)]
pub enum Step<S> {
    /// A live process, or the kernel, does something.
    Live(Label, S),
    /// The same, and a call ends with it.
    Ends(Label, S),
    /// A process is killed, or stopped for good.
    Fault(Label, S),
    /// A live process does something that must not happen.
    Wrong(Label, String),
}

/// Who does what: for the trace.
pub type Label = (u8, &'static str);

/// What came of a walk.
#[derive(Debug)]
pub struct Outcome {
    /// States found.
    pub states: usize,
    /// Steps between them.
    pub transitions: usize,
    /// The most steps that anybody takes alone to the end of a call, if the model asks for that.
    pub alone: Option<u16>,
    /// How long it took.
    pub time: Duration,
    /// The first that is wrong.
    pub wrong: Option<Wrong>,
}

/// Something is wrong.
#[derive(Debug)]
pub struct Wrong {
    /// What.
    pub what: String,
    /// How it comes to that, a step a line, and the state in which it ends.
    pub trace: Vec<String>,
}

/// Walks through all states of `model`, to the first that is wrong.
pub fn explore<M: Model>(model: &M) -> Outcome {
    let start = Instant::now();
    let mut walk = Walk {
        model,
        states: IndexSet::default(),
        parents: vec![0],
        live: Vec::new(),
        within: Vec::new(),
        movers: Vec::new(),
        ends: Vec::new(),
        transitions: 0,
    };
    walk.states.insert(model.initial());
    let mut alone = None;
    let wrong = walk.everywhere().or_else(|| match model.most_alone() {
        Some(most) => walk.calls_end(most).map(|found| alone = Some(found)).err(),
        None => None,
    });
    let wrong = wrong.or_else(|| walk.stuck());
    Outcome {
        states: walk.states.len(),
        transitions: walk.transitions,
        alone,
        time: start.elapsed(),
        wrong,
    }
}

struct Walk<'m, M: Model> {
    model: &'m M,
    states: IndexSet<M::State, FxBuildHasher>,
    /// From which state each was found first.
    parents: Vec<u32>,
    /// From and to, of the steps of the living.
    live: Vec<(u32, u32)>,
    /// From and to and by whom, of the steps with which no call ends, in the order of the first; empty if nobody asks.
    within: Vec<(u32, u32, u8)>,
    /// Who can do a step in each state, a bit each; empty if nobody asks.
    movers: Vec<u16>,
    /// States that are good ends.
    ends: Vec<u32>,
    transitions: usize,
}

impl<M: Model> Walk<'_, M> {
    /// Looks at every state and every step.
    fn everywhere(&mut self) -> Option<Wrong> {
        let calls_end = self.model.most_alone().is_some();
        let mut next = Vec::new();
        let mut at = 0;
        while at < self.states.len() {
            let state = self.states[at].clone();
            if self.model.good_end(&state) {
                self.ends.push(at as u32);
            }
            self.model.steps(&state, &mut next);
            let mut rests = true;
            let mut movers = 0;
            for step in next.drain(..) {
                let ends = matches!(step, Step::Ends(..));
                match step {
                    Step::Live((who, _), state) | Step::Ends((who, _), state) => {
                        rests = false;
                        let to = self.reach(at, state);
                        self.live.push((at as u32, to));
                        if calls_end {
                            movers |= 1 << who;
                        }
                        if calls_end && !ends {
                            self.within.push((at as u32, to, who));
                        }
                    }
                    Step::Fault(_, state) => {
                        self.reach(at, state);
                    }
                    Step::Wrong(label, what) => return Some(self.wrong(at, Some(label), what)),
                }
            }
            if calls_end {
                self.movers.push(movers);
            }
            if let Some(what) = rests.then(|| self.model.at_rest(&state)).flatten() {
                return Some(self.wrong(at, None, what));
            }
            if self.states.len() > MOST {
                return Some(self.wrong(at, None, format!("more than {MOST} states")));
            }
            at += 1;
        }
        None
    }

    fn reach(&mut self, from: usize, state: M::State) -> u32 {
        self.transitions += 1;
        let (index, new) = self.states.insert_full(state);
        if new {
            self.parents.push(from as u32);
        }
        index as u32
    }

    /// Is there a state from which the living can reach no good end?
    fn stuck(&self) -> Option<Wrong> {
        let (first, back) = self.backwards();
        let mut good = vec![false; self.states.len()];
        let mut queue = self.ends.clone();
        for &end in &queue {
            good[end as usize] = true;
        }
        while let Some(state) = queue.pop() {
            let state = state as usize;
            for &from in &back[first[state] as usize..first[state + 1] as usize] {
                if !good[from as usize] {
                    good[from as usize] = true;
                    queue.push(from);
                }
            }
        }
        let at = good.iter().position(|good| !good)?;
        Some(self.wrong(
            at,
            None,
            "STUCK: from here no schedule of the living leads to a good end".into(),
        ))
    }

    /// The steps of the living by where they lead: those into state `s` are from `first[s]` to `first[s + 1]`.
    fn backwards(&self) -> (Vec<u32>, Vec<u32>) {
        let mut first = vec![0; self.states.len() + 1];
        for &(_, to) in &self.live {
            first[to as usize + 1] += 1;
        }
        for state in 0..self.states.len() {
            first[state + 1] += first[state];
        }
        let mut free = first.clone();
        let mut back = vec![0; self.live.len()];
        for &(from, to) in &self.live {
            back[free[to as usize] as usize] = from;
            free[to as usize] += 1;
        }
        (first, back)
    }

    fn wrong(&self, at: usize, last: Option<Label>, what: String) -> Wrong {
        let mut path = vec![at];
        while let Some(&state) = path.last().filter(|&&state| state != 0) {
            path.push(self.parents[state] as usize);
        }
        path.reverse();
        let mut trace: Vec<String> = path.windows(2).map(|pair| self.between(pair[0], pair[1])).collect();
        trace.push(format!("{:?}", self.states[at]));
        trace.extend(last.map(|(who, what)| format!("P{who} {what}: this must not be")));
        Wrong { what, trace }
    }

    /// What leads from one state to another.
    fn between(&self, from: usize, to: usize) -> String {
        let mut next = Vec::new();
        self.model.steps(&self.states[from], &mut next);
        let found = next.into_iter().find_map(|step| match step {
            Step::Live((who, what), state) | Step::Ends((who, what), state) if state == self.states[to] => {
                Some(format!("P{who} {what}"))
            }
            Step::Fault((who, what), state) if state == self.states[to] => Some(format!("P{who} {what} !")),
            _ => None,
        });
        found.expect("it was found by this step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up to `end`; from `trap` nobody comes back, but for a fault.
    struct Counter {
        end: u8,
        trap: Option<u8>,
        wrong: Option<u8>,
    }

    impl Model for Counter {
        type State = u8;

        fn initial(&self) -> u8 {
            0
        }

        fn steps(&self, &at: &u8, next: &mut Vec<Step<u8>>) {
            if self.wrong == Some(at) {
                next.push(Step::Wrong((0, "counts"), "it is wrong".to_owned()));
            } else if self.trap == Some(at) {
                next.push(Step::Live((0, "turns round"), at));
                next.push(Step::Fault((0, "is killed"), at + 1));
            } else if at < self.end {
                next.push(Step::Live((0, "counts"), at + 1));
            }
        }

        fn good_end(&self, &at: &u8) -> bool {
            at == 9
        }

        fn at_rest(&self, &at: &u8) -> Option<String> {
            (at != 9).then(|| "it rests too early".to_owned())
        }
    }

    fn what(end: u8, trap: Option<u8>, wrong: Option<u8>) -> Option<(String, usize)> {
        let wrong = explore(&Counter { end, trap, wrong }).wrong?;
        Some((wrong.what, wrong.trace.len()))
    }

    #[test]
    fn all_states_are_found() {
        let outcome = explore(&Counter {
            end: 9,
            trap: None,
            wrong: None,
        });
        assert!(outcome.wrong.is_none());
        assert_eq!((outcome.states, outcome.transitions), (10, 9));
    }

    #[test]
    fn a_step_that_is_wrong_is_found_with_the_way_to_it() {
        assert_eq!(what(9, None, Some(3)), Some(("it is wrong".to_owned(), 5)));
    }

    #[test]
    fn a_rest_that_comes_too_early_is_found() {
        assert_eq!(what(7, None, None), Some(("it rests too early".to_owned(), 8)));
    }

    #[test]
    fn who_needs_a_fault_to_go_on_is_stuck() {
        let (what, _) = what(9, Some(4), None).expect("it turns round for ever");
        assert!(what.starts_with("STUCK"));
    }
}
