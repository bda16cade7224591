//! What machine is this, and has it just changed?

use std::fs;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity};
use serde::{Deserialize, Serialize};

use crate::board::{Board, now};
use crate::crew::{Crew, Done, Extent, Manner, Work};
use crate::mechanism::Reach;
use crate::options::Pinning;

/// Round trips of one reading of the probe, of which the best of [`READINGS`] counts.
const PROBE: u32 = 1_000;
const READINGS: usize = 5;
/// Two probes further apart than this are two regimes: the hypervisor has moved the processors.
const SAME: f64 = 1.35;

/// What all figures depend on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// As the kernel names the processor.
    pub processor: String,
    /// How many this process may use.
    pub processors: usize,
    /// Whether a hypervisor says that it is there.
    pub virtual_machine: bool,
    /// The kernel's release.
    pub kernel: String,
    /// The compiler that built this.
    pub rustc: String,
    /// The means over 1, 5 and 15 minutes, before the first run.
    pub load: String,
    /// Where workers run.
    pub pinning: String,
}

impl Machine {
    /// This one.
    pub fn read(cpus: &[usize]) -> Machine {
        let first_line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpu.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
        };
        let load = first_line("/proc/loadavg");
        Machine {
            processor: format!(
                "{} (family {} model {})",
                field("model name"),
                field("cpu family"),
                field("model\t")
            ),
            processors: std::thread::available_parallelism().map_or(0, |n| n.get()),
            virtual_machine: cpu.contains("hypervisor"),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            rustc: env!("VERSUS_RUSTC").to_owned(),
            load: load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            pinning: match cpus {
                [] => "none".to_owned(),
                cpus => format!("workers by turns to processors {cpus:?}"),
            },
        }
    }
}

/// The processors that `pinning` means here.
pub fn processors(pinning: &Pinning) -> Result<Vec<usize>, String> {
    let allowed = sched_getaffinity(None).map_err(|why| format!("cannot read the CPU affinity: {why}"))?;
    match pinning {
        Pinning::None => Ok(Vec::new()),
        Pinning::Auto => Ok((0..CpuSet::MAX_CPU)
            .filter(|&cpu| allowed.is_set(cpu))
            .take(2)
            .collect()),
        Pinning::To(cpus) => match cpus.iter().find(|&&cpu| cpu >= CpuSet::MAX_CPU || !allowed.is_set(cpu)) {
            Some(cpu) => Err(format!("processor {cpu} is not one that this process may use")),
            None => Ok(cpus.clone()),
        },
    }
}

/// A bare atomic ping-pong between the two processors, in nanoseconds a round trip; none if they are not two.
pub fn probe(crew: &Crew) -> Option<f64> {
    let (first, second) = (crew.cpus.first()?, crew.cpus.get(1)?);
    if first == second {
        return None;
    }
    let works: [Work<'_>; 2] = [
        Box::new(|post| {
            let begun = post.begin(post.arrive())?;
            let mut best = u64::MAX;
            for _ in 0..READINGS {
                let start = now();
                ping(post.board, PROBE);
                best = best.min(now() - start);
            }
            Ok(Done {
                sent: best,
                ..post.done(&begun)
            })
        }),
        Box::new(|post| {
            let begun = post.begin(post.arrive())?;
            (0..READINGS).for_each(|_| pong(post.board, PROBE));
            Ok(post.done(&begun))
        }),
    ];
    let manner = Manner {
        reach: Reach::Processes,
        one_cpu: false,
        traced: false,
    };
    let extent = Extent {
        time: Duration::ZERO,
        count: None,
    };
    let (all, _) = crew.run(manner, extent, &works).ok()?;
    let best = all.iter().map(|done| done.sent).max()?;
    Some(best as f64 / f64::from(PROBE))
}

/// Serves: `trips` times 2i + 1 is answered by 2i + 2, on one line.
pub fn ping(board: &Board, trips: u32) {
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
pub fn pong(board: &Board, trips: u32) {
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
    probes.is_empty() || most <= least * SAME
}
