//! Who dies at the blocks?

use super::super::Scenario;
use super::super::scenarios::{mpmc, receives, sends};
use super::Case;
use crate::catalogue::Size::{Full as Large, Quick};

pub(in super::super) fn senders_die() -> Vec<Case> {
    vec![
        (Large, a_sender_dies()),
        (
            Large,
            mpmc(
                "a sender dies, 2 receivers",
                (2, 2),
                [sends(1).mortal(), sends(2), receives(), receives()],
            )
            .kills(1),
        ),
        (
            Large,
            mpmc(
                "a sender dies, and another that reaps",
                (2, 2),
                [sends(1).mortal(), sends(1).mortal(), sends(1), receives()],
            )
            .kills(2),
        ),
        (
            Large,
            mpmc(
                "a sender dies, and a receiver that reaps",
                (2, 2),
                [sends(1).mortal(), sends(1), receives().mortal(), receives()],
            )
            .kills(2),
        ),
        (
            Large,
            mpmc(
                "a sender dies, a hint every 2",
                (4, 3),
                [sends(2).mortal(), sends(2), receives()],
            )
            .kills(1)
            .hints(2),
        ),
        (
            Large,
            mpmc(
                "a sender dies, and another that reaps",
                (1, 1),
                [sends(2).mortal(), sends(1).mortal(), sends(2), receives()],
            )
            .kills(2),
        ),
        (Large, entry_is_overwritten()),
    ]
}

pub(in super::super) fn a_sender_dies() -> Scenario {
    mpmc("a sender dies", (2, 2), [sends(2).mortal(), sends(2), receives()]).kills(1)
}

/// Later laps go over the entry of which a dead sender was unsure.
pub(in super::super) fn entry_is_overwritten() -> Scenario {
    let processes = [sends(1).mortal(), sends(5), receives()];
    mpmc("a sender dies, its entry is overwritten", (2, 2), processes).kills(1)
}

pub(in super::super) fn receivers_die() -> Vec<Case> {
    vec![
        (Quick, a_receiver_dies()),
        (
            Quick,
            mpmc(
                "a receiver dies, others look first",
                (2, 2),
                [sends(3), receives().mortal(), receives()],
            )
            .kills(1)
            .looks_first(),
        ),
        (
            Large,
            mpmc(
                "a receiver dies, and its reaper; others look first",
                (2, 2),
                reaper_dies(),
            )
            .kills(2)
            .looks_first(),
        ),
        (
            Large,
            mpmc("a receiver dies, and its reaper", (2, 2), reaper_dies()).kills(2),
        ),
        (
            Large,
            mpmc(
                "a receiver dies, and a sender that reaps",
                (2, 2),
                [sends(1), sends(1).mortal(), receives().mortal(), receives()],
            )
            .kills(2),
        ),
        (
            Large,
            mpmc(
                "a receiver dies, and a sender that reaps",
                (1, 1),
                [sends(2), sends(1).mortal(), receives().mortal(), receives()],
            )
            .kills(2),
        ),
    ]
}

pub(in super::super) fn a_receiver_dies() -> Scenario {
    mpmc("a receiver dies", (2, 2), [sends(3), receives().mortal(), receives()]).kills(1)
}

fn reaper_dies() -> [super::super::Process; 4] {
    [sends(2), receives().mortal(), receives().mortal(), receives()]
}

pub(in super::super) fn streams_end() -> Vec<Case> {
    vec![
        (Quick, the_end_with_a_death()),
        (
            Quick,
            mpmc(
                "the end of the stream, a sender dies",
                (2, 2),
                [sends(1).mortal(), sends(1), receives()],
            )
            .kills(1)
            .ends(),
        ),
    ]
}

pub(in super::super) fn the_end_with_a_death() -> Scenario {
    mpmc(
        "the end of the stream, a receiver dies",
        (2, 2),
        [sends(2), receives().mortal(), receives()],
    )
    .kills(1)
    .ends()
}

pub(in super::super) fn the_end() -> Scenario {
    mpmc("the end of the stream", (2, 2), [sends(2), receives(), receives()]).ends()
}
