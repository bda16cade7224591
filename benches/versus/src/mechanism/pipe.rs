//! pipe(2): bytes, of which the ends make messages.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
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
        whole::<M>(shape)?;
        let (reading, writing) = pipe2(nonblocking(shape) | OFlag::O_CLOEXEC)?;
        Ok(Pipe { reading, writing })
    }

    fn tx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.writing)
    }

    fn rx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.reading)
    }
}

/// Refuses what several ends would mix: a write of up to PIPE_BUF bytes is of one piece, and so is a read of them.
pub fn whole<M: Message>(shape: &Shape) -> Result<(), Skip> {
    if shape.senders + shape.receivers > 2 && size_of::<M>() > nix::libc::PIPE_BUF {
        return Err(Skip::because("several ends mix larger messages"));
    }
    Ok(())
}

/// Who spins must not sleep in the kernel.
pub fn nonblocking(shape: &Shape) -> OFlag {
    match shape.wait {
        Wait::Spin => OFlag::O_NONBLOCK,
        Wait::Adaptive | Wait::Sleep => OFlag::empty(),
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

    /// Over a file that a worker has opened itself.
    pub fn over(file: File) -> Bytes {
        Bytes(file)
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

#[cfg(test)]
mod tests {
    use super::super::carries::{carries, shape};
    use super::*;

    #[test]
    fn it_carries_messages_of_any_size() {
        carries::<Pipe, [u64; 1]>("pipe");
        carries::<Pipe, [u64; 131_072]>("pipe");
    }

    #[test]
    fn several_ends_do_not_share_what_would_mix() {
        let shape = Shape {
            receivers: 2,
            ..shape(Wait::Sleep, "several")
        };
        assert!(<Pipe as Link<[u64; 512]>>::open(&shape).is_ok());
        assert!(<Pipe as Link<[u64; 8192]>>::open(&shape).is_err());
    }
}
