//! How long does a message there and one back take?

use hdrhistogram::Histogram;

use crate::ask::Ask;
use crate::board::now;
use crate::crew::{Crew, Done, Failure, Latency, Outcome, Post, Work};
use crate::mechanism::{Link, Mechanism, Rx, Skip, Tx};
use crate::message::{END, Message};

use super::{extent, manner, open, together, until};

/// Round trips that are not measured, at first; of fewer than twice as many, half.
pub const WARM_UP: u64 = 100;

pub fn run<K: Mechanism, M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
    let (there, took) = open::<K, M>(ask)?;
    let (back, _) = open::<K, M>(ask)?;
    let works: [Work<'_>; 2] = [
        Box::new(|post| ask_for_answers(&there, &back, post)),
        Box::new(|post| answer(&there, &back, post)),
    ];
    let (all, calls) = crew.run(manner(K::REACH, ask), extent(ask), &works)?;
    together(K::REACH, took, &all, calls)
}

fn ask_for_answers<M: Message>(there: &impl Link<M>, back: &impl Link<M>, post: &Post<'_>) -> Result<Done, Skip> {
    let (mut question, mut answer) = (M::new(), M::new());
    let mut trips = histogram();
    let measured_from = WARM_UP.min(post.extent.count.unwrap_or(u64::MAX) / 2);
    let arrived = post.arrive();
    let (mut tx, mut rx) = (there.tx()?, back.rx()?);
    let begun = post.begin(arrived)?;
    let (mut number, mut sum, mut before) = (0, 0u64, begun.at);
    until(post.extent, &begun, || {
        question.number(number);
        tx.send(&question)?;
        rx.recv(&mut answer)?;
        let after = now();
        assert_eq!(answer.checked().expect("a whole answer"), number, "the answer to this");
        if number >= measured_from {
            trips.saturating_record(after - before);
        }
        sum = sum.wrapping_add(number);
        number += 1;
        before = after;
        Ok(())
    })?;
    question.number(END);
    tx.send(&question)?;
    Ok(Done {
        sent: number,
        sent_sum: sum,
        latency: Some(percentiles(&trips)),
        ..post.done(&begun)
    })
}

fn answer<M: Message>(there: &impl Link<M>, back: &impl Link<M>, post: &Post<'_>) -> Result<Done, Skip> {
    let mut message = M::new();
    let arrived = post.arrive();
    let (mut rx, mut tx) = (there.rx()?, back.tx()?);
    let begun = post.begin(arrived)?;
    let (mut expected, mut sum) = (0, 0u64);
    loop {
        rx.recv(&mut message)?;
        let number = message.checked().expect("a whole message");
        if number == END {
            break;
        }
        tx.send(&message)?;
        assert_eq!(number, expected, "in order");
        sum = sum.wrapping_add(number);
        expected += 1;
    }
    Ok(Done {
        received: expected,
        received_sum: sum,
        ..post.done(&begun)
    })
}

/// Up to a minute, with three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("sound bounds")
}

/// What is told of a histogram of nanoseconds.
pub fn percentiles(trips: &Histogram<u64>) -> Latency {
    let at = |quantile| trips.value_at_quantile(quantile);
    Latency {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        max: trips.max(),
    }
}
