//! Lock-free ring-buffer channels between processes over shared memory that survive a killed peer.
//!
//! A [`Channel`] is a ring of slots in memory that several processes map. Messages are copied in and out; nobody makes
//! a system call while nobody sleeps. Any process may be killed at any instruction: the others go on.
//!
//! ```
//! use annulus::spsc::Channel;
//!
//! let channel = Channel::<u64>::anonymous(1024)?;
//! let (tx, rx) = (channel.sender()?, channel.receiver()?);
//! tx.send(42)?;
//! assert_eq!(rx.recv()?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! That was one process. A second one comes by the channel in one of four ways:
//! - A program that this one starts *inherits* it: [`Channel::pass_to`] here, [`Channel::inherited`] there.
//! - A forked child has it already, and attaches by itself. With a [`Seat`], reserved before the fork, it counts from
//!   before it has attached.
//! - A program that somebody else started receives it over a Unix socket: [`fd::send_over`] here, [`fd::receive_from`]
//!   and [`Channel::from_fd`] there.
//! - Any program opens it by its *name*, if it was given one.
//!
//! # Names
//! A named channel is the file `annulus.NAME` in /dev/shm, finished before it has the name. Who removes the name?
//!
//! | made by | the name goes | and what is unread |
//! |---|---|---|
//! | [`Channel::create`] | with its creator, dropped or killed | goes with it, for who has not opened the channel yet |
//! | [`Channel::open_or_create`] | with the last one out, if everything is read | waits for the next receiver |
//! | either, with [`Builder::keep_name`] | with [`unlink`] | waits |
//! | either, in a file of one's own: [`Builder::path`] | when somebody removes the file | waits, over a restart of the machine too |
//!
//! [`Channel::open`] takes what is there, [`Channel::open_timeout`] waits for it. A name that a killed process has left is
//! taken over by the next to come by it; [`gc`] removes those that no live process has open, and [`list`] shows them all.
//! All of this holds for a named [`Region`], in which nothing is ever unread.
//!
//! The last drop of a shared channel reads every slot, to see whether anything is unread. It is "out" who had the channel
//! open: not a forked child that has never attached, nor a [`Command`](std::process::Command) that was given the channel and
//! not run. If one of those is last, the name is left to the next to come by it.
//!
//! A process *stopped* in the microseconds in which it opens, judges or removes a name makes others wait for it; they are
//! told ([`AttachError::Busy`]) after a second. `rm` may hit a new channel of the same name, and `mv` and `ln` mislead
//! whoever removes names: [`unlink`] does not.
//!
//! # Which kind
//! | module | senders | receivers | for |
//! |---|---|---|---|
//! | [`spsc`] | one | one | a stream: fastest |
//! | [`mpsc`] | many | one | results, events, log lines that come together |
//! | [`spmc`] | one | many | jobs that are shared out: each goes to one receiver |
//! | [`mpmc`] | many | many | both |
//!
//! "One" is one at a time: a second is [`AttachError::AlreadyAttached`] while the first lives. Messages of one sender
//! come in its order, but for those that a receiver has handed back or a dead one had claimed. All four are the same protocol; a single end
//! saves the read-modify-write of a claim.
//!
//! All of these copy messages in and out. [`blocks`] are for messages that are too large for that, or of no fixed length: they
//! are filled where they are and read where they are, by as many senders and receivers as like to.
//!
//! What is no messages at all goes through a [`stream`]: bytes or samples, as through a pipe. [`frames`] are messages in a stream,
//! and [`stream::duplex`] makes two-way ends.
//!
//! Memory that is not sent at all, but is there for several processes, is a [`Region`]: made, named, passed and removed as
//! channels are, and never with anything unread in it.
//!
//! # What can be sent
//! Whatever every bit pattern is a value of, since another process writes those bits: [`bytemuck::Pod`], to be derived
//! (`#[derive(Clone, Copy, Pod, Zeroable)] #[bytemuck(crate = "annulus::bytemuck")] #[repr(C)]`). At most 64 KiB, but for
//! [`blocks`], which take slices of any length.
//!
//! | type | `Pod` | instead |
//! |---|---|---|
//! | integers, floats, arrays, `#[repr(C)]` structs of those without padding | yes | |
//! | `bool`, `char`, enums | no | `u8` or `u32`, and [`bytemuck::CheckedBitPattern`] or a `match` on receipt |
//! | `Option<T>` | no, but for `NonZeroU32` and its like | a flag and a value |
//! | structs with padding | no | the padding as a field: `_padding: [u8; 3]` |
//! | `String`, `Vec`, `Box`, references | no | `[u8; N]` and a length |
//! | `usize`, `isize` | yes | `u64`, `i64`, which are the same in every program |
//! | raw pointers | with a feature of bytemuck's | an index or offset: an address means nothing in another process |
//!
//! # What is guaranteed when processes die
//! Killed, crashed, aborted or gone without a word: it is all the same. The kernel says who is alive; no clock and no
//! process id is asked, so a process that is *stopped* or slow is never taken for a dead one.
//!
//! | killed | its message | the others |
//! |---|---|---|
//! | sender, before `send` has published | was never sent | pass over the gap that it leaves |
//! | sender, in [`send_many`](Sender::send_many) | a prefix of the batch was sent | the same |
//! | sender, after that | is delivered | |
//! | multi receiver, in `recv`, before it has released the slot | is delivered to another, out of order | |
//! | single receiver, the same | is delivered to the next receiver that attaches | |
//! | receiver, after that, or with the message in hand | dies with it: at most once | lose nothing else |
//! | multi receiver, with a message on [`Lease`] | is delivered to another, out of order | pass its slot |
//! | single receiver, the same | is delivered to the next receiver that attaches | |
//! | last sender | | drain what is there, then [`RecvError::Disconnected`] |
//! | last receiver | | [`SendError::Disconnected`], a blocked one too |
//! | anybody: attaching, detaching, closing, repairing, sleeping, waking | | the next one does it, or a tick |
//! | everybody | the memory goes with the last process, unless it has a name | |
//! | creator of a name | | who has it open goes on; the next [`Channel::create`] gets the name, [`Channel::open`] removes it |
//! | last one out of a name, by [`Channel::open_or_create`] | | the next one to come finds the name, and what is unread |
//! | anybody: creating, opening, removing a name | | nothing half-made has a name; the next one does the rest |
//!
//! So the operations deliver:
//!
//! | operation | nobody dies | its process is killed in it | its process is killed later |
//! |---|---|---|---|
//! | [`send`](Sender::send), [`try_send`](Sender::try_send), [`send_timeout`](Sender::send_timeout), [`send_deadline`](Sender::send_deadline) | exactly once | in whole, or not at all | what was sent is delivered |
//! | [`send_many`](Sender::send_many), [`try_send_many`](Sender::try_send_many) | exactly once | a prefix | the same |
//! | [`recv`](Receiver::recv), [`try_recv`](Receiver::try_recv), [`recv_timeout`](Receiver::recv_timeout), [`recv_deadline`](Receiver::recv_deadline), [`iter`](Receiver::iter) and its like | exactly once | at most once: to another receiver, or lost if the slot was free already | lost with who had it in hand |
//! | [`recv_many`](Receiver::recv_many), [`try_recv_many`](Receiver::try_recv_many) | exactly once | the same, each message of the batch | the same |
//! | [`recv_lease`](Receiver::recv_lease), [`try_recv_lease`](Receiver::try_recv_lease), [`recv_lease_timeout`](Receiver::recv_lease_timeout), [`recv_lease_deadline`](Receiver::recv_lease_deadline) | once, and again for each lease that is dropped | at least once: to another receiver | the same, until [`ack`](Lease::ack) |
//! | [`Lease::ack`] | | acknowledged, or delivered again | it was dealt with |
//! | dropping a [`Lease`] | it comes back | it comes back | |
//! | attach, detach, [`close`](Sender::close), [`recover`](Channel::recover), names, [`stats`](Channel::stats) | | no message is concerned | |
//!
//! ([`blocks`] and [`stream`] have tables of their own.)
//!
//! Beyond what is lost with a receiver, messages are lost only with the memory: when the last process that has an
//! anonymous channel is gone, and with its name as [above](#names).
//!
//! A process that says goodbye (drops its endpoints, returns from `main`) is noticed at once. One that dies is noticed
//! by those who wait, at their next *tick*: 50 ms after they began to, then at twice the distance each time up to
//! [`Builder::tick`] (1 s). Those who poll look every 50 ms or so. [`Channel::recover`] repairs now what is left at ends that admit many. Until then a sender
//! may fill the ring of a receiver that has just died.
//!
//! `Disconnected` for want of peers is not for ever: if one attaches, the channel lives on. Before a *first* peer has
//! come, both ends wait, as long as somebody could come: by the channel's name, from another process that has the
//! channel, from a [`Channel`] in this one, or from one that is in flight over a socket. [`close`](Sender::close) ends it for all who are attached; once they
//! have gone, it can be used anew. Only endpoints that have attached count: who starts several senders as programs holds
//! one himself until they are through, lest the first to go be the last.
//!
//! # Who waits for whom
//! | operation | single end | multi end |
//! |---|---|---|
//! | [`try_send`](Sender::try_send), [`try_recv`](Receiver::try_recv) | wait-free, but for gaps that dead senders have left | lock-free, whoever is stopped or dead |
//! | `send`, `recv` and their timed forms | wait for a place, for a message | the same |
//! | attach: [`Channel::sender`], [`Channel::receiver`] | up to a second for another that is attaching, then [`AttachError::Busy`] | the same |
//! | open, create, [`unlink`] | up to a second for another that is removing the same name, then [`AttachError::Busy`] | the same |
//! | detach, [`close`](Sender::close), the last drop | wait for nobody | the same |
//! | [`fd::send_over`], [`fd::receive_from`] | wait for room, for a channel in a socket that blocks | the same |
//!
//! `Empty` is exact but behind a slot that one of many senders has claimed and not published yet: for nanoseconds, or
//! until a sender stopped just there goes on, or a dead one is repaired. `Full` is exact but for a slot that one of
//! many receivers is still copying out of, likewise, for one whose message is on [`Lease`], until that ends, and for a dead
//! sender's gap until receivers have passed it.
//!
//! Waiting is spinning ([`Builder::spin_time`], 100 µs at first; less where that is in vain, hardly ever where messages are
//! further apart than that, none on a machine with one processor) and then sleeping on a futex. Who sends or receives makes a system call only to wake a sleeper. Where
//! messages come without a pause, a waiting `recv` lets some gather, for about a microsecond at most, and a `send` lets
//! room gather in a full ring, for three to six: two that work on the same cache lines slow each other down.
//!
//! A full ring waits for its receivers, so *drain, then join*: who waits for a child to exit before receiving what it
//! sends may wait for ever, as with a pipe. [`Sender::send_timeout`] gives the message back instead:
//!
//! ```
//! use std::time::Duration;
//! use annulus::{SendTimeoutError, spsc::Channel};
//!
//! let channel = Channel::<u64>::anonymous(1)?;
//! let (tx, _rx) = (channel.sender()?, channel.receiver()?);
//! tx.send(1)?;
//! assert_eq!(tx.send_timeout(2, Duration::from_millis(1)), Err(SendTimeoutError::Timeout(2)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Looking on
//! [`Channel::stats`] tells what is in a channel, who is attached and alive, and what each has done. An [`Observer`] does
//! from any program that may read the file, whatever the messages are. Endpoints count for it in their own records, which
//! nobody else writes to.
//!
//! # Fork
//! - An endpoint belongs to the process that attached it. In a forked child its copy answers `WrongProcess`
//!   ([`SendError::WrongProcess`]); dropping it there tells nobody anything. [`Channel`]s work in the child.
//! - A [`Seat`] crosses a fork on purpose. Whoever does not use their copy should drop it: as long as one is left,
//!   somebody may still sit down.
//! - A child handler of pthread_atfork(3) closes the locks of the parent's endpoints, so that the child does not keep a
//!   dead parent alive. Raw clone(2) runs no handlers, and posix_spawn(3) and vfork(2) (which [`std::process::Command`]
//!   may use) hold the locks until exec: for that long a dead parent may still seem alive. A child of vfork must not
//!   touch the handles.
//! - Handles are not async-signal-safe: not for signal handlers, nor for the child of a fork from a process with
//!   several threads, until it execs.
//!
//! # Membarrier
//! By default the one who is about to sleep pays for the fence between a message and the look for sleepers, by
//! membarrier(2): a fifth more throughput, or a little more. Every process of the channel registers for that when it
//! attaches, in microseconds; in one that has several threads, 8 to 16 ms the first time. [`prepare`] first thing in `main` has it
//! out of the way. A process that may not (seccomp) is refused with [`AttachError::MembarrierUnavailable`]: create the
//! channel with [`FenceMode::Fenced`] then.
//!
//! # Trust
//! Processes that share a channel can harm each other's *messages*: one that is buggy or corrupt can stall the others,
//! or hand them wrong values. It cannot make them read or write outside the channel's memory, panic, loop for ever or
//! leak. Geometry is checked at attach and then private; indices are masked; a word that the protocol cannot have
//! stored makes the endpoint answer `Corrupt` from then on ([`RecvError::Corrupt`]); messages are copied out once, and
//! are of types without bad values; the memory is sealed against shrinking, growing and further seals, and what is not is
//! refused ([`AttachError::Unsealed`]) unless [`Builder::allow_unsealed`] says otherwise.
//!
//! The memory of a *named* channel, and of one in a file, cannot be sealed: a process that may write to its file can
//! truncate it, and then the kernel kills whoever uses the channel (SIGBUS). That is a process of the same user, unless
//! [`Builder::mode`] lets others in; files of other users are refused unless [`Builder::allow_other_users`] says
//! otherwise.
//!
//! A *hostile* process that writes to a message while it is copied is outside Rust's memory model, as for all shared
//! memory; the copy is made so that what comes of it is wrong values at most. What is sent can be read by all who have
//! the channel. A [`Region`] has no protocol that says who may write: what is safe there, and what is not, is said
//! [there](Region#trust).
//!
//! # Needs
//! 64-bit Linux with /proc mounted, and /dev/shm for named channels; 3.17 for memfds and seals (3.15 for the locks that
//! say who is alive), 4.14 for `MADV_WIPEONFORK`, 4.16 for membarrier's `GLOBAL_EXPEDITED`, without which channels are
//! made in [`FenceMode::Fenced`].
//!
//! # How it is made
//! The rooms, in reading order; `cargo doc --document-private-items` shows them, with a table of edges, a progress
//! table and a table of what happens if one is killed exactly there in each:
//! 1. `layout`: what are the bytes of a region? Published as [`memory_layout`].
//! 2. `ring`: how do messages go through the slots, whoever dies on the way?
//! 3. `pool`: how do messages that stay where they are go from one to another, likewise?
//! 4. `span`: which elements of a stream are the writer's, and which the reader's?
//! 5. `wait`: how does a process sleep, and why is no wake-up lost?
//! 6. `region`: where do the bytes come from, and who else has them? `region::lock`: who is alive? `region::fork`,
//!    `region::wiped`: has this process been forked since? `region::passed`: may a region be opened through this
//!    descriptor? `region::socket`: how does a descriptor cross a socket? `region::named`:
//!    who takes a name away? `region::bytes`: how are bytes read and written that are nobody's in particular?
//! 7. `channel`: what does a user hold?
//! 8. `sync`: the door. The only file that names atomics, the payload copies and the futex.
//! 9. `edge`: the names of the ordering edges; `tries`: how often a word is tried that others change.
//! 10. `error`: what can go wrong, and what can the caller do about it?

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("annulus needs 64-bit Linux: it relies on futexes, memfds and open-file-description locks");

mod channel;
mod edge;
mod error;
mod layout;
mod pool;
mod region;
mod ring;
mod span;
mod sync;
mod tries;
mod wait;

pub use bytemuck;
pub use channel::plain::{Region, RegionBuilder, RegionFileBuilder};
pub use channel::{
    Builder, Channel, End, EndpointStats, FileBuilder, IntoIter, Iter, Lease, Multi, Observer, Rates, Receiver, Seat,
    Sender, Single, Stats, TryIter,
};
pub use channel::{blocks, fd, frames, stream};
pub use error::{
    AttachError, CreateError, NameError, OpenOrCreateError, RecvError, RecvTimeoutError, SendError, SendManyError,
    SendTimeoutError, TakenBy, TryRecvError, TrySendError, ViewError,
};
pub use layout::{FenceMode, Kind, SlotPadding};
pub use region::named::{Attached, Listed, Removed, gc, list, unlink};

/// Prepares this process for channels in [`FenceMode::Membarrier`].
///
/// Registering for membarrier(2) takes microseconds in a process with one thread and 8 to 16 ms in one that has
/// several; attaching does it if need be. Call this first thing in `main` to have it out of the way. The registration
/// is lost over exec, not over fork.
///
/// # Errors
/// [`CreateError::MembarrierUnavailable`]: this process can share channels in [`FenceMode::Fenced`] only.
pub fn prepare() -> Result<(), CreateError> {
    region::barrier::register().map_err(|_| CreateError::MembarrierUnavailable)
}

/// The four kinds, by module.
macro_rules! kinds {
    ($($(#[$doc:meta])* $module:ident: $send:ident, $receive:ident;)+) => {$(
        $(#[$doc])*
        pub mod $module {
            /// See [`Channel`](crate::Channel).
            pub type Channel<T> = crate::Channel<T, crate::$send, crate::$receive>;
            /// See [`Sender`](crate::Sender).
            pub type Sender<T> = crate::Sender<T, crate::$send>;
            /// See [`Receiver`](crate::Receiver).
            pub type Receiver<T> = crate::Receiver<T, crate::$receive>;
        }
    )+};
}

kinds! {
    /// One sender, one receiver.
    spsc: Single, Single;
    /// Many senders, one receiver.
    mpsc: Multi, Single;
    /// One sender, many receivers: each message goes to one of them.
    spmc: Single, Multi;
    /// Many senders, many receivers: each message goes to one receiver.
    mpmc: Multi, Multi;
}

/// The memory layout of a region, ABI version 2: for those who write another implementation, or read a dump.
///
#[doc = include_str!("layout/LAYOUT.md")]
pub mod memory_layout {}

/// The README's code is compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
