//! What is compared: the peers, behind one seam.
//!
//! A mechanism says what it is and opens *links*; a link has two ends, each of which is taken in the process or thread that
//! uses it. [`entry`] hides the types: it turns a mechanism into an [`Entry`] that can be asked [`Ask`]s.

mod aeron;
mod annulus;
mod annulus_blocks;
mod annulus_stream;
mod boost;
#[cfg(test)]
mod carries;
mod crossbeam_channel;
mod crossbeam_queue;
mod cueue;
mod disruptor;
mod fifo;
mod flume;
mod gil;
mod iceoryx2;
mod ipc_channel;
mod kanal;
mod limits;
mod nexus_queue;
mod omango;
mod pipe;
mod posix_mq;
mod python;
mod ringbuf;
mod ringfire;
mod rtrb;
mod shaq;
mod shmem_ipc;
mod sockets;
mod std_mpsc;
mod sysv;
mod tcp;
mod threads;

use std::io;

use serde::{Deserialize, Serialize};

use crate::ask::{Ask, Question, Wait};
use crate::crew::{Crew, Failure, Outcome};
use crate::message::Message;
use crate::question;

/// Where the two ends of a link may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// In two processes.
    Processes,
    /// In two threads of one.
    Threads,
    /// Nowhere: what the machine does at best, in processes.
    Limit,
}

impl Reach {
    /// All, in the order of the tables.
    pub const ALL: [Reach; 3] = [Reach::Processes, Reach::Threads, Reach::Limit];

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Reach::Processes => "between processes",
            Reach::Threads => "in one process",
            Reach::Limit => "limits of the machine",
        }
    }
}

/// What the decision matrix tells of a mechanism besides its figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct About {
    /// Messages, or bytes of which the user makes messages?
    pub framing: &'static str,
    /// What outlives the processes?
    pub persistence: &'static str,
    /// Who can be at the other end?
    pub relation: &'static str,
    /// What happens to the others when one is killed in the middle of an operation?
    pub death: &'static str,
}

/// How many may be at an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Many {
    /// One.
    One,
    /// Any number; each message goes to one of them.
    Any,
}

/// What a link is to be like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Messages that fit, where the mechanism lets one choose.
    pub slots: usize,
    /// Endpoints that will be taken.
    pub senders: usize,
    /// See `senders`.
    pub receivers: usize,
    /// How an end waits.
    pub wait: Wait,
    /// A name that nothing else on this machine has, letters, digits and hyphens.
    pub name: String,
}

/// Why a mechanism is not measured, in words for the table.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Skip(pub String);

impl Skip {
    /// Because of this.
    pub fn because(why: impl std::fmt::Display) -> Skip {
        Skip(why.to_string())
    }
}

impl From<io::Error> for Skip {
    fn from(why: io::Error) -> Skip {
        Skip::because(why)
    }
}

impl From<nix::Error> for Skip {
    fn from(why: nix::Error) -> Skip {
        Skip::because(why)
    }
}

/// A way to move messages.
pub trait Mechanism: 'static {
    /// As the tables call it.
    const NAME: &'static str;
    /// Between processes, or between threads.
    const REACH: Reach;
    /// How many senders.
    const SENDERS: Many;
    /// How many receivers.
    const RECEIVERS: Many;
    /// How its ends can wait; the first is what a user gets who asks for nothing.
    const WAITS: &'static [Wait];
    /// The largest message, in bytes.
    const MOST: usize;
    /// See [`About`].
    const ABOUT: About;
    /// A link for messages of this type.
    type Link<M: Message>: Link<M>;
}

/// Something with a sending and a receiving end. Opened in the coordinator before any worker exists; `tx` and `rx` are called
/// in the workers (of a forked process, on its copy; of a thread, on the same one). Dropped in the coordinator when all
/// workers have gone, and leaves nothing behind in the file system or the kernel.
pub trait Link<M: Message>: Sized + Sync {
    /// The sending end.
    type Tx: Tx<M>;
    /// The receiving end.
    type Rx: Rx<M>;

    /// Makes one. In the coordinator, which must remain without threads.
    fn open(shape: &Shape) -> Result<Self, Skip>;
    /// Takes a sending end; called at most `shape.senders` times.
    fn tx(&self) -> Result<Self::Tx, Skip>;
    /// Takes a receiving end; called at most `shape.receivers` times.
    fn rx(&self) -> Result<Self::Rx, Skip>;
}

/// A sending end.
pub trait Tx<M: Message> {
    /// Sends, waiting for room as the shape says.
    fn send(&mut self, message: &M) -> Result<(), Skip>;
}

/// A receiving end.
pub trait Rx<M: Message> {
    /// Receives the next message, waiting for it as the shape says.
    fn recv(&mut self, into: &mut M) -> Result<(), Skip>;
}

/// A mechanism without its types.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Entry {
    /// [`Mechanism::NAME`].
    pub name: &'static str,
    /// [`Mechanism::REACH`].
    pub reach: Reach,
    /// [`Mechanism::ABOUT`].
    pub about: About,
    /// Why it cannot be asked this, if it cannot.
    #[serde(skip)]
    pub refuses: fn(&Ask) -> Option<Skip>,
    /// One run.
    #[serde(skip)]
    pub run: fn(&Ask, &Crew) -> Result<Outcome, Failure>,
}

fn entry<K: Mechanism>() -> Entry {
    Entry {
        name: K::NAME,
        reach: K::REACH,
        about: K::ABOUT,
        refuses: refuses::<K>,
        run: question::run::<K>,
    }
}

fn refuses<K: Mechanism>(ask: &Ask) -> Option<Skip> {
    if ask.size > K::MOST {
        return Some(Skip(format!("messages of at most {} bytes", K::MOST)));
    }
    if ask.senders > 1 && K::SENDERS == Many::One || ask.receivers > 1 && K::RECEIVERS == Many::One {
        return Some(Skip::because("one at an end"));
    }
    if ask.question == Question::Many && K::SENDERS == Many::One && K::RECEIVERS == Many::One {
        return Some(Skip::because("one at either end"));
    }
    match (ask.question, ask.wait) {
        (Question::RoundTrip, Some(wait)) if !K::WAITS.contains(&wait) => Some(Skip(format!("cannot {wait}"))),
        _ => None,
    }
}

/// The name of the one of ours that others are compared with.
pub fn ours(ask: &Ask) -> &'static str {
    match ask.question {
        Question::Many => annulus::Mpmc::NAME,
        _ if ask.size > annulus::MOST => annulus_blocks::Blocks::NAME,
        _ => annulus::Spsc::NAME,
    }
}

/// Every mechanism, in the order of the tables: ours first, the limits last.
pub fn all() -> Vec<Entry> {
    let mut all = vec![
        entry::<annulus::Spsc>(),
        entry::<annulus::Mpsc>(),
        entry::<annulus::Spmc>(),
        entry::<annulus::Mpmc>(),
        entry::<annulus_blocks::Blocks>(),
        entry::<annulus_stream::Stream>(),
        entry::<pipe::Pipe>(),
        entry::<fifo::Fifo>(),
        entry::<sockets::Stream>(),
        entry::<sockets::SeqPacket>(),
        entry::<sockets::Datagram>(),
        entry::<tcp::Tcp>(),
        entry::<posix_mq::PosixMq>(),
        entry::<sysv::SysV>(),
        entry::<iceoryx2::Iceoryx2>(),
        entry::<ringfire::Ringfire>(),
        entry::<cueue::Cueue>(),
        entry::<shmem_ipc::ShmemIpc>(),
        entry::<shaq::Spsc>(),
        entry::<shaq::Mpmc>(),
        entry::<ipc_channel::IpcChannel>(),
        entry::<boost::Boost>(),
        entry::<aeron::Aeron>(),
        entry::<rtrb::Rtrb>(),
        entry::<nexus_queue::Spsc>(),
        entry::<nexus_queue::Mpsc>(),
        entry::<nexus_queue::Spmc>(),
        entry::<omango::Spsc>(),
        entry::<omango::Mpmc>(),
        entry::<gil::Spsc>(),
        entry::<gil::Mpmc>(),
        entry::<ringbuf::Ringbuf>(),
        entry::<disruptor::Single>(),
        entry::<disruptor::Multi>(),
        entry::<crossbeam_queue::Array>(),
        entry::<crossbeam_channel::Bounded>(),
        entry::<std_mpsc::SyncChannel>(),
        entry::<flume::Bounded>(),
        entry::<kanal::Bounded>(),
    ];
    all.extend(python::entries());
    all.extend(limits::entries());
    all
}
