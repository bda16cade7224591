//! How does the array go through a pipe, or a socket?

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use annulus::bytemuck;

use super::{Error, Measured, ROUNDS, arrays, median};

/// What the reader says when it has read an array.
const READ: [u8; 1] = [1];

/// The loader, by a socket that is the reader's standard input and output.
pub fn load_by_socket(mut reader: Command, items: usize) -> Result<Measured, Error> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    reader.stdin(theirs.try_clone()?).stdout(theirs);
    let ours = OwnedFd::from(ours);
    load(reader, File::from(ours.try_clone()?), File::from(ours), items)
}

/// The loader, by a pipe there and one for the answers.
pub fn load_by_pipe(mut reader: Command, items: usize) -> Result<Measured, Error> {
    let (arrays, out) = io::pipe()?;
    let (answers, back) = io::pipe()?;
    reader.stdin(arrays).stdout(back);
    load(
        reader,
        File::from(OwnedFd::from(out)),
        File::from(OwnedFd::from(answers)),
        items,
    )
}

fn load(mut reader: Command, mut out: File, mut answers: File, items: usize) -> Result<Measured, Error> {
    let mut child = reader.stderr(Stdio::inherit()).spawn()?;
    drop(reader); // Its copies of the descriptors: a reader that dies is an end of file.
    let mut array = vec![0.0; items];
    let mut totals: Vec<Duration> = Vec::new();
    for round in 0..ROUNDS {
        let began = Instant::now();
        arrays::fill(&mut array, round);
        out.write_all(bytemuck::cast_slice(&array))?;
        let mut answer = [0];
        answers.read_exact(&mut answer)?;
        totals.push(began.elapsed());
        assert_eq!(answer, READ);
    }
    drop((out, answers));
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("the reader ended with {status}").into());
    }
    Ok(Measured {
        total: median(totals),
        hand_over: None,
    })
}

/// The reader.
pub fn read(items: usize) -> Result<(), Error> {
    let mut arrays = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut answers = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut array = vec![0.0; items];
    for round in 0..ROUNDS {
        arrays.read_exact(bytemuck::cast_slice_mut(&mut array))?;
        arrays::check(&array, round);
        answers.write_all(&READ)?;
    }
    Ok(())
}
