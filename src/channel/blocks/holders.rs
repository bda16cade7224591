//! Who has the blocks?

use std::fmt;

use crate::layout::{Owner, Role};
use crate::region::Region;
use crate::region::lock;
use crate::sync::Relaxed;

use super::super::stats::process_name;

/// Who has the blocks of a channel, at one moment: gathered while everybody goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Holders {
    /// How many blocks there are.
    pub blocks: usize,
    /// How many have messages that nobody has received.
    pub unread: usize,
    /// How many have messages of receivers that died, for any other to take.
    pub orphaned: usize,
    /// Who has the others that are in use.
    pub endpoints: Vec<Holder>,
}

/// An endpoint with blocks in its hands, in [`Holders`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// Its number in the channel.
    pub id: u16,
    /// "sender" or "receiver".
    pub role: &'static str,
    /// Its process's id, as that sees itself.
    pub pid: u32,
    /// Its process's name.
    pub process: String,
    /// It lives; otherwise it has died, and nobody has repaired yet what it left.
    pub alive: bool,
    /// Blocks that it has on loan, or has received.
    pub blocks: usize,
}

impl Holders {
    pub(super) fn of(region: &Region) -> Holders {
        let pool = region.pool::<()>();
        let (holdings, unread) = pool.holdings();
        let orphaned = holdings.iter().find(|holding| holding.owner == Owner::ORPHAN);
        let endpoints = holdings.iter().filter(|holding| holding.owner != Owner::ORPHAN);
        let endpoint = |holding: &crate::pool::Holding| {
            let (id, record) = (holding.owner.id(), region.record(holding.owner));
            // Only senders have loans, and only receivers messages.
            let role = if holding.loaned > 0 {
                Role::Sender
            } else {
                Role::Receiver
            };
            Holder {
                id,
                role: role.name(),
                // Relaxed: hint (for people).
                pid: record.pid.load(Relaxed),
                process: process_name(record),
                alive: lock::held(region.file(), lock::role_byte(role, id)).unwrap_or(true),
                blocks: (holding.loaned + holding.received) as usize,
            }
        };
        Holders {
            blocks: pool.count() as usize,
            unread: unread as usize,
            orphaned: orphaned.map_or(0, |holding| holding.received as usize),
            endpoints: endpoints.map(endpoint).collect(),
        }
    }
}

impl fmt::Display for Holders {
    /// For people, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} blocks unread", self.unread, self.blocks)?;
        if self.orphaned != 0 {
            write!(f, ", {} a dead receiver's", self.orphaned)?;
        }
        for holder in &self.endpoints {
            // A process may call itself what it likes, and this goes to a terminal.
            let process = holder.process.escape_debug();
            let (blocks, role, id, pid) = (holder.blocks, holder.role, holder.id, holder.pid);
            let dead = if holder.alive { "" } else { ", dead" };
            write!(f, ", {blocks} with {role} {id} ({process}, {pid}{dead})")?;
        }
        Ok(())
    }
}
