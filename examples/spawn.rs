//! How does a program that this one starts get a channel? Without `unsafe`, and without a name that others could find.
//!
//! Starts itself again as a child that squares numbers: a channel there, a channel back. The child's loop ends when the
//! numbers end, and the parent's when the child does.
//!
//! ```text
//! cargo run --example spawn
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::process::{Command, ExitCode};

use annulus::spsc::Channel;

type Error = Box<dyn std::error::Error>;

const NUMBERS: u64 = 100_000;

fn main() -> Result<ExitCode, Error> {
    if env::args().nth(1).as_deref() == Some("child") {
        child().map(|()| ExitCode::SUCCESS)
    } else {
        parent()
    }
}

fn parent() -> Result<ExitCode, Error> {
    let numbers = Channel::<u64>::anonymous(256)?;
    let squares = Channel::<u64>::anonymous(256)?;

    let mut command = Command::new(env::current_exe()?);
    command.arg("child");
    numbers.pass_to(&mut command, "numbers")?;
    squares.pass_to(&mut command, "squares")?;
    let mut child = command.spawn()?;

    let (tx, rx) = (numbers.sender()?, squares.receiver()?);
    // What could bring further peers: while they are there, a child that dies before it attaches would be waited for.
    drop((command, numbers, squares));
    println!(
        "parent {}: sends 0 to {} to child {}",
        std::process::id(),
        NUMBERS - 1,
        child.id()
    );

    // Both rings are smaller than what goes through them, so somebody has to drain while somebody else sends: sending
    // everything before receiving anything would wait for ever, as with two pipes.
    let feeder = std::thread::spawn(move || (0..NUMBERS).try_for_each(|n| tx.send(n)));
    let mut right = 0;
    for (n, square) in (0..).zip(&rx) {
        if square == n * n {
            right += 1;
        }
    }
    // The loop above has ended since the child has gone, and the child since `tx` has.
    feeder.join().map_err(|_| "the feeder panicked")??;
    let status = child.wait()?;

    println!(
        "parent {}: {right} squares of {NUMBERS} are right, the child ended with {status}",
        std::process::id()
    );
    Ok(if right == NUMBERS && status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn child() -> Result<(), Error> {
    // The names, the kind and the type are what parent and child agree on; a mismatch is an error that shows both.
    let numbers = Channel::<u64>::inherited("numbers")?.receiver()?;
    let squares = Channel::<u64>::inherited("squares")?.sender()?;
    let mut count = 0;
    for n in &numbers {
        squares.send(n * n)?;
        count += 1;
    }
    println!(
        "child  {}: squared {count} numbers, and there will be no more",
        std::process::id()
    );
    Ok(())
}
