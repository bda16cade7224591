//! What may the algorithms do to shared memory? The twin of the crate's door, over loom.
//!
//! The same names as far as the rooms use them, and three additions.
//! - **The shadow.** When loom 0.7.3 looks for interleavings it remembers the last access to an atomic only, so a load
//!   followed by a store or compare-and-swap of the *same* atomic hides others (tokio-rs/loom#166, #392): the ring's
//!   exact pattern. A relaxed `fetch_add` on a shadow atomic before every access makes any two accesses dependent;
//!   being relaxed, it orders nothing. A fence counts as an access to one shadow for all.
//! - **The futex.** The kernel's part is a lock and a queue: the word is compared under the lock, a wake takes the lock,
//!   says how many it woke, and the one who waits longest is first. Nobody times out, so a lost wake-up is a deadlock,
//!   which loom reports.
//! - **Weakening.** An [`Edge`] may answer `Relaxed` in this run, and the door can break a [`Rule`]: see `weaken`
//!   and, for blocks, [`block_word`].

pub(crate) mod block_word;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;

use bytemuck::{Pod, Zeroable};
use loom::cell::UnsafeCell;
use loom::sync::atomic as under;
use loom::sync::{Condvar, Mutex};

use crate::kill;
use crate::weaken::{self, Rule};

pub(crate) use std::sync::atomic::Ordering::{self, Relaxed};

/// A labelled pair of ordered accesses, either end of which this run may leave out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge(&'static str);

impl Edge {
    pub(crate) const fn new(label: &'static str) -> Self {
        Edge(label)
    }

    fn end(self, end: &str, strong: Ordering, site: &Location<'_>) -> Ordering {
        if weaken::edge(self.0, end, site) {
            Relaxed
        } else {
            strong
        }
    }

    #[track_caller]
    pub(crate) fn release(self) -> Ordering {
        self.end("release", Ordering::Release, Location::caller())
    }

    #[track_caller]
    pub(crate) fn acquire(self) -> Ordering {
        self.end("acquire", Ordering::Acquire, Location::caller())
    }

    #[track_caller]
    pub(crate) fn waiter(self) -> Ordering {
        self.end("waiter", Ordering::SeqCst, Location::caller())
    }

    #[track_caller]
    pub(crate) fn notifier(self) -> Ordering {
        self.end("notifier", Ordering::SeqCst, Location::caller())
    }
}

loom::lazy_static! {
    static ref FENCES: under::AtomicUsize = under::AtomicUsize::new(0);
}

/// A full fence; nothing, if its end of the edge is left out.
pub(crate) fn fence(order: Ordering) {
    if order != Relaxed {
        kill::point();
        FENCES.fetch_add(1, Relaxed);
        under::fence(order);
    }
}

/// The models run the fenced form.
pub(crate) fn light_fence() {
    unreachable!("the models run the fenced form");
}

/// The models run the fenced form.
pub(crate) fn heavy_fence() {
    unreachable!("the models run the fenced form");
}

pub(crate) fn spin_hint() {
    loom::hint::spin_loop();
}

/// Nobody is faster for it here.
pub(crate) fn prefetch<T>(_what: &T) {}

/// As above.
pub(crate) fn prefetch_beyond<T>(_what: &T, _bytes: usize) {}

/// Time stands still: no tick, no deadline.
pub(crate) fn now() -> u64 {
    0
}

macro_rules! atomic {
    ($Atomic:ident, $Value:ty, $broken:ident) => {
        #[derive(Debug)]
        pub(crate) struct $Atomic {
            word: under::$Atomic,
            shadow: under::AtomicUsize,
            pub(crate) futex: Futex,
        }

        impl Default for $Atomic {
            fn default() -> Self {
                Self::new(0)
            }
        }

        impl $Atomic {
            pub(crate) fn new(value: $Value) -> Self {
                $Atomic {
                    word: under::$Atomic::new(value),
                    shadow: under::AtomicUsize::new(0),
                    futex: Futex::default(),
                }
            }

            fn access(&self) -> &under::$Atomic {
                kill::point();
                self.shadow.fetch_add(1, Relaxed);
                &self.word
            }

            pub(crate) fn load(&self, order: Ordering) -> $Value {
                self.access().load(order)
            }

            pub(crate) fn store(&self, value: $Value, order: Ordering) {
                if !$broken::postponed(self, value, order) {
                    self.access().store(value, order);
                    $broken::stored(self);
                }
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $Value,
                new: $Value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$Value, $Value> {
                let (current, new) = $broken::exchange(current, new);
                let word = self.access();
                if $broken::blindly(current, new) {
                    return Ok(word.swap(new, success));
                }
                word.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $Value,
                new: $Value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$Value, $Value> {
                self.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn fetch_add(&self, by: $Value, order: Ordering) -> $Value {
                self.access().fetch_add($broken::addend(by), order)
            }

            pub(crate) fn fetch_sub(&self, by: $Value, order: Ordering) -> $Value {
                self.access().fetch_sub(by, order)
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut update: impl FnMut($Value) -> Option<$Value>,
            ) -> Result<$Value, $Value> {
                let mut seen = self.load(fetch);
                while let Some(next) = update(seen).map($broken::updated) {
                    match self.access().compare_exchange(seen, next, set, fetch) {
                        Ok(before) => return Ok(before),
                        Err(now) => seen = now,
                    }
                }
                Err(seen)
            }
        }
    };
}

atomic!(AtomicU32, u32, wait_word);
atomic!(AtomicU64, u64, slot_word);

/// The kernel's part of a futex.
#[derive(Debug, Default)]
pub(crate) struct Futex {
    asleep: Mutex<u32>,
    woken: Condvar,
    /// Somebody has gone to sleep: for models that begin with sleepers.
    slept: Condvar,
    /// It is no wait word, but a hint: for a run without [`Rule::SingleHint`].
    hint: Cell<bool>,
}

impl Futex {
    fn hint(&self) -> bool {
        self.hint.get()
    }

    pub(crate) fn mark_hint(&self) {
        self.hint.set(true);
    }

    /// How many are asleep here.
    pub(crate) fn sleeping(&self) -> u32 {
        *self.asleep.lock().unwrap()
    }

    /// Waits until `count` are asleep here.
    pub(crate) fn until_asleep(&self, count: u32) {
        let mut asleep = self.asleep.lock().unwrap();
        while *asleep < count {
            asleep = self.slept.wait(asleep).unwrap();
        }
    }
}

/// Sleeps while `word` is `expected`, until woken.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, _until: u64) {
    let mut asleep = word.futex.asleep.lock().unwrap();
    if word.access().load(Relaxed) != wait_word::addend(expected) {
        return;
    }
    *asleep += 1;
    word.futex.slept.notify_all();
    drop(word.futex.woken.wait(asleep));
}

/// Wakes up to `count` sleepers on `word`, the first to sleep first; returns how many.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) -> usize {
    kill::point();
    let mut asleep = word.futex.asleep.lock().unwrap();
    let woken = count.min(*asleep);
    *asleep -= woken;
    for _ in 0..woken {
        word.futex.woken.notify_one();
    }
    woken as usize
}

/// The payload bytes of a slot, watched for data races. Copied in two halves, so that a copy can be cut short.
pub(crate) struct Payload<T>(UnsafeCell<MaybeUninit<T>>);

impl<T> Default for Payload<T> {
    fn default() -> Self {
        Payload(UnsafeCell::new(MaybeUninit::zeroed()))
    }
}

impl<T: Pod> Payload<T> {
    /// Copies `value` in.
    ///
    /// # Safety
    /// The caller owns the slot that `self` is in.
    pub(crate) unsafe fn write(&self, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        let (front, back) = bytes.split_at(bytes.len() / 2);
        for (offset, half) in [(0, front), (front.len(), back)] {
            kill::point();
            self.0.with_mut(|target| {
                // SAFETY: loom has just seen that nobody else is at the payload, and the half is inside it.
                unsafe { ptr::copy_nonoverlapping(half.as_ptr(), target.cast::<u8>().add(offset), half.len()) }
            });
        }
    }

    /// Copies the payload out.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    pub(crate) unsafe fn read(&self) -> T {
        let mut value = MaybeUninit::uninit();
        // SAFETY: the caller's promise, and a local.
        unsafe { self.read_into(value.as_mut_ptr()) };
        // SAFETY: both halves are written, and any bytes are a `T: Pod`.
        unsafe { value.assume_init() }
    }

    /// Copies the payload to `into`.
    ///
    /// # Safety
    /// As [`write`](Self::write), and `into` is valid for writes.
    pub(crate) unsafe fn read_into(&self, into: *mut T) {
        let (size, middle) = (size_of::<T>(), size_of::<T>() / 2);
        for half in [0..middle, middle..size] {
            kill::point();
            self.0.with(|source| {
                // SAFETY: loom has just seen that nobody writes to the payload, and the half is inside it and `into`.
                unsafe {
                    let (from, to) = (source.cast::<u8>().add(half.start), into.cast::<u8>().add(half.start));
                    ptr::copy_nonoverlapping(from, to, half.len());
                }
            });
        }
    }
}

/// A wait word without one of its epochs.
mod wait_word {
    use super::{AtomicU32, Ordering, Rule};

    /// What of `bits` is there in this run.
    pub(super) fn addend(bits: u32) -> u32 {
        let mut mask = u32::MAX;
        if !Rule::WaiterEpoch.kept() {
            mask &= !0xfffe;
        }
        if !Rule::WakerEpoch.kept() {
            mask &= 0xffff;
        }
        bits & mask
    }

    pub(super) fn exchange(current: u32, new: u32) -> (u32, u32) {
        (addend(current), addend(new))
    }

    /// What an update makes of a word.
    pub(super) fn updated(new: u32) -> u32 {
        addend(new)
    }

    pub(super) fn blindly(_current: u32, _new: u32) -> bool {
        false
    }

    pub(super) fn postponed(_at: &AtomicU32, _value: u32, _order: Ordering) -> bool {
        false
    }

    pub(super) fn stored(_at: &AtomicU32) {}
}

/// A slot's word with one of the ring's rules broken.
mod slot_word {
    use std::cell::RefCell;

    use loom::thread::{self, ThreadId};

    use super::{AtomicU64, Ordering, Rule, block_word};
    use crate::layout::{Claimants, Owner, Phase, State};

    fn decode(bits: u64) -> Option<(u64, Phase)> {
        State::from_bits(bits).decode(48, Claimants::ANY)
    }

    pub(super) fn addend(by: u64) -> u64 {
        by
    }

    /// No slot's word is updated so.
    pub(super) fn updated(new: u64) -> u64 {
        new
    }

    pub(super) fn exchange(current: u64, new: u64) -> (u64, u64) {
        let broken = match (decode(current), decode(new)) {
            (Some((lap, Phase::Writing(_))), Some((_, Phase::Free))) if !Rule::Gap.kept() => State::free(lap),
            (Some((lap, Phase::Reading(_))), Some((_, Phase::Reading(Owner::ORPHAN)))) if !Rule::Orphan.kept() => {
                State::free(lap + 1)
            }
            _ => return block_word::exchange(current, new),
        };
        (current, broken.bits())
    }

    pub(super) fn blindly(current: u64, new: u64) -> bool {
        let claim = matches!(
            (decode(current), decode(new)),
            (Some((_, Phase::Free)), Some((_, Phase::Writing(_))))
                | (Some((_, Phase::Full)), Some((_, Phase::Reading(_))))
        );
        claim && !Rule::Claim.kept() || block_word::blindly(current, new)
    }

    thread_local! {
        static POSTPONED: RefCell<Vec<(ThreadId, *const AtomicU64, u64, Ordering)>> = const { RefCell::new(Vec::new()) };
    }

    /// Without [`Rule::SingleHint`] a slot's word waits for the next store of a hint (a word of no lap at all).
    pub(super) fn postponed(at: &AtomicU64, value: u64, order: Ordering) -> bool {
        if at.futex.hint() {
            return false;
        }
        block_word::before(value);
        if Rule::SingleHint.kept() && !block_word::late(value) {
            return false;
        }
        POSTPONED.with_borrow_mut(|all| all.push((thread::current().id(), at, value, order)));
        true
    }

    pub(super) fn stored(at: &AtomicU64) {
        if Rule::SingleHint.kept() && Rule::StagedFirst.kept() || !at.futex.hint() {
            return;
        }
        let me = thread::current().id();
        let mine = POSTPONED.with_borrow_mut(|all| all.extract_if(.., |one| one.0 == me).collect::<Vec<_>>());
        for (_, at, value, order) in mine {
            // SAFETY: the slots outlive the threads that play on them.
            unsafe { &*at }.access().store(value, order);
        }
    }
}
