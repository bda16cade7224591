//! What if a process dies, or stops, after any one thing that it does with a stream?
//!
//! The same grid as for slots. What was committed and not consumed is there, from that very element on; what was in a chunk that
//! was not committed never was, and nothing is to be repaired.

mod deed;
mod ending;
mod kills;
mod stops;
mod world;

use crate::support::Test;
use deed::Deed;

/// Two tests for each deed, and how many points it has at least.
macro_rules! deeds {
    ($($who:literal: $deed:ident, $least:expr;)+) => {
        [$(
            Test::new(
                concat!("streams::", $who, "_may_be_killed_anywhere"),
                || kills::anywhere(Deed::$deed, $least),
            ),
            Test::new(
                concat!("streams::", $who, "_may_be_stopped_anywhere"),
                || stops::anywhere(Deed::$deed, $least),
            ),
        )+]
    };
}

/// The grids of single deaths and stops.
pub fn tests() -> Vec<Test> {
    let mut tests = Vec::from(deeds! {
        "who_writes_a_chunk": Write, 28;
        "who_writes_all": WriteAll, 27;
        "who_reads_a_chunk": Read, 32;
        "who_reads_exactly_so_many": ReadExact, 21;
        "a_writer_that_closes": CloseWriting, 6;
        "a_reader_that_closes": CloseReading, 6;
        "a_writer_that_attaches": AttachWriter, 38;
        "a_reader_that_attaches": AttachReader, 38;
        "a_writer_that_detaches": DetachWriter, 13;
        "a_reader_that_detaches": DetachReader, 14;
    });
    tests.push(Test::new(
        "streams::the_last_element_comes_before_the_end",
        ending::the_last_element_comes_before_the_end,
    ));
    tests
}
