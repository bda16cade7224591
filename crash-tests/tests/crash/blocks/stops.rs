//! What can the others do while a process is stopped here, with blocks or without?
//!
//! One victim for each point of each operation in each situation, as in `kills`; but it is stopped there, and goes on
//! later. Meanwhile the others pass a thousand messages, whatever it has in its hands: nobody holds up anybody. They look
//! after the dead in every way that there is, and what the stopped one has stays its own. When it has gone on to its end,
//! everything has been received exactly once.

use std::time::Duration;

use annulus::{AttachError, crash};

use super::deed::Deed;
use super::world::{Situation, World, situations, stride};
use crate::score::Score;
use crate::support::audit::each_once;
use crate::support::log::Log;
use crate::support::peer::state;
use crate::support::stock::{self, Picture, Seen};
use crate::support::until;
use crate::trace::{Did, Traced};

/// Messages that the others pass.
const MANY: usize = 1000;

/// Stops a process at each point of `deed` in each situation; there are at least `least` points, all in all.
pub fn anywhere(deed: Deed, least: usize) {
    let mut score = Score::new(format!("blocks {deed:?}, stopped at one point in {}", stride(deed)));
    for (situation, first, stride) in situations(deed) {
        score.enter();
        score.visit_all(|n| stop_after(deed, situation, first + n * stride));
    }
    score.settle(least);
}

/// Stops a process after so many steps of `deed`; what it had done last. `None`: it needs fewer.
fn stop_after(deed: Deed, situation: Situation, steps: usize) -> Option<Did> {
    let mut world = World::new(deed, situation);
    let log = Log::new(4);
    let mut victim = Traced::fork(|| deed.act(&world.channel, &log));
    world.begin();
    let pid = victim.pid();
    if !(0..steps).all(|_| world.lead(&mut victim)) {
        return None;
    }
    let did = victim.did();
    let case = format!("{deed:?} in {situation:?}, stopped after {steps} steps, {did:?}");
    victim.stop();
    let held = holdings(&world, &victim);
    look_after_the_dead(&mut world, steps, &case);
    pass(&mut world, deed, &case);
    let still = holdings(&world, &victim);
    // Who sits down holds nothing but an id, and for a moment neither that nor its record, which it writes anew.
    let between_locks = deed.sits_down() && still.is_none() && held.iter().all(|(_, blocks)| blocks.is_empty());
    assert!(between_locks || still == held, "{case}: robbed\n{}", world.pool.text());
    assert_eq!(state(pid), 'T', "{case}");
    victim.resume();
    until("the one that was stopped has gone on", || {
        let ended = victim.has_ended();
        if !ended {
            world.serve(pid);
        }
        ended
    });
    world.take_over(&case);
    let (Some(tx), Some(rx)) = (world.tx.take(), world.rx.take()) else {
        unreachable!("both ends are taken");
    };
    for (number, again) in stock::sound(&world.channel, &world.pool, &tx, &rx, &case) {
        world.came(number, again);
    }
    let came: Vec<u64> = world.got.iter().copied().chain(log.list()).collect();
    let sent: Vec<u64> = world.sent.iter().chain(deed.sends()).copied().collect();
    each_once(&sent, &came, &case);
    Some(did)
}

/// What the stopped one has: its id, and blocks.
fn holdings(world: &World, victim: &Traced) -> Option<(u16, Vec<Seen>)> {
    let id = world.id_of(victim.pid())?;
    Some((id, Picture::of(&world.pool).held(id).copied().collect()))
}

/// As a supervisor, as a newcomer at either end, and as one who waits.
fn look_after_the_dead(world: &mut World, steps: usize, case: &str) {
    if let Err(error) = world.channel.recover() {
        panic!("{case}: {error}");
    }
    newcomer(world, crash::impatient(|| world.channel.sender()).err(), case);
    newcomer(world, crash::impatient(|| world.channel.receiver()).err(), case);
    // Some ticks pass: not each time, since each takes a while.
    if steps.is_multiple_of(8)
        && let Some(rx) = &world.rx
        && let Ok(block) = rx.recv_timeout(Duration::from_millis(3))
    {
        world.came(stock::number_of(&block), block.redelivered());
    }
}

/// A newcomer finds a place, unless all are taken, or the stopped one stands in the door.
fn newcomer(world: &World, error: Option<AttachError>, case: &str) {
    match error {
        None => {}
        Some(AttachError::Busy) if world.somebody_attaches() => {}
        Some(AttachError::TableFull { .. }) if world.is_full() => {}
        Some(error) => panic!("{case}: {error}"),
    }
}

/// The others pass messages: nothing that the stopped one has is in their way, unless it has closed the channel.
fn pass(world: &mut World, deed: Deed, case: &str) {
    let mut passed = 0;
    while passed < MANY {
        // The first may find all blocks in use, and the others' receiver nothing in them.
        let (sent, received) = (world.send(), world.receive());
        if !sent && !received {
            break;
        }
        passed += 1;
    }
    if world.hung_up {
        let closes = matches!(deed, Deed::CloseSending | Deed::CloseReceiving);
        assert!(closes, "{case}: nobody receives\n{}", world.pool.text());
    } else {
        assert_eq!(passed, MANY, "{case}: something is in the way\n{}", world.pool.text());
    }
}
