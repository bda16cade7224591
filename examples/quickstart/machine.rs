//! What machine is this, and where on it do the two processes run?

use std::fmt;
use std::fs;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A processor for each of the two processes.
#[derive(Clone, Copy, Debug)]
pub struct Pins {
    pub first: usize,
    pub second: usize,
}

impl Pins {
    /// The first processor that we may use, and the first of another core, or at least another one. `None` if there is
    /// only one.
    pub fn choose() -> Option<Pins> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let cpus: Vec<usize> = (0..CpuSet::count())
            .filter(|&cpu| allowed.is_set(cpu).unwrap_or(false))
            .collect();
        let (&first, rest) = cpus.split_first()?;
        let other_core = rest.iter().find(|&&cpu| core(cpu) != core(first));
        let &second = other_core.or(rest.first())?;
        Some(Pins { first, second })
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pins { first, second } = self;
        write!(f, "this process to CPU {first}, the second one to CPU {second}")?;
        if core(*first).is_some() && core(*first) == core(*second) {
            write!(f, " (two threads of one core)")?;
        }
        Ok(())
    }
}

/// Keeps the calling thread on `cpu`.
pub fn pin(cpu: usize) -> nix::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &only)
}

/// The processors that share a core with `cpu`, in the kernel's notation.
fn core(cpu: usize) -> Option<String> {
    fs::read_to_string(format!(
        "/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    ))
    .ok()
}

/// Processor, kernel and architecture, in a line.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let model = field("model name").unwrap_or("unknown processor");
    let virtual_machine = field("flags").is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor"));
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{model}, {cpus} CPU{}{}, Linux {}, {}",
        if cpus == 1 { "" } else { "s" },
        if virtual_machine { ", virtual machine" } else { "" },
        release.trim(),
        std::env::consts::ARCH,
    )
}

/// How many processes wanted to run lately: with more than there are CPUs, the numbers say little.
pub fn load() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
