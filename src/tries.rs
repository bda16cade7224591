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
