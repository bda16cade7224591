//! How do two programs find each other that nobody has started together?
//!
//! By a name. The one program creates the channel, and the name goes with it; the other opens it, and waits if it is the
//! first. Without arguments this starts both sides of itself, first in the one order and then in the other.
//!
//! ```text
//! cargo run --example named
//! cargo run --example named -- receive NAME    (in one terminal)
//! cargo run --example named -- send NAME       (in another, before or after)
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use annulus::spsc::Channel;

type Error = Box<dyn std::error::Error>;

const MESSAGES: u64 = 100_000;
/// How long who is first waits for the other.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => both(),
        ["send", name] => send(name),
        ["receive", name] => receive(name),
        _ => Err("usage: named [send NAME | receive NAME]".into()),
    }
}

/// The server: the name is its own.
fn receive(name: &str) -> Result<ExitCode, Error> {
    let channel = Channel::<u64>::create(name, 256)?;
    let rx = channel.receiver()?;
    println!("receiver {}: has created {name:?}", std::process::id());
    // The channel stays until the end: while it is there, somebody may open it and be the first to send.
    let mut expected = 0;
    for number in &rx {
        if number != expected {
            return Err(format!("received {number} instead of {expected}").into());
        }
        expected += 1;
    }
    println!(
        "receiver {}: {expected} messages, and the sender has gone",
        std::process::id()
    );
    Ok(if expected == MESSAGES {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The client: opens what is there, or will be.
fn send(name: &str) -> Result<ExitCode, Error> {
    let tx = Channel::<u64>::open_timeout(name, PATIENCE)?.sender()?;
    println!("sender   {}: has opened {name:?}", std::process::id());
    for number in 0..MESSAGES {
        tx.send(number)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn both() -> Result<ExitCode, Error> {
    let name = format!("example-named-{}", std::process::id());
    let start =
        |side: &str| -> Result<Child, Error> { Ok(Command::new(env::current_exe()?).args([side, &name]).spawn()?) };
    let mut good = true;
    for order in [["send", "receive"], ["receive", "send"]] {
        println!("-- {} first", order[0]);
        let mut children = [start(order[0])?, start(order[1])?];
        for child in &mut children {
            good &= child.wait()?.success();
        }
        if annulus::list()?.iter().any(|channel| channel.name == name) {
            println!("the name {name:?} is left");
            good = false;
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
