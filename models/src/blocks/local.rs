//! What does a process know, and before which step is it?

use super::{Entry, Word};

/// What a process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Local {
    pub(super) at: At,
    pub(super) id: u8,
    /// Messages still to be sent.
    pub(super) left: u8,
    /// Where a single end goes on; `None`: by the hint.
    pub(super) cursor: Option<u8>,
    /// A block that it keeps, and the message in it.
    pub(super) kept: Option<(u8, u8)>,
    /// There was no sender when its call began.
    pub(super) alone: bool,
    /// At some moment of its call there was no block for it.
    pub(super) was_full: bool,
}

/// A pass over the blocks for what `dead` has left, at `block`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pass {
    pub(super) dead: u8,
    pub(super) block: u8,
    /// By a newcomer whose id it is.
    pub(super) sweep: bool,
    /// The block that it has taken over.
    pub(super) taken: Option<u8>,
}

/// Where a process is: before which step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum At {
    Outside,
    Dead,
    /// It has heard of the end of the stream.
    Gone,
    Idle,
    /// The look at a block, and its loan.
    Scan {
        block: u8,
    },
    Loan {
        block: u8,
    },
    Fill {
        block: u8,
    },
    Filled {
        block: u8,
    },
    Publish {
        block: u8,
    },
    Abort {
        block: u8,
    },
    LoadTail {
        block: u8,
    },
    /// The look at an entry, and the steps to fill it.
    SeekPlace {
        block: u8,
        p: u8,
        staged: bool,
    },
    EarlyTail {
        block: u8,
        p: u8,
        seen: Option<Entry>,
    },
    Stage {
        block: u8,
        p: u8,
        seen: Option<Entry>,
    },
    Enter {
        block: u8,
        p: u8,
        seen: Option<Entry>,
    },
    LateLength {
        block: u8,
        p: u8,
    },
    StoreTail {
        p: u8,
    },
    Sent,
    LoadHead,
    /// The look at an entry, at its block, and the claim.
    SeekMessage {
        p: u8,
        looks: u8,
    },
    LookAtBlock {
        p: u8,
        block: u8,
        looks: u8,
    },
    EarlyHead {
        p: u8,
        block: u8,
        word: Word,
        looks: u8,
    },
    Claim {
        p: u8,
        block: u8,
        word: Word,
        looks: u8,
    },
    StoreHead {
        p: u8,
        block: u8,
    },
    ReadLength {
        block: u8,
    },
    Return {
        block: u8,
        message: u8,
    },
    /// The caller has the message.
    Hold {
        block: u8,
        message: u8,
    },
    Release {
        block: u8,
        message: u8,
    },
    ForkedRelease {
        block: u8,
    },
    /// Full, or empty, or (`first`) not looked yet.
    Blocked {
        first: bool,
    },
    LateByte {
        pass: Pass,
        word: Word,
    },
    Pass(Pass),
    /// Is a staged block published?
    Ask {
        pass: Pass,
        word: Word,
    },
    /// The compare-and-swap of `word`.
    Free {
        pass: Pass,
        word: Word,
    },
    MakeOrphan {
        pass: Pass,
        word: Word,
    },
    TakeOver {
        pass: Pass,
        word: Word,
    },
    EndPass(Pass),
}

pub(super) const NOWHERE: Local = Local {
    at: At::Outside,
    id: 0,
    left: 0,
    cursor: None,
    kept: None,
    alone: false,
    was_full: false,
};
