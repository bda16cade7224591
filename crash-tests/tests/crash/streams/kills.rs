//! What do the others get if a process is killed here, with a stream?
//!
//! One victim for each point of each operation in each situation: it is stepped so far and killed. What is between head and
//! tail at that moment is what the others must get from then on, in order; its operation has happened up to the end of one of
//! its steps, and the next to take its end goes on there.

use annulus::stream::{TryReadError, WriteTimeoutError};

use super::deed::Deed;
use super::world::{Situation, World, situations};
use crate::score::Score;
use crate::support::LONG;
use crate::support::flow::{self, numbers};
use crate::support::log::Log;
use crate::trace::{Did, Traced};

/// Kills a process at each point of `deed` in each situation; there are at least `least` points, all in all.
pub fn anywhere(deed: Deed, least: usize) {
    let mut score = Score::new(format!("stream {deed:?}, killed"));
    for situation in situations(deed) {
        score.enter();
        score.visit_all(|steps| kill_after(deed, situation, steps));
    }
    score.settle(least);
}

/// Kills a process after so many steps of `deed`; what it had done last. `None`: that was all.
fn kill_after(deed: Deed, situation: Situation, steps: usize) -> Option<Did> {
    let mut world = World::new(deed, situation);
    let log = Log::new(4);
    let mut victim = Traced::fork(|| deed.act(&world.channel, &log));
    let on_the_way = (0..steps).all(|_| victim.step(|| world.serve()));
    let did = victim.did();
    victim.kill();
    let case = format!("{deed:?} in {situation:?}, killed after {steps} steps, {did:?}");
    let there = world.flow.there();
    let done = world.done_by(deed, &there, &case);
    if !on_the_way {
        assert_eq!(Some(&done), deed.steps().last(), "{case}: it was done");
    }
    live_on(world, steps, there, &case);
    on_the_way.then_some(did)
}

/// The others go on, and get what is `there`.
fn live_on(mut world: World, steps: usize, mut there: Vec<u64>, case: &str) {
    // Who finds the dead one: whoever comes next, or the other end, which waits.
    if steps % 2 == 1 {
        if let Some(rx) = &mut world.rx {
            while !there.is_empty() {
                let len = there.len().min(3);
                let chunk = rx.read_chunk_timeout(3, LONG);
                let chunk = chunk.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!(numbers(&chunk), there[..len], "{case}: as much as is left");
                chunk.consume_all();
                there.drain(..len);
            }
            let end = rx.read_chunk_timeout(1, LONG).map(|chunk| chunk.len());
            assert_eq!(
                end,
                Err(annulus::stream::ReadTimeoutError::Disconnected),
                "{case}: the end"
            );
        } else if let Some(tx) = &mut world.tx {
            let full = tx.capacity();
            let written = world.written.len() as u64;
            let end = loop {
                match tx.write_chunk_timeout(1, LONG) {
                    Ok(mut chunk) => {
                        let number = 1 + written + there.len() as u64;
                        chunk[0] = flow::element(number);
                        chunk.commit_all();
                        there.push(number);
                        assert!(there.len() <= full, "{case}: more than fits");
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(end, WriteTimeoutError::Disconnected, "{case}: the end");
        }
    }
    world.take_over(case);
    let World { flow, tx, rx, .. } = world;
    let (Some(mut tx), Some(mut rx)) = (tx, rx) else {
        unreachable!("both ends are taken");
    };
    assert_eq!(flow::sound(&flow, &mut tx, &mut rx, case), there, "{case}");
    drop(tx);
    assert_eq!(flow::try_read(&mut rx, 1), Err(TryReadError::Disconnected), "{case}");
}
