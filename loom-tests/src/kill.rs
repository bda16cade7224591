//! How does a thread die at its k-th access to shared memory?
//!
//! The door calls [`point`] before every access (and between the halves of a payload copy). A victim's countdown ends
//! there in an unwinding that no destructor in `ring` sees, which is as good as a kill: nothing more is stored.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use loom::thread::{self, ThreadId};

use crate::stage::explore;

thread_local! {
    // Of the OS thread, on which loom runs all of its own; so victims are told by loom's ids.
    static VICTIMS: RefCell<Vec<(ThreadId, u32)>> = const { RefCell::new(Vec::new()) };
    static KILLS: Cell<usize> = const { Cell::new(0) };
    static STOPPED: RefCell<Option<Stopped>> = const { RefCell::new(None) };
}

/// Who stops, after how many accesses, and what happens meanwhile.
type Stopped = (ThreadId, u32, Box<dyn FnOnce()>);

struct Killed;

/// An access may be the one that is never made.
pub(crate) fn point() {
    let meanwhile = STOPPED.with_borrow_mut(|stopped| {
        let (_, left, _) = stopped.as_mut().filter(|(id, ..)| *id == thread::current().id())?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        stopped.take().map(|(_, _, meanwhile)| meanwhile)
    });
    if let Some(meanwhile) = meanwhile {
        meanwhile();
    }
    let die = VICTIMS.with_borrow_mut(|victims| {
        if victims.is_empty() {
            return false;
        }
        let me = thread::current().id();
        victims.iter_mut().find(|(id, _)| *id == me).is_some_and(|(_, left)| {
            let die = *left == 0;
            *left = left.saturating_sub(1);
            die
        })
    });
    if die {
        resume_unwind(Box::new(Killed));
    }
}

/// Runs `operation` up to its access number `accesses`, which it does not make: `None`. `Some` if it needs fewer.
pub(crate) fn after<R>(accesses: u32, operation: impl FnOnce() -> R) -> Option<R> {
    let result = first(accesses, operation);
    KILLS.set(KILLS.get() + usize::from(result.is_none()));
    result
}

/// The same, for a death that [`everywhere`] does not count.
pub(crate) fn first<R>(accesses: u32, operation: impl FnOnce() -> R) -> Option<R> {
    let me = thread::current().id();
    VICTIMS.with_borrow_mut(|victims| victims.push((me, accesses)));
    let ended = catch_unwind(AssertUnwindSafe(operation));
    VICTIMS.with_borrow_mut(|victims| victims.retain(|(id, _)| *id != me));
    match ended {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Killed>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Runs `operation`, stopped before its access number `accesses` for as long as `meanwhile` takes.
pub(crate) fn stopped<R>(accesses: u32, meanwhile: impl FnOnce() + 'static, operation: impl FnOnce() -> R) -> R {
    let (result, stopped) = if_stopped(accesses, meanwhile, operation);
    assert!(stopped, "it needs more accesses");
    result
}

/// The same, if it needs as many accesses: `true`. Otherwise nothing happens meanwhile.
pub(crate) fn if_stopped<R>(
    accesses: u32,
    meanwhile: impl FnOnce() + 'static,
    operation: impl FnOnce() -> R,
) -> (R, bool) {
    let me = thread::current().id();
    STOPPED.set(Some((me, accesses, Box::new(meanwhile))));
    let result = operation();
    let stopped = STOPPED.take().is_none();
    KILLS.set(KILLS.get() + usize::from(stopped));
    (result, stopped)
}

/// Explores `play` with a victim killed or stopped at its access 0, 1, 2, … until it is never reached; how many there are.
pub(crate) fn everywhere(preemptions: usize, play: impl Fn(u32) + Copy + Send + Sync + 'static) -> u32 {
    for accesses in 0.. {
        let before = KILLS.get();
        explore(preemptions, move || play(accesses));
        if KILLS.get() == before {
            return accesses;
        }
        assert!(accesses < 200, "a walk without end");
    }
    unreachable!()
}
