//! How does an endpoint at a multi end count its messages, where others can read it?
//!
//! Killed between the message and the count, it has one message more than it says: nobody goes by it. A single end does not
//! count, since the positions tell (see [`Record::began`](crate::layout::Record)); that saves it a store for each message.
//!
//! # Unsafe
//! [`Tally`] keeps a pointer into the mapping, so that counting needs no detour by way of the region.

use std::ptr::NonNull;
use std::sync::Arc;

use super::Region;
use crate::layout::Owner;
use crate::sync::{AtomicU64, Relaxed};

/// The messages of one endpoint: the counter in its record, on a line that nobody else writes to.
///
/// # Invariants
/// - **T1** `messages` points into the mapping of `region`, and is valid for as long as that lives.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    messages: NonNull<AtomicU64>,
    _region: Arc<Region>,
}

// SAFETY: T1, and all access is atomic.
unsafe impl Send for Tally {}
// SAFETY: as above.
unsafe impl Sync for Tally {}

impl Tally {
    /// Of `owner`, whose id is below the table's length.
    pub(crate) fn new(region: &Arc<Region>, owner: Owner) -> Tally {
        Tally {
            messages: NonNull::from(&region.record(owner).messages),
            _region: Arc::clone(region),
        }
    }

    /// `count` more. Not a read-modify-write: a lower bound when threads share the endpoint.
    #[inline(always)]
    pub(crate) fn add(&self, count: u32) {
        // SAFETY: T1.
        let messages = unsafe { self.messages.as_ref() };
        // Relaxed, both: own line.
        messages.store(messages.load(Relaxed).wrapping_add(u64::from(count)), Relaxed);
    }
}
