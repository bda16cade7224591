//! What do the tests across processes share?
//!
//! [`runner`] is the test harness of the binaries that fork; [`peer`] is another process and the conversation with it;
//! [`words`] reads and writes a region's words from outside, by LAYOUT.md; [`message`] makes payloads that tell whether
//! they are whole; [`log`] is memory that outlives the process that wrote it; [`trap`] stops a process in mid-copy;
//! [`step`] stops it between two system calls; [`filter`] takes system calls away from it; [`guard`] keeps it inside a
//! mapping; [`own`] names channels; [`traffic`] is what flows before and after a death, and [`audit`] looks whether a channel
//! is sound after one. [`pool`] and [`stock`] are words and audit for channels of blocks,
//! and [`flow`] for streams.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test binary compiles this module and uses a part of it"
)]

pub mod audit;
pub mod filter;
pub mod flow;
pub mod guard;
pub mod log;
pub mod message;
pub mod own;
pub mod peer;
pub mod pool;
pub mod runner;
pub mod step;
pub mod stock;
pub mod traffic;
pub mod trap;
pub mod words;

pub use peer::{Link, Peer, until};
pub use runner::Test;
pub use words::Words;

/// How long anything may take before it counts as hung. Nothing waits for this to pass.
pub const WATCHDOG: std::time::Duration = std::time::Duration::from_secs(30);

/// A long time for a wait that must not end by itself, but short of the watchdog.
pub const LONG: std::time::Duration = std::time::Duration::from_secs(25);

/// Tests that are generic over the two ends, once for each kind; `multi_senders` and `multi_receivers` only where that
/// end admits many.
macro_rules! tests {
    (
        $(plain: $($plain:ident)*;)?
        $(all: $($all:ident)*;)?
        $(multi_senders: $($ms:ident)*;)?
        $(multi_receivers: $($mr:ident)*;)?
        $(multi: $($m:ident)*;)?
    ) => {{
        #[allow(unused_imports, reason = "not all binaries have tests of all kinds")]
        use annulus::{Multi, Single};
        use $crate::support::Test;
        let mut tests: Vec<Test> = Vec::new();
        $(tests.extend([$(Test::new(stringify!($plain), $plain)),*]);)?
        $($(tests.extend([
            Test::new(concat!("spsc::", stringify!($all)), $all::<Single, Single>),
            Test::new(concat!("mpsc::", stringify!($all)), $all::<Multi, Single>),
            Test::new(concat!("spmc::", stringify!($all)), $all::<Single, Multi>),
            Test::new(concat!("mpmc::", stringify!($all)), $all::<Multi, Multi>),
        ]);)*)?
        $($(tests.extend([
            Test::new(concat!("mpsc::", stringify!($ms)), $ms::<Single>),
            Test::new(concat!("mpmc::", stringify!($ms)), $ms::<Multi>),
        ]);)*)?
        $($(tests.extend([
            Test::new(concat!("spmc::", stringify!($mr)), $mr::<Single>),
            Test::new(concat!("mpmc::", stringify!($mr)), $mr::<Multi>),
        ]);)*)?
        $(tests.extend([$(Test::new(concat!("mpmc::", stringify!($m)), $m)),*]);)?
        tests
    }};
}
pub(crate) use tests;
