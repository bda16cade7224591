//! ringbuf: a ring of cached indices, one sender and one receiver.

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Ringbuf;

impl Mechanism for Ringbuf {
    const NAME: &'static str = "ringbuf";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<HeapProd<M>, HeapCons<M>>;
}

impl<M: Message> Link<M> for Ends<HeapProd<M>, HeapCons<M>> {
    type Tx = HeapProd<M>;
    type Rx = HeapCons<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let ring = HeapRb::try_new(shape.slots).map_err(Skip::because)?;
        let (tx, rx) = ring.split();
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Tx<M> for HeapProd<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spin(|| self.try_push(*message).ok());
        Ok(())
    }
}

impl<M: Message> Rx<M> for HeapCons<M> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = spin(|| self.try_pop());
        Ok(())
    }
}
