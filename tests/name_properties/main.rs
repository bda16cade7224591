//! Do names lead where they should, whatever unrelated processes do to them, and whoever of them is killed?
//!
//! Random programs of operations on names and channels, executed by processes that have nothing of each other but the
//! names. Once one operation after the other, each answer compared with that of a sequential model (`alone`, `model`,
//! `object`); once all at the same time, with what must hold however they come between each other (`together`,
//! `ledger`). Processes live on from case to case, but for those that were killed.

mod alone;
mod freely;
mod handles;
mod ledger;
mod letter;
mod model;
mod object;
mod pool;
mod step;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod worker;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use support::Test;
use support::own::turn;

/// Programs that are executed alone, and together.
const CASES: (u32, u32) = (1000, 2000);

fn main() -> std::process::ExitCode {
    let _turn = turn();
    let tests = [
        Test::new("names_behave_as_the_model", names_behave_as_the_model),
        Test::new(
            "what_holds_under_every_schedule_holds",
            what_holds_under_every_schedule_holds,
        ),
    ];
    support::runner::main(&[("worker", worker::serve)], &tests)
}

fn names_behave_as_the_model() {
    check(CASES.0, &alone::cases(), |case| alone::run(&case));
}

fn what_holds_under_every_schedule_holds() {
    check(CASES.1, &together::cases(), |case| together::run(&case));
}

fn check<S: Strategy<Value: Debug>>(cases: u32, strategy: &S, run: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let default = Config::default();
    let config = Config {
        // Unless PROPTEST_CASES says otherwise.
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            default.cases
        } else {
            cases
        },
        failure_persistence: None,
        max_shrink_iters: 2000,
        // In milliseconds: what hangs takes the watchdog's time, again and again.
        max_shrink_time: 60_000,
        ..default
    };
    let result = TestRunner::new(config).run(strategy, run);
    pool::close();
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
