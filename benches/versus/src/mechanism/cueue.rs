//! cueue: a ring of bytes, mapped twice in a row so that no chunk wraps, one sender and one receiver.

use cueue::{Reader, Writer};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Cueue;

impl Mechanism for Cueue {
    const NAME: &'static str = "cueue";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "elements of a type, here bytes",
        persistence: "none; or a file",
        relation: "inherited, or a file",
        death: "nothing is torn; the other waits for ever",
    };
    type Link<M: Message> = Ends<Writer<u8>, Reader<u8>>;
}

/// The memory is mapped when the link is opened; a worker inherits it, and takes one of the two ends.
impl<M: Message> Link<M> for Ends<Writer<u8>, Reader<u8>> {
    type Tx = Writer<u8>;
    type Rx = Reader<u8>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = cueue::cueue(shape.slots * size_of::<M>())?;
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Tx<M> for Writer<u8> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spin(|| {
            let chunk = self.write_chunk().get_mut(..size_of::<M>())?;
            chunk.copy_from_slice(bytemuck::bytes_of(message));
            Some(())
        });
        self.commit(size_of::<M>());
        Ok(())
    }
}

impl<M: Message> Rx<M> for Reader<u8> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        spin(|| {
            let chunk = self.limited_read_chunk(size_of::<M>() as u64);
            let whole = chunk.len() == size_of::<M>();
            whole.then(|| bytemuck::bytes_of_mut(into).copy_from_slice(chunk))
        });
        self.commit();
        Ok(())
    }
}
