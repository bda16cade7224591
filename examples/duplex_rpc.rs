//! How does a worker process answer what it is asked?
//!
//! By a pair of two-way ends, as `multiprocessing.Pipe()` makes them, with messages in place of bytes: this starts itself again
//! as a worker, sends it requests of any length, and reads the replies in place. The worker ends when the parent hangs up, and
//! the parent hears of it when the worker dies.
//!
//! ```text
//! cargo run --release --example duplex_rpc
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use annulus::stream::{DuplexEnd, FramedDuplex, ReadError, duplex};

type Error = Box<dyn std::error::Error>;

const CAPACITY: usize = 1 << 20;
const REQUESTS: u64 = 20_000;
/// How long the parent waits for a reply.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<ExitCode, Error> {
    if env::args().nth(1).as_deref() == Some("worker") {
        worker().map(|()| ExitCode::SUCCESS)
    } else {
        parent()
    }
}

/// "Add these up": as many numbers as there are.
fn request(number: u64) -> Vec<u8> {
    (0..number % 500).flat_map(|n| (n * number).to_le_bytes()).collect()
}

fn sum(request: &[u8]) -> u64 {
    let (numbers, _) = request.as_chunks();
    numbers.iter().map(|&number| u64::from_le_bytes(number)).sum()
}

fn parent() -> Result<ExitCode, Error> {
    let (here, there) = duplex(CAPACITY)?;
    let mut command = Command::new(env::current_exe()?);
    command.arg("worker");
    there.pass_to(&mut command, "rpc")?;
    let mut child = command.spawn()?;
    drop(command); // It could start another one.

    let mut rpc = here.attach()?.into_frames();
    let started = Instant::now();
    for number in 0..REQUESTS {
        let request = request(number);
        rpc.send(&request)?;
        if reply(&mut rpc)? != sum(&request) {
            return Err(format!("request {number} was answered wrongly").into());
        }
    }
    let each = started.elapsed() / REQUESTS as u32;

    drop(rpc); // The end of the stream, for the worker.
    let status = child.wait()?;
    println!(
        "parent {}: {REQUESTS} sums are right, {each:.1?} each; the worker ended with {status}",
        std::process::id()
    );
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn reply(rpc: &mut FramedDuplex) -> Result<u64, Error> {
    if !rpc.poll(PATIENCE)? {
        return Err("the worker does not answer".into());
    }
    let reply = rpc.recv()?; // `Disconnected` if it has died.
    Ok(u64::from_le_bytes(reply[..].try_into()?))
}

fn worker() -> Result<(), Error> {
    let (mut replies, mut requests) = DuplexEnd::inherited("rpc")?.attach()?.into_frames().into_halves();
    let mut count = 0;
    loop {
        let request = match requests.recv() {
            Ok(request) => request,
            Err(ReadError::Disconnected) => break, // The parent has hung up.
            Err(error) => return Err(error.into()),
        };
        // Read where it lies, and dealt with when it is dropped.
        replies.send(&sum(&request).to_le_bytes())?;
        count += 1;
    }
    println!(
        "worker {}: answered {count} requests, and there will be no more",
        std::process::id()
    );
    Ok(())
}
