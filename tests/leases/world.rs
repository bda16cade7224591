//! What do the tests of leases begin with?

use annulus::{Channel, End, Kind, Lease, Receiver};

use crate::support::message::Message;
use crate::support::{LONG, Peer};

/// The number of the next message and whether it is a redelivery; it stays on lease.
pub(crate) fn lease<T: Message, R: End>(rx: &Receiver<T, R>) -> (Lease<'_, T, R>, u64, bool) {
    let lease = rx.recv_lease_timeout(LONG).expect("a message");
    let (number, again) = (lease.number(), lease.redelivered());
    (lease, number, again)
}

pub(crate) fn many_receive<S: End, R: End>() -> bool {
    matches!(Channel::<(), S, R>::kind(), Kind::Spmc | Kind::Mpmc)
}

/// A child that leases messages 0 to 3, acknowledges 1, and then holds the others.
pub(crate) fn holding<T: Message, S: End, R: End>(channel: &Channel<T, S, R>) -> Peer {
    let mut holder = Peer::fork("holder", |link| {
        let rx = channel.receiver().unwrap();
        let [_zero, one, _two, _three] = std::array::from_fn(|_| lease(&rx).0);
        one.ack();
        link.say("holds");
        if link.hear().is_some() {
            // Deals with all of them after all.
            for held in [_zero, _two, _three] {
                held.ack();
            }
            link.say("done");
            link.hear();
        }
    });
    holder.expect("holds");
    holder
}
