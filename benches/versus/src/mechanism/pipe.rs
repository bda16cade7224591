//! pipe(2): bytes, of which the ends make messages.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// An anonymous pipe of the size that the kernel gives it.
#[derive(Debug)]
pub struct Pipe {
    reading: OwnedFd,
    writing: OwnedFd,
}

impl Mechanism for Pipe {
    const NAME: &'static str = "pipe";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "bytes",
        persistence: "none",
        relation: "inherited, or passed over a socket",
        death: "harmless; a message may be cut short",
    };
    type Link<M: Message> = Pipe;
}

impl<M: Message> Link<M> for Pipe {
    type Tx = Bytes;
    type Rx = Bytes;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        // A write of up to PIPE_BUF bytes is of one piece, and so is a read of them.
        if shape.senders + shape.receivers > 2 && size_of::<M>() > nix::libc::PIPE_BUF {
            return Err(Skip::because("several ends mix larger messages"));
        }
        let flags = match shape.wait {
            Wait::Spin => OFlag::O_NONBLOCK,
            _ => OFlag::empty(),
        };
        let (reading, writing) = pipe2(flags | OFlag::O_CLOEXEC)?;
        Ok(Pipe { reading, writing })
    }

    fn tx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.writing)
    }

    fn rx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.reading)
    }
}

/// An end of something that carries bytes: each message is written, and read, to its last byte.
#[derive(Debug)]
pub struct Bytes(File);

impl Bytes {
    /// An end of its own for a worker, which keeps the flags of `fd`.
    pub fn of(fd: &OwnedFd) -> Result<Bytes, Skip> {
        Ok(Bytes(File::from(fd.try_clone()?)))
    }

    /// Whether it blocks.
    pub fn set_blocking(fd: impl AsFd, blocking: bool) -> Result<(), Skip> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        let flags = if blocking {
            flags - OFlag::O_NONBLOCK
        } else {
            flags | OFlag::O_NONBLOCK
        };
        fcntl(&fd, FcntlArg::F_SETFL(flags))?;
        Ok(())
    }
}

impl<M: Message> Tx<M> for Bytes {
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        let mut left = bytemuck::bytes_of(message);
        while !left.is_empty() {
            match self.0.write(left) {
                Ok(count) => left = &left[count..],
                Err(why) if why.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why.into()),
            }
        }
        Ok(())
    }
}

impl<M: Message> Rx<M> for Bytes {
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let mut left = bytemuck::bytes_of_mut(into);
        while !left.is_empty() {
            match self.0.read(left) {
                Ok(0) => return Err(Skip::because("the other end is gone")),
                Ok(count) => left = &mut left[count..],
                Err(why) if why.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why.into()),
            }
        }
        Ok(())
    }
}
