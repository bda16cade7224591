//! How are system calls taken away from a process?
//!
//! seccomp(2). There is no way back: for a child that exists for it.

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;

use super::peer::exit_now;

/// From here on this process may read, write, return from a signal and exit; anything else is `SIGKILL`.
/// `SECCOMP_MODE_STRICT`. (Strict mode also takes away the processor's clock, so what passes has not even asked what time
/// it is.)
pub fn forbid_system_calls() {
    // SAFETY: prctl(2) with this option takes a number and touches no memory.
    let refused = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
    if refused != 0 {
        exit_now(105);
    }
}

/// From here on `call` is not made: this process, and whoever it starts, is answered `errno` instead.
///
/// # Errors
/// This system has no filters, or allows none.
pub fn answer(call: libc::c_long, errno: Errno) -> nix::Result<()> {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    // seccomp_data begins with the number of the call. What machine it is for is not asked: it is this program's.
    let program = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | errno as u32,
        ),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut(),
    };
    prctl::set_no_new_privs()?;
    // SAFETY: the kernel copies the program, which is as long as it says.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    Errno::result(done).map(drop)
}
