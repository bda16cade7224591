//! How does a child of a fork get an endpoint that counts from before the fork?

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::Pod;

use crate::error::AttachError;
use crate::layout::FenceMode;
use crate::layout::table::SeatState;
use crate::layout::{Owner, Role};
use crate::region::lock::{self, LockFile, SeatLocks};
use crate::region::{Region, barrier};
use crate::sync::Relaxed;

use super::end::End;
use super::place::Place;
use super::reaper;
use super::receiver::Receiver;
use super::sender::Sender;

/// A reserved endpoint: made before a fork, turned into an endpoint by the child (or by the parent after all).
///
/// `X` is the [`Sender`] or [`Receiver`] that it becomes. A seat counts as attached from the moment that it is reserved,
/// through descriptions that deliberately cross the fork; so a child that dies before it attaches is an end of stream,
/// as with a pipe. And as with a pipe, every process that does not use its copy should drop it: until somebody sits down,
/// the others think as long as a copy is left that somebody may.
///
/// One process takes the seat; a second [`attach`](Seat::attach) is [`AttachError::SeatTaken`].
pub struct Seat<X> {
    region: Arc<Region>,
    /// `None` once it has been made an endpoint.
    locks: Option<SeatLocks>,
    role: Role,
    owner: Owner,
    /// The record's, from when it was reserved: tells this seat from a later one with the same id.
    generation: u32,
    endpoint: PhantomData<fn() -> X>,
}

impl<X> Seat<X> {
    pub(super) fn reserve(region: Arc<Region>, role: Role, only: Option<Owner>) -> Result<Self, AttachError> {
        region.renew_presence()?;
        let locks = LockFile::open(region.file())?;
        let place = Place::take(region, locks, role, only, SeatState::Reserved)?;
        // Relaxed: under the owner byte.
        let generation = place.region.record(place.owner).generation.load(Relaxed);
        Ok(Seat {
            region: place.region,
            // From here on, and not while the endpoint attached: a child forked meanwhile would hold the attach byte.
            locks: Some(place.locks.bequeath()?),
            role,
            owner: place.owner,
            generation,
            endpoint: PhantomData,
        })
    }

    /// Sits down: from now on the seat is this process's endpoint, and no child of its own inherits it.
    pub(super) fn take(mut self) -> Result<Place, AttachError> {
        if self.region.fence_mode() == FenceMode::Membarrier {
            barrier::register().map_err(|_| AttachError::MembarrierUnavailable)?;
        }
        self.region.renew_presence()?;
        let locks = self.locks.as_ref().expect("taken only below and by drop");
        let place = Place::sit_down(Arc::clone(&self.region), locks, self.role, self.owner, self.generation)?;
        self.locks = None;
        Ok(place)
    }
}

impl<T: Pod, E: End> Seat<Sender<T, E>> {
    /// The sender, in this process.
    ///
    /// # Errors
    /// [`AttachError::SeatTaken`] if it was turned into one before, here or elsewhere; otherwise as for
    /// [`Channel::sender`](crate::Channel::sender).
    pub fn attach(self) -> Result<Sender<T, E>, AttachError> {
        Sender::new(self.take()?)
    }
}

impl<T: Pod, E: End> Seat<Receiver<T, E>> {
    /// The receiver, in this process.
    ///
    /// # Errors
    /// [`AttachError::SeatTaken`] if it was turned into one before, here or elsewhere; otherwise as for
    /// [`Channel::receiver`](crate::Channel::receiver).
    pub fn attach(self) -> Result<Receiver<T, E>, AttachError> {
        Receiver::new(self.take()?)
    }
}

impl<X> Drop for Seat<X> {
    fn drop(&mut self) {
        let Some(locks) = self.locks.take() else {
            return;
        };
        drop(locks);
        // If that was the last copy, nobody will sit down: tell those who wait. Should this fail, or the process die
        // here, they find out by their ticks.
        let Ok(locks) = LockFile::open(self.region.file()) else {
            return;
        };
        if matches!(locks.try_lock(lock::owner_byte(self.owner.id())), Ok(true)) {
            // Relaxed: under the owner byte. Taken: somebody sat here and died, and may have left claims.
            let record = self.region.record(self.owner);
            if record.generation.load(Relaxed) == self.generation
                && record.seat.load(Relaxed) == SeatState::Reserved as u32
            {
                reaper::clean(&self.region, self.owner);
            }
            drop(locks);
            reaper::announce(&self.region);
        }
    }
}

impl<X> fmt::Debug for Seat<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("role", &self.role)
            .field("id", &self.owner)
            .finish_non_exhaustive()
    }
}
