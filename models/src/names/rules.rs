//! Which rules can be left out?

/// A rule of the life of a name that a scenario can do without, to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// Who removes a name holds the name byte.
    NameByte,
    /// Presence and creator bytes are taken before the name is given.
    LocksBeforeLinkat,
    /// Who leaves a shared object lets go of presence before it tries to have it alone. Without: converts it.
    LetGoFirst,
    /// Who opens looks whether the object still has its name.
    LinkCheck,
    /// That look comes after presence.
    LinkCheckAfterPresence,
    /// Whether a shared object is drained is asked with presence alone. Without: before.
    DrainedAfterPresence,
    /// The object holds presence for as long as an endpoint lives. Without: as long as the `Channel`.
    PresenceOfTheRegion,
    /// A creator says by a byte of its own that it lives.
    CreatorByte,
    /// `create` removes a dead creator's name.
    Debt,
    /// `gc` takes presence. Without: asks.
    GcTakesPresence,
    /// Who finds something else than it expects leaves as who goes.
    MismatchLeaves,
    /// Who judges is no user.
    JudgeIsNoUser,
    /// Who waits for a first peer hears that none can come.
    AloneRule,
    /// Only one attaches at a time.
    AttachByte,
    /// An endpoint has its role byte before the life word says that it has come.
    RoleBeforeFlag,
    /// A session begins with who finds no live endpoint, messages or not.
    SessionBeginsAnyway,
    /// What travels holds presence.
    PassedPresent,
}

impl Rule {
    /// Every one, with the patch in `tests/names/mutations` that leaves it out of the sources.
    pub const ALL: [(Rule, &'static str); 17] = [
        (Rule::NameByte, "no-name-byte"),
        (Rule::LocksBeforeLinkat, "locks-after-linkat"),
        (Rule::LetGoFirst, "convert"),
        (Rule::LinkCheck, "no-link-check"),
        (Rule::LinkCheckAfterPresence, "link-check-before-presence"),
        (Rule::DrainedAfterPresence, "drained-before-presence"),
        (Rule::PresenceOfTheRegion, "presence-of-the-channel-only"),
        (Rule::CreatorByte, "no-creator-byte"),
        (Rule::Debt, "no-debt"),
        (Rule::GcTakesPresence, "gc-only-probes"),
        (Rule::MismatchLeaves, "a-mismatch-closes"),
        (Rule::JudgeIsNoUser, "taken-by-a-judge"),
        (Rule::AloneRule, "no-alone-rule"),
        (Rule::AttachByte, "no-attach-byte"),
        (Rule::RoleBeforeFlag, "flag-before-role"),
        (Rule::SessionBeginsAnyway, "a-session-begins-only-when-empty"),
        (Rule::PassedPresent, "passed-bare"),
    ];
}
