//! How is a process stopped after each thing that it does?
//!
//! A [`Traced`] child is traced, ptrace(2), between [`begin`] and [`end`]. It stops after every access to memory (at the
//! mark that the door makes) and after every system call: one list of stops, in each of which everything before is done
//! and nothing after. There it is killed, or stopped for real and left alone.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr;

use annulus::crash::{self, Access, MARK};
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support::peer::{exit_now, fork_alone, state};
use crate::support::until;

/// What a process has done last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Did {
    /// Nothing yet.
    Begin,
    /// An access to memory, by this line of the sources.
    Access(Access, &'static Location<'static>),
    /// The system call with this number.
    Call(u64),
}

impl Did {
    /// Others can see it.
    pub fn changes(self) -> bool {
        match self {
            Did::Begin => false,
            Did::Access(access, _) => access.changes(),
            Did::Call(_) => true,
        }
    }
}

impl Did {
    /// As numbers, for another process that was forked from the same.
    pub fn numbers(self) -> [u64; 2] {
        match self {
            Did::Begin => [0, 0],
            Did::Access(access, place) => [access as u64, ptr::from_ref(place).expose_provenance() as u64],
            Did::Call(number) => [Access::End as u64, number],
        }
    }

    /// From its [`numbers`](Self::numbers).
    pub fn from_numbers([what, which]: [u64; 2]) -> Did {
        match Access::from_number(what) {
            None => Did::Begin,
            Some(Access::End) => Did::Call(which),
            Some(access) => Did::Access(access, place(which)),
        }
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Did::Begin => f.write_str("nothing"),
            Did::Access(access, place) => write!(f, "{access:?} at {place}"),
            Did::Call(number) => write!(f, "system call {number}"),
        }
    }
}

/// In a [`Traced`] child: the operation begins.
pub fn begin() {
    raise(Signal::SIGSTOP).expect("a signal to oneself");
    crash::on();
}

/// In a [`Traced`] child: the operation has ended.
pub fn end() {
    crash::off();
}

/// A traced child.
#[derive(Debug)]
pub struct Traced {
    pid: Pid,
    /// What it has done last.
    did: Did,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// Stopped for its tracer.
    Traced,
    /// Nobody traces it any more.
    Free,
    /// It has ended, and been waited for.
    Gone,
}

impl Traced {
    /// A forked child that does `run`, stopped at its [`begin`].
    pub fn fork(run: impl FnOnce()) -> Traced {
        let Some(pid) = fork_alone() else {
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            let done = ptrace::traceme().is_ok() && catch_unwind(AssertUnwindSafe(run)).is_ok();
            exit_now(if done { 0 } else { 101 });
        };
        let stopped = waitpid(pid, None).expect("a child of ours");
        assert!(
            matches!(stopped, WaitStatus::Stopped(_, Signal::SIGSTOP)),
            "{stopped:?}"
        );
        let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(pid, options).expect("a traced child");
        Traced {
            pid,
            did: Did::Begin,
            how: How::Traced,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What it has done last.
    pub fn did(&self) -> Did {
        self.did
    }

    /// Goes on to what it does next; `false` if the operation has ended instead. Before it goes to sleep on a futex,
    /// `asleep` is called.
    pub fn step(&mut self, mut asleep: impl FnMut()) -> bool {
        assert_eq!(self.how, How::Traced);
        let mut call = None;
        loop {
            ptrace::syscall(self.pid, None).expect("a stopped child");
            match waitpid(self.pid, None).expect("a child of ours") {
                WaitStatus::PtraceSyscall(_) => {}
                other => {
                    if !matches!(other, WaitStatus::Stopped(..)) {
                        self.how = How::Gone;
                    }
                    panic!("the traced child, after {:?}: {other:?}", self.did)
                }
            }
            match (entered(self.pid), call) {
                (Some((MARK_NUMBER, arguments)), _) => {
                    let access = Access::from_number(arguments[0]).expect("a mark of ours");
                    if access == Access::End {
                        return false;
                    }
                    self.did = Did::Access(access, place(arguments[1]));
                    return true;
                }
                (Some((number, arguments)), _) => {
                    if number == libc::SYS_futex as u64 && is_wait(arguments[1]) {
                        asleep();
                    }
                    call = Some(number);
                }
                // The way out of a system call; of the mark that it stood at, if this is the first stop.
                (None, Some(number)) => {
                    self.did = Did::Call(number);
                    return true;
                }
                (None, None) => {}
            }
        }
    }

    /// `SIGKILL`, and waits until it is gone: from then on the kernel has dropped its locks.
    pub fn kill(&mut self) {
        if self.how != How::Gone {
            let _ = kill(self.pid, Signal::SIGKILL);
            while !matches!(
                waitpid(self.pid, None),
                Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(nix::errno::Errno::ECHILD)
            ) {}
            self.how = How::Gone;
        }
    }

    /// `SIGSTOP`, and nobody traces it any more: it stands where it is, like any stopped process.
    pub fn stop(&mut self) {
        kill(self.pid, Signal::SIGSTOP).expect("it lives");
        ptrace::detach(self.pid, None).expect("a traced child");
        self.how = How::Free;
        until("the child has stopped", || state(self.pid) == 'T');
    }

    /// `SIGCONT`.
    pub fn resume(&mut self) {
        kill(self.pid, Signal::SIGCONT).expect("it lives");
    }

    /// It has ended, well.
    pub fn has_ended(&mut self) -> bool {
        if self.how != How::Gone {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).expect("a child of ours") {
                WaitStatus::StillAlive => return false,
                WaitStatus::Exited(_, 0) => self.how = How::Gone,
                other => {
                    self.how = How::Gone;
                    panic!("the child that was stopped after {:?}: {other:?}", self.did)
                }
            }
        }
        true
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.kill();
    }
}

const MARK_NUMBER: u64 = MARK as u64;

/// The number and the arguments of the system call that the child is about to make; `None` on its way out of one.
fn entered(pid: Pid) -> Option<(u64, [u64; 6])> {
    let info = ptrace::syscall_info(pid).expect("Linux 5.3, which tells what a process stands at");
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: the kernel has filled in this variant, as it says.
    let entry = unsafe { info.u.entry };
    Some((entry.nr, entry.args))
}

/// Where the child is in the sources.
fn place(address: u64) -> &'static Location<'static> {
    let place = ptr::with_exposed_provenance::<Location<'static>>(address as usize);
    // SAFETY: the child was forked from this process and has executed nothing else: its statics are at the same addresses
    // here, and this is one of them.
    unsafe { &*place }
}

/// futex(2): `FUTEX_WAIT` or `FUTEX_WAIT_BITSET`, whatever the flags.
fn is_wait(operation: u64) -> bool {
    let command = operation as libc::c_int & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    command == libc::FUTEX_WAIT || command == libc::FUTEX_WAIT_BITSET
}
