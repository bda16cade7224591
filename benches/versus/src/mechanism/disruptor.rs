//! disruptor: events written and read in place; every receiver would see each, so there is one.

use disruptor::{
    BusySpin, EventPoller, MultiProducer, MultiProducerBarrier, Polling, Producer, SingleConsumerBarrier,
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
    type Rx = EventPoller<M, SingleProducerBarrier>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (rx, builder) = build_single_producer(sound(shape)?, M::zeroed, BusySpin).new_event_poller();
        Ok(Ends::new(builder.build(), rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.take_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

impl<M: Message> Link<M> for Ends<MultiProducer<M, SingleConsumerBarrier>, EventPoller<M, MultiProducerBarrier>> {
    type Tx = MultiProducer<M, SingleConsumerBarrier>;
    type Rx = EventPoller<M, MultiProducerBarrier>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let (rx, builder) = build_multi_producer(sound(shape)?, M::zeroed, BusySpin).new_event_poller();
        Ok(Ends::new(builder.build(), rx))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
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

        impl<M: Message> Rx<M> for EventPoller<M, $barrier> {
            #[inline(always)]
            fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
                spin(|| match self.take(1) {
                    Ok(mut events) => {
                        *into = *(&mut events).next()?;
                        Some(Ok(()))
                    }
                    Err(Polling::NoEvents) => None,
                    Err(why) => Some(Err(Skip::because(why))),
                })
            }
        }
    )* };
}

ends!(SingleProducer, SingleProducerBarrier; MultiProducer, MultiProducerBarrier);
