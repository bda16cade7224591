//! What if the system does not give a channel what it needs?
//!
//! Each test takes something away from a child: a file system, descriptors, memory, a system call. What fails for want of
//! it is an error that says so, leaves nothing behind, and goes well once it is there again. In the last two files it
//! is the view of each other's processes that is taken away, and the way by which a channel usually comes.

mod descriptors;
mod limits;
mod mounts;
mod pidfd;
mod proc;
mod seccomp;
mod stopped;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod world;

use descriptors::*;
use limits::*;
use mounts::*;
use pidfd::*;
use proc::*;
use seccomp::*;
use stopped::*;
use strangers::*;
use support::own::nothing_is_left_in_dev_shm;
use support::{Test, own};

fn main() -> std::process::ExitCode {
    let _turn = own::turn();
    let mut tests = support::tests!(
        plain:
            a_full_dev_shm_says_what_is_wanted_and_what_is_free
            a_dev_shm_without_inodes_says_so
            a_full_file_system_elsewhere_is_told_by_its_path
            without_dev_shm_there_are_no_named_channels
            a_read_only_dev_shm_can_be_looked_at
            without_proc_nothing_is_made_and_nobody_attaches
            without_proc_who_is_attached_goes_on
            without_proc_no_memory_is_asked_for
            without_meminfo_a_channel_is_not_larger_than_the_machine
            for_want_of_descriptors_every_call_says_what_it_could_not_do
            a_channel_that_finds_no_descriptor_at_its_receiver_is_told_of
            a_list_for_want_of_descriptors_is_not_short
            a_child_forked_for_want_of_descriptors_attaches_when_it_has_some
            an_endpoint_has_its_processs_name_although_the_one_before_had_no_descriptor
            a_full_table_says_how_many_it_has
            what_no_channel_can_be_is_refused_however_it_is_made
            a_channel_takes_max_bytes_and_not_a_page_more
            a_limit_on_files_is_an_error_and_not_a_signal
            without_address_space_nothing_is_kept
            without_membarrier_a_channel_is_fenced
            without_membarrier_a_channel_that_needs_it_is_refused
            who_has_lost_membarrier_makes_fenced_channels
            a_call_that_is_refused_is_an_error_and_leaves_nothing
            who_attaches_behind_one_that_is_stopped_in_it_is_told
            an_open_ends_in_time_wherever_the_creator_is_stopped
            who_comes_by_a_name_that_is_being_removed_is_told
            a_descriptor_fetched_from_another_process_is_a_channel
            a_named_channel_fetched_from_another_process_keeps_its_name
            processes_of_two_pid_namespaces_share_a_channel
            a_death_in_another_pid_namespace_is_noticed
            who_is_in_another_pid_namespace_notices_a_death;
    );
    tests.push(Test::new("nothing_is_left_in_dev_shm", nothing_is_left_in_dev_shm));
    support::runner::main(
        &[
            ("makes without membarrier", makes_without_membarrier),
            ("opens without membarrier", opens_without_membarrier),
            ("makes without a call", makes_without_a_call),
        ],
        &tests,
    )
}
