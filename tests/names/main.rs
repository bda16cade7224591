//! What does a name lead to, who takes it away, and what if somebody dies over it?
//!
//! All names begin with this process's id ([`own::Own`]); the last test looks whether one is left.

mod attaching;
mod lifetimes;
mod mismatches;
mod passed;
mod processes;
mod races;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod survey;

use attaching::*;
use lifetimes::*;
use mismatches::*;
use passed::*;
use processes::*;
use races::*;
use steps::*;
use support::own::nothing_is_left_in_dev_shm;
use support::{Test, own};
use survey::*;

fn main() -> std::process::ExitCode {
    let _turn = own::turn();
    let mut tests = support::tests!(
        plain:
            two_programs_find_each_other_whichever_is_first
            what_is_sent_waits_for_a_receiver_that_starts_later
            a_large_channel_is_seen_to_be_drained
            the_creators_drop_takes_the_name_and_who_is_there_goes_on
            a_killed_creators_name_is_the_next_ones
            an_opener_removes_a_dead_creators_name
            a_taken_name_says_by_whom
            what_a_dead_receiver_holds_is_unread
            a_shared_name_goes_with_the_last_one_out
            whoever_opens_or_creates_joins_what_is_there
            an_endpoint_keeps_its_channel_open
            a_kept_name_stays_until_it_is_removed
            a_mismatch_is_told_and_leaves_nothing_behind
            what_is_not_a_channel_is_told_by_what_it_is
            another_users_channel_is_opened_only_if_allowed
            a_channel_has_the_mode_that_was_asked_for
            a_name_that_cannot_be_one_is_refused
            unlink_is_like_rm
            gc_removes_what_no_live_process_has_open
            list_tells_who_is_there
            a_name_is_somebody_who_could_come
            a_forked_childs_copy_leaves_the_name_alone
            a_child_that_has_attached_leaves_as_its_own
            a_named_channel_can_be_passed
            who_was_passed_a_makers_channel_takes_its_name_along
            a_descriptor_is_enough_for_ones_own_named_channel
            a_descriptor_is_not_enough_for_another_users_named_channel
            a_copy_of_an_anonymous_channel_is_for_those_who_allow_it
            what_was_never_allocated_is_not_counted
            a_dead_creators_name_that_is_another_users_leads_nowhere
            an_opener_gets_no_half_made_and_no_dying_channel
            a_create_meets_every_step_of_another
            who_judges_a_name_does_not_have_it
            who_has_attached_meanwhile_has_been_there
            two_who_leave_a_shared_name_together_leave_none
            what_is_sent_to_one_who_leaves_is_kept
            what_is_sent_by_one_who_comes_is_found
            a_shared_name_in_use_is_not_removed
            no_remover_takes_the_name_of_a_fresh_channel
            whoever_dies_at_any_system_call_is_repaired
            names_withstand_kills
            no_message_of_a_live_session_is_lost;
        all:
            named_channels_carry_messages;
    );
    tests.push(Test::new("nothing_is_left_in_dev_shm", nothing_is_left_in_dev_shm));
    support::runner::main(
        &[
            ("send by name", send_by_name),
            ("receive by name", receive_by_name),
            ("send what was passed", send_what_was_passed),
        ],
        &tests,
    )
}
