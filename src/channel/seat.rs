//! How does a child of a fork get an endpoint that counts from before the fork?

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::Pod;

use crate::error::AttachError;
use crate::layout::FenceMode;
use crate::layout::table::SeatState;
use crate::layout::{Owner, Role};
use crate::region::lock::{self, LockFile};
use crate::region::{Region, barrier};
use crate::sync::Relaxed;

use super::end::End;
use super::endpoint::Place;
use super::reaper::announce;
use super::receiver::Receiver;
use super::sender::Sender;

/// A reserved endpoint: made before a fork, turned into an endpoint by the child (or by the parent after all).
///
/// `X` is the [`Sender`] or [`Receiver`] that it becomes. A seat counts as attached from the moment that it is reserved,
/// through descriptions that deliberately cross the fork; so a child that dies before it attaches is an end of stream,
/// as with a pipe. And as with a pipe, every process that does not use its copy should drop it: while one is left, the
/// others think that somebody may still sit down.
///
/// One process takes the seat; a second [`attach`](Seat::attach) is [`AttachError::SeatTaken`].
pub struct Seat<X> {
    region: Arc<Region>,
    /// `None` once it has been made an endpoint.
    locks: Option<LockFile>,
    role: Role,
    owner: Owner,
    endpoint: PhantomData<fn() -> X>,
}

impl<X> Seat<X> {
    pub(super) fn reserve(region: Arc<Region>, role: Role, only: Option<Owner>) -> Result<Self, AttachError> {
        let locks = LockFile::open_heritable(region.file())?;
        let place = Place::take(region, locks, role, only, SeatState::Reserved)?;
        Ok(Seat {
            region: place.region,
            locks: Some(place.locks),
            role,
            owner: place.owner,
            endpoint: PhantomData,
        })
    }

    /// Sits down: from now on the seat is this process's endpoint, and no child of its own inherits it.
    fn take(mut self) -> Result<Place, AttachError> {
        if self.region.fence_mode() == FenceMode::Membarrier {
            barrier::register().map_err(|_| AttachError::MembarrierUnavailable)?;
        }
        let seat = &self.region.record(self.owner).seat;
        let (from, to) = (SeatState::Reserved as u32, SeatState::Taken as u32);
        // Relaxed, both: under the owner byte, which every copy of the seat holds; the exchange alone decides.
        if seat.compare_exchange(from, to, Relaxed, Relaxed).is_err() {
            return Err(AttachError::SeatTaken);
        }
        let locks = self.locks.take().expect("taken only here and by drop");
        let place = Place {
            region: Arc::clone(&self.region),
            locks: locks.adopt(),
            role: self.role,
            owner: self.owner,
        };
        place.sign();
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
            let record = self.region.record(self.owner);
            // Relaxed, both: under the owner byte.
            if record.seat.load(Relaxed) == SeatState::Reserved as u32 {
                record.role.store(0, Relaxed);
            }
            drop(locks);
            announce(&self.region);
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
