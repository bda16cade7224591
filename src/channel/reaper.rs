//! Who takes over what the dead have left?
//!
//! Whoever holds the dead endpoint's owner byte, and only while holding it: the kernel gives the byte to one reaper, and
//! takes it back should that one die too. An endpoint never looks at its own id (its own lock looks free to it).
//!
//! # Nobody's claims
//! A claim under an id whose record is clean holds others up for ever, since nobody dead is to be found. On a sound ring there
//! is none to whoever holds the id's owner byte. Who attaches takes the byte, then writes its role, and then makes claims; who
//! detaches has ended them before it cleans the record, and lets go of the byte last; who cleans the record of a dead one
//! holds the byte, and has repaired what it had claimed. A seat's record says a role from before anybody sits down, and is
//! cleaned only while nobody has. Whoever is killed in between leaves either the role or no claim, and the kernel orders
//! what it has done before us as it does all that comes before a byte. Without the byte it may look otherwise for a moment,
//! since neither the role nor the claim is stored with Release. So who is held up by a claim [looks again under the
//! byte](check_owner), and answers `Corrupt` if it is still there. loom's `a_claim_that_stands_is_somebodys` fails without the byte.
//!
//! # Edges
//! | label | stored at | loaded at | protects |
//! |---|---|---|---|
//! | `LIFE` | [`clean`], [`announce`], attach, close | [`Endpoint::life`](super::endpoint::Endpoint::life) | the orphans and gaps that the word speaks of are found |
//! | `CLEAN` | [`clean`]: no role | [`reap_the_dead`]: look at the role | who passes a clean record over finds its slots repaired |
//! | `REAPING` | end of one thread's reaping | beginning of another's, in one process | lock calls through one description do not mix |
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | the dead one's owner byte | a dead endpoint | the next reaper: the kernel has freed the byte |
//! | any repair of a slot | that one repaired, the others not; the record still names the dead one | the next reaper |
//! | a message taken over | a message claimed by a dead endpoint: ours | whoever reaps us |
//! | the number of orphanings, before the record is clean | the same, and a look for orphans that may find some | the next reaper |
//! | the record is clean, before the announcement | gaps and orphans that nobody has been told of | orphans: the number in the life word; sleepers: their ticks |

use std::convert::Infallible;

use bytemuck::Pod;

use crate::edge;
use crate::layout::{Life, Owner, Role};
use crate::pool::{Pool, Received};
use crate::region::Region;
use crate::region::contents::Contents;
use crate::region::lock::{self, LockFile};
use crate::ring::{Refused, Ring};
use crate::sync::Relaxed;
use crate::wait;

/// How a transport repairs what one dead endpoint has left in it, for who holds its owner byte.
pub(super) trait Repair {
    /// A message of a dead receiver's, ours to deliver.
    type Message;

    /// Ends what `dead` had claimed; how many slots or blocks.
    fn repair(&self, dead: Owner, role: Role) -> Result<u64, Refused>;

    /// The same of a dead receiver, but that its oldest message goes to the receiver `me`.
    fn repair_and_take(&self, dead: Owner, me: Owner) -> Result<(u64, Option<Self::Message>), Refused>;

    /// Where claims hold others up now: slots or blocks.
    fn held_up_at(&self) -> Result<Vec<u64>, Refused>;

    /// The claim there, if there is one, as its word, and the endpoint that it names.
    fn claim_at(&self, at: u64) -> Result<Option<(Owner, u64)>, Refused>;
}

impl<T: Pod> Repair for Ring<T> {
    /// The message and its position, whose slot is ours to free.
    type Message = (T, u64);

    fn repair(&self, dead: Owner, role: Role) -> Result<u64, Refused> {
        self.reap(dead, role).map(|repairs| repairs.slots())
    }

    fn repair_and_take(&self, dead: Owner, me: Owner) -> Result<(u64, Option<(T, u64)>), Refused> {
        let (repairs, claim) = self.reap_and_take(dead, me)?;
        let slots = repairs.slots() + u64::from(claim.is_some());
        Ok((slots, claim.map(|claim| (claim.read(), claim.position()))))
    }

    fn held_up_at(&self) -> Result<Vec<u64>, Refused> {
        self.held_up_at()
    }

    fn claim_at(&self, at: u64) -> Result<Option<(Owner, u64)>, Refused> {
        self.claim_at(at)
    }
}

impl<H: Pod> Repair for Pool<H> {
    type Message = Received;

    fn repair(&self, dead: Owner, role: Role) -> Result<u64, Refused> {
        self.reap(dead, role)
    }

    fn repair_and_take(&self, dead: Owner, me: Owner) -> Result<(u64, Option<Received>), Refused> {
        self.reap_and_take(dead, me)
    }

    fn held_up_at(&self) -> Result<Vec<u64>, Refused> {
        self.held_up_at()
    }

    fn claim_at(&self, at: u64) -> Result<Option<(Owner, u64)>, Refused> {
        self.claim_at(at)
    }
}

impl Repair for Contents {
    /// Nobody who delivers knows so little of the messages.
    type Message = Infallible;

    fn repair(&self, dead: Owner, role: Role) -> Result<u64, Refused> {
        self.reap(dead, role)
    }

    fn repair_and_take(&self, dead: Owner, _me: Owner) -> Result<(u64, Option<Infallible>), Refused> {
        Ok((self.reap(dead, Role::Receiver)?, None))
    }

    fn held_up_at(&self) -> Result<Vec<u64>, Refused> {
        self.held_up_at()
    }

    fn claim_at(&self, at: u64) -> Result<Option<(Owner, u64)>, Refused> {
        self.claim_at(at)
    }
}

/// What a pass over the dead came to.
#[derive(Debug)]
pub(super) struct Reaped<M> {
    /// A message that a dead receiver had claimed. The pass ended there.
    pub(super) message: Option<M>,
    /// Slots or blocks repaired.
    pub(super) slots: u64,
    /// No dead endpoint is left in some other reaper's hands.
    pub(super) settled: bool,
}

/// Reaps every dead multi endpoint of `region`, through the description `locks`, which belongs to `me`.
///
/// A multi receiver passes `deliver`: the oldest message of a dead receiver is then its own.
pub(super) fn reap_the_dead<X: Repair>(
    region: &Region,
    transport: &X,
    locks: &LockFile,
    me: Option<Owner>,
    deliver: bool,
) -> Result<Reaped<X::Message>, Refused> {
    let mut reaped = Reaped {
        message: None,
        slots: 0,
        settled: true,
    };
    let ids = Owner::FIRST_MULTI..region.geometry().table_length;
    for owner in ids.filter_map(Owner::new).filter(|&o| Some(o) != me) {
        let role = &region.record(owner).role;
        // [CLEAN] Acquire, pairs with whoever cleaned the record: its slots are seen repaired.
        let seen = match Role::decode(role.load(edge::CLEAN.acquire())) {
            Ok(None) => continue,
            Ok(Some(seen)) => seen,
            Err(()) => return Err(Refused::Corrupt),
        };
        if !locks.try_lock(lock::owner_byte(owner.id())).unwrap_or(false) {
            reaped.settled &= alive(locks, owner, seen);
            continue;
        }
        // Relaxed: under the owner byte.
        let outcome = match Role::decode(role.load(Relaxed)) {
            Ok(None) => Ok(None), // Detached or reaped between the two looks.
            Ok(Some(role)) => repair(region, transport, (owner, role), me.filter(|_| deliver), &mut reaped),
            Err(()) => Err(Refused::Corrupt),
        };
        // Killed before this, the kernel does it. An error leaves the byte held until we detach: the slots are
        // repaired, all that is lost is the id.
        let _ = locks.unlock(lock::owner_byte(owner.id()));
        if let Some(message) = outcome? {
            reaped.message = Some(message);
            return Ok(reaped);
        }
    }
    // Where something was repaired nobody may be held up any more: that is for the next look.
    if reaped.slots == 0 {
        for at in transport.held_up_at()? {
            check_owner(region, transport, locks, me, at)?;
        }
    }
    Ok(reaped)
}

/// The claim at `at`, if there is one, is somebody's: of an endpoint that lives, or dead and not repaired yet, as far as can
/// be seen through the description `locks`, which belongs to `me`.
pub(super) fn check_owner<X: Repair>(
    region: &Region,
    transport: &X,
    locks: &LockFile,
    me: Option<Owner>,
    at: u64,
) -> Result<(), Refused> {
    let Some((owner, claim)) = transport.claim_at(at)?.filter(|&(owner, _)| Some(owner) != me) else {
        return Ok(());
    };
    let still_there = || Ok(transport.claim_at(at)? == Some((owner, claim)));
    let role = &region.record(owner).role;
    // Relaxed: hint (re-checked under the owner byte).
    if role.load(Relaxed) != 0 || !still_there()? {
        return Ok(());
    }
    if !locks.try_lock(lock::owner_byte(owner.id())).unwrap_or(false) {
        return Ok(());
    }
    // Relaxed: under the owner byte.
    let clean = role.load(Relaxed) == 0;
    let still_there = still_there();
    // An error leaves the byte held, as above.
    let _ = locks.unlock(lock::owner_byte(owner.id()));
    if clean && still_there? {
        return Err(Refused::Corrupt);
    }
    Ok(())
}

/// Repairs what `dead`, of this role, has left, under its owner byte.
fn repair<X: Repair>(
    region: &Region,
    transport: &X,
    (dead, role): (Owner, Role),
    deliver_to: Option<Owner>,
    reaped: &mut Reaped<X::Message>,
) -> Result<Option<X::Message>, Refused> {
    let (slots, message) = match deliver_to {
        Some(me) if role == Role::Receiver => transport.repair_and_take(dead, me)?,
        _ => (transport.repair(dead, role)?, None),
    };
    reaped.slots += slots;
    tell_of(region, dead);
    Ok(message)
}

/// Says that nothing is left under `dead`'s id, and tells everybody. Under its owner byte, after a whole pass.
pub(super) fn tell_of(region: &Region, dead: Owner) {
    clean(region, dead);
    announce(region);
}

/// Says that nothing is left under `owner`'s id. Under its owner byte, after a whole pass.
pub(super) fn clean(region: &Region, owner: Owner) {
    let role = &region.record(owner).role;
    // Relaxed: under the owner byte.
    if role.load(Relaxed) == Role::Receiver as u32 {
        // Before the record is clean: killed in between, the next reaper does it again.
        // [LIFE] Release, pairs with an endpoint's reading of the word: who sees the number finds the orphans.
        let life = &region.lines().life.0;
        life.fetch_add(Life::ORPHANED, edge::LIFE.release());
    }
    // [CLEAN] Release, pairs with a reaper's look: who finds the record clean finds its slots repaired.
    role.store(0, edge::CLEAN.release());
}

/// Tells everybody that something has happened to an endpoint: gaps to pass, orphans to take, nobody to wait for.
pub(super) fn announce(region: &Region) {
    let lines = region.lines();
    // [LIFE] Release, pairs with an endpoint's reading of the word: who sees the event finds the orphan or the gap.
    lines.life.0.fetch_add(Life::EVENT, edge::LIFE.release());
    wait::notifier_fence(region.fence_mode());
    wait::notify(&lines.receivers.0, u32::MAX);
    wait::notify(&lines.senders.0, u32::MAX);
}

/// Tells the receivers that one of them has handed a message back; whether any had to be woken.
pub(super) fn announce_return(region: &Region) -> bool {
    let lines = region.lines();
    // [LIFE] Release, pairs with an endpoint's reading of the word: who sees the number finds the orphan.
    lines
        .life
        .0
        .fetch_add(Life::ORPHANED + Life::EVENT, edge::LIFE.release());
    wait::notifier_fence(region.fence_mode());
    wait::notify(&lines.receivers.0, u32::MAX)
}

/// The endpoint that holds its owner byte is alive; otherwise it is a reaper that holds it.
fn alive(locks: &LockFile, owner: Owner, role: Role) -> bool {
    let byte = lock::role_byte(role, owner.id());
    locks.held_elsewhere(byte..byte + 1).unwrap_or(true)
}
