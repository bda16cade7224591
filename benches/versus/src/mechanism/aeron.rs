//! Aeron over shared memory, through rusteron: a log of fragments that a media driver sets up; every subscriber would see each
//! message, so there is one.
//!
//! It is compiled with the feature `aeron`, which needs CMake 3.30, a C compiler, libclang, and the headers of libbsd and libuuid.

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Many, Mechanism, Reach};

#[cfg_attr(feature = "aeron", path = "aeron_built.rs")]
#[cfg_attr(not(feature = "aeron"), path = "aeron_absent.rs")]
mod link;

#[derive(Debug)]
pub struct Aeron;

impl Mechanism for Aeron {
    const NAME: &'static str = "Aeron";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, any size",
        persistence: "none; or an archive",
        relation: "by name, through a driver process",
        death: "nothing is torn; the driver tells, after seconds",
    };
    type Link<M: Message> = link::Driver;
}
