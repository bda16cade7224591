//! Which scenarios show that a rule is needed, and what is wrong without it?

use super::cases::{
    a_receiver_dies, a_sender_dies, busy, counted_looks, entry_is_overwritten, far_apart, one_keeps, receivers_id,
    receivers_id_to_sender, senders_id, the_end, the_end_with_a_death, two_hear_of_full,
};
use super::scenarios::{mpmc, receives, sends};
use super::{Rule, Scenario};

/// A scenario, and how what is wrong in it begins.
type Shown = (Scenario, &'static str);

pub(super) fn shows(rule: Rule) -> Vec<Shown> {
    let two_senders = |count, size| mpmc("2 senders, 1 receiver", size, [sends(count), sends(1), receives()]);
    let one_sender = || mpmc("1 sender of 2, 2 receivers", (2, 2), [sends(2), receives(), receives()]);
    match rule {
        Rule::RingHoldsPool => vec![
            (two_senders(2, (2, 2)), "OVERWRITTEN"),
            (two_senders(3, (4, 3)), "OVERWRITTEN"),
        ],
        Rule::StagedBeforeEntry | Rule::StageAgain => vec![(busy(), "NOT A QUEUE")],
        Rule::EntryByCas => vec![(busy(), "OVERWRITTEN")],
        Rule::LengthBeforePublish => vec![(busy(), "TORN")],
        Rule::TailHintAfterEntry => vec![(a_sender_dies(), "NOT A QUEUE"), (busy(), "NOT A QUEUE")],
        Rule::HeadHintAfterClaim => vec![(a_receiver_dies(), "OVERWRITTEN")],
        Rule::ComparePosition | Rule::ClaimByCas => vec![(busy(), "ROBBED")],
        Rule::Jump => vec![(counted_looks(1), "FAR")],
        Rule::ReceiverJump => vec![
            (far_apart(7, (4, 2)), "NOT A QUEUE"),
            (far_apart(6, (2, 2)), "NOT A QUEUE"),
        ],
        Rule::SenderJump => vec![(far_apart(6, (2, 2)), "OVERWRITTEN")],
        Rule::FullUnlessLoaned => vec![(two_hear_of_full(), "INEXACT")],
        Rule::Reap => vec![(a_sender_dies(), "STUCK")],
        Rule::OwnerByte => vec![(senders_id(), "ROBBED"), (receivers_id(), "DOUBLED")],
        Rule::ByteBeforeWords | Rule::PublishedStays => vec![(a_sender_dies(), "NOT A QUEUE")],
        Rule::NeverItself => vec![(one_keeps(), "DOUBLED")],
        Rule::UnpublishedIsFreed => vec![(a_sender_dies(), "HELD UP")],
        Rule::PublishedByBlock | Rule::PublishedByLap => vec![(entry_is_overwritten(), "STUCK")],
        Rule::ReadingStays => vec![(a_receiver_dies(), "STUCK")],
        Rule::OrphanByOthers => vec![(receivers_id_to_sender((1, 1)), "HELD UP")],
        Rule::Sweep => vec![(senders_id(), "STUCK")],
        Rule::SweepAsks => vec![(senders_id(), "NOT A QUEUE")],
        Rule::WaitForReaders => vec![(the_end_with_a_death(), "STUCK")],
        Rule::LastLookLast => vec![(the_end(), "STUCK")],
        Rule::BlockKeepsEndpoint => vec![(one_sender(), "DOUBLED")],
        Rule::ForkedDropStoresNothing => vec![(two_senders(2, (2, 2)), "ROBBED")],
    }
}
