//! What is a round about: slots, blocks, or a stream?

use std::os::fd::{AsFd, OwnedFd};

use annulus::{AttachError, Channel, End};

use super::parcel::Carrier;
use super::plan::Plan;
use super::receiving::{self, Receives};
use super::sending::Sends;
use super::worker::{Side, Worker};
use crate::support::Words;
use crate::support::own::Own;

/// A channel, whatever it carries its messages in.
pub trait Medium: AsFd + Sized {
    /// The sending side.
    type Sends: Side<Self>;
    /// The receiving side.
    type Receives: Side<Self>;

    /// As the plan has it.
    fn make(plan: &Plan, name: &Own) -> Self;
    /// From a descriptor.
    fn from_fd(fd: OwnedFd) -> Result<Self, AttachError>;
    /// By its name.
    fn open(name: &str) -> Result<Self, AttachError>;
    /// Nothing is in it, and nothing is anybody's.
    fn all_free(&self) -> bool;
    /// Receives what is there.
    fn drain_what_is_there(worker: &mut Worker<'_>, rx: &Receiving<Self>);
    /// Receives until the stream has ended, which it has for all that is known: for the campaign itself, when everybody else
    /// is dead. `false`: it has not ended after a long time, or after more messages than there can be.
    fn drain(worker: &mut Worker<'_>, rx: &Receiving<Self>) -> bool;
}

/// The receiver of a medium.
pub type Receiving<C> = <<C as Medium>::Receives as Side<C>>::Handle;

impl<T: Carrier, S: End, R: End> Medium for Channel<T, S, R> {
    type Sends = Sends;
    type Receives = Receives;

    fn make(plan: &Plan, name: &Own) -> Self {
        plan.make(name)
    }

    fn from_fd(fd: OwnedFd) -> Result<Self, AttachError> {
        Channel::from_fd(fd)
    }

    fn open(name: &str) -> Result<Self, AttachError> {
        Channel::open(name)
    }

    fn all_free(&self) -> bool {
        Words::of(self).all_free()
    }

    fn drain_what_is_there(worker: &mut Worker<'_>, rx: &Receiving<Self>) {
        receiving::drain_what_is_there(worker, rx);
    }

    fn drain(worker: &mut Worker<'_>, rx: &Receiving<Self>) -> bool {
        receiving::drain(worker, rx)
    }
}
