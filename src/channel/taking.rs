//! How does a receiver come by a message, whatever it then does with it?

use bytemuck::Pod;

use crate::layout::Role;
use crate::ring::Refused;
use crate::ring::receiver::ReceiveEnd;
use crate::wait::{Spinning, Why};

use super::end::End;
use super::endpoint::{Attended, NoneYet, Refusal};
use super::receiver::Receiver;

/// What is done with a message that is found: it is copied out and its slot freed, or its slot is held.
pub(super) trait Taking {
    /// What the caller gets.
    type Taken<T: Pod>;
    /// The slot is held.
    const HOLDS: bool;

    /// Takes the next message.
    fn next<T: Pod, E: End>(receiver: &Receiver<T, E>) -> Result<Self::Taken<T>, Refused>;

    /// Takes one that the receiver holds already: it has come back, or a dead receiver had it.
    fn held<T: Pod, E: End>(receiver: &Receiver<T, E>, value: T, position: u64) -> Self::Taken<T>;
}

/// Copied out.
pub(super) enum Copied {}

impl Taking for Copied {
    type Taken<T: Pod> = T;
    const HOLDS: bool = false;

    #[inline(always)]
    fn next<T: Pod, E: End>(receiver: &Receiver<T, E>) -> Result<T, Refused> {
        let (value, last) = receiver.end.try_pop()?;
        receiver.tell(1, last);
        Ok(value)
    }

    fn held<T: Pod, E: End>(receiver: &Receiver<T, E>, value: T, position: u64) -> T {
        receiver.free(position);
        receiver.tell(1, E::MULTI.then_some(position));
        value
    }
}

impl<T: Pod, E: End> Receiver<T, E> {
    /// Takes one message.
    #[inline(always)]
    pub(super) fn pop<How: Taking>(&self) -> Result<How::Taken<T>, Refusal> {
        if self.gate.unremarkable(&self.ring().lines().life.0) {
            self.pop_unattended::<How>()
        } else {
            self.pop_attending::<How>()
        }
    }

    /// The same, when something has happened.
    #[cold]
    fn pop_attending<How: Taking>(&self) -> Result<How::Taken<T>, Refusal> {
        match self.attend::<How>()? {
            Some(message) => Ok(message),
            None => self.pop_unattended::<How>(),
        }
    }

    #[inline(always)]
    fn pop_unattended<How: Taking>(&self) -> Result<How::Taken<T>, Refusal> {
        How::next(self).map_err(|refused| self.endpoint.refusal(refused))
    }

    /// Frees the slot of a message that is held.
    pub(super) fn free(&self, position: u64) {
        if let Err(refused) = self.end.free(position) {
            self.endpoint.refusal(refused); // For the next operation to say.
        }
    }

    /// After `count` messages were taken and their slots freed.
    #[inline(always)]
    pub(super) fn tell(&self, count: usize, last: Option<u64>) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if E::MULTI {
            self.gate.count(count);
        }
        let more = last.map(|last| move || self.ring().full_after(last));
        self.gate.tell(&self.endpoint, self.ring(), count, Role::Receiver, more);
    }

    /// Something has happened: messages that have come back, or the last sender has gone?
    #[cold]
    pub(super) fn attend<How: Taking>(&self) -> Result<Option<How::Taken<T>>, Refusal> {
        let Attended::Event(life) = self.endpoint.attend()? else {
            return Ok(None);
        };
        if self.endpoint.peers_gone(life, NoneYet::Wait) {
            self.endpoint.set_ended(true, life);
        }
        if self.endpoint.may_have_orphans(life)
            && let Some(message) = self.take_again::<How>()?
        {
            return Ok(Some(message)); // There may be more: the word stays unattended.
        }
        self.endpoint.settle(life);
        Ok(None)
    }

    /// Takes a message that has come back.
    fn take_again<How: Taking>(&self) -> Result<Option<How::Taken<T>>, Refusal> {
        let held = self.end.hold_again();
        let held = held.map_err(|refused| self.endpoint.refusal(refused))?;
        Ok(held.map(|(value, position)| self.again::<How>(value, position)))
    }

    /// A message that some receiver has had before, and that is held now.
    fn again<How: Taking>(&self, value: T, position: u64) -> How::Taken<T> {
        self.endpoint.count_redelivered();
        How::held(self, value, position)
    }

    /// Asks the kernel whether anybody will send, and takes over what the dead have left. [`Refusal::Blocked`]: there
    /// is nothing yet, but there may be.
    ///
    /// The order matters: see no sender, *then* reap, *then* look at the ring once more. What a sender did before it
    /// went away is seen by the last look.
    #[cold]
    fn look_after_the_dead<How: Taking>(&self) -> Result<How::Taken<T>, Refusal> {
        let overdue = self.endpoint.overdue();
        let life = self.endpoint.life();
        let gone = || self.endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        let ended = gone();
        self.endpoint.set_ended(ended, life);
        let reaped = self.endpoint.reap(self.ring(), E::MULTI)?;
        if let Some((value, position)) = reaped.message {
            return Ok(self.again::<How>(value, position));
        }
        // What has come back is announced in the life word, which `pop` looks at. Once in a while, whatever it says.
        if overdue && let Some(message) = self.take_again::<How>()? {
            return Ok(message);
        }
        match self.pop::<How>() {
            Err(Refusal::Blocked) if ended && reaped.settled => {}
            popped => return popped,
        }
        let refusal = |refused| self.endpoint.refusal(refused);
        // Asked again: a sender that has come since may have sent what another receiver has taken.
        if !self.end.drained().map_err(refusal)? || !gone() {
            return Err(Refusal::Blocked);
        }
        // What others hold may come back, and we would be gone. But if we hold something ourselves they may be waiting
        // for us in the same way.
        if How::HOLDS && !self.has_leases() && self.end.any_held().map_err(refusal)? {
            self.endpoint.tell_of_the_end();
            return Err(Refusal::Blocked);
        }
        self.endpoint.wake_our_own(self.ring());
        Err(Refusal::Disconnected)
    }

    /// After a refused try: looks after the dead if the senders were gone, or if it is time.
    #[cold]
    pub(super) fn after_refusal<How: Taking>(&self, refusal: Refusal) -> Result<How::Taken<T>, Refusal> {
        if refusal == Refusal::Blocked && (self.endpoint.ended() || self.endpoint.time_to_look()) {
            return self.look_after_the_dead::<How>();
        }
        Err(refusal)
    }

    /// Waits for a message; [`Refusal::Blocked`] after the deadline.
    #[cold]
    pub(super) fn waiting<How: Taking, X>(
        &self,
        deadline: Option<u64>,
        error: impl FnOnce(Refusal) -> X,
    ) -> Result<How::Taken<T>, X> {
        let mut spinning = self.endpoint.spin(deadline);
        loop {
            let seen = self.end.watch();
            if !spinning.step(&seen) {
                return self.sleeping::<How>(spinning, deadline).map_err(error);
            }
            let refusal = match self.pop::<How>() {
                Ok(message) => {
                    spinning.answered(&seen);
                    return Ok(message);
                }
                Err(refusal) => refusal,
            };
            match self.after_refusal::<How>(refusal) {
                Err(Refusal::Blocked) => {}
                found => return found.map_err(error),
            }
        }
    }

    /// The same, asleep.
    fn sleeping<How: Taking>(&self, spinning: Spinning<'_>, deadline: Option<u64>) -> Result<How::Taken<T>, Refusal> {
        let mut sleeper = self.endpoint.sleep(deadline);
        while let Some(why) = sleeper.next() {
            let found = match self.pop::<How>() {
                Err(Refusal::Blocked) if why == Why::Tick || why == Why::Sleep && self.endpoint.overdue() => {
                    self.look_after_the_dead::<How>()
                }
                Err(refusal) => self.after_refusal::<How>(refusal),
                found => found,
            };
            match found {
                Err(Refusal::Blocked) => {}
                found => {
                    spinning.slept(&sleeper);
                    return found;
                }
            }
            if why == Why::Sleep {
                self.endpoint.count_wait();
            }
        }
        Err(Refusal::Blocked)
    }
}
