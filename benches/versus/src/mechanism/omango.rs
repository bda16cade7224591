//! omango: queues of stamped slots, whose ends spin a while and then sleep.

use omango::error::TrySendError;
use omango::queue::{mpmc, spsc};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Either, Ends, MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// One sender, one receiver.
#[derive(Debug)]
pub struct Spsc;

/// Several of both.
#[derive(Debug)]
pub struct Mpmc;

impl Mechanism for Spsc {
    const NAME: &'static str = "omango spsc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<Either<spsc::BSender<M>>, Either<spsc::BReceiver<M>>>;
}

impl Mechanism for Mpmc {
    const NAME: &'static str = "omango mpmc";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<Either<mpmc::BSender<M>>, Either<mpmc::BReceiver<M>>>;
}

fn slots(shape: &Shape) -> Result<u32, Skip> {
    shape.slots.try_into().map_err(Skip::because)
}

impl<M: Message> Link<M> for Ends<Either<spsc::BSender<M>>, Either<spsc::BReceiver<M>>> {
    type Tx = Either<spsc::BSender<M>>;
    type Rx = Either<spsc::BReceiver<M>>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Ok(Ends::waiting(shape, spsc::bounded(slots(shape)?)))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Link<M> for Ends<Either<mpmc::BSender<M>>, Either<mpmc::BReceiver<M>>> {
    type Tx = Either<mpmc::BSender<M>>;
    type Rx = Either<mpmc::BReceiver<M>>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Ok(Ends::waiting(shape, mpmc::bounded(slots(shape)?)))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.clone_rx()
    }
}

/// The two have the same calls, on types of their own.
macro_rules! ends {
    ($($kind:ident),*) => { $(
        impl<M: Message> Tx<M> for Either<$kind::BSender<M>> {
            #[inline(always)]
            fn send(&mut self, message: &M) -> Result<(), Skip> {
                if !self.spins {
                    return self.end.send(*message).map_err(Skip::because);
                }
                spin(|| match self.end.try_send(*message) {
                    Err(TrySendError::Full(_)) => None,
                    sent => Some(sent.map_err(Skip::because)),
                })
            }
        }

        impl<M: Message> Rx<M> for Either<$kind::BReceiver<M>> {
            #[inline(always)]
            fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
                *into = if self.spins {
                    spin(|| self.end.try_recv().ok())
                } else {
                    self.end.recv().map_err(Skip::because)?
                };
                Ok(())
            }
        }
    )* };
}

ends!(spsc, mpmc);
