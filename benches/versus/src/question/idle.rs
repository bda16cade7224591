//! How much processor time does a stream of a thousand messages a second cost, both sides together?

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};

use crate::ask::Ask;
use crate::crew::{Begun, Crew, Done, Extent, Failure, Outcome, Post, Work};
use crate::mechanism::{Link, Mechanism, Skip, Tx};
use crate::message::{END, Message};

use super::{extent, manner, one_way, open, together};

/// From one message to the next, in nanoseconds.
const PACE: u64 = 1_000_000;

pub fn run<K: Mechanism, M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
    let (link, took) = open::<K, M>(ask)?;
    let works: [Work<'_>; 2] = [
        Box::new(|post| send(&link, post)),
        Box::new(|post| one_way::receive(&link, post)),
    ];
    let (all, calls) = crew.run(manner(K::REACH, ask), extent(ask), &works)?;
    together(K::REACH, took, &all, calls)
}

fn send<M: Message>(link: &impl Link<M>, post: &Post<'_>) -> Result<Done, Skip> {
    let mut message = M::new();
    let arrived = post.arrive();
    let mut tx = link.tx()?;
    let begun = post.begin(arrived)?;
    let (mut number, mut sum) = (0, 0u64);
    for at in beats(post.extent, &begun) {
        sleep_until(at);
        message.number(number);
        tx.send(&message)?;
        sum += number;
        number += 1;
    }
    message.number(END);
    tx.send(&message)?;
    Ok(Done {
        sent: number,
        sent_sum: sum,
        ..post.done(&begun)
    })
}

/// When messages are due.
pub fn beats(extent: Extent, begun: &Begun) -> impl Iterator<Item = u64> {
    let count = extent.count.unwrap_or(extent.time.as_nanos() as u64 / PACE);
    let first = begun.at;
    (0..count.max(1)).map(move |i| first + i * PACE)
}

/// Sleeps until then, on [`crate::board::now`]'s clock.
pub fn sleep_until(at: u64) {
    let at = TimeSpec::new((at / 1_000_000_000) as i64, (at % 1_000_000_000) as i64);
    let absolute = ClockNanosleepFlags::TIMER_ABSTIME;
    // Interrupted: the same time again.
    while clock_nanosleep(ClockId::CLOCK_MONOTONIC, absolute, &at).is_err() {}
}
