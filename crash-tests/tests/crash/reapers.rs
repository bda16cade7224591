//! What if a reaper dies, too, and the one that reaps after it?
//!
//! Somebody has died with claims in the slots; a reaper is killed after step `i` of repairing them, and the next one after
//! step `j`. Then the survivors look after all three. Both reapers are of the kinds that there are: a supervisor, a
//! newcomer, a receiver that waits (and takes a dead one's message for its own).

use annulus::{Channel, End};

use crate::deed::Deed;
use crate::kills::{account, live_on};
use crate::score::Score;
use crate::support::audit;
use crate::support::log::Log;
use crate::support::message::Message;
use crate::trace::Traced;
use crate::world::{Situation, World};

/// What is there is all in the hands of the dead, or behind it: who wants it must reap.
const SITUATION: Situation = Situation {
    messages: 2,
    dead_sender: true,
    dead_receiver: true,
    buried: false,
    turned: false,
};

/// The first reaper is killed at every step that others can see, and the second at every so manieth of its own.
const SAMPLE: usize = 5;

/// Kills `first` and then `second` anywhere, on the same dead; there are at least `least` points for the second.
pub fn both_anywhere<T: Message, S: End, R: End>(first: Deed, second: Deed, least: usize) {
    let kind = Channel::<T, S, R>::kind();
    let mut score = Score::new(format!("{kind:?} {first:?}, killed, and then {second:?}, killed"));
    score.enter();
    for i in 0.. {
        let mut offset = 0;
        loop {
            // Another sample each time, so that over all `i` every `j` has its turn.
            let j = offset * SAMPLE + i % SAMPLE;
            match kill_after::<T, S, R>((first, i), (second, j), &mut score) {
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

fn kill_after<T: Message, S: End, R: End>(
    (first, i): (Deed, usize),
    (second, j): (Deed, usize),
    score: &mut Score,
) -> Ended {
    let mut world = World::<T, S, R>::new(first, SITUATION);
    let log = Log::new(4);
    let mut reaper = Traced::fork(|| first.act(&world.channel, &log));
    // Attached by now, if it is to be an endpoint: it finds the dead in its operation and not before.
    let mut next = Traced::fork(|| second.act(&world.channel, &log));
    world.begin();
    if !(0..i).all(|_| reaper.step(|| world.serve())) {
        return Ended::First;
    }
    if i > 0 && !reaper.did().changes() {
        return Ended::Unseen;
    }
    let did = reaper.did();
    reaper.kill();
    let on_the_way = (0..j).all(|_| next.step(|| world.serve()));
    score.count(next.did());
    let kind = Channel::<T, S, R>::kind();
    let case = format!(
        "{kind:?} {first:?} killed after {i} steps, {did:?}; {second:?} killed after {j} steps, {:?}",
        next.did()
    );
    next.kill();
    let most = first.takes().1 + second.takes().1;
    let there = account(&world, &[], 0..=most, &case);
    let came = live_on(world, j, there.len(), &case);
    audit::each_once(&there, &came, &case);
    if on_the_way { Ended::Neither } else { Ended::Second }
}
