//! Do plain regions hold between processes what their documentation says?
//!
//! - `bytes`: what is read, and what is written, by each way to the bytes?
//! - `refused`: is what cannot be refused, and how?
//! - `names`: who takes a name away, and who sees it?
//! - `ways`: how do other programs come by a region, and what crosses a fork?
//! - `properties`: does it all answer as a model does, with others at work on the same words?

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod names;
mod properties;
mod refused;
mod ways;

use bytes::*;
use names::*;
use properties::*;
use refused::*;
use support::own::nothing_is_left_in_dev_shm;
use support::{Test, own};
use ways::*;

fn main() -> std::process::ExitCode {
    let _turn = own::turn();
    let mut tests = support::tests!(
        plain:
            a_fresh_region_is_zeros_of_the_length_that_was_asked_for
            what_is_written_is_read_at_any_offset
            a_write_leaves_its_neighbours_to_others
            a_word_is_never_seen_in_two_halves
            words_are_the_bytes
            what_was_written_before_a_release_is_seen_after_the_acquire
            slices_are_the_bytes
            two_processes_fill_halves_that_a_third_checks
            what_is_beyond_the_region_is_refused
            items_that_do_not_fit_the_length_are_refused
            items_that_would_not_be_aligned_are_refused
            what_no_region_can_be_is_not_made
            a_channel_is_no_region_and_a_region_no_channel
            a_schema_must_be_the_same_on_both_sides
            a_field_that_says_otherwise_is_refused_or_harmless
            a_file_that_is_no_region_is_refused
            two_programs_find_each_other_by_name
            a_created_name_goes_with_its_creator
            a_shared_name_goes_with_the_last_one_out
            a_region_whose_pages_were_given_back_is_drained
            whoever_opens_or_creates_joins_what_is_there
            a_kept_name_stays_until_it_is_removed
            gc_list_and_unlink_know_regions
            an_observer_tells_kind_and_length
            a_region_has_the_mode_and_the_user_that_were_asked_for
            a_file_outlives_its_processes
            a_spawned_program_inherits_a_region
            a_region_crosses_a_socket
            a_forked_child_has_the_same_memory_and_leaves_the_name_alone
            a_killed_process_leaves_what_it_has_written
            a_populated_region_is_mapped_at_once
            copies_between_processes_behave_as_the_model;
    );
    tests.push(Test::new("nothing_is_left_in_dev_shm", nothing_is_left_in_dev_shm));
    support::runner::main(&[("adds one", adds_one)], &tests)
}
