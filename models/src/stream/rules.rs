//! Which rules can be left out?

/// A rule of the end of the stream that a scenario can do without, to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// See no sender, then reap, then look at the ring once more. Without: the last look comes first.
    LastLookLast,
    /// It is not the end while another reaper is at work.
    WaitForReapers,
    /// Who leases waits for what others hold.
    WaitForHolders,
    /// But not who holds something itself.
    HoldersDoNotWait,
    /// An acknowledgement after the senders have gone wakes the other receivers.
    AcknowledgementWakes,
    /// What is handed back is announced.
    ReturnIsAnnounced,
    /// Who has taken one message that has come back looks again: there may be more.
    MoreMayHaveComeBack,
    /// The life word tells of orphans before the dead one's record is clean. Without: after.
    CountBeforeClean,
    /// Who leaves announces it.
    LeavingIsAnnounced,
    /// Who leaves is gone before it is announced. Without: announced first.
    GoneBeforeAnnounced,
}

impl Rule {
    /// Every one.
    pub const ALL: [Rule; 10] = [
        Rule::LastLookLast,
        Rule::WaitForReapers,
        Rule::WaitForHolders,
        Rule::HoldersDoNotWait,
        Rule::AcknowledgementWakes,
        Rule::ReturnIsAnnounced,
        Rule::MoreMayHaveComeBack,
        Rule::CountBeforeClean,
        Rule::LeavingIsAnnounced,
        Rule::GoneBeforeAnnounced,
    ];
}
