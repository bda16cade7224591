//! How does a process become an endpoint: which id, under which locks?
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | the attach byte | nothing: the kernel frees it | |
//! | the owner byte | an id that was taken for a moment | the kernel |
//! | part of the sweep of the id | a record that still names the dead one before | the next reaper or newcomer |
//! | the sweep, before the record is clean | the same | the same |
//! | the role byte, or the record | a dead endpoint without slots | the next reaper |
//! | the life word | a sender or receiver that has been here and is gone: end of stream | as it should be |
//! | seat: `Taken`, or the passing byte | a seat that nobody can take any more; dead, once its other copies are dropped | the next reaper |
//! | seat: releasing the seat's locks | a dead endpoint without slots | the next reaper |

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::edge;
use crate::error::AttachError;
use crate::layout::table::SeatState;
use crate::layout::{Life, Owner, Role};
use crate::region::lock::{self, LockFile, SeatLocks};
use crate::region::{Region, process};
use crate::ring::Refused;
use crate::sync::{Relaxed, now};
use crate::tries;

use super::reaper;

/// How long an attach waits for another one, in nanoseconds. A guess: an attach takes microseconds, so whoever holds the
/// byte for a second is stopped.
const PATIENCE: u64 = 1_000_000_000;

/// An endpoint's id and locks, before anybody sends or receives with it.
#[derive(Debug)]
pub(super) struct Place {
    // Dropped before the region, whose name may go with the last endpoint.
    pub(super) locks: LockFile,
    pub(super) region: Arc<Region>,
    pub(super) role: Role,
    pub(super) owner: Owner,
}

impl Place {
    /// Takes an id: `only`, or the first free one. `locks` is a fresh description.
    pub(super) fn take(
        region: Arc<Region>,
        locks: LockFile,
        role: Role,
        only: Option<Owner>,
        seat: SeatState,
    ) -> Result<Place, AttachError> {
        wait_for_attach_byte(&locks)?;
        // Relaxed: hint (re-checked by `Endpoint::attend`).
        if !Life::from_bits(region.lines().life.0.load(Relaxed)).possible() {
            return Err(AttachError::Corrupt);
        }
        let alone = !locks.held_elsewhere(lock::ENDPOINTS)?;
        let owner = match only {
            Some(owner) => take_only(&region, &locks, role, owner)?,
            None => take_free(&region, &locks)?,
        };
        let contents = region.contents();
        // Relaxed: under the owner byte.
        let left = Role::decode(region.record(owner).role.load(Relaxed)).map_err(|()| Refused::Corrupt)?;
        match (left, only) {
            (_, Some(_)) => {}
            (Some(role), None) => {
                // Somebody died with this id. What it had claimed would pass for ours.
                contents.reap(owner, role)?;
                reaper::tell_of(&region, owner);
            }
            (None, None) => {
                // Nothing is left under it. A claim of nobody's would pass for ours, too.
                for at in contents.held_up_at()? {
                    if contents
                        .claim_at(at)?
                        .is_some_and(|(claimed_by, _)| claimed_by == owner)
                    {
                        return Err(AttachError::Corrupt);
                    }
                }
            }
        }
        // Not before the sweep: until then we are a reaper to the others, and what the dead one held is unsettled.
        take_role_byte(&locks, role, owner)?;
        write_record(&region, owner, role, seat)?;
        reaper::reap_the_dead(&region, &contents, &locks, Some(owner), false)?;
        let messages = alone && contents.has_messages()?;
        // The attach byte keeps other attachers away; closing and detaching go on.
        let attached = |bits| {
            let life = Life::from_bits(bits);
            let life = if alone { life.begin() } else { life };
            let life = match role {
                Role::Sender => life.see_sender(),
                Role::Receiver if messages => life.see_sender().see_receiver(),
                Role::Receiver => life.see_receiver(),
            };
            life.bits()
        };
        let life = &region.lines().life.0;
        // Success [LIFE] Release, pairs with an endpoint's reading of the word. Failure Relaxed: tried again.
        life.fetch_update(edge::LIFE.release(), Relaxed, tries::at_most(attached))
            .map_err(|_| AttachError::Corrupt)?;
        locks.unlock(lock::ATTACH)?;
        Ok(Place {
            region,
            locks,
            role,
            owner,
        })
    }

    /// Takes over `seat`'s id and record, for a description of this process's own.
    ///
    /// The seat's locks are shared with whoever else has a copy of it, so they must go, and ours take their place. In
    /// between, a byte that is no id's says that an endpoint with this role lives, and the attach byte keeps newcomers
    /// off the id. (A reaper may clean the record meanwhile: nothing is under it yet.)
    ///
    /// `generation` is the record's when the seat was reserved: with another one the id has been reused since somebody
    /// sat down, and the seat that is reserved there now is not this one.
    pub(super) fn sit_down(
        region: Arc<Region>,
        seat: &SeatLocks,
        role: Role,
        owner: Owner,
        generation: u32,
    ) -> Result<Place, AttachError> {
        let locks = LockFile::open(region.file())?;
        wait_for_attach_byte(&locks)?;
        let record = region.record(owner);
        let passing = lock::passing_byte(role, owner.id());
        if !locks.try_lock(passing)? {
            return Err(AttachError::Busy);
        }
        // Relaxed, all: under the attach byte.
        let state = SeatState::decode(record.seat.load(Relaxed)).ok_or(AttachError::Corrupt)?;
        if record.generation.load(Relaxed) != generation || state != SeatState::Reserved {
            return Err(AttachError::SeatTaken);
        }
        record.seat.store(SeatState::Taken as u32, Relaxed);
        seat.release()?;
        with_patience(|| locks.try_lock(lock::owner_byte(owner.id())))?;
        take_role_byte(&locks, role, owner)?;
        write_record(&region, owner, role, SeatState::Taken)?;
        locks.unlock(passing)?;
        locks.unlock(lock::ATTACH)?;
        Ok(Place {
            region,
            locks,
            role,
            owner,
        })
    }
}

/// Waits for what others have for microseconds only, unless they are stopped.
fn with_patience(mut attempt: impl FnMut() -> io::Result<bool>) -> Result<(), AttachError> {
    let give_up = now().saturating_add(PATIENCE);
    let mut pause = Duration::from_micros(20);
    while !attempt()? {
        if now() >= give_up {
            return Err(AttachError::Busy);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    Ok(())
}

fn wait_for_attach_byte(locks: &LockFile) -> Result<(), AttachError> {
    with_patience(|| locks.try_lock(lock::ATTACH))
}

/// Only an endpoint with this id has it, and under the owner byte there is none.
fn take_role_byte(locks: &LockFile, role: Role, owner: Owner) -> Result<(), AttachError> {
    if locks.try_lock(lock::role_byte(role, owner.id()))? {
        Ok(())
    } else {
        Err(AttachError::Busy)
    }
}

fn take_only(region: &Region, locks: &LockFile, role: Role, owner: Owner) -> Result<Owner, AttachError> {
    let byte = lock::role_byte(role, owner.id());
    let mut alive = false;
    with_patience(|| {
        // Without its role byte, the owner byte is held for a moment only: by a seat that is dropped.
        let taken = locks.try_lock(lock::owner_byte(owner.id()))?;
        alive = !taken && locks.held_elsewhere(byte..byte + 1)?;
        Ok(taken || alive)
    })?;
    if !alive {
        return Ok(owner);
    }
    Err(AttachError::AlreadyAttached {
        role: role.name(),
        // Relaxed: hint (for the message alone).
        pid: region.record(owner).pid.load(Relaxed),
    })
}

/// A clean id if there is one, else one whose endpoint is dead.
fn take_free(region: &Region, locks: &LockFile) -> Result<Owner, AttachError> {
    let ids = || (Owner::FIRST_MULTI..region.geometry().table_length).filter_map(Owner::new);
    // Relaxed: hint (the owner byte decides).
    let clean = |owner: &Owner| region.record(*owner).role.load(Relaxed) == 0;
    // Then all, not those that are not clean: one may be cleaned between the two looks.
    for owner in ids().filter(clean).chain(ids()) {
        if locks.try_lock(lock::owner_byte(owner.id()))? {
            return Ok(owner);
        }
    }
    Err(AttachError::TableFull {
        length: u32::from(region.geometry().table_length - Owner::FIRST_MULTI),
    })
}

fn write_record(region: &Region, owner: Owner, role: Role, seat: SeatState) -> Result<(), Refused> {
    let record = region.record(owner);
    let me = process::identity();
    let began = region.contents().begins(owner)?;
    // Relaxed, all: under the owner byte.
    let generation = record.generation.load(Relaxed).wrapping_add(1);
    record.generation.store(generation, Relaxed);
    record.pid.store(me.pid, Relaxed);
    record.started.store(me.started, Relaxed);
    for (word, bytes) in record.name.iter().zip(me.name.as_chunks().0) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
    for counter in record.counters() {
        counter.store(0, Relaxed);
    }
    record.began.store(began, Relaxed);
    record.seat.store(seat as u32, Relaxed);
    record.role.store(role as u32, Relaxed);
    Ok(())
}
