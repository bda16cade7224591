//! Aeron where it was compiled. A media driver is a process with threads, so a link forks one for itself.
//!
//! # Unsafe
//! `fork` in a process without threads, whose child ends by `_exit`.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use rusteron_client::{Aeron, AeronExclusivePublication, AeronSubscription, Handlers};
use rusteron_media_driver::bindings::aeron_threading_mode_t::AERON_THREADING_MODE_SHARED;
use rusteron_media_driver::{AeronCError, AeronDriver, AeronDriverContext};

use crate::mechanism::threads::spin;
use crate::mechanism::{Link, Rx, Shape, Skip, Tx};
use crate::message::Message;

/// The largest fragment that Aeron allows: larger messages take several.
const FRAGMENT: usize = 65_504;
const STREAM: i32 = 1;
/// What the driver has for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A media driver of a link's own, and its directory, both of which go with the link.
#[derive(Debug)]
pub struct Driver {
    directory: PathBuf,
    name: CString,
    channel: CString,
    process: Pid,
}

impl<M: Message> Link<M> for Driver {
    type Tx = Publication;
    type Rx = Subscription;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let directory = PathBuf::from("/dev/shm").join(&shape.name);
        let name = CString::new(directory.as_os_str().as_encoded_bytes()).map_err(Skip::because)?;
        // A publisher may be half a term ahead; a frame is padded to 32 bytes and has a header of 32.
        let frame = size_of::<M>().next_multiple_of(32) + 32;
        let term = (2 * shape.slots * frame).next_power_of_two().clamp(64 << 10, 1 << 30);
        let channel = CString::new(format!("aeron:ipc?term-length={term}|mtu={FRAGMENT}")).map_err(Skip::because)?;
        let (ready, told) = pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: this process has no threads.
        let process = match unsafe { fork()? } {
            ForkResult::Parent { child } => child,
            ForkResult::Child => {
                let _ = drive(&name, File::from(told));
                // SAFETY: ends this process; nothing of the coordinator's is flushed or unlinked by it.
                unsafe { nix::libc::_exit(1) }
            }
        };
        drop(told);
        let driver = Driver {
            directory,
            name,
            channel,
            process,
        };
        match File::from(ready).read(&mut [0])? {
            0 => Err(Skip::because("the media driver does not start")),
            _ => Ok(driver),
        }
    }

    fn tx(&self) -> Result<Publication, Skip> {
        let client = Aeron::connect_dir(&self.name.to_string_lossy()).map_err(Skip::because)?;
        let publication = client
            .async_add_exclusive_publication(&self.channel, STREAM)
            .and_then(|adding| adding.poll_blocking(PATIENCE))
            .map_err(Skip::because)?;
        Ok(Publication {
            publication,
            _client: client,
        })
    }

    fn rx(&self) -> Result<Subscription, Skip> {
        let client = Aeron::connect_dir(&self.name.to_string_lossy()).map_err(Skip::because)?;
        let subscription = client
            .async_add_subscription(&self.channel, STREAM, Handlers::NONE, Handlers::NONE)
            .and_then(|adding| adding.poll_blocking(PATIENCE))
            .map_err(Skip::because)?;
        Ok(Subscription {
            subscription,
            _client: client,
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = kill(self.process, Signal::SIGKILL);
        let _ = waitpid(self.process, None);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A media driver on one thread. Does not return unless it fails.
fn drive(directory: &CStr, mut told: File) -> Result<(), AeronCError> {
    let _ = set_pdeathsig(Signal::SIGKILL);
    let context = AeronDriverContext::new()?;
    context.set_dir(directory)?;
    context.set_dir_delete_on_start(true)?;
    context.set_threading_mode(AERON_THREADING_MODE_SHARED)?;
    let driver = AeronDriver::new(&context)?;
    driver.start(true)?;
    let _ = told.write_all(b"!");
    loop {
        driver.main_idle_strategy(driver.main_do_work()?);
    }
}

/// A sending end.
#[derive(Debug)]
pub struct Publication {
    publication: AeronExclusivePublication,
    _client: Aeron,
}

/// Claimed and written in place where it fits into a fragment, else offered. Before the subscriber is there, that fails.
impl<M: Message> Tx<M> for Publication {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        let bytes = bytemuck::bytes_of(message);
        spin(|| {
            let sent = if size_of::<M>() <= FRAGMENT - 32 {
                self.publication.try_claim_owned(bytes.len()).map(|mut claim| {
                    claim.data().copy_from_slice(bytes);
                    claim.commit().map_err(Skip::because)
                })
            } else {
                self.publication.offer(bytes).map(Ok)
            };
            match sent {
                Ok(done) => Some(done.map(drop)),
                Err(why) if why.is_retryable() => None,
                Err(why) => Some(Err(Skip::because(why))),
            }
        })
    }
}

/// A receiving end.
#[derive(Debug)]
pub struct Subscription {
    subscription: AeronSubscription,
    _client: Aeron,
}

impl<M: Message> Rx<M> for Subscription {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let (mut done, bytes) = (0, bytemuck::bytes_of_mut(into));
        while done < bytes.len() {
            let put = |fragment: &[u8], _| {
                if let Some(part) = bytes.get_mut(done..done + fragment.len()) {
                    part.copy_from_slice(fragment);
                }
                done += fragment.len();
            };
            if self.subscription.poll_fn(put, 1).map_err(Skip::because)? == 0 {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}
