//! How is a region made or opened, whichever transport is to be in it?

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::Kind;
use crate::layout::geometry::Arrangement;
use crate::region::named::{self, Access, Name};
use crate::region::{Expected, Plan, Region, Sealing, passed};

use super::pass;

/// Endpoints at a multi end, unless `table_length` says otherwise: 16 KiB of records. A guess.
const ENDPOINTS: u32 = 125;
/// The longest spin, unless `spin_time` says otherwise: over three wake-ups of a halted processor (25 to 30 µs each,
/// measured), since a budget below one is a trap.
const SPIN: Duration = Duration::from_micros(100);
/// The longest sleep between two looks after the dead, unless `tick` says otherwise. A guess: what a program may take to
/// notice a death, at next to no cost.
const TICK: Duration = Duration::from_secs(1);

/// The file mode of a named channel, unless `mode` says otherwise: for its user alone.
const MODE: u32 = 0o600;

/// What a builder has been told.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) plan: Plan,
    pub(super) sealing: Sealing,
    pub(super) access: Access,
}

/// A region that was made or opened, and what its messages are called.
pub(super) struct Opened {
    pub(super) region: Arc<Region>,
    pub(super) schema: String,
}

impl Options {
    /// Nothing yet.
    pub(super) fn new(kind: Kind, capacity: usize, arrangement: Arrangement, schema: String) -> Options {
        Options {
            plan: Plan {
                kind,
                capacity: capacity as u64,
                arrangement,
                name: schema,
                endpoints: ENDPOINTS,
                fence_mode: None,
                spin_ns: SPIN.as_nanos() as u32,
                tick_ms: TICK.as_millis() as u32,
                max_bytes: None,
            },
            sealing: Sealing::Required,
            access: Access {
                mode: MODE,
                keep: false,
                others: false,
            },
        }
    }

    fn expected(&self) -> Expected {
        Expected {
            kind: self.plan.kind,
            payload: self.plan.arrangement.payload(),
            name: self.plan.name.clone(),
            sealing: self.sealing,
        }
    }

    fn opened(self, region: Arc<Region>) -> Opened {
        Opened {
            region,
            schema: self.plan.name,
        }
    }

    /// In memory without a name.
    pub(super) fn anonymous(self) -> Result<Opened, CreateError> {
        let region = Region::create(&self.plan)?;
        Ok(self.opened(region))
    }

    /// Under a name that is to be free.
    pub(super) fn create(self, name: &Name) -> Result<Opened, CreateError> {
        let region = named::create(name, &self.plan, self.access)?;
        Ok(self.opened(region))
    }

    /// Under a name that is there.
    pub(super) fn open(self, name: &Name, timeout: Option<Duration>) -> Result<Opened, AttachError> {
        let region = named::open(name, &self.expected(), self.access, timeout)?;
        Ok(self.opened(region))
    }

    /// Under a name, whether it is there or not.
    pub(super) fn open_or_create(self, name: &Name) -> Result<Opened, OpenOrCreateError> {
        let region = named::open_or_create(name, &self.plan, self.access)?;
        Ok(self.opened(region))
    }

    /// Behind a descriptor.
    pub(super) fn behind(self, passed: OwnedFd) -> Result<Opened, AttachError> {
        // A description of our own to map through: what was passed says "present", and a mapping would keep it.
        let file = passed::open(passed.as_fd())?;
        let region = Region::attach(file, &self.expected())?;
        drop(passed); // Only now: from the first moment on, one of the two has said "present".
        Ok(self.opened(region))
    }

    /// Behind the descriptor that this process's parent has passed to it as `name`.
    pub(super) fn inherited(self, name: &str) -> Result<Opened, AttachError> {
        self.behind(pass::inherit(name)?)
    }
}

/// What every builder can be told, as methods of one that has `options`.
macro_rules! common_options {
    () => {
        /// The longest that an endpoint spins before it sleeps, up to 4.29 s; 100 µs unless said otherwise. It spins less
        /// where that has been in vain. [`Duration::ZERO`] never spins: right where both sides share one processor.
        pub fn spin_time(mut self, time: Duration) -> Self {
            self.options.plan.spin_ns = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
            self
        }

        /// The longest that a sleeping endpoint goes without looking after dead peers, in whole milliseconds from 1; 1 s
        /// unless said otherwise. The first look comes after 50 ms (or `tick`, if that is less), each further one after
        /// twice as long.
        pub fn tick(mut self, tick: Duration) -> Self {
            self.options.plan.tick_ms = u32::try_from(tick.as_millis()).unwrap_or(u32::MAX).max(1);
            self
        }

        /// Who pays for the fence between a message and the look for sleepers. Unless said otherwise,
        /// [`FenceMode::Membarrier`] where this process may use it: then every process that attaches must be allowed to.
        pub fn fence_mode(mut self, mode: FenceMode) -> Self {
            self.options.plan.fence_mode = Some(mode);
            self
        }

        /// The most bytes that the channel may take. Unless said otherwise, half of the memory that is available now, to
        /// the machine or to this process's control group, whichever is less: shared memory counts against no quota, and
        /// what is reserved in excess ends in the out-of-memory killer.
        pub fn max_bytes(mut self, bytes: u64) -> Self {
            self.options.plan.max_bytes = Some(bytes);
            self
        }

        /// What the messages are, in place of the type's name: two programs share a channel only if they agree on it (and
        /// on sizes and alignments).
        pub fn schema(mut self, schema: &str) -> Self {
            self.options.plan.name = schema.to_owned();
            self
        }

        /// Lets [`from_fd`](Self::from_fd) open a channel whose memory is not sealed: another user's file, for instance, or
        /// a copy. (One of this user's that was made by a name or a path needs no leave.) Whoever can open that file can
        /// truncate it, and this process is then killed by `SIGBUS` when it touches what is gone: say so only if all who
        /// can are trusted.
        pub fn allow_unsealed(mut self) -> Self {
            self.options.sealing = Sealing::Waived;
            self
        }

        /// The file mode of a named channel: 0o600 unless said otherwise, and that at least; the umask does not matter. Who
        /// may write to the file can open the channel, with [`allow_other_users`](Self::allow_other_users), and can truncate
        /// it, which kills whoever uses it then.
        pub fn mode(mut self, mode: u32) -> Self {
            self.options.access.mode = mode;
            self
        }

        /// Nobody removes the name of a named channel but who asks for it, with [`unlink`](crate::unlink): not its creator,
        /// nor the last one out, nor [`gc`](crate::gc). For data that outlives its processes; the memory is not given back
        /// until the name goes, or the machine is restarted.
        pub fn keep_name(mut self) -> Self {
            self.options.access.keep = true;
            self
        }

        /// Opens a channel of another user's, too. That user can then read and change the messages, and kill this process by
        /// truncating the channel's file; and only that user, or root, can remove its name.
        pub fn allow_other_users(mut self) -> Self {
            self.options.access.others = true;
            self
        }
    };
}

/// The same of a channel with ends that admit many.
macro_rules! table_option {
    () => {
        /// How many endpoints can be attached at once at the channel's multi ends together, 1 to 8,188; 125 unless said
        /// otherwise. Each takes 128 bytes.
        pub fn table_length(mut self, endpoints: u32) -> Self {
            self.options.plan.endpoints = endpoints;
            self
        }
    };
}
pub(super) use {common_options, table_option};
