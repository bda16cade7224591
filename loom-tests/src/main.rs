//! Which model is to run? `loom-models NAME` runs one, `loom-models` lists them.
//!
//! The rooms of the crate are compiled again here, by `#[path]`, behind a door of loom's ([`sync`]) and in front of a
//! kernel of a few lines ([`region`]). Reading order: [`sync`], [`weaken`] (what `tests/mutate.rs` leaves out),
//! [`kill`] (a thread that stops for good at any access), [`stage`] (a ring, blocks or a stream to play on), then the [`models`].
//!
//! Exit status: 0 the model holds; 101 it does not (loom's or the model's message on stdout); 3 it held, but loom saw
//! too little of it.

// The rooms are used in part.
#![allow(dead_code, unused_imports)]
// Threads are loom's here, all run by one: what its cells do not promise is promised by the crate's own types.
#![allow(clippy::arc_with_non_send_sync)]

#[path = "../../src/edge.rs"]
mod edge;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/layout/mod.rs"]
mod layout;
#[path = "../../src/pool/mod.rs"]
mod pool;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/span/mod.rs"]
mod span;
#[path = "../../src/tries.rs"]
mod tries;
#[path = "../../src/wait/mod.rs"]
mod wait;

/// What users hold, without the parts that hand files around.
mod channel;

mod kill;
mod models;
mod region;
mod stage;
mod sync;
mod weaken;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        for model in models::ALL {
            println!("{}", model.name);
        }
        return ExitCode::SUCCESS;
    };
    let Some(model) = models::ALL.iter().find(|model| model.name == name) else {
        println!("no such model: {name}");
        return ExitCode::from(2);
    };
    stage::run(model)
}
