//! Does an end of the channel admit one endpoint or many?

use bytemuck::Pod;

use crate::layout::{Owner, Role};
use crate::ring::receiver::{MultiReceiver, ReceiveEnd, SingleReceiver};
use crate::ring::sender::{MultiSender, SendEnd, SingleSender};
use crate::ring::{Refused, Ring, watch};
use crate::wait;

/// An end that admits one endpoint at a time, without a read-modify-write on its path.
#[derive(Clone, Copy, Debug)]
pub enum Single {}

/// An end that admits many endpoints, in as many processes and threads.
#[derive(Clone, Copy, Debug)]
pub enum Multi {}

/// [`Single`] or [`Multi`].
#[expect(private_bounds, reason = "sealed: the two ends are all there are")]
pub trait End: EndKind {}
impl End for Single {}
impl End for Multi {}

/// What the ring's algorithm is at this end.
pub(crate) trait EndKind: Sized + 'static {
    /// It admits many.
    const MULTI: bool;
    type Sender<T: Pod>: SendEnd<T>;
    type Receiver<T: Pod>: ReceiveEnd<T>;

    /// The id of the only endpoint with this role, if there is only one.
    fn only(role: Role) -> Option<Owner>;
    fn sender<T: Pod>(ring: Ring<T>, me: Owner) -> Result<Self::Sender<T>, Refused>;
    fn receiver<T: Pod>(ring: Ring<T>, me: Owner) -> Result<Self::Receiver<T>, Refused>;
}

impl EndKind for Single {
    const MULTI: bool = false;
    type Sender<T: Pod> = SingleSender<T>;
    type Receiver<T: Pod> = SingleReceiver<T>;

    fn only(role: Role) -> Option<Owner> {
        Some(match role {
            Role::Sender => Owner::SINGLE_SENDER,
            Role::Receiver => Owner::SINGLE_RECEIVER,
        })
    }

    fn sender<T: Pod>(ring: Ring<T>, _me: Owner) -> Result<Self::Sender<T>, Refused> {
        SingleSender::new(ring)
    }

    fn receiver<T: Pod>(ring: Ring<T>, _me: Owner) -> Result<Self::Receiver<T>, Refused> {
        SingleReceiver::new(ring)
    }
}

impl EndKind for Multi {
    const MULTI: bool = true;
    type Sender<T: Pod> = MultiSender<T>;
    type Receiver<T: Pod> = MultiReceiver<T>;

    fn only(_role: Role) -> Option<Owner> {
        None
    }

    fn sender<T: Pod>(ring: Ring<T>, me: Owner) -> Result<Self::Sender<T>, Refused> {
        Ok(MultiSender::new(ring, me))
    }

    fn receiver<T: Pod>(ring: Ring<T>, me: Owner) -> Result<Self::Receiver<T>, Refused> {
        Ok(MultiReceiver::new(ring, me))
    }
}

impl<T> wait::Watch for watch::Watch<T> {
    #[inline]
    fn changed(&self) -> bool {
        self.changed()
    }

    fn ahead(&self, slots: u64) -> Option<Self> {
        self.ahead(slots)
    }
}
