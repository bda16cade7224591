//! What is drawn by lot before a round begins?

use std::fmt;
use std::time::Duration;

use annulus::{Channel, End, FenceMode, Kind, stream};

use super::blocks::Frames;
use super::dice::Dice;
use super::parcel::Carrier;
use crate::support::own::Own;

/// How the processes of a round come by its channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Naming {
    /// By a fork, or through a descriptor.
    Anonymous,
    /// By its name too, which is its creator's.
    Created,
    /// By its name too, which is its users'.
    Shared,
}

/// A round, as far as a seed decides it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Of the channel.
    pub kind: Kind,
    /// Of the channel.
    pub capacity: usize,
    /// Words of a message.
    pub words: usize,
    /// How processes come by it.
    pub naming: Naming,
    /// Processes that send, or at a single end would.
    pub senders: usize,
    /// Processes that receive, likewise.
    pub receivers: usize,
    /// How long it goes on.
    pub time: Duration,
    /// Nobody is killed or stopped.
    pub peaceful: bool,
    /// Of that, how long until the next blow, at most.
    pub pause: Duration,
    fenced: bool,
    spins: bool,
    tick: Duration,
}

/// Sizes of messages, in words of 8 bytes.
pub const SIZES: [usize; 3] = [3, 32, 512];
/// Sizes of a stream's elements, which fill pages.
pub const ELEMENTS: [usize; 3] = [4, 32, 512];
const KINDS: [Kind; 4] = [Kind::Spsc, Kind::Mpsc, Kind::Spmc, Kind::Mpmc];
/// Processes of a round, together.
pub const MOST: usize = 8;
/// Endpoints that there can be.
const RECORDS: u32 = 48;

impl Plan {
    /// What `seed` draws.
    pub fn draw(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, 0);
        let senders = 1 + dice.roll(4) as usize;
        let plan = Plan {
            seed,
            kind: dice.pick(&KINDS),
            capacity: 1 << dice.roll(11),
            words: dice.pick(&SIZES),
            naming: dice.pick(&[Naming::Anonymous, Naming::Anonymous, Naming::Created, Naming::Shared]),
            senders,
            receivers: 1 + dice.roll(4) as usize,
            time: Duration::from_millis(150 + dice.roll(250)),
            peaceful: false,
            pause: Duration::from_micros(200 + dice.roll(12_000)),
            fenced: dice.once_in(3),
            spins: !dice.once_in(3),
            tick: Duration::from_millis(dice.pick(&[20, 100, 1000])),
        };
        plan.thinned()
    }

    /// The same, but of a channel of blocks.
    pub fn draw_of_blocks(seed: u64) -> Plan {
        let mut plan = Plan::draw(seed);
        let mut dice = Dice::new(seed, 1);
        plan.kind = Kind::Blocks;
        plan.capacity = if dice.once_in(2) {
            1 + dice.roll(8)
        } else {
            1 + dice.roll(64)
        } as usize;
        plan.senders = 1 + dice.roll(4) as usize;
        plan.receivers = 1 + dice.roll(4) as usize;
        plan
    }

    /// The same, but of a stream.
    pub fn draw_of_streams(seed: u64) -> Plan {
        let mut plan = Plan::draw(seed);
        plan.kind = Kind::Stream;
        plan.words = Dice::new(seed, 1).pick(&ELEMENTS);
        plan.thinned()
    }

    /// Where one can attach at a time, one more waits for its turn, or none.
    fn thinned(mut self) -> Plan {
        if matches!(self.kind, Kind::Spsc | Kind::Spmc | Kind::Stream) {
            self.senders = self.senders.min(2);
        }
        if matches!(self.kind, Kind::Spsc | Kind::Mpsc | Kind::Stream) {
            self.receivers = self.receivers.min(2);
        }
        self
    }

    /// The channel.
    pub fn make<T: Carrier, S: End, R: End>(&self, name: &Own) -> Channel<T, S, R> {
        let mut builder = Channel::builder(self.capacity).table_length(RECORDS).tick(self.tick);
        if self.fenced {
            builder = builder.fence_mode(FenceMode::Fenced);
        }
        if !self.spins {
            builder = builder.spin_time(Duration::ZERO);
        }
        match self.naming {
            Naming::Anonymous => builder.anonymous().expect("a channel"),
            Naming::Created => builder.create(name).expect("a channel"),
            Naming::Shared => builder.open_or_create(name).expect("a channel"),
        }
    }

    /// The channel of blocks.
    pub fn make_frames(&self, name: &Own) -> Frames {
        let mut builder = Frames::builder(self.capacity, self.words)
            .table_length(RECORDS)
            .tick(self.tick);
        if self.fenced {
            builder = builder.fence_mode(FenceMode::Fenced);
        }
        if !self.spins {
            builder = builder.spin_time(Duration::ZERO);
        }
        match self.naming {
            Naming::Anonymous => builder.anonymous().expect("a channel"),
            Naming::Created => builder.create(name).expect("a channel"),
            Naming::Shared => builder.open_or_create(name).expect("a channel"),
        }
    }

    /// The stream.
    pub fn make_stream<T: Carrier>(&self, name: &Own) -> stream::Channel<T> {
        let mut builder = stream::Channel::builder(self.capacity).tick(self.tick);
        if self.fenced {
            builder = builder.fence_mode(FenceMode::Fenced);
        }
        if !self.spins {
            builder = builder.spin_time(Duration::ZERO);
        }
        match self.naming {
            Naming::Anonymous => builder.anonymous().expect("a stream"),
            Naming::Created => builder.create(name).expect("a stream"),
            Naming::Shared => builder.open_or_create(name).expect("a stream"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {:?} {:?} of {} x {} bytes, {} senders, {} receivers",
            self.seed,
            self.naming,
            self.kind,
            self.capacity,
            8 * self.words,
            self.senders,
            self.receivers
        )
    }
}
