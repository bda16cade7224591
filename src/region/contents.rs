//! What is in a region, whichever transport it is and whatever the messages are?

use crate::layout::{Owner, Role};
use crate::pool::Pool;
use crate::ring::{Levels, Refused, Ring};
use crate::span::Span;

/// A transport without its messages: for who attaches, leaves, repairs or looks on.
#[derive(Clone, Copy)]
pub(crate) enum Contents {
    /// A ring of slots.
    Ring(Ring<()>),
    /// Blocks.
    Pool(Pool<()>),
    /// A stream, in which nobody claims anything.
    Span(Span),
    /// No transport: a plain region, to which nobody attaches.
    Nothing,
}

impl Contents {
    /// Ends what `dead`, of this role, has claimed; how many slots or blocks. See [`Ring::reap`] and [`Pool::reap`].
    pub(crate) fn reap(&self, dead: Owner, role: Role) -> Result<u64, Refused> {
        match self {
            Contents::Ring(ring) => ring.reap(dead, role).map(|repairs| repairs.slots()),
            Contents::Pool(pool) => pool.reap(dead, role),
            Contents::Span(_) | Contents::Nothing => Ok(0),
        }
    }

    /// There is a message that a receiver could take now.
    pub(crate) fn has_messages(&self) -> Result<bool, Refused> {
        match self {
            Contents::Ring(ring) => ring.has_messages(),
            Contents::Pool(pool) => pool.has_messages(),
            Contents::Span(span) => span.has_elements(),
            Contents::Nothing => Ok(false),
        }
    }

    /// There is a message that its receiver's reaper has left for any other.
    pub(crate) fn has_orphans(&self) -> Result<bool, Refused> {
        match self {
            Contents::Ring(ring) => ring.has_orphans(),
            Contents::Pool(pool) => pool.has_orphans(),
            Contents::Span(_) | Contents::Nothing => Ok(false),
        }
    }

    /// Where claims hold others up now. See [`Ring::held_up_at`] and [`Pool::held_up_at`].
    pub(crate) fn held_up_at(&self) -> Result<Vec<u64>, Refused> {
        match self {
            Contents::Ring(ring) => ring.held_up_at(),
            Contents::Pool(pool) => pool.held_up_at(),
            Contents::Span(_) | Contents::Nothing => Ok(Vec::new()),
        }
    }

    /// The claim there, if there is one, as its word, and the endpoint that it names.
    pub(crate) fn claim_at(&self, at: u64) -> Result<Option<(Owner, u64)>, Refused> {
        match self {
            Contents::Ring(ring) => ring.claim_at(at),
            Contents::Pool(pool) => pool.claim_at(at),
            Contents::Span(_) | Contents::Nothing => Ok(None),
        }
    }

    /// How far the senders and the receivers are, by relaxed loads alone.
    pub(crate) fn levels(&self) -> Result<Levels, Refused> {
        match self {
            Contents::Ring(ring) => ring.levels(),
            Contents::Pool(pool) => pool.levels(),
            Contents::Span(span) => span.levels(),
            Contents::Nothing => Ok(Levels {
                tail: 0,
                head: 0,
                len: 0,
            }),
        }
    }

    /// Where an endpoint at a single end begins: at the tail, or at the head. Others begin nowhere in particular.
    pub(crate) fn begins(&self, owner: Owner) -> Result<u64, Refused> {
        match (self, owner) {
            (Contents::Ring(ring), Owner::SINGLE_SENDER) => Ok(ring.find_tail()?.0),
            (Contents::Ring(ring), Owner::SINGLE_RECEIVER) => Ok(ring.find_head()?.0),
            (Contents::Span(span), Owner::SINGLE_SENDER) => span.levels().map(|levels| levels.tail),
            (Contents::Span(span), Owner::SINGLE_RECEIVER) => span.levels().map(|levels| levels.head),
            _ => Ok(0),
        }
    }
}
