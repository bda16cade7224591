//! Who does the work of a run, and what do they report?
//!
//! A run is done by *workers*: forked processes, or threads of one forked process. Each takes its end, meets the others at the
//! board, works, and reports through a pipe. The coordinator has no threads, waits no longer than a watchdog allows, and kills
//! who has not reported by then.
//!
//! # Unsafe
//! `fork` in a process without threads, whose children end by `_exit`.

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

use crate::board::{Board, now, worked, worked_in_all};
use crate::mechanism::{Reach, Skip};
use crate::trace;

/// What a run gets beyond the time that it was to take, before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One worker's work: it takes its end, calls [`Post::begin`], and says what it did.
pub type Work<'a> = Box<dyn Fn(&Post<'_>) -> Result<Done, Skip> + Sync + 'a>;

/// Who runs the runs.
#[derive(Debug)]
pub struct Crew {
    /// Where workers meet.
    pub board: &'static Board,
    /// The processors to pin to, in turn; none: wherever the scheduler puts us.
    pub cpus: Vec<usize>,
}

/// A worker's place in a run.
#[derive(Debug)]
pub struct Post<'a> {
    /// Shared by all workers of the run.
    pub board: &'a Board,
    crew: u32,
    reach: Reach,
    /// How much to do.
    pub extent: Extent,
    traced: bool,
}

/// How much a sender is to do.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How long it works,
    pub time: Duration,
    /// unless this says how many messages it sends.
    pub count: Option<u64>,
}

/// How a run's workers are run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Processes, or threads of one.
    pub reach: Reach,
    /// All on the first processor.
    pub one_cpu: bool,
    /// With a look at each system call.
    pub traced: bool,
}

/// When a worker began, and what it had used by then.
#[derive(Debug)]
pub struct Begun {
    /// On [`now`]'s clock.
    pub at: u64,
    worked: u64,
    attach: u64,
    kept: u64,
}

/// What a worker did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// On a clock that all workers share, in nanoseconds.
    pub start: u64,
    /// See `start`.
    pub end: u64,
    /// Messages that it sent.
    pub sent: u64,
    /// The sum of their numbers, wrapped.
    pub sent_sum: u64,
    /// Messages that it received, each of them checked.
    pub received: u64,
    /// The sum of their numbers, wrapped.
    pub received_sum: u64,
    /// Processor time between start and end, in nanoseconds.
    pub cpu: u64,
    /// What taking its ends took, in nanoseconds.
    pub attach: u64,
    /// Memory that it has beyond what it had before it took its ends, in bytes; shared pages in parts.
    pub memory: u64,
    /// Round trips, if it measured any.
    pub latency: Option<Latency>,
}

/// Percentiles, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// See `p50`.
    pub p99: u64,
    /// See `p50`.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

/// What all workers of a run did together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// From the first start to the last end, in nanoseconds.
    pub elapsed: u64,
    /// Messages that came through.
    pub messages: u64,
    /// Processor time of all workers, in nanoseconds.
    pub cpu: u64,
    /// What making the link took, in nanoseconds.
    pub open: u64,
    /// What taking an end took at most, in nanoseconds.
    pub attach: u64,
    /// What both ends hold, in bytes. (What the kernel holds for them cannot be seen from here.)
    pub memory: u64,
    /// Round trips, where they were measured.
    pub latency: Option<Latency>,
    /// System calls of all workers, where they were counted.
    pub calls: Option<u64>,
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The mechanism cannot do this.
    #[error("{0}")]
    Skipped(#[from] Skip),
    /// A worker has not ended in time.
    #[error("hung: no end after {0:?}")]
    Hung(Duration),
    /// A worker has ended without a report.
    #[error("a worker has died: {0}")]
    Died(String),
    /// What came is not what was sent.
    #[error("WRONG: {0}")]
    Wrong(String),
}

impl Failure {
    /// Whether something went wrong, and not only could not be done.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Failure::Skipped(_))
    }
}

impl Post<'_> {
    /// Waits for the other workers. To be called with both ends in hand; `before` is what [`Post::arrive`] said.
    pub fn begin(&self, before: Arrived) -> Result<Begun, Skip> {
        let attach = now() - before.at;
        self.board
            .meet(self.crew)
            .map_err(|_| Skip::because("another worker could not begin"))?;
        if self.traced {
            trace::begin();
        }
        Ok(Begun {
            at: now(),
            worked: self.worked(),
            attach,
            kept: before.memory,
        })
    }

    /// Before the ends are taken.
    pub fn arrive(&self) -> Arrived {
        let memory = memory();
        Arrived { at: now(), memory }
    }

    /// Now, with what was used since `begun`; the rest is left to be filled in. The ends must still be there.
    pub fn done(&self, begun: &Begun) -> Done {
        if self.traced {
            trace::end();
        }
        let (end, worked) = (now(), self.worked());
        Done {
            start: begun.at,
            end,
            cpu: worked - begun.worked,
            attach: begun.attach,
            memory: memory().saturating_sub(begun.kept),
            ..Done::default()
        }
    }

    fn worked(&self) -> u64 {
        match self.reach {
            Reach::Processes | Reach::Limit => worked_in_all(),
            Reach::Threads => worked(),
        }
    }
}

/// When a worker came, before it took its ends.
#[derive(Debug)]
pub struct Arrived {
    at: u64,
    memory: u64,
}

impl Crew {
    /// Does `works`, each in a worker of its own; also, if they are traced, the system calls that they make.
    pub fn run(&self, manner: Manner, extent: Extent, works: &[Work<'_>]) -> Result<(Vec<Done>, Option<u64>), Failure> {
        let Manner { reach, one_cpu, traced } = manner;
        self.board.wipe();
        let post = Post {
            board: self.board,
            crew: works.len() as u32,
            reach,
            extent,
            traced,
        };
        let cpu = |worker: usize| {
            let cpu = if one_cpu { 0 } else { worker };
            self.cpus.get(cpu % self.cpus.len().max(1)).copied()
        };
        let hosts: Vec<Vec<(&Work<'_>, Option<usize>)>> = match reach {
            Reach::Processes | Reach::Limit => works.iter().enumerate().map(|(i, work)| vec![(work, cpu(i))]).collect(),
            Reach::Threads => vec![works.iter().enumerate().map(|(i, work)| (work, cpu(i))).collect()],
        };
        let mut children = Vec::new();
        for host in &hosts {
            children.push(Child::start(|| serve(&post, host))?);
        }
        let limit = extent.time * 2 + PATIENCE;
        let deadline = Instant::now() + limit;
        let calls = match traced {
            true => {
                let mut left = children.iter().map(|child| child.pid).collect();
                let calls = trace::count(&mut left, limit);
                children
                    .iter_mut()
                    .for_each(|child| child.waited_for = !left.contains(&child.pid));
                Some(calls?)
            }
            false => None,
        };
        let mut all = Vec::new();
        while !children.is_empty() {
            // The first failure is the run's: who waits for the failed one would wait for ever, and is killed.
            let ended = Child::next(&mut children, deadline).map_err(|late| late.unwrap_or(Failure::Hung(limit)))?;
            all.extend(ended.outcome()?);
        }
        Ok((all, calls))
    }
}

/// A forked process that is waited for.
struct Child {
    pid: Pid,
    reports: File,
    text: Vec<u8>,
    waited_for: bool,
}

impl Child {
    fn start(work: impl FnOnce() -> Vec<Result<Done, String>>) -> Result<Child, Failure> {
        let died = |why: nix::Error| Failure::Died(why.to_string());
        let (reports, ours) = pipe2(OFlag::O_CLOEXEC).map_err(died)?;
        // SAFETY: this process has no threads.
        match unsafe { fork() }.map_err(died)? {
            ForkResult::Parent { child } => Ok(Child {
                pid: child,
                reports: File::from(reports),
                text: Vec::new(),
                waited_for: false,
            }),
            ForkResult::Child => {
                drop(reports);
                let status = match report(ours, work) {
                    Ok(()) => 0,
                    Err(_) => 1,
                };
                // SAFETY: ends this process; nothing of the coordinator's is flushed or unlinked by it.
                unsafe { nix::libc::_exit(status) }
            }
        }
    }

    /// Takes the next one out that has ended; `Err(None)` if none does before the deadline.
    fn next(children: &mut Vec<Child>, deadline: Instant) -> Result<Child, Option<Failure>> {
        let died = |why: io::Error| Some(Failure::Died(why.to_string()));
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            let mut fds: Vec<PollFd<'_>> = children
                .iter()
                .map(|child| PollFd::new(child.reports.as_fd(), PollFlags::POLLIN))
                .collect();
            match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(0) => return Err(None),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(why) => return Err(died(why.into())),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            for i in (0..children.len()).filter(|&i| ready[i]) {
                let mut part = [0; 4096];
                match children[i].reports.read(&mut part).map_err(died)? {
                    0 => return Ok(children.swap_remove(i)),
                    length => children[i].text.extend_from_slice(&part[..length]),
                }
            }
        }
    }

    fn outcome(self) -> Result<Vec<Done>, Failure> {
        let text = &self.text;
        if text.is_empty() {
            return Err(Failure::Died(match waitpid(self.pid, None) {
                Ok(WaitStatus::Signaled(_, signal, _)) => format!("{signal}"),
                other => format!("without a report ({other:?})"),
            }));
        }
        let reports: Vec<Result<Done, String>> =
            serde_json::from_slice(text).map_err(|why| Failure::Died(why.to_string()))?;
        let failures = reports.iter().filter_map(|report| report.as_ref().err());
        // Whoever was called off has less to say than who called it off.
        if let Some(why) = failures.min_by_key(|why| why.starts_with("another worker")) {
            return Err(match why.strip_prefix(WRONG) {
                Some(what) => Failure::Wrong(what.to_owned()),
                None => Failure::Skipped(Skip(why.clone())),
            });
        }
        Ok(reports.into_iter().flatten().collect())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.waited_for {
            return;
        }
        // Whoever has ended by itself is a zombie until the wait, so this hits nobody else.
        let _ = kill(self.pid, Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
    }
}

/// How a report begins whose worker has received what was not sent: workers panic then.
const WRONG: &str = "wrong: ";

fn report(to: OwnedFd, work: impl FnOnce() -> Vec<Result<Done, String>>) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    panic::set_hook(Box::new(|_| {}));
    let text = serde_json::to_vec(&work())?;
    File::from(to).write_all(&text)
}

/// In the child: one thread for each of several works.
fn serve(post: &Post<'_>, works: &[(&Work<'_>, Option<usize>)]) -> Vec<Result<Done, String>> {
    if post.traced {
        trace::submit();
    }
    if let [(work, cpu)] = works {
        return vec![perform(post, work, *cpu)];
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = works
            .iter()
            .map(|&(work, cpu)| {
                let thread = std::thread::Builder::new().stack_size(64 << 20);
                thread
                    .spawn_scoped(scope, move || perform(post, work, cpu))
                    .expect("a thread")
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("caught inside")).collect()
    })
}

fn perform(post: &Post<'_>, work: &Work<'_>, cpu: Option<usize>) -> Result<Done, String> {
    if let Some(cpu) = cpu {
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(None, &set).map_err(|why| why.to_string())?;
    }
    let result = match panic::catch_unwind(AssertUnwindSafe(|| work(post))) {
        Ok(result) => result.map_err(|why| why.to_string()),
        Err(payload) => Err(format!("{WRONG}{}", said(&*payload))),
    };
    if result.is_err() {
        post.board.call_off();
    }
    result
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".to_owned())
}

/// This process's proportional set size, in bytes.
fn memory() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
