//! Which rules can be left out?

/// A rule of the ring that a scenario can do without, to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// A claim compares and swaps. Without: a plain store.
    ClaimByCas,
    /// The payload is copied in before it is published. Without: published at the first half.
    CopyBeforePublish,
    /// R5 at a multi end: the hint is stored before the publish or release. Without: after, so that a late store moves it
    /// back by any number of laps.
    HintBeforeStore,
    /// R5 at a single end: the hint is stored after the slots that it tells of. Without: before.
    HintAfterSlot,
    /// A receiver that sees lap `L` goes on behind `(L - 2, index)`. Without: behind `(L - 1, index)`.
    ReceiverJump,
    /// A slot that is still being read in the lap before is empty to a receiver. Without: it is passed.
    EarlierLapIsEmpty,
    /// A slot that is being written is empty to a receiver. Without: it waits for the sender, alive or not.
    WritingIsEmpty,
    /// At its limit a walk begins again, and at last answers full or empty. Without: after two laps, twice, the ring is
    /// corrupt.
    WalksBeginAgain,
    /// Earlier and later are told by wrapping differences. Without: as plain numbers.
    LapsWrap,
    /// A dead sender's claim becomes free for the next lap. Without: for the same one.
    GapNextLap,
    /// A dead receiver's message stays. Without: its slot is freed.
    OrphanKeepsMessage,
    /// Who cannot deliver a dead receiver's message makes it an orphan. Without: leaves it under the dead id.
    OrphanByOthers,
    /// An orphan is taken by compare-and-swap. Without: a plain store.
    TakeByCas,
    /// Orphans are looked for. Without: never.
    SeekOrphans,
    /// Somebody reaps. Without: nobody.
    Reap,
    /// Who reaps holds the dead one's owner byte. Without: it asks whether it is free, and goes on.
    OwnerByte,
    /// Nobody reaps itself. Without: its own byte looks free to it.
    NeverItself,
    /// A newcomer sweeps its id first.
    Sweep,
    /// A single receiver's hint does not pass what it holds. Without: it does.
    HintBehindHeld,
    /// A single receiver's ring is empty to it where it holds the message of the lap before. Without: it asks the word.
    HeldLapIsEmpty,
    /// What is handed back is marked so that it is received again. Without: it is forgotten.
    HandBackMarks,
    /// What is handed back keeps its slot. Without: the slot is freed.
    HandBackKeepsMessage,
}

impl Rule {
    /// Every one.
    pub const ALL: [Rule; 22] = [
        Rule::ClaimByCas,
        Rule::CopyBeforePublish,
        Rule::HintBeforeStore,
        Rule::HintAfterSlot,
        Rule::ReceiverJump,
        Rule::EarlierLapIsEmpty,
        Rule::WritingIsEmpty,
        Rule::WalksBeginAgain,
        Rule::LapsWrap,
        Rule::GapNextLap,
        Rule::OrphanKeepsMessage,
        Rule::OrphanByOthers,
        Rule::TakeByCas,
        Rule::SeekOrphans,
        Rule::Reap,
        Rule::OwnerByte,
        Rule::NeverItself,
        Rule::Sweep,
        Rule::HintBehindHeld,
        Rule::HeldLapIsEmpty,
        Rule::HandBackMarks,
        Rule::HandBackKeepsMessage,
    ];
}
