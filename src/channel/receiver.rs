//! How is a message received, and what does a receiver do when there is none?

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::{AttachError, RecvError, RecvTimeoutError, TryRecvError};
use crate::ring::Ring;
use crate::ring::receiver::ReceiveEnd;
use crate::ring::target::Target;
use crate::sync::{AtomicU32, Relaxed};

use super::deadline;
use super::end::{End, Multi};
use super::endpoint::{Endpoint, Gate, Refusal};
use super::place::Place;
use super::taking::{CopiedTo, Taking};

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
    pub(super) end: E::Receiver<T>,
    pub(super) gate: Gate,
    pub(super) endpoint: Arc<Endpoint>,
    /// Messages that are out on lease from this handle.
    leases: AtomicU32,
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
            leases: AtomicU32::new(0),
        })
    }

    #[inline(always)]
    pub(super) fn ring(&self) -> &Ring<T> {
        self.end.ring()
    }

    /// A lease begins.
    pub(super) fn begin_lease(&self) {
        // Relaxed: own line (private to the process).
        self.leases.fetch_add(1, Relaxed);
    }

    /// A lease has ended.
    pub(super) fn end_lease(&self) {
        // Relaxed: own line (private to the process).
        self.leases.fetch_sub(1, Relaxed);
    }

    /// Some message is out on lease from this handle.
    pub(super) fn has_leases(&self) -> bool {
        // Relaxed: own line (private to the process).
        self.leases.load(Relaxed) != 0
    }

    /// Receives a message, waiting while there is none.
    ///
    /// A message of 256 bytes or more is better received to where it is wanted, by [`recv_many`](Self::recv_many) into a slice
    /// of one ([`std::slice::from_mut`]): a result goes through the stack, which costs a few copies.
    ///
    /// # Errors
    /// - [`RecvError::Disconnected`]: everything is drained and no sender is left (one had been there), or the channel
    ///   is closed. A sender that attaches later makes the channel live again.
    /// - [`RecvError::Corrupt`]: the shared memory was overwritten; give the channel up.
    /// - [`RecvError::WrongProcess`]: this is a forked child's copy.
    #[inline(always)]
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut place = MaybeUninit::uninit();
        match self.pop_now(&mut Target::new(&mut place)) {
            // SAFETY: `Ok` says that there is a message in it.
            Ok(()) => Ok(unsafe { place.assume_init() }),
            Err(refusal) => self.recv_otherwise(refusal),
        }
    }

    /// Goes on after [`pop_now`](Self::pop_now), with a place of its own: that of [`recv`](Self::recv) can be a register.
    #[cold]
    fn recv_otherwise(&self, refusal: Option<Refusal>) -> Result<T, RecvError> {
        let mut place = MaybeUninit::uninit();
        let mut how = CopiedTo(Target::new(&mut place));
        match refusal {
            None => self.recv_by(&mut how),
            Some(refusal) => self.recv_refused(&mut how, refusal),
        }?;
        // SAFETY: `Ok` says that there is a message in it.
        Ok(unsafe { place.assume_init() })
    }

    #[inline(always)]
    fn recv_by<How: Taking<T>>(&self, how: &mut How) -> Result<How::Taken, RecvError> {
        match self.pop(how) {
            Ok(taken) => Ok(taken),
            Err(refusal) => self.recv_refused(how, refusal),
        }
    }

    /// Goes on after a refusal.
    #[cold]
    fn recv_refused<How: Taking<T>>(&self, how: &mut How, refusal: Refusal) -> Result<How::Taken, RecvError> {
        match refusal {
            Refusal::Blocked => self.waiting(how, None, Refusal::into_recv),
            refusal => Err(refusal.into_recv()),
        }
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`], otherwise as [`recv`](Self::recv). Empty is exact but behind a message that its sender
    /// is still copying in, where later ones may be complete.
    #[inline(always)]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut place = MaybeUninit::uninit();
        match self.pop_now(&mut Target::new(&mut place)) {
            // SAFETY: `Ok` says that there is a message in it.
            Ok(()) => Ok(unsafe { place.assume_init() }),
            Err(refusal) => self.try_recv_otherwise(refusal),
        }
    }

    /// As [`recv_otherwise`](Self::recv_otherwise), without waiting.
    #[cold]
    fn try_recv_otherwise(&self, refusal: Option<Refusal>) -> Result<T, TryRecvError> {
        let mut place = MaybeUninit::uninit();
        let mut how = CopiedTo(Target::new(&mut place));
        match refusal {
            None => self.try_recv_by(&mut how),
            Some(refusal) => self.try_recv_refused(&mut how, refusal),
        }?;
        // SAFETY: `Ok` says that there is a message in it.
        Ok(unsafe { place.assume_init() })
    }

    #[inline(always)]
    fn try_recv_by<How: Taking<T>>(&self, how: &mut How) -> Result<How::Taken, TryRecvError> {
        match self.pop(how) {
            Ok(taken) => Ok(taken),
            Err(refusal) => self.try_recv_refused(how, refusal),
        }
    }

    /// The same without waiting.
    #[cold]
    fn try_recv_refused<How: Taking<T>>(&self, how: &mut How, refusal: Refusal) -> Result<How::Taken, TryRecvError> {
        self.after_refusal(how, refusal).map_err(Refusal::into_try_recv)
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
        let mut place = MaybeUninit::uninit();
        let mut how = CopiedTo(Target::new(&mut place));
        match self.pop(&mut how) {
            Err(Refusal::Blocked) => self.waiting(&mut how, deadline, Refusal::into_recv_timeout),
            received => received.map_err(Refusal::into_recv_timeout),
        }?;
        // SAFETY: `Ok` says that there is a message in it.
        Ok(unsafe { place.assume_init() })
    }

    /// Waits for one message, then receives what else is there, in order, into the front of `values`; how many.
    ///
    /// What is there comes before `Disconnected`.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and only if nothing was received into a non-empty slice.
    pub fn recv_many(&self, values: &mut [T]) -> Result<usize, RecvError> {
        self.many(values, |how| self.recv_by(how), Refusal::into_recv)
    }

    /// Receives what is there now, in order, into the front of `values`; how many.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv), and only if that would be none into a non-empty slice.
    pub fn try_recv_many(&self, values: &mut [T]) -> Result<usize, TryRecvError> {
        self.many(values, |how| self.try_recv_by(how), Refusal::into_try_recv)
    }

    /// What is there, or else `one` and what is there then.
    #[inline]
    fn many<X>(
        &self,
        values: &mut [T],
        one: impl FnOnce(&mut CopiedTo<'_, T>) -> Result<(), X>,
        error: impl FnOnce(Refusal) -> X,
    ) -> Result<usize, X> {
        match self.pop_many(values) {
            Err(Refusal::Blocked) => {}
            received => return received.map_err(error),
        }
        let Some((first, rest)) = values.split_first_mut() else {
            return Ok(0);
        };
        one(&mut CopiedTo(Target::over(first)))?;
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

    /// Takes what is there, across runs; how many.
    fn pop_many(&self, values: &mut [T]) -> Result<usize, Refusal> {
        let mut received = 0;
        while received < values.len() {
            if !self.gate.unremarkable(&self.ring().lines().life.0) {
                match self.attend(&mut CopiedTo(Target::over(&mut values[received]))) {
                    Ok(None) => {}
                    Ok(Some(())) => {
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
                Err(refused) => match self.endpoint.refusal(refused) {
                    _ if received > 0 => break,
                    refusal => return Err(refusal),
                },
            }
        }
        Ok(received)
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
            leases: AtomicU32::new(0),
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
    pub(super) fn into_recv(self) -> RecvError {
        match self {
            Refusal::Blocked | Refusal::Disconnected => RecvError::Disconnected,
            Refusal::Corrupt => RecvError::Corrupt,
            Refusal::WrongProcess => RecvError::WrongProcess,
        }
    }

    pub(super) fn into_try_recv(self) -> TryRecvError {
        match self {
            Refusal::Blocked => TryRecvError::Empty,
            refusal => refusal.into_recv().into(),
        }
    }

    pub(super) fn into_recv_timeout(self) -> RecvTimeoutError {
        match self {
            Refusal::Blocked => RecvTimeoutError::Timeout,
            refusal => refusal.into_recv().into(),
        }
    }
}
