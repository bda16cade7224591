//! Has a round trip become longer or shorter since the last time? Spinning, two pinned threads of one process.
//!
//! For our own history only: `ratios` is what compares.

mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

use annulus::{mpmc, spsc};

/// So long that nobody ever sleeps.
const SPIN: Duration = Duration::from_secs(1);

fn latency(c: &mut Criterion) {
    let mut group = c.benchmark_group("latency");
    group.bench_function("spsc", |b| {
        let channel = || {
            spsc::Channel::<u64>::builder(64)
                .spin_time(SPIN)
                .anonymous()
                .expect("a channel")
        };
        let (there, back) = (channel(), channel());
        b.iter_custom(|trips| support::round_trips(trips, &there, &back));
    });
    group.bench_function("mpmc", |b| {
        let channel = || {
            mpmc::Channel::<u64>::builder(64)
                .spin_time(SPIN)
                .anonymous()
                .expect("a channel")
        };
        let (there, back) = (channel(), channel());
        b.iter_custom(|trips| support::round_trips(trips, &there, &back));
    });
    group.finish();
}

criterion_group!(benches, latency);
criterion_main!(benches);
