//! What do others find between any two system calls of a process, and if it is killed there?

use std::cell::Cell;
use std::fs::File;
use std::time::Duration;

use annulus::{AttachError, CreateError, TakenBy};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::own::{Many, Numbers, Own, holder, leave};
use crate::support::step::Stepped;

/// What a process does with a name, from first to last.
type Deed = fn(&str);

fn creates(name: &str) {
    if let Ok(channel) = Numbers::create(name, 2) {
        let _ = channel.sender().map(|tx| tx.send(1));
    }
}

fn shares(name: &str) {
    drop(Numbers::open_or_create(name, 2));
}

fn shares_and_sends(name: &str) {
    if let Ok(channel) = Numbers::open_or_create(name, 2) {
        let _ = channel.sender().map(|tx| tx.send(1));
    }
}

fn drains(name: &str) {
    if let Ok(channel) = Numbers::open(name) {
        let _ = channel.receiver().map(|rx| while rx.try_recv().is_ok() {});
    }
}

pub fn mistakes(name: &str) {
    drop(Many::open(name));
}

fn unlinks(name: &str) {
    let _ = annulus::unlink(name);
}

fn collects(_: &str) {
    drop(annulus::gc());
}

// What they find.

fn nothing(_: &str) {}

fn dead_creator(name: &str) {
    holder(|| Numbers::create(name, 2).unwrap()).kill();
}

fn drained(name: &str) {
    holder(|| Numbers::open_or_create(name, 2).unwrap()).kill();
}

fn unread(name: &str) {
    let channel = Numbers::open_or_create(name, 2).unwrap();
    channel.sender().unwrap().send(1).unwrap();
}

pub fn an_opener_gets_no_half_made_and_no_dying_channel() {
    let name = Own::new("stepped");
    for (deed, leaves) in [(creates as Deed, false), (shares, false), (shares_and_sends, true)] {
        let mut maker = Stepped::fork(|| deed(&name));
        let (mut before, mut with) = (0, 0);
        while maker.step() {
            // The maker is stopped in the middle of it: so is nobody else.
            match Numbers::open_timeout(&name, Duration::ZERO) {
                Ok(channel) => {
                    with += 1;
                    assert_eq!(channel.capacity(), 2);
                    assert!(name.exists());
                }
                Err(AttachError::NotFound { .. } | AttachError::Busy) => before += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(before > 0 && with > 0, "{before} {with}");
        let left = name.exists();
        drains(&name);
        assert!(!name.exists() && left == leaves);
    }
}

pub fn a_create_meets_every_step_of_another() {
    let name = Own::new("two-creates");
    for deed in [creates as Deed, shares] {
        let mut maker = Stepped::fork(|| deed(&name));
        let mut ours = 0;
        while maker.step() {
            match Numbers::create(&name, 4) {
                Ok(channel) => {
                    ours += 1;
                    assert_eq!(Numbers::open(&name).unwrap().capacity(), 4);
                    drop(channel);
                }
                Err(CreateError::NameTaken { by, .. }) => {
                    assert!(matches!(by, TakenBy::Creator | TakenBy::Users), "{by:?}");
                }
                Err(CreateError::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(ours > 0 && !name.exists());
    }
}

/// Stops a process at each stop of `deed`, in a world that `before` makes; `meanwhile` lets it go on to its end by
/// calling what it is given. No region is open here when the process is forked: it would have it open, too.
fn at_each_stop<X>(name: &str, before: impl Fn() -> X, deed: impl Fn(&str), mut meanwhile: impl FnMut(X, &dyn Fn())) {
    let mut stops = 0;
    loop {
        let world = before();
        let mut doer = Stepped::fork(|| deed(name));
        let on_the_way = doer.steps(stops);
        let doer = Cell::new(on_the_way.then_some(doer));
        meanwhile(world, &|| {
            if let Some(doer) = doer.take() {
                doer.finish();
            }
        });
        if !on_the_way {
            break;
        }
        stops += 1;
    }
    assert!(stops > 10, "only {stops} stops");
}

/// Whoever judges whether a name is needed is no user of it.
pub fn who_judges_a_name_does_not_have_it() {
    let name = Own::new("judged");
    for deed in [mistakes as Deed, drains, |name| drop(Numbers::create(name, 2))] {
        // All that `create` can see of a judge is what it holds: each is tried once, since the answer takes a second.
        let mut seen = Vec::new();
        at_each_stop(
            &name,
            || drained(&name),
            deed,
            |(), go_on| {
                let holds = (is_held(&name, PRESENCE), is_held(&name, NAME));
                if holds.0 && !seen.contains(&holds) {
                    seen.push(holds);
                    let created = Numbers::create(&name, 4);
                    assert!(matches!(created, Err(CreateError::Busy { .. })), "{created:?}");
                }
                go_on();
                drains(&name);
                assert!(!name.exists());
            },
        );
        assert_eq!(seen, [(true, false), (true, true)]);
    }
}

/// Numbers in `src/region/lock.rs`.
const PRESENCE: i64 = (1 << 62) + 3 * (1 << 16);
const NAME: i64 = PRESENCE + 1;
pub const ATTACH: i64 = PRESENCE + 3;

/// Somebody has this lock byte of the channel alone.
pub fn is_held(name: &Own, byte: i64) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(name.path()) else {
        return false;
    };
    let mut lock = libc::flock {
        l_type: libc::F_RDLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).unwrap();
    libc::c_int::from(lock.l_type) == libc::F_WRLCK
}

/// Of two who leave together one is the last.
pub fn two_who_leave_a_shared_name_together_leave_none() {
    let name = Own::new("together");
    let other = || holder(|| Numbers::open_or_create(&name, 2).unwrap());
    for deed in [shares as Deed, mistakes] {
        at_each_stop(&name, other, deed, |other, go_on| {
            leave(other);
            go_on();
            assert!(!name.exists());
        });
    }
}

/// What somebody sends while another is on the way out is not gone with the name.
pub fn what_is_sent_to_one_who_leaves_is_kept() {
    let name = Own::new("last-word");
    let mut kept = 0;
    for (before, deed) in [(nothing as Deed, shares as Deed), (drained, mistakes)] {
        at_each_stop(
            &name,
            || before(&name),
            deed,
            |(), go_on| {
                let opened = Numbers::open_timeout(&name, Duration::ZERO);
                let sent = opened.is_ok_and(|channel| channel.sender().unwrap().send(1).is_ok());
                go_on();
                assert_eq!(name.exists(), sent);
                if sent {
                    kept += 1;
                    let rx = Numbers::open(&name).unwrap().receiver().unwrap();
                    assert_eq!(rx.try_recv(), Ok(1));
                }
                assert!(!name.exists());
            },
        );
    }
    assert!(kept > 10, "only {kept}");
}

/// Whoever comes while the last one leaves is in a channel that others find.
pub fn what_is_sent_by_one_who_comes_is_found() {
    let name = Own::new("first-word");
    let other = || holder(|| Numbers::open_or_create(&name, 2).unwrap());
    at_each_stop(&name, other, shares_and_sends, |other, go_on| {
        leave(other);
        go_on();
        let rx = Numbers::open(&name).unwrap().receiver().unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
        drop(rx);
        assert!(!name.exists());
    });
}

/// Whoever has opened a shared channel keeps its name, wherever a remover was when he came.
pub fn a_shared_name_in_use_is_not_removed() {
    let name = Own::new("in-use");
    // Another capacity, so that the two are told apart.
    let creates: Deed = |name| drop(Numbers::create(name, 4));
    let cases: [(Deed, Deed); 6] = [
        (drained, collects),
        (unread, collects),
        (drained, creates),
        (drained, shares),
        (drained, mistakes),
        (unread, drains),
    ];
    for (before, deed) in cases {
        at_each_stop(
            &name,
            || before(&name),
            deed,
            |(), go_on| {
                let opened = Numbers::open_timeout(&name, Duration::ZERO);
                go_on();
                match opened {
                    Ok(channel) => assert!(name.exists() || channel.capacity() == 4),
                    Err(AttachError::NotFound { .. } | AttachError::Busy) => {}
                    Err(error) => panic!("{error}"),
                }
                drains(&name);
                assert!(!name.exists());
            },
        );
    }
}

/// A remover that has been overtaken leaves the channel alone that has the name by then.
pub fn no_remover_takes_the_name_of_a_fresh_channel() {
    let name = Own::new("stale");
    for deed in [collects as Deed, drains, creates, shares, mistakes] {
        at_each_stop(
            &name,
            || dead_creator(&name),
            deed,
            |(), go_on| {
                // Removes the dead creator's name, unless the other one holds its byte.
                drop(Numbers::open_timeout(&name, Duration::ZERO));
                let fresh = (!name.exists()).then(|| Numbers::create(&name, 4).unwrap());
                go_on();
                assert!(fresh.is_none() || name.exists());
                drop(fresh);
                assert!(!name.exists());
            },
        );
    }
}

/// Each deed, killed at each of its system calls; then the three ways in which what it left is repaired.
pub fn whoever_dies_at_any_system_call_is_repaired() {
    let name = Own::new("killed-anywhere");
    let cases: [(Deed, Deed); 11] = [
        (nothing, creates),
        (nothing, shares),
        (nothing, shares_and_sends),
        (dead_creator, creates),
        (dead_creator, shares),
        (dead_creator, unlinks),
        (drained, creates),
        (drained, mistakes),
        (drained, drains),
        (unread, drains),
        (unread, unlinks),
    ];
    for (number, (before, deed)) in cases.into_iter().enumerate() {
        let mut stops = 0;
        loop {
            before(&name);
            let mut doer = Stepped::fork(|| deed(&name));
            let on_the_way = doer.steps(stops);
            drop(doer); // Killed there.
            let case = format!("case {number}, stop {stops}");
            match stops % 3 {
                0 => match Numbers::create(&name, 2) {
                    Ok(channel) => drop(channel),
                    Err(CreateError::NameTaken {
                        by: TakenBy::Messages { unread: 1 },
                        ..
                    }) => drains(&name),
                    Err(error) => panic!("{case}: {error}"),
                },
                1 => {
                    let channel = Numbers::open_or_create(&name, 2).expect(&case);
                    let rx = channel.receiver().expect(&case);
                    while rx.try_recv().is_ok() {}
                }
                _ => {
                    let there = name.exists();
                    let removed = annulus::gc().unwrap();
                    assert_eq!(removed.iter().any(|removed| removed.name == *name), there, "{case}");
                }
            }
            assert!(!name.exists(), "{case}");
            if !on_the_way {
                break;
            }
            stops += 1;
        }
        assert!(stops > 10, "case {number} has only {stops} stops");
    }
}
