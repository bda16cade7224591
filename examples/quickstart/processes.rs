//! How do the two processes come by their ends of each transport?

use std::fs::File;
use std::io::{self, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use annulus::bytemuck::{Pod, Zeroable};
use annulus::{Channel, End, Multi, Single, spsc};
use hdrhistogram::Histogram;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::links::{Error, In, Out};
use super::machine;
use super::messages::{Tally, Verdict};
use super::runs::{self, Run};

/// Slots of a ring.
pub const SLOTS: usize = 1024;
/// How long the second process may take to say what it has received.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any round trip: an endpoint that spins for so long never sleeps.
const SPIN: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Spsc,
    Mpmc,
    Pipe,
    Socket,
}

impl Transport {
    pub const ALL: [Transport; 4] = [Transport::Spsc, Transport::Mpmc, Transport::Pipe, Transport::Socket];

    pub fn name(self) -> &'static str {
        match self {
            Transport::Spsc => "annulus spsc",
            Transport::Mpmc => "annulus mpmc",
            Transport::Pipe => "pipe",
            Transport::Socket => "Unix socket",
        }
    }
}

/// What the second process says when the stream has ended.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Report {
    tally: Tally,
    nanoseconds: u64,
}

/// What is known after a run.
pub struct Outcome {
    pub verdict: Verdict,
    /// Million messages a second, one way.
    pub rate: f64,
    /// Nanoseconds.
    pub round_trips: Histogram<u64>,
}

/// Runs `run` over `transport` for about `time`, with a second process on `cpu`.
pub fn measure(transport: Transport, run: Run, time: Duration, cpu: Option<usize>) -> Result<Outcome, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["second", transport.name(), run.name()]);
    command.args(cpu.map(|cpu| cpu.to_string()));
    match transport {
        Transport::Spsc => ring::<Single>(command, run, time),
        Transport::Mpmc => ring::<Multi>(command, run, time),
        Transport::Pipe => {
            let (messages, out) = pipe()?;
            let (echoes, back) = pipe()?;
            command.stdin(messages).stdout(back);
            files(command, run, time, out.into(), echoes.into())
        }
        Transport::Socket => {
            let (ours, theirs) = UnixStream::pair()?;
            let theirs = OwnedFd::from(theirs);
            command.stdin(theirs.try_clone()?).stdout(theirs);
            let ours = OwnedFd::from(ours);
            files(command, run, time, ours.try_clone()?, ours)
        }
    }
}

/// The second process.
pub fn second(arguments: &[String]) -> Result<(), Error> {
    let [transport, run, cpu @ ..] = arguments else {
        return Err("the second process is started by the first".into());
    };
    let find = || {
        let transport = Transport::ALL.into_iter().find(|t| t.name() == transport)?;
        let run = Run::ALL.into_iter().find(|r| r.name() == run)?;
        Some((transport, run))
    };
    let (transport, run) = find().ok_or("no such run")?;
    if let Some(cpu) = cpu.first() {
        machine::pin(cpu.parse()?)?;
    }
    let report = spsc::Channel::<Report>::inherited("report")?.sender()?;
    let (tally, time) = match transport {
        Transport::Spsc => follow_ring::<Single>(run)?,
        Transport::Mpmc => follow_ring::<Multi>(run)?,
        Transport::Pipe | Transport::Socket => {
            let messages = file(io::stdin().as_fd().try_clone_to_owned()?, run)?;
            let echoes = file(io::stdout().as_fd().try_clone_to_owned()?, run)?;
            runs::follow(run, messages, echoes)?
        }
    };
    let nanoseconds = time.as_nanos() as u64;
    report.send(Report { tally, nanoseconds })?;
    Ok(())
}

/// A ring there and a ring back, inherited by the second process.
fn ring<E: End>(mut command: Command, run: Run, time: Duration) -> Result<Outcome, Error> {
    let create = || {
        let builder = Channel::<u64, E, E>::builder(SLOTS);
        match run {
            Run::Stream | Run::Batches => builder,
            Run::Spinning => builder.spin_time(SPIN),
            Run::Asleep => builder.spin_time(Duration::ZERO),
        }
        .anonymous()
    };
    let (there, back) = (create()?, create()?);
    there.pass_to(&mut command, "there")?;
    back.pass_to(&mut command, "back")?;
    let (out, echoes) = (there.sender()?, back.receiver()?);
    drop((there, back));
    measured(command, run, time, out, echoes)
}

fn follow_ring<E: End>(run: Run) -> Result<(Tally, Duration), Error> {
    let messages = Channel::<u64, E, E>::inherited("there")?.receiver()?;
    let echoes = Channel::<u64, E, E>::inherited("back")?.sender()?;
    runs::follow(run, messages, echoes)
}

/// A pipe or a socket, the second process's standard input and output.
fn files(command: Command, run: Run, time: Duration, out: OwnedFd, echoes: OwnedFd) -> Result<Outcome, Error> {
    measured(command, run, time, file(out, run)?, file(echoes, run)?)
}

fn file(fd: OwnedFd, run: Run) -> Result<File, Error> {
    if run == Run::Spinning {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    }
    Ok(fd.into())
}

/// Starts the second process, sends, and hears from it what it has received.
fn measured(mut command: Command, run: Run, time: Duration, out: impl Out, echoes: impl In) -> Result<Outcome, Error> {
    let reports = spsc::Channel::<Report>::anonymous(1)?;
    reports.pass_to(&mut command, "report")?;
    let report = reports.receiver()?;
    let mut second = command.stderr(Stdio::inherit()).spawn()?;
    // What could bring further peers, by annulus or by a pipe: while we had it, the second process's death would not end
    // the stream.
    drop((command, reports));
    let sent = runs::lead(run, time, out, echoes)?;
    let Report { tally, nanoseconds } = report.recv_timeout(PATIENCE)?;
    let status = second.wait()?;
    if !status.success() {
        return Err(format!("the second process ended with {status}").into());
    }
    let mut verdict = tally.verdict(sent.messages);
    if let Some(echoes) = sent.echoes {
        verdict += echoes.verdict(sent.messages);
    }
    Ok(Outcome {
        verdict,
        rate: sent.messages as f64 * 1e3 / nanoseconds as f64,
        round_trips: sent.round_trips,
    })
}
