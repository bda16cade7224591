//! How is a message received so that it survives its receiver?
//!
//! By a lease: the message stays in its slot until the receiver says that it is done with it. At a multi end others pass
//! that slot meanwhile, and whoever reaps a dead receiver gets its messages, as for a receiver that died in mid-copy: a
//! lease only makes the copy long. At a single end the next receiver finds them.
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | recv_lease: the claim, until ack or drop | a message claimed by a dead receiver | a reaper: it is delivered again |
//! | ack: the slot is free | a message that was dealt with | nothing to repair |
//! | drop: the message is an orphan, before that is announced | the same | a look for orphans, once in a while, by any receiver |
//! | the last ack, before the other receivers are woken | nothing that is out on lease | their ticks |
//! | one who waits for that has found the end of the stream, and has not told of it | a stream whose end the kernel alone tells | their ticks |

use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::ring::Refused;
use crate::ring::receiver::ReceiveEnd;

use super::deadline;
use super::end::End;
use super::endpoint::Refusal;
use super::receiver::Receiver;
use super::taking::Taking;

/// A message on lease: it is somebody's again unless its receiver acknowledges it.
///
/// Made by [`Receiver::recv_lease`]. [`ack`](Self::ack) says that the message has been dealt with. A lease that is
/// *dropped* hands it back: it is received again before anything newer that is received from then on, at a multi end by
/// whichever receiver looks next, this one included; of several that have come back the oldest is first. A lease whose
/// process is *killed* comes back in the same way: at a multi end when the death is noticed, within a
/// [`tick`](crate::Builder::tick) by those who wait; at a single end to the next receiver that attaches. So what is leased
/// is delivered at least once, and more than once only after a drop or a death; [`redelivered`](Self::redelivered) tells.
///
/// What is read through a lease is a copy, made when it began. The slot stays taken, which holds up no receiver. A sender
/// that has been once around the ring since finds it *full* there, however many other slots are free: give a ring as many
/// slots as messages may be sent while the slowest lease lasts.
///
/// In a forked child a lease of the parent's does nothing. One that is [forgotten](std::mem::forget) stays with its
/// receiver, and comes back when the last handle of that is dropped; until then others wait for it at the end of the
/// stream.
///
/// ```
/// use annulus::mpmc::Channel;
///
/// let channel = Channel::<u64>::anonymous(8)?;
/// let (tx, rx) = (channel.sender()?, channel.receiver()?);
/// tx.send_many(&[1, 2])?;
/// let lease = rx.recv_lease()?;
/// assert_eq!(*lease, 1);
/// drop(lease); // Too much for us.
/// let lease = rx.recv_lease()?;
/// assert!(*lease == 1 && lease.redelivered());
/// lease.ack();
/// assert_eq!(rx.recv(), Ok(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a lease that is dropped hands its message back: call `ack` when it has been dealt with"]
pub struct Lease<'r, T: Pod, E: End> {
    receiver: &'r Receiver<T, E>,
    held: Held<T>,
}

/// A message whose slot an endpoint holds.
pub(super) struct Held<T> {
    value: T,
    position: u64,
    redelivered: bool,
}

/// Held until further notice.
struct Leased;

impl<T: Pod> Taking<T> for Leased {
    type Taken = Held<T>;
    const HOLDS: bool = true;

    fn next<E: End>(&mut self, receiver: &Receiver<T, E>) -> Result<Held<T>, Refused> {
        let (value, position) = receiver.end.try_hold()?;
        receiver.begin_lease();
        // No place is free, but there may be another message for another.
        receiver.tell(0, E::MULTI.then_some(position));
        Ok(Held {
            value,
            position,
            redelivered: false,
        })
    }

    fn held<E: End>(&mut self, receiver: &Receiver<T, E>, value: T, position: u64) -> Held<T> {
        receiver.begin_lease();
        receiver.tell(0, E::MULTI.then_some(position));
        Held {
            value,
            position,
            redelivered: true,
        }
    }
}

impl<T: Pod, E: End> Receiver<T, E> {
    /// Receives a message on [lease](Lease), waiting while there is none.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), but that [`RecvError::Disconnected`] also waits until no other receiver, nor another clone
    /// of this one, holds a message that might come back, unless this handle has a lease itself: then it may be what the
    /// others are waiting for. So threads that share the work have a clone each, and who asks for more with a lease in
    /// hand asks again without, after a `Disconnected`.
    pub fn recv_lease(&self) -> Result<Lease<'_, T, E>, RecvError> {
        let held = match self.pop(&mut Leased) {
            Err(Refusal::Blocked) => self.waiting(&mut Leased, None, Refusal::into_recv),
            received => received.map_err(Refusal::into_recv),
        };
        held.map(|held| self.leased(held))
    }

    /// Receives a message on lease if there is one now.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv), and `Disconnected` as for [`recv_lease`](Self::recv_lease): it is `Empty` before.
    pub fn try_recv_lease(&self) -> Result<Lease<'_, T, E>, TryRecvError> {
        let held = match self.pop(&mut Leased) {
            Err(refusal) => self.after_refusal(&mut Leased, refusal),
            received => received,
        };
        held.map(|held| self.leased(held)).map_err(Refusal::into_try_recv)
    }

    /// Receives a message on lease, waiting at most `timeout` for one.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`], otherwise as [`recv_lease`](Self::recv_lease).
    pub fn recv_lease_timeout(&self, timeout: Duration) -> Result<Lease<'_, T, E>, RecvTimeoutError> {
        self.recv_lease_until(deadline::after(timeout))
    }

    /// Receives a message on lease, waiting for one until `deadline`.
    ///
    /// # Errors
    /// As [`recv_lease_timeout`](Self::recv_lease_timeout).
    pub fn recv_lease_deadline(&self, deadline: Instant) -> Result<Lease<'_, T, E>, RecvTimeoutError> {
        self.recv_lease_until(Some(deadline::at(deadline)))
    }

    fn recv_lease_until(&self, deadline: Option<u64>) -> Result<Lease<'_, T, E>, RecvTimeoutError> {
        let held = match self.pop(&mut Leased) {
            Err(Refusal::Blocked) => self.waiting(&mut Leased, deadline, Refusal::into_recv_timeout),
            received => received.map_err(Refusal::into_recv_timeout),
        };
        held.map(|held| self.leased(held))
    }

    fn leased(&self, held: Held<T>) -> Lease<'_, T, E> {
        Lease { receiver: self, held }
    }
}

impl<T: Pod, E: End> Lease<'_, T, E> {
    /// The message has been dealt with: nobody receives it again, and its slot is free.
    pub fn ack(self) {
        let receiver = self.receiver;
        let position = self.held.position;
        std::mem::forget(self);
        let endpoint = &receiver.endpoint;
        if !endpoint.is_ours() {
            return;
        }
        receiver.free(position);
        receiver.end_lease();
        receiver.tell(1, None);
        let remarkable = || !receiver.gate.unremarkable(&receiver.ring().lines().life.0);
        if E::MULTI && (endpoint.ended() || remarkable()) {
            // Others may be waiting for what is out to come back, or not.
            endpoint.wake_our_own();
        }
    }

    /// The message has come to a receiver before: one that handed it back, or one that died while it received it or held
    /// it. At a single end only what this receiver has handed back: one that follows a dead one cannot tell.
    pub fn redelivered(&self) -> bool {
        self.held.redelivered
    }
}

impl<T: Pod, E: End> Drop for Lease<'_, T, E> {
    fn drop(&mut self) {
        let endpoint = &self.receiver.endpoint;
        if !endpoint.is_ours() {
            return;
        }
        if let Err(refused) = self.receiver.end.hand_back(self.held.position) {
            endpoint.refusal(refused); // For the next operation to say.
        }
        self.receiver.end_lease();
        endpoint.announce_return(E::MULTI);
    }
}

impl<T: Pod, E: End> Deref for Lease<'_, T, E> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held.value
    }
}

impl<T: Pod + fmt::Debug, E: End> fmt::Debug for Lease<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("message", &self.held.value)
            .field("redelivered", &self.held.redelivered)
            .finish_non_exhaustive()
    }
}
