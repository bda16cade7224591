//! The models, a test each: `cargo test -p annulus-loom --test models -- --nocapture` says how much loom saw of each.

mod support;

macro_rules! models {
    ($($name:ident)+) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        $(
            #[test]
            fn $name() {
                let ran = support::run(stringify!($name), None);
                assert_eq!(ran.status, Some(0), "{}", ran.said);
                print!("{}: {}", stringify!($name), ran.said);
            }
        )+
    };
}

models! {
    published_bytes_are_visible
    a_slot_is_not_reused_early
    a_sender_starts_behind_claimed_slots
    a_receiver_starts_behind_drained_slots
    two_senders_never_own_one_slot
    two_receivers_never_take_one_message
    each_senders_messages_stay_in_order
    empty_and_full_are_exact
    a_late_hint_loses_nothing
    laps_wrap
    batches_stay_whole_and_in_order
    an_observer_sees_a_sound_ring
    a_gap_comes_after_the_dead_senders_bytes
    an_orphan_is_taken_after_the_dead_receivers_reads
    a_message_taken_over_is_whole
    a_sender_may_be_killed_anywhere
    a_receiver_may_be_killed_anywhere
    the_living_are_not_robbed
    a_single_sender_may_be_killed_anywhere
    a_single_receiver_may_be_killed_anywhere
    a_reaper_may_be_killed_anywhere
    a_reused_id_is_swept_first
    nothing_is_skipped_behind_a_gap
    no_wake_is_lost
    a_stale_bit_hides_nobody
    two_waiting_receivers_are_both_woken
    two_waiting_senders_are_both_woken
    two_receivers_wait_for_two_senders
    two_senders_wait_for_two_receivers
    a_chain_reaches_behind_the_others
    a_batch_wakes_as_many
    a_close_wakes_everybody
    a_reaper_wakes_both_ends
    an_announced_orphan_is_found
    a_clean_record_hides_no_orphan
    a_claim_that_stands_is_somebodys
    one_thread_reaps_after_another
    the_last_message_comes_before_the_end
    a_waiting_sender_hears_of_the_last_receiver
    a_close_ends_every_wait
    a_sender_that_has_been_seen_is_alive
    a_detach_that_has_been_seen_is_the_end
    a_close_comes_after_what_was_sent
    blocking_calls_meet
    a_slot_that_is_held_is_not_reused
    what_is_handed_back_was_read_before
    what_came_back_twice_was_read_before
    what_the_dead_have_held_comes_again
    what_is_handed_back_is_received
    an_announced_return_is_found
    an_acknowledgement_makes_room
    the_last_acknowledgement_is_the_end
    a_published_block_is_whole
    two_senders_never_fill_one_entry
    a_block_is_not_reused_early
    two_senders_never_take_one_block
    two_receivers_never_take_one_block
    a_sender_starts_behind_filled_entries
    a_receiver_starts_behind_received_entries
    each_senders_blocks_stay_in_order
    empty_is_exact_for_blocks
    a_message_is_nobodys_claim
    who_was_refused_watches_the_right_word
    a_late_hint_of_blocks_loses_nothing
    laps_of_blocks_wrap
    nothing_holds_up_the_others
    an_orphaned_block_is_freed_after_the_dead_receivers_reads
    a_block_taken_over_is_whole
    a_blocks_sender_may_be_killed_anywhere
    a_blocks_receiver_may_be_killed_anywhere
    the_living_keep_their_blocks
    a_blocks_reaper_may_be_killed_anywhere
    a_reused_id_of_blocks_is_swept_first
    each_message_wakes_a_receiver
    each_freed_block_wakes_a_sender
    committed_elements_are_visible
    an_element_is_not_reused_early
    chunks_stay_whole_and_in_order
    empty_and_full_of_a_stream_are_exact
    an_observer_sees_a_sound_stream
    a_streams_writer_may_be_killed_anywhere
    a_streams_reader_may_be_killed_anywhere
    no_wake_of_a_stream_is_lost
    a_reader_that_is_refused_wakes_the_writer
    a_wake_comes_at_the_mark
    the_next_reader_wakes_the_dead_ones_writer
    the_marks_of_the_dead_do_no_harm
    the_last_element_comes_before_the_end
    a_waiting_writer_hears_of_the_last_reader
    a_close_ends_every_wait_in_a_stream
    blocking_chunks_meet
}

#[test]
fn every_model_has_a_test() {
    assert_eq!(support::names(), NAMES);
}
