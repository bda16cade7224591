//! Ours, between processes, in a stream of words: as with shmem-ipc, a message is so many elements, copied in and copied out.

use std::time::Duration;

use annulus::stream::{Channel, DEFAULT_BYTES, Reader, Writer};

use crate::ask::Wait;
use crate::message::Message;

use super::annulus::FOR_EVER;
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Stream;

impl Mechanism for Stream {
    const NAME: &'static str = "annulus stream";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin, Wait::Sleep];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "elements of a type, here words",
        persistence: "none; or until a name is removed",
        relation: "inherited, passed over a socket, or by name",
        death: "repaired: nothing lost, nobody waits",
    };
    type Link<M: Message> = Elements;
}

#[derive(Debug)]
pub struct Elements(Channel<u64>);

impl<M: Message> Link<M> for Elements {
    type Tx = Writer<u64>;
    type Rx = Reader<u64>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        // As many messages as were asked for, but no more bytes than are good for it; two messages at least.
        let most = (DEFAULT_BYTES / size_of::<u64>()).max(2 * M::WORDS);
        let builder = Channel::builder((shape.slots * M::WORDS).min(most));
        let builder = match shape.wait {
            Wait::Adaptive => builder,
            Wait::Spin => builder.spin_time(FOR_EVER),
            Wait::Sleep => builder.spin_time(Duration::ZERO),
        };
        builder.anonymous().map(Elements).map_err(Skip::because)
    }

    fn tx(&self) -> Result<Writer<u64>, Skip> {
        self.0.writer().map_err(Skip::because)
    }

    fn rx(&self) -> Result<Reader<u64>, Skip> {
        self.0.reader().map_err(Skip::because)
    }
}

impl<M: Message> Tx<M> for Writer<u64> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        let mut chunk = self.write_chunk(M::WORDS).map_err(Skip::because)?;
        chunk.copy_from_slice(message.words());
        chunk.commit_all();
        Ok(())
    }
}

impl<M: Message> Rx<M> for Reader<u64> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let chunk = self.read_chunk(M::WORDS).map_err(Skip::because)?;
        into.words_mut().copy_from_slice(&chunk);
        chunk.consume_all();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::carries;
    use super::*;

    #[test]
    fn streams_carry_small_messages_and_large_ones() {
        carries::<Stream, [u64; 1]>("stream-small");
        carries::<Stream, [u64; 131_072]>("stream-large");
    }
}
