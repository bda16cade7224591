//! Has a round trip with a sleep in each direction become longer or shorter since the last time?
//!
//! For our own history only: `ratios` is what compares.

mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

use annulus::{FenceMode, spsc};

fn wake(c: &mut Criterion) {
    let mut group = c.benchmark_group("wake");
    group.sample_size(20);
    for mode in [FenceMode::Fenced, FenceMode::Membarrier] {
        group.bench_function(format!("{mode:?}").to_lowercase(), |b| {
            let channel = || {
                let builder = spsc::Channel::<u64>::builder(64)
                    .spin_time(Duration::ZERO)
                    .fence_mode(mode);
                builder.anonymous().expect("a channel")
            };
            let (there, back) = (channel(), channel());
            b.iter_custom(|trips| support::round_trips(trips, &there, &back));
        });
    }
    group.finish();
}

criterion_group!(benches, wake);
criterion_main!(benches);
