//! How is a process stopped after any instruction of one operation?
//!
//! It is traced, and marks where the operation begins and where it has returned with a breakpoint of its own. Between the
//! two its parent lets it go on by one instruction at a time (ptrace(2), `PTRACE_SINGLESTEP`). A system call is one
//! instruction, whatever the kernel does in it; a clock that is read in the vDSO is many. A sleep is where it ends: what
//! is asleep takes no further step.

use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support::step::Stepped;
use crate::support::{peer, runner, until};

/// Whether this architecture's breakpoints are written here; if not, the running test says that it proves nothing.
pub fn is_written_for_this_machine() -> bool {
    let written = cfg!(target_arch = "x86_64");
    if !written {
        runner::skip("single-stepping is written for x86_64 only");
    }
    written
}

/// Where a step has led.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// Behind one more instruction.
    Instruction,
    /// At the next mark: all instructions before it are done.
    Mark,
    /// Asleep in the kernel.
    Asleep,
}

/// How far a child has gone on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// So many of its instructions are done.
    pub instructions: usize,
    /// Where it has led.
    pub at: At,
}

/// A traced child in front of its first mark.
#[derive(Debug)]
pub struct Walker(Stepped);

impl Walker {
    /// A forked child that does `run` as far as it is let.
    pub fn fork(run: impl FnOnce()) -> Walker {
        Walker(Stepped::fork(run))
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Goes on to the next mark.
    pub fn go_to_mark(&mut self) {
        ptrace::cont(self.pid(), None).expect("a stopped child");
        let at = self.arrived();
        assert_eq!(at, At::Mark);
    }

    /// Goes on by up to `count` instructions, and not past a mark or a sleep.
    pub fn steps(&mut self, count: usize) -> Reached {
        for instructions in 0..count {
            let at = self.step();
            if at != At::Instruction {
                return Reached { instructions, at };
            }
        }
        Reached {
            instructions: count,
            at: At::Instruction,
        }
    }

    fn step(&mut self) -> At {
        let sleeps = is_about_to_sleep(self.pid());
        ptrace::step(self.pid(), None).expect("a stopped child");
        if sleeps {
            // Asleep, or, after a tick, stopped behind the system call.
            until("the child sleeps", || matches!(peer::state(self.pid()), 'S' | 't'));
            return At::Asleep;
        }
        self.arrived()
    }

    fn arrived(&self) -> At {
        match waitpid(self.pid(), None).expect("a child of ours") {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            other => panic!("the traced child: {other:?}"),
        }
        let cause = ptrace::getsiginfo(self.pid()).expect("a stopped child");
        // sigaction(2): a breakpoint's comes from the kernel as such, a step's is a TRAP_ something.
        if cause.si_code == libc::SI_KERNEL {
            At::Mark
        } else {
            At::Instruction
        }
    }

    /// Goes on to its end, past no further mark.
    pub fn finish(self) {
        self.0.finish();
    }
}

/// Stops the calling child: here an operation begins, or has returned.
#[inline(always)]
pub fn mark() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a breakpoint changes nothing; the parent, which traces us, lets us go on behind it.
    unsafe {
        std::arch::asm!("int3");
    }
}

/// The next instruction of the stopped child is the system call that sleeps until a futex's word changes.
#[cfg(target_arch = "x86_64")]
fn is_about_to_sleep(pid: Pid) -> bool {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    let registers = ptrace::getregs(pid).expect("a stopped child");
    let operation = registers.rsi as i32 & libc::FUTEX_CMD_MASK;
    if registers.rax != libc::SYS_futex as u64 || !matches!(operation, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET) {
        return false;
    }
    let at = std::ptr::with_exposed_provenance_mut(registers.rip as usize);
    let code = ptrace::read(pid, at).expect("the child's code");
    code.to_le_bytes().starts_with(&SYSCALL)
}

#[cfg(not(target_arch = "x86_64"))]
fn is_about_to_sleep(_: Pid) -> bool {
    false
}
