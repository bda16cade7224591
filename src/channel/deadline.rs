//! When is a wait over, on the clock that the kernel sleeps by?

use std::time::{Duration, Instant};

use crate::sync::now;

/// `timeout` from now, in nanoseconds of [`now`]; `None` for one that this clock does not reach.
pub(super) fn after(timeout: Duration) -> Option<u64> {
    u64::try_from(timeout.as_nanos())
        .ok()
        .and_then(|timeout| now().checked_add(timeout))
        // futex(2) refuses seconds that do not fit an i64.
        .filter(|&at| at < i64::MAX as u64)
}

/// An instant, in nanoseconds of [`now`].
pub(super) fn at(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    after(left).unwrap_or(u64::MAX)
}
