//! How does a forked child get an endpoint, and what if it dies before it has one?
//!
//! A *seat*, reserved before the fork, counts as attached from that moment on. So nobody gives up before the child has
//! attached, and nobody waits for ever for a child that never does: a seat's end is an end of stream, as with a pipe.
//!
//! ```text
//! cargo run --example fork_inherit
//! ```
//!
//! # Unsafe
//! fork(2) and _exit(2), in [`forked`]: this program has one thread, so its child may do whatever it likes.

use std::process::ExitCode;

use annulus::spsc::Channel;
use annulus::{RecvError, TryRecvError};
use nix::libc;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};

type Error = Box<dyn std::error::Error>;

const MESSAGES: u64 = 1000;

fn main() -> Result<ExitCode, Error> {
    let good = child_that_sends()? & child_that_dies_first()?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn child_that_sends() -> Result<bool, Error> {
    let channel = Channel::<u64>::anonymous(64)?;
    let rx = &channel.receiver()?;
    let seat = channel.reserve_sender()?;

    let child = forked(move || {
        let tx = seat.attach()?;
        println!("child  {}: has attached", getpid());
        (0..MESSAGES).try_for_each(|n| tx.send(n))?;
        // The parent's receiver is here too, as all of its memory is. It is of no use, and says so.
        let not_ours = rx.try_recv();
        println!("child  {}: the parent's receiver says {not_ours:?}", getpid());
        Ok(not_ours == Err(TryRecvError::WrongProcess))
    })?;

    let received: Vec<u64> = rx.iter().collect();
    let status = waitpid(child, None)?;
    println!(
        "parent {}: {} messages and the end of the stream; {status:?}",
        getpid(),
        received.len()
    );
    Ok(received.into_iter().eq(0..MESSAGES) && status == WaitStatus::Exited(child, 0))
}

fn child_that_dies_first() -> Result<bool, Error> {
    let channel = Channel::<u64>::anonymous(64)?;
    let rx = channel.receiver()?;
    let seat = channel.reserve_sender()?;

    let child = forked(move || {
        println!("child  {}: dies before it attaches", getpid());
        raise(Signal::SIGKILL)?;
        Ok(seat.attach()?.send(0).is_ok())
    })?;

    let received = rx.recv();
    let status = waitpid(child, None)?;
    println!("parent {}: {received:?}; {status:?}", getpid());
    Ok(received == Err(RecvError::Disconnected) && status == WaitStatus::Signaled(child, Signal::SIGKILL, false))
}

/// Runs `child` in a forked child, which exits with 0 if it says `true`.
///
/// The parent drops its copy of the closure and of the seat in it: with that, it would be waiting for itself.
fn forked(child: impl FnOnce() -> Result<bool, Error>) -> Result<Pid, Error> {
    // SAFETY: this program has one thread, so no lock is left held by a thread that the child does not have.
    match unsafe { fork() }? {
        ForkResult::Parent { child: pid } => {
            drop(child);
            Ok(pid)
        }
        ForkResult::Child => {
            let code = match child() {
                Ok(true) => 0,
                Ok(false) => 1,
                Err(error) => {
                    eprintln!("child  {}: {error}", getpid());
                    2
                }
            };
            // SAFETY: ends this process without running what its parent has registered to run at exit.
            unsafe { libc::_exit(code) }
        }
    }
}
