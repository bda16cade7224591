//! TCP over the loopback device, as services of one machine talk to each other.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use crate::ask::Wait;
use crate::message::Message;

use super::pipe::Bytes;
use super::{About, Link, Many, Mechanism, Reach, Shape, Skip};

/// One connection, without Nagle's algorithm.
#[derive(Debug)]
pub struct Tcp {
    sending: OwnedFd,
    receiving: OwnedFd,
}

impl Mechanism for Tcp {
    const NAME: &'static str = "tcp loopback";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "bytes",
        persistence: "none",
        relation: "by address, on other machines too",
        death: "harmless and told; a message may be cut short",
    };
    type Link<M: Message> = Tcp;
}

impl<M: Message> Link<M> for Tcp {
    type Tx = Bytes;
    type Rx = Bytes;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // The kernel completes it: the listener's backlog holds the other end until it is accepted.
        let sending = TcpStream::connect(listener.local_addr()?)?;
        let (receiving, from) = listener.accept()?;
        if from != sending.local_addr()? {
            return Err(Skip::because("somebody else has connected"));
        }
        for end in [&sending, &receiving] {
            end.set_nodelay(true)?;
            end.set_nonblocking(shape.wait == Wait::Spin)?;
        }
        Ok(Tcp {
            sending: sending.into(),
            receiving: receiving.into(),
        })
    }

    fn tx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.sending)
    }

    fn rx(&self) -> Result<Bytes, Skip> {
        Bytes::of(&self.receiving)
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::carries;
    use super::*;

    #[test]
    fn it_carries_messages_of_any_size() {
        carries::<Tcp, [u64; 1]>("tcp");
        carries::<Tcp, [u64; 131_072]>("tcp");
    }
}
