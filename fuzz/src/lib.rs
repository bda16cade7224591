//! What do the fuzz targets do with an input?
//!
//! [`attach`]: the input is the bytes of a region, mostly, and a program of operations on it. [`ops`]: it is a program of
//! operations, and every answer is the one that a sequential model predicts. [`words`]: it is what several threads do, and
//! what a scribbler writes over their channel meanwhile. [`frames`]: a program of operations on frames in a stream, and bytes that
//! are none.
//!
//! Each is a function of the input, so that `replay` runs it without a fuzzer as well.

mod attach;
mod bytes;
mod frames;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/support/guard.rs"]
mod guard;
mod ops;
mod session;
mod words;

use std::time::Duration;

use annulus::{Channel, End, FenceMode, SlotPadding, bytemuck::Pod};
use arbitrary::{Result, Unstructured};

pub use attach::attach;
pub use frames::frames;
pub use ops::ops;
pub use words::words;

/// What to do with an input.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: [(&str, Target); 4] = [("attach", attach), ("ops", ops), ("words", words), ("frames", frames)];

/// What both sides say the messages are.
const SCHEMA: &str = "fuzz";
/// The largest region.
const MAX_BYTES: u64 = 1 << 20;

/// A small channel, with options that the input chooses.
fn channel<T: Pod, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<Channel<T, S, R>> {
    let channel = Channel::<T, S, R>::builder(input.int_in_range(1..=33)?)
        .slot_padding(*input.choose(&[SlotPadding::Packed, SlotPadding::Line])?)
        .fence_mode(*input.choose(&[FenceMode::Fenced, FenceMode::Membarrier])?)
        .table_length(input.int_in_range(1..=6)?)
        .spin_time(Duration::from_micros(input.int_in_range(0..=5)?))
        .tick(Duration::from_millis(1))
        .schema(SCHEMA)
        .max_bytes(MAX_BYTES)
        .anonymous();
    Ok(channel.expect("a small channel"))
}

/// Calls `$run::<T, S, R>` for the payload given, and the kind that the input chooses.
macro_rules! with_ends {
    ($run:ident::<$T:ty>($input:expr)) => {
        match $input.int_in_range(0..=3)? {
            0 => $run::<$T, annulus::Single, annulus::Single>($input),
            1 => $run::<$T, annulus::Multi, annulus::Single>($input),
            2 => $run::<$T, annulus::Single, annulus::Multi>($input),
            _ => $run::<$T, annulus::Multi, annulus::Multi>($input),
        }
    };
}
use with_ends;
