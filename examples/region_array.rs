//! How do several processes work on one array?
//!
//! It is in a region that all of them map. This program makes it and starts itself again: two processes fill a half each, at the
//! same time, and when both have ended a third checks every element. Nothing is copied and nothing is sent.
//!
//! ```text
//! cargo run --release --example region_array
//! ```
//!
//! # Unsafe
//! A region is memory that any process which has it may write to, so whoever makes a slice of it says why nobody does. Here it
//! is the order of things: who fills, and which half, is settled before they are started, and who reads is started when they
//! have ended. (Where there is no such order, `Region::read_at`, `write_at` and `words` are right without it.)

use std::env;
use std::process::{Child, Command, ExitCode};
use std::time::Instant;

use annulus::Region;

type Error = Box<dyn std::error::Error>;

/// Elements of the array: 64 MB of them.
const ELEMENTS: usize = 8_000_000;
const HALF: usize = ELEMENTS / 2;
/// What the processes call the region among themselves.
const ARRAY: &str = "array";

/// Element `index`: the inverse squares, whose sum is known.
fn element(index: usize) -> f64 {
    let n = (index + 1) as f64;
    1.0 / (n * n)
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => start(),
        ["fill", half] => fill(half.parse()?),
        ["check"] => check(),
        _ => Err("usage: region_array [fill 0 | fill 1 | check]".into()),
    }
}

fn start() -> Result<ExitCode, Error> {
    let region = Region::anonymous(ELEMENTS * size_of::<f64>())?;
    let child = |arguments: &[&str]| -> Result<Child, Error> {
        let mut command = Command::new(env::current_exe()?);
        region.pass_to(&mut command, ARRAY)?;
        Ok(command.args(arguments).spawn()?)
    };
    let mut good = true;
    for mut filler in [child(&["fill", "0"])?, child(&["fill", "1"])?] {
        good &= filler.wait()?.success();
    }
    // Only now: what the two have written is written.
    good &= child(&["check"])?.wait()?.success();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fill(half: usize) -> Result<ExitCode, Error> {
    let mut region = Region::inherited(ARRAY)?;
    let first = half * HALF;
    let begun = Instant::now();
    // SAFETY: this half is this process's alone until it has ended: the other filler has the other one, the parent touches
    // nothing, and the checker is not started before.
    let elements = unsafe { region.slice_mut_at::<f64>(first * size_of::<f64>(), HALF)? };
    for (index, value) in (first..).zip(elements) {
        *value = element(index);
    }
    println!(
        "process {}: has filled {first} to {} in {:.0?}",
        std::process::id(),
        first + HALF - 1,
        begun.elapsed()
    );
    Ok(ExitCode::SUCCESS)
}

fn check() -> Result<ExitCode, Error> {
    let region = Region::inherited(ARRAY)?;
    // SAFETY: all who wrote to it have ended, and nobody begins.
    let elements = unsafe { region.as_slice::<f64>()? };
    assert_eq!(elements.len(), ELEMENTS);
    for (index, value) in elements.iter().enumerate() {
        assert_eq!(*value, element(index), "element {index}");
    }
    let sum: f64 = elements.iter().rev().sum();
    println!(
        "process {}: all {ELEMENTS} elements are right; their sum is {sum:.6}, pi squared over six {:.6}",
        std::process::id(),
        std::f64::consts::PI.powi(2) / 6.0
    );
    Ok(ExitCode::SUCCESS)
}
