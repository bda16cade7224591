//! What can the others do while a process is stopped here?
//!
//! One victim for each point of each operation in each situation, as in `kills`; but it is stopped there, and goes on
//! later. Meanwhile the others pass a thousand messages, or as many as there is room for up to a slot that it holds. They
//! look after the dead in every way that there is, and what the stopped one holds stays its own. When it has gone on to
//! its end, everything has been received exactly once.

use std::time::Duration;

use annulus::{AttachError, Channel, End, crash};

use crate::deed::{Deed, many_receivers, many_senders};
use crate::score::Score;
use crate::support::audit::{self, Picture, Seen};
use crate::support::log::Log;
use crate::support::message::Message;
use crate::support::peer::state;
use crate::support::until;
use crate::support::words::Phase;
use crate::trace::{Did, Traced};
use crate::world::{SITUATIONS, Situation, World};

/// Messages that the others pass, if nothing is in their way.
const MANY: usize = 1000;

/// Stops a process at each point of `deed` in each situation; there are at least `least` points, all in all.
pub fn anywhere<T: Message, S: End, R: End>(deed: Deed, least: usize) {
    let mut score = Score::new(format!("{:?} {deed:?}, stopped", Channel::<T, S, R>::kind()));
    for situation in SITUATIONS {
        if situation.suits::<S, R>(deed) {
            score.enter();
            score.visit_all(|steps| stop_after::<T, S, R>(deed, situation, steps));
        }
    }
    score.settle(least);
}

/// Stops a process after so many steps of `deed`; what it had done last. `None`: it needs fewer.
fn stop_after<T: Message, S: End, R: End>(deed: Deed, situation: Situation, steps: usize) -> Option<Did> {
    let mut world = World::<T, S, R>::new(deed, situation);
    let log = Log::new(4);
    let mut victim = Traced::fork(|| deed.act(&world.channel, &log));
    world.begin();
    if !(0..steps).all(|_| victim.step(|| world.serve())) {
        return None;
    }
    let did = victim.did();
    let kind = Channel::<T, S, R>::kind();
    let case = format!("{kind:?} {deed:?} in {situation:?}, stopped after {steps} steps, {did:?}");
    victim.stop();
    let held = holdings(&world, &victim);
    look_after_the_dead(&mut world, steps, &case);
    pass(&mut world, deed, &case);
    let still = holdings(&world, &victim);
    // Who sits down holds nothing but an id, and for a moment neither that nor its record, which it writes anew.
    let between_locks = deed.sits_down() && still.is_none() && held.iter().all(|(_, claims)| claims.is_empty());
    assert!(between_locks || still == held, "{case}: robbed\n{}", world.words.text());
    assert_eq!(state(victim.pid()), 'T', "{case}");
    victim.resume();
    until("the one that was stopped has gone on", || {
        let ended = victim.has_ended();
        if !ended {
            world.serve();
        }
        ended
    });
    world.take_over(&case);
    let (Some(tx), Some(rx)) = (&world.tx, &world.rx) else {
        unreachable!("both ends are taken");
    };
    let mut came = audit::sound(&world.channel, &world.words, tx, rx, &case);
    came.extend(log.list());
    came.extend(&world.got);
    let sent: Vec<u64> = world.sent.iter().chain(deed.sends()).copied().collect();
    audit::each_once(&sent, &came, &case);
    Some(did)
}

/// What the stopped one has: its id, and the slots that it claims.
fn holdings<T: Message, S: End, R: End>(world: &World<T, S, R>, victim: &Traced) -> Option<(u16, Vec<Seen>)> {
    let id = world.id_of(victim.pid())?;
    Some((id, Picture::of::<T>(&world.words).claims(id).copied().collect()))
}

/// As a supervisor, as a newcomer at either end, and as one who waits.
fn look_after_the_dead<T: Message, S: End, R: End>(world: &mut World<T, S, R>, steps: usize, case: &str) {
    if let Err(error) = world.channel.recover() {
        panic!("{case}: {error}");
    }
    newcomer(
        world,
        crash::impatient(|| world.channel.sender()).err(),
        many_senders::<S, R>(),
        case,
    );
    newcomer(
        world,
        crash::impatient(|| world.channel.receiver()).err(),
        many_receivers::<S, R>(),
        case,
    );
    // Some ticks pass: not each time, since each takes a while.
    if steps.is_multiple_of(8)
        && let Some(rx) = &world.rx
        && let Ok(message) = rx.recv_timeout(Duration::from_millis(3))
    {
        let number = message.number();
        assert!(world.got.insert(number), "{case}: {number} is there twice");
    }
}

/// A newcomer finds a place, unless all are taken, or the stopped one stands in the door.
fn newcomer<T: Message, S: End, R: End>(world: &World<T, S, R>, error: Option<AttachError>, many: bool, case: &str) {
    match error {
        None => {}
        Some(AttachError::AlreadyAttached { .. }) if !many => {}
        Some(AttachError::Busy) if world.somebody_attaches() => {}
        Some(AttachError::TableFull { .. }) if many && world.is_full() => {}
        Some(error) => panic!("{case}: {error}"),
    }
}

/// The others pass messages, until something that somebody holds is in their way.
fn pass<T: Message, S: End, R: End>(world: &mut World<T, S, R>, deed: Deed, case: &str) {
    let mut passed = 0;
    while passed < MANY {
        let sent = world.send();
        let received = world.receive();
        if !sent && !received {
            break;
        }
        passed += 1;
    }
    let picture = Picture::of::<T>(&world.words);
    let oldest = picture.slots()[0];
    let text = || world.words.text();
    if world.hung_up {
        let ends = [
            Deed::CloseSending,
            Deed::CloseReceiving,
            Deed::AttachReceiver,
            Deed::ReserveReceiver,
            Deed::SeatReceiver,
            Deed::DetachReceiver,
        ];
        assert!(ends.contains(&deed), "{case}: nobody receives\n{}", text());
        return;
    }
    match (&world.tx, &world.rx) {
        (Some(_), Some(_)) if passed < MANY => assert!(
            matches!(oldest.state.phase, Phase::Writing | Phase::Reading),
            "{case}: nothing is in the way after {passed}\n{}",
            text()
        ),
        // Nobody sends: what is there has been received.
        (None, Some(_)) => assert!(
            picture.slots().iter().all(|seen| seen.state.phase != Phase::Full),
            "{case}: there is more than {passed}\n{}",
            text()
        ),
        // Nobody receives: there is no room.
        (Some(_), None) => assert!(
            oldest.state.phase != Phase::Free,
            "{case}: there is room for more than {passed}\n{}",
            text()
        ),
        _ => {}
    }
}
