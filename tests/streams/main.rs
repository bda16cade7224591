//! Do streams hold between processes what their documentation says?
//!
//! - `chunks`: is what is committed what is read?
//! - `copying`: do the operations that copy pass a stream as it is?
//! - `waiting`: who wakes whom?
//! - `ending`: when is the stream over?
//! - `deaths`: what becomes of the elements of the dead?
//! - `takeovers`: do many deaths in a row lose or double any?
//! - `stops`: whom does a stopped process hold up?
//! - `bad`: is what cannot be refused, and how?
//! - `hostile`: what can a scribbler do?
//! - `attaching`: how do other programs come by a stream?
//! - `names`: who takes a name away?
//! - `looking`: what is seen from outside?
//! - `forks`: what crosses a fork?
//! - `frames`: are messages in a stream whole?
//! - `duplex`: are two-way ends connected?
//! - `properties`: does it all answer as a model does?
//!
//! Rooms share `world`, and `words` for what the region's bytes say.

#[path = "../support/mod.rs"]
mod support;

mod attaching;
mod bad;
mod chunks;
mod copying;
mod deaths;
mod duplex;
mod ending;
mod forks;
mod frames;
mod hostile;
mod looking;
mod names;
mod properties;
mod stops;
mod takeovers;
mod waiting;
mod words;
mod world;

use attaching::*;
use bad::*;
use chunks::*;
use copying::*;
use deaths::*;
use duplex::*;
use ending::*;
use forks::*;
use frames::*;
use hostile::*;
use looking::*;
use names::*;
use properties::*;
use stops::*;
use support::own;
use takeovers::*;
use waiting::*;

fn main() -> std::process::ExitCode {
    let _turn = own::turn();
    let tests = support::tests!(
        plain:
            what_is_committed_is_read_and_no_more
            a_chunk_that_is_dropped_was_never_written
            what_is_not_consumed_comes_again
            a_chunk_is_one_piece_wherever_it_wraps
            both_mappings_are_the_same_memory
            a_fresh_chunk_is_zero_and_a_used_one_is_what_was_there
            full_and_empty_are_exact
            a_chunk_longer_than_the_stream_says_both_lengths
            a_stream_may_hold_a_single_element
            a_stream_goes_on_where_its_counts_wrap
            a_large_stream_is_of_the_capacity_that_was_asked_for
            as_many_are_written_and_read_as_there_is_room_for
            what_is_longer_than_the_stream_passes_between_threads
            what_is_longer_than_the_stream_passes_between_processes
            who_cannot_finish_says_how_far_it_has_got
            a_stream_of_bytes_is_copied_through
            a_stream_of_bytes_is_read_by_lines
            the_buffer_is_the_stream
            the_ends_of_a_stream_of_bytes_are_a_pipes
            all_that_is_there_is_readable
            a_poll_says_whether_a_read_or_a_write_would_wait
            a_waiting_reader_is_woken_when_there_is_as_much_as_it_waits_for
            a_waiting_writer_is_woken_at_its_low_water
            a_reader_with_too_little_wakes_the_writer
            a_reader_that_looks_again_wakes_the_writer
            sleepers_pass_a_stream
            who_waits_for_a_time_waits_no_shorter
            a_time_that_is_over_still_gets_what_is_there
            a_wait_with_a_deadline_is_woken_too
            a_close_ends_both_ends
            a_chunk_from_before_the_close_can_be_committed
            a_close_wakes_who_waits
            the_end_of_the_writer_wakes_a_waiting_reader
            the_end_of_the_reader_ends_a_waiting_writer
            what_is_there_comes_before_the_end
            nobody_writes_for_nobody
            a_first_peer_is_waited_for
            the_wait_for_a_first_peer_ends_when_nobody_can_come
            who_finds_elements_finds_the_end_behind_them
            there_is_one_writer_and_one_reader
            a_killed_writers_chunk_was_never_written
            the_next_writer_goes_on_at_the_exact_element
            what_a_writer_killed_in_mid_slice_has_written_is_whole
            a_writer_killed_in_its_sleep_leaves_nothing
            a_killed_readers_chunk_is_read_again
            the_next_reader_goes_on_at_the_exact_element
            a_reader_killed_in_its_sleep_takes_nothing_along
            a_writer_notices_that_its_reader_was_killed
            a_reader_notices_that_its_writer_was_killed
            both_ends_may_die_and_the_next_ones_go_on
            a_stopped_writer_keeps_its_chunk
            a_stopped_reader_keeps_its_chunk
            who_is_stopped_in_its_sleep_misses_nothing
            two_who_are_stopped_are_robbed_by_nobody
            a_commit_beyond_the_chunk_panics
            a_consume_beyond_the_chunk_panics
            elements_that_do_not_fill_pages_are_refused
            a_capacity_that_cannot_be_is_refused
            a_capacity_is_rounded_up
            what_is_larger_than_allowed_is_not_made
            without_address_space_nothing_is_left_behind
            a_channel_of_another_kind_is_no_stream
            elements_of_another_type_are_refused
            a_file_of_another_size_or_content_is_refused
            a_field_that_says_otherwise_is_refused_or_harmless
            the_words_of_a_fresh_stream_are_zero
            a_tail_that_cannot_be_is_corrupt_for_good
            a_head_that_cannot_be_is_corrupt_for_good
            a_cursor_that_goes_back_is_corrupt
            cursors_that_do_not_fit_each_other_are_refused
            a_cursor_that_could_be_is_believed
            a_false_mark_costs_a_tick_and_no_more
            others_withstand_a_scribbler
            a_spawned_program_inherits_streams
            a_stream_crosses_a_socket
            a_stream_in_flight_is_somebody_who_could_come
            a_schema_must_be_the_same_on_both_sides
            a_populated_stream_is_mapped_at_once
            nothing_stays_mapped
            two_programs_find_each_other_by_name
            a_created_name_goes_with_its_creator
            what_is_unread_keeps_the_name_of_a_shared_stream
            what_the_dead_had_in_hand_is_counted_as_it_is
            whoever_opens_or_creates_joins_what_is_there
            a_kept_name_stays_until_it_is_removed
            gc_removes_what_no_live_process_has_open
            list_and_unlink_know_streams
            a_named_stream_has_the_mode_and_the_user_that_were_asked_for
            a_killed_opener_leaves_its_name_behind
            elements_are_counted_by_who_writes_and_who_reads
            stats_tell_kind_capacity_close_and_who_is_there
            waits_and_wakes_are_counted
            an_observer_sees_the_same_and_changes_nothing
            looks_during_traffic_make_sense
            an_impossible_role_is_corrupt_to_who_looks
            a_seat_becomes_the_childs_end
            a_seat_is_taken_once_and_the_end_is_taken_by_it
            a_child_that_is_killed_before_it_sits_down_ends_the_stream
            a_forked_child_cannot_use_its_parents_ends
            what_a_forked_child_drops_disturbs_nobody
            a_forked_childs_copy_of_a_chunk_does_nothing
            a_child_does_not_keep_a_dead_parents_place
            a_forked_child_attaches_through_its_inherited_channel
            frames_come_as_they_were_written_wherever_they_lie
            a_frame_is_as_long_as_it_was_committed_for
            the_longest_frame_fills_the_stream_and_no_longer_one_is_written
            a_frame_that_is_kept_comes_again
            who_waits_for_a_frame_or_for_room_is_told
            the_frames_of_the_dead_are_whole_or_never_were
            what_is_no_frame_is_corrupt_for_good
            a_forked_childs_copy_of_a_frame_does_nothing
            a_frame_in_hand_survives_a_panic
            two_threads_talk_both_ways
            a_spawned_program_has_the_other_end
            a_forked_child_has_the_other_end
            a_child_that_dies_before_it_sits_down_hangs_up
            a_killed_end_is_the_end_to_the_other_one
            half_of_an_end_may_go
            messages_of_any_size_go_both_ways
            an_end_that_may_yet_be_attached_to_is_waited_for
            streams_behave_as_the_model
            no_takeover_loses_or_doubles_an_element;
    );
    support::runner::main(&[("echo", echo), ("shout", shout)], &tests)
}
