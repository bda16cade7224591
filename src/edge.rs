//! Which ordered accesses are there, and what does each make visible?
//!
//! Every Acquire, Release and fence in the crate goes through one of these labels, so that a loom run can weaken each
//! in turn and a named model must fail. The tables with the sites and the models are in the docs of `ring`, `pool`, `span` and `wait`, and
//! here for what `channel` orders by itself:
//!
//! | label | stored at | loaded at | protects | loom model that fails without it |
//! |---|---|---|---|---|
//! | `LIFE` | `reaper`: a dead receiver's messages are orphans | `Endpoint::life` | the orphans | `an_announced_orphan_is_found` |
//! | | `reaper`: an event | | the end of the stream: who has left is gone | `a_detach_that_has_been_seen_is_the_end` |
//! | | `Place::take`: a sender or receiver is here | | it is found alive | `a_sender_that_has_been_seen_is_alive` |
//! | | `Endpoint::close` | | what was sent before | `a_close_comes_after_what_was_sent` |
//! | `CLEAN` | `reaper`: a record without a role | `reaper`: a look at the record | what is left under the id: nothing, or announced | `a_clean_record_hides_no_orphan` |
//! | `REAPING` | `TryLock`: left | `TryLock`: taken | the lock calls of one description | `one_thread_reaps_after_another` |

use crate::sync::Edge;

/// A sender's `FULL(lap)` → a receiver's look at the slot: who sees the word sees the payload.
pub(crate) const PUB: Edge = Edge::new("PUB");

/// A receiver's `FREE(lap + 1)` → a sender's look at the slot: who sees the word overwrites no payload still read.
pub(crate) const DRAIN: Edge = Edge::new("DRAIN");

/// A reaper's `WRITING(dead)` → `FREE(lap + 1)`, seen by a sender through [`DRAIN`]'s load: the dead sender's half
/// written payload comes before the next one.
pub(crate) const GAP: Edge = Edge::new("GAP");

/// A reaper's `READING(dead)` → `READING(ORPHAN)`, seen by a taker through [`CLAIMED`]: what the dead receiver
/// had read of the payload comes before whoever overwrites it.
pub(crate) const ORPHAN: Edge = Edge::new("ORPHAN");

/// A reaper or taker makes a claimed slot its own; that continues the release sequence of [`PUB`] and [`ORPHAN`]: who
/// takes over `READING` sees the payload.
pub(crate) const CLAIMED: Edge = Edge::new("CLAIMED");

/// A sender's tail hint → a sender's start: who starts at the hint finds every slot before it claimed.
pub(crate) const TAIL: Edge = Edge::new("TAIL");

/// A receiver's head hint → a receiver's start: who starts at the hint finds every slot before it drained or claimed.
pub(crate) const HEAD: Edge = Edge::new("HEAD");

/// A sender's entry → a look at it by receivers and senders: who sees an entry filled sees the block's word and the message,
/// and everything before it filled.
pub(crate) const ENTRY: Edge = Edge::new("ENTRY");

/// A block that was freed → the sender that takes it: what was read from it and written to it comes before what is
/// written next.
pub(crate) const FREED: Edge = Edge::new("FREED");

/// A writer's tail → its reader's look: who sees elements written sees what was written.
pub(crate) const COMMIT: Edge = Edge::new("COMMIT");

/// A reader's head → its writer's look: what was read is overwritten only afterwards.
pub(crate) const CONSUME: Edge = Edge::new("CONSUME");

/// A change of the life word → who reacts to it: an `ORPHAN` or a gap announced there is found.
pub(crate) const LIFE: Edge = Edge::new("LIFE");

/// The pair of fences between "announce, then look at the ring" and "change the ring, then look for sleepers": one of
/// the two sees the other.
pub(crate) const SLEEP: Edge = Edge::new("SLEEP");

/// The end of one thread's reaping → the beginning of another's, in one process.
pub(crate) const REAPING: Edge = Edge::new("REAPING");

/// A record cleaned after its slots are repaired → a reaper that passes it over: who finds no role finds no claim.
pub(crate) const CLEAN: Edge = Edge::new("CLEAN");
