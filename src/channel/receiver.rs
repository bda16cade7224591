//! How is a message received, and what does a receiver do when there is none?

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::{AttachError, RecvError, RecvTimeoutError, TryRecvError};
use crate::layout::Role;
use crate::ring::Ring;
use crate::ring::receiver::ReceiveEnd;
use crate::wait::Why;

use super::deadline;
use super::end::{End, Multi};
use super::endpoint::{Attended, Endpoint, Gate, NoneYet, Refusal};
use super::place::Place;

/// The receiving end of a channel.
///
/// Made by [`Channel::receiver`](crate::Channel::receiver) or from a [`Seat`](crate::Seat); one at a time at a single
/// end, many at a multi end, as for a [`Sender`](crate::Sender). Each message goes to one receiver.
///
/// ```
/// use annulus::spsc::Channel;
///
/// let channel = Channel::<u32>::anonymous(64)?;
/// let (tx, rx) = (channel.sender()?, channel.receiver()?);
/// tx.send_many(&[1, 2, 3])?;
/// drop(tx);
/// assert_eq!(rx.iter().collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Receiver<T: Pod, E: End> {
    end: E::Receiver<T>,
    gate: Gate,
    endpoint: Arc<Endpoint>,
}

impl<T: Pod, E: End> Receiver<T, E> {
    pub(super) fn new(place: Place) -> Result<Self, AttachError> {
        let ring = place.region.ring::<T>();
        let end = E::receiver(ring, place.owner)?;
        let endpoint = Arc::new(Endpoint::new(place)?);
        Ok(Receiver {
            end,
            gate: endpoint.gate(),
            endpoint,
        })
    }

    #[inline(always)]
    fn ring(&self) -> &Ring<T> {
        self.end.ring()
    }

    /// Receives a message, waiting while there is none.
    ///
    /// # Errors
    /// - [`RecvError::Disconnected`]: everything is drained and no sender is left (one had been there), or the channel
    ///   is closed. A sender that attaches later makes the channel live again.
    /// - [`RecvError::Corrupt`]: the shared memory was overwritten; give the channel up.
    /// - [`RecvError::WrongProcess`]: this is a forked child's copy.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.pop() {
            Ok(value) => Ok(value),
            Err(refusal) => self.recv_refused(refusal),
        }
    }

    /// Goes on after a refusal.
    #[cold]
    fn recv_refused(&self, refusal: Refusal) -> Result<T, RecvError> {
        match refusal {
            Refusal::Blocked => self.waiting(None, Refusal::into_recv),
            refusal => Err(refusal.into_recv()),
        }
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`], otherwise as [`recv`](Self::recv). Empty is exact but behind a message that its sender
    /// is still copying in, where later ones may be complete.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.pop() {
            Ok(value) => Ok(value),
            Err(refusal) => self.try_recv_refused(refusal),
        }
    }

    /// The same without waiting.
    #[cold]
    fn try_recv_refused(&self, refusal: Refusal) -> Result<T, TryRecvError> {
        self.after_refusal(refusal).map_err(Refusal::into_try_recv)
    }

    /// Receives a message, waiting at most `timeout` for one.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`] if the ring stayed empty, otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(deadline::after(timeout))
    }

    /// Receives a message, waiting for one until `deadline`.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline::at(deadline)))
    }

    fn recv_until(&self, deadline: Option<u64>) -> Result<T, RecvTimeoutError> {
        let error = |refusal| match refusal {
            Refusal::Blocked => RecvTimeoutError::Timeout,
            refusal => refusal.into_recv().into(),
        };
        match self.pop() {
            Err(Refusal::Blocked) => self.waiting(deadline, error),
            received => received.map_err(error),
        }
    }

    /// Waits for one message, then receives what else is there, in order, into the front of `values`; how many.
    ///
    /// What is there comes before `Disconnected`.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and only if nothing was received into a non-empty slice.
    pub fn recv_many(&self, values: &mut [T]) -> Result<usize, RecvError> {
        self.many(values, || self.recv(), Refusal::into_recv)
    }

    /// Receives what is there now, in order, into the front of `values`; how many.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv), and only if that would be none into a non-empty slice.
    pub fn try_recv_many(&self, values: &mut [T]) -> Result<usize, TryRecvError> {
        self.many(values, || self.try_recv(), Refusal::into_try_recv)
    }

    /// What is there, or else `one` and what is there then.
    #[inline]
    fn many<X>(
        &self,
        values: &mut [T],
        one: impl FnOnce() -> Result<T, X>,
        error: impl FnOnce(Refusal) -> X,
    ) -> Result<usize, X> {
        match self.pop_many(values) {
            Err(Refusal::Blocked) => {}
            received => return received.map_err(error),
        }
        let Some((first, rest)) = values.split_first_mut() else {
            return Ok(0);
        };
        *first = one()?;
        Ok(1 + self.pop_many(rest).unwrap_or(0))
    }

    /// The messages as they come, until [`recv`](Self::recv) fails: at the end of the stream, mostly.
    pub fn iter(&self) -> Iter<'_, T, E> {
        Iter { receiver: self }
    }

    /// The messages that are there, until [`try_recv`](Self::try_recv) fails.
    pub fn try_iter(&self) -> TryIter<'_, T, E> {
        TryIter { receiver: self }
    }

    /// Takes one message and tells a sender.
    #[inline(always)]
    fn pop(&self) -> Result<T, Refusal> {
        if self.gate.unremarkable(&self.ring().lines().life.0) {
            self.pop_unattended()
        } else {
            self.pop_attending()
        }
    }

    /// The same, when something has happened.
    #[cold]
    fn pop_attending(&self) -> Result<T, Refusal> {
        match self.attend()? {
            Some(orphan) => Ok(orphan),
            None => self.pop_unattended(),
        }
    }

    #[inline(always)]
    fn pop_unattended(&self) -> Result<T, Refusal> {
        match self.end.try_pop() {
            Ok((value, last)) => {
                self.tell(1, last);
                Ok(value)
            }
            Err(refused) => Err(self.endpoint.refusal(refused)),
        }
    }

    /// Takes what is there, across runs; how many.
    fn pop_many(&self, values: &mut [T]) -> Result<usize, Refusal> {
        let mut received = 0;
        while received < values.len() {
            if !self.gate.unremarkable(&self.ring().lines().life.0) {
                match self.attend() {
                    Ok(None) => {}
                    Ok(Some(orphan)) => {
                        values[received] = orphan;
                        received += 1;
                        continue;
                    }
                    Err(_) if received > 0 => break,
                    Err(refusal) => return Err(refusal),
                }
            }
            match self.end.try_pop_many(&mut values[received..]) {
                Ok((count, last)) => {
                    self.tell(count, last);
                    received += count;
                }
                Err(_) if received > 0 => break,
                Err(refused) => return Err(self.endpoint.refusal(refused)),
            }
        }
        Ok(received)
    }

    #[inline(always)]
    fn tell(&self, count: usize, last: Option<u64>) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let more = last.map(|last| move || self.ring().full_after(last));
        self.gate.tell(&self.endpoint, self.ring(), count, Role::Receiver, more);
    }

    /// Something has happened: orphans to take, or the last sender has gone?
    #[cold]
    fn attend(&self) -> Result<Option<T>, Refusal> {
        let Attended::Event(life) = self.endpoint.attend()? else {
            return Ok(None);
        };
        if self.endpoint.peers_gone(life, NoneYet::Wait) {
            self.endpoint.set_ended(true, life);
        }
        if self.endpoint.may_have_orphans(life)
            && let Some(orphan) = self.take_orphan()?
        {
            return Ok(Some(orphan)); // There may be more: the word stays unattended.
        }
        self.endpoint.settle(life);
        Ok(None)
    }

    fn take_orphan(&self) -> Result<Option<T>, Refusal> {
        if !E::MULTI {
            return Ok(None); // A single receiver claims nothing, so it leaves nothing either.
        }
        let orphan = self.endpoint.take_orphan(self.ring())?;
        Ok(orphan.map(|(value, position)| {
            self.tell(1, Some(position));
            value
        }))
    }

    /// Asks the kernel whether anybody will send, and takes over what the dead have left. [`Refusal::Blocked`]: there
    /// is nothing yet, but there may be.
    ///
    /// The order matters: see no sender, *then* reap, *then* look at the ring once more. What a sender did before it
    /// went away is seen by the last look.
    #[cold]
    fn look_after_the_dead(&self) -> Result<T, Refusal> {
        let overdue = self.endpoint.overdue();
        let life = self.endpoint.life();
        let gone = || self.endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        let ended = gone();
        self.endpoint.set_ended(ended, life);
        let reaped = self.endpoint.reap(self.ring(), E::MULTI)?;
        if let Some((value, position)) = reaped.message {
            self.tell(1, Some(position));
            return Ok(value);
        }
        // Orphans are announced in the life word, which `pop` looks at. Once in a while, whatever it says.
        if overdue && let Some(orphan) = self.take_orphan()? {
            return Ok(orphan);
        }
        match self.pop() {
            Err(Refusal::Blocked) if ended && reaped.settled => {}
            popped => return popped,
        }
        match self.ring().drained() {
            // Asked again: a sender that has come since may have sent what another receiver has taken.
            Ok(true) if gone() => {
                self.endpoint.wake_our_own(self.ring());
                Err(Refusal::Disconnected)
            }
            Ok(_) => Err(Refusal::Blocked),
            Err(refused) => Err(self.endpoint.refusal(refused)),
        }
    }

    /// After a refused try: looks after the dead if the senders were gone, or if it is time.
    #[cold]
    fn after_refusal(&self, refusal: Refusal) -> Result<T, Refusal> {
        if refusal == Refusal::Blocked && (self.endpoint.ended() || self.endpoint.time_to_look()) {
            return self.look_after_the_dead();
        }
        Err(refusal)
    }

    /// Waits for a message; [`Refusal::Blocked`] after the deadline.
    #[cold]
    fn waiting<X>(&self, deadline: Option<u64>, error: impl FnOnce(Refusal) -> X) -> Result<T, X> {
        let mut spinning = self.endpoint.spin(deadline);
        loop {
            let seen = self.end.watch();
            if !spinning.step(&seen) {
                return self.sleeping(deadline).map_err(error);
            }
            let refusal = match self.pop() {
                Ok(value) => {
                    spinning.answered(&seen);
                    return Ok(value);
                }
                Err(refusal) => refusal,
            };
            match self.after_refusal(refusal) {
                Err(Refusal::Blocked) => {}
                found => return found.map_err(error),
            }
        }
    }

    /// The same, asleep.
    fn sleeping(&self, deadline: Option<u64>) -> Result<T, Refusal> {
        let mut sleeper = self.endpoint.sleep(deadline);
        while let Some(why) = sleeper.next() {
            let found = match self.pop() {
                Err(Refusal::Blocked) if why == Why::Tick || why == Why::Sleep && self.endpoint.overdue() => {
                    self.look_after_the_dead()
                }
                Err(refusal) => self.after_refusal(refusal),
                found => found,
            };
            match found {
                Err(Refusal::Blocked) => {}
                found => return found,
            }
            if why == Why::Sleep {
                self.endpoint.count_wait();
            }
        }
        Err(Refusal::Blocked)
    }

    /// Closes the channel for both ends, for as long as anybody is attached: sends that begin after this returns are
    /// [`SendError::Disconnected`](crate::SendError::Disconnected), receivers drain what was sent and then get
    /// [`RecvError::Disconnected`].
    pub fn close(&self) {
        self.endpoint.close();
    }
}

super::common_methods!(Receiver);

impl<T: Pod> Clone for Receiver<T, Multi> {
    /// Another handle to the same endpoint. Cannot fail: it takes no record of its own.
    fn clone(&self) -> Self {
        Receiver {
            end: self.end,
            gate: self.gate.clone(),
            endpoint: Arc::clone(&self.endpoint),
        }
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T: Pod, E: End> {
    receiver: &'a Receiver<T, E>,
}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T: Pod, E: End> {
    receiver: &'a Receiver<T, E>,
}

/// The messages of a receiver that is given up with the iterator.
#[derive(Debug)]
pub struct IntoIter<T: Pod, E: End> {
    receiver: Receiver<T, E>,
}

impl<T: Pod, E: End> Iterator for Iter<'_, T, E> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T: Pod, E: End> Iterator for TryIter<'_, T, E> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T: Pod, E: End> Iterator for IntoIter<T, E> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T: Pod, E: End> IntoIterator for Receiver<T, E> {
    type Item = T;
    type IntoIter = IntoIter<T, E>;

    fn into_iter(self) -> IntoIter<T, E> {
        IntoIter { receiver: self }
    }
}

impl<'a, T: Pod, E: End> IntoIterator for &'a Receiver<T, E> {
    type Item = T;
    type IntoIter = Iter<'a, T, E>;

    fn into_iter(self) -> Iter<'a, T, E> {
        self.iter()
    }
}

impl Refusal {
    /// As a receiver reports it. [`Refusal::Blocked`] is the caller's to report; a wait without a deadline never ends
    /// with it.
    fn into_recv(self) -> RecvError {
        match self {
            Refusal::Blocked | Refusal::Disconnected => RecvError::Disconnected,
            Refusal::Corrupt => RecvError::Corrupt,
            Refusal::WrongProcess => RecvError::WrongProcess,
        }
    }

    fn into_try_recv(self) -> TryRecvError {
        match self {
            Refusal::Blocked => TryRecvError::Empty,
            refusal => refusal.into_recv().into(),
        }
    }
}
