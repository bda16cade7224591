//! rtrb: a ring of cached indices, one sender and one receiver.

use std::sync::Mutex;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// What every mechanism between threads has in common.
pub const THREADS: About = About {
    framing: "values",
    persistence: "none",
    relation: "threads of one process",
    death: "all die together",
};

#[derive(Debug)]
pub struct Rtrb;

impl Mechanism for Rtrb {
    const NAME: &'static str = "rtrb";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = 4096;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<Producer<M>, Consumer<M>>;
}

/// Two ends that wait to be taken, once.
#[derive(Debug)]
pub struct Ends<T, R>(Mutex<(Option<T>, Option<R>)>);

impl<T, R> Ends<T, R> {
    /// Of these.
    pub fn new(tx: T, rx: R) -> Self {
        Ends(Mutex::new((Some(tx), Some(rx))))
    }

    /// The sending one.
    pub fn take_tx(&self) -> Result<T, Skip> {
        self.0.lock().unwrap().0.take().ok_or_else(|| Skip::because("taken"))
    }

    /// The receiving one.
    pub fn take_rx(&self) -> Result<R, Skip> {
        self.0.lock().unwrap().1.take().ok_or_else(|| Skip::because("taken"))
    }
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
        let mut message = *message;
        while let Err(rtrb::PushError::Full(back)) = self.push(message) {
            message = back;
            std::hint::spin_loop();
        }
        Ok(())
    }
}

impl<M: Message> Rx<M> for Consumer<M> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        loop {
            if let Ok(message) = self.pop() {
                *into = message;
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}
