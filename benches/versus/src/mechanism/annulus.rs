//! Ours, between processes.

use std::time::Duration;

use annulus::{Channel, End, Multi, Receiver, Sender, Single};

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

const ABOUT: About = About {
    framing: "messages, one size",
    persistence: "none; or until a name is removed",
    relation: "inherited, passed over a socket, or by name",
    death: "repaired: nothing lost, nobody hangs",
};

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// What a ring takes at most.
const MOST: usize = 64 << 10;
const WAITS: &[Wait] = &[Wait::Adaptive, Wait::Spin, Wait::Sleep];

/// One sender, one receiver.
#[derive(Debug)]
pub struct Spsc;

/// Several of both.
#[derive(Debug)]
pub struct Mpmc;

impl Mechanism for Spsc {
    const NAME: &'static str = "annulus spsc";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = WAITS;
    const MOST: usize = MOST;
    const ABOUT: About = ABOUT;
    type Link<M: Message> = Ring<M, Single>;
}

impl Mechanism for Mpmc {
    const NAME: &'static str = "annulus mpmc";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = WAITS;
    const MOST: usize = MOST;
    const ABOUT: About = ABOUT;
    type Link<M: Message> = Ring<M, Multi>;
}

/// A ring with both ends of a kind.
#[derive(Debug)]
pub struct Ring<M, E: End>(Channel<M, E, E>);

impl<M: Message, E: End> Link<M> for Ring<M, E>
where
    Channel<M, E, E>: Sync,
{
    type Tx = Sender<M, E>;
    type Rx = Receiver<M, E>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let builder = Channel::builder(shape.slots);
        let builder = match shape.wait {
            Wait::Adaptive => builder,
            Wait::Spin => builder.spin_time(FOR_EVER),
            Wait::Sleep => builder.spin_time(Duration::ZERO),
        };
        builder.anonymous().map(Ring).map_err(Skip::because)
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.0.sender().map_err(Skip::because)
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.0.receiver().map_err(Skip::because)
    }
}

impl<M: Message, E: End> Tx<M> for Sender<M, E> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        Sender::send(self, *message).map_err(Skip::because)
    }
}

impl<M: Message, E: End> Rx<M> for Receiver<M, E> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = Receiver::recv(self).map_err(Skip::because)?;
        Ok(())
    }
}
