//! What is there to run, whatever the model?

use std::fmt::{self, Debug};

use crate::explore::{Model, Outcome, explore};
use crate::{blocks, names, ring, span, stream, waiting};

/// How much a scenario takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// Seconds: run by the tests.
    Quick,
    /// Up to minutes: run by `models -- all`.
    Full,
}

type Explore = Box<dyn Fn() -> Outcome + Send + Sync>;

fn exploring<M: Model + Send + Sync + 'static>(model: M) -> Explore {
    Box::new(move || explore(&model))
}

/// A scenario of a model, in which nothing may be wrong.
pub struct Run {
    /// The model and the scenario.
    pub name: String,
    /// How much it takes.
    pub size: Size,
    explore: Explore,
}

impl Run {
    /// `scenario` of the model `model`.
    pub fn new<M: Model + Send + Sync + 'static>(model: &str, name: &str, size: Size, scenario: M) -> Run {
        Run {
            name: format!("{model}: {name}"),
            size,
            explore: exploring(scenario),
        }
    }

    /// All of its states.
    pub fn explore(&self) -> Outcome {
        (self.explore)()
    }
}

/// A rule, and a scenario in which something is wrong without it.
pub struct Control {
    /// The model.
    pub model: String,
    /// The model and the rule.
    pub name: String,
    /// The scenario, where the model has more than one for a rule.
    pub scenario: Option<String>,
    /// How what is wrong begins.
    pub says: &'static str,
    kept: Explore,
    broken: Explore,
}

impl Control {
    /// Without `rule` of `model`, `broken` goes wrong as `says` begins; `kept` is the same with it.
    pub fn new<M: Model + Send + Sync + 'static>(
        model: &str,
        rule: &dyn Debug,
        says: &'static str,
        kept: M,
        broken: M,
    ) -> Control {
        Control {
            model: model.to_owned(),
            name: format!("{model}::{rule:?}"),
            scenario: None,
            says,
            kept: exploring(kept),
            broken: exploring(broken),
        }
    }

    /// Names the scenario.
    pub fn seen_in(mut self, scenario: &str) -> Control {
        self.scenario = Some(scenario.to_owned());
        self
    }

    /// With the rule.
    pub fn kept(&self) -> Outcome {
        (self.kept)()
    }

    /// Without it.
    pub fn broken(&self) -> Outcome {
        (self.broken)()
    }
}

impl Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Every scenario.
pub fn runs() -> Vec<Run> {
    [
        ring::scenarios::all(),
        blocks::scenarios::all(),
        blocks::wake::scenarios::all(),
        stream::scenarios::all(),
        span::scenarios::all(),
        waiting::scenarios::all(),
        names::scenarios::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every rule left out.
pub fn controls() -> Vec<Control> {
    [
        ring::scenarios::controls(),
        blocks::scenarios::controls(),
        blocks::wake::scenarios::controls(),
        stream::scenarios::controls(),
        span::scenarios::controls(),
        waiting::scenarios::controls(),
        names::scenarios::controls(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
