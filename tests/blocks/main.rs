//! Do blocks hold between processes what their documentation says?
//!
//! - `handing`: does what is written come as it was written?
//! - `sharing`: may handles be cloned, shared and held by several?
//! - `waiting`: who wakes whom?
//! - `ending`: when is the stream over?
//! - `deaths`: what becomes of the blocks of the dead?
//! - `survivors`: what do the living notice of it?
//! - `stops`: whom does a stopped process hold up?
//! - `bad`: is what cannot be refused, and how?
//! - `hostile`: what can a scribbler do?
//! - `headers`: what if line 0 says what is not?
//! - `attaching`: how do other programs come by a channel?
//! - `names`: who takes a name away?
//! - `looking`: what is seen from outside?
//! - `forks`: what crosses a fork?
//! - `properties`: does it all answer as a model does?
//!
//! Rooms share `world`, and `words` for what the region's bytes say.

#[path = "../support/mod.rs"]
mod support;

mod attaching;
mod bad;
mod deaths;
mod ending;
mod forks;
mod handing;
mod headers;
mod hostile;
mod looking;
mod names;
mod properties;
mod sharing;
mod stops;
mod survivors;
mod waiting;
mod words;
mod world;

use attaching::*;
use bad::*;
use deaths::*;
use ending::*;
use forks::*;
use handing::*;
use headers::*;
use hostile::*;
use looking::*;
use names::*;
use properties::*;
use sharing::*;
use stops::*;
use support::own;
use survivors::*;
use waiting::*;

fn main() -> std::process::ExitCode {
    let _turn = own::turn();
    let tests = support::tests!(
        plain:
            an_unzeroed_loan_is_as_it_was_left
            a_sender_goes_round_few_blocks_while_few_are_in_use
            messages_of_all_lengths_types_and_headers_arrive_whole
            items_are_aligned_as_was_asked_for
            a_header_is_zero_unless_it_is_set
            a_loan_is_zero_though_its_block_was_used
            a_truncated_message_is_its_first_items
            what_is_written_to_an_uninitialised_loan_arrives
            the_order_is_that_of_sending_and_not_of_the_loans
            a_loan_that_is_dropped_was_never_a_message
            slices_are_sent_in_every_way
            messages_are_received_in_every_way
            a_message_stays_where_it_was_written
            a_loan_and_a_block_keep_their_endpoints_attached
            a_channel_says_how_large_it_is
            a_stream_to_another_process_arrives_in_order
            clones_are_one_endpoint
            threads_share_an_endpoint
            a_loan_and_a_block_can_go_to_another_thread
            each_message_goes_to_one_receiver
            what_is_held_is_passed_by_the_others
            a_waiting_loan_is_woken_when_a_block_is_dropped
            a_waiting_receiver_is_woken_when_a_message_is_sent
            each_message_and_each_block_wakes_one
            sleepers_pass_a_stream
            who_waits_for_a_time_waits_no_shorter
            a_time_that_is_over_still_gets_what_is_there
            a_wait_with_a_deadline_is_woken_too
            a_close_ends_both_ends
            a_close_wakes_a_waiting_receiver
            a_receiver_gets_what_is_there_and_then_the_end
            the_last_sender_to_go_wakes_a_waiting_receiver
            the_last_receiver_to_go_ends_a_waiting_loan
            a_loan_that_nobody_would_read_comes_back_from_send
            a_first_peer_is_waited_for
            the_wait_for_a_first_peer_ends_when_nobody_can_come
            the_end_waits_for_no_block_that_another_holds
            a_killed_senders_loans_are_free_again
            what_a_killed_sender_has_sent_arrives
            what_a_killed_receiver_held_comes_back_oldest_first
            what_comes_back_over_a_wrap_is_in_order
            what_comes_back_is_received_in_every_way
            what_comes_back_can_come_back_again
            what_came_back_precedes_what_is_sent_later
            recover_repairs_what_the_dead_have_left
            a_newcomer_under_a_dead_ones_number_has_nothing_of_his
            who_dies_with_a_hundred_blocks_loses_none
            a_waiting_sender_gets_what_a_killed_holder_had
            a_waiting_receiver_gets_what_a_killed_one_held
            a_receiver_that_always_finds_something_finds_what_the_dead_held
            what_a_dead_receiver_held_is_delivered_before_the_end
            traffic_survives_kills
            a_stopped_loan_holds_up_nobody
            a_stopped_reader_holds_up_nobody
            two_who_are_stopped_hold_up_nobody
            a_stopped_holder_is_not_robbed
            a_loan_larger_than_a_block_says_both_sizes
            an_exhausted_pool_says_who_has_the_blocks
            what_no_channel_can_be_says_what_it_could_be
            what_is_larger_than_allowed_is_not_made
            who_expects_something_else_is_told_both_sides
            a_full_table_says_how_long_it_is
            a_word_of_no_phase_is_corrupt
            an_entry_that_cannot_be_is_corrupt
            an_entry_of_a_later_lap_is_passed
            a_length_beyond_the_block_is_corrupt
            hints_anywhere_lead_to_values_or_to_corrupt
            hints_that_lag_cost_nothing_but_a_walk
            a_dead_senders_message_in_hand_is_corrupt
            others_withstand_a_scribbler
            headers_of_another_alignment_are_refused
            a_field_that_says_otherwise_is_refused_or_harmless
            a_region_of_items_that_are_nothing_is_refused
            a_layout_that_no_plan_makes_does_not_add_up
            a_spawned_program_inherits_channels_of_blocks
            a_channel_of_blocks_crosses_a_socket
            a_channel_in_flight_is_somebody_who_could_come
            a_schema_must_be_the_same_on_both_sides
            a_populated_channel_is_mapped_at_once
            two_programs_find_each_other_by_name
            a_created_name_goes_with_its_creator
            what_is_unread_keeps_the_name_of_a_shared_channel
            what_a_dead_receiver_held_is_unread
            a_large_channel_is_seen_to_be_drained
            whoever_opens_or_creates_joins_what_is_there
            a_kept_name_stays_until_it_is_removed
            gc_removes_what_no_live_process_has_open
            list_and_unlink_know_blocks
            a_named_channel_has_the_mode_and_the_user_that_were_asked_for
            a_killed_opener_leaves_its_name_behind
            messages_are_counted_by_who_sends_and_who_receives
            stats_tell_kind_capacity_close_and_who_is_there
            waits_and_wakes_are_counted
            an_observer_sees_the_same_and_changes_nothing
            looks_during_traffic_make_sense
            an_impossible_role_is_corrupt_to_who_looks
            a_seat_becomes_the_childs_endpoint
            a_seat_is_taken_once
            a_child_that_is_killed_before_it_sits_down_ends_the_stream
            a_forked_childs_receiver_takes_over_nothing
            a_forked_child_cannot_use_its_parents_endpoints
            what_a_forked_child_drops_disturbs_nobody
            a_forked_childs_copy_of_a_loan_or_a_block_does_nothing
            a_forked_child_attaches_through_its_inherited_channel
            a_child_does_not_keep_a_dead_parents_blocks
            blocks_between_processes_behave_as_the_model;
    );
    support::runner::main(&[("echo", echo)], &tests)
}
