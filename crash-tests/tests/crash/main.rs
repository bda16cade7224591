//! What if a process dies, or stops, after any one thing that it does?

extern crate annulus_crash as annulus;

mod blocks;
mod deed;
mod kills;
mod reapers;
mod score;
mod stops;
mod streams;
#[path = "../../../tests/support/mod.rs"]
mod support;
mod trace;
mod world;

use annulus::{End, Multi};
use deed::{Deed, many_receivers, many_senders};
use support::message::Tick;

/// That of this kind, among spsc, mpsc, spmc and mpmc.
fn of_kind<S: End, R: End>(four: [usize; 4]) -> usize {
    four[usize::from(many_senders::<S, R>()) + 2 * usize::from(many_receivers::<S, R>())]
}

/// Two tests for each deed, and how many points it has at least, by kind.
macro_rules! deeds {
    ($($killed:ident, $stopped:ident: $deed:ident, $least:expr;)+) => {$(
        fn $killed<S: End, R: End>() {
            kills::anywhere::<Tick, S, R>(Deed::$deed, of_kind::<S, R>($least));
        }

        fn $stopped<S: End, R: End>() {
            stops::anywhere::<Tick, S, R>(Deed::$deed, of_kind::<S, R>($least));
        }
    )+};
}

deeds! {
    a_sender_may_be_killed_anywhere_in_send, a_sender_may_be_stopped_anywhere_in_send: Send, [15, 24, 30, 32];
    a_sender_may_be_killed_anywhere_in_send_many, a_sender_may_be_stopped_anywhere_in_send_many: SendMany, [16, 25, 30, 34];
    a_receiver_may_be_killed_anywhere_in_recv, a_receiver_may_be_stopped_anywhere_in_recv: Receive, [16, 36, 26, 38];
    a_receiver_may_be_killed_anywhere_in_recv_many, a_receiver_may_be_stopped_anywhere_in_recv_many: ReceiveMany, [16, 36, 28, 38];
    a_receiver_may_be_killed_anywhere_in_recv_lease, a_receiver_may_be_stopped_anywhere_in_recv_lease: Lease, [15, 36, 26, 38];
    a_receiver_may_be_killed_anywhere_in_ack, a_receiver_may_be_stopped_anywhere_in_ack: Acknowledge, [5, 5, 8, 8];
    a_receiver_may_be_killed_anywhere_in_drop_of_a_lease, a_receiver_may_be_stopped_anywhere_in_drop_of_a_lease: HandBack, [4, 4, 6, 6];
    a_sender_may_be_killed_anywhere_in_close, a_sender_may_be_stopped_anywhere_in_close: CloseSending, [5, 5, 5, 5];
    a_receiver_may_be_killed_anywhere_in_close, a_receiver_may_be_stopped_anywhere_in_close: CloseReceiving, [5, 5, 5, 5];
    a_sender_may_be_killed_anywhere_in_attach, a_sender_may_be_stopped_anywhere_in_attach: AttachSender, [30, 36, 36, 38];
    a_receiver_may_be_killed_anywhere_in_attach, a_receiver_may_be_stopped_anywhere_in_attach: AttachReceiver, [30, 36, 36, 38];
    a_sender_may_be_killed_anywhere_in_reserve, a_sender_may_be_stopped_anywhere_in_reserve: ReserveSender, [30, 36, 36, 38];
    a_receiver_may_be_killed_anywhere_in_reserve, a_receiver_may_be_stopped_anywhere_in_reserve: ReserveReceiver, [30, 36, 36, 38];
    a_sender_may_be_killed_anywhere_in_sitting_down, a_sender_may_be_stopped_anywhere_in_sitting_down: SeatSender, [30, 30, 30, 30];
    a_receiver_may_be_killed_anywhere_in_sitting_down, a_receiver_may_be_stopped_anywhere_in_sitting_down: SeatReceiver, [30, 30, 30, 30];
    a_sender_may_be_killed_anywhere_in_detach, a_sender_may_be_stopped_anywhere_in_detach: DetachSender, [12, 14, 12, 14];
    a_receiver_may_be_killed_anywhere_in_detach, a_receiver_may_be_stopped_anywhere_in_detach: DetachReceiver, [13, 13, 15, 15];
    a_reaper_may_be_killed_anywhere_in_recover, a_reaper_may_be_stopped_anywhere_in_recover: Recover, [13, 20, 21, 21];
}

/// Copied by halves, not by words.
type Large = [u8; 100];

fn a_large_message_may_be_cut_short<S: End, R: End>() {
    kills::anywhere::<Large, S, R>(Deed::Send, of_kind::<S, R>([14, 22, 29, 30]));
    kills::anywhere::<Large, S, R>(Deed::Receive, of_kind::<S, R>([15, 35, 25, 36]));
    stops::anywhere::<Large, S, R>(Deed::Send, of_kind::<S, R>([14, 22, 29, 30]));
    stops::anywhere::<Large, S, R>(Deed::Receive, of_kind::<S, R>([15, 35, 25, 36]));
}

fn a_supervisor_and_the_next_may_both_be_killed_anywhere() {
    reapers::both_anywhere::<Tick, Multi, Multi>(Deed::Recover, Deed::Recover, 20);
}

fn a_receiver_that_reaps_and_a_supervisor_may_both_be_killed_anywhere() {
    reapers::both_anywhere::<Tick, Multi, Multi>(Deed::Receive, Deed::Recover, 22);
}

fn a_supervisor_and_a_receiver_that_reaps_may_both_be_killed_anywhere() {
    reapers::both_anywhere::<Tick, Multi, Multi>(Deed::Recover, Deed::Receive, 33);
}

fn a_supervisor_and_a_newcomer_may_both_be_killed_anywhere() {
    reapers::both_anywhere::<Tick, Multi, Multi>(Deed::Recover, Deed::AttachReceiver, 34);
}

fn main() -> std::process::ExitCode {
    let mut tests = support::tests!(
            plain:
                a_supervisor_and_the_next_may_both_be_killed_anywhere
                a_receiver_that_reaps_and_a_supervisor_may_both_be_killed_anywhere
                a_supervisor_and_a_receiver_that_reaps_may_both_be_killed_anywhere
                a_supervisor_and_a_newcomer_may_both_be_killed_anywhere;
            all:
                a_large_message_may_be_cut_short
                a_sender_may_be_killed_anywhere_in_send
                a_sender_may_be_killed_anywhere_in_send_many
                a_receiver_may_be_killed_anywhere_in_recv
                a_receiver_may_be_killed_anywhere_in_recv_many
                a_receiver_may_be_killed_anywhere_in_recv_lease
                a_receiver_may_be_killed_anywhere_in_ack
                a_receiver_may_be_killed_anywhere_in_drop_of_a_lease
                a_sender_may_be_killed_anywhere_in_close
                a_receiver_may_be_killed_anywhere_in_close
                a_sender_may_be_killed_anywhere_in_attach
                a_receiver_may_be_killed_anywhere_in_attach
                a_sender_may_be_killed_anywhere_in_reserve
                a_receiver_may_be_killed_anywhere_in_reserve
                a_sender_may_be_killed_anywhere_in_sitting_down
                a_receiver_may_be_killed_anywhere_in_sitting_down
                a_sender_may_be_killed_anywhere_in_detach
                a_receiver_may_be_killed_anywhere_in_detach
                a_reaper_may_be_killed_anywhere_in_recover
                a_sender_may_be_stopped_anywhere_in_send
                a_sender_may_be_stopped_anywhere_in_send_many
                a_receiver_may_be_stopped_anywhere_in_recv
                a_receiver_may_be_stopped_anywhere_in_recv_many
                a_receiver_may_be_stopped_anywhere_in_recv_lease
                a_receiver_may_be_stopped_anywhere_in_ack
                a_receiver_may_be_stopped_anywhere_in_drop_of_a_lease
                a_sender_may_be_stopped_anywhere_in_close
                a_receiver_may_be_stopped_anywhere_in_close
                a_sender_may_be_stopped_anywhere_in_attach
                a_receiver_may_be_stopped_anywhere_in_attach
                a_sender_may_be_stopped_anywhere_in_reserve
                a_receiver_may_be_stopped_anywhere_in_reserve
                a_sender_may_be_stopped_anywhere_in_sitting_down
                a_receiver_may_be_stopped_anywhere_in_sitting_down
                a_sender_may_be_stopped_anywhere_in_detach
                a_receiver_may_be_stopped_anywhere_in_detach
                a_reaper_may_be_stopped_anywhere_in_recover;
    );
    tests.extend(blocks::tests());
    tests.extend(streams::tests());
    support::runner::main(&[], &tests)
}
