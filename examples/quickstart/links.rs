//! How does a message travel? By a ring, or by the read and write of a pipe or a socket.

use std::fs::File;
use std::hint::spin_loop;
use std::io::{self, ErrorKind, Read, Write};

use annulus::bytemuck::{bytes_of, bytes_of_mut, cast_slice, cast_slice_mut};
use annulus::{End, Receiver, Sender};

pub type Error = Box<dyn std::error::Error>;

const WORD: usize = size_of::<u64>();

/// The end that messages go into.
pub trait Out {
    fn send(&mut self, message: u64) -> Result<(), Error>;
    fn send_many(&mut self, messages: &[u64]) -> Result<(), Error>;
}

/// The end that messages come from.
pub trait In {
    /// The next message; `None` at the end of the stream.
    fn recv(&mut self) -> Result<Option<u64>, Error>;

    /// At least one message, and more if there are more; 0 at the end of the stream.
    fn recv_many(&mut self, messages: &mut [u64]) -> Result<usize, Error>;
}

impl<E: End> Out for Sender<u64, E> {
    #[inline]
    fn send(&mut self, message: u64) -> Result<(), Error> {
        Ok(Sender::send(self, message)?)
    }

    fn send_many(&mut self, messages: &[u64]) -> Result<(), Error> {
        Ok(Sender::send_many(self, messages)?)
    }
}

impl<E: End> In for Receiver<u64, E> {
    #[inline]
    fn recv(&mut self) -> Result<Option<u64>, Error> {
        match Receiver::recv(self) {
            Ok(message) => Ok(Some(message)),
            Err(annulus::RecvError::Disconnected) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn recv_many(&mut self, messages: &mut [u64]) -> Result<usize, Error> {
        match Receiver::recv_many(self, messages) {
            Err(annulus::RecvError::Disconnected) => Ok(0),
            received => Ok(received?),
        }
    }
}

// A pipe or a Unix socket, both as files. If it is non-blocking, this spins.

impl Out for File {
    fn send(&mut self, message: u64) -> Result<(), Error> {
        write_all(self, bytes_of(&message))
    }

    fn send_many(&mut self, messages: &[u64]) -> Result<(), Error> {
        write_all(self, cast_slice(messages))
    }
}

impl In for File {
    fn recv(&mut self) -> Result<Option<u64>, Error> {
        let mut message = 0;
        let count = read_words(self, bytes_of_mut(&mut message))?;
        Ok((count == 1).then_some(message))
    }

    fn recv_many(&mut self, messages: &mut [u64]) -> Result<usize, Error> {
        read_words(self, cast_slice_mut(messages))
    }
}

fn write_all(file: &mut File, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        let written = spinning(|| file.write(bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Reads whole messages: at least one, unless the stream ends.
fn read_words(file: &mut File, bytes: &mut [u8]) -> Result<usize, Error> {
    let mut count = spinning(|| file.read(bytes))?;
    while !count.is_multiple_of(WORD) {
        match spinning(|| file.read(&mut bytes[count..count.next_multiple_of(WORD)]))? {
            0 => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            more => count += more,
        }
    }
    Ok(count / WORD)
}

fn spinning<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => spin_loop(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
