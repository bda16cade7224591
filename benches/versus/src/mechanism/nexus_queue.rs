//! nexus-queue: rings of cached indices for one of each, of turn counters where several are at an end.

use nexus_queue::{mpsc, spmc, spsc};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// One sender, one receiver.
#[derive(Debug)]
pub struct Spsc;

/// Several senders.
#[derive(Debug)]
pub struct Mpsc;

/// Several receivers.
#[derive(Debug)]
pub struct Spmc;

impl Mechanism for Spsc {
    const NAME: &'static str = "nexus-queue spsc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<spsc::Producer<M>, spsc::Consumer<M>>;
}

impl Mechanism for Mpsc {
    const NAME: &'static str = "nexus-queue mpsc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<mpsc::Producer<M>, mpsc::Consumer<M>>;
}

impl Mechanism for Spmc {
    const NAME: &'static str = "nexus-queue spmc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<spmc::Producer<M>, spmc::Consumer<M>>;
}

impl<M: Message> Link<M> for Ends<spsc::Producer<M>, spsc::Consumer<M>> {
    type Tx = spsc::Producer<M>;
    type Rx = spsc::Consumer<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = spsc::ring_buffer(shape.slots);
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Link<M> for Ends<mpsc::Producer<M>, mpsc::Consumer<M>> {
    type Tx = mpsc::Producer<M>;
    type Rx = mpsc::Consumer<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = mpsc::ring_buffer(shape.slots);
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Link<M> for Ends<spmc::Producer<M>, spmc::Consumer<M>> {
    type Tx = spmc::Producer<M>;
    type Rx = spmc::Consumer<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (tx, rx) = spmc::ring_buffer(shape.slots);
        Ok(Ends::new(tx, rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.clone_rx()
    }
}

/// The three have the same calls, on types of their own.
macro_rules! ends {
    ($($kind:ident),*) => { $(
        impl<M: Message> Tx<M> for $kind::Producer<M> {
            #[inline(always)]
            fn send(&mut self, message: &M) -> Result<(), Skip> {
                spin(|| self.push(*message).ok());
                Ok(())
            }
        }

        impl<M: Message> Rx<M> for $kind::Consumer<M> {
            #[inline(always)]
            fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
                *into = spin(|| self.pop());
                Ok(())
            }
        }
    )* };
}

ends!(spsc, mpsc, spmc);
