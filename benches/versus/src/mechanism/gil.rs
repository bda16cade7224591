//! gil: a ring of cached indices for one of each, and Vyukov's queue for several.
//!
//! Its ends that park are not measured. Who publishes stores the position with Release and then loads the futex word; nothing
//! orders the store before the load, so that the other may see neither the position nor be seen, and sleeps for ever: within a
//! second, in a round trip.

use std::num::NonZeroUsize;

use gil::{mpmc, spsc};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// One sender, one receiver, which yield the processor now and then.
#[derive(Debug)]
pub struct Spsc;

/// Several of both.
#[derive(Debug)]
pub struct Mpmc;

impl Mechanism for Spsc {
    const NAME: &'static str = "gil spsc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Adaptive];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<spsc::Sender<M>, spsc::Receiver<M>>;
}

impl Mechanism for Mpmc {
    const NAME: &'static str = "gil mpmc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Adaptive];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<mpmc::Sender<M>, mpmc::Receiver<M>>;
}

fn slots(shape: &Shape) -> Result<NonZeroUsize, Skip> {
    if shape.wait != Wait::Spin {
        return Err(Skip::because("loses wakes, and hangs"));
    }
    shape.slots.try_into().map_err(Skip::because)
}

impl<M: Message> Link<M> for Ends<spsc::Sender<M>, spsc::Receiver<M>> {
    type Tx = spsc::Sender<M>;
    type Rx = spsc::Receiver<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = spsc::channel(slots(shape)?);
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Tx<M> for spsc::Sender<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spsc::Sender::send(self, *message);
        Ok(())
    }
}

impl<M: Message> Rx<M> for spsc::Receiver<M> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = spsc::Receiver::recv(self);
        Ok(())
    }
}

impl<M: Message> Link<M> for Ends<mpmc::Sender<M>, mpmc::Receiver<M>> {
    type Tx = mpmc::Sender<M>;
    type Rx = mpmc::Receiver<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = mpmc::channel(slots(shape)?);
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.clone_rx()
    }
}

impl<M: Message> Tx<M> for mpmc::Sender<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spin(|| self.try_send(*message).ok());
        Ok(())
    }
}

impl<M: Message> Rx<M> for mpmc::Receiver<M> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = spin(|| self.try_recv());
        Ok(())
    }
}
