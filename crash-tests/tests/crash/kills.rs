//! What do the others get if a process is killed here?
//!
//! One victim for each point of each operation in each situation: it is stepped so far and killed. What the slots say at
//! that moment is what the others must get from then on, each message once. The operation itself has happened wholly or
//! not at all: what was sent is a beginning of the batch; what is missing was received, and only by somebody who receives.

use std::ops::RangeInclusive;

use annulus::{Channel, End};

use crate::deed::{Deed, many_receivers, many_senders};
use crate::score::Score;
use crate::support::audit::{self, Picture};
use crate::support::log::Log;
use crate::support::message::Message;
use crate::support::traffic;
use crate::trace::{Did, Traced};
use crate::world::{SITUATIONS, Situation, World};

/// Kills a process at each point of `deed` in each situation; there are at least `least` points, all in all.
pub fn anywhere<T: Message, S: End, R: End>(deed: Deed, least: usize) {
    let mut score = Score::new(format!("{:?} {deed:?}, killed", Channel::<T, S, R>::kind()));
    for situation in SITUATIONS {
        if situation.suits::<S, R>(deed) {
            score.enter();
            score.visit_all(|steps| kill_after::<T, S, R>(deed, situation, steps));
        }
    }
    score.settle(least);
}

/// Kills a process after so many steps of `deed`; what it had done last. `None`: that was all.
fn kill_after<T: Message, S: End, R: End>(deed: Deed, situation: Situation, steps: usize) -> Option<Did> {
    let mut world = World::<T, S, R>::new(deed, situation);
    let log = Log::new(4);
    let mut victim = Traced::fork(|| deed.act(&world.channel, &log));
    world.begin();
    let on_the_way = (0..steps).all(|_| victim.step(|| world.serve()));
    let did = victim.did();
    victim.kill();
    let kind = Channel::<T, S, R>::kind();
    let case = format!("{kind:?} {deed:?} in {situation:?}, killed after {steps} steps, {did:?}");
    let (least, most) = deed.takes();
    let least = if on_the_way { 0 } else { least };
    let there = account(&world, deed.sends(), least..=most, &case);
    if !on_the_way {
        let sent = |number: &u64| there.contains(number) || world.got.contains(number);
        assert!(deed.sends().iter().all(sent), "{case}: not all of the batch was sent");
    }
    let came = live_on(world, steps, there.len(), &case);
    audit::each_once(&there, &came, &case);
    on_the_way.then_some(did)
}

/// What there is to be received. It agrees with what was sent and received before: of the batch `sends` a beginning has
/// been sent, and as many messages are missing as `takes` allows.
pub fn account<T: Message, S: End, R: End>(
    world: &World<T, S, R>,
    sends: &[u64],
    takes: RangeInclusive<usize>,
    case: &str,
) -> Vec<u64> {
    let there = Picture::of::<T>(&world.words).messages();
    let text = || world.words.text();
    let was_sent = |number: &u64| there.contains(number) || world.got.contains(number);
    let sent: Vec<u64> = sends.iter().copied().filter(was_sent).collect();
    assert!(sends.starts_with(&sent), "{case}: {sent:?} was sent\n{}", text());
    let outstanding = world.outstanding();
    for number in &there {
        let from_somewhere = outstanding.contains(number) || sent.contains(number);
        assert!(from_somewhere, "{case}: {number} out of nothing\n{}", text());
        assert!(!world.got.contains(number), "{case}: {number} again\n{}", text());
    }
    let missing = outstanding.iter().filter(|number| !there.contains(number)).count();
    assert!(
        takes.contains(&missing),
        "{case}: {missing} messages are missing\n{}",
        text()
    );
    there
}

/// The others go on: what they receive.
pub fn live_on<T: Message, S: End, R: End>(
    mut world: World<T, S, R>,
    steps: usize,
    there: usize,
    case: &str,
) -> Vec<u64> {
    world.take_over(case);
    let (Some(tx), Some(rx)) = (&world.tx, &world.rx) else {
        unreachable!("both ends are taken");
    };
    // Who finds the dead one: whoever calls `recover`, a newcomer, or a receiver that waits.
    let mut came = Vec::new();
    match steps % 3 {
        0 => {}
        1 => {
            if many_senders::<S, R>() {
                drop(world.channel.sender().unwrap_or_else(|error| panic!("{case}: {error}")));
            }
            if many_receivers::<S, R>() {
                drop(
                    world
                        .channel
                        .receiver()
                        .unwrap_or_else(|error| panic!("{case}: {error}")),
                );
            }
        }
        _ => came.extend((0..there).map(|_| match traffic::receive(rx) {
            Ok(number) => number,
            Err(error) => panic!("{case}: {error}"),
        })),
    }
    came.extend(audit::sound(&world.channel, &world.words, tx, rx, case));
    came
}
