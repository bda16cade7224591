//! What machine is this, and has it just changed?

use std::fs;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::board::{Board, Shared, now};
use super::duel::Effort;

/// Round trips of one reading of the probe, of which the best of [`READINGS`] counts.
const PROBE: u64 = 1_000;
const READINGS: usize = 5;
/// Two probes further apart than this are two regimes.
const SAME: f64 = 1.35;

/// Where the runs take place.
#[derive(Debug)]
pub struct Lab {
    /// What the workers share.
    pub shared: Shared,
    cpus: [usize; 2],
}

impl Lab {
    /// The first two processors that this process may use.
    pub fn set_up() -> Result<Lab, String> {
        let allowed = sched_getaffinity(None).map_err(|e| format!("cannot read the CPU affinity: {e}"))?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
        let (Some(first), Some(second)) = (cpus.next(), cpus.next()) else {
            return Err("two processors are needed".to_owned());
        };
        Ok(Lab {
            shared: Shared::create().map_err(|e| format!("cannot share memory: {e}"))?,
            cpus: [first, second],
        })
    }

    /// Where worker `index` runs: by turns.
    pub fn cpu(&self, index: usize) -> usize {
        self.cpus[index % 2]
    }

    /// Prints what all figures depend on.
    pub fn describe(&self, effort: Effort) {
        let first_line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpu.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
        };
        println!(
            "machine  {} (family {} model {}), {} processors{}",
            field("model name"),
            field("cpu family"),
            field("model\t"),
            std::thread::available_parallelism().map_or(0, |n| n.get()),
            if cpu.contains("hypervisor") { ", virtual" } else { "" },
        );
        println!("kernel   Linux {}", first_line("/proc/sys/kernel/osrelease"));
        println!(
            "pinning  worker i on CPU {} or {} by turns, senders first; ours between processes, others between threads",
            self.cpus[0], self.cpus[1]
        );
        println!("load     {}", first_line("/proc/loadavg"));
        println!(
            "probe    bare atomic ping-pong on one shared line: {:.0} ns",
            self.probe()
        );
        println!(
            "figures  medians, in brackets the quartiles; a round is thrown away if its probes differ by {SAME} times or a \
             worker was kept from its processor; {} passes of {} rounds, told apart by the probe",
            effort.passes, effort.rounds
        );
        println!();
    }

    /// A bare atomic ping-pong between the two processors, in nanoseconds a round trip.
    pub fn probe(&self) -> f64 {
        let board = self.shared.board();
        let mut best = f64::MAX;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pin(self.cpus[1]);
                for _ in 0..READINGS {
                    pong(board, PROBE);
                }
            });
            scope
                .spawn(|| {
                    pin(self.cpus[0]);
                    for _ in 0..READINGS {
                        let start = now();
                        ping(board, PROBE);
                        best = best.min((now() - start) as f64 / PROBE as f64);
                    }
                })
                .join()
                .expect("the probe");
        });
        board.wipe();
        best
    }
}

/// Serves: `trips` times 2i + 1 is answered by 2i + 2, on one line.
pub fn ping(board: &Board, trips: u64) {
    let ball = &board.ball.0;
    // Relaxed: our own last store.
    let first = ball.load(Relaxed);
    for i in 0..trips {
        ball.store(first + 2 * i + 1, Release);
        while ball.load(Acquire) != first + 2 * i + 2 {
            spin_loop();
        }
    }
}

/// Returns.
pub fn pong(board: &Board, trips: u64) {
    let ball = &board.ball.0;
    for _ in 0..trips {
        let mut seen = ball.load(Acquire);
        while seen.is_multiple_of(2) {
            spin_loop();
            seen = ball.load(Acquire);
        }
        ball.store(seen + 1, Release);
    }
}

/// All of these readings are of one regime.
pub fn same_regime(probes: &[f64]) -> bool {
    let least = probes.iter().copied().fold(f64::MAX, f64::min);
    let most = probes.iter().copied().fold(0.0, f64::max);
    most <= least * SAME
}

/// The regimes that `probes` fall into, each by its highest one: there is nothing between them for [`SAME`] times.
pub fn regimes(probes: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = probes.collect();
    sorted.sort_by(f64::total_cmp);
    let mut regimes: Vec<f64> = sorted
        .windows(2)
        .filter(|pair| pair[1] > pair[0] * SAME)
        .map(|pair| pair[0])
        .collect();
    regimes.extend(sorted.last());
    regimes
}

/// Keeps this thread on one processor.
pub fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).expect("pin to a processor that this process may use");
}
