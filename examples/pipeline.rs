//! How does a stream go through several programs, and how does its end?
//!
//! Three stages with a ring between each two: a source of sound frames, a transform that measures each and drops the quiet
//! ones, and a sink that adds up. A stage makes the channel that it reads, and opens the one that it writes, so the three
//! may be started in any order. Without arguments this starts them all.
//!
//! ```text
//! cargo run --release --example pipeline
//! cargo run --release --example pipeline -- sink NAME         (in one terminal)
//! cargo run --release --example pipeline -- transform NAME    (in another)
//! cargo run --release --example pipeline -- source NAME       (in a third, all within 20 s)
//! ```
//!
//! # The end
//! The source returns: its sender is dropped, the transform drains the ring, gets `Disconnected` and returns; then the
//! sink does. A stage that is killed ends the stream all the same, so `Disconnected` does not say that everything was
//! sent. Here both readers know how much there is to come. Where they do not, let the last message say that it is the last.
//!
//! The other way, too: without the sink the transform's `send` is `Disconnected`, and then the source's.

#![forbid(unsafe_code)]

use std::env;
use std::iter;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use annulus::RecvTimeoutError;
use annulus::bytemuck::{Pod, Zeroable};
use annulus::spsc::{Channel, Receiver};

type Error = Box<dyn std::error::Error>;

const FRAMES: u64 = 500_000;
const SAMPLES: usize = 124;
/// Frames without a sample beyond this are quiet.
const QUIET: u16 = 1000;
/// Messages that each ring holds.
const CAPACITY: usize = 1024;
/// How long a stage waits for its neighbours to be started.
const PATIENCE: Duration = Duration::from_secs(20);

/// From the source to the transform.
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Frame {
    number: u64,
    samples: [i16; SAMPLES],
}

/// From the transform to the sink.
#[derive(Clone, Copy, PartialEq, Debug, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
struct Level {
    number: u64,
    /// The sum of the samples' squares.
    energy: u64,
}

impl Frame {
    /// Noise, at one of eight volumes: whoever knows the number can tell what must be in the frame.
    fn of(number: u64) -> Frame {
        let volume = number % 8;
        let mut noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let samples = std::array::from_fn(|_| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            (noise as i16) >> volume
        });
        Frame { number, samples }
    }

    fn level(&self) -> Option<Level> {
        let loud = self.samples.iter().any(|sample| sample.unsigned_abs() > QUIET);
        let square = |&sample: &i16| u64::from(sample.unsigned_abs()).pow(2);
        loud.then(|| Level {
            number: self.number,
            energy: self.samples.iter().map(square).sum(),
        })
    }
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => return all(),
        ["source", name] => source(name)?,
        ["transform", name] => transform(name)?,
        ["sink", name] => sink(name)?,
        _ => return Err("usage: pipeline [source NAME | transform NAME | sink NAME]".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn frames(name: &str) -> String {
    format!("{name}.frames")
}

fn levels(name: &str) -> String {
    format!("{name}.levels")
}

fn source(name: &str) -> Result<(), Error> {
    let tx = Channel::open_timeout(&frames(name), PATIENCE)?.sender()?;
    let begun = Instant::now();
    for number in 0..FRAMES {
        tx.send(Frame::of(number))?;
    }
    report::<Frame>("source", "sent", FRAMES, begun);
    Ok(())
}

fn transform(name: &str) -> Result<(), Error> {
    let rx = Channel::<Frame>::create(&frames(name), CAPACITY)?.receiver()?;
    let tx = Channel::open_timeout(&levels(name), PATIENCE)?.sender()?;
    let stream = stream(&rx)?;
    let begun = Instant::now();
    let mut count = 0;
    for frame in stream {
        if frame.number != count {
            return Err(format!("received frame {} instead of {count}", frame.number).into());
        }
        count += 1;
        if let Some(level) = frame.level() {
            tx.send(level)?;
        }
    }
    report::<Frame>("transform", "received", count, begun);
    if count != FRAMES {
        return Err(format!("the source has gone after {count} of {FRAMES} frames").into());
    }
    Ok(())
}

fn sink(name: &str) -> Result<(), Error> {
    let rx = Channel::<Level>::create(&levels(name), CAPACITY)?.receiver()?;
    let stream = stream(&rx)?;
    let begun = Instant::now();
    let mut expected = (0..FRAMES).filter_map(|number| Frame::of(number).level());
    let (mut count, mut energy) = (0, 0);
    for level in stream {
        let must_be = expected.next();
        if must_be != Some(level) {
            return Err(format!("received {level:?} instead of {must_be:?}").into());
        }
        count += 1;
        energy += level.energy;
    }
    report::<Level>("sink", "received", count, begun);
    if let Some(level) = expected.next() {
        return Err(format!("the transform has gone before {level:?}").into());
    }
    let mean = (energy as f64 / (count as f64 * SAMPLES as f64)).sqrt();
    println!("sink: {count} of {FRAMES} frames were loud, {mean:.0} on average; each level is as it must be");
    Ok(())
}

/// The messages until the end of the stream. The first is waited for with a timeout: the name might bring a sender at any
/// time, or never. Those after it are not: a sender has come, and should it die, the kernel tells.
fn stream<T: Pod>(rx: &Receiver<T>) -> Result<impl Iterator<Item = T>, RecvTimeoutError> {
    Ok(iter::once(rx.recv_timeout(PATIENCE)?).chain(rx))
}

fn report<T>(stage: &str, did: &str, messages: u64, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let rate = messages as f64 / seconds / 1e6;
    let bytes = size_of::<T>();
    println!(
        "{stage}: {did} {messages} messages of {bytes} bytes in {seconds:.2} s: {rate:.2} million/s, {:.0} MB/s",
        rate * bytes as f64
    );
}

fn all() -> Result<ExitCode, Error> {
    let name = format!("example-pipeline-{}", std::process::id());
    let start =
        |stage: &str| -> Result<Child, Error> { Ok(Command::new(env::current_exe()?).args([stage, &name]).spawn()?) };
    let mut good = true;
    for mut stage in [start("source")?, start("transform")?, start("sink")?] {
        good &= stage.wait()?.success();
    }
    let ours = [frames(&name), levels(&name)];
    for channel in annulus::list()?.iter().filter(|channel| ours.contains(&channel.name)) {
        println!("the name {:?} is left", channel.name);
        good = false;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
