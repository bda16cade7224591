//! What does a channel look like from outside, at one moment?
//!
//! Read with loads alone, all of them relaxed, so that it works through a mapping that cannot write: what is told is a
//! hint, gathered while everybody goes on.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::error::AttachError;
use crate::layout::{Kind, Life, Owner, Record, Role};
use crate::region::lock;
use crate::region::view::View;
use crate::ring::Levels;
use crate::sync::{AtomicU64, Relaxed};

/// A channel at one moment, as [`Channel::stats`](crate::Channel::stats) or an [`Observer`](crate::Observer) sees it.
///
/// Each number was true when it was read, one after the other; together they are exact while nobody sends or receives.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Which ends admit many.
    pub kind: Kind,
    /// Messages that it holds when it is full. Of a plain region: bytes, and all else is nothing.
    pub capacity: u64,
    /// Messages in it, 0 to [`capacity`](Self::capacity), as [`Sender::len`](crate::Sender::len) counts them.
    pub len: u64,
    /// Messages ever sent, gaps included. (It wraps at 2^48 times the capacity, or 2^64.)
    pub sent: u64,
    /// Messages ever received, gaps included, whoever has received them: `sent - len`.
    pub received: u64,
    /// Somebody has closed it, and not everybody has gone since.
    pub closed: bool,
    /// Who is attached, by id: senders and receivers, alive or dead and not yet reaped.
    pub endpoints: Vec<EndpointStats>,
    /// When this was seen.
    pub at: Instant,
}

/// An endpoint of a channel, in [`Stats`].
///
/// The counters begin at 0 when it attaches. They are exact if each of its threads has an endpoint of its own, and lower
/// bounds if several share one, or if it was killed between a deed and its count.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Its number in the channel: 1 and 2 at single ends, from 3 on at others. It is used again.
    pub id: u16,
    /// How many endpoints have had this id, it included.
    pub generation: u32,
    /// "sender" or "receiver".
    pub role: &'static str,
    /// Its process's id, as that sees itself.
    pub pid: u32,
    /// Its process's name.
    pub process: String,
    /// It lives, or is a seat that somebody may take; otherwise it has died and nobody has repaired yet what it left. The
    /// kernel says so. (For the microseconds in which a seat is taken it may say no.)
    pub alive: bool,
    /// Messages that it has sent, or received: those on lease count when they are acknowledged. The only receiver's count
    /// is of all that has left the ring since it attached: with gaps, and nothing behind the oldest that it has on lease.
    pub messages: u64,
    /// Times that it has gone to sleep.
    pub waits: u64,
    /// System calls that it has made to wake somebody.
    pub wakes: u64,
    /// Slots that it has repaired after the dead.
    pub reaped: u64,
    /// Messages that have come to it again: handed back by a receiver, or taken over from a dead one.
    pub redelivered: u64,
}

/// What happens in a channel in a second, between two [`Stats`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Rates {
    /// Messages sent.
    pub sent: f64,
    /// Messages received.
    pub received: f64,
    /// Times that somebody has gone to sleep.
    pub waits: f64,
    /// System calls to wake somebody.
    pub wakes: f64,
}

impl Stats {
    /// What `view` says now. `file` holds no lock of its own.
    pub(super) fn of(view: &View, kind: Kind, file: BorrowedFd<'_>) -> Result<Stats, AttachError> {
        let levels = view.contents().levels()?;
        let ids = (1..view.geometry().table_length).filter_map(Owner::new);
        let endpoints = ids.filter_map(|owner| EndpointStats::of(view, owner, &levels, file).transpose());
        Ok(Stats {
            kind,
            capacity: view.geometry().capacity(),
            len: levels.len,
            sent: levels.tail,
            received: levels.head,
            // Relaxed: hint (who looks on does nothing about it).
            closed: Life::from_bits(view.lines().life.0.load(Relaxed)).closed(),
            endpoints: endpoints.collect::<Result<_, _>>()?,
            at: Instant::now(),
        })
    }

    /// What has happened in a second, on average since `earlier` was seen of the same channel. Zero if no time has passed.
    ///
    /// What endpoints have done that have left in between is not in [`waits`](Rates::waits) and [`wakes`](Rates::wakes).
    pub fn rates_since(&self, earlier: &Stats) -> Rates {
        let seconds = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let sum = |counter: fn(&EndpointStats) -> u64| -> u64 {
            let grown = |now: &EndpointStats| {
                let same = |then: &&EndpointStats| (then.id, then.generation) == (now.id, now.generation);
                let before = earlier.endpoints.iter().find(same).map_or(0, counter);
                counter(now).saturating_sub(before)
            };
            self.endpoints.iter().map(grown).sum()
        };
        Rates {
            sent: rate(self.sent.saturating_sub(earlier.sent)),
            received: rate(self.received.saturating_sub(earlier.received)),
            waits: rate(sum(|endpoint| endpoint.waits)),
            wakes: rate(sum(|endpoint| endpoint.wakes)),
        }
    }
}

impl EndpointStats {
    fn of(
        view: &View,
        owner: Owner,
        levels: &Levels,
        file: BorrowedFd<'_>,
    ) -> Result<Option<EndpointStats>, AttachError> {
        let record = view.record(owner);
        // Relaxed, all: hint (who looks on does nothing about it).
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let since = |began: &AtomicU64, now| view.geometry().laps.distance(count(began), now).max(0) as u64;
        let role = Role::decode(record.role.load(Relaxed)).map_err(|()| AttachError::Corrupt)?;
        let Some(role) = role else {
            return Ok(None);
        };
        Ok(Some(EndpointStats {
            id: owner.id(),
            generation: record.generation.load(Relaxed),
            role: role.name(),
            pid: record.pid.load(Relaxed),
            process: process_name(record),
            alive: lock::held(file, lock::role_byte(role, owner.id()))?,
            messages: match owner {
                Owner::SINGLE_SENDER => since(&record.began, levels.tail),
                Owner::SINGLE_RECEIVER => since(&record.began, levels.head),
                _ => count(&record.messages),
            },
            waits: count(&record.waits),
            wakes: count(&record.wakes),
            reaped: count(&record.reaped),
            redelivered: count(&record.redelivered),
        }))
    }
}

pub(super) fn process_name(record: &Record) -> String {
    // Relaxed: hint (for people).
    let words = record.name.each_ref().map(|word| word.load(Relaxed).to_ne_bytes());
    let bytes = words.as_flattened();
    let name = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
    String::from_utf8_lossy(name).into_owned()
}

impl fmt::Display for Stats {
    /// For people: a line about the channel, and one about each endpoint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.name();
        if self.kind == Kind::Region {
            return write!(f, "{kind}, {} bytes", self.capacity);
        }
        write!(
            f,
            "{kind}, {} of {} messages, {} sent",
            self.len, self.capacity, self.sent
        )?;
        if self.closed {
            f.write_str(", closed")?;
        }
        for endpoint in &self.endpoints {
            write!(f, "\n  {endpoint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for EndpointStats {
    /// For people, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A process may call itself what it likes, and this goes to a terminal.
        let (role, pid, process) = (self.role, self.pid, self.process.escape_debug());
        write!(f, "{role} {}: {process} ({pid})", self.id)?;
        if !self.alive {
            f.write_str(", dead")?;
        }
        write!(
            f,
            ": {} messages, {} waits, {} wakes",
            self.messages, self.waits, self.wakes
        )?;
        if self.reaped != 0 || self.redelivered != 0 {
            write!(f, ", {} reaped, {} redelivered", self.reaped, self.redelivered)?;
        }
        Ok(())
    }
}
