//! How is a message sent, and what does a sender do when it cannot?

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::{AttachError, SendError, SendManyError, SendTimeoutError, TrySendError};
use crate::layout::Role;
use crate::ring::Ring;
use crate::ring::sender::{SendEnd, Sent};
use crate::wait::{Spinning, Why};

use super::deadline;
use super::end::{End, Multi};
use super::endpoint::{Attended, Endpoint, Gate, NoneYet, Refusal};
use super::place::Place;

/// The sending end of a channel.
///
/// Made by [`Channel::sender`](crate::Channel::sender) or from a [`Seat`](crate::Seat). At a single end there is one at
/// a time, and it is `Send` but not `Sync`; at a multi end there are as many as the channel has records for, and each
/// may be shared between threads or cloned (clones are one endpoint to the others).
///
/// Dropping the last clone detaches: when no sender is left, receivers drain the ring and then get
/// [`RecvError::Disconnected`](crate::RecvError::Disconnected). A process that is killed is found out by the kernel's
/// word instead, with the same result a little later.
///
/// After a fork the child's copy answers [`SendError::WrongProcess`]. Handles are not async-signal-safe.
///
/// ```
/// use annulus::mpsc::Channel;
///
/// let channel = Channel::<u64>::anonymous(1024)?;
/// let (tx, rx) = (channel.sender()?, channel.receiver()?);
/// let tx2 = tx.clone();
/// tx.send(1)?;
/// tx2.send(2)?;
/// assert_eq!((rx.recv()?, rx.recv()?), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sender<T: Pod, E: End> {
    end: E::Sender<T>,
    gate: Gate,
    endpoint: Arc<Endpoint>,
}

impl<T: Pod, E: End> Sender<T, E> {
    pub(super) fn new(place: Place) -> Result<Self, AttachError> {
        let ring = place.region.ring::<T>();
        let end = E::sender(ring, place.owner)?;
        let endpoint = Arc::new(Endpoint::new(place)?);
        Ok(Sender {
            end,
            gate: endpoint.gate(),
            endpoint,
        })
    }

    #[inline(always)]
    fn ring(&self) -> &Ring<T> {
        self.end.ring()
    }

    /// Sends `value`, waiting for a place while the ring is full.
    ///
    /// Full means that receivers are slower than senders, so a sender that is also the one to start or to join the
    /// receiver waits for ever, as with a pipe: drain first, or use [`send_timeout`](Self::send_timeout).
    ///
    /// A message of 256 bytes or more is better sent from where it is, by [`send_many`](Self::send_many) of a slice of one
    /// ([`std::slice::from_ref`]), which spares it a copy.
    ///
    /// # Errors
    /// - [`SendError::Disconnected`]: no receiver is left (one had been there), or the channel is closed. The message
    ///   comes back.
    /// - [`SendError::Corrupt`]: the shared memory was overwritten; give the channel up.
    /// - [`SendError::WrongProcess`]: this is a forked child's copy.
    #[inline(always)]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.push(&value) {
            Ok(()) => Ok(()),
            Err(refusal) => self.send_refused(value, refusal),
        }
    }

    /// Goes on with a message that was refused.
    #[cold]
    fn send_refused(&self, value: T, refusal: Refusal) -> Result<(), SendError<T>> {
        let sent = match refusal {
            Refusal::Blocked => self.push_waiting(&value, None),
            refusal => Err(refusal),
        };
        sent.map_err(|refusal| refusal.into_send(value))
    }

    /// Sends `value` if there is a place for it now.
    ///
    /// # Errors
    /// [`TrySendError::Full`], otherwise as [`send`](Self::send). Full is exact but for a slot that a receiver is still
    /// copying out of a lap behind, or has on [`Lease`](crate::Lease), however many slots behind it are free, and for a gap
    /// that a dead sender left until receivers have passed it.
    #[inline(always)]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.push(&value) {
            Ok(()) => Ok(()),
            Err(refusal) => self.try_send_refused(value, refusal),
        }
    }

    /// The same without waiting.
    #[cold]
    fn try_send_refused(&self, value: T, refusal: Refusal) -> Result<(), TrySendError<T>> {
        let sent = match refusal {
            Refusal::Blocked => self.polled(|| self.push(&value)),
            refusal => Err(refusal),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Blocked => TrySendError::Full(value),
            refusal => refusal.into_send(value).into(),
        })
    }

    /// Sends `value`, waiting at most `timeout` for a place.
    ///
    /// # Errors
    /// [`SendTimeoutError::Timeout`] with the message if the ring stayed full, otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(value, deadline::after(timeout))
    }

    /// Sends `value`, waiting for a place until `deadline`.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(value, Some(deadline::at(deadline)))
    }

    fn send_until(&self, value: T, deadline: Option<u64>) -> Result<(), SendTimeoutError<T>> {
        let sent = match self.push(&value) {
            Err(Refusal::Blocked) => self.push_waiting(&value, deadline),
            sent => sent,
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Blocked => SendTimeoutError::Timeout(value),
            refusal => refusal.into_send(value).into(),
        })
    }

    /// Sends all of `values`, in order, waiting for places.
    ///
    /// Other senders' messages may come between. A process killed in here has sent a prefix.
    ///
    /// # Errors
    /// [`SendManyError`]: exactly the first `sent` are published, and why the next is not, as for
    /// [`send`](Self::send).
    pub fn send_many(&self, values: &[T]) -> Result<(), SendManyError> {
        let mut sent = 0;
        while sent < values.len() {
            let rest = &values[sent..];
            let pushed = match self.push_many(rest) {
                Err(Refusal::Blocked) => self.waiting(None, || self.push_many(rest)),
                pushed => pushed,
            };
            match pushed {
                Ok(count) => sent += count,
                Err(refusal) => {
                    return Err(SendManyError {
                        sent,
                        kind: refusal.into_send(()),
                    });
                }
            }
        }
        Ok(())
    }

    /// Sends as many of `values` as there are places for now, in order; how many.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send), and only if that would be none of a non-empty slice.
    pub fn try_send_many(&self, values: &[T]) -> Result<usize, TrySendError<()>> {
        if values.is_empty() {
            return Ok(0);
        }
        let mut sent = 0;
        while sent < values.len() {
            let pushed = match self.push_many(&values[sent..]) {
                Err(Refusal::Blocked) if sent == 0 => self.polled(|| self.push_many(values)),
                pushed => pushed,
            };
            match pushed {
                Ok(count) => sent += count,
                Err(_) if sent > 0 => break,
                Err(Refusal::Blocked) => return Err(TrySendError::Full(())),
                Err(refusal) => return Err(refusal.into_send(()).into()),
            }
        }
        Ok(sent)
    }

    /// Puts one message in and tells a receiver.
    #[inline(always)]
    fn push(&self, value: &T) -> Result<(), Refusal> {
        self.checked()?;
        match self.end.try_push(value) {
            Ok(sent) => {
                self.tell(sent);
                Ok(())
            }
            Err(refused) => Err(self.endpoint.refusal(refused)),
        }
    }

    /// Puts in what fits and tells as many receivers; how many messages.
    #[inline]
    fn push_many(&self, values: &[T]) -> Result<usize, Refusal> {
        self.checked()?;
        let sent = self.end.try_push_many(values);
        let sent = sent.map_err(|refused| self.endpoint.refusal(refused))?;
        self.tell(sent);
        Ok(sent.count)
    }

    #[inline(always)]
    fn checked(&self) -> Result<(), Refusal> {
        if self.gate.unremarkable(&self.ring().lines().life.0) {
            return Ok(());
        }
        self.attend()
    }

    #[inline(always)]
    fn tell(&self, sent: Sent) {
        let count = u32::try_from(sent.count).unwrap_or(u32::MAX);
        if E::MULTI {
            self.gate.count(count);
        }
        let more = sent.last.map(|last| move || self.ring().free_after(last));
        let lines = self.ring().lines();
        self.gate.tell(&self.endpoint, lines, count, Role::Sender, more);
    }

    /// Something has happened: closed, or the last receiver has gone?
    #[cold]
    fn attend(&self) -> Result<(), Refusal> {
        let Attended::Event(life) = self.endpoint.attend()? else {
            return Ok(());
        };
        if self.endpoint.peers_gone(life, NoneYet::Wait) {
            self.endpoint.unsettle();
            return Err(Refusal::Disconnected);
        }
        self.endpoint.settle(life);
        Ok(())
    }

    /// Asks the kernel whether anybody will make room, and repairs what keeps anybody from it.
    #[cold]
    fn look_after_the_dead(&self) -> Result<(), Refusal> {
        let life = self.endpoint.life();
        let gone = self.endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        self.endpoint.reap(self.ring(), false)?;
        if gone {
            self.endpoint.unsettle();
            return Err(Refusal::Disconnected);
        }
        Ok(())
    }

    /// After a refused try: the same, if it is time.
    fn polled<R>(&self, again: impl Fn() -> Result<R, Refusal>) -> Result<R, Refusal> {
        if !self.endpoint.time_to_look() {
            return Err(Refusal::Blocked);
        }
        self.look_after_the_dead()?;
        again()
    }

    #[cold]
    fn push_waiting(&self, value: &T, deadline: Option<u64>) -> Result<(), Refusal> {
        self.waiting(deadline, || self.push(value))
    }

    /// Waits until `push` is not refused; [`Refusal::Blocked`] after the deadline.
    #[cold]
    fn waiting<R>(&self, deadline: Option<u64>, push: impl Fn() -> Result<R, Refusal>) -> Result<R, Refusal> {
        let mut spinning = self.endpoint.spin_at_full_ring(deadline);
        loop {
            let seen = self.end.watch();
            if !spinning.step(&seen) {
                return self.sleeping(spinning, deadline, push);
            }
            match push() {
                Err(Refusal::Blocked) => {}
                pushed => {
                    spinning.answered(&seen);
                    return pushed;
                }
            }
            if self.endpoint.time_to_look() {
                self.look_after_the_dead()?;
            }
        }
    }

    /// The same, asleep.
    fn sleeping<R>(
        &self,
        spinning: Spinning<'_>,
        deadline: Option<u64>,
        push: impl Fn() -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let mut sleeper = self.endpoint.sleep(deadline);
        while let Some(why) = sleeper.next() {
            if why == Why::Tick || why == Why::Sleep && self.endpoint.overdue() {
                self.look_after_the_dead()?;
            }
            match push() {
                Err(Refusal::Blocked) => {}
                pushed => {
                    spinning.slept(&sleeper);
                    return pushed;
                }
            }
            if why == Why::Sleep {
                self.endpoint.count_wait();
            }
        }
        Err(Refusal::Blocked)
    }

    /// Closes the channel for both ends, for as long as anybody is attached: sends that begin after this returns are
    /// [`SendError::Disconnected`], receivers drain what was sent and then get `Disconnected`. A send under way in
    /// another thread or process may still succeed, and is delivered if a receiver looks again.
    pub fn close(&self) {
        self.endpoint.close();
    }
}

super::common_methods!(Sender);

impl<T: Pod> Clone for Sender<T, Multi> {
    /// Another handle to the same endpoint. Cannot fail: it takes no record of its own.
    fn clone(&self) -> Self {
        Sender {
            end: self.end,
            gate: self.gate.clone(),
            endpoint: Arc::clone(&self.endpoint),
        }
    }
}

impl Refusal {
    /// As a sender reports it. [`Refusal::Blocked`] is the caller's to report; a wait without a deadline never ends
    /// with it.
    pub(super) fn into_send<V>(self, value: V) -> SendError<V> {
        match self {
            Refusal::Blocked | Refusal::Disconnected => SendError::Disconnected(value),
            Refusal::Corrupt => SendError::Corrupt(value),
            Refusal::WrongProcess => SendError::WrongProcess(value),
        }
    }
}
