//! What takes the place of a pipe between two programs?
//!
//! A stream of bytes, which both sides use as they would use the pipe: `io::copy` here, `io::copy` there. This starts itself
//! again as a child that writes a file to the stream; the parent reads it and holds it against the file. Then the same by way of
//! a pipe, as the child's standard output, for comparison.
//!
//! ```text
//! cargo run --release --example pipe
//! cargo run --release --example pipe -- MEGABYTES
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::io::{self, BufReader, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use annulus::stream::{Channel, DEFAULT_BYTES};

type Error = Box<dyn std::error::Error>;

const MEGABYTES: u64 = 256;

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => parent(MEGABYTES),
        ["child", "stream", megabytes] => to_the_stream(megabytes.parse()?).map(|()| ExitCode::SUCCESS),
        ["child", "pipe", megabytes] => to_the_pipe(megabytes.parse()?).map(|()| ExitCode::SUCCESS),
        [megabytes] => parent(megabytes.parse()?),
        _ => Err("usage: pipe [MEGABYTES]".into()),
    }
}

/// What goes through: so many million bytes that can be told from one another.
struct Numbers {
    next: u64,
    end: u64,
}

impl Numbers {
    fn of(megabytes: u64) -> Numbers {
        let end = megabytes * 1_000_000 / 8;
        Numbers { next: 0, end }
    }
}

impl Read for Numbers {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        for word in bytes.as_chunks_mut().0 {
            if self.next == self.end {
                break;
            }
            *word = self.next.to_le_bytes();
            self.next += 1;
            filled += word.len();
        }
        Ok(filled)
    }
}

/// Where it goes: whether it is what should have come.
struct Check {
    expected: BufReader<Numbers>,
    bytes: u64,
}

impl Write for Check {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut expected = vec![0; bytes.len()];
        self.expected.read_exact(&mut expected)?;
        if expected != bytes {
            return Err(io::Error::other(format!("other bytes after {}", self.bytes)));
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn parent(megabytes: u64) -> Result<ExitCode, Error> {
    let by_stream = run(megabytes, "stream", |command| {
        let stream = Channel::<u8>::anonymous(DEFAULT_BYTES)?;
        stream.pass_to(command, "output")?;
        let rx = stream.reader()?;
        Ok(move |_child: &mut std::process::Child| Box::new(rx) as Box<dyn Read>)
    })?;
    let by_pipe = run(megabytes, "pipe", |command| {
        command.stdout(Stdio::piped());
        Ok(|child: &mut std::process::Child| Box::new(child.stdout.take().expect("piped")) as Box<dyn Read>)
    })?;
    println!(
        "{megabytes} MB: by a stream {by_stream:.1?}, by a pipe {by_pipe:.1?}, both with the time that it takes to make and \
         check them"
    );
    Ok(ExitCode::SUCCESS)
}

/// Starts a child, reads all that it writes, and sees that it is all of it.
fn run<Open>(
    megabytes: u64,
    how: &str,
    prepare: impl FnOnce(&mut Command) -> Result<Open, Error>,
) -> Result<Duration, Error>
where
    Open: FnOnce(&mut std::process::Child) -> Box<dyn Read>,
{
    let mut command = Command::new(env::current_exe()?);
    command.args(["child", how, &megabytes.to_string()]);
    let open = prepare(&mut command)?;
    let started = Instant::now();
    let mut child = command.spawn()?;
    // A first writer could still come from it.
    drop(command);
    let mut input = open(&mut child);
    let mut check = Check {
        expected: BufReader::with_capacity(1 << 16, Numbers::of(megabytes)),
        bytes: 0,
    };
    // The end of the stream is that of a pipe: the child has gone, and everything is read.
    let copied = io::copy(&mut input, &mut check)?;
    let took = started.elapsed();
    let status = child.wait()?;
    if copied != megabytes * 1_000_000 || !status.success() {
        return Err(format!("{copied} bytes came by the {how}, and the child ended with {status}").into());
    }
    Ok(took)
}

fn to_the_stream(megabytes: u64) -> Result<(), Error> {
    let mut tx = Channel::<u8>::inherited("output")?.writer()?;
    io::copy(&mut Numbers::of(megabytes), &mut tx)?;
    Ok(())
}

fn to_the_pipe(megabytes: u64) -> Result<(), Error> {
    io::copy(&mut Numbers::of(megabytes), &mut io::stdout().lock())?;
    Ok(())
}
