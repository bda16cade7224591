//! Who takes the id of somebody dead at the blocks?

use super::super::Scenario;
use super::super::scenarios::{mpmc, receives, sends};
use super::Case;
use crate::catalogue::Size::{Full as Large, Quick};

pub(in super::super) fn ids_are_reused() -> Vec<Case> {
    vec![
        (Large, senders_id()),
        (
            Quick,
            mpmc(
                "a sender's id is reused twice",
                (2, 2),
                [sends(1).mortal(), sends(1).newcomer(0).mortal(), sends(1), receives()],
            )
            .kills(2),
        ),
        (
            Large,
            mpmc(
                "a sender's id is reused by a receiver",
                (2, 2),
                [sends(2).mortal(), receives().newcomer(0), sends(1), receives()],
            )
            .kills(1),
        ),
        (
            Quick,
            mpmc(
                "a sender's id is reused by a receiver that dies",
                (2, 2),
                [sends(1).mortal(), receives().newcomer(0).mortal(), sends(1), receives()],
            )
            .kills(2),
        ),
        (Quick, receivers_id_to_sender((2, 2))),
        (Quick, receivers_id_to_sender((1, 1))),
        (
            Large,
            mpmc(
                "receiver and reaper die, a sender and a receiver come",
                (1, 1),
                [
                    sends(2),
                    receives().mortal(),
                    receives().mortal(),
                    sends(1).newcomer(1),
                    receives().newcomer(4),
                ],
            )
            .kills(2),
        ),
        (
            Quick,
            mpmc(
                "a receiver's id is reused twice",
                (2, 2),
                [
                    sends(2),
                    receives().mortal(),
                    receives(),
                    receives().newcomer(1).mortal(),
                ],
            )
            .kills(2),
        ),
    ]
}

pub(in super::super) fn senders_id() -> Scenario {
    let processes = [sends(1).mortal(), sends(2).newcomer(0), sends(1), receives()];
    mpmc("a sender's id is reused", (2, 2), processes).kills(1)
}

pub(in super::super) fn receivers_id() -> Scenario {
    let processes = [sends(2), receives().mortal(), receives(), receives().newcomer(1)];
    mpmc("a receiver's id is reused", (2, 2), processes).kills(1)
}

pub(in super::super) fn receivers_id_to_sender(size: (u8, u8)) -> Scenario {
    let processes = [sends(2), receives().mortal(), receives(), sends(1).newcomer(1)];
    mpmc("a receiver's id is reused by a sender", size, processes).kills(1)
}
