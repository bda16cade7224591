//! What is left of an operation that is killed, or stopped, after any of its instructions?
//!
//! For each operation at each kind of end: a forked child, with a channel that it has warmed up, is let go on by exactly i
//! instructions of the operation (`stepping`), for every i from none to all, and is then killed (`killed`), or left there
//! while the others go on (`stopped`). Each time it is a new child and a new channel. How far the operation had come, in
//! the words that the others see, never goes back as i grows: it begins with nothing and ends with everything (`tally`).
//!
//! Channels of blocks have the same done to them (`blocks`), and streams (`streams`).
//!
//! After each kill the slots are looked at from outside, somebody buries the dead (a supervisor, a newcomer, or whoever
//! waits, by turns), what was left comes once, and 10,000 messages pass.
//!
//! An i is the compiler's: `cargo test --release --test any_instruction` looks at what users run. Steps take time, and so
//! many are taken to the i-th; of an operation of more than some 400 instructions only every 5th i is tried, or fewer,
//! unless all are asked for: `cargo test --release --test any_instruction -- --every`.

#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod killed;
mod stepping;
mod stopped;
mod streams;
mod tally;
mod world;

use annulus::{Multi, Single};
use killed::*;
use stopped::*;
use support::Test;

fn main() -> std::process::ExitCode {
    let mut tests = support::tests!(
        all:
            a_try_send_killed_anywhere_has_sent_its_message_or_not
            a_try_recv_killed_anywhere_has_taken_its_message_or_not;
        multi_senders: a_try_send_stopped_anywhere_is_not_robbed;
        multi_receivers: a_try_recv_stopped_anywhere_is_not_robbed;
    );
    // What is only a matter of one end, and takes long, at both kinds of it.
    macro_rules! each_end {
        ($($test:ident)*) => {
            [$(
                Test::new(concat!("spsc::", stringify!($test)), $test::<Single, Single>),
                Test::new(concat!("mpmc::", stringify!($test)), $test::<Multi, Multi>),
            )*]
        };
    }
    tests.extend(each_end!(
        a_large_message_killed_anywhere_on_its_way_has_come_whole_or_not
        a_lease_killed_anywhere_is_delivered_again_unless_acknowledged
        a_lease_killed_anywhere_on_its_way_back_is_delivered_again
        a_recv_killed_anywhere_on_its_way_to_sleep_leaves_nothing
        a_try_send_killed_anywhere_on_its_way_to_wake_a_sleeper_leaves_nobody_asleep
    ));
    tests.extend(blocks::tests());
    tests.extend(streams::tests());
    support::runner::main(&[], &tests)
}
