//! crossbeam-queue's ArrayQueue: Vyukov's bounded queue, several of both.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{MOST, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Array;

impl Mechanism for Array {
    const NAME: &'static str = "crossbeam ArrayQueue";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Arc<ArrayQueue<M>>;
}

impl<M: Message> Link<M> for Arc<ArrayQueue<M>> {
    type Tx = Self;
    type Rx = Self;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Ok(Arc::new(ArrayQueue::new(shape.slots)))
    }

    fn tx(&self) -> Result<Self, Skip> {
        Ok(self.clone())
    }

    fn rx(&self) -> Result<Self, Skip> {
        Ok(self.clone())
    }
}

impl<M: Message> Tx<M> for Arc<ArrayQueue<M>> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spin(|| self.push(*message).ok());
        Ok(())
    }
}

impl<M: Message> Rx<M> for Arc<ArrayQueue<M>> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = spin(|| self.pop());
        Ok(())
    }
}
