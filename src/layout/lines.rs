//! Which words do processes share while they run?

use crate::sync::{AtomicU32, AtomicU64, Payload};

/// Bytes that no two shared words have in common: two x86 cache lines, since the adjacent-line prefetcher moves them
/// in pairs, and one line of the larger ARM cores.
pub const LINE: usize = 128;

/// A word on a line of its own.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Line<T>(pub T);

/// The shared words, after line 0.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Lines {
    /// Tail hint: one past a position seen claimed by a sender. Lags, and may move back.
    pub tail: Line<AtomicU64>,
    /// Head hint: one past a position seen claimed by a receiver. Lags, and may move back.
    pub head: Line<AtomicU64>,
    /// The wait word of receivers (see `wait`).
    pub receivers: Line<AtomicU32>,
    /// The wait word of senders.
    pub senders: Line<AtomicU32>,
    /// The [`Life`] word.
    pub life: Line<AtomicU64>,
}

/// One slot: who may touch the payload is told by the state word.
#[repr(C)]
pub struct Slot<T> {
    /// A [`State`](super::State).
    pub state: AtomicU64,
    /// The message.
    pub payload: Payload<T>,
}

/// The life word: what the endpoints know of each other without asking the kernel.
///
/// ```text
///  63        44 43          32 31 30             3   2        1       0
/// +------------+--------------+--+---------------+--------+--------+------+
/// | events:20  | orphaned:12  |0 |  session:28   |receiver| sender |closed|
/// +------------+--------------+--+---------------+--------+--------+------+
/// ```
/// `events` moves with every detach, close, reap and new session, so that an unchanged field means that nothing has
/// happened that an endpoint should ask the kernel about. `orphaned` moves with every dead receiver that has been
/// reaped, after its messages are orphans, and with every message that a living one has handed back: only then need
/// receivers look for some. (It carries into `events`, which does
/// no harm.) The flags belong to the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life(u64);

impl Life {
    const CLOSED: u64 = 1;
    const SENDER: u64 = 2;
    const RECEIVER: u64 = 4;
    const SESSION: u64 = 8;
    const UNUSED: u64 = 1 << 31;
    const SESSION_MASK: u64 = (1 << 31) - 8;
    /// What one more event adds to the word.
    pub const EVENT: u64 = 1 << 44;
    /// What one more dead receiver reaped, or one more message handed back, adds to the word.
    pub const ORPHANED: u64 = 1 << 32;
    const ORPHANED_MASK: u64 = Self::EVENT - Self::ORPHANED;
    /// What no endpoint that has attached ever takes for the word: it says at least that one such has been seen.
    pub const NEVER: Life = Life(0);

    /// The word as loaded.
    pub const fn from_bits(bits: u64) -> Life {
        Life(bits)
    }

    /// The word to store.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A word that the protocol may have stored.
    pub const fn possible(self) -> bool {
        self.0 & Self::UNUSED == 0
    }

    /// Somebody has said goodbye for all in this session.
    pub const fn closed(self) -> bool {
        self.0 & Self::CLOSED != 0
    }

    /// A sender has attached in this session (or had left messages when it began).
    pub const fn sender_seen(self) -> bool {
        self.0 & Self::SENDER != 0
    }

    /// A receiver has attached in this session.
    pub const fn receiver_seen(self) -> bool {
        self.0 & Self::RECEIVER != 0
    }

    /// Nothing has happened between the two words that an endpoint should ask the kernel about.
    pub const fn same_events(self, other: Life) -> bool {
        (self.0 ^ other.0) & !(Self::CLOSED | Self::SENDER | Self::RECEIVER) == 0
    }

    /// Since the word was `earlier`, dead receivers have been reaped or messages handed back, so there may be orphans.
    ///
    /// Their number comes round to where it was after 4,096 of them, but each brings an event with it, so that by then
    /// there have been as many of those.
    pub const fn orphaned_since(self, earlier: Life) -> bool {
        let since = self.0.wrapping_sub(earlier.0 & !(Self::ORPHANED - 1));
        let turns = since / Self::EVENT;
        since & Self::ORPHANED_MASK != 0 || turns >= Self::EVENT / Self::ORPHANED
    }

    /// Closed.
    #[must_use]
    pub const fn close(self) -> Life {
        Life((self.0 | Self::CLOSED).wrapping_add(Self::EVENT))
    }

    /// A sender has attached.
    #[must_use]
    pub const fn see_sender(self) -> Life {
        Life(self.0 | Self::SENDER)
    }

    /// A receiver has attached.
    #[must_use]
    pub const fn see_receiver(self) -> Life {
        Life(self.0 | Self::RECEIVER)
    }

    /// A new session: nobody seen, not closed.
    #[must_use]
    pub const fn begin(self) -> Life {
        let session = self.0.wrapping_add(Self::SESSION) & Self::SESSION_MASK;
        Life((self.0 & !(Self::ORPHANED - 1) | session).wrapping_add(Self::EVENT))
    }
}
