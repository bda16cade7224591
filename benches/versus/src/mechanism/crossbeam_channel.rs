//! crossbeam-channel's bounded channel: Vyukov's queue, whose ends can sleep.

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Either, Ends, MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Bounded;

impl Mechanism for Bounded {
    const NAME: &'static str = "crossbeam-channel";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<Either<Sender<M>>, Either<Receiver<M>>>;
}

impl<M: Message> Link<M> for Ends<Either<Sender<M>>, Either<Receiver<M>>> {
    type Tx = Either<Sender<M>>;
    type Rx = Either<Receiver<M>>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Ok(Ends::waiting(shape, bounded(shape.slots)))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.clone_rx()
    }
}

impl<M: Message> Tx<M> for Either<Sender<M>> {
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

impl<M: Message> Rx<M> for Either<Receiver<M>> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = if self.spins {
            spin(|| match self.end.try_recv() {
                Err(TryRecvError::Empty) => None,
                received => Some(received.map_err(Skip::because)),
            })?
        } else {
            self.end.recv().map_err(Skip::because)?
        };
        Ok(())
    }
}
