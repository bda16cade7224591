//! Has a message become cheaper or dearer since the last time? One way, two pinned threads of one process.
//!
//! For our own history only: `ratios` is what compares.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use annulus::{mpmc, spsc};

fn throughput(c: &mut Criterion) {
    let mut group = c.benchmark_group("throughput");
    group.throughput(Throughput::Elements(1));
    for slots in [256, 1024, 4096, 65_536] {
        group.bench_function(format!("spsc/{slots}"), |b| {
            let channel = spsc::Channel::<u64>::anonymous(slots).expect("a channel");
            b.iter_custom(|messages| support::one_way(messages, &channel));
        });
        group.bench_function(format!("mpmc/{slots}"), |b| {
            let channel = mpmc::Channel::<u64>::anonymous(slots).expect("a channel");
            b.iter_custom(|messages| support::one_way(messages, &channel));
        });
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
