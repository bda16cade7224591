//! Does anything go wrong if processes are killed, stopped, continued, forked and replaced at random, whatever they do?
//!
//! Two to eight processes work on a channel, of any kind, size and capacity, with a name or without: they send and receive
//! in every form that there is, hold leases, blocks or chunks, detach and attach, and fork children that take over. Each keeps a diary that
//! outlives it ([`yard`]), and when a round is over the diaries are held against each other by the rules in [`audit`].
//!
//! `cargo test` runs some seconds of it. To run it for longer, or a certain round again (its plan and all dice are the
//! same; when a process is struck is for the scheduler to say):
//!
//! ```console
//! $ cargo test --release --test campaign -- --minutes 30
//! $ cargo test --release --test campaign -- --minutes 30 --blocks
//! $ cargo test --release --test campaign -- --minutes 30 --streams
//! $ cargo test --release --test campaign -- --seed 4711 --rounds 1
//! ```
//!
//! `multiprocessing_queue.py` is a campaign of the same sort against the queue in Python's standard library.

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod blocks;
mod dice;
mod ledger;
mod medium;
mod parcel;
mod plan;
mod receiving;
mod round;
mod self_test;
mod sending;
mod streams;
mod tally;
mod worker;
mod yard;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::prctl;
use plan::Plan;
use self_test::{
    a_round_without_a_fault_has_none, the_auditor_accepts_what_the_documentation_allows,
    the_auditor_finds_planted_faults,
};
use tally::Tally;

/// Under `cargo test`, and so long for blocks, and for streams.
const A_WHILE: Duration = Duration::from_secs(12);
const A_WHILE_OF_BLOCKS: Duration = Duration::from_secs(8);
const A_WHILE_OF_STREAMS: Duration = Duration::from_secs(6);
/// Between two lines about how it goes.
const REPORT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // Children of killed workers become this process's own.
    prctl::set_child_subreaper(true).expect("to adopt orphans");
    if let Some(orders) = Orders::parse(std::env::args().skip(1)) {
        let tally = campaign(&orders);
        println!("{tally}");
        return if tally.is_clean() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    support::runner::main(
        &[],
        &support::tests!(
            plain:
                the_auditor_accepts_what_the_documentation_allows
                the_auditor_finds_planted_faults
                a_round_without_a_fault_has_none
                a_campaign_of_death_loses_doubles_and_tears_nothing_and_nobody_hangs
                a_campaign_of_death_among_blocks_loses_and_tears_nothing_and_nobody_hangs
                a_campaign_of_death_in_streams_loses_and_tears_nothing_and_nobody_hangs;
        ),
    )
}

fn a_campaign_of_death_loses_doubles_and_tears_nothing_and_nobody_hangs() {
    let orders = Orders {
        time: A_WHILE,
        ..Orders::default()
    };
    let tally = campaign(&orders);
    println!("{tally}");
    assert!(tally.is_clean());
}

fn a_campaign_of_death_among_blocks_loses_and_tears_nothing_and_nobody_hangs() {
    let orders = Orders {
        time: A_WHILE_OF_BLOCKS,
        draw: Plan::draw_of_blocks,
        ..Orders::default()
    };
    let tally = campaign(&orders);
    println!("{tally}");
    assert!(tally.is_clean());
}

fn a_campaign_of_death_in_streams_loses_and_tears_nothing_and_nobody_hangs() {
    let orders = Orders {
        time: A_WHILE_OF_STREAMS,
        draw: Plan::draw_of_streams,
        ..Orders::default()
    };
    let tally = campaign(&orders);
    println!("{tally}");
    assert!(tally.is_clean());
}

/// How long, from which seed on, and on what.
#[derive(Clone, Debug)]
struct Orders {
    draw: fn(u64) -> Plan,
    seed: u64,
    rounds: u64,
    time: Duration,
}

impl Default for Orders {
    fn default() -> Orders {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Orders {
            draw: Plan::draw,
            seed: now.map_or(0, |now| now.as_millis() as u64),
            rounds: u64::MAX,
            time: Duration::MAX,
        }
    }
}

impl Orders {
    /// What the arguments say; `None`: they are a test runner's.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Orders> {
        let mut orders = Orders::default();
        let mut given = false;
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let text = arguments.next().unwrap_or_default();
                text.parse::<u64>()
                    .unwrap_or_else(|_| panic!("{argument}: a number, not {text:?}"))
            };
            match argument.as_str() {
                "--minutes" => orders.time = Duration::from_secs(60 * number()),
                "--seed" => orders.seed = number(),
                "--rounds" => orders.rounds = number(),
                "--blocks" => orders.draw = Plan::draw_of_blocks,
                "--streams" => orders.draw = Plan::draw_of_streams,
                _ => continue,
            }
            given = true;
        }
        if given && orders.rounds == u64::MAX && orders.time == Duration::MAX {
            orders.time = A_WHILE;
        }
        given.then_some(orders)
    }
}

fn campaign(orders: &Orders) -> Tally {
    println!("seed {}: the next round has the next one", orders.seed);
    let started = Instant::now();
    let mut reported = started;
    let mut tally = Tally::default();
    while tally.rounds() < orders.rounds && started.elapsed() < orders.time {
        let seed = orders.seed.wrapping_add(tally.rounds());
        let plan = (orders.draw)(seed);
        let outcome = round::play(&plan);
        tally.add(&plan, &outcome);
        if reported.elapsed() > REPORT {
            reported = Instant::now();
            println!("after {} s\n{tally}", started.elapsed().as_secs());
        }
    }
    tally
}
