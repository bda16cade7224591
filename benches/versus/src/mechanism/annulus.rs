//! Ours, between processes.

use std::slice;
use std::time::Duration;

use annulus::{Channel, End, Multi, Receiver, Sender, Single};

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// What they all are.
const ABOUT: About = About {
    framing: "messages, one size",
    persistence: "none; or until a name is removed",
    relation: "inherited, passed over a socket, or by name",
    death: "repaired: nothing lost, nobody hangs",
};

/// Longer than any run.
pub const FOR_EVER: Duration = Duration::from_secs(3600);
/// From here on a message goes by reference, which spares it the way through the stack: see the docs of `send`.
const LARGE: usize = 256;
/// What a ring takes at most.
pub const MOST: usize = 64 << 10;
const WAITS: &[Wait] = &[Wait::Adaptive, Wait::Spin, Wait::Sleep];

macro_rules! kinds {
    ($($kind:ident $name:literal: $senders:ident $s:ident, $receivers:ident $r:ident;)*) => {$(
        #[derive(Debug)]
        pub struct $kind;

        impl Mechanism for $kind {
            const NAME: &'static str = $name;
            const REACH: Reach = Reach::Processes;
            const SENDERS: Many = Many::$senders;
            const RECEIVERS: Many = Many::$receivers;
            const WAITS: &'static [Wait] = WAITS;
            const MOST: usize = MOST;
            const ABOUT: About = ABOUT;
            type Link<M: Message> = Ring<M, $s, $r>;
        }
    )*};
}

kinds! {
    Spsc "annulus spsc": One Single, One Single;
    Mpsc "annulus mpsc": Any Multi, One Single;
    Spmc "annulus spmc": One Single, Any Multi;
    Mpmc "annulus mpmc": Any Multi, Any Multi;
}

/// A ring with ends of these kinds.
#[derive(Debug)]
pub struct Ring<M, S: End, R: End>(Channel<M, S, R>);

impl<M: Message, S: End, R: End> Link<M> for Ring<M, S, R>
where
    Channel<M, S, R>: Sync,
{
    type Tx = Sender<M, S>;
    type Rx = Receiver<M, R>;

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
        if size_of::<M>() < LARGE {
            Sender::send(self, *message).map_err(Skip::because)
        } else {
            self.send_many(slice::from_ref(message)).map_err(Skip::because)
        }
    }
}

impl<M: Message, E: End> Rx<M> for Receiver<M, E> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        if size_of::<M>() < LARGE {
            // Not by `map_err`: that would put the message into another result.
            match Receiver::recv(self) {
                Ok(message) => *into = message,
                Err(error) => return Err(Skip::because(error)),
            }
        } else {
            self.recv_many(slice::from_mut(into)).map_err(Skip::because)?;
        }
        Ok(())
    }
}
