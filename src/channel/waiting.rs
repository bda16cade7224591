//! How does an endpoint wait until it can do something?

use crate::wait::{Spinning, Watch, Why};

use super::endpoint::{Endpoint, Refusal};

/// As long as the channel's tick.
pub(super) const A_TICK: u64 = u64::MAX;

/// What a try should look after besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// Nothing.
    Usual,
    /// The dead.
    AfterTheDead,
}

/// Tries until it is not refused for now; [`Refusal::Blocked`] after the deadline (nanoseconds of the monotonic clock).
///
/// `watch` says where a change means that it may be worth trying again. It sleeps for `longest` nanoseconds at most between two
/// tries.
#[cold]
pub(super) fn until<R, W: Watch>(
    endpoint: &Endpoint,
    deadline: Option<u64>,
    longest: u64,
    watch: impl Fn() -> W,
    mut attempt: impl FnMut(Look) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let mut spinning = endpoint.spin(deadline);
    loop {
        let seen = watch();
        if !spinning.step(&seen) {
            return asleep(endpoint, spinning, (deadline, longest), attempt);
        }
        let look = if endpoint.time_to_look() {
            Look::AfterTheDead
        } else {
            Look::Usual
        };
        match attempt(look) {
            Err(Refusal::Blocked) => {}
            done => {
                spinning.answered(&seen);
                return done;
            }
        }
    }
}

fn asleep<R>(
    endpoint: &Endpoint,
    spinning: Spinning<'_>,
    (deadline, longest): (Option<u64>, u64),
    mut attempt: impl FnMut(Look) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let mut sleeper = endpoint.sleep_at_most(deadline, longest);
    while let Some(why) = sleeper.next() {
        let look = if why == Why::Tick || why == Why::Sleep && endpoint.overdue() {
            Look::AfterTheDead
        } else {
            Look::Usual
        };
        match attempt(look) {
            Err(Refusal::Blocked) => {}
            done => {
                spinning.slept(&sleeper);
                return done;
            }
        }
        if why == Why::Sleep {
            endpoint.count_wait();
        }
    }
    Err(Refusal::Blocked)
}
