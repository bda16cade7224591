//! How is a question put to a mechanism? One file a question; here is what they share.

mod idle;
mod many;
mod one_way;
mod round_trip;

use crate::ask::{Ask, Question, Wait};
use crate::board::now;
use crate::crew::{Begun, Crew, Done, Extent, Failure, Manner, Outcome};
use crate::mechanism::{Link, Mechanism, Reach, Shape, Skip};
use crate::message::Message;

pub use idle::{beats, sleep_until};
pub use round_trip::{WARM_UP, histogram, percentiles};

/// What can be run with messages of any type.
pub trait Run {
    /// One run.
    fn run<M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure>;
}

/// One run with messages of the size asked for.
pub fn run<R: Run>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
    match ask.size {
        8 => R::run::<[u64; 1]>(ask, crew),
        64 => R::run::<[u64; 8]>(ask, crew),
        1024 => R::run::<[u64; 128]>(ask, crew),
        4096 => R::run::<[u64; 512]>(ask, crew),
        65_536 => R::run::<[u64; 8192]>(ask, crew),
        1_048_576 => R::run::<[u64; 131_072]>(ask, crew),
        size => Err(Skip(format!("no messages of {size} bytes: see --size")).into()),
    }
}

/// The sizes that [`run`] knows, in bytes.
pub const SIZES: [usize; 6] = [8, 64, 1024, 4096, 65_536, 1_048_576];

impl<K: Mechanism> Run for K {
    fn run<M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
        match ask.question {
            Question::OneWay | Question::SystemCalls => one_way::run::<K, M>(ask, crew),
            Question::RoundTrip => round_trip::run::<K, M>(ask, crew),
            Question::Many => many::run::<K, M>(ask, crew),
            Question::Idle => idle::run::<K, M>(ask, crew),
        }
    }
}

/// A new link, and what making it took.
fn open<K: Mechanism, M: Message>(ask: &Ask) -> Result<(K::Link<M>, u64), Skip> {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static LINKS: AtomicU64 = AtomicU64::new(0);
    let shape = Shape {
        slots: ask.slots,
        senders: ask.senders,
        receivers: ask.receivers,
        wait: wait::<K>(ask),
        // Relaxed: the coordinator has no threads.
        name: format!("versus-{}-{}", std::process::id(), LINKS.fetch_add(1, Relaxed)),
    };
    let start = now();
    let link = K::Link::<M>::open(&shape)?;
    Ok((link, now() - start))
}

fn wait<K: Mechanism>(ask: &Ask) -> Wait {
    ask.wait.unwrap_or(K::WAITS[0])
}

/// What the workers did, taken together; what was received must be what was sent.
pub fn together(reach: Reach, open: u64, all: &[Done], calls: Option<u64>) -> Result<Outcome, Failure> {
    let sum = |of: fn(&Done) -> u64| all.iter().map(of).fold(0, u64::wrapping_add);
    let (sent, received) = (sum(|d| d.sent), sum(|d| d.received));
    if sent != received || sum(|d| d.sent_sum) != sum(|d| d.received_sum) {
        return Err(Failure::Wrong(format!(
            "{sent} messages sent, {received} received, or others"
        )));
    }
    if received == 0 {
        return Err(Failure::Wrong("no message came".to_owned()));
    }
    let start = all.iter().map(|d| d.start).min().unwrap_or(0);
    let end = all.iter().map(|d| d.end).max().unwrap_or(0);
    let memory = all.iter().map(|d| d.memory);
    Ok(Outcome {
        elapsed: end - start,
        messages: received,
        cpu: sum(|d| d.cpu),
        open,
        attach: all.iter().map(|d| d.attach).max().unwrap_or(0),
        memory: match reach {
            Reach::Processes | Reach::Limit => memory.sum(),
            // Threads see the memory of all.
            Reach::Threads => memory.max().unwrap_or(0),
        },
        latency: all.iter().find_map(|d| d.latency),
        calls,
    })
}

/// How it is done.
pub fn manner(reach: Reach, ask: &Ask) -> Manner {
    Manner {
        reach,
        one_cpu: ask.one_cpu,
        traced: ask.question == Question::SystemCalls,
    }
}

/// What each sender is to do.
pub fn extent(ask: &Ask) -> Extent {
    Extent {
        time: ask.time,
        count: ask.count.map(|count| (count / ask.senders as u64).max(1)),
    }
}

/// Does `step` as often as `extent` says, at least once; for a time, it looks at the clock each 100 µs or so.
pub fn until(extent: Extent, begun: &Begun, mut step: impl FnMut() -> Result<(), Skip>) -> Result<(), Skip> {
    const OFTEN: u64 = 100_000;
    if let Some(count) = extent.count {
        return (0..count).try_for_each(|_| step());
    }
    let end = begun.at + extent.time.as_nanos() as u64;
    let (mut stride, mut last) = (1u32, now());
    loop {
        for _ in 0..stride {
            step()?;
        }
        let time = now();
        if time >= end {
            return Ok(());
        }
        if time - last < OFTEN {
            stride = stride.saturating_mul(2);
        } else if time - last > 4 * OFTEN {
            stride = (stride / 2).max(1);
        }
        last = time;
    }
}
