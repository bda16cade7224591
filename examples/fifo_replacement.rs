//! What takes the place of a named pipe, `mkfifo`?
//!
//! A producer and a consumer that agree on a name, of which either may come first, or come again. Unlike a FIFO's reader
//! and writer neither waits for the other before it begins: what is sent waits under the name, and when everything has
//! been read and both have gone, so has the name.
//!
//! Without arguments this is the shell that starts the two: a producer that is through before the consumer starts, then
//! both at once, with more than the ring holds.
//!
//! ```text
//! cargo run --example fifo_replacement
//! cargo run --example fifo_replacement -- produce NAME COUNT
//! cargo run --example fifo_replacement -- consume NAME COUNT
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::process::{Child, Command, ExitCode};

use annulus::spsc::Channel;
use annulus::{
    RecvError,
    bytemuck::{Pod, Zeroable},
};

type Error = Box<dyn std::error::Error>;

/// Messages that the ring holds.
const CAPACITY: usize = 1024;

/// What would be a line in a FIFO.
#[derive(Clone, Copy, PartialEq, Debug, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Reading {
    number: u64,
    celsius: f64,
}

impl Reading {
    fn of(number: u64) -> Reading {
        Reading {
            number,
            celsius: 20.0 + (number % 100) as f64 / 10.0,
        }
    }
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => shell(),
        ["produce", name, count] => produce(name, count.parse()?).map(|()| ExitCode::SUCCESS),
        ["consume", name, count] => consume(name, count.parse()?).map(|()| ExitCode::SUCCESS),
        _ => Err("usage: fifo_replacement [produce NAME COUNT | consume NAME COUNT]".into()),
    }
}

fn produce(name: &str, count: u64) -> Result<(), Error> {
    let tx = Channel::open_or_create(name, CAPACITY)?.sender()?;
    for number in 0..count {
        tx.send(Reading::of(number))?;
    }
    println!("producer {}: sent {count} readings, and leaves", std::process::id());
    Ok(())
}

fn consume(name: &str, count: u64) -> Result<(), Error> {
    let rx = Channel::open_or_create(name, CAPACITY)?.receiver()?;
    for number in 0..count {
        let reading: Reading = rx.recv()?;
        if reading != Reading::of(number) {
            return Err(format!("received {reading:?} as number {number}").into());
        }
    }
    let end = rx.recv();
    println!(
        "consumer {}: received {count} readings, then {end:?}",
        std::process::id()
    );
    match end {
        Err(RecvError::Disconnected) => Ok(()),
        other => Err(format!("{other:?} after the last reading").into()),
    }
}

fn shell() -> Result<ExitCode, Error> {
    let name = format!("example-fifo-{}", std::process::id());
    let start = |side: &str, count: u64| -> Result<Child, Error> {
        let count = count.to_string();
        Ok(Command::new(env::current_exe()?).args([side, &name, &count]).spawn()?)
    };
    let there = || -> Result<bool, Error> { Ok(annulus::list()?.iter().any(|channel| channel.name == name)) };
    let good = |child: &mut Child| -> Result<bool, Error> { Ok(child.wait()?.success()) };

    println!("-- one after the other");
    let mut all = good(&mut start("produce", 1000)?)? & there()?;
    println!("nobody has {name:?} open, and 1000 readings wait under it");
    all &= good(&mut start("consume", 1000)?)? & !there()?;

    println!("-- both at once");
    let mut children = [start("consume", 100_000)?, start("produce", 100_000)?];
    for child in &mut children {
        all &= good(child)?;
    }
    all &= !there()?;
    println!("the name has gone with the last reading: {}", !there()?);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
