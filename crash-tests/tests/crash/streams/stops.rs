//! What can the others do while a process is stopped here, with a stream?
//!
//! One victim for each point of each operation in each situation, as in `kills`; but it is stopped there, and goes on later.
//! Meanwhile the other end goes on as far as there are elements, or room, and waits for nobody; and nobody takes the end that
//! the stopped one has. When it has gone on to its end, everything has come exactly once and in order.

use annulus::stream::TryReadError;
use annulus::{AttachError, crash};

use super::deed::{Deed, ITS};
use super::world::{Situation, World, situations};
use crate::score::Score;
use crate::support::flow::{self, SMALL};
use crate::support::log::Log;
use crate::support::peer::state;
use crate::support::until;
use crate::trace::{Did, Traced};

/// Stops a process at each point of `deed` in each situation; there are at least `least` points, all in all.
pub fn anywhere(deed: Deed, least: usize) {
    let mut score = Score::new(format!("stream {deed:?}, stopped"));
    for situation in situations(deed) {
        score.enter();
        score.visit_all(|steps| stop_after(deed, situation, steps));
    }
    score.settle(least);
}

/// Stops a process after so many steps of `deed`; what it had done last. `None`: it needs fewer.
fn stop_after(deed: Deed, situation: Situation, steps: usize) -> Option<Did> {
    let mut world = World::new(deed, situation);
    let log = Log::new(4);
    let mut victim = Traced::fork(|| deed.act(&world.channel, &log));
    let pid = victim.pid();
    if !(0..steps).all(|_| victim.step(|| world.serve())) {
        return None;
    }
    let did = victim.did();
    let case = format!("{deed:?} in {situation:?}, stopped after {steps} steps, {did:?}");
    victim.stop();
    let has_an_end = world.has_an_end(pid);
    let there = world.flow.there();
    world.done_by(deed, &there, &case);
    newcomer(&world, crash::impatient(|| world.channel.writer()).err(), &case);
    newcomer(&world, crash::impatient(|| world.channel.reader()).err(), &case);
    go_on(&mut world, there.len(), &case);
    assert_eq!(
        world.has_an_end(pid),
        has_an_end,
        "{case}: robbed\n{}",
        world.flow.words.text()
    );
    assert_eq!(state(pid), 'T', "{case}");
    victim.resume();
    until("the one that was stopped has gone on", || {
        let ended = victim.has_ended();
        if !ended {
            world.serve();
        }
        ended
    });
    world.take_over(&case);
    let World {
        flow,
        tx,
        rx,
        written,
        got,
        ..
    } = world;
    let (Some(mut tx), Some(mut rx)) = (tx, rx) else {
        unreachable!("both ends are taken");
    };
    let rest = flow::sound(&flow, &mut tx, &mut rx, &case);
    let came = [got, log.list(), rest].concat();
    let its = if deed.writes() { deed.steps().last() } else { None };
    let sent = [&written[..], &ITS[..its.copied().unwrap_or_default()]].concat();
    assert_eq!(came, sent, "{case}");
    Some(did)
}

/// A newcomer finds the end taken, unless the stopped one has not come to that, or has left it.
fn newcomer(world: &World, error: Option<AttachError>, case: &str) {
    match error {
        None | Some(AttachError::AlreadyAttached { .. }) => {}
        Some(AttachError::Busy) if world.somebody_attaches() => {}
        Some(error) => panic!("{case}: {error}"),
    }
}

/// The other end reads what is `there`, or fills what is not, and finds that this was all.
fn go_on(world: &mut World, there: usize, case: &str) {
    if let Some(rx) = &mut world.rx {
        for _ in 0..there {
            let read = flow::try_read(rx, 1);
            world.got.extend(read.unwrap_or_else(|error| panic!("{case}: {error}")));
        }
        let end = flow::try_read(rx, 1);
        let ended = matches!(end, Err(TryReadError::Empty | TryReadError::Disconnected));
        assert!(ended, "{case}: {end:?}, and there were {there}");
    }
    if world.tx.is_some() {
        let mut passed = 0;
        while world.write() {
            passed += 1;
        }
        assert!(
            passed == SMALL - there || world.hung_up && passed == 0,
            "{case}: {passed} written, and there were {there}"
        );
    }
}
