//! Who meets at the blocks?

mod deaths;
mod reuse;

use super::scenarios::{keeps, mpmc, mpsc, receives, sends, sends_or_aborts, spmc, spsc};
use super::{Full, Jumps, Scenario};
use crate::catalogue::Size;

use Size::{Full as Large, Quick};

pub(super) use deaths::*;
pub(super) use reuse::*;

/// How much it takes, and what it is.
type Case = (Size, Scenario);

pub(super) fn undisturbed() -> Vec<Case> {
    let one_receiver = || [sends(2), sends(2), receives()];
    let two_receivers = |count| [sends(count), receives(), receives()];
    vec![
        (Large, busy()),
        (Quick, mpmc("2 senders of 2, 1 receiver", (2, 2), one_receiver())),
        (Quick, mpmc("1 sender of 4, 2 receivers", (2, 2), two_receivers(4))),
        (Quick, mpmc("2 senders, 2 receivers", (1, 1), busy_processes())),
        (Large, mpmc("2 senders of 2, 1 receiver", (4, 3), one_receiver())),
        (Large, mpmc("1 sender of 5, 2 receivers", (4, 2), two_receivers(5))),
        (
            Large,
            mpmc(
                "3 senders, 1 receiver",
                (2, 2),
                [sends(1), sends(1), sends(1), receives()],
            ),
        ),
        (
            Large,
            mpmc(
                "2 senders that may abort",
                (2, 2),
                [sends_or_aborts(2), sends_or_aborts(2), receives()],
            ),
        ),
        (
            Large,
            mpmc("1 sender of 5, a hint every 3", (2, 2), two_receivers(5)).hints(3),
        ),
        (
            Large,
            mpmc("2 senders, no hints", (2, 2), [sends(3), sends(2), receives()]).no_hints(),
        ),
        (Quick, mpmc("1 sender of 7, 2 receivers", (1, 1), two_receivers(7))),
        (
            Quick,
            mpmc("1 sender of 7, no jumps", (1, 1), two_receivers(7)).jumps(Jumps::None),
        ),
        (Quick, counted_looks(1)),
        (Quick, counted_looks(2)),
        (Quick, far_apart(7, (4, 2))),
        (
            Quick,
            mpmc("1 sender, no hints, shorter jumps", (4, 2), [sends(7), receives()])
                .no_hints()
                .jumps(Jumps::ByRing)
                .most_looks(9),
        ),
    ]
}

fn busy_processes() -> [super::Process; 4] {
    [sends(2), sends(1), receives(), receives()]
}

pub(super) fn busy() -> Scenario {
    mpmc("2 senders, 2 receivers", (2, 2), busy_processes())
}

/// Walks of M + K + 1 looks, or less.
pub(super) fn counted_looks(blocks: u8) -> Scenario {
    mpmc(
        "1 sender of 7, no hints, looks counted",
        (blocks, blocks),
        [sends(7), receives()],
    )
    .no_hints()
    .most_looks(2 * blocks + 1)
}

pub(super) fn far_apart(count: u8, size: (u8, u8)) -> Scenario {
    mpmc("1 sender, no hints", size, [sends(count), receives()]).no_hints()
}

pub(super) fn single_ends() -> Vec<Case> {
    vec![
        (Quick, spsc("spsc", (2, 2), [sends(6), receives()])),
        (Quick, mpsc("mpsc", (2, 2), [sends(2), sends(2), receives()])),
        (Quick, spmc("spmc", (2, 2), [sends(4), receives(), receives()])),
        (Large, both_die("spsc: both die", (2, 2))),
        (Large, both_die("spsc: both die, a hint every 3", (2, 2)).hints(3)),
        (Quick, both_die("spsc: both die", (1, 1))),
        (
            Large,
            mpsc(
                "mpsc: a sender dies, and the receiver",
                (2, 2),
                [sends(2).mortal(), sends(1), receives().mortal(), receives().newcomer(2)],
            )
            .kills(2),
        ),
        (
            Large,
            spmc(
                "spmc: the sender dies",
                (2, 2),
                [sends(2).mortal(), sends(2).newcomer(0), receives(), receives()],
            )
            .kills(1),
        ),
    ]
}

fn both_die(name: &'static str, size: (u8, u8)) -> Scenario {
    let processes = [
        sends(3).mortal(),
        sends(2).newcomer(0),
        receives().mortal(),
        receives().newcomer(2),
    ];
    spsc(name, size, processes).kills(2)
}

pub(super) fn full_is_exact() -> Vec<Case> {
    vec![
        (
            Large,
            mpmc(
                "Full of 2 senders, one of which may abort",
                (2, 2),
                [sends(2), sends_or_aborts(2), receives()],
            )
            .full(Full::UnlessLoaned),
        ),
        (
            Large,
            mpmc(
                "Full of 3 senders, one of which dies",
                (2, 2),
                [sends(1).mortal(), sends(1), sends(1), receives()],
            )
            .kills(1)
            .full(Full::UnlessLoaned),
        ),
        (
            Quick,
            mpmc("Full of 1 sender", (2, 2), [sends(4), receives(), receives()]).full(Full::Exact),
        ),
        (
            Large,
            mpmc(
                "Full of 2 senders with blocks of their own",
                (4, 3),
                [sends(3).home(0b011), sends(2).home(0b100), receives()],
            )
            .full(Full::Exact),
        ),
        (
            Large,
            mpmc(
                "Full of senders with blocks of their own, one of which dies",
                (2, 2),
                [
                    sends(2).home(0b01),
                    sends(2).home(0b10).mortal(),
                    receives(),
                    sends(1).home(0b10).newcomer(1),
                ],
            )
            .kills(1)
            .full(Full::Exact),
        ),
    ]
}

/// Two senders hear of Full.
pub(super) fn two_hear_of_full() -> Scenario {
    mpmc("Full of 2 senders", (2, 2), [sends(2), sends(2), receives()]).full(Full::UnlessLoaned)
}

pub(super) fn blocks_are_kept() -> Vec<Case> {
    let reused = [sends(2), keeps().mortal(), receives(), receives().newcomer(1)];
    let reused_by_a_sender = [sends(2), keeps().mortal(), receives(), sends(1).newcomer(1)];
    let reaper_dies = [sends(2), keeps().mortal(), receives().mortal(), receives()];
    let single = [sends(2), sends(1), keeps().mortal(), receives().newcomer(2)];
    let dies = |name, processes: [_; 4]| mpmc(name, (2, 2), processes).kills(1);
    vec![
        (Quick, mpmc("a block is kept", (2, 2), [sends(4), keeps(), receives()])),
        (
            Quick,
            mpmc("a keeper dies", (2, 2), [sends(3), keeps().mortal(), receives()]).kills(1),
        ),
        (Quick, dies("a keeper dies, its id is reused", reused.clone())),
        (
            Large,
            dies(
                "a keeper dies, its id is reused by a sender",
                reused_by_a_sender.clone(),
            ),
        ),
        (Large, mpsc("mpsc: the keeper dies", (2, 2), single).kills(1)),
        (Quick, one_keeps()),
        (
            Quick,
            dies("a keeper dies, its id is reused; the rest to orphans", reused).rest_to_orphans(),
        ),
        (
            Large,
            dies(
                "a keeper dies, its id is reused by a sender; the rest to orphans",
                reused_by_a_sender,
            )
            .rest_to_orphans(),
        ),
        (
            Large,
            dies("a keeper dies, and its reaper; the rest to orphans", reaper_dies)
                .kills(2)
                .rest_to_orphans(),
        ),
    ]
}

pub(super) fn one_keeps() -> Scenario {
    mpmc("the only receiver keeps a block", (2, 2), [sends(2), keeps()])
}
