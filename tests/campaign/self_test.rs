//! Does the auditor find a fault where there is one, and none where there is none?

use std::time::Duration;

use annulus::Kind;

use super::audit::{Fault, audit};
use super::ledger::{Killed, Life};
use super::parcel::Message;
use super::plan::Plan;
use super::round::play;
use super::yard::{Act, Entry};

/// A diary, from `(act, life, number, time)`.
fn life(entries: &[(Act, u16, u32, u64)]) -> Life {
    let entry = |&(act, life, number, time): &(Act, u16, u32, u64)| Entry {
        act,
        of: Message { life, number },
        time,
    };
    Life {
        entries: entries.iter().map(entry).collect(),
        killed: None,
    }
}

fn killed(mut life: Life, at: u64) -> Life {
    life.killed = Some(Killed { from: at, by: at + 1 });
    life
}

/// Life 0 sends messages 0 to 3, one after the other.
fn sender() -> Life {
    let of = |i: u32| [(Act::Sending, 1, i, u64::from(i)), (Act::Answered, 0, 1, u64::from(i))];
    life(&(0..4).flat_map(of).collect::<Vec<_>>())
}

/// Receives copies of these, one a call, from `time` on.
fn copies(numbers: &[u32], time: u64) -> Vec<(Act, u16, u32, u64)> {
    let of = |(&number, time)| {
        [
            (Act::Receiving, 0, 1, time),
            (Act::Received, 0, number, time),
            (Act::Answered, 0, 1, time),
        ]
    };
    numbers.iter().zip(time..).flat_map(of).collect()
}

fn leases(number: u32, act: Act, time: u64) -> [(Act, u16, u32, u64); 2] {
    [(Act::Leasing, 0, 1, time), (act, 0, number, time)]
}

fn found(many: bool, lives: &[Life]) -> Vec<Fault> {
    audit(many, lives).faults.into_iter().map(|(fault, _)| fault).collect()
}

pub fn the_auditor_accepts_what_the_documentation_allows() {
    let accepted = |many, lives: &[Life]| {
        let faults = audit(many, lives).faults;
        assert!(faults.is_empty(), "{faults:?}");
    };
    for many in [false, true] {
        accepted(many, &[sender(), life(&copies(&[0, 1, 2, 3], 10))]);
        // Killed before it could write down that it had message 1.
        let mut entries = copies(&[0], 10);
        entries.push((Act::Receiving, 0, 1, 20));
        accepted(
            many,
            &[sender(), killed(life(&entries), 30), life(&copies(&[2, 3], 40))],
        );
        // The same in a batch of up to three, of which it had two.
        entries[3].2 = 3;
        accepted(many, &[sender(), killed(life(&entries), 30), life(&copies(&[3], 40))]);
        // A lease of a dead one comes back.
        let entries = leases(0, Act::Leased, 10);
        let after = copies(&[0, 1, 2, 3], 40);
        accepted(many, &[sender(), killed(life(&entries), 30), life(&after)]);
        // Killed while it acknowledged.
        let entries = [&entries[..], &[(Act::Acking, 0, 0, 20)]].concat();
        accepted(many, &[sender(), killed(life(&entries), 30), life(&after)]);
        accepted(many, &[sender(), killed(life(&entries), 30), life(&after[3..])]);
    }
    // Killed while it acknowledged two at once.
    let two = [leases(0, Act::Leased, 10), leases(1, Act::Leased, 10)].concat();
    let acking = [&two[..], &[(Act::Acking, 0, 0, 20), (Act::Acking, 0, 1, 20)]].concat();
    let after = copies(&[0, 1, 2, 3], 40);
    accepted(false, &[sender(), killed(life(&acking), 30), life(&after)]);
    accepted(false, &[sender(), killed(life(&acking), 30), life(&after[6..])]);
    // What a dead receiver had claimed comes late, copied or on lease.
    let dead = killed(life(&[(Act::Receiving, 0, 1, 10)]), 30);
    accepted(true, &[sender(), dead.clone(), life(&copies(&[1, 2, 0, 3], 40))]);
    let late = [
        &copies(&[1, 2, 3], 40)[..],
        &leases(0, Act::LeasedAgain, 50),
        &[(Act::Acking, 0, 0, 51)],
    ]
    .concat();
    accepted(true, &[sender(), dead, life(&late)]);
    // Killed in a batch of which the beginning was sent.
    let dead = killed(life(&[(Act::Sending, 4, 0, 1)]), 5);
    accepted(true, &[dead, life(&copies(&[0, 1], 10))]);
}

pub fn the_auditor_finds_planted_faults() {
    for many in [false, true] {
        let finds = |fault, lives: &[Life]| assert_eq!(found(many, lives), [fault], "{lives:?}");
        let all = copies(&[0, 1, 2, 3], 10);
        finds(Fault::Lost, &[sender(), life(&copies(&[0, 1, 3], 10))]);
        finds(Fault::Doubled, &[sender(), life(&all), life(&copies(&[3], 20))]);
        finds(
            Fault::Invented,
            &[sender(), life(&[&all[..], &copies(&[4], 20)].concat())],
        );
        finds(
            Fault::Torn,
            &[sender(), life(&[&all[..], &[(Act::Torn, 0, 1, 20)]].concat())],
        );
        finds(Fault::Disordered, &[sender(), life(&copies(&[0, 2, 1, 3], 10))]);
        // One death accounts for one message, or what it had asked for.
        let dead = killed(life(&[(Act::Receiving, 0, 1, 10)]), 30);
        finds(Fault::Lost, &[sender(), dead, life(&copies(&[2, 3], 40))]);
        // None, if it asked for a lease.
        let dead = killed(life(&[(Act::Leasing, 0, 1, 10)]), 30);
        finds(Fault::Lost, &[sender(), dead, life(&copies(&[1, 2, 3], 40))]);
        // Nor for what was sent after it.
        let dead = killed(life(&[(Act::Receiving, 0, 1, 0)]), 0);
        finds(Fault::Lost, &[sender(), dead, life(&copies(&[0, 1, 2], 40))]);
        // A lease that was dropped is not lost.
        let dropped = [&leases(0, Act::Leased, 10)[..], &[(Act::Dropping, 0, 0, 11)]].concat();
        finds(Fault::Lost, &[sender(), life(&dropped), life(&all[3..])]);
        // Who is only stopped is not robbed, even if it drops its lease later; nor who was killed later.
        let stopped = [&leases(0, Act::Leased, 5)[..], &[(Act::Dropping, 0, 0, 20)]].concat();
        finds(Fault::Doubled, &[sender(), life(&stopped), life(&all)]);
        finds(Fault::Doubled, &[sender(), killed(life(&stopped[..2]), 20), life(&all)]);
        // After an acknowledgement nobody gets it.
        let acked = [&leases(0, Act::Leased, 5)[..], &[(Act::Acking, 0, 0, 6)]].concat();
        finds(Fault::Doubled, &[sender(), life(&acked), life(&all)]);
        // Nor if it was killed later, in another one.
        let later = [&acked[..], &leases(1, Act::Leased, 7), &[(Act::Acking, 0, 1, 8)]].concat();
        finds(Fault::Doubled, &[sender(), killed(life(&later), 9), life(&all)]);
    }
    let again = |act| {
        let first = [&leases(0, Act::Leased, 5)[..], &[(Act::Dropping, 0, 0, 6)]].concat();
        let second = [
            &leases(0, act, 7)[..],
            &[(Act::Acking, 0, 0, 8)],
            &copies(&[1, 2, 3], 9),
        ]
        .concat();
        found(true, &[sender(), life(&first), life(&second)])
    };
    assert_eq!(again(Act::LeasedAgain), []);
    assert_eq!(again(Act::Leased), [Fault::Mismarked]);
}

/// A real round is audited as it is, and then with a fault in it. Nobody is killed in it, so that nothing has an excuse.
pub fn a_round_without_a_fault_has_none() {
    // Whichever these draw: one of each sort will do.
    for seed in 0..6 {
        let mut plan = match seed {
            0..4 => Plan::draw(seed),
            4 => Plan::draw_of_blocks(seed),
            _ => Plan::draw_of_streams(seed),
        };
        (plan.time, plan.peaceful) = (Duration::from_millis(50), true);
        let many = matches!(plan.kind, Kind::Spmc | Kind::Mpmc | Kind::Blocks);
        let (lives, at) = loop {
            let outcome = play(&plan);
            assert!(outcome.is_clean(), "{plan}: {:?}", outcome.findings.faults);
            if let Some(at) = place_of_a_copy(&outcome.lives) {
                break (outcome.lives, at);
            }
        };
        let planted = |plant: fn(&mut Vec<Entry>, usize)| {
            let mut lives = lives.clone();
            plant(&mut lives[at.0].entries, at.1);
            found(many, &lives)
        };
        let lost = planted(|entries, at| _ = entries.remove(at));
        assert_eq!(lost, [Fault::Lost]);
        let doubled = planted(|entries, at| entries.insert(at, entries[at]));
        assert_eq!(doubled, [Fault::Doubled]);
        let torn = planted(|entries, at| entries[at].act = Act::Torn);
        assert_eq!(torn, [Fault::Torn, Fault::Lost]);
    }
}

/// Whose diary says so, and where.
fn place_of_a_copy(lives: &[Life]) -> Option<(usize, usize)> {
    let place = |life: &Life| life.entries.iter().position(|entry| entry.act == Act::Received);
    lives.iter().enumerate().find_map(|(i, life)| Some((i, place(life)?)))
}
