//! What became of an operation, by the number of instructions that it had made?

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use crate::stepping::{At, Reached, is_written_for_this_machine};
use crate::support::runner;
use crate::support::words::{self, ORPHAN, Phase, State};

/// Steps that the children of one operation may take together, unless every instruction was asked for. A guess: a step
/// takes 5 to 50 µs, more on a virtual machine than on another.
const BUDGET: usize = 75_000;

/// The argument that asks for all of them, however long it takes.
const EVERY: &str = "--every";

/// Fewer instructions than any operation has.
const FEW: usize = 20;

/// How far an operation has come, in the words that the others see. It never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// As if it had not begun.
    NotDone,
    /// The slot is claimed: a gap, or a message that is delivered again.
    Claimed,
    /// The message has been handed back: it is delivered again.
    HandedBack,
    /// It has happened.
    Done,
}

impl Stage {
    /// Of a send to a slot that was free in the first lap.
    pub fn of_send(slot: State, sender: u16) -> Stage {
        match (slot.lap, slot.phase) {
            (0, Phase::Free) => Stage::NotDone,
            (0, Phase::Writing) if slot.owner == sender => Stage::Claimed,
            (0, Phase::Full) => Stage::Done,
            _ => panic!("{slot:?}"),
        }
    }

    /// Of a receive from a slot that was full in the first lap.
    pub fn of_receive(slot: State, receiver: u16) -> Stage {
        match (slot.lap, slot.phase) {
            (0, Phase::Full) => Stage::NotDone,
            (0, Phase::Reading) if slot.owner == receiver => Stage::Claimed,
            (0, Phase::Reading) if slot.owner == ORPHAN => Stage::HandedBack,
            (1, Phase::Free) => Stage::Done,
            _ => panic!("{slot:?}"),
        }
    }
}

/// Lets `interrupt` interrupt a new child after 0 instructions, after 1, and so on until the end of the operation, which
/// must then have come as far as `last`. Of a long operation only every so many, unless all were asked for.
pub fn at_each_instruction(what: &str, last: Stage, mut interrupt: impl FnMut(usize) -> (Reached, Stage)) {
    if !is_written_for_this_machine() {
        return;
    }
    let started = Instant::now();
    let mut interrupted = |count| {
        words::forget(); // The last one's channel.
        runner::gets_on();
        catch_unwind(AssertUnwindSafe(|| interrupt(count))).unwrap_or_else(|panic| {
            eprintln!("{what}: interrupted after {count} instructions");
            resume_unwind(panic)
        })
    };
    // The first one runs to the end, and tells where that is.
    let (end, stage) = interrupted(usize::MAX);
    assert_eq!(stage, last, "{what}: at its end");
    assert!(end.instructions > FEW, "{what}: {end:?} is not the operation");
    let stride = stride(end.instructions);
    let mut stages = Vec::new();
    loop {
        let (reached, stage) = interrupted(stages.len() * stride);
        let before = stages.last().copied().unwrap_or(Stage::NotDone);
        assert!(
            stage >= before,
            "{what}: first {before:?}, then {reached:?} and {stage:?}"
        );
        stages.push(stage);
        if reached.at != At::Instruction {
            break;
        }
    }
    assert_eq!(stages[0], Stage::NotDone, "{what}: before its first instruction");
    assert_eq!(stages.last(), Some(&last), "{what}: after its last instruction");
    let count = |stage| stages.iter().filter(|&&found| found == stage).count();
    println!(
        "  {what}: {} instructions, interrupted after {}: {} not done, {} claimed, {} handed back, {} done ({:.1} s)",
        end.instructions,
        if stride == 1 {
            "each".to_owned()
        } else {
            format!("one in {stride}")
        },
        count(Stage::NotDone),
        count(Stage::Claimed),
        count(Stage::HandedBack),
        count(Stage::Done),
        started.elapsed().as_secs_f64()
    );
}

/// Instructions from one interruption to the next: 1, or a prime number, so that the ways in which the others go on, which
/// take turns, come to each part of the operation.
fn stride(instructions: usize) -> usize {
    const PRIMES: [usize; 12] = [5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43];
    let least = instructions * instructions / 2 / BUDGET;
    if least == 0 || std::env::args().any(|argument| argument == EVERY) {
        return 1;
    }
    PRIMES.into_iter().find(|&prime| prime > least).unwrap_or(47)
}
