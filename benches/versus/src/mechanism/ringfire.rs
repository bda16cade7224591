//! ringfire: a ring of sequence-numbered slots in a file of shared memory, which its writer does not overrun when told so; every
//! receiver would see each message, so there is one.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ringfire::{
    BusySpin, CleanupMode, FlowControl, FutexWait, RingConsumer, RingProducer, RingProducerBuilder, RingfireError,
};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Ends, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct Ringfire;

impl Mechanism for Ringfire {
    const NAME: &'static str = "ringfire";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Adaptive, Wait::Sleep];
    const MOST: usize = 64 << 10;
    const ABOUT: About = About {
        framing: "messages, one size",
        persistence: "a file, if wanted",
        relation: "by name",
        death: "nothing is torn; dead readers are found, a dead writer is waited for",
    };
    type Link<M: Message> = Ring<M>;
}

/// A ring's file, which goes with the link.
#[derive(Debug)]
pub struct Ring<M: Message> {
    path: PathBuf,
    wait: Wait,
    /// A ring comes into being with its writer.
    writer: Ends<RingProducer<M>, ()>,
}

impl<M: Message> Link<M> for Ring<M> {
    type Tx = Writer<M>;
    type Rx = Reader<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let path = PathBuf::from("/dev/shm").join(&shape.name);
        let writer = RingProducerBuilder::new(shape.slots as u64)
            .flow_control(FlowControl::LosslessBackpressure)
            .cleanup_mode(CleanupMode::Persistent)
            .build(&path)
            .map_err(Skip::because)?;
        Ok(Ring {
            path,
            wait: shape.wait,
            writer: Ends::new(writer, ()),
        })
    }

    fn tx(&self) -> Result<Writer<M>, Skip> {
        Ok(Writer {
            ring: self.writer.take_tx()?,
            spins: self.wait == Wait::Spin,
        })
    }

    fn rx(&self) -> Result<Reader<M>, Skip> {
        Ok(Reader {
            ring: RingConsumer::attach(&self.path).map_err(Skip::because)?,
            wait: self.wait,
            sleep: match self.wait {
                Wait::Sleep => FutexWait::new(0, Some(Duration::from_millis(50))),
                _ => FutexWait::default(),
            },
        })
    }
}

impl<M: Message> Drop for Ring<M> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The sending end. Unless it is to spin it waits for room as ringfire does: it spins, yields, and sleeps for 10 µs at a time.
#[derive(Debug)]
pub struct Writer<M: Message> {
    ring: RingProducer<M>,
    spins: bool,
}

impl<M: Message> Tx<M> for Writer<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        if !self.spins {
            self.ring.push(message);
            return Ok(());
        }
        spin(|| match self.ring.try_push(message) {
            Err(RingfireError::BackpressureBufferFull) => None,
            sent => Some(sent.map_err(Skip::because)),
        })
    }
}

/// The receiving end.
#[derive(Debug)]
pub struct Reader<M: Message> {
    ring: RingConsumer<M>,
    wait: Wait,
    sleep: FutexWait,
}

impl<M: Message> Rx<M> for Reader<M> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        *into = match self.wait {
            Wait::Spin => self.ring.recv_blocking(&mut BusySpin::new()),
            Wait::Adaptive | Wait::Sleep => self.ring.recv_blocking(&mut self.sleep),
        };
        Ok(())
    }
}
