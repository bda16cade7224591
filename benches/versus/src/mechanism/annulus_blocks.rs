//! Ours, between processes, in blocks: as with iceoryx2, a message is copied into its block and out of it, since the questions
//! are about messages that are somewhere else before and after.

use std::time::Duration;

use annulus::blocks::{Channel, Receiver, Sender};

use crate::ask::Wait;
use crate::message::Message;

use super::annulus::FOR_EVER;
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Blocks;

impl Mechanism for Blocks {
    const NAME: &'static str = "annulus blocks";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin, Wait::Sleep];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, slices of one type",
        persistence: "none; or until a name is removed",
        relation: "inherited, passed over a socket, or by name",
        death: "repaired: nothing lost, nobody waits",
    };
    type Link<M: Message> = Pool;
}

#[derive(Debug)]
pub struct Pool(Channel<[u64]>);

impl<M: Message> Link<M> for Pool {
    type Tx = Sender<[u64]>;
    type Rx = Receiver<[u64]>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let builder = Channel::builder(shape.slots, M::WORDS);
        let builder = match shape.wait {
            Wait::Adaptive => builder,
            Wait::Spin => builder.spin_time(FOR_EVER),
            Wait::Sleep => builder.spin_time(Duration::ZERO),
        };
        builder.anonymous().map(Pool).map_err(Skip::because)
    }

    fn tx(&self) -> Result<Sender<[u64]>, Skip> {
        self.0.sender().map_err(Skip::because)
    }

    fn rx(&self) -> Result<Receiver<[u64]>, Skip> {
        self.0.receiver().map_err(Skip::because)
    }
}

impl<M: Message> Tx<M> for Sender<[u64]> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        self.send_slice(message.words()).map_err(Skip::because)
    }
}

impl<M: Message> Rx<M> for Receiver<[u64]> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let block = Receiver::recv(self).map_err(Skip::because)?;
        into.words_mut().copy_from_slice(&block);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::carries;
    use super::*;

    #[test]
    fn blocks_carry_small_messages_and_large_ones() {
        carries::<Blocks, [u64; 1]>("blocks-small");
        carries::<Blocks, [u64; 131_072]>("blocks-large");
    }
}
