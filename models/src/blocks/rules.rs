//! Which rules can be left out?

/// A rule of the blocks that a scenario can do without, to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// The ring has an entry for each block. Without: fewer.
    RingHoldsPool,
    /// A block is staged before its entry is filled. Without: after.
    StagedBeforeEntry,
    /// Who fails to fill an entry stages its block anew for the next. Without: it leaves the position of the first.
    StageAgain,
    /// An entry is filled by compare-and-swap. Without: a plain store.
    EntryByCas,
    /// The length is written before the block is published. Without: after.
    LengthBeforePublish,
    /// The tail hint is stored after the entry is filled. Without: before.
    TailHintAfterEntry,
    /// The head hint is stored after the claim. Without: before.
    HeadHintAfterClaim,
    /// A receiver compares the position in the block with its own. Without: any staged block will do.
    ComparePosition,
    /// A claim compares and swaps. Without: a plain store.
    ClaimByCas,
    /// On an entry of a later position, walks jump. Without: they go on one by one.
    Jump,
    /// On an entry of position `q`, a receiver goes on at `q - K + 1`. Without: at `q - K + 2`.
    ReceiverJump,
    /// On an entry of position `q`, a sender goes on at `q + 1`. Without: at `q + 2`.
    SenderJump,
    /// *Full* is exact, unless another sender has loaned a block during the call. Without: it should be so even then.
    FullUnlessLoaned,
    /// Somebody reaps. Without: nobody.
    Reap,
    /// Who reaps holds the dead one's owner byte. Without: it asks whether it is free, and goes on.
    OwnerByte,
    /// Who reaps reads the words when it holds the byte. Without: before.
    ByteBeforeWords,
    /// Nobody reaps itself. Without: its own byte looks free to it.
    NeverItself,
    /// A block that a dead sender has published stays. Without: it is freed.
    PublishedStays,
    /// A block that a dead sender has staged and not published is freed. Without: it stays.
    UnpublishedIsFreed,
    /// A staged block is published only if the entry names it. Without: if the entry has come to its lap.
    PublishedByBlock,
    /// A staged block is published only in the lap of its position. Without: if the entry names it.
    PublishedByLap,
    /// A dead receiver's message stays. Without: its block is freed.
    ReadingStays,
    /// Who cannot deliver a dead receiver's message makes it an orphan. Without: leaves it under the dead id.
    OrphanByOthers,
    /// A newcomer sweeps its id first. Without: it does not.
    Sweep,
    /// A newcomer that sweeps asks the entry whether a staged block is published. Without: it frees it.
    SweepAsks,
    /// The end of the stream waits for messages of dead receivers. Without: it does not.
    WaitForReaders,
    /// Who sees no sender looks at the ring once more. Without: it has looked before.
    LastLookLast,
    /// A block that somebody holds keeps the endpoint's byte. Without: it outlives the endpoint.
    BlockKeepsEndpoint,
    /// In a forked child the drop of a block stores nothing. Without: it frees the parent's.
    ForkedDropStoresNothing,
}

impl Rule {
    /// Every one.
    pub const ALL: [Rule; 29] = [
        Rule::RingHoldsPool,
        Rule::StagedBeforeEntry,
        Rule::StageAgain,
        Rule::EntryByCas,
        Rule::LengthBeforePublish,
        Rule::TailHintAfterEntry,
        Rule::HeadHintAfterClaim,
        Rule::ComparePosition,
        Rule::ClaimByCas,
        Rule::Jump,
        Rule::ReceiverJump,
        Rule::SenderJump,
        Rule::FullUnlessLoaned,
        Rule::Reap,
        Rule::OwnerByte,
        Rule::ByteBeforeWords,
        Rule::NeverItself,
        Rule::PublishedStays,
        Rule::UnpublishedIsFreed,
        Rule::PublishedByBlock,
        Rule::PublishedByLap,
        Rule::ReadingStays,
        Rule::OrphanByOthers,
        Rule::Sweep,
        Rule::SweepAsks,
        Rule::WaitForReaders,
        Rule::LastLookLast,
        Rule::BlockKeepsEndpoint,
        Rule::ForkedDropStoresNothing,
    ];
}
