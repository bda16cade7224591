//! May a peer's barrier reach this process?
//!
//! In membarrier mode the sleeper pays for the fence of both sides: its `membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED)`
//! is a full fence on every running thread of every process that has registered (membarrier(2)). So everybody registers
//! before the first access to the ring, and at every attach: the registration survives fork(2) but not execve(2).
//! It costs microseconds in a process with one thread, and 8 to 16 ms the first time in one that has more (measured).

use std::io;

use rustix::thread::{MembarrierCommand, membarrier, membarrier_query};

use crate::sync::{AtomicBool, Relaxed};

/// Does the kernel know both the barrier and the registration for it (Linux 4.16), and let us use them?
pub(crate) fn supported() -> bool {
    let known = membarrier_query();
    known.contains_command(MembarrierCommand::GlobalExpedited)
        && known.contains_command(MembarrierCommand::RegisterGlobalExpedited)
}

/// Registers this process for the barriers of others. From the second call on it costs nothing.
///
/// # Errors
/// `Unsupported` where [`supported`] says so; else what the kernel or a seccomp filter answers.
pub(crate) fn register() -> io::Result<()> {
    // A forked child inherits this and the registration alike, and execve(2) ends both.
    static REGISTERED: AtomicBool = AtomicBool::new(false);

    // Asked each time: a filter may have come since.
    if !supported() {
        return Err(io::Error::from(io::ErrorKind::Unsupported));
    }
    // Relaxed: private to the process, and it guards nothing: the kernel has finished the registration (it waits for
    // every running thread to have seen it) before the flag is set.
    if REGISTERED.load(Relaxed) {
        return Ok(());
    }
    membarrier(MembarrierCommand::RegisterGlobalExpedited)?;
    REGISTERED.store(true, Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_register_wherever_it_is_supported_and_again() {
        assert_eq!(register().is_ok(), supported());
        assert_eq!(register().is_ok(), supported());
    }
}
