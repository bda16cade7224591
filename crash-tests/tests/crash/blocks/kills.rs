//! What do the others get if a process is killed here, with blocks or without?
//!
//! One victim for each point of each operation in each situation: it is stepped so far and killed. What the blocks say at
//! that moment is what the others must get from then on, each message once; and those, and only those, that were in a dead
//! receiver's hands say that they come again. What was in a dead sender's hands is free. The operation itself has
//! happened wholly or not at all.

use super::deed::Deed;
use super::world::{Situation, World, situations, stride};
use crate::score::Score;
use crate::support::LONG;
use crate::support::audit::each_once;
use crate::support::log::Log;
use crate::support::pool::Phase;
use crate::support::stock::{self, Picture};
use crate::trace::{Did, Traced};

/// Kills a process at each point of `deed` in each situation; there are at least `least` points, all in all.
pub fn anywhere(deed: Deed, least: usize) {
    let mut score = Score::new(format!("blocks {deed:?}, killed at one point in {}", stride(deed)));
    for (situation, first, stride) in situations(deed) {
        score.enter();
        score.visit_all(|n| kill_after(deed, situation, first + n * stride));
    }
    score.settle(least);
}

/// Kills a process after so many steps of `deed`; what it had done last. `None`: that was all.
fn kill_after(deed: Deed, situation: Situation, steps: usize) -> Option<Did> {
    let mut world = World::new(deed, situation);
    let log = Log::new(4);
    let mut victim = Traced::fork(|| deed.act(&world.channel, &log));
    world.begin();
    let on_the_way = (0..steps).all(|_| world.lead(&mut victim));
    let did = victim.did();
    victim.kill();
    let case = format!("{deed:?} in {situation:?}, killed after {steps} steps, {did:?}");
    let least = if on_the_way { 0 } else { deed.takes() };
    let there = account(&world, deed.sends(), least..=deed.takes(), &case);
    if !on_the_way {
        assert!(world.was_overtaken(), "{case}: nobody was faster");
        let sent = |number: &u64| there.contains(number) || world.got.contains(number);
        assert!(deed.sends().iter().all(sent), "{case}: it was not sent");
    }
    live_on(world, steps, &there, &case);
    on_the_way.then_some(did)
}

/// What there is to be received, everybody but this process being dead. It agrees with what was sent and received before: of
/// `sends` some may have been sent, and as many messages are missing as `takes` allows.
pub fn account(world: &World, sends: &[u64], takes: std::ops::RangeInclusive<usize>, case: &str) -> Vec<u64> {
    let there = Picture::of(&world.pool).messages();
    let text = || world.pool.text();
    let outstanding = world.outstanding();
    for number in &there {
        let from_somewhere = outstanding.contains(number) || sends.contains(number);
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

/// The others go on, and get what is `there`.
pub fn live_on(mut world: World, steps: usize, there: &[u64], case: &str) {
    world.take_over(case);
    let picture = Picture::of(&world.pool);
    let of_the_dead = picture.0.iter().filter(|seen| seen.block.phase == Phase::Reading);
    world.again.extend(of_the_dead.filter_map(|seen| seen.number));
    let before = world.got.clone();
    let (Some(tx), Some(rx)) = (world.tx.take(), world.rx.take()) else {
        unreachable!("both ends are taken");
    };
    // Who finds the dead one: whoever calls `recover`, a newcomer, a receiver that waits, or a sender that does.
    match steps % 4 {
        0 => {}
        1 => {
            drop(world.channel.sender().unwrap_or_else(|error| panic!("{case}: {error}")));
            drop(
                world
                    .channel
                    .receiver()
                    .unwrap_or_else(|error| panic!("{case}: {error}")),
            );
        }
        2 => {
            for _ in there {
                let (number, again) = stock::receive(&rx);
                world.came(number, again);
            }
        }
        _ => {
            let mut loans: Vec<_> = std::iter::from_fn(|| tx.try_loan(1).ok()).collect();
            if picture.others_send(0) {
                let loan = tx.loan_timeout(1, LONG);
                loans.push(loan.unwrap_or_else(|error| panic!("{case}: {error}\n{}", world.pool.text())));
            }
        }
    }
    for (number, again) in stock::sound(&world.channel, &world.pool, &tx, &rx, case) {
        world.came(number, again);
    }
    let came: Vec<u64> = world.got.difference(&before).copied().collect();
    each_once(there, &came, case);
}
