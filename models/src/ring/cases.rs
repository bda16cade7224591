//! Who meets at the ring?

use super::Scenario;
use super::scenarios::{leases, mpmc, mpsc, receives, sends, spmc, spsc};
use crate::catalogue::Size;

pub(super) fn undisturbed() -> Vec<(Size, Scenario)> {
    vec![
        (
            Size::Quick,
            mpmc(
                "2 senders, 2 receivers",
                1,
                [sends(2), sends(1), receives(), receives()],
            ),
        ),
        (
            Size::Quick,
            mpmc(
                "2 senders, 2 receivers",
                2,
                [sends(1), sends(1), receives(), receives()],
            ),
        ),
        (
            Size::Full,
            mpmc(
                "2 senders, 2 receivers, 3 messages",
                2,
                [sends(2), sends(1), receives(), receives()],
            ),
        ),
        (
            Size::Full,
            mpmc("2 senders, 1 receiver", 4, [sends(3), sends(2), receives()]),
        ),
        (
            Size::Full,
            mpmc("3 senders", 1, [sends(1), sends(1), sends(1), receives()]),
        ),
        (
            Size::Quick,
            mpmc(
                "batches of 2",
                2,
                [sends(2).batches(2), sends(1), receives().batches(2)],
            ),
        ),
        (
            Size::Full,
            mpmc(
                "batches of 2 at both ends",
                2,
                [sends(3).batches(2), sends(2).batches(2), receives().batches(2)],
            ),
        ),
        (Size::Quick, mpsc("mpsc", 2, [sends(2), sends(2), receives()])),
        (Size::Quick, spmc("spmc", 2, [sends(4), receives(), receives()])),
        (
            Size::Full,
            spmc("spmc, 3 receivers", 1, [sends(4), receives(), receives(), receives()]),
        ),
        (Size::Quick, spsc("spsc", 2, [sends(8), receives()])),
        (
            Size::Quick,
            spsc("spsc, 8 laps and no more", 4, [sends(14), receives()]).laps(8),
        ),
        (Size::Quick, many_laps()),
    ]
}

pub(super) fn many_laps() -> Scenario {
    mpmc("6 messages", 1, [sends(6), receives(), receives()])
}

pub(super) fn senders_die() -> Vec<(Size, Scenario)> {
    vec![
        (
            Size::Quick,
            mpmc("a sender dies", 2, [sends(1).mortal(), sends(2), receives()]).kills(1),
        ),
        (
            Size::Full,
            mpmc(
                "a sender dies, 2 receivers",
                2,
                [sends(1).mortal(), sends(2), receives(), receives()],
            )
            .kills(1),
        ),
        (Size::Quick, two_gaps()),
        (
            Size::Full,
            mpmc(
                "3 of 4 senders die: a lap of gaps",
                2,
                [
                    sends(1).mortal(),
                    sends(1).mortal(),
                    sends(1).mortal(),
                    sends(1),
                    receives(),
                ],
            )
            .kills(3),
        ),
        (
            Size::Quick,
            mpmc(
                "a sender of batches dies",
                2,
                [sends(2).batches(2).mortal(), sends(1), receives()],
            )
            .kills(1),
        ),
        (
            Size::Quick,
            mpsc("mpsc: a sender dies", 2, [sends(2).mortal(), sends(2), receives()]).kills(1),
        ),
        (
            Size::Quick,
            mpsc(
                "mpsc: a sender dies, and the receiver",
                2,
                [
                    sends(1).mortal(),
                    sends(1),
                    receives().mortal(),
                    receives().newcomer(&[2]),
                ],
            )
            .kills(2),
        ),
        (
            Size::Full,
            mpsc(
                "mpsc: the same, 2 messages each",
                2,
                [
                    sends(2).mortal(),
                    sends(2),
                    receives().mortal(),
                    receives().newcomer(&[2]),
                ],
            )
            .kills(2),
        ),
        (
            Size::Quick,
            mpsc(
                "mpsc: a sender dies, and the receiver",
                2,
                [
                    sends(1).mortal(),
                    sends(1),
                    receives().mortal(),
                    receives().newcomer(&[2]),
                ],
            )
            .kills(2)
            .chunk(1),
        ),
        (Size::Quick, single_sender_dies(2)),
        (Size::Quick, single_sender_dies(1)),
        (Size::Quick, single_ends_die(2)),
        (Size::Quick, single_ends_die(1)),
        (Size::Quick, sender_id_reused()),
        (
            Size::Full,
            mpmc(
                "a sender's id is reused",
                2,
                [sends(2).mortal(), receives(), sends(1).newcomer(&[0]), sends(1)],
            )
            .kills(1),
        ),
    ]
}

pub(super) fn two_gaps() -> Scenario {
    let processes = [sends(1).mortal(), sends(1).mortal(), sends(2), receives()];
    mpmc("2 of 3 senders die", 2, processes).kills(2)
}

pub(super) fn single_sender_dies(capacity: u8) -> Scenario {
    let processes = [sends(3).mortal(), sends(2).newcomer(&[0]), receives()];
    spmc("spmc: the sender dies", capacity, processes).kills(1).chunk(1)
}

pub(super) fn single_ends_die(chunk: u8) -> Scenario {
    let processes = [
        sends(3).mortal(),
        sends(2).newcomer(&[0]),
        receives().mortal(),
        receives().newcomer(&[2]),
    ];
    spsc("spsc: both die", 2, processes).kills(2).chunk(chunk)
}

pub(super) fn sender_id_reused() -> Scenario {
    let processes = [sends(2).mortal(), receives(), sends(1).newcomer(&[0]), sends(1)];
    mpmc("a sender's id is reused", 1, processes).kills(1)
}

pub(super) fn receivers_die() -> Vec<(Size, Scenario)> {
    vec![
        (Size::Quick, receiver_dies(2)),
        (Size::Quick, receiver_dies(1)),
        (Size::Quick, reaper_dies(1)),
        (Size::Full, reaper_dies(2)),
        (
            Size::Quick,
            mpmc(
                "a receiver of batches dies",
                2,
                [sends(3), receives().batches(2).mortal(), receives()],
            )
            .kills(1),
        ),
        (
            Size::Quick,
            mpmc(
                "a sender dies, and a receiver",
                2,
                [sends(1).mortal(), sends(1), receives().mortal(), receives()],
            )
            .kills(2),
        ),
        (
            Size::Quick,
            mpmc(
                "a receiver's id is reused",
                2,
                [sends(2), receives().mortal(), receives(), receives().newcomer(&[1])],
            )
            .kills(1),
        ),
        (
            Size::Full,
            mpmc(
                "a receiver's id is reused twice",
                2,
                [
                    sends(3),
                    receives().mortal(),
                    receives(),
                    receives().newcomer(&[1]).mortal(),
                ],
            )
            .kills(2),
        ),
        (Size::Quick, receivers_id_to_sender()),
        (
            Size::Full,
            mpmc(
                "receiver and reaper die, a sender and a receiver come",
                1,
                [
                    sends(2),
                    receives().mortal(),
                    receives().mortal(),
                    sends(1).newcomer(&[1]),
                    receives().newcomer(&[4]),
                ],
            )
            .kills(2),
        ),
    ]
}

pub(super) fn receiver_dies(capacity: u8) -> Scenario {
    mpmc("a receiver dies", capacity, [sends(3), receives().mortal(), receives()]).kills(1)
}

pub(super) fn reaper_dies(capacity: u8) -> Scenario {
    let processes = [sends(2), receives().mortal(), receives().mortal(), receives()];
    mpmc("a receiver dies, and its reaper", capacity, processes).kills(2)
}

pub(super) fn receivers_id_to_sender() -> Scenario {
    let processes = [sends(2), receives().mortal(), receives(), sends(1).newcomer(&[1])];
    mpmc("a receiver's id is reused by a sender", 1, processes).kills(1)
}

pub(super) fn on_lease() -> Vec<(Size, Scenario)> {
    vec![
        (Size::Quick, returned()),
        (
            Size::Quick,
            mpmc("2 on lease, 1 handed back", 2, [sends(3), leases(2, 1), receives()]),
        ),
        (
            Size::Quick,
            mpmc("2 receivers hand back", 2, [sends(2), leases(1, 1), leases(1, 1)]),
        ),
        (Size::Quick, holder_dies()),
        (
            Size::Full,
            mpmc("a holder of 2 dies", 2, [sends(3), leases(2, 1).mortal(), receives()]).kills(1),
        ),
        (
            Size::Full,
            mpmc(
                "a holder dies, and who took its message over",
                2,
                [sends(2), leases(1, 1).mortal(), leases(1, 0).mortal(), receives()],
            )
            .kills(2),
        ),
        (
            Size::Quick,
            mpmc(
                "a holder's id is reused",
                2,
                [sends(2), leases(1, 1).mortal(), leases(1, 0).newcomer(&[1]), receives()],
            )
            .kills(1),
        ),
        (Size::Quick, single_holder(1)),
        (Size::Quick, single_holder(2)),
        (
            Size::Quick,
            mpsc(
                "mpsc: on lease, behind gaps",
                2,
                [sends(2).mortal(), sends(2), leases(2, 1)],
            )
            .kills(1),
        ),
        (Size::Quick, single_holder_dies()),
        (
            Size::Full,
            mpsc(
                "mpsc: a sender dies, and the holder",
                2,
                [
                    sends(1).mortal(),
                    sends(2),
                    leases(2, 1).mortal(),
                    leases(1, 0).newcomer(&[2]),
                ],
            )
            .kills(2),
        ),
    ]
}

pub(super) fn returned() -> Scenario {
    mpmc("handed back", 2, [sends(3), leases(1, 1), receives()])
}

pub(super) fn holder_dies() -> Scenario {
    mpmc("a holder dies", 2, [sends(3), leases(1, 1).mortal(), receives()]).kills(1)
}

pub(super) fn single_holder(chunk: u8) -> Scenario {
    spsc("spsc: on lease, handed back", 2, [sends(5), leases(2, 2)]).chunk(chunk)
}

pub(super) fn single_holder_dies() -> Scenario {
    let processes = [sends(5), leases(2, 1).mortal(), leases(2, 1).newcomer(&[1])];
    spsc("spsc: the holder dies", 2, processes).kills(1)
}
