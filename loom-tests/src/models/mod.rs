//! The models, by what they are about.

mod channel;
mod death;
mod lease;
mod pool;
mod pool_death;
mod pool_wait;
mod ring;
mod span;
mod span_death;
mod span_wait;
mod stream;
mod wait;

use crate::stage::Model;

/// The table of models: name, least number of interleavings, what must have been seen.
macro_rules! models {
    ($($room:ident { $($name:ident $least:literal [$($saw:literal),*];)+ })+) => {
        pub(crate) const ALL: &[Model] = &[$($(Model {
            name: stringify!($name),
            run: $room::$name,
            least: $least,
            saw: &[$($saw),*],
        }),+),+];
    };
}

models! {
    ring {
        published_bytes_are_visible 60 ["received", "empty"];
        a_slot_is_not_reused_early 60 ["sent", "full"];
        a_sender_starts_behind_claimed_slots 10_000 ["sent", "full", "behind"];
        a_receiver_starts_behind_drained_slots 20_000 ["received", "empty", "behind"];
        two_senders_never_own_one_slot 20_000 ["in order", "overtaken", "one sent", "both full"];
        two_receivers_never_take_one_message 20_000 ["in order", "overtaken", "taken", "left"];
        each_senders_messages_stay_in_order 20_000 ["none early", "one early", "two early", "in turn", "the other first"];
        empty_and_full_are_exact 2_000 ["its own", "the other's", "empty behind WRITING", "sent", "full behind READING"];
        a_late_hint_loses_nothing 10_000 ["in time", "late", "too late"];
        laps_wrap 400 ["none across", "one across", "two across"];
        batches_stay_whole_and_in_order 1_000 ["none early", "one early", "two early", "three early", "full", "one place", "two places", "a run cut short", "all at once"];
        an_observer_sees_a_sound_ring 10_000 ["empty", "not empty", "full", "not full", "at 0", "at 5"];
    }
    death {
        a_gap_comes_after_the_dead_senders_bytes 1_000 ["sent over the gap", "full before the gap"];
        an_orphan_is_taken_after_the_dead_receivers_reads 300 ["taken", "left", "no orphan"];
        a_message_taken_over_is_whole 1_000 ["taken", "not taken"];
        a_sender_may_be_killed_anywhere 50_000 ["no gap", "a gap", "two gaps"];
        a_receiver_may_be_killed_anywhere 20_000 ["nothing to repair", "one taken over", "and one orphan", "orphan taken by another"];
        the_living_are_not_robbed 4_000 ["taken over", "nothing taken over"];
        a_single_sender_may_be_killed_anywhere 1_000 ["none of three", "one of three", "two of three", "three of three"];
        a_single_receiver_may_be_killed_anywhere 200 ["nothing lost", "one lost"];
        a_reaper_may_be_killed_anywhere 1_000 ["killed", "not killed", "reaper killed", "reaped"];
        a_reused_id_is_swept_first 1_000 ["reused", "another id", "freed", "not freed"];
        nothing_is_skipped_behind_a_gap 20_000 ["no gap", "one gap", "two gaps"];
    }
    wait {
        no_wake_is_lost 20_000 ["about to sleep", "notified"];
        a_stale_bit_hides_nobody 20_000 ["about to sleep", "notified"];
        two_waiting_receivers_are_both_woken 20_000 ["about to sleep", "notified", "chained"];
        two_waiting_senders_are_both_woken 20_000 ["about to sleep", "notified", "chained"];
        two_receivers_wait_for_two_senders 20_000 ["about to sleep", "notified", "chained"];
        two_senders_wait_for_two_receivers 20_000 ["about to sleep", "notified", "chained"];
        a_chain_reaches_behind_the_others 1_000 ["about to sleep", "notified", "chained"];
        a_batch_wakes_as_many 100 ["about to sleep", "notified"];
        a_close_wakes_everybody 500 ["about to sleep"];
        a_reaper_wakes_both_ends 4_000 ["about to sleep", "notified"];
    }
    channel {
        an_announced_orphan_is_found 60 ["found at once", "found later"];
        a_clean_record_hides_no_orphan 2_000 ["an orphan", "taken over", "unsettled"];
        a_claim_that_stands_is_somebodys 100 ["received", "not yet"];
        one_thread_reaps_after_another 5_000 ["disconnected", "empty"];
        the_last_message_comes_before_the_end 1_000 [];
        a_waiting_sender_hears_of_the_last_receiver 80 [];
        a_close_ends_every_wait 80 [];
        a_sender_that_has_been_seen_is_alive 15 [];
        a_detach_that_has_been_seen_is_the_end 20 ["not yet", "the end"];
        a_close_comes_after_what_was_sent 40 ["received at once", "empty"];
        blocking_calls_meet 10_000 [];
    }
    lease {
        a_slot_that_is_held_is_not_reused 60 ["sent", "full"];
        what_is_handed_back_was_read_before 100 ["taken", "not yet", "a third", "no third"];
        what_came_back_twice_was_read_before 100 ["taken", "another has it"];
        what_the_dead_have_held_comes_again 100 ["one freed", "none freed"];
        what_is_handed_back_is_received 100 [];
        an_announced_return_is_found 60 ["found at once", "found later"];
        an_acknowledgement_makes_room 100 [];
        the_last_acknowledgement_is_the_end 100 ["none of two", "one of two", "both"];
    }
    pool {
        a_published_block_is_whole 15 ["received", "empty"];
        two_senders_never_fill_one_entry 4_000 ["in order", "overtaken"];
        a_block_is_not_reused_early 50 ["sent", "full", "sent behind"];
        two_senders_never_take_one_block 3_000 ["in order", "overtaken", "one has it", "none has it"];
        two_receivers_never_take_one_block 2_000 ["in order", "overtaken", "taken", "left"];
        a_sender_starts_behind_filled_entries 1_000 ["behind", "between", "before"];
        a_receiver_starts_behind_received_entries 1_000 ["received", "empty", "behind"];
        each_senders_blocks_stay_in_order 50_000 ["none early", "one early", "two early", "in turn", "the other first"];
        empty_is_exact_for_blocks 10_000 ["its own", "the other's"];
        a_message_is_nobodys_claim 50 ["nobody's", "another's"];
        who_was_refused_watches_the_right_word 40 ["received", "changed", "sent", "freed"];
        a_late_hint_of_blocks_loses_nothing 1_000 ["late", "in time", "its own", "a later one"];
        laps_of_blocks_wrap 300 ["one across", "two across"];
        nothing_holds_up_the_others 40_000 ["with a block", "without a block"];
    }
    pool_death {
        an_orphaned_block_is_freed_after_the_dead_receivers_reads 500 ["taken", "left", "no orphan"];
        a_block_taken_over_is_whole 20_000 ["taken", "not taken", "by the reaper"];
        a_blocks_sender_may_be_killed_anywhere 100_000 ["received", "freed", "nothing to repair"];
        a_blocks_receiver_may_be_killed_anywhere 100_000 ["nothing to repair", "one taken over", "and one orphan", "orphan taken by another"];
        the_living_keep_their_blocks 8_000 ["taken over", "nothing taken over"];
        a_blocks_reaper_may_be_killed_anywhere 4_000 ["killed", "not killed", "reaper killed", "reaped"];
        a_reused_id_of_blocks_is_swept_first 20_000 ["reused", "another id", "repaired", "sent", "received", "read to the end"];
    }
    pool_wait {
        each_message_wakes_a_receiver 100_000 ["about to sleep", "notified"];
        each_freed_block_wakes_a_sender 100_000 ["about to sleep", "notified"];
    }
    span {
        committed_elements_are_visible 500 ["empty", "one", "both"];
        an_element_is_not_reused_early 400 ["full", "one", "both"];
        chunks_stay_whole_and_in_order 80_000 ["room for the second", "no room", "empty", "the first", "both"];
        empty_and_full_of_a_stream_are_exact 400 ["told of an element", "not told", "told of room", "room", "full"];
        an_observer_sees_a_sound_stream 20_000 ["empty", "one", "full", "drained"];
    }
    span_death {
        a_streams_writer_may_be_killed_anywhere 6_000 ["none", "the first chunk", "both"];
        a_streams_reader_may_be_killed_anywhere 6_000 ["none", "two", "three", "written"];
    }
    span_wait {
        no_wake_of_a_stream_is_lost 4_000 ["about to sleep", "notified"];
        a_reader_that_is_refused_wakes_the_writer 2_500 ["about to sleep", "notified", "at once", "refused"];
        a_wake_comes_at_the_mark 2_000 ["about to sleep", "notified", "left alone", "still up"];
        the_next_reader_wakes_the_dead_ones_writer 600 ["about to sleep", "notified", "nothing read", "two read"];
        the_marks_of_the_dead_do_no_harm 15_000 ["about to sleep", "notified"];
    }
    stream {
        the_last_element_comes_before_the_end 250 ["at once", "not yet"];
        a_waiting_writer_hears_of_the_last_reader 150 [];
        a_close_ends_every_wait_in_a_stream 1_200 [];
        blocking_chunks_meet 10_000 [];
    }
}
