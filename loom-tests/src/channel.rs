//! What do users hold? The crate's own senders, receivers and reaper, on the twin of `region`.
//!
//! Left out: making channels, blocks, seats, and what hands a file to another process.

#[path = "../../src/channel/deadline.rs"]
mod deadline;
#[path = "../../src/channel/end.rs"]
mod end;
#[path = "../../src/channel/endpoint.rs"]
mod endpoint;
#[path = "../../src/channel/lease.rs"]
mod lease;
#[path = "../../src/channel/place.rs"]
mod place;
#[path = "../../src/channel/reaper.rs"]
mod reaper;
#[path = "../../src/channel/receiver.rs"]
mod receiver;
#[path = "../../src/channel/sender.rs"]
mod sender;
#[path = "../../src/channel/taking.rs"]
mod taking;
#[path = "../../src/channel/waiting.rs"]
mod waiting;

/// The ends of a stream.
pub(crate) mod stream;

use std::sync::Arc;

use crate::layout::table::SeatState;
use crate::layout::{Owner, Role};
use crate::region::Region;
use crate::region::lock::LockFile;
use crate::stage::Message;

pub(crate) use end::{End, Multi, Single};
pub(crate) use lease::Lease;
pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;

use end::EndKind;
use place::Place;

/// A description of its own, as each endpoint has one.
fn locks(region: &Region) -> LockFile {
    LockFile::open(region.file()).expect("memory")
}

/// An endpoint's id and locks, attached to `region`.
fn attach<E: End>(region: &Arc<Region>, role: Role) -> Place {
    Place::take(Arc::clone(region), locks(region), role, E::only(role), SeatState::None).expect("room")
}

/// A sender at `region`.
pub(crate) fn sender<E: End>(region: &Arc<Region>) -> Sender<Message, E> {
    Sender::new(attach::<E>(region, Role::Sender)).expect("a sound region")
}

/// A receiver at `region`.
pub(crate) fn receiver<E: End>(region: &Arc<Region>) -> Receiver<Message, E> {
    Receiver::new(attach::<E>(region, Role::Receiver)).expect("a sound region")
}

/// An endpoint that is going to die: its place is what the kernel takes back.
pub(crate) struct Doomed(Place);

impl Doomed {
    pub(crate) fn new(region: &Arc<Region>, role: Role) -> Doomed {
        Doomed(attach::<Multi>(region, role))
    }

    /// Its id.
    pub(crate) fn owner(&self) -> Owner {
        self.0.owner
    }
}

/// Nobody takes a seat here.
mod seat {
    use std::marker::PhantomData;

    use super::Place;
    use crate::error::AttachError;

    pub(crate) struct Seat<X>(PhantomData<X>);

    impl<X> Seat<X> {
        pub(super) fn take(self) -> Result<Place, AttachError> {
            unreachable!("there are no seats")
        }
    }
}

/// As `Channel::recover`.
pub(crate) fn recover(region: &Arc<Region>) -> u64 {
    let reaped = reaper::reap_the_dead(region, &region.ring::<Message>(), &locks(region), None, false);
    reaped.expect("a sound region").slots
}

/// The models print no endpoints and ask for no lengths.
macro_rules! common_methods {
    ($Endpoint:ident) => {
        impl<T: Pod, E: End> fmt::Debug for $Endpoint<T, E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Endpoint)).finish_non_exhaustive()
            }
        }
    };
}
use common_methods;
