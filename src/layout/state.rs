//! What does a slot's state word say?
//!
//! ```text
//!  63                              16 15            3 2     0
//! +----------------------------------+---------------+-------+
//! |              lap:48              |    owner:13   |phase:3|
//! +----------------------------------+---------------+-------+
//! ```
//! A zero word is `FREE(0)`, so a fresh region of zeros is an empty ring.

use std::fmt;

use super::header::Kind;

/// Who holds a claim. 0 is nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u16);

impl Owner {
    /// The one sender at a single end. It claims nothing in the slots; the id names its lock bytes and record.
    pub const SINGLE_SENDER: Owner = Owner(1);
    /// The one receiver at a single end. As [`SINGLE_SENDER`](Self::SINGLE_SENDER).
    pub const SINGLE_RECEIVER: Owner = Owner(2);
    /// The first id of a multi endpoint.
    pub const FIRST_MULTI: u16 = 3;
    /// A message whose receiver died and whose reaper could not deliver it: any receiver may take it.
    pub const ORPHAN: Owner = Owner(8191);
    /// Ids are below this: the owner field has 13 bits and its last value is [`ORPHAN`](Self::ORPHAN).
    pub const LIMIT: u16 = 8191;

    /// The endpoint with table index `id`, if ids reach that far.
    pub const fn new(id: u16) -> Option<Owner> {
        if id == 0 || id >= Self::LIMIT {
            None
        } else {
            Some(Owner(id))
        }
    }

    /// The index of its record and lock bytes.
    pub const fn id(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ORPHAN => f.write_str("ORPHAN"),
            Owner(id) => write!(f, "{id}"),
        }
    }
}

/// Which ids a claim may name, by the end that makes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimants {
    /// Senders have ids below this.
    senders: u16,
    /// Receivers likewise.
    receivers: u16,
}

impl Claimants {
    /// Any that the owner field can name.
    pub const ANY: Claimants = Claimants::of(Kind::Mpmc, Owner::LIMIT);

    /// In a region of this kind with `table_length` records. At a single end nobody makes claims.
    pub const fn of(kind: Kind, table_length: u16) -> Claimants {
        const NOBODY: u16 = Owner::FIRST_MULTI;
        let (senders, receivers) = match kind {
            Kind::Spsc | Kind::Stream | Kind::Region => (NOBODY, NOBODY),
            Kind::Mpsc => (table_length, NOBODY),
            Kind::Spmc => (NOBODY, table_length),
            Kind::Mpmc | Kind::Blocks => (table_length, table_length),
        };
        Claimants { senders, receivers }
    }

    const fn sends(self, owner: Owner) -> bool {
        owner.0 >= Owner::FIRST_MULTI && owner.0 < self.senders
    }

    const fn receives(self, owner: Owner) -> bool {
        let one_of_many = owner.0 >= Owner::FIRST_MULTI && owner.0 < self.receivers;
        one_of_many || owner.0 == Owner::ORPHAN.0 && self.receivers > Owner::FIRST_MULTI
    }
}

/// What a slot is doing in its lap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Waits for a sender of this lap.
    Free,
    /// Claimed by a multi sender that copies its payload in.
    Writing(Owner),
    /// Holds a message.
    Full,
    /// Claimed by a multi receiver that copies the payload out, or left by one ([`Owner::ORPHAN`]).
    Reading(Owner),
}

const FREE: u64 = 0;
const WRITING: u64 = 1;
const FULL: u64 = 2;
const READING: u64 = 3;

/// Bits of a lap in the word. Laps wrap modulo `2^min(48, 64 - shift)`.
pub const LAP_BITS: u32 = 48;
const LAP_SHIFT: u32 = 16;
const OWNER_SHIFT: u32 = 3;
const OWNER_MASK: u64 = (1 << 13) - 1;
const PHASE_MASK: u64 = 7;

/// A state word, as loaded: any 64 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct State(u64);

impl State {
    /// A word from shared memory; nothing is assumed about it.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> State {
        State(bits)
    }

    /// The word to store.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// `FREE(lap)`.
    #[inline(always)]
    pub const fn free(lap: u64) -> State {
        State(lap << LAP_SHIFT | FREE)
    }

    /// `WRITING(lap, owner)`.
    #[inline(always)]
    pub const fn writing(lap: u64, owner: Owner) -> State {
        State(lap << LAP_SHIFT | (owner.0 as u64) << OWNER_SHIFT | WRITING)
    }

    /// `FULL(lap)`.
    #[inline(always)]
    pub const fn full(lap: u64) -> State {
        State(lap << LAP_SHIFT | FULL)
    }

    /// `FULL(lap)`, of a `FREE(lap)`.
    #[inline(always)]
    pub const fn to_full(self) -> State {
        State(self.0 | FULL)
    }

    /// `READING(lap, owner)`.
    #[inline(always)]
    pub const fn reading(lap: u64, owner: Owner) -> State {
        State(lap << LAP_SHIFT | (owner.0 as u64) << OWNER_SHIFT | READING)
    }

    /// The lap, whatever else it says.
    #[inline(always)]
    pub const fn lap(self) -> u64 {
        self.0 >> LAP_SHIFT
    }

    /// Lap and phase, or `None` for a word that the protocol never stores, in a ring whose laps are below
    /// `2^lap_bits` and whose slots are claimed by `claimants`.
    pub fn decode(self, lap_bits: u32, claimants: Claimants) -> Option<(u64, Phase)> {
        let lap = self.0 >> LAP_SHIFT;
        let owner = Owner((self.0 >> OWNER_SHIFT & OWNER_MASK) as u16);
        if lap >> lap_bits != 0 {
            return None;
        }
        let phase = match self.0 & PHASE_MASK {
            FREE if owner.0 == 0 => Phase::Free,
            FULL if owner.0 == 0 => Phase::Full,
            WRITING if claimants.sends(owner) => Phase::Writing(owner),
            READING if claimants.receives(owner) => Phase::Reading(owner),
            _ => return None,
        };
        Some((lap, phase))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decode(LAP_BITS, Claimants::ANY) {
            Some((lap, Phase::Free)) => write!(f, "FREE({lap})"),
            Some((lap, Phase::Writing(o))) => write!(f, "WRITING({lap}, {o:?})"),
            Some((lap, Phase::Full)) => write!(f, "FULL({lap})"),
            Some((lap, Phase::Reading(o))) => write!(f, "READING({lap}, {o:?})"),
            None => write!(f, "IMPOSSIBLE({:#018x})", self.0),
        }
    }
}
