//! What if a process that creates, opens or removes a name dies, or stops, after any one thing that it does?
//!
//! `tests/names/steps.rs` steps the same over its system calls; here its accesses to memory are steps, too.

extern crate annulus_crash as annulus;

#[path = "../crash/score.rs"]
#[allow(dead_code, reason = "one process at a time has to do with a name here")]
mod score;
#[path = "../../../tests/support/mod.rs"]
mod support;
#[path = "../crash/trace.rs"]
#[allow(dead_code, reason = "names are in the way of nobody's slots")]
mod trace;

use std::time::Duration;

use annulus::{AttachError, Channel, CreateError, OpenOrCreateError, Single, TakenBy, crash};

use score::Score;
use support::message::{Message, Tick};
use support::own::{Own, nothing_is_left_in_dev_shm};
use support::{Test, Words, audit, own, until};
use trace::{Traced, begin, end};

type Ticks = Channel<Tick, Single, Single>;

/// What a process does with a name, the operation from [`begin`] to [`end`].
type Deed = fn(&Own);

fn creates(name: &Own) {
    begin();
    let channel = Ticks::create(name, 2);
    end();
    assert!(channel.is_err() || name.exists());
}

fn shares(name: &Own) {
    begin();
    let channel = Ticks::open_or_create(name, 2);
    end();
    assert!(channel.is_err() || name.exists());
}

fn opens(name: &Own) {
    begin();
    let channel = Ticks::open(name);
    end();
    drop(channel);
}

fn leaves_what_it_created(name: &Own) {
    let channel = Ticks::create(name, 2);
    begin();
    drop(channel);
    end();
}

/// As the last one out.
fn leaves_what_it_shares(name: &Own) {
    let channel = Ticks::open_or_create(name, 2);
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

fn dead_creator(name: &Own) {
    let dead = Traced::fork(|| {
        let _channel = Ticks::create(name, 2).expect("to create it");
        begin();
    });
    drop(dead);
}

fn drained(name: &Own) {
    let dead = Traced::fork(|| {
        let _channel = Ticks::open_or_create(name, 2).expect("to create it");
        begin();
    });
    drop(dead);
}

fn unread(name: &Own) {
    let channel = Ticks::open_or_create(name, 2).expect("to create it");
    let tx = channel.sender().expect("to attach");
    tx.send(Tick::of(1)).expect("there is room");
}

/// The deeds after which what is unread waits under the name.
const SHARE: [&str; 4] = [
    "open_or_create",
    "open_or_create, of what is there",
    "out, the last one",
    "out, the last one, before all is read",
];

/// What whoever repairs it does.
fn drains(name: &Own) {
    if let Ok(channel) = Ticks::open(name) {
        let _ = channel.receiver().map(|rx| while rx.try_recv().is_ok() {});
    }
}

/// What a deed is called, what it finds, the deed, and how many points it has at least.
type Case = (&'static str, Deed, Deed, usize);

/// Each deed where it matters.
const CASES: [Case; 16] = [
    ("create", nothing, creates, 22),
    ("create, after a dead creator", dead_creator, creates, 28),
    ("create, over a drained channel", drained, creates, 28),
    ("create, over messages", unread, creates, 27),
    ("open_or_create", nothing, shares, 22),
    ("open_or_create, after a dead creator", dead_creator, shares, 27),
    ("open_or_create, of what is there", unread, shares, 16),
    ("open", unread, opens, 16),
    ("open, after a dead creator", dead_creator, opens, 16),
    ("out, its creator", nothing, leaves_what_it_created, 13),
    ("out, the last one", nothing, leaves_what_it_shares, 14),
    (
        "out, the last one, before all is read",
        unread,
        leaves_what_it_shares,
        13,
    ),
    ("unlink", unread, unlinks, 13),
    ("unlink, after a dead creator", dead_creator, unlinks, 13),
    ("gc", unread, collects, 16),
    ("gc, after a dead creator", dead_creator, collects, 16),
];

/// Does `visit` with each case at each of its points, until it says that the deed needs fewer steps.
fn at_each_point(how: &str, visit: impl Fn(&Case, usize, &mut Score, &str) -> bool) {
    for case in CASES {
        let (what, _, _, least) = case;
        let mut score = Score::new(format!("{what}, {how}"));
        score.enter();
        for steps in 0.. {
            let text = format!("{what}, {how} after {steps} steps");
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
fn come_by(name: &Own, steps: usize, case: &str) {
    let channel = match steps % 3 {
        0 => match Ticks::create(name, 4) {
            Err(CreateError::NameTaken {
                by: TakenBy::Messages { .. },
                ..
            }) => {
                drains(name);
                Ticks::create(name, 4).map_err(|error| error.to_string())
            }
            created => created.map_err(|error| error.to_string()),
        },
        1 => Ticks::open_or_create(name, 4).map_err(|error| error.to_string()),
        _ => {
            annulus::gc().unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(!name.exists(), "{case}: gc has left it");
            Ticks::create(name, 4).map_err(|error| error.to_string())
        }
    };
    let channel = channel.unwrap_or_else(|error| panic!("{case}: {error}"));
    let (tx, rx) = (channel.sender(), channel.receiver());
    let (tx, rx) = tx.ok().zip(rx.ok()).unwrap_or_else(|| panic!("{case}: no place"));
    let left = audit::sound(&channel, &Words::of(&channel), &tx, &rx, case);
    assert!(
        left.len() <= 2 && left.iter().all(|&number| number == 1),
        "{case}: {left:?}"
    );
    support::words::forget();
    drop((tx, rx, channel));
    assert!(!name.exists(), "{case}: the name is left");
}

fn whoever_is_killed_over_a_name_is_repaired() {
    let name = Own::new("killed-anywhere");
    at_each_point("killed", |&(_, before, deed, _), steps, score, case| {
        before(&name);
        let mut victim = stepped(&name, deed);
        let on_the_way = (0..steps).all(|_| victim.step(|| ()));
        score.count(victim.did());
        let case = format!("{case}, {:?}", victim.did());
        victim.kill();
        come_by(&name, steps, &case);
        on_the_way
    });
}

/// It is stopped: who comes by is told so, or has a sound channel; and nothing of it is taken away later.
fn whoever_is_stopped_over_a_name_goes_on() {
    let name = Own::new("stopped-anywhere");
    at_each_point("stopped", |&(what, before, deed, _), steps, score, case| {
        before(&name);
        let mut victim = stepped(&name, deed);
        if !(0..steps).all(|_| victim.step(|| ())) {
            drop(victim);
            drains(&name);
            drop(name.exists().then(|| annulus::unlink(&name)));
            return false;
        }
        score.count(victim.did());
        let case = format!("{case}, {:?}", victim.did());
        victim.stop();
        let met = crash::impatient(|| meet(&name, steps, &case));
        let sent = met.as_ref().is_some_and(|channel| {
            let sender = channel.sender();
            sender.is_ok_and(|tx| tx.try_send(Tick::of(1)).is_ok())
        });
        // Half of the time it is gone again before the other goes on.
        let met = met.filter(|_| steps.is_multiple_of(2));
        victim.resume();
        until("the one that was stopped has gone on", || victim.has_ended());
        if met.is_none() && SHARE.contains(&what) && sent {
            assert!(name.exists(), "{case}: what was sent is gone");
        }
        if let Some(channel) = met {
            let tx = channel.sender().unwrap_or_else(|error| panic!("{case}: {error}"));
            let rx = channel.receiver().unwrap_or_else(|error| panic!("{case}: {error}"));
            let left = audit::sound(&channel, &Words::of(&channel), &tx, &rx, &case);
            assert!(
                left.len() <= 2 && left.iter().all(|&number| number == 1),
                "{case}: {left:?}"
            );
            support::words::forget();
        }
        come_by(&name, steps, &case);
        true
    });
}

/// Comes by the name while somebody is stopped over it.
fn meet(name: &Own, steps: usize, case: &str) -> Option<Ticks> {
    if steps % 4 < 2 {
        match Ticks::open_timeout(name, Duration::ZERO) {
            Ok(channel) => Some(channel),
            Err(AttachError::NotFound { .. } | AttachError::Busy) => None,
            Err(error) => panic!("{case}: {error}"),
        }
    } else {
        match Ticks::open_or_create(name, 2) {
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
                whoever_is_killed_over_a_name_is_repaired,
            ),
            Test::new(
                "whoever_is_stopped_over_a_name_goes_on",
                whoever_is_stopped_over_a_name_goes_on,
            ),
            Test::new("nothing_is_left_in_dev_shm", nothing_is_left_in_dev_shm),
        ],
    )
}
