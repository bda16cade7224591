//! Do the checkers know a queue when they see one?

use super::checker::{Checker, Ends};
use super::long;
use super::record::Operation;

/// An operation from a short notation: `s1,2` sends, `r1` receives, a trailing `!` was refused after that.
fn operation(text: &str, invoked: u64, responded: u64) -> Operation {
    let (sends, rest) = match text.split_at(1) {
        ("s", rest) => (true, rest),
        ("r", rest) => (false, rest),
        other => panic!("{other:?}"),
    };
    let values = rest.trim_end_matches('!');
    Operation {
        sends,
        values: values
            .split(',')
            .filter(|v| !v.is_empty())
            .map(|v| v.parse().unwrap())
            .collect(),
        refused: rest.ends_with('!'),
        invoked,
        responded,
    }
}

type Script<'a> = &'a [&'a [(&'a str, u64, u64)]];

fn histories(script: Script<'_>) -> Vec<Vec<Operation>> {
    let history = |h: &&[(&str, u64, u64)]| h.iter().map(|&(text, from, to)| operation(text, from, to)).collect();
    script.iter().map(history).collect()
}

fn accepted(many: bool, capacity: usize, script: Script<'_>) -> bool {
    let ends = Ends {
        many_senders: many,
        many_receivers: many,
        capacity,
        blocks: false,
    };
    is_accepted(ends, script)
}

fn accepted_of_blocks(blocks: usize, script: Script<'_>) -> bool {
    let ends = Ends {
        many_senders: true,
        many_receivers: true,
        capacity: blocks,
        blocks: true,
    };
    is_accepted(ends, script)
}

fn is_accepted(ends: Ends, script: Script<'_>) -> bool {
    match Checker::new(ends).check(&histories(script)) {
        Ok(()) => true,
        Err(why) if why.starts_with("not linearizable") => false,
        Err(why) => panic!("{why}"),
    }
}

pub fn the_checker_accepts_what_a_queue_does() {
    for many in [false, true] {
        let yes = |capacity, script| assert!(accepted(many, capacity, script), "{script:?}");
        yes(
            2,
            &[
                &[("s1", 0, 1), ("s2", 2, 3), ("s!", 4, 5)],
                &[("r1", 6, 7), ("r2", 8, 9), ("r!", 10, 11)],
            ],
        );
        // Overlapping: before, or after.
        yes(1, &[&[("s1", 0, 10)], &[("r!", 1, 2), ("r1", 3, 4)]]);
        yes(1, &[&[("s1", 0, 3), ("s2", 4, 9)], &[("r1", 5, 8)]]);
        // Both batches end before the other end sees what they have done.
        yes(2, &[&[("s1,2!", 0, 10)], &[("r1!", 0, 10), ("r2", 11, 12)]]);
        yes(
            1,
            &[
                &[("s1", 0, 3), ("s!", 4, 9), ("s2", 10, 11)],
                &[("r1", 5, 8), ("r2", 12, 13)],
            ],
        );
        // Batches.
        yes(4, &[&[("s1,2,3", 0, 1)], &[("r1,2!", 0, 1), ("r3!", 2, 3)]]);
        yes(2, &[&[("s1,2!", 0, 1), ("s3", 4, 5)], &[("r1,2!", 2, 3), ("r3", 6, 7)]]);
        // Times that touch do not order.
        yes(1, &[&[("s1", 0, 5)], &[("r!", 5, 6), ("r1", 7, 8)]]);
    }
    // Two senders at once: either order.
    for (a, b) in [("r1", "r2"), ("r2", "r1")] {
        assert!(accepted(
            true,
            2,
            &[&[("s1", 0, 9)], &[("s2", 1, 8)], &[(a, 10, 11), (b, 12, 13)]]
        ));
    }
    // Two receivers at once: either gets the first.
    assert!(accepted(
        true,
        2,
        &[&[("s1", 0, 1), ("s2", 2, 3)], &[("r2", 4, 9)], &[("r1", 5, 8)]]
    ));
}

pub fn the_checker_accepts_what_the_documentation_allows() {
    // Empty behind a message that is being written, although a later one is complete; and only with many senders.
    let behind: Script<'_> = &[
        &[("s1", 0, 100)],
        &[("s2", 10, 20)],
        &[("r!", 30, 40), ("r1,2", 101, 102)],
    ];
    assert!(accepted(true, 2, behind));
    assert!(!accepted(false, 2, behind));
    // But not if the first one was complete, or has not begun.
    assert!(!accepted(
        true,
        2,
        &[
            &[("s1", 0, 5)],
            &[("s2", 10, 20)],
            &[("r!", 30, 40), ("r1,2", 101, 102)]
        ]
    ));
    assert!(!accepted(
        true,
        2,
        &[
            &[("s1", 50, 100)],
            &[("s2", 10, 20)],
            &[("r!", 30, 40), ("r2,1", 101, 102)]
        ]
    ));
    // Full while a message a lap behind is still being read, although the next place is free; only with many receivers.
    let full: Script<'_> = &[
        &[("s1,2", 0, 1), ("s!", 30, 40), ("s3", 101, 102)],
        &[("r1", 10, 100)],
        &[("r2", 20, 25), ("r3", 110, 111)],
    ];
    assert!(accepted(true, 2, full));
    assert!(!accepted(false, 2, full));
    // But not if it is the other way round.
    assert!(!accepted(
        true,
        2,
        &[&[("s1,2", 0, 1), ("s!", 30, 40)], &[("r1", 10, 20)], &[("r2", 20, 100)]]
    ));
}

/// Histories, none of which overlaps: each is wrong for one reason.
pub fn the_checker_rejects_what_a_queue_does_not() {
    for many in [false, true] {
        let no = |why, capacity, script| assert!(!accepted(many, capacity, script), "{why}: {script:?}");
        no("lost", 2, &[&[("s1", 0, 1)], &[("r!", 2, 3)]]);
        no("lost before another", 2, &[&[("s1,2", 0, 1)], &[("r2", 2, 3)]]);
        no("doubled", 2, &[&[("s1", 0, 1)], &[("r1", 2, 3), ("r1", 4, 5)]]);
        no("invented", 2, &[&[("s1", 0, 1)], &[("r1", 2, 3), ("r9", 4, 5)]]);
        no(
            "reordered",
            2,
            &[&[("s1", 0, 1), ("s2", 2, 3)], &[("r2", 4, 5), ("r1", 6, 7)]],
        );
        no("reordered in a batch", 2, &[&[("s1,2", 0, 1)], &[("r2,1", 2, 3)]]);
        no("received before it was sent", 2, &[&[("s1", 4, 5)], &[("r1", 0, 1)]]);
        no(
            "a batch that ends early without need",
            2,
            &[&[("s1,2", 0, 1)], &[("r1!", 2, 3), ("r2", 4, 5)]],
        );
        no(
            "full behind a place that was free",
            2,
            &[&[("s1", 0, 1), ("s2!", 4, 5)], &[("r1", 2, 3), ("r2", 6, 7)]],
        );
        no("empty, but full", 2, &[&[("s1", 0, 1)], &[("r!", 2, 3), ("r1", 4, 5)]]);
        no("full, but empty", 2, &[&[("s1", 0, 1), ("s!", 2, 3)], &[("r1", 4, 5)]]);
        no(
            "room for more than there is",
            1,
            &[&[("s1,2", 0, 1)], &[("r1,2", 2, 3)]],
        );
        no(
            "a batch that stopped early",
            4,
            &[&[("s1,2!", 0, 1)], &[("r1,2", 2, 3)]],
        );
        no(
            "a batch received short",
            4,
            &[&[("s1,2", 0, 1)], &[("r1!", 2, 3), ("r2", 4, 5)]],
        );
        let two = &[("s1", 0, 1), ("s2", 2, 3)];
        no(
            "two receivers, one after the other",
            2,
            &[two, &[("r2", 4, 5)], &[("r1", 6, 7)]],
        );
    }
}

/// A true recording (mpmc, two slots), and every way to swap two received messages, drop one, or double one.
pub fn the_checker_rejects_corrupted_recordings() {
    let recording: Script<'_> = &[
        &[("s10,11!", 0, 100), ("s12", 300, 400), ("s13!", 500, 600)],
        &[("s20", 120, 130), ("s21", 420, 480), ("s!", 610, 640)],
        &[
            ("r10", 110, 115),
            ("r11,20!", 200, 280),
            ("r12,21", 700, 800),
            ("r13!", 900, 1000),
        ],
    ];
    let ends = Ends {
        many_senders: true,
        many_receivers: true,
        capacity: 2,
        blocks: false,
    };
    let check = |histories: &[Vec<Operation>]| Checker::new(ends).check(histories);
    // As it stands it holds one send too many for its slots: 13 was sent while 12 and 21 were there.
    let mut histories = histories(recording);
    assert!(check(&histories).is_err());
    histories[0][2].invoked = 810;
    histories[0][2].responded = 890;
    histories[0][2].refused = false;
    assert_eq!(check(&histories), Ok(()));
    let received: Vec<(usize, usize)> = (0..histories[2].len())
        .flat_map(|o| (0..histories[2][o].values.len()).map(move |v| (o, v)))
        .collect();
    for &(o, v) in &received {
        let mut dropped = histories.clone();
        dropped[2][o].values.remove(v);
        assert!(check(&dropped).is_err(), "without {o}.{v}");
        let mut doubled = histories.clone();
        let value = doubled[2][o].values[v];
        doubled[2][o].values.insert(v, value);
        assert!(check(&doubled).is_err(), "{o}.{v} twice");
        for &(p, w) in received.iter().filter(|&&other| other > (o, v)) {
            let mut swapped = histories.clone();
            swapped[2][o].values[v] = histories[2][p].values[w];
            swapped[2][p].values[w] = value;
            assert!(check(&swapped).is_err(), "{o}.{v} for {p}.{w}");
        }
    }
}

pub fn the_check_of_long_histories_rejects_corrupted_ones() {
    // One sender, one receiver, four slots: each message is sent at 10 n and received at 10 n + 5.
    let op = |sends, value, invoked| Operation {
        sends,
        values: vec![value],
        refused: false,
        invoked,
        responded: invoked + 2,
    };
    let sends: Vec<_> = (0..100u64).map(|n| op(true, n, 10 * n)).collect();
    let receives: Vec<_> = (0..100u64).map(|n| op(false, n, 10 * n + 5)).collect();
    let check = |sends: &Vec<_>, receives: &Vec<_>| long::check(&[sends.clone(), receives.clone()], 4);
    assert_eq!(check(&sends, &receives), Ok(()));
    let corrupted = |change: &dyn Fn(&mut Vec<Operation>, &mut Vec<Operation>)| {
        let (mut sends, mut receives) = (sends.clone(), receives.clone());
        change(&mut sends, &mut receives);
        check(&sends, &receives).expect_err("a corrupted history")
    };
    assert!(corrupted(&|_, r| _ = r.remove(50)).ends_with("lost"));
    assert!(corrupted(&|_, r| r.push(op(false, 7, 2000))).ends_with("twice"));
    assert!(corrupted(&|_, r| r.push(op(false, 777, 2000))).ends_with("never sent"));
    assert!(corrupted(&|_, r| r.swap(3, 4)).ends_with("at one receiver"));
    assert!(corrupted(&|s, _| s[9].invoked += 50).ends_with("before it was sent"));
    let late = corrupted(&|_, r| {
        for r in r {
            r.invoked += 60;
            r.responded += 60;
        }
    });
    assert!(late.ends_with("in 4 slots"), "{late}");
    // Three receivers: the order of 40 and 41 shows in real time alone.
    let mut one: Vec<_> = (0..100u64).map(|n| op(false, n, 10 * n + 25)).collect();
    let (mut two, mut three) = (vec![one.remove(40)], vec![one.remove(40)]);
    let check =
        |two: &Vec<_>, three: &Vec<_>| long::check(&[sends.clone(), one.clone(), two.clone(), three.clone()], 4);
    assert_eq!(check(&two, &three), Ok(()));
    std::mem::swap(&mut two[0].values, &mut three[0].values);
    assert!(check(&two, &three).is_err_and(|why| why.ends_with("received after it")));
    // Had the two receives overlapped, nobody could tell.
    two[0].responded = 10_000;
    assert_eq!(check(&two, &three), Ok(()));
}

pub fn the_checker_knows_what_blocks_do() {
    let yes = |blocks, script| assert!(accepted_of_blocks(blocks, script), "{script:?}");
    let no = |blocks, script| assert!(!accepted_of_blocks(blocks, script), "{script:?}");
    let one_by_one: Script<'_> = &[
        &[("s1", 0, 1), ("s!", 2, 3), ("s2", 6, 7)],
        &[("r1", 4, 5), ("r2", 8, 9), ("r!", 10, 11)],
    ];
    yes(1, one_by_one);
    no(2, one_by_one);
    // A sender that is slow has a block, and no place in the order.
    let slow: Script<'_> = &[
        &[("s1", 0, 100)],
        &[("s2", 1, 2), ("s3", 3, 4)],
        &[("r2", 5, 6), ("r3", 7, 8), ("r!", 9, 10), ("r1", 101, 102)],
    ];
    yes(2, slow);
    yes(3, slow);
    no(1, slow);
    yes(1, &[&[("s1", 0, 100)], &[("s!", 1, 2)]]);
    no(2, &[&[("s1", 0, 100)], &[("s2", 1, 2)], &[("r!", 3, 4)]]);
    // So has a receiver.
    let reading: Script<'_> = &[
        &[("s1", 0, 1), ("s2", 2, 3), ("s3", 7, 8), ("s!", 9, 10)],
        &[("r1", 4, 100)],
        &[("r2", 5, 6), ("r3", 11, 12)],
    ];
    yes(2, reading);
    no(3, reading);
    // Never were both blocks in use, but the other sender took one while the first looked.
    let passing: Script<'_> = &[&[("s1", 0, 1), ("s!", 5, 20)], &[("s2", 8, 9)], &[("r1", 6, 7)]];
    yes(2, passing);
    no(2, &[&[("s1", 0, 1), ("s!", 5, 20)], &[("s2", 21, 22)], &[("r1", 6, 7)]]);
    no(2, &[&[("s1", 0, 1), ("s!", 2, 3)]]);
    // A queue's own.
    no(2, &[&[("s1", 0, 1), ("s2", 2, 3)], &[("r2", 4, 5), ("r1", 6, 7)]]);
    no(2, &[&[("s1", 0, 1)], &[("r1", 2, 3), ("r1", 4, 5)]]);
    no(2, &[&[("s1", 0, 1)], &[("r!", 2, 3)]]);
    no(2, &[&[("s1", 4, 5)], &[("r1", 0, 3)]]);
    no(1, &[&[("s1", 0, 1), ("s2", 2, 3)]]);
    yes(2, &[&[("s1", 0, 9)], &[("s2", 1, 8)], &[("r2", 2, 10), ("r1", 11, 12)]]);
}
