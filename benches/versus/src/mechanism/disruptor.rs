//! disruptor: events written and read in place; every receiver would see each, so there is one.
//!
//! # Unsafe
//! A batch of events is kept beside the poller that it borrows from.

use std::ptr::NonNull;

use disruptor::{
    BusySpin, EventGuard, EventPoller, MultiProducer, MultiProducerBarrier, Polling, Producer, SingleConsumerBarrier,
    SingleProducer, SingleProducerBarrier, build_multi_producer, build_single_producer,
};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, THREADS, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// What an event takes at most.
const MOST: usize = 64 << 10;

/// One sender.
#[derive(Debug)]
pub struct Single;

/// Several senders.
#[derive(Debug)]
pub struct Multi;

impl Mechanism for Single {
    const NAME: &'static str = "disruptor single";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<SingleProducer<M, SingleConsumerBarrier>, EventPoller<M, SingleProducerBarrier>>;
}

impl Mechanism for Multi {
    const NAME: &'static str = "disruptor multi";
    const REACH: Reach = Reach::Threads;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = THREADS;
    type Link<M: Message> = Ends<MultiProducer<M, SingleConsumerBarrier>, EventPoller<M, MultiProducerBarrier>>;
}

/// It panics on any other number of slots.
fn sound(shape: &Shape) -> Result<usize, Skip> {
    if shape.slots.is_power_of_two() {
        Ok(shape.slots)
    } else {
        Err(Skip::because("a power of two of slots"))
    }
}

impl<M: Message> Link<M> for Ends<SingleProducer<M, SingleConsumerBarrier>, EventPoller<M, SingleProducerBarrier>> {
    type Tx = SingleProducer<M, SingleConsumerBarrier>;
    type Rx = Batches<M, SingleProducerBarrier>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (rx, builder) = build_single_producer(sound(shape)?, M::zeroed, BusySpin).new_event_poller();
        Ok(Ends::new(builder.build(), rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx().map(Batches::of)
    }
}

impl<M: Message> Link<M> for Ends<MultiProducer<M, SingleConsumerBarrier>, EventPoller<M, MultiProducerBarrier>> {
    type Tx = MultiProducer<M, SingleConsumerBarrier>;
    type Rx = Batches<M, MultiProducerBarrier>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (rx, builder) = build_multi_producer(sound(shape)?, M::zeroed, BusySpin).new_event_poller();
        Ok(Ends::new(builder.build(), rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx().map(Batches::of)
    }
}

/// A receiving end: it takes what is there at a time, as its documentation has it, and hands it out one by one.
///
/// # Invariants
/// I1: the poller was leaked from a box, which is put together again when this is dropped.
/// I2: nobody uses the poller while there is a batch.
pub struct Batches<M: 'static, B: 'static> {
    batch: Option<EventGuard<'static, M, B>>,
    poller: NonNull<EventPoller<M, B>>,
}

impl<M, B> Batches<M, B> {
    fn of(poller: EventPoller<M, B>) -> Self {
        Batches {
            batch: None,
            poller: NonNull::from(Box::leak(Box::new(poller))),
        }
    }
}

impl<M, B> Drop for Batches<M, B> {
    fn drop(&mut self) {
        self.batch = None;
        // SAFETY: I1, and its batch is gone.
        drop(unsafe { Box::from_raw(self.poller.as_ptr()) });
    }
}

/// The two have the same calls, on types of their own.
macro_rules! ends {
    ($($producer:ident, $barrier:ident);*) => { $(
        impl<M: Message> Tx<M> for $producer<M, SingleConsumerBarrier> {
            #[inline(always)]
            fn send(&mut self, message: &M) -> Result<(), Skip> {
                self.publish(|event| *event = *message);
                Ok(())
            }
        }

        impl<M: Message> Rx<M> for Batches<M, $barrier> {
            #[inline(always)]
            fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
                let batch = match &mut self.batch {
                    Some(batch) => batch,
                    none => none.insert(spin(|| {
                        // SAFETY: I1 and I2: there is no batch.
                        match unsafe { self.poller.as_mut() }.poll() {
                            Err(Polling::NoEvents) => None,
                            polled => Some(polled.map_err(Skip::because)),
                        }
                    })?),
                };
                let mut events = batch;
                *into = *events.next().ok_or_else(|| Skip::because("an empty batch"))?;
                if events.len() == 0 {
                    self.batch = None;
                }
                Ok(())
            }
        }
    )* };
}

ends!(SingleProducer, SingleProducerBarrier; MultiProducer, MultiProducerBarrier);
