//! How long does it take to attach?

use std::time::Instant;

use annulus::mpmc;

use super::crew::{self, Order, Task};
use super::duel::quartiles;
use super::machine::Lab;

const ATTACH: &str = "attach";
const RING: &str = "ring";
const TIMES: usize = 1_000;
const PROCESSES: usize = 15;
/// In nanoseconds, once the process is registered for membarrier.
const MOST: f64 = 1_000_000.0;

/// One more endpoint in a process, and the first one in a new process.
pub fn report(lab: &Lab, wanted: impl Fn(&str) -> bool) {
    let again = "attach: one more endpoint of a process";
    if wanted(again) {
        let channel = mpmc::Channel::<u64>::anonymous(1024).expect("a channel");
        let times = (0..TIMES).map(|_| {
            let start = Instant::now();
            let tx = channel.sender().expect("a sender");
            let took = start.elapsed();
            drop(tx);
            took.as_nanos() as f64
        });
        tell(again, times.collect());
    }
    let first = "attach: inherited() and receiver() in a new process";
    if wanted(first) {
        let times = (0..PROCESSES).map(|_| {
            let channel = mpmc::Channel::<u64>::anonymous(1024).expect("a channel");
            let order = Order {
                role: ATTACH,
                messages: 1,
                batch: 1,
                senders: 0,
                receivers: 1,
            };
            let outcome = crew::processes(lab, &[order], |command| channel.pass_to(command, RING).expect("pass"));
            outcome.elapsed as f64
        });
        tell(first, times.collect());
    }
}

pub fn worker(task: &Task<'_>) -> Option<()> {
    if task.role != ATTACH {
        return None;
    }
    annulus::prepare().expect("membarrier");
    let mut attached = None;
    task.post.perform(|| {
        let channel = mpmc::Channel::<u64>::inherited(RING).expect("the channel");
        attached = Some((channel.receiver().expect("a receiver"), channel));
        (0, 0, 0)
    });
    Some(())
}

fn tell(name: &str, times: Vec<f64>) {
    let [low, median, high] = quartiles(times.iter().copied());
    let worst = times.iter().copied().fold(0.0, f64::max);
    let verdict = if median < MOST { "met" } else { "MISSED" };
    println!(
        "{name}: {:.0} µs [{:.0} {:.0}], worst of {} {:.0}  target < 1 ms: {verdict}",
        median / 1e3,
        low / 1e3,
        high / 1e3,
        times.len(),
        worst / 1e3,
    );
}
