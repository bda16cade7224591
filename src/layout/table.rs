//! What does an endpoint leave about itself for the others to read?

use crate::sync::{AtomicU32, AtomicU64};

/// An endpoint's record, one line each, at index `id` of the table. Index 0 is nobody's, 1 and 2 are the single
/// sender's and the single receiver's.
///
/// Written by whoever holds the owner byte of `id`, read by anybody. All accesses are relaxed: the owner byte orders
/// one incarnation after another, and readers treat what they find as a hint that the kernel's locks confirm.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Record {
    /// A [`Role`] (0: detached cleanly, nothing is left under this id).
    pub role: AtomicU32,
    /// How many endpoints have had this id.
    pub generation: AtomicU32,
    /// The process, as it sees itself; for messages to people.
    pub pid: AtomicU32,
    /// A [`SeatState`].
    pub seat: AtomicU32,
    /// When that process started, in clock ticks since boot (proc(5), `/proc/self/stat` field 22).
    pub started: AtomicU64,
    /// The name of that process (prctl(2) `PR_GET_NAME`), zero-padded, in memory order.
    pub name: [AtomicU64; 2],
    /// How often this endpoint has gone to sleep.
    pub waits: AtomicU64,
    /// How often it has made the system call to wake somebody.
    pub wakes: AtomicU64,
    /// How many slots of dead endpoints it has repaired.
    pub reaped: AtomicU64,
    /// At an end that admits many: how many messages it has sent, or received; a lease counts when it is acknowledged.
    pub messages: AtomicU64,
    /// How many messages have come to it that had come to a receiver before: handed back, or of a dead one.
    pub redelivered: AtomicU64,
    /// At a single end: the position at which it began. What has gone through that end since is its own, so it need not
    /// count.
    pub began: AtomicU64,
}

impl Record {
    /// What begins at 0 with each endpoint.
    pub fn counters(&self) -> [&AtomicU64; 5] {
        [
            &self.waits,
            &self.wakes,
            &self.reaped,
            &self.messages,
            &self.redelivered,
        ]
    }
}

/// Which end an endpoint is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Puts messages in.
    Sender = 1,
    /// Takes messages out.
    Receiver = 2,
}

impl Role {
    /// The role in a record: `Ok(None)` for a free one, `Err` for a value that nobody stores.
    pub const fn decode(bits: u32) -> Result<Option<Role>, ()> {
        match bits {
            0 => Ok(None),
            1 => Ok(Some(Role::Sender)),
            2 => Ok(Some(Role::Receiver)),
            _ => Err(()),
        }
    }

    /// The word for it, as in messages to people.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Sender => "sender",
            Role::Receiver => "receiver",
        }
    }
}

/// Values of [`Record::seat`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeatState {
    /// The endpoint attached without a seat, or is done with it.
    None = 0,
    /// Reserved, and nobody has sat down.
    Reserved = 1,
    /// Some process has turned it into its endpoint.
    Taken = 2,
}

impl SeatState {
    /// The state in a record, or `None` for a value that nobody stores.
    pub const fn decode(bits: u32) -> Option<SeatState> {
        match bits {
            0 => Some(SeatState::None),
            1 => Some(SeatState::Reserved),
            2 => Some(SeatState::Taken),
            _ => None,
        }
    }
}
