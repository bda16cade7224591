//! What if a process that creates, opens or removes a name dies, or stops, after any one thing that it does?
//!
//! `tests/names/steps.rs` steps the same over its system calls; here its accesses to memory are steps, too.

extern crate annulus_crash as annulus;

mod named;
#[path = "../crash/score.rs"]
#[allow(dead_code, reason = "one process at a time has to do with a name here")]
mod score;
#[path = "../../../tests/support/mod.rs"]
mod support;
#[path = "../crash/trace.rs"]
#[allow(dead_code, reason = "names are in the way of nobody's slots")]
mod trace;

use annulus::{AttachError, CreateError, OpenOrCreateError, Region, TakenBy, crash};

use named::{Blocks, Named, Ticks};
use score::Score;
use support::own::{Own, nothing_is_left_in_dev_shm};
use support::{Test, own, until};
use trace::{Traced, begin, end};

/// What a process does with a name, the operation from [`begin`] to [`end`].
type Deed = fn(&Own);

fn creates<C: Named>(name: &Own) {
    begin();
    let channel = C::create(name, 2);
    end();
    assert!(channel.is_err() || name.exists());
}

fn shares<C: Named>(name: &Own) {
    begin();
    let channel = C::open_or_create(name, 2);
    end();
    assert!(channel.is_err() || name.exists());
}

fn opens<C: Named>(name: &Own) {
    begin();
    let channel = C::open(name);
    end();
    drop(channel);
}

fn leaves_what_it_created<C: Named>(name: &Own) {
    let channel = C::create(name, 2);
    begin();
    drop(channel);
    end();
}

/// As the last one out.
fn leaves_what_it_shares<C: Named>(name: &Own) {
    let channel = C::open_or_create(name, 2);
    begin();
    drop(channel);
    end();
}

fn unlinks(name: &Own) {
    begin();
    let removed = annulus::unlink(name);
    end();
    drop(removed);
}

fn collects(_: &Own) {
    begin();
    let removed = annulus::gc();
    end();
    drop(removed);
}

// What it finds.

fn nothing(_: &Own) {}

fn dead_creator<C: Named>(name: &Own) {
    let dead = Traced::fork(|| {
        let _channel = C::create(name, 2).expect("to create it");
        begin();
    });
    drop(dead);
}

fn drained<C: Named>(name: &Own) {
    let dead = Traced::fork(|| {
        let _channel = C::open_or_create(name, 2).expect("to create it");
        begin();
    });
    drop(dead);
}

/// Of a region, which never has anything unread: left by the dead.
fn unread<C: Named>(name: &Own) {
    if !C::CARRIES {
        return drained::<C>(name);
    }
    let channel = C::open_or_create(name, 2).expect("to create it");
    assert!(channel.send());
}

/// The deeds after which what is unread waits under the name.
const SHARE: [&str; 4] = [
    "open_or_create",
    "open_or_create, of what is there",
    "out, the last one",
    "out, the last one, before all is read",
];

/// What whoever repairs it does.
fn drains<C: Named>(name: &Own) {
    if let Ok(channel) = C::open(name) {
        channel.drain();
    }
}

/// What a deed is called, what it finds, the deed, and how many points it has at least.
type Case = (&'static str, Deed, Deed, usize);

/// Each deed where it matters.
fn cases<C: Named>() -> [Case; 16] {
    [
        ("create", nothing, creates::<C>, 22),
        ("create, after a dead creator", dead_creator::<C>, creates::<C>, 28),
        ("create, over a drained channel", drained::<C>, creates::<C>, 28),
        ("create, over messages", unread::<C>, creates::<C>, 27),
        ("open_or_create", nothing, shares::<C>, 22),
        (
            "open_or_create, after a dead creator",
            dead_creator::<C>,
            shares::<C>,
            27,
        ),
        ("open_or_create, of what is there", unread::<C>, shares::<C>, 16),
        ("open", unread::<C>, opens::<C>, 16),
        ("open, after a dead creator", dead_creator::<C>, opens::<C>, 16),
        ("out, its creator", nothing, leaves_what_it_created::<C>, 13),
        ("out, the last one", nothing, leaves_what_it_shares::<C>, 14),
        (
            "out, the last one, before all is read",
            unread::<C>,
            leaves_what_it_shares::<C>,
            13,
        ),
        ("unlink", unread::<C>, unlinks, 13),
        ("unlink, after a dead creator", dead_creator::<C>, unlinks, 13),
        ("gc", unread::<C>, collects, 16),
        ("gc, after a dead creator", dead_creator::<C>, collects, 16),
    ]
}

/// Does `visit` with each case at each of its points, until it says that the deed needs fewer steps.
fn at_each_point<C: Named>(how: &str, visit: impl Fn(&Case, usize, &mut Score, &str) -> bool) {
    for case in cases::<C>() {
        let (what, _, _, least) = case;
        let mut score = Score::new(format!("{}: {what}, {how}", C::WHAT));
        score.enter();
        for steps in 0.. {
            let text = format!("{}: {what}, {how} after {steps} steps", C::WHAT);
            if !visit(&case, steps, &mut score, &text) {
                break;
            }
        }
        score.settle(least);
    }
}

fn stepped(name: &Own, deed: Deed) -> Traced {
    Traced::fork(|| deed(name))
}

/// Somebody comes by the name in one of the three ways in which it is repaired, and has a sound channel; then it is gone.
fn come_by<C: Named>(name: &Own, steps: usize, case: &str) {
    let channel = match steps % 3 {
        0 => match C::create(name, 4) {
            Err(CreateError::NameTaken {
                by: TakenBy::Messages { .. },
                ..
            }) => {
                drains::<C>(name);
                C::create(name, 4).map_err(|error| error.to_string())
            }
            created => created.map_err(|error| error.to_string()),
        },
        1 => C::open_or_create(name, 4).map_err(|error| error.to_string()),
        _ => {
            annulus::gc().unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(!name.exists(), "{case}: gc has left it");
            C::create(name, 4).map_err(|error| error.to_string())
        }
    };
    let channel = channel.unwrap_or_else(|error| panic!("{case}: {error}"));
    is_sound(&channel, case);
    drop(channel);
    assert!(!name.exists(), "{case}: the name is left");
}

fn is_sound<C: Named>(channel: &C, case: &str) {
    let left = channel.sound(case);
    support::words::forget();
    assert!(
        left.len() <= 2 && left.iter().all(|&number| number == 1),
        "{case}: {left:?}"
    );
}

fn whoever_is_killed_over_a_name_is_repaired<C: Named>() {
    let name = Own::new("killed-anywhere");
    at_each_point::<C>("killed", |&(_, before, deed, _), steps, score, case| {
        before(&name);
        let mut victim = stepped(&name, deed);
        let on_the_way = (0..steps).all(|_| victim.step(|| ()));
        score.count(victim.did());
        let case = format!("{case}, {:?}", victim.did());
        victim.kill();
        come_by::<C>(&name, steps, &case);
        on_the_way
    });
}

/// It is stopped: who comes by is told so, or has a sound channel; and nothing of it is taken away later.
fn whoever_is_stopped_over_a_name_goes_on<C: Named>() {
    let name = Own::new("stopped-anywhere");
    at_each_point::<C>("stopped", |&(what, before, deed, _), steps, score, case| {
        before(&name);
        let mut victim = stepped(&name, deed);
        if !(0..steps).all(|_| victim.step(|| ())) {
            drop(victim);
            drains::<C>(&name);
            drop(name.exists().then(|| annulus::unlink(&name)));
            return false;
        }
        score.count(victim.did());
        let case = format!("{case}, {:?}", victim.did());
        victim.stop();
        let met = crash::impatient(|| meet::<C>(&name, steps, &case));
        let sent = met.as_ref().is_some_and(C::send);
        // Half of the time it is gone again before the other goes on.
        let met = met.filter(|_| steps.is_multiple_of(2));
        victim.resume();
        until("the one that was stopped has gone on", || victim.has_ended());
        if met.is_none() && SHARE.contains(&what) && sent {
            assert!(name.exists(), "{case}: what was sent is gone");
        }
        if let Some(channel) = met {
            is_sound(&channel, &case);
        }
        come_by::<C>(&name, steps, &case);
        true
    });
}

/// Comes by the name while somebody is stopped over it.
fn meet<C: Named>(name: &Own, steps: usize, case: &str) -> Option<C> {
    if steps % 4 < 2 {
        match C::open_now(name) {
            Ok(channel) => Some(channel),
            Err(AttachError::NotFound { .. } | AttachError::Busy) => None,
            Err(error) => panic!("{case}: {error}"),
        }
    } else {
        match C::open_or_create(name, 2) {
            Ok(channel) => Some(channel),
            Err(OpenOrCreateError::Open(AttachError::Busy)) => None,
            Err(error) => panic!("{case}: {error}"),
        }
    }
}

fn main() -> std::process::ExitCode {
    let _turn = own::turn();
    support::runner::main(
        &[],
        &[
            Test::new(
                "whoever_is_killed_over_a_name_is_repaired",
                whoever_is_killed_over_a_name_is_repaired::<Ticks>,
            ),
            Test::new(
                "whoever_is_stopped_over_a_name_goes_on",
                whoever_is_stopped_over_a_name_goes_on::<Ticks>,
            ),
            Test::new(
                "blocks::whoever_is_killed_over_a_name_is_repaired",
                whoever_is_killed_over_a_name_is_repaired::<Blocks>,
            ),
            Test::new(
                "blocks::whoever_is_stopped_over_a_name_goes_on",
                whoever_is_stopped_over_a_name_goes_on::<Blocks>,
            ),
            Test::new(
                "region::whoever_is_killed_over_a_name_is_repaired",
                whoever_is_killed_over_a_name_is_repaired::<Region>,
            ),
            Test::new(
                "region::whoever_is_stopped_over_a_name_goes_on",
                whoever_is_stopped_over_a_name_goes_on::<Region>,
            ),
            Test::new("nothing_is_left_in_dev_shm", nothing_is_left_in_dev_shm),
        ],
    )
}
