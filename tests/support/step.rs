//! How is a process stopped between any two system calls that it makes?
//!
//! A [`Stepped`] child is traced, ptrace(2): it stops at the entry and at the exit of every system call, and does
//! nothing until its parent lets it go on to the next stop. There it can be killed: everything before is done, nothing
//! after.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::peer::{exit_now, fork_alone};

/// A traced child.
#[derive(Debug)]
pub struct Stepped {
    pid: Pid,
    ended: bool,
}

impl Stepped {
    /// A forked child that is about to do `run`, and ends after it.
    pub fn fork(run: impl FnOnce()) -> Stepped {
        let Some(pid) = fork_alone() else {
            let traced = ptrace::traceme().and_then(|()| raise(Signal::SIGSTOP));
            let done = traced.is_ok() && catch_unwind(AssertUnwindSafe(run)).is_ok();
            exit_now(if done { 0 } else { 101 });
        };
        let stopped = waitpid(pid, None).expect("a child of ours");
        assert!(
            matches!(stopped, WaitStatus::Stopped(_, Signal::SIGSTOP)),
            "{stopped:?}"
        );
        ptrace::setoptions(
            pid,
            ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL,
        )
        .expect("a traced child");
        Stepped { pid, ended: false }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Goes on to the next stop; `false` if it has ended instead, having done it all.
    pub fn step(&mut self) -> bool {
        assert!(!self.ended);
        ptrace::syscall(self.pid, None).expect("a stopped child");
        match waitpid(self.pid, None).expect("a child of ours") {
            WaitStatus::PtraceSyscall(_) => true,
            WaitStatus::Exited(_, 0) => {
                self.ended = true;
                false
            }
            other => {
                self.ended = !matches!(other, WaitStatus::Stopped(..));
                panic!("the traced child: {other:?}")
            }
        }
    }

    /// Goes on `stops` times; `false` if it has ended before.
    pub fn steps(&mut self, stops: usize) -> bool {
        (0..stops).all(|_| self.step())
    }

    /// Goes on to its end.
    pub fn finish(mut self) {
        while self.step() {}
    }
}

impl Drop for Stepped {
    /// Kills it where it is; from then on the kernel has dropped its locks.
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill(self.pid, Signal::SIGKILL);
            while !matches!(
                waitpid(self.pid, None),
                Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(nix::errno::Errno::ECHILD)
            ) {}
        }
    }
}
