//! What happens in the schedules that no test comes across?
//!
//! The protocols of annulus as explicit-state models: a few processes, every access to a shared word and every system call
//! a step, every order of the steps, and a kill before any of them. [`explore`](explore::explore) visits every state.
//!
//! | model | the question | of |
//! |---|---|---|
//! | [`ring`] | does each message come through once and in order, whoever dies? | `src/ring`, leases included |
//! | [`blocks`] | does each message come through the blocks once and in order, and is a wake-up lost there? | a pool of blocks for large messages, with a ring of the order in which they were published |
//! | [`stream`] | does a receiver hear the end of the stream, and not too early? | `src/channel/{taking,lease,reaper,endpoint}.rs` |
//! | [`span`] | does each element of a stream come through once and in order, and is a wake-up lost there? | `src/span`, `src/channel/stream` |
//! | [`waiting`] | is a wake-up lost? | `src/wait`, `src/channel/{sender,taking}.rs` |
//! | [`names`] | does a name go when it should, and never before? | `src/region/named`, `src/channel/place.rs` |
//!
//! `cargo run --release -p annulus-models -- all` runs every scenario and prints states, steps and time;
//! `-- NAME…` those whose name contains a NAME, with the shortest way to whatever is wrong. The quick ones are tests.
//!
//! # What this shows, and what not
//! Within small bounds (up to five processes, four slots, a few messages) it is complete, which no test of the code is:
//! that is how most of the rules in the docs of the rooms were found. But it is a copy, made by hand, of what the code
//! does. That the code does it is shown by others: `loom-tests` explore the code itself, with the orderings of memory,
//! which are left out here (every step is seen by all at once); the tests with real processes kill it at every access.
//!
//! Each rule that looks like a detail comes with a *control*: the model without it, in which something must be wrong.
#![doc = include_str!("../CONTROLS.md")]

pub mod blocks;
pub mod catalogue;
pub mod explore;
pub mod names;
pub mod ring;
pub mod span;
pub mod stream;
pub mod waiting;
