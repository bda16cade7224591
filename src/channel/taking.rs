//! How does a receiver come by a message, whatever it then does with it?

use bytemuck::Pod;

use crate::layout::Role;
use crate::ring::Refused;
use crate::ring::receiver::ReceiveEnd;
use crate::ring::target::Target;
use crate::wait::{Spinning, Why};

use super::end::End;
use super::endpoint::{Attended, NoneYet, Refusal};
use super::receiver::Receiver;

/// What is done with a message that is found: it is copied out and its slot freed, or its slot is held.
pub(super) trait Taking<T: Pod> {
    /// What the caller gets.
    type Taken;
    /// The slot is held.
    const HOLDS: bool;

    /// Takes the next message. Where it is to be copied to, `Ok` says that it has been, here and in `held`.
    fn next<E: End>(&mut self, receiver: &Receiver<T, E>) -> Result<Self::Taken, Refused>;

    /// Takes one that the receiver holds already: it has come back, or a dead receiver had it.
    fn held<E: End>(&mut self, receiver: &Receiver<T, E>, value: T, position: u64) -> Self::Taken;
}

/// Copied out, to where it is wanted.
pub(super) struct CopiedTo<'a, T>(pub(super) Target<'a, T>);

impl<T: Pod> Taking<T> for CopiedTo<'_, T> {
    type Taken = ();
    const HOLDS: bool = false;

    #[inline(always)]
    fn next<E: End>(&mut self, receiver: &Receiver<T, E>) -> Result<(), Refused> {
        let last = receiver.end.try_pop_into(&mut self.0)?;
        receiver.tell(1, last);
        Ok(())
    }

    fn held<E: End>(&mut self, receiver: &Receiver<T, E>, value: T, position: u64) {
        self.0.put(value);
        receiver.free(position);
        receiver.tell(1, E::MULTI.then_some(position));
    }
}

impl<T: Pod, E: End> Receiver<T, E> {
    /// Takes one message, which is in `into` if this is `Ok`; `None` if something has happened that comes first.
    #[inline(always)]
    pub(super) fn pop_now(&self, into: &mut Target<'_, T>) -> Result<(), Option<Refusal>> {
        if !self.gate.unremarkable(&self.ring().lines().life.0) {
            return Err(None);
        }
        match self.end.try_pop_into(into) {
            Ok(last) => {
                self.tell(1, last);
                Ok(())
            }
            Err(refused) => Err(Some(self.endpoint.refusal(refused))),
        }
    }

    /// Takes one message.
    #[inline(always)]
    pub(super) fn pop<How: Taking<T>>(&self, how: &mut How) -> Result<How::Taken, Refusal> {
        if self.gate.unremarkable(&self.ring().lines().life.0) {
            self.pop_unattended(how)
        } else {
            self.pop_attending(how)
        }
    }

    /// The same, when something has happened.
    #[cold]
    fn pop_attending<How: Taking<T>>(&self, how: &mut How) -> Result<How::Taken, Refusal> {
        match self.attend(how)? {
            Some(message) => Ok(message),
            None => self.pop_unattended(how),
        }
    }

    #[inline(always)]
    fn pop_unattended<How: Taking<T>>(&self, how: &mut How) -> Result<How::Taken, Refusal> {
        how.next(self).map_err(|refused| self.endpoint.refusal(refused))
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
        let lines = self.ring().lines();
        self.gate.tell(&self.endpoint, lines, count, Role::Receiver, more);
    }

    /// Something has happened: messages that have come back, or the last sender has gone?
    #[cold]
    pub(super) fn attend<How: Taking<T>>(&self, how: &mut How) -> Result<Option<How::Taken>, Refusal> {
        let Attended::Event(life) = self.endpoint.attend()? else {
            return Ok(None);
        };
        if self.endpoint.peers_gone(life, NoneYet::Wait) {
            self.endpoint.set_ended(true, life);
        }
        if self.endpoint.may_have_orphans(life)
            && let Some(message) = self.take_again(how)?
        {
            return Ok(Some(message)); // There may be more: the word stays unattended.
        }
        self.endpoint.settle(life);
        Ok(None)
    }

    /// Takes a message that has come back.
    fn take_again<How: Taking<T>>(&self, how: &mut How) -> Result<Option<How::Taken>, Refusal> {
        let held = self.end.hold_again();
        let held = held.map_err(|refused| self.endpoint.refusal(refused))?;
        Ok(held.map(|(value, position)| self.again(how, value, position)))
    }

    /// A message that some receiver has had before, and that is held now.
    fn again<How: Taking<T>>(&self, how: &mut How, value: T, position: u64) -> How::Taken {
        self.endpoint.count_redelivered();
        how.held(self, value, position)
    }

    /// Asks the kernel whether anybody will send, and takes over what the dead have left. [`Refusal::Blocked`]: there
    /// is nothing yet, but there may be.
    ///
    /// The order matters: see no sender, *then* reap, *then* look at the ring once more. What a sender did before it
    /// went away is seen by the last look.
    #[cold]
    fn look_after_the_dead<How: Taking<T>>(&self, how: &mut How) -> Result<How::Taken, Refusal> {
        let overdue = self.endpoint.overdue();
        let life = self.endpoint.life();
        let gone = || self.endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        let ended = gone();
        self.endpoint.set_ended(ended, life);
        let reaped = self.endpoint.reap(self.ring(), E::MULTI)?;
        if let Some((value, position)) = reaped.message {
            return Ok(self.again(how, value, position));
        }
        // What has come back is announced in the life word, which `pop` looks at. Once in a while, whatever it says.
        if overdue && let Some(message) = self.take_again(how)? {
            return Ok(message);
        }
        match self.pop(how) {
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
        if How::HOLDS
            && !self.has_leases()
            && let Some(held) = self.end.oldest_held().map_err(refusal)?
        {
            self.endpoint.check_owner(self.ring(), held)?;
            self.endpoint.tell_of_the_end();
            return Err(Refusal::Blocked);
        }
        self.endpoint.wake_our_own();
        Err(Refusal::Disconnected)
    }

    /// After a refused try: looks after the dead if the senders were gone, or if it is time.
    #[cold]
    pub(super) fn after_refusal<How: Taking<T>>(&self, how: &mut How, refusal: Refusal) -> Result<How::Taken, Refusal> {
        if refusal == Refusal::Blocked && (self.endpoint.ended() || self.endpoint.time_to_look()) {
            return self.look_after_the_dead(how);
        }
        Err(refusal)
    }

    /// Waits for a message; [`Refusal::Blocked`] after the deadline.
    #[cold]
    pub(super) fn waiting<How: Taking<T>, X>(
        &self,
        how: &mut How,
        deadline: Option<u64>,
        error: impl FnOnce(Refusal) -> X,
    ) -> Result<How::Taken, X> {
        let mut spinning = self.endpoint.spin(deadline);
        loop {
            let seen = self.end.watch();
            if !spinning.step(&seen) {
                return self.sleeping(how, spinning, deadline).map_err(error);
            }
            let refusal = match self.pop(how) {
                Ok(message) => {
                    spinning.answered(&seen);
                    return Ok(message);
                }
                Err(refusal) => refusal,
            };
            match self.after_refusal(how, refusal) {
                Err(Refusal::Blocked) => {}
                found => return found.map_err(error),
            }
        }
    }

    /// The same, asleep.
    fn sleeping<How: Taking<T>>(
        &self,
        how: &mut How,
        spinning: Spinning<'_>,
        deadline: Option<u64>,
    ) -> Result<How::Taken, Refusal> {
        let mut sleeper = self.endpoint.sleep(deadline);
        while let Some(why) = sleeper.next() {
            let found = match self.pop(how) {
                Err(Refusal::Blocked) if why == Why::Tick || why == Why::Sleep && self.endpoint.overdue() => {
                    self.look_after_the_dead(how)
                }
                Err(refusal) => self.after_refusal(how, refusal),
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
