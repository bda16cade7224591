#![doc = include_str!("LAYOUT.md")]
//!
//! # Reading order
//! [`header`] (line 0), [`lines`] (the shared words), [`table`] (the endpoints' records), [`state`] (a slot's word),
//! [`laps`] (positions), [`geometry`] (offsets, and the checks on bytes that came from elsewhere), [`block`] and [`blocks`] (the same
//! for blocks), [`flat`] (the same for streams), [`plain`] (the same for bytes that are nothing of those). Everything here is
//! pure: no system call, no pointer.

pub(crate) mod block;
pub(crate) mod blocks;
pub(crate) mod flat;
pub(crate) mod geometry;
pub(crate) mod header;
pub(crate) mod laps;
pub(crate) mod lines;
pub(crate) mod plain;
pub(crate) mod state;
pub(crate) mod table;

pub use geometry::SlotPadding;
pub use header::{FenceMode, Kind};

pub(crate) use blocks::{BlockLayout, BlockPlan, Blocks};
pub(crate) use flat::{Element, Flat, FlatPlan, Marks};
pub(crate) use geometry::{Body, Geometry, Payload};
pub(crate) use header::{Header, Policy};
pub(crate) use laps::Laps;
pub(crate) use lines::{Life, Lines, Slot};
pub(crate) use plain::PlainPlan;
pub(crate) use state::{Claimants, Owner, Phase, State};
pub(crate) use table::{Record, Role};
