//! Is every ordering needed, and is every rule? Each is left out in turn, and a named model must fail.
//!
//! Three passes: each end of each label at all its places at once; each single place in the sources; each rule that the
//! door or the models can leave out. The first one's tables are what the docs of `ring`, `wait`, `channel`, `pool` and `span` show.
//! `cargo test -p annulus-loom --test mutate -- --nocapture` prints what happened.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

/// What is left out, the model that fails, and what it says.
struct Mutation {
    what: &'static str,
    model: &'static str,
    says: &'static str,
    /// Models that catch single places that the first one does not come to.
    others: &'static [&'static str],
}

const RACE: &str = "Causality violation";
const LOST: &str = "deadlock";
const CORRUPT: &str = "takes a sound ring for corrupt";
const CORRUPT_BLOCKS: &str = "takes sound blocks for corrupt";

const fn mutation(what: &'static str, model: &'static str, says: &'static str) -> Mutation {
    Mutation {
        what,
        model,
        says,
        others: &[],
    }
}

const fn with(
    what: &'static str,
    model: &'static str,
    says: &'static str,
    others: &'static [&'static str],
) -> Mutation {
    Mutation {
        what,
        model,
        says,
        others,
    }
}

const BATCHES: &str = "batches_stay_whole_and_in_order";
const OBSERVER: &str = "an_observer_sees_a_sound_ring";
const GAPS: &str = "nothing_is_skipped_behind_a_gap";
const HELD: &str = "a_slot_that_is_held_is_not_reused";
const BACK: &str = "what_is_handed_back_was_read_before";
const RETURNED: &str = "an_announced_return_is_found";
const SEEN: &str = "a_sender_that_has_been_seen_is_alive";
const LEFT: &str = "a_detach_that_has_been_seen_is_the_end";
const CLOSED: &str = "a_close_comes_after_what_was_sent";

/// Each end of each label that there is outside `pool`.
const EDGES: &[Mutation] = &[
    mutation("PUB.release", "published_bytes_are_visible", RACE),
    with(
        "PUB.acquire",
        "published_bytes_are_visible",
        RACE,
        &[BATCHES, GAPS, OBSERVER],
    ),
    with("DRAIN.release", "a_slot_is_not_reused_early", RACE, &[HELD]),
    with(
        "DRAIN.acquire",
        "a_slot_is_not_reused_early",
        RACE,
        &[BATCHES, OBSERVER],
    ),
    mutation("GAP.release", "a_gap_comes_after_the_dead_senders_bytes", RACE),
    with(
        "ORPHAN.release",
        "an_orphan_is_taken_after_the_dead_receivers_reads",
        RACE,
        &[BACK],
    ),
    mutation("CLAIMED.acquire", "a_message_taken_over_is_whole", RACE),
    with(
        "TAIL.release",
        "a_sender_starts_behind_claimed_slots",
        CORRUPT,
        &[OBSERVER],
    ),
    with(
        "TAIL.acquire",
        "a_sender_starts_behind_claimed_slots",
        CORRUPT,
        &[OBSERVER],
    ),
    with(
        "HEAD.release",
        "a_receiver_starts_behind_drained_slots",
        CORRUPT,
        &[OBSERVER],
    ),
    with(
        "HEAD.acquire",
        "a_receiver_starts_behind_drained_slots",
        CORRUPT,
        &[OBSERVER],
    ),
    mutation("SLEEP.waiter", "no_wake_is_lost", LOST),
    mutation("SLEEP.notifier", "no_wake_is_lost", LOST),
    with(
        "LIFE.release",
        "an_announced_orphan_is_found",
        "the orphan was not",
        &[SEEN, LEFT, CLOSED, RETURNED],
    ),
    mutation("LIFE.acquire", "an_announced_orphan_is_found", "the orphan was not"),
    mutation(
        "CLEAN.release",
        "a_clean_record_hides_no_orphan",
        "before the last message",
    ),
    mutation(
        "CLEAN.acquire",
        "a_clean_record_hides_no_orphan",
        "before the last message",
    ),
    mutation("REAPING.release", "one_thread_reaps_after_another", RACE),
    mutation("REAPING.acquire", "one_thread_reaps_after_another", RACE),
    mutation("COMMIT.release", "committed_elements_are_visible", RACE),
    mutation("COMMIT.acquire", "committed_elements_are_visible", RACE),
    mutation("CONSUME.release", "an_element_is_not_reused_early", RACE),
    with(
        "CONSUME.acquire",
        "an_element_is_not_reused_early",
        RACE,
        &["an_observer_sees_a_sound_stream"],
    ),
];

const SENDERS_DEATH: &str = "a_blocks_sender_may_be_killed_anywhere";
const RECEIVERS_DEATH: &str = "a_blocks_receiver_may_be_killed_anywhere";
const NOBODYS: &str = "a_message_is_nobodys_claim";
const FILLED: &str = "two_senders_never_fill_one_entry";

/// Each end of each label in `pool`, which shares some with `ring`.
const POOL_EDGES: &[Mutation] = &[
    mutation("ENTRY.release", "a_published_block_is_whole", RACE),
    with("ENTRY.acquire", "a_published_block_is_whole", RACE, &[FILLED, NOBODYS]),
    with("FREED.release", "a_block_is_not_reused_early", RACE, &[SENDERS_DEATH]),
    mutation("FREED.acquire", "a_block_is_not_reused_early", RACE),
    mutation(
        "ORPHAN.release",
        "an_orphaned_block_is_freed_after_the_dead_receivers_reads",
        RACE,
    ),
    mutation("CLAIMED.acquire", "a_block_taken_over_is_whole", RACE),
    mutation(
        "TAIL.release",
        "a_sender_starts_behind_filled_entries",
        "a message was sent",
    ),
    mutation(
        "TAIL.acquire",
        "a_sender_starts_behind_filled_entries",
        "a message was sent",
    ),
    mutation(
        "HEAD.release",
        "a_receiver_starts_behind_received_entries",
        CORRUPT_BLOCKS,
    ),
    mutation(
        "HEAD.acquire",
        "a_receiver_starts_behind_received_entries",
        CORRUPT_BLOCKS,
    ),
];

/// What DESIGN calls rules that look like details and are not, as far as a run can do without them.
const RULES: &[Mutation] = &[
    mutation("rule.claim", "two_senders_never_own_one_slot", RACE),
    mutation("rule.claim", "two_receivers_never_take_one_message", ""),
    mutation(
        "rule.gap",
        "a_sender_may_be_killed_anywhere",
        "the living one's message",
    ),
    mutation("rule.orphan", "a_receiver_may_be_killed_anywhere", "each once"),
    mutation(
        "rule.single_hint",
        "a_single_sender_may_be_killed_anywhere",
        "the successor's message",
    ),
    mutation(
        "rule.single_hint",
        "a_single_receiver_may_be_killed_anywhere",
        "from where the dead one stopped",
    ),
    mutation("rule.waker_epoch", "no_wake_is_lost", LOST),
    mutation("rule.waiter_epoch", "a_stale_bit_hides_nobody", LOST),
    mutation("rule.chain", "two_receivers_wait_for_two_senders", LOST),
    mutation("rule.chain", "two_senders_wait_for_two_receivers", LOST),
    mutation("rule.chain", "a_chain_reaches_behind_the_others", LOST),
    mutation("rule.sweep", "a_reused_id_is_swept_first", ""),
    mutation("rule.owner_byte", "a_reused_id_is_swept_first", ""),
    mutation("rule.owner_byte", "a_claim_that_stands_is_somebodys", "a sound region"),
    mutation("rule.reaper_notifies", "a_reaper_wakes_both_ends", LOST),
    mutation("rule.loan", "two_senders_never_take_one_block", RACE),
    mutation("rule.entry", FILLED, "both, once"),
    mutation("rule.take", "two_receivers_never_take_one_block", ""),
    mutation("rule.staged_first", "empty_is_exact_for_blocks", ""),
    mutation("rule.hint_last", "empty_is_exact_for_blocks", "a message was sent"),
    mutation("rule.hint_last", SENDERS_DEATH, "the living one's message"),
    mutation("rule.hint_last", RECEIVERS_DEATH, "each once"),
    mutation("rule.unpublished", SENDERS_DEATH, "a block is lost"),
    mutation("rule.published", SENDERS_DEATH, "its message was sent"),
    // The sweep is the same pass.
    mutation("rule.published", "a_reused_id_of_blocks_is_swept_first", "free"),
    mutation("rule.byte_first", SENDERS_DEATH, "its message was sent"),
    mutation("rule.release_tells", "each_freed_block_wakes_a_sender", LOST),
    mutation("rule.block_orphan", RECEIVERS_DEATH, "each once"),
    mutation(
        "rule.sweep",
        "a_reused_id_of_blocks_is_swept_first",
        "the newcomer's loan",
    ),
    mutation(
        "rule.owner_byte",
        "a_reused_id_of_blocks_is_swept_first",
        "the newcomer's loan",
    ),
    mutation("rule.commit_last", "a_streams_writer_may_be_killed_anywhere", ""),
    mutation("rule.consume_last", "an_element_is_not_reused_early", RACE),
    mutation("rule.consume_last", "a_streams_reader_may_be_killed_anywhere", ""),
    mutation("rule.mark_first", "no_wake_of_a_stream_is_lost", LOST),
    mutation("rule.mark_wakes", "no_wake_of_a_stream_is_lost", LOST),
    mutation("rule.mark_spares", "a_wake_comes_at_the_mark", "woken before the mark"),
    mutation("rule.refused_wakes", "a_reader_that_is_refused_wakes_the_writer", LOST),
    mutation("rule.refused_wakes", "the_next_reader_wakes_the_dead_ones_writer", LOST),
];

/// Whether `model` fails for want of `what`, in the way that `says` tells.
fn caught(what: &str, model: &str, says: &str) -> Result<String, String> {
    let ran = support::run(model, Some(what));
    let line = ran.said.lines().take(2).collect::<Vec<_>>().join(" ");
    if ran.status == Some(101) && ran.said.contains(says) {
        Ok(line)
    } else {
        Err(format!("{what}: {model} ends with {:?}: {}", ran.status, ran.said))
    }
}

/// Runs `check` on every item, two at a time; all that went wrong.
fn all<T: Sync>(items: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) {
    let wrong = Mutex::new(Vec::new());
    let next = Mutex::new(items.iter());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let item = next.lock().unwrap().next();
                    let Some(item) = item else { break };
                    if let Err(error) = check(item) {
                        wrong.lock().unwrap().push(error);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn each(mutations: &[Mutation]) {
    all(mutations, |mutation| {
        let line = caught(mutation.what, mutation.model, mutation.says)?;
        println!("| `{}` | `{}` | {line} |", mutation.what, mutation.model);
        Ok(())
    });
}

#[test]
fn each_end_of_each_label_is_needed() {
    each(EDGES);
    each(POOL_EDGES);
}

#[test]
fn each_rule_is_needed() {
    each(RULES);
}

/// A place in the sources where an end of a label is asked for.
struct Place {
    what: String,
    place: String,
}

/// All of them in the rooms that are compiled under loom.
fn places() -> Vec<Place> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut files: Vec<PathBuf> = Vec::new();
    for room in ["ring", "wait", "channel", "pool", "span"] {
        collect(&root.join(room), &mut files);
    }
    files.sort();
    let mut places = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let name = file.strip_prefix(&root).expect("below").display().to_string();
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or("");
            for used in code.split("edge::").skip(1) {
                let what: String = used
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '.')
                    .collect();
                assert!(what.contains('.'), "{name}:{number}: an edge without an end");
                places.push(Place {
                    what,
                    place: format!("{name}:{number}"),
                });
            }
        }
    }
    places
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn each_place_of_each_label_is_needed() {
    let places = places();
    assert!(places.len() > EDGES.len() + POOL_EDGES.len());
    all(&places, |Place { what, place }| {
        let edges = if place.starts_with("pool/") { POOL_EDGES } else { EDGES };
        let edge = edges.iter().find(|edge| edge.what == what);
        let edge = edge.ok_or_else(|| format!("{what} at {place}: no such line in EDGES"))?;
        let weakened = format!("{what}@{place}");
        for model in [edge.model].iter().chain(edge.others) {
            if caught(&weakened, model, "").is_ok() {
                println!("| `{what}` | {place} | `{model}` |");
                return Ok(());
            }
        }
        Err(format!(
            "{weakened}: caught by none of {} and {:?}",
            edge.model, edge.others
        ))
    });
}

#[test]
fn every_label_is_in_the_table() {
    let edges = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/edge.rs");
    for line in fs::read_to_string(edges).expect("readable").lines() {
        if let Some(label) = line
            .strip_prefix("pub(crate) const ")
            .and_then(|rest| rest.split(':').next())
        {
            let known = |edge: &Mutation| edge.what.split('.').next() == Some(label);
            assert!(EDGES.iter().chain(POOL_EDGES).any(known), "{label} has no mutation");
        }
    }
}
