//! Where do the bytes come from, and who else has them?
//!
//! A region is the shared bytes; a [`Region`] is this process's hold on them: the file, the mapping, the description
//! that says "present", and the geometry as it was checked at attach. A [`View`] is the bytes as types, all that who only
//! [looks on](mod@observed) has. Everything that asks the operating system
//! something is in this room: [`mod@line`] (what line 0 says), [`memory`] (memfd, seals, how much is allowed),
//! [`mapping`], [`view`], [`contents`], [`items`], [`elements`], [`bytes`] and [`tally`] (the bytes as types), [`passed`] (may a region be opened through this descriptor), [`socket`] (how a descriptor crosses one),
//! [`lock`] (who is alive), [`named`] (regions that a name leads to), [`fork`] and [`wiped`] (has this process been
//! forked since), [`barrier`] (membarrier's registration), [`process`] (who am I).

pub(crate) mod barrier;
#[cfg(test)]
mod block_spec;
pub(crate) mod bytes;
pub(crate) mod contents;
pub(crate) mod elements;
pub(crate) mod fork;
#[cfg(test)]
mod impossible;
pub(crate) mod items;
mod line;
pub(crate) mod lock;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod named;
pub(crate) mod observed;
pub(crate) mod passed;
#[cfg(test)]
mod plain_spec;
pub(crate) mod process;
mod registry;
pub(crate) mod socket;
#[cfg(test)]
mod spec;
#[cfg(test)]
mod stream_spec;
pub(crate) mod tally;
pub(crate) mod view;
pub(crate) mod wiped;
#[cfg(test)]
mod wound;
#[cfg(test)]
mod wrap;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;

use crate::error::{AttachError, CreateError};
use crate::layout::geometry::Arrangement;
use crate::layout::{FenceMode, Geometry, Header, Kind, Lines, Owner, Payload, Record};
use crate::pool::Pool;
use crate::ring::Ring;
use crate::span::Span;
use crate::sync::{AtomicU32, AtomicU64, Relaxed};

use contents::Contents;
use fork::ForkStamp;
use lock::{LockError, Presence};
use mapping::Mapping;
use memory::MemoryError;
use named::Named;
use view::View;

/// What a new region is to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// Messages at least, or blocks.
    pub(crate) capacity: u64,
    pub(crate) arrangement: Arrangement,
    /// The type's name, or the schema.
    pub(crate) name: String,
    pub(crate) endpoints: u32,
    /// `None`: membarrier where this process may use it.
    pub(crate) fence_mode: Option<FenceMode>,
    pub(crate) spin_ns: u32,
    pub(crate) tick_ms: u32,
    /// `None`: [`memory`]'s default.
    pub(crate) max_bytes: Option<u64>,
}

/// What an attacher expects of a region.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload,
    pub(crate) name: String,
    pub(crate) sealing: Sealing,
}

/// Must the file have the length that it will always have?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sealing {
    Required,
    /// The user trusts whoever has the file.
    Waived,
}

/// One process's hold on a region, shared by its channels, seats and endpoints.
#[derive(Debug)]
pub(crate) struct Region {
    /// Of a mapping that is writable.
    view: View,
    fence_mode: FenceMode,
    spin_ns: u32,
    tick_ms: u32,
    presence: Presence,
    /// `Channel`s of this process on this region: while there is one, a first peer may still come from here.
    channels: AtomicU32,
    /// `None`: anonymous.
    named: Option<Named>,
    /// The process that opened it, or has attached through it since it was forked: the one whose last drop leaves.
    generation: AtomicU64,
    file: OwnedFd,
}

impl Region {
    /// A new region, in memory that only this process has.
    pub(crate) fn create(plan: &Plan) -> Result<Arc<Region>, CreateError> {
        let (geometry, line) = line::draw(plan, None)?;
        let file = memory::create_memfd(geometry.total, plan.max_bytes)?;
        line::write(file.as_fd(), line)?;
        memory::seal(file.as_fd()).map_err(|source| CreateError::Os {
            what: "seal the channel's memory",
            source,
        })?;
        let presence = Presence::hold(file.as_fd()).map_err(AttachError::from)?;
        Ok(Mapped::new(file, geometry, plan.arrangement.payload(), &line)?.held_by(presence, None))
    }

    /// The region in `file`, if it is what is expected.
    pub(crate) fn attach(file: OwnedFd, expected: &Expected) -> Result<Arc<Region>, AttachError> {
        // Before the length, which the seals make final.
        let seals = memory::seals(file.as_fd()).map_err(os("read the seals of the channel's memory"))?;
        let line = line::read(file.as_fd())?;
        // A named region, which cannot be sealed.
        let behind_a_name = !seals.fix_the_length() && line.policy != 0 && named::is_ours(file.as_fd());
        if expected.sealing == Sealing::Required && !seals.fix_the_length() && !behind_a_name {
            return Err(AttachError::Unsealed {
                actual: seals.length_text(),
            });
        }
        if seals.forbid_writing() {
            return Err(AttachError::NotWritable {
                actual: "sealed against writing",
            });
        }
        let geometry = line::check(file.as_fd(), &line, expected)?;
        let presence = Presence::hold(file.as_fd())?;
        let named = if behind_a_name {
            Some(Named::behind(file.as_fd(), &line)?)
        } else {
            None
        };
        Ok(Mapped::new(file, geometry, expected.payload, &line)?.held_by(presence, named))
    }

    /// The shared words.
    #[inline]
    pub(crate) fn lines(&self) -> &Lines {
        self.view.lines()
    }

    /// The record of `owner`, whose id is below the table's length.
    pub(crate) fn record(&self, owner: Owner) -> &Record {
        self.view.record(owner)
    }

    /// The slots as slots of `T`, which is the payload that the geometry was made for, or `()` for the state words
    /// alone. Whoever holds the ring holds this region.
    pub(crate) fn ring<T>(&self) -> Ring<T> {
        self.view.ring()
    }

    /// The blocks, with headers of the type that the geometry was made for, or `()` for the words alone. Whoever holds the
    /// pool holds this region.
    pub(crate) fn pool<H>(&self) -> Pool<H> {
        self.view.pool()
    }

    /// The words of a stream. Whoever holds them holds this region.
    pub(crate) fn span(&self) -> Span {
        self.view.span()
    }

    /// Whatever transport is in it, without the messages.
    pub(crate) fn contents(&self) -> Contents {
        self.view.contents()
    }

    /// The bytes.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Slots, ids and offsets.
    pub(crate) fn geometry(&self) -> &Geometry {
        self.view.geometry()
    }

    /// Who pays for the fence.
    pub(crate) fn fence_mode(&self) -> FenceMode {
        self.fence_mode
    }

    /// The longest spin, in nanoseconds.
    pub(crate) fn spin_ns(&self) -> u32 {
        self.spin_ns
    }

    /// The longest sleep between two checks, in nanoseconds; at least a millisecond.
    pub(crate) fn tick_ns(&self) -> u64 {
        u64::from(self.tick_ms.max(1)) * 1_000_000
    }

    /// The file.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// About to attach: says "present" again, in a child that a fork has left without a description of its own. From now
    /// on it is this process's own region, and not its parent's copy.
    pub(crate) fn renew_presence(&self) -> Result<(), AttachError> {
        self.presence.renew(self.file())?;
        let stamp = ForkStamp::take().map_err(os("set up the detection of forks"))?;
        // Relaxed: own line (private to the process).
        self.generation.store(stamp.generation(), Relaxed);
        Ok(())
    }

    /// One more `Channel` of this process.
    pub(crate) fn add_channel(&self) {
        // Relaxed: own line (process-private); read by `nobody_can_come`, for which late is as good as in time.
        self.channels.fetch_add(1, Relaxed);
    }

    /// One less.
    pub(crate) fn drop_channel(&self) {
        // Relaxed: as above.
        self.channels.fetch_sub(1, Relaxed);
    }

    /// No process but this one has the region, this one has no channel left to attach a first peer from, and no name
    /// leads another one here.
    pub(crate) fn nobody_can_come(&self) -> bool {
        let leads_here = |named: &Named| named.leads_to(self.file());
        // Relaxed: as above.
        self.channels.load(Relaxed) == 0
            && !self.named.as_ref().is_some_and(leads_here)
            && !self.presence.others().unwrap_or(true)
    }
}

/// A region that is mapped, before it is said who holds it: what is left cannot fail.
struct Mapped {
    view: View,
    fence_mode: FenceMode,
    spin_ns: u32,
    tick_ms: u32,
    stamp: ForkStamp,
    file: OwnedFd,
}

impl Mapped {
    fn new(file: OwnedFd, geometry: Geometry, payload: Payload, line: &Header) -> Result<Mapped, AttachError> {
        let mapping = match geometry.flat() {
            Some(flat) => Mapping::twice(file.as_fd(), geometry.total, flat.offset)
                .map_err(os("map the stream's memory twice"))?,
            None => Mapping::new(file.as_fd(), geometry.total).map_err(os("map the channel's memory"))?,
        };
        Ok(Mapped {
            view: View::new(mapping, geometry, payload),
            fence_mode: FenceMode::decode(line.fence_mode).ok_or(AttachError::FenceMode {
                actual: line.fence_mode,
            })?,
            spin_ns: line.spin_ns,
            tick_ms: line.tick_ms,
            stamp: ForkStamp::take().map_err(os("set up the detection of forks"))?,
            file,
        })
    }

    /// The region, of which `presence` says "present".
    fn held_by(self, presence: Presence, named: Option<Named>) -> Arc<Region> {
        Arc::new(Region {
            view: self.view,
            fence_mode: self.fence_mode,
            spin_ns: self.spin_ns,
            tick_ms: self.tick_ms,
            presence,
            channels: AtomicU32::new(0),
            named,
            generation: AtomicU64::new(self.stamp.generation()),
            file: self.file,
        })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let Some(named) = &self.named else {
            return;
        };
        // Relaxed: own line (private to the process).
        let ours = |stamp: ForkStamp| stamp.generation() == self.generation.load(Relaxed);
        if ForkStamp::take().is_ok_and(ours) {
            // An error leaves a name that the next one to come by it removes.
            let _ = named.out(self.presence.retire(), self.geometry());
        }
    }
}

/// An operating system error, with what was being done.
pub(crate) fn os(what: &'static str) -> impl Fn(std::io::Error) -> AttachError {
    move |source| AttachError::Os { what, source }
}

impl From<std::io::Error> for AttachError {
    /// What the lock calls answer.
    fn from(source: std::io::Error) -> Self {
        AttachError::Os {
            what: "lock the channel",
            source,
        }
    }
}

impl From<LockError> for AttachError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::NoProc => AttachError::NoProc,
            // Somebody judges whether the region is of use to anybody.
            LockError::Os(source) if source.kind() == std::io::ErrorKind::WouldBlock => AttachError::Busy,
            LockError::Os(source) => os("open the channel again for its locks")(source),
        }
    }
}

impl From<LockError> for std::io::Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::NoProc => std::io::Error::other(error),
            LockError::Os(source) => source,
        }
    }
}

impl From<AttachError> for CreateError {
    /// Of a region that this process has just made.
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::NoProc => CreateError::NoProc,
            AttachError::NoShm => CreateError::NoShm,
            AttachError::Os { what, source } => CreateError::Os { what, source },
            other => CreateError::Os {
                what: "attach to the channel just created",
                source: std::io::Error::other(other),
            },
        }
    }
}

impl From<MemoryError> for CreateError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::TooLarge { wanted, limit } => CreateError::TooLarge { wanted, limit },
            MemoryError::FileSizeLimit { wanted, limit } => CreateError::FileSizeLimit { wanted, limit },
            // Of a memfd: no file system that people know.
            MemoryError::NoSpace { .. } => CreateError::Os {
                what: "allocate the channel's memory",
                source: Errno::ENOSPC.into(),
            },
            MemoryError::Os { what, source } => CreateError::Os { what, source },
        }
    }
}

// What LAYOUT.md says of the compiled types. Here and not in `layout`, since a checker's atomics have other sizes.
const _: () = {
    use crate::layout::geometry::{LINES_OFFSET, TABLE_OFFSET};
    use crate::layout::lines::LINE;
    use std::mem::offset_of;
    assert!(size_of::<Lines>() == 5 * LINE && align_of::<Lines>() == LINE);
    assert!(offset_of!(Lines, tail) == 0);
    assert!(offset_of!(Lines, head) == LINE);
    assert!(offset_of!(Lines, receivers) == 2 * LINE);
    assert!(offset_of!(Lines, senders) == 3 * LINE);
    assert!(offset_of!(Lines, life) == 4 * LINE);
    assert!(TABLE_OFFSET == LINES_OFFSET + size_of::<Lines>());
    assert!(size_of::<Record>() == LINE && align_of::<Record>() == LINE);
};
