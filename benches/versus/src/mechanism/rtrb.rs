//! rtrb: a ring of cached indices, one sender and one receiver.

use rtrb::{Consumer, Producer, RingBuffer};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Rtrb;

impl Mechanism for Rtrb {
    const NAME: &'static str = "rtrb";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<Producer<M>, Consumer<M>>;
}

impl<M: Message> Link<M> for Ends<Producer<M>, Consumer<M>> {
    type Tx = Producer<M>;
    type Rx = Consumer<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = RingBuffer::new(shape.slots);
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Producer<M>, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Consumer<M>, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Tx<M> for Producer<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spin(|| self.push(*message).ok());
        Ok(())
    }
}

impl<M: Message> Rx<M> for Consumer<M> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = spin(|| self.pop().ok());
        Ok(())
    }
}
