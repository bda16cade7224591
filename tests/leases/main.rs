//! What becomes of a message on lease, whatever becomes of its receiver?

mod back;
mod capacity;
mod corners;
mod deaths;
mod many;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod world;

use back::*;
use capacity::*;
use corners::*;
use deaths::*;
use many::*;
use reading::*;

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            plain: an_acknowledgement_wakes_who_waits_for_it_whoever_has_died;
            all:
                a_slot_on_lease_is_full_to_senders
                what_is_acknowledged_in_any_order_makes_room
                what_is_dropped_comes_back_oldest_first
                what_comes_back_is_received_in_every_way
                a_batch_may_be_on_lease_all_around_the_ring
                what_a_killed_receiver_held_comes_back
                what_was_held_for_long_comes_back
                what_a_receiver_forgot_comes_back_when_it_has_gone
                a_forked_childs_copy_of_a_lease_does_nothing
                a_lease_reads_a_copy
                a_lease_waits_as_a_receive_does
                a_stopped_holder_is_not_robbed
                an_impossible_word_is_corrupt
                an_acknowledgement_of_what_is_not_ours_is_corrupt;
            multi_receivers:
                others_pass_what_is_on_lease
                a_waiting_receiver_is_woken_for_what_comes_back
                what_is_left_behind_comes_back_to_a_waiting_receiver
                the_stream_has_not_ended_while_another_holds_something
                the_last_acknowledgement_ends_a_wait
                two_that_hold_something_do_not_wait_for_each_other
                what_has_come_back_for_a_whole_turn_is_found
                a_newcomer_finds_what_has_come_back_for_a_whole_turn
                the_end_leaves_nothing_that_has_come_back_for_a_whole_turn
                who_waits_sleeps_past_no_whole_turn
                clones_wait_for_each_others_leases
                waking_a_receiver_for_what_comes_back_counts;
        ),
    )
}
