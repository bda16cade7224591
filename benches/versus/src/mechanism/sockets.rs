//! socketpair(2) in the Unix domain: a stream of bytes, and two kinds of packets.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, setsockopt, socketpair, sockopt};

use crate::ask::Wait;
use crate::message::Message;

use super::pipe::Bytes;
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// A Unix stream: bytes, of which the ends make messages.
#[derive(Debug)]
pub struct Stream(Pair);

/// Unix packets of the connected kind: in order, and the end is told.
#[derive(Debug)]
pub struct SeqPacket(Pair);

/// Unix datagrams.
#[derive(Debug)]
pub struct Datagram(Pair);

const WAITS: &[Wait] = &[Wait::Sleep, Wait::Spin];
const RELATION: &str = "inherited, passed over a socket, or by a socket's name";

impl Mechanism for Stream {
    const NAME: &'static str = "unix stream";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = WAITS;
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "bytes",
        persistence: "none",
        relation: RELATION,
        death: "harmless and told; a message may be cut short",
    };
    type Link<M: Message> = Stream;
}

impl Mechanism for SeqPacket {
    const NAME: &'static str = "unix seqpacket";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = WAITS;
    // The send buffer bounds it: see `roomy`.
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, any size up to the send buffer",
        persistence: "none",
        relation: RELATION,
        death: "harmless and told",
    };
    type Link<M: Message> = SeqPacket;
}

impl Mechanism for Datagram {
    const NAME: &'static str = "unix datagram";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = WAITS;
    // The send buffer bounds it: see `roomy`.
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, any size up to the send buffer",
        persistence: "none",
        relation: RELATION,
        death: "harmless; a receiver does not learn of it",
    };
    type Link<M: Message> = Datagram;
}

/// Two sockets, connected: what one sends the other receives.
#[derive(Debug)]
struct Pair {
    sending: OwnedFd,
    receiving: OwnedFd,
}

impl Pair {
    fn open(kind: SockType, shape: &Shape) -> Result<Pair, Skip> {
        let flags = match shape.wait {
            Wait::Spin => SockFlag::SOCK_NONBLOCK,
            Wait::Adaptive | Wait::Sleep => SockFlag::empty(),
        };
        let (sending, receiving) = socketpair(AddressFamily::Unix, kind, None, flags | SockFlag::SOCK_CLOEXEC)?;
        Ok(Pair { sending, receiving })
    }

    /// With room for two packets of `size` bytes, where the send buffer that one gets has less: the receiver then copies one
    /// while the sender copies the next.
    fn roomy(self, size: usize) -> Result<Pair, Skip> {
        // What the kernel keeps of the buffer for itself.
        const KEPT: usize = 32;
        let room = || getsockopt(&self.sending, sockopt::SndBuf);
        if room()? < 2 * size {
            // The kernel doubles it, up to twice net.core.wmem_max.
            setsockopt(&self.sending, sockopt::SndBuf, &(2 * size))?;
        }
        match room()? {
            room if room < size + KEPT => Err(Skip(format!(
                "messages of at most {} bytes: net.core.wmem_max",
                room - KEPT
            ))),
            _ => Ok(self),
        }
    }
}

impl<M: Message> Link<M> for Stream {
    type Tx = Bytes;
    type Rx = Bytes;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Pair::open(SockType::Stream, shape).map(Stream)
    }

    fn tx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.0.sending)
    }

    fn rx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.0.receiving)
    }
}

impl<M: Message> Link<M> for SeqPacket {
    type Tx = Packets;
    type Rx = Packets;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Pair::open(SockType::SeqPacket, shape)?
            .roomy(size_of::<M>())
            .map(SeqPacket)
    }

    fn tx(&self) -> Result<Packets, Skip> {
        Packets::of(&self.0.sending)
    }

    fn rx(&self) -> Result<Packets, Skip> {
        Packets::of(&self.0.receiving)
    }
}

impl<M: Message> Link<M> for Datagram {
    type Tx = Packets;
    type Rx = Packets;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Pair::open(SockType::Datagram, shape)?
            .roomy(size_of::<M>())
            .map(Datagram)
    }

    fn tx(&self) -> Result<Packets, Skip> {
        Packets::of(&self.0.sending)
    }

    fn rx(&self) -> Result<Packets, Skip> {
        Packets::of(&self.0.receiving)
    }
}

/// An end of something that carries messages, each by one call.
#[derive(Debug)]
pub struct Packets(File);

impl Packets {
    fn of(fd: &OwnedFd) -> Result<Packets, Skip> {
        Ok(Packets(File::from(fd.try_clone()?)))
    }
}

impl<M: Message> Tx<M> for Packets {
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        loop {
            match self.0.write(bytemuck::bytes_of(message)) {
                Ok(count) if count == size_of::<M>() => return Ok(()),
                Ok(count) => return Err(Skip(format!("{count} bytes of a message went"))),
                Err(why) if why.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

impl<M: Message> Rx<M> for Packets {
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        loop {
            match self.0.read(bytemuck::bytes_of_mut(into)) {
                Ok(count) if count == size_of::<M>() => return Ok(()),
                Ok(0) => return Err(Skip::because("the other end is gone")),
                Ok(count) => return Err(Skip(format!("{count} bytes of a message came"))),
                Err(why) if why.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::carries;
    use super::*;

    #[test]
    fn a_stream_carries_messages_of_any_size() {
        carries::<Stream, [u64; 1]>("stream");
        carries::<Stream, [u64; 131_072]>("stream");
    }

    #[test]
    fn packets_carry_messages_up_to_64_kib() {
        carries::<SeqPacket, [u64; 1]>("seqpacket");
        carries::<SeqPacket, [u64; 8192]>("seqpacket");
        carries::<Datagram, [u64; 1]>("datagram");
        carries::<Datagram, [u64; 8192]>("datagram");
    }

    #[test]
    fn who_wants_larger_packets_than_the_machine_gives_is_told() {
        let (sending, receiving) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap();
        let refused = Pair { sending, receiving }.roomy(1 << 30).expect_err("a gibibyte");
        assert!(refused.to_string().contains("wmem_max"));
    }
}
