//! How does a channel get to a program that this one did not start?
//!
//! Over a Unix socket: [`send_over`] here, [`receive_from`] and [`Channel::from_fd`] there. Whoever connects may be
//! anybody whom the socket's file admits; there is no name that others could find, and nothing to clean up.
//!
//! ```
//! use annulus::{fd, spsc::Channel};
//! use std::os::unix::net::UnixStream;
//!
//! let (ours, theirs) = UnixStream::pair()?; // Or a listener's accept here, a connect there.
//! let channel = Channel::<u64>::anonymous(64)?;
//! fd::send_over(&ours, &channel)?;
//!
//! let there = Channel::<u64>::from_fd(fd::receive_from(&theirs)?)?;
//! channel.sender()?.send(42)?;
//! assert_eq!(there.receiver()?.recv()?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What travels says that somebody is *present*: those who wait for a first peer go on waiting while a channel is in
//! flight, even if its sender is dead by then, and until whoever receives it has it open. When nobody is left who could
//! receive it (the last copy of the receiving socket is closed), that is over too, and the wait ends with `Disconnected`.
//!
//! # What is on the socket
//! One byte, 0, with one descriptor as control data (`SCM_RIGHTS`): a stream that carries other bytes too carries them
//! before and after, and both sides know when it is a channel's turn. The socket must not ask for further control data:
//! none of `SO_PASSCRED`, `SO_PASSPIDFD` and `SO_PASSSEC`.
//!
//! # Fork and exec
//! What [`receive_from`] returns is close-on-exec, and crosses a fork: a child that does not use its copy closes it, since
//! until then somebody could still attach from there. What [`send_over`] sends a forked child never has.
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | send: the description that is to travel is open | this process, still present | the kernel, which closes it |
//! | send: it is in the socket | a channel in flight: somebody may come | whoever receives it, or the kernel, with the last copy of the receiving socket |
//! | receive: it is out of the socket | nobody: the channel in flight is lost with its receiver | the kernel, which closes it; the sender finds the socket closed |
//! | open: this process has said "present" as well | the same | the kernel |
//! | open: what came is closed | a process that had the channel open and is gone | the kernel |

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bytemuck::Pod;

use crate::region::lock::Passing;
use crate::region::{Region, socket};

use super::{Channel, blocks, plain, stream};

/// What can be sent: a channel of any transport, or a region.
#[expect(private_bounds, reason = "sealed: what is sent must be a region")]
pub trait AnyChannel: InRegion {}
impl<T, S, R> AnyChannel for Channel<T, S, R> {}
impl<M: blocks::Message + ?Sized, H: Pod> AnyChannel for blocks::Channel<M, H> {}
impl<T: Pod> AnyChannel for stream::Channel<T> {}
impl AnyChannel for plain::Region {}

/// What is in a region.
pub(crate) trait InRegion {
    fn region(&self) -> &Region;
}

impl<T, S, R> InRegion for Channel<T, S, R> {
    fn region(&self) -> &Region {
        &self.region
    }
}

impl<M: blocks::Message + ?Sized, H: Pod> InRegion for blocks::Channel<M, H> {
    fn region(&self) -> &Region {
        self.region()
    }
}

impl InRegion for plain::Region {
    fn region(&self) -> &Region {
        self.inner()
    }
}

impl<T: Pod> InRegion for stream::Channel<T> {
    fn region(&self) -> &Region {
        self.region()
    }
}

/// Sends `channel` to the process at the other end of `socket`, a connected Unix socket.
///
/// The channel stays open here. It may be sent any number of times, to the same process or to others; what each may do
/// with it is settled when it attaches. Waits while a blocking socket is full.
///
/// # Errors
/// - `BrokenPipe`, `ConnectionReset`, `NotConnected`: nobody is there to receive it.
/// - `WouldBlock`: the socket does not block, and is full now.
/// - `InvalidInput` or another: `socket` is not a Unix socket, too many descriptors are in flight (`ETOOMANYREFS`), this
///   process has none left, or /proc is not mounted.
///
/// Nothing has been sent then.
pub fn send_over(socket: impl AsFd, channel: &impl AnyChannel) -> io::Result<()> {
    let passing = Passing::open(channel.region().file())?;
    socket::send(socket.as_fd(), passing.fd()?)
}

/// Receives what [`send_over`] has sent into the other end of `socket`: for [`Channel::from_fd`], or whatever it was sent of.
///
/// Waits while a blocking socket is empty. As long as the descriptor is open, somebody may still attach from here.
///
/// # Errors
/// - `UnexpectedEof`, `ConnectionReset`: the socket was closed before a channel came.
/// - `InvalidData`: something else came: a byte or descriptors that [`send_over`] does not send. It is gone from the
///   socket, and no descriptor is left open.
/// - `WouldBlock`: the socket does not block (or has a timeout), and nothing is there.
/// - Another: `socket` is not a socket.
pub fn receive_from(socket: impl AsFd) -> io::Result<OwnedFd> {
    socket::receive(socket.as_fd())
}
