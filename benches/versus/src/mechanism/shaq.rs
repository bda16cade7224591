//! shaq: a ring of cached indices for one of each, a ring as DPDK's for several; receivers can sleep, senders spin.
//!
//! # Unsafe
//! Joining a ring, of which the crate cannot check who else does.

use std::fs::File;
use std::marker::PhantomData;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use shaq::{mpmc, spsc};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Either, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// What a message takes at most: they move by value.
const MOST: usize = 64 << 10;

/// One sender, one receiver.
#[derive(Debug)]
pub struct Spsc;

/// Several of both. Who reserved first publishes first, and the others spin until then: with more of them than processors, that
/// can take for ever.
#[derive(Debug)]
pub struct Mpmc;

impl Mechanism for Spsc {
    const NAME: &'static str = "shaq spsc";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = About {
        framing: "messages, one size",
        persistence: "none; or a file",
        relation: "inherited, or a file",
        death: "nothing is torn; the other waits for ever",
    };
    type Link<M: Message> = Ring<M, Spsc>;
}

impl Mechanism for Mpmc {
    const NAME: &'static str = "shaq mpmc";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Adaptive, Wait::Spin];
    const MOST: usize = MOST;
    const ABOUT: About = About {
        framing: "messages, one size",
        persistence: "none; or a file",
        relation: "inherited, or a file",
        death: "all hang, until one is alone and recovers it",
    };
    type Link<M: Message> = Ring<M, Mpmc>;
}

/// A ring's memory.
#[derive(Debug)]
pub struct Ring<M, K> {
    file: File,
    spins: bool,
    of: PhantomData<fn() -> (M, K)>,
}

impl<M: Message, K> Ring<M, K> {
    fn new(shape: &Shape, size: usize) -> Result<Self, Skip> {
        let file = File::from(memfd_create(c"versus-shaq", MFdFlags::MFD_CLOEXEC)?);
        file.set_len(size as u64)?;
        Ok(Ring {
            file,
            spins: shape.wait == Wait::Spin,
            of: PhantomData,
        })
    }

    fn either<E>(&self, end: Result<E, shaq::error::Error>) -> Result<Either<E>, Skip> {
        Ok(Either {
            end: end.map_err(|why| Skip(format!("{why:?}")))?,
            spins: self.spins,
        })
    }
}

impl<M: Message> Link<M> for Ring<M, Spsc> {
    type Tx = Either<spsc::Producer<M>>;
    type Rx = Either<spsc::Consumer<M>>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let size = spsc::minimum_file_size::<M>(shape.slots);
        let ring = Ring::new(shape, size)?;
        // SAFETY: nobody else initializes this new file; the producer is dropped here, before another joins.
        ring.either(unsafe { spsc::Producer::<M>::create(&ring.file, size) })?;
        Ok(ring)
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        // SAFETY: the link is asked for one sender, and its messages are plain data of one type.
        self.either(unsafe { spsc::Producer::join(&self.file) })
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        // SAFETY: the link is asked for one receiver, and its messages are plain data of one type.
        self.either(unsafe { spsc::Consumer::join(&self.file) })
    }
}

impl<M: Message> Link<M> for Ring<M, Mpmc> {
    type Tx = Either<mpmc::Producer<M>>;
    type Rx = Either<mpmc::Consumer<M>>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let size = mpmc::minimum_file_size::<M>(shape.slots);
        let ring = Ring::new(shape, size)?;
        // SAFETY: nobody else initializes this new file.
        ring.either(unsafe { mpmc::Producer::<M>::create(&ring.file, size) })?;
        Ok(ring)
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        // SAFETY: the link's messages are plain data of one type.
        self.either(unsafe { mpmc::Producer::join(&self.file) })
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        // SAFETY: the link's messages are plain data of one type.
        self.either(unsafe { mpmc::Consumer::join(&self.file) })
    }
}

/// The two have the same calls, on types of their own.
macro_rules! ends {
    ($($kind:ident),*) => { $(
        impl<M: Message> Tx<M> for Either<$kind::Producer<M>> {
            #[inline(always)]
            fn send(&mut self, message: &M) -> Result<(), Skip> {
                spin(|| self.end.try_write(*message).ok());
                Ok(())
            }
        }

        impl<M: Message> Rx<M> for Either<$kind::Consumer<M>> {
            #[inline(always)]
            fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
                *into = if self.spins {
                    spin(|| self.end.try_read())
                } else {
                    self.end.read_timeout(FOR_EVER).map_err(|why| Skip(format!("{why:?}")))?
                };
                Ok(())
            }
        }
    )* };
}

ends!(spsc, mpmc);
