//! How does a server answer the client that has asked?
//!
//! Requests come together in one ring, which bears the server's name. For the replies each client makes a ring of its own,
//! named after the client, and each request says who asks: the server opens that ring when it hears from a client for the
//! first time. Clients come and go as they like. Without arguments this starts a server and three clients.
//!
//! ```text
//! cargo run --release --example request_reply
//! cargo run --release --example request_reply -- server NAME    (in one terminal)
//! cargo run --release --example request_reply -- client NAME    (in as many others as you like, before or after)
//! cargo run --release --example request_reply -- stop NAME      (or wait: the server leaves when it has no work for 20 s)
//! ```
//!
//! # Who waits for whom
//! A client waits for its reply, and has one request under way at a time, so its ring needs one slot. The server does not
//! wait for clients: `try_send` finds that slot free, and one that asks without reading goes without replies. If the server
//! dies, a client's `send` or `recv_timeout` is `Disconnected`; if a client dies, the server's `try_send` is.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::env;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use annulus::bytemuck::{Pod, Zeroable};
use annulus::{RecvTimeoutError, mpsc, spsc};
use hdrhistogram::Histogram;

type Error = Box<dyn std::error::Error>;

const CLIENTS: usize = 3;
/// Of each client.
const REQUESTS: u64 = 50_000;
/// How long a client waits for the server and for each reply, and the server for a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// "What is the square root of this?"
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Request {
    /// Its process's id: who is to get the reply.
    client: u64,
    number: u64,
    square: u64,
}

/// The integer part of it.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Reply {
    /// The request's.
    number: u64,
    root: u64,
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => return all(),
        ["server", name] => serve(name)?,
        ["client", name] => ask(name)?,
        ["stop", name] => stop(name)?,
        _ => return Err("usage: request_reply [server NAME | client NAME | stop NAME]".into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the replies to a client go.
fn replies(name: &str, client: u64) -> String {
    format!("{name}.{client}")
}

fn serve(name: &str) -> Result<(), Error> {
    let channel = mpsc::Channel::<Request>::create(name, 64)?;
    // A sender of our own: the requests do not end when the last client leaves, only when somebody closes the channel.
    let (rx, _open) = (channel.receiver()?, channel.sender()?);
    let mut clients = HashMap::new();
    let (mut delivered, mut undeliverable) = (0u64, 0u64);
    let why = loop {
        let Request { client, number, square } = match rx.recv_timeout(PATIENCE) {
            Ok(request) => request,
            Err(RecvTimeoutError::Disconnected) => break "has been stopped",
            Err(RecvTimeoutError::Timeout) => break "has had nothing to do for a while",
            Err(error) => return Err(error.into()),
        };
        let root = square.isqrt();
        match deliver(name, &mut clients, client, Reply { number, root })? {
            true => delivered += 1,
            false => undeliverable += 1,
        }
    };
    println!("server: {why}; {delivered} replies, and {undeliverable} that nobody takes");
    Ok(())
}

type Clients = HashMap<u64, spsc::Sender<Reply>>;

/// Sends `reply` to `client`; whether that could be done without waiting.
fn deliver(name: &str, clients: &mut Clients, client: u64, reply: Reply) -> Result<bool, Error> {
    let send = |tx: &spsc::Sender<Reply>| tx.try_send(reply).is_ok();
    if clients.get(&client).is_some_and(send) {
        return Ok(true);
    }
    // It is new, perhaps with the id of one that is dead. A good time to forget those that are: whose rings nobody reads.
    clients.remove(&client);
    let there = annulus::list()?;
    clients.retain(|&client, _| {
        let ring = there.iter().find(|channel| channel.name == replies(name, client));
        ring.is_some_and(|ring| ring.attached.iter().any(|end| end.role == "receiver" && end.alive))
    });
    let Ok(tx) = spsc::Channel::open(&replies(name, client)).and_then(|channel| channel.sender()) else {
        return Ok(false); // It has died, or has never been.
    };
    let sent = send(&tx);
    clients.insert(client, tx);
    Ok(sent)
}

fn ask(name: &str) -> Result<(), Error> {
    let client = u64::from(std::process::id());
    let rx = spsc::Channel::<Reply>::create(&replies(name, client), 1)?.receiver()?;
    let tx = mpsc::Channel::open_timeout(name, PATIENCE)?.sender()?;
    let mut round_trips = Histogram::<u64>::new(3)?;
    for number in 0..REQUESTS {
        let square = (client << 32 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2;
        let begun = Instant::now();
        tx.send(Request { client, number, square })?;
        let reply = rx.recv_timeout(PATIENCE)?;
        round_trips.record(begun.elapsed().as_nanos() as u64)?;
        let root = reply.root;
        let right = root
            .checked_mul(root)
            .is_some_and(|low| low <= square && square - low <= 2 * root);
        if reply.number != number || !right {
            return Err(format!("{reply:?} to request {number}, the root of {square}").into());
        }
    }
    let microseconds = |quantile| round_trips.value_at_quantile(quantile) as f64 / 1e3;
    let (p50, p99) = (microseconds(0.5), microseconds(0.99));
    println!("client {client}: {REQUESTS} replies, all right; round trip p50 {p50:.1} µs, p99 {p99:.1} µs");
    Ok(())
}

/// Closes the requests, for the server and whoever else is attached.
fn stop(name: &str) -> Result<(), Error> {
    mpsc::Channel::<Request>::open_timeout(name, PATIENCE)?
        .sender()?
        .close();
    Ok(())
}

fn all() -> Result<ExitCode, Error> {
    let name = format!("example-request-reply-{}", std::process::id());
    let start =
        |side: &str| -> Result<Child, Error> { Ok(Command::new(env::current_exe()?).args([side, &name]).spawn()?) };
    let mut server = start("server")?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(start("client")?);
    }
    let mut good = true;
    for mut client in clients {
        good &= client.wait()?.success();
    }
    stop(&name)?;
    good &= server.wait()?.success();
    let ours = |channel: &str| channel == name || channel.starts_with(&format!("{name}."));
    for channel in annulus::list()?.iter().filter(|channel| ours(&channel.name)) {
        println!("the name {:?} is left", channel.name);
        good = false;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
