//! What do the mechanisms between threads have in common?

use std::sync::Mutex;

use crate::ask::Wait;

use super::{About, Shape, Skip};

/// What the decision matrix tells of every one of them.
pub const THREADS: About = About {
    framing: "values",
    persistence: "none",
    relation: "threads of one process",
    death: "all die together",
};

/// The largest value that they are asked to move: beyond it a user moves a `Box`.
pub const MOST: usize = 4096;

/// Two ends that wait to be taken: once, or as often as they are cloned.
#[derive(Debug)]
pub struct Ends<T, R>(Mutex<(Option<T>, Option<R>)>);

impl<T, R> Ends<T, R> {
    /// Of these.
    pub fn new(tx: T, rx: R) -> Self {
        Ends(Mutex::new((Some(tx), Some(rx))))
    }

    /// The sending one.
    pub fn take_tx(&self) -> Result<T, Skip> {
        self.0.lock().unwrap().0.take().ok_or_else(taken)
    }

    /// The receiving one.
    pub fn take_rx(&self) -> Result<R, Skip> {
        self.0.lock().unwrap().1.take().ok_or_else(taken)
    }

    /// One more sending end.
    pub fn clone_tx(&self) -> Result<T, Skip>
    where
        T: Clone,
    {
        self.0.lock().unwrap().0.clone().ok_or_else(taken)
    }

    /// One more receiving end.
    pub fn clone_rx(&self) -> Result<R, Skip>
    where
        R: Clone,
    {
        self.0.lock().unwrap().1.clone().ok_or_else(taken)
    }
}

fn taken() -> Skip {
    Skip::because("taken")
}

/// An end of a channel that can block, and whether it is to look again instead.
#[derive(Clone, Debug)]
pub struct Either<E> {
    /// The channel's own.
    pub end: E,
    /// Whether to look again, for ever.
    pub spins: bool,
}

impl<T, R> Ends<Either<T>, Either<R>> {
    /// Of these, which wait as the shape says.
    pub fn waiting(shape: &Shape, (tx, rx): (T, R)) -> Self {
        let spins = shape.wait == Wait::Spin;
        Ends::new(Either { end: tx, spins }, Either { end: rx, spins })
    }
}

/// Looks until there is something.
#[inline(always)]
pub fn spin<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::hint::spin_loop();
    }
}
