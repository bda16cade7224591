//! Which ordering, or which rule, does this run leave out?
//!
//! `ANNULUS_WEAKEN` names one: the end of an edge (`PUB.release`), that end at one place (`PUB.release@sender.rs:81`), or
//! a rule of the algorithm from [`Rule`]. Unset, nothing is left out.

use std::panic::Location;
use std::sync::OnceLock;

/// A rule of the algorithm that a run can do without. Those that the door can break are broken there; the others are
/// the models' own part of the protocol (what `channel` does around `ring` and `wait`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// Claims are made by compare-and-swap. Without: by a plain store.
    Claim,
    /// A dead sender's slot becomes free for the next lap. Without: for the same one.
    Gap,
    /// A dead receiver's message stays. Without: its slot is freed.
    Orphan,
    /// A single end stores its hint after the slot. Without: before.
    SingleHint,
    /// A loan is made by compare-and-swap. Without: by a plain store. (So are the next two.)
    Loan,
    /// An entry is filled by compare-and-swap.
    Entry,
    /// A block is received by compare-and-swap.
    Take,
    /// A block is staged before its entry. Without: after.
    StagedFirst,
    /// The hints of blocks are stored after what they tell of. Without: before, and after.
    HintLast,
    /// A block that a dead sender has staged and not published becomes free. Without: it is left.
    Unpublished,
    /// A block that a dead sender has published is left. Without: it becomes free.
    Published,
    /// A dead receiver's block stays a message. Without: it becomes free.
    BlockOrphan,
    /// Who reaps reads what the dead one has when it has its byte. Without: before.
    ByteFirst,
    /// Elements are filled before they are committed. Without: after.
    CommitLast,
    /// Elements are read before they are consumed. Without: after.
    ConsumeLast,
    /// Who sleeps in a stream sets its mark before it announces itself. Without: after.
    MarkFirst,
    /// Who comes to a sleeper's mark wakes it.
    MarkWakes,
    /// Who has not come to a sleeper's mark leaves it alone. Without: each chunk wakes it.
    MarkSpares,
    /// A reader that is refused wakes the writer, whatever its mark.
    RefusedWakes,
    /// Who gives a block back wakes a sender.
    ReleaseTells,
    /// The notifier bumps the waker epoch before it wakes.
    WakerEpoch,
    /// The waiter bumps the waiter epoch as it announces itself.
    WaiterEpoch,
    /// Who finds a further place or message wakes one more.
    Chain,
    /// A newcomer sweeps its id before it uses it.
    Sweep,
    /// Who reaps holds the dead one's owner byte.
    OwnerByte,
    /// Who reaps notifies both wait words.
    ReaperNotifies,
}

impl Rule {
    const fn name(self) -> &'static str {
        match self {
            Rule::Claim => "rule.claim",
            Rule::Gap => "rule.gap",
            Rule::Orphan => "rule.orphan",
            Rule::SingleHint => "rule.single_hint",
            Rule::Loan => "rule.loan",
            Rule::Entry => "rule.entry",
            Rule::Take => "rule.take",
            Rule::StagedFirst => "rule.staged_first",
            Rule::HintLast => "rule.hint_last",
            Rule::Unpublished => "rule.unpublished",
            Rule::Published => "rule.published",
            Rule::BlockOrphan => "rule.block_orphan",
            Rule::ByteFirst => "rule.byte_first",
            Rule::CommitLast => "rule.commit_last",
            Rule::ConsumeLast => "rule.consume_last",
            Rule::MarkFirst => "rule.mark_first",
            Rule::MarkWakes => "rule.mark_wakes",
            Rule::MarkSpares => "rule.mark_spares",
            Rule::RefusedWakes => "rule.refused_wakes",
            Rule::ReleaseTells => "rule.release_tells",
            Rule::WakerEpoch => "rule.waker_epoch",
            Rule::WaiterEpoch => "rule.waiter_epoch",
            Rule::Chain => "rule.chain",
            Rule::Sweep => "rule.sweep",
            Rule::OwnerByte => "rule.owner_byte",
            Rule::ReaperNotifies => "rule.reaper_notifies",
        }
    }

    /// The rule is kept in this run.
    pub(crate) fn kept(self) -> bool {
        weakened().is_none_or(|w| w.what != self.name())
    }
}

#[derive(Debug)]
struct Weakened {
    what: String,
    place: Option<String>,
}

fn weakened() -> Option<&'static Weakened> {
    static WEAKENED: OnceLock<Option<Weakened>> = OnceLock::new();
    WEAKENED
        .get_or_init(|| {
            let named = std::env::var("ANNULUS_WEAKEN").ok().filter(|named| !named.is_empty())?;
            let (what, place) = match named.split_once('@') {
                Some((what, place)) => (what.to_owned(), Some(place.to_owned())),
                None => (named, None),
            };
            Some(Weakened { what, place })
        })
        .as_ref()
}

/// Something is left out in this run: a model that fails is the expected outcome.
pub(crate) fn anything() -> bool {
    weakened().is_some()
}

/// `label.end`, asked for at `site`, is left out in this run.
pub(crate) fn edge(label: &str, end: &str, site: &Location<'_>) -> bool {
    weakened().is_some_and(|weakened| {
        let named = weakened.what.split_once('.') == Some((label, end));
        let there = weakened.place.as_ref().is_none_or(|place| {
            let here = format!("{}:{}", site.file(), site.line());
            here.strip_suffix(place.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('/'))
        });
        named && there
    })
}
