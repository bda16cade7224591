//! How many system calls do the workers of a run make?
//!
//! They are traced, from the meeting at the board until they are done: each tells by a call of its own that means nothing to the
//! kernel. That makes every call slower, by some microseconds; what a mechanism does between calls takes as long as ever.
//!
//! # Unsafe
//! A system call that there is not, a signal handler that does nothing, and the union that tells of a traced call.

use std::collections::HashSet;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, alarm};

use crate::crew::Failure;

/// The number of a system call that no kernel has, for now.
const NOBODYS: libc::c_long = 0x7E57;
const BEGIN: libc::c_long = 1;
const END: libc::c_long = 2;

/// In a worker: what follows is counted.
pub fn begin() {
    tell(BEGIN);
}

/// In a worker: what follows is not.
pub fn end() {
    tell(END);
}

fn tell(what: libc::c_long) {
    // SAFETY: no such call; it answers ENOSYS.
    unsafe { libc::syscall(NOBODYS, what) };
}

/// In the worker's process, before it has threads: stops until [`count`] takes it over.
pub fn submit() {
    ptrace::traceme().expect("nobody else traces us");
    raise(Signal::SIGSTOP).expect("stop");
}

/// Takes `left` and their threads over until all have ended, and counts. Whoever is no longer in `left` has been waited for.
pub fn count(left: &mut HashSet<Pid>, limit: Duration) -> Result<u64, Failure> {
    let bell = SigAction::new(SigHandler::Handler(ring), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing; the signal interrupts the wait.
    unsafe { sigaction(Signal::SIGALRM, &bell) }.map_err(died)?;
    alarm::set(limit.as_secs().max(1) as u32);
    let counted = follow(left).map_err(|why| match why {
        Errno::EINTR => Failure::Hung(limit),
        why => died(why),
    });
    alarm::cancel();
    counted
}

extern "C" fn ring(_: libc::c_int) {}

fn died(why: Errno) -> Failure {
    Failure::Died(why.to_string())
}

fn follow(left: &mut HashSet<Pid>) -> Result<u64, Errno> {
    for &pid in left.iter() {
        waitpid(pid, Some(WaitPidFlag::WSTOPPED))?;
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(pid, options)?;
        ptrace::syscall(pid, None)?;
    }
    let mut counting = HashSet::new();
    let mut calls = 0;
    while !left.is_empty() {
        match waitpid(None, Some(WaitPidFlag::__WALL))? {
            WaitStatus::PtraceSyscall(thread) => {
                calls += u64::from(entered(thread, &mut counting)?);
                ptrace::syscall(thread, None)?;
            }
            WaitStatus::PtraceEvent(thread, ..) => ptrace::syscall(thread, None)?,
            // A new thread's first stop is ours, any other signal its own.
            WaitStatus::Stopped(thread, signal) => {
                ptrace::syscall(thread, Some(signal).filter(|&signal| signal != Signal::SIGSTOP))?;
            }
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                left.remove(&pid);
            }
            _ => {}
        }
    }
    Ok(calls)
}

/// Whether this stop is the beginning of a call that counts.
fn entered(thread: Pid, counting: &mut HashSet<Pid>) -> Result<bool, Errno> {
    let info = ptrace::syscall_info(thread)?;
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return Ok(false);
    }
    // SAFETY: the operation says that the entry is what is there.
    let entry = unsafe { info.u.entry };
    match (entry.nr as libc::c_long, entry.args[0] as libc::c_long) {
        (NOBODYS, BEGIN) => {
            counting.insert(thread);
        }
        (NOBODYS, _) => {
            counting.remove(&thread);
        }
        _ => return Ok(counting.contains(&thread)),
    }
    Ok(false)
}
