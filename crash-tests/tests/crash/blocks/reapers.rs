//! What if a reaper of blocks dies, too, and the one that reaps after it?
//!
//! Senders and a receiver have died with blocks; a reaper is killed after step `i` of repairing that, and the next one after
//! step `j`. Then the survivors look after all of them. Reapers are of all kinds that there are: a supervisor, a newcomer,
//! a receiver that waits (and takes a dead one's message for its own), and a sender that waits for a block.

use super::deed::Deed;
use super::kills::{account, live_on};
use super::world::{Dead, Situation, World, unburied};
use crate::score::Score;
use crate::support::Test;
use crate::support::log::Log;
use crate::trace::Traced;

const DEAD: &[Dead] = &[Dead::Loaning, Dead::Staged, Dead::ReceivingTwo];

/// Every message is a dead one's: who wants one must reap.
const NOTHING_ELSE: Situation = unburied(2, DEAD);
/// Every block is in use: who wants one must reap.
const ALL_IN_USE: Situation = unburied(4, DEAD);

/// The first reaper is killed at every step that others can see, and the second at every so manieth of its own.
const SAMPLE: usize = 7;

/// A test for each pair that is not like another.
pub fn tests() -> [Test; 5] {
    use Deed::{AttachSender, Receive, Recover, Send};
    [
        Test::new("blocks::a_supervisor_and_the_next_may_both_be_killed_anywhere", || {
            both_anywhere(NOTHING_ELSE, Recover, Recover, 23);
        }),
        Test::new(
            "blocks::a_receiver_that_reaps_and_a_supervisor_may_both_be_killed_anywhere",
            || {
                both_anywhere(NOTHING_ELSE, Receive, Recover, 25);
            },
        ),
        Test::new(
            "blocks::a_supervisor_and_a_receiver_that_reaps_may_both_be_killed_anywhere",
            || {
                both_anywhere(NOTHING_ELSE, Recover, Receive, 51);
            },
        ),
        Test::new(
            "blocks::a_sender_that_reaps_and_a_newcomer_may_both_be_killed_anywhere",
            || {
                both_anywhere(ALL_IN_USE, Send, AttachSender, 48);
            },
        ),
        Test::new(
            "blocks::a_newcomer_and_a_sender_that_reaps_may_both_be_killed_anywhere",
            || {
                both_anywhere(ALL_IN_USE, AttachSender, Send, 53);
            },
        ),
    ]
}

/// Kills `first` and then `second` anywhere, on the same dead; there are at least `least` points for the second.
fn both_anywhere(situation: Situation, first: Deed, second: Deed, least: usize) {
    let mut score = Score::new(format!(
        "blocks {first:?}, killed, and then {second:?}, killed after one step in {SAMPLE}"
    ));
    score.enter();
    for i in 0.. {
        let mut offset = 0;
        loop {
            // Another sample each time, so that over all `i` every `j` has its turn.
            let j = offset * SAMPLE + i % SAMPLE;
            match kill_after(situation, (first, i), (second, j), &mut score) {
                Ended::First => return score.settle(least),
                Ended::Unseen | Ended::Second => break,
                Ended::Neither => offset += 1,
            }
        }
    }
}

/// Who has got to the end of what it does.
enum Ended {
    First,
    /// The first has not changed anything with this step.
    Unseen,
    Second,
    Neither,
}

fn kill_after(situation: Situation, (first, i): (Deed, usize), (second, j): (Deed, usize), score: &mut Score) -> Ended {
    let mut world = World::new(Deed::Recover, situation);
    let log = Log::new(4);
    let mut reaper = Traced::fork(|| first.act(&world.channel, &log));
    // Attached by now, if it is to be an endpoint: it finds the dead in its operation and not before.
    let mut next = Traced::fork(|| second.act(&world.channel, &log));
    world.begin();
    if !(0..i).all(|_| world.lead(&mut reaper)) {
        return Ended::First;
    }
    if i > 0 && !reaper.did().changes() {
        return Ended::Unseen;
    }
    let did = reaper.did();
    reaper.kill();
    let on_the_way = (0..j).all(|_| world.lead(&mut next));
    score.count(next.did());
    let case = format!(
        "{first:?} killed after {i} steps, {did:?}; {second:?} killed after {j} steps, {:?}",
        next.did()
    );
    next.kill();
    let most = first.takes() + second.takes();
    let sends: Vec<u64> = [first.sends(), second.sends()].concat();
    let there = account(&world, &sends, 0..=most, &case);
    live_on(world, j, &there, &case);
    if on_the_way { Ended::Neither } else { Ended::Second }
}
