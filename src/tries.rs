//! How often is a word tried that others change meanwhile?
//!
//! Among those who keep to the protocol each try that fails is somebody else's success, and there is an end to what they have
//! to do. A process that writes to the word and does nothing else could keep others at it for ever.

/// After so many tries in vain nobody is at work on the word but at writing over it. A guess: a second or so, and a thousand
/// processes that do nothing but attach, close and wait are thousands of times faster.
const TRIES: u32 = 1 << 22;

/// `change`, for `fetch_update`, which fails once it has been tried so often.
pub(crate) fn at_most<V>(change: impl Fn(V) -> V) -> impl FnMut(V) -> Option<V> {
    let mut left = TRIES;
    move |seen| {
        left = left.checked_sub(1)?;
        Some(change(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicU64, Relaxed};

    #[test]
    fn a_word_that_is_written_over_for_ever_is_given_up() {
        let word = AtomicU64::new(0);
        // Relaxed, all: own line (private to the test).
        let closed = |seen| {
            word.store(seen + 2, Relaxed);
            1
        };
        let updated = word.fetch_update(Relaxed, Relaxed, at_most(closed));
        assert!(updated.is_err());
        assert_eq!(word.load(Relaxed) % 2, 0, "and is not ours");
    }

    #[test]
    fn a_word_that_others_change_is_changed() {
        let word = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                // Relaxed, all: own line (private to the test).
                let many =
                    || (0..10_000).for_each(|_| _ = word.fetch_update(Relaxed, Relaxed, at_most(|seen| seen + 1)));
                scope.spawn(many);
            }
        });
        assert_eq!(word.load(Relaxed), 40_001);
    }
}
