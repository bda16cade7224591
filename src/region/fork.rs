//! Has this process been forked since?
//!
//! A forked child inherits the mapping, the handles and the open file descriptions of its parent. The descriptions
//! would keep the locks of a parent that has died (`lock`), and the handles would act in the parent's name. So:
//! - A private page that the kernel wipes in a forked child (madvise(2) `MADV_WIPEONFORK`) holds this process's
//!   generation. A [`ForkStamp`] is compared with it where an operation looks into what has happened; the usual path
//!   is kept from the parent's handles by a word of theirs that is wiped likewise ([`wiped`]).
//! - The child handler of pthread_atfork(3) closes the descriptions that must not cross a fork (`registry`), and begins
//!   a new generation.
//! - The gate keeps a fork from falling between the opening of a description and its registration.
//!
//! | killed or forked exactly here | the others see | repaired by |
//! |---|---|---|
//! | in the prepare handler, spare presence descriptions open | this process, still present | the kernel, which closes them with the process |
//! | parent killed between fork and the child handler | the parent's locks, for as long as the child needs to get to its handler | the child handler |
//! | child killed before its handler ran | nothing: its references go with it | the kernel |
//! | raw clone(2), vfork(2), posix_spawn(3): no handlers | the parent's locks, until the child execs, exits, drops the handles or attaches | [`install`] in the child, the drop of a `Registered`, `O_CLOEXEC` |
//!
//! What is not covered: a raw clone(2), or a fork during the very first call of [`install`], while *another* thread is
//! inside the gate, leaves the gate shut in the child.
//!
//! # Unsafe
//! The registration of the handlers ([`install`]).
//!
//! # Orderings
//! All accesses are relaxed: everything here is private to the process. What changes, changes under the gate (a mutex)
//! or in a child that has one thread yet; the page is published by its `OnceLock`.

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::libc;

use super::{registry, wiped};
use crate::sync::{AtomicBool, AtomicU64, Relaxed};

/// The page of the generation, mapped once and never unmapped.
static PAGE: OnceLock<&'static AtomicU64> = OnceLock::new();

/// What the page holds, in ordinary memory: a child reads its parent's generation here and goes one further.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// What a forked child finds in the page until it has taken a generation of its own.
const WIPED: u64 = 0;

/// Which process is this? Taken when a handle is made, compared when it is told that something has happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForkStamp {
    page: &'static AtomicU64,
    generation: u64,
}

impl ForkStamp {
    /// The stamp of this process.
    ///
    /// # Errors
    /// The page cannot be had (no memory; `EINVAL` before Linux 4.14, which knows no `MADV_WIPEONFORK`), or the fork
    /// handlers cannot be registered (no memory).
    pub(crate) fn take() -> io::Result<ForkStamp> {
        let page = install()?;
        Ok(ForkStamp {
            page,
            // Relaxed: private to the process, see the module.
            generation: page.load(Relaxed),
        })
    }

    /// Was it taken in this process, and not in one that this was forked from?
    #[inline(always)]
    pub(crate) fn is_current(&self) -> bool {
        // Relaxed: changes only in a forked child, before there is a second thread.
        self.page.load(Relaxed) == self.generation
    }

    /// The number in the stamp. No ancestor of this process has had it.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

/// Makes the page and registers the handlers, once; in a child that no handler has run in, does the handler's work.
///
/// # Errors
/// As [`ForkStamp::take`].
pub(super) fn install() -> io::Result<&'static AtomicU64> {
    static HANDLERS: AtomicBool = AtomicBool::new(false);

    let page = match PAGE.get() {
        Some(page) => page,
        None => {
            let page = &wiped::page()?[0];
            // Relaxed: nobody else knows the page.
            page.store(GENERATION.load(Relaxed), Relaxed);
            // Who loses this race leaves its page unused for the life of the process.
            PAGE.get_or_init(|| page)
        }
    };
    // Relaxed: two threads may both register. The handlers can run twice, and a lock here would be one more that a
    // fork could leave shut.
    if !HANDLERS.load(Relaxed) {
        // SAFETY: the three are functions of this program, which live as long as it does; they touch only what the
        // module describes, and the child's allocates nothing and takes no lock.
        let error = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        HANDLERS.store(true, Relaxed);
    }
    settle();
    Ok(page)
}

/// Is this a forked child in which no handler has run, and nothing since?
pub(super) fn unsettled() -> bool {
    PAGE.get().is_some_and(|page| page.load(Relaxed) == WIPED)
}

/// Does in such a child what the handler would have done.
pub(super) fn settle() {
    if unsettled() {
        let _gate = gate();
        become_child();
    }
}

/// Lets go of what belongs to the parent, and takes a generation. Under the gate; async-signal-safe; the second time
/// it does nothing.
fn become_child() {
    if let Some(page) = PAGE.get()
        && page.load(Relaxed) == WIPED
    {
        registry::child();
        let generation = GENERATION.load(Relaxed) + 1;
        GENERATION.store(generation, Relaxed);
        page.store(generation, Relaxed);
    }
}

// The gate.

static GATE: Mutex<()> = Mutex::new(());

thread_local! {
    // Neither needs a destructor, so both can be used at any point of a thread's life and in a fork handler.
    /// How often this thread has entered the gate and not left it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// What keeps the gate shut, in the thread that shut it.
    static HELD: Cell<Option<ManuallyDrop<MutexGuard<'static, ()>>>> = const { Cell::new(None) };
}

/// While it lives no other thread forks, opens a lock description or closes one.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Left by the thread that entered.
    not_send: PhantomData<*const ()>,
}

/// Enters the gate. A thread that is inside may enter again: a fork handler of somebody else's may drop an endpoint.
#[must_use]
pub(crate) fn gate() -> Gate {
    enter();
    Gate { not_send: PhantomData }
}

impl Drop for Gate {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() {
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    if depth == 0 {
        let held = GATE.lock().unwrap_or_else(PoisonError::into_inner);
        HELD.set(Some(ManuallyDrop::new(held)));
    }
}

fn leave() {
    let depth = DEPTH.get().saturating_sub(1);
    DEPTH.set(depth);
    if depth == 0 {
        drop(HELD.take().map(ManuallyDrop::into_inner));
    }
}

// The handlers. They may be registered twice and then run twice: each is idempotent between its enter and leave.

extern "C" fn prepare() {
    enter();
    registry::prepare();
}

extern "C" fn parent() {
    registry::parent();
    leave();
}

extern "C" fn child() {
    become_child();
    leave();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_current_in_the_process_that_took_it() {
        let stamp = ForkStamp::take().unwrap();
        assert!(stamp.is_current());
        assert_eq!(stamp.generation(), ForkStamp::take().unwrap().generation());
        assert_ne!(stamp.generation(), WIPED);
    }

    #[test]
    fn the_gate_admits_its_own_thread_again_and_no_other() {
        let outer = gate();
        drop(gate());
        assert!(GATE.try_lock().is_err(), "still shut");
        std::thread::scope(|s| {
            let other = s.spawn(|| drop(gate()));
            drop(outer);
            other.join().unwrap();
        });
        assert_eq!(DEPTH.get(), 0);
    }
}
