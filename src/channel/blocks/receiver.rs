//! How does a receiver get a message, and what does it do when there is none?

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::{AttachError, RecvError, RecvTimeoutError, TryRecvError};
use crate::pool::Received;
use crate::sync::Relaxed;

use super::super::deadline;
use super::super::endpoint::{Attended, NoneYet, Refusal};
use super::super::place::Place;
use super::super::seat::Seat;
use super::super::waiting::{self, A_TICK, Look};
use super::{Attached, Block, Message};

/// A receiver looks after the dead once in so many messages: under steady traffic it never finds nothing, and what a dead
/// one had would wait for ever.
const LOOK_EACH: u32 = 1024;

/// The receiving end of a channel of blocks.
///
/// Made by [`Channel::receiver`](super::Channel::receiver) or from a [`Seat`]. Each message goes to one receiver. It may be
/// shared between threads or cloned (clones are one endpoint to the others), and detaches when the last clone and the last
/// [`Block`] are dropped.
///
/// After a fork the child's copy answers [`RecvError::WrongProcess`].
pub struct Receiver<M: Message + ?Sized, H: Pod = ()> {
    attached: Arc<Attached<M::Item, H>>,
}

/// A message, and whether it had come to a receiver before.
type Found = (Received, bool);

impl<T: Pod, H: Pod> Receiver<[T], H> {
    pub(super) fn new(place: Place) -> Result<Self, AttachError> {
        Ok(Receiver {
            attached: Attached::new(place)?,
        })
    }

    /// Receives a message, waiting while there is none.
    ///
    /// # Errors
    /// - [`RecvError::Disconnected`]: nothing is left and no sender is, or none can come any more, or the channel is closed.
    ///   A sender that attaches later makes the channel live again. What *other receivers have in hand* is not waited for:
    ///   should one be killed then, its message is left for who asks again, or attaches. Who must not miss that asks again
    ///   when the other processes have ended.
    /// - [`RecvError::Corrupt`]: the shared memory was overwritten; give the channel up.
    /// - [`RecvError::WrongProcess`]: this is a forked child's copy.
    #[inline]
    pub fn recv(&self) -> Result<Block<[T], H>, RecvError> {
        let found = match self.attached.take() {
            Err(Refusal::Blocked) => self.wait(None),
            found => found,
        };
        self.block(found).map_err(Refusal::into_recv)
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`], otherwise as [`recv`](Self::recv). Empty is exact.
    #[inline]
    pub fn try_recv(&self) -> Result<Block<[T], H>, TryRecvError> {
        let attached = &self.attached;
        let found = match attached.take() {
            Err(Refusal::Blocked) if attached.endpoint.ended() || attached.endpoint.time_to_look() => {
                attached.look_after_the_dead()
            }
            found => found,
        };
        self.block(found).map_err(Refusal::into_try_recv)
    }

    /// Receives a message, waiting at most `timeout` for one.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`] if none came, otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Block<[T], H>, RecvTimeoutError> {
        self.recv_until(deadline::after(timeout))
    }

    /// Receives a message, waiting for one until `deadline`.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Block<[T], H>, RecvTimeoutError> {
        self.recv_until(Some(deadline::at(deadline)))
    }

    fn recv_until(&self, deadline: Option<u64>) -> Result<Block<[T], H>, RecvTimeoutError> {
        let found = match self.attached.take() {
            Err(Refusal::Blocked) => self.wait(deadline),
            found => found,
        };
        self.block(found).map_err(Refusal::into_recv_timeout)
    }

    #[cold]
    fn wait(&self, deadline: Option<u64>) -> Result<Found, Refusal> {
        let Attached { endpoint, pool, .. } = &*self.attached;
        let watch = || pool.watch_for_a_message();
        waiting::until(endpoint, deadline, A_TICK, watch, |look| match self.attached.take() {
            Err(Refusal::Blocked) if look == Look::AfterTheDead || endpoint.ended() => {
                self.attached.look_after_the_dead()
            }
            found => found,
        })
    }

    #[inline]
    fn block(&self, found: Result<Found, Refusal>) -> Result<Block<[T], H>, Refusal> {
        let (block, redelivered) = found?;
        let attached = &self.attached;
        // What says that it is longer than its block stays where it is.
        Block::new(Arc::clone(attached), block, redelivered).ok_or_else(|| attached.endpoint.fail())
    }

    /// The messages as they come, until [`recv`](Self::recv) fails: at the end of the stream, mostly.
    pub fn iter(&self) -> Iter<'_, [T], H> {
        Iter { receiver: self }
    }

    /// The messages that are there, until [`try_recv`](Self::try_recv) fails.
    pub fn try_iter(&self) -> TryIter<'_, [T], H> {
        TryIter { receiver: self }
    }

    /// Closes the channel for both ends, for as long as anybody is attached: loans and sends that begin after this returns are
    /// `Disconnected`, receivers get what was sent and then [`RecvError::Disconnected`].
    pub fn close(&self) {
        self.attached.endpoint.close();
    }

    /// Messages that nobody has received. It may be out of date before it is returned, and takes a look at each block.
    pub fn len(&self) -> usize {
        self.attached.pool.len() as usize
    }

    /// There is no message that nobody has received: as stale as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.attached.pool.count() as usize
    }
}

impl<T: Pod, H: Pod> Attached<T, H> {
    /// Takes a message.
    #[inline]
    fn take(&self) -> Result<Found, Refusal> {
        if !self.unremarkable()
            && let Some(found) = self.attend_as_receiver()?
        {
            return Ok(found);
        }
        // Relaxed, both: own line (private to the process).
        let received = self.received.load(Relaxed);
        if received.wrapping_sub(self.looked_at.load(Relaxed)) >= LOOK_EACH
            && let Some(found) = self.look_in_passing(received)?
        {
            return Ok(found);
        }
        match self.pool.receive(self.endpoint.owner()) {
            Ok(block) => {
                // Relaxed: own line (private to the process). Not a read-modify-write: a few less when threads share it.
                self.received.store(received.wrapping_add(1), Relaxed);
                self.gate.count(1);
                Ok((block, false))
            }
            Err(refused) => Err(self.endpoint.refusal(refused)),
        }
    }

    /// Something has happened: messages that have come back, or the last sender has gone?
    #[cold]
    fn attend_as_receiver(&self) -> Result<Option<Found>, Refusal> {
        let endpoint = &self.endpoint;
        let Attended::Event(life) = endpoint.attend()? else {
            return Ok(None);
        };
        if endpoint.peers_gone(life, NoneYet::Wait) {
            endpoint.set_ended(true, life);
        }
        if endpoint.may_have_orphans(life)
            && let Some(found) = self.take_orphan()?
        {
            return Ok(Some(found)); // There may be more: the word stays unattended.
        }
        endpoint.settle(life);
        Ok(None)
    }

    fn take_orphan(&self) -> Result<Option<Found>, Refusal> {
        let orphan = self.pool.take_orphan(self.endpoint.owner());
        let orphan = orphan.map_err(|refused| self.endpoint.refusal(refused))?;
        Ok(orphan.map(|block| self.again(block)))
    }

    /// A message that some receiver has had before, and that is ours now.
    fn again(&self, block: Received) -> Found {
        self.endpoint.count_redelivered();
        self.gate.count(1);
        // Who was woken for another message and has this one instead passes that on.
        self.tell_a_receiver();
        (block, true)
    }

    /// Takes over what the dead have left, though there are other messages.
    #[cold]
    fn look_in_passing(&self, received: u32) -> Result<Option<Found>, Refusal> {
        // Relaxed: own line (private to the process).
        self.looked_at.store(received, Relaxed);
        let reaped = self.endpoint.reap(&self.pool, true)?;
        match reaped.message {
            Some(block) => Ok(Some(self.again(block))),
            None => self.take_orphan(),
        }
    }

    /// Asks the kernel whether anybody will send, and takes over what the dead have left. [`Refusal::Blocked`]: there
    /// is nothing yet, but there may be.
    ///
    /// The order matters: see no sender, *then* reap, *then* look once more. What a sender did before it went away is seen by
    /// the last look.
    #[cold]
    fn look_after_the_dead(&self) -> Result<Found, Refusal> {
        let endpoint = &self.endpoint;
        let life = endpoint.life();
        let gone = || endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        let ended = gone();
        endpoint.set_ended(ended, life);
        let reaped = endpoint.reap(&self.pool, true)?;
        if let Some(block) = reaped.message {
            return Ok(self.again(block));
        }
        if let Some(found) = self.take_orphan()? {
            return Ok(found);
        }
        match self.take() {
            Err(Refusal::Blocked) if ended && reaped.settled => {}
            taken => return taken,
        }
        // Asked again: a sender that has come since may have sent what another receiver has taken.
        let left = self.pool.has_messages().map_err(|refused| endpoint.refusal(refused))?;
        if left || !gone() {
            return Err(Refusal::Blocked);
        }
        endpoint.wake_our_own();
        Err(Refusal::Disconnected)
    }
}

impl<T: Pod, H: Pod> Seat<Receiver<[T], H>> {
    /// The receiver, in this process.
    ///
    /// # Errors
    /// [`AttachError::SeatTaken`] if it was turned into one before, here or elsewhere; otherwise as for
    /// [`Channel::receiver`](super::Channel::receiver).
    pub fn attach(self) -> Result<Receiver<[T], H>, AttachError> {
        Receiver::new(self.take()?)
    }
}

impl<M: Message + ?Sized, H: Pod> Clone for Receiver<M, H> {
    /// Another handle to the same endpoint. Cannot fail: it takes no record of its own.
    fn clone(&self) -> Self {
        Receiver {
            attached: Arc::clone(&self.attached),
        }
    }
}

impl<M: Message + ?Sized, H: Pod> fmt::Debug for Receiver<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("id", &self.attached.endpoint.owner())
            .field("blocks", &self.attached.pool.count())
            .finish_non_exhaustive()
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, M: Message + ?Sized, H: Pod> {
    receiver: &'a Receiver<M, H>,
}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, M: Message + ?Sized, H: Pod> {
    receiver: &'a Receiver<M, H>,
}

/// The messages of a receiver that is given up with the iterator.
#[derive(Debug)]
pub struct IntoIter<M: Message + ?Sized, H: Pod> {
    receiver: Receiver<M, H>,
}

impl<T: Pod, H: Pod> Iterator for Iter<'_, [T], H> {
    type Item = Block<[T], H>;

    fn next(&mut self) -> Option<Block<[T], H>> {
        self.receiver.recv().ok()
    }
}

impl<T: Pod, H: Pod> Iterator for TryIter<'_, [T], H> {
    type Item = Block<[T], H>;

    fn next(&mut self) -> Option<Block<[T], H>> {
        self.receiver.try_recv().ok()
    }
}

impl<T: Pod, H: Pod> Iterator for IntoIter<[T], H> {
    type Item = Block<[T], H>;

    fn next(&mut self) -> Option<Block<[T], H>> {
        self.receiver.recv().ok()
    }
}

impl<T: Pod, H: Pod> IntoIterator for Receiver<[T], H> {
    type Item = Block<[T], H>;
    type IntoIter = IntoIter<[T], H>;

    fn into_iter(self) -> IntoIter<[T], H> {
        IntoIter { receiver: self }
    }
}

impl<'a, T: Pod, H: Pod> IntoIterator for &'a Receiver<[T], H> {
    type Item = Block<[T], H>;
    type IntoIter = Iter<'a, [T], H>;

    fn into_iter(self) -> Iter<'a, [T], H> {
        self.iter()
    }
}
