//! Where do the bytes come from, and who is alive? The twin of the crate's `region`: a box, and a kernel of one table.
//!
//! [`lock::LockFile`] keeps what the kernel promises of OFD locks: a byte has one description; a description's own bytes
//! look free to it; they are free when it is closed; who gets a byte comes after who left it. It promises no more: a
//! probe that nothing orders may be answered from the past, as if a store had overtaken the system call before it. And
//! it watches that nobody takes and leaves bytes of one description in two threads at once, which the kernel lets pass.

#[path = "../../src/region/contents.rs"]
pub(crate) mod contents;
pub(crate) mod elements;

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::AttachError;
use crate::layout::geometry::PayloadLayout;
use crate::layout::{FenceMode, Geometry, Kind, Lines, Marks, Owner, Record, Slot, SlotPadding, State};
use crate::ring::Ring;
use crate::span::Span;
use crate::stage::Message;
use crate::sync::AtomicU64;

/// A region of [`Message`]s, or a stream, with room for three multi endpoints.
#[derive(Debug)]
pub(crate) struct Region {
    lines: Lines,
    table: Vec<Record>,
    slots: Slots,
    marks: Marks,
    /// Of a stream.
    elements: Option<elements::Memory>,
    geometry: Geometry,
    kernel: Arc<lock::Kernel>,
}

struct Slots(Vec<Slot<Message>>);

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} slots", self.0.len())
    }
}

// SAFETY: as `Ring`: atomics, and payloads by claims.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// For messages.
    pub(crate) fn new(capacity: u64) -> Arc<Region> {
        Region::with(capacity, None)
    }

    /// For elements.
    pub(crate) fn of_stream(capacity: u64) -> Arc<Region> {
        Region::with(capacity, Some(elements::Memory::new(capacity)))
    }

    fn with(capacity: u64, elements: Option<elements::Memory>) -> Arc<Region> {
        let payload = PayloadLayout::of::<Message>();
        let geometry = Geometry::plan(Kind::Mpmc, capacity, payload, SlotPadding::Packed, 3).expect("a small one");
        let slot = |_| Slot {
            state: AtomicU64::new(State::free(0).bits()),
            payload: Default::default(),
        };
        Arc::new(Region {
            lines: Lines::default(),
            table: (0..geometry.table_length).map(|_| Record::default()).collect(),
            slots: Slots((0..geometry.laps.capacity()).map(slot).collect()),
            marks: Marks::default(),
            elements,
            geometry,
            kernel: Arc::default(),
        })
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn record(&self, owner: Owner) -> &Record {
        &self.table[usize::from(owner.id())]
    }

    /// The slots of the one message type, or their words alone.
    pub(crate) fn ring<T>(&self) -> Ring<T> {
        assert!(size_of::<T>() == 0 || size_of::<T>() == size_of::<Message>());
        let slots = NonNull::from(self.slots.0.as_slice()).cast();
        // SAFETY: V1: an endpoint holds its region. V2: a `Slot<()>` begins as a `Slot<Message>` (`repr(C)`), and its
        // payload is not touched.
        unsafe {
            Ring::new(
                NonNull::from(&self.lines),
                slots,
                size_of::<Slot<Message>>(),
                self.geometry.laps,
                self.geometry.claimants,
            )
        }
    }

    /// The words of a stream.
    pub(crate) fn span(&self) -> Span {
        // SAFETY: V1: an endpoint holds its region. V2: no `&mut` to either.
        unsafe {
            Span::new(
                NonNull::from(&self.lines),
                NonNull::from(&self.marks),
                self.geometry.laps,
            )
        }
    }

    /// What is in it, without the messages.
    pub(crate) fn contents(&self) -> contents::Contents {
        match self.elements {
            None => contents::Contents::Ring(self.ring()),
            Some(_) => contents::Contents::Span(self.span()),
        }
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub(crate) fn fence_mode(&self) -> FenceMode {
        FenceMode::Fenced
    }

    pub(crate) fn spin_ns(&self) -> u32 {
        0
    }

    pub(crate) fn tick_ns(&self) -> u64 {
        u64::MAX
    }

    pub(crate) fn nobody_can_come(&self) -> bool {
        false
    }

    /// What a description is opened on.
    pub(crate) fn file(&self) -> &Arc<lock::Kernel> {
        &self.kernel
    }
}

pub(crate) fn os(what: &'static str) -> impl Fn(io::Error) -> AttachError {
    move |source| AttachError::Os { what, source }
}

impl From<io::Error> for AttachError {
    fn from(source: io::Error) -> Self {
        os("lock")(source)
    }
}

/// Bytes that the kernel locks.
pub(crate) mod lock {
    use std::cell::Cell;
    use std::io;
    use std::ops::Range;
    use std::sync::Arc;

    use loom::cell::UnsafeCell;

    use crate::layout::Role;
    use crate::sync::{AtomicU64, Ordering};
    use crate::weaken::Rule;

    /// Bytes in a group: owners, senders, receivers, and the rest.
    const IDS: u64 = 64;

    pub(crate) const fn owner_byte(id: u16) -> u64 {
        id as u64
    }

    pub(crate) const fn role_byte(role: Role, id: u16) -> u64 {
        role as u64 * IDS + id as u64
    }

    pub(crate) const fn passing_byte(role: Role, id: u16) -> u64 {
        role_byte(role, id) + 32
    }

    pub(crate) const SENDERS: Range<u64> = IDS..2 * IDS;
    pub(crate) const RECEIVERS: Range<u64> = 2 * IDS..3 * IDS;
    pub(crate) const ENDPOINTS: Range<u64> = IDS..3 * IDS;
    pub(crate) const ATTACH: u64 = 3 * IDS;

    /// Which bytes are held, a word a group.
    #[derive(Debug, Default)]
    pub(crate) struct Kernel {
        held: [AtomicU64; 4],
    }

    #[derive(Debug)]
    pub(crate) struct LockFile {
        kernel: Arc<Kernel>,
        /// What this description holds.
        mine: [Cell<u64>; 4],
        /// Taking and leaving, one after the other.
        turn: UnsafeCell<()>,
    }

    impl LockFile {
        pub(crate) fn open(kernel: &Arc<Kernel>) -> io::Result<LockFile> {
            Ok(LockFile {
                kernel: Arc::clone(kernel),
                mine: Default::default(),
                turn: UnsafeCell::new(()),
            })
        }

        pub(crate) fn try_lock(&self, byte: u64) -> io::Result<bool> {
            self.turn.with_mut(|_| ());
            let (group, bit) = ((byte / IDS) as usize, 1 << (byte % IDS));
            let mine = &self.mine[group];
            let held = &self.kernel.held[group];
            let taken = group != 0 || Rule::OwnerByte.kept();
            let take = |held| (held & bit == 0 || !taken).then_some(held | bit);
            if mine.get() & bit == 0 && held.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_err() {
                return Ok(false);
            }
            mine.set(mine.get() | bit);
            Ok(true)
        }

        pub(crate) fn unlock(&self, byte: u64) -> io::Result<()> {
            self.turn.with_mut(|_| ());
            self.leave((byte / IDS) as usize, 1 << (byte % IDS));
            Ok(())
        }

        fn leave(&self, group: usize, bits: u64) {
            let mine = &self.mine[group];
            let leave = mine.get() & bits;
            if leave != 0 {
                let left = |held| Some(held & !leave);
                let _ = self.kernel.held[group].fetch_update(Ordering::AcqRel, Ordering::Acquire, left);
                mine.set(mine.get() & !leave);
            }
        }

        pub(crate) fn held_elsewhere(&self, bytes: Range<u64>) -> io::Result<bool> {
            Ok((0..4).any(|group| {
                let begin = group as u64 * IDS;
                let asked = (0..IDS)
                    .filter(|n| bytes.contains(&(begin + n)))
                    .fold(0, |bits, n| bits | 1 << n);
                asked != 0 && self.kernel.held[group].load(Ordering::Acquire) & !self.mine[group].get() & asked != 0
            }))
        }
    }

    impl Drop for LockFile {
        fn drop(&mut self) {
            for group in 0..4 {
                self.leave(group, u64::MAX);
            }
        }
    }

    /// Seats cross forks, and here are none.
    #[derive(Debug)]
    pub(crate) enum SeatLocks {}

    impl SeatLocks {
        pub(crate) fn release(&self) -> io::Result<()> {
            match *self {}
        }
    }
}

/// Nobody reads the count here.
pub(crate) mod tally {
    use std::sync::Arc;

    use super::{Owner, Region};

    #[derive(Clone, Debug)]
    pub(crate) struct Tally;

    impl Tally {
        pub(crate) fn new(_region: &Arc<Region>, _owner: Owner) -> Tally {
            Tally
        }

        pub(crate) fn add(&self, _count: u32) {}
    }
}

/// Nobody forks here.
pub(crate) mod wiped {
    use std::io;
    use std::ops::Deref;
    use std::sync::Arc;

    use crate::sync::AtomicU64;

    #[derive(Clone, Debug)]
    pub(crate) struct WipedRef(Arc<AtomicU64>);

    pub(crate) type WipedWord = WipedRef;

    impl WipedRef {
        pub(crate) fn new(value: u64) -> io::Result<WipedWord> {
            Ok(WipedRef(Arc::new(AtomicU64::new(value))))
        }

        pub(crate) fn share(&self) -> WipedRef {
            self.clone()
        }
    }

    impl Deref for WipedRef {
        type Target = AtomicU64;

        fn deref(&self) -> &AtomicU64 {
            &self.0
        }
    }
}

/// Nobody forks here.
pub(crate) mod fork {
    #[derive(Debug)]
    pub(crate) struct ForkStamp;

    impl ForkStamp {
        pub(crate) fn take() -> std::io::Result<ForkStamp> {
            Ok(ForkStamp)
        }

        pub(crate) fn is_current(&self) -> bool {
            true
        }
    }
}

pub(crate) mod process {
    pub(crate) struct Identity {
        pub pid: u32,
        pub started: u64,
        pub name: [u8; 16],
    }

    pub(crate) fn identity() -> Identity {
        Identity {
            pid: 1,
            started: 1,
            name: *b"a model.........",
        }
    }

    pub(crate) fn one_cpu() -> bool {
        true
    }
}
