//! What has a name: a channel of slots, of blocks, or a plain region?

use std::time::Duration;

use annulus::{AttachError, Channel, CreateError, OpenOrCreateError, Region, Single};

use crate::support::message::{Message, Tick};
use crate::support::pool::Pool;
use crate::support::{Words, audit, stock};

/// What has a name.
pub trait Named: Sized {
    /// For people.
    const WHAT: &'static str;
    /// Something can be unread in it.
    const CARRIES: bool = true;

    fn create(name: &str, capacity: usize) -> Result<Self, CreateError>;
    fn open_or_create(name: &str, capacity: usize) -> Result<Self, OpenOrCreateError>;
    fn open(name: &str) -> Result<Self, AttachError>;
    /// If that can be now.
    fn open_now(name: &str) -> Result<Self, AttachError>;
    /// Attaches and sends message 1, if that can be.
    fn send(&self) -> bool;
    /// Attaches and receives what is there, if that can be.
    fn drain(&self);
    /// Attaches both ends, and looks whether it is sound; what was in it.
    fn sound(&self, case: &str) -> Vec<u64>;
}

pub type Ticks = Channel<Tick, Single, Single>;

impl Named for Ticks {
    const WHAT: &'static str = "slots";

    fn create(name: &str, capacity: usize) -> Result<Self, CreateError> {
        Channel::create(name, capacity)
    }

    fn open_or_create(name: &str, capacity: usize) -> Result<Self, OpenOrCreateError> {
        Channel::open_or_create(name, capacity)
    }

    fn open(name: &str) -> Result<Self, AttachError> {
        Channel::open(name)
    }

    fn open_now(name: &str) -> Result<Self, AttachError> {
        Channel::open_timeout(name, Duration::ZERO)
    }

    fn send(&self) -> bool {
        self.sender().is_ok_and(|tx| tx.try_send(Tick::of(1)).is_ok())
    }

    fn drain(&self) {
        let _ = self.receiver().map(|rx| while rx.try_recv().is_ok() {});
    }

    fn sound(&self, case: &str) -> Vec<u64> {
        let tx = self.sender().unwrap_or_else(|error| panic!("{case}: {error}"));
        let rx = self.receiver().unwrap_or_else(|error| panic!("{case}: {error}"));
        audit::sound(self, &Words::of(self), &tx, &rx, case)
    }
}

pub type Blocks = stock::Channel;

impl Named for Blocks {
    const WHAT: &'static str = "blocks";

    fn create(name: &str, capacity: usize) -> Result<Self, CreateError> {
        Blocks::create(name, capacity, stock::ROOM)
    }

    fn open_or_create(name: &str, capacity: usize) -> Result<Self, OpenOrCreateError> {
        Blocks::open_or_create(name, capacity, stock::ROOM)
    }

    fn open(name: &str) -> Result<Self, AttachError> {
        Blocks::open(name)
    }

    fn open_now(name: &str) -> Result<Self, AttachError> {
        Blocks::open_timeout(name, Duration::ZERO)
    }

    fn send(&self) -> bool {
        self.sender().is_ok_and(|tx| stock::try_send(&tx, 1) == Ok(true))
    }

    fn drain(&self) {
        let _ = self.receiver().map(|rx| while rx.try_recv().is_ok() {});
    }

    fn sound(&self, case: &str) -> Vec<u64> {
        let tx = self.sender().unwrap_or_else(|error| panic!("{case}: {error}"));
        let rx = self.receiver().unwrap_or_else(|error| panic!("{case}: {error}"));
        let came = stock::sound(self, &Pool::of(self), &tx, &rx, case);
        came.into_iter().map(|(number, _)| number).collect()
    }
}

impl Named for Region {
    const WHAT: &'static str = "bytes";
    const CARRIES: bool = false;

    fn create(name: &str, capacity: usize) -> Result<Self, CreateError> {
        Region::create(name, capacity)
    }

    fn open_or_create(name: &str, capacity: usize) -> Result<Self, OpenOrCreateError> {
        Region::open_or_create(name, capacity)
    }

    fn open(name: &str) -> Result<Self, AttachError> {
        Region::open(name)
    }

    fn open_now(name: &str) -> Result<Self, AttachError> {
        Region::open_timeout(name, Duration::ZERO)
    }

    fn send(&self) -> bool {
        false
    }

    fn drain(&self) {}

    fn sound(&self, case: &str) -> Vec<u64> {
        for value in [1, 2] {
            self.write_at(0, &vec![value; self.len()])
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            let mut bytes = vec![0_u8; self.len()];
            self.read_at(0, &mut bytes)
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(bytes.iter().all(|&byte| byte == value), "{case}: {bytes:?}");
        }
        Vec::new()
    }
}
