//! What if a process dies, or stops, after any one thing that it does with blocks?
//!
//! The same grid as for slots. What is in somebody's hands when he dies is another matter: a message that he had received
//! comes to another and says so, and what he had on loan was never sent.

mod deed;
mod ending;
mod kills;
mod reapers;
mod sleepers;
mod stops;
mod world;

use crate::support::Test;
use deed::Deed;

/// Two tests for each deed, and how many points it has at least.
macro_rules! deeds {
    ($($who:literal: $deed:ident, $least:expr;)+) => {
        [$(
            Test::new(
                concat!("blocks::", $who, "_may_be_killed_anywhere"),
                || kills::anywhere(Deed::$deed, $least),
            ),
            Test::new(
                concat!("blocks::", $who, "_may_be_stopped_anywhere"),
                || stops::anywhere(Deed::$deed, $least),
            ),
        )+]
    };
}

/// The grids of single deaths and stops.
pub fn tests() -> Vec<Test> {
    let mut tests = Vec::from(deeds! {
        "who_loans": Loan, 44;
        "who_aborts": Abort, 5;
        "who_loans_and_sends": Send, 54;
        "who_sends_a_copy": SendCopy, 53;
        "who_receives": Receive, 54;
        "who_receives_and_holds": ReceiveAndHold, 52;
        "who_holds_two": HoldTwo, 53;
        "who_releases": Release, 5;
        "a_sender_that_closes": CloseSending, 6;
        "a_receiver_that_closes": CloseReceiving, 6;
        "a_sender_that_attaches": AttachSender, 45;
        "a_receiver_that_attaches": AttachReceiver, 45;
        "a_sender_that_reserves": ReserveSender, 44;
        "a_receiver_that_reserves": ReserveReceiver, 44;
        "a_sender_that_sits_down": SeatSender, 32;
        "a_receiver_that_sits_down": SeatReceiver, 33;
        "a_sender_that_detaches": DetachSender, 15;
        "a_receiver_that_detaches": DetachReceiver, 16;
        "a_reaper": Recover, 24;
    });
    tests.extend(reapers::tests());
    tests.extend(sleepers::tests());
    tests.push(Test::new(
        "blocks::the_last_message_comes_before_the_end",
        ending::the_last_message_comes_before_the_end,
    ));
    tests
}
