//! What do the others see if a process dies right here? The crate compiled again, behind a door that tells where it is.
//!
//! The rooms of the crate stand here by `#[path]`, unchanged; only the door is another ([`sync`]): while [`crash::on`] it
//! makes a system call that does nothing after every access to memory, so that a tracer stops the process there as it
//! does at every other system call. `tests/crash` is that tracer: it kills the process at each stop, or leaves it there.
//!
//! What users see is the same as in the crate, under the same names.

// The rooms are what they are in the crate, where each item has a use.
#![allow(dead_code, unused_imports)]

#[path = "../../src/channel/mod.rs"]
mod channel;
#[path = "../../src/edge.rs"]
mod edge;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/layout/mod.rs"]
mod layout;
#[path = "../../src/pool/mod.rs"]
mod pool;
#[path = "../../src/region/mod.rs"]
mod region;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/span/mod.rs"]
mod span;
#[path = "../../src/tries.rs"]
mod tries;
#[path = "../../src/wait/mod.rs"]
mod wait;

pub mod crash;
mod sync;

pub use bytemuck;
pub use channel::plain::{Region, RegionBuilder, RegionFileBuilder};
pub use channel::*;
pub use error::*;
pub use layout::{FenceMode, Kind, SlotPadding};
pub use region::named::{Attached, Listed, Removed, gc, list, unlink};
