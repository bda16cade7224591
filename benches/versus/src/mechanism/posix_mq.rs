//! mq_overview(7): POSIX message queues.
//!
//! # Unsafe
//! The descriptor of a queue, owned as the file that it is.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::stat::Mode;

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// A queue as long and as wide as an unprivileged process may have it.
#[derive(Debug)]
pub struct PosixMq(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    descriptor: MqdT,
    /// Closes the descriptor.
    _owner: OwnedFd,
}

impl Mechanism for PosixMq {
    const NAME: &'static str = "posix mq";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    // The machine's settings bound it: see `open`.
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, any size up to a bound, with priorities",
        persistence: "messages and name, until it is unlinked or the machine restarts",
        relation: "by name",
        death: "harmless",
    };
    type Link<M: Message> = PosixMq;
}

impl<M: Message> Link<M> for PosixMq {
    type Tx = End;
    type Rx = End;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let widest = setting("msgsize_max", 8192)?;
        if size_of::<M>() > widest {
            return Err(Skip(format!(
                "messages of at most {widest} bytes: fs.mqueue.msgsize_max"
            )));
        }
        let long = shape.slots.min(setting("msg_max", 10)?);
        let flags = match shape.wait {
            Wait::Spin => MQ_OFlag::O_NONBLOCK,
            Wait::Adaptive | Wait::Sleep => MQ_OFlag::empty(),
        };
        let flags = flags | MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR | MQ_OFlag::O_CLOEXEC;
        let attributes = MqAttr::new(0, long as _, size_of::<M>() as _, 0);
        let name = format!("/{}", shape.name);
        let descriptor = mq_open(name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&attributes))?;
        // SAFETY: on Linux it is a file's descriptor, a new one, and `MqdT` does not close it.
        let owner = unsafe { OwnedFd::from_raw_fd(descriptor.as_raw_fd()) };
        mq_unlink(name.as_str())?;
        Ok(PosixMq(Arc::new(Queue {
            descriptor,
            _owner: owner,
        })))
    }

    fn tx(&self) -> Result<End, Skip> {
        Ok(End(Arc::clone(&self.0)))
    }

    fn rx(&self) -> Result<End, Skip> {
        Ok(End(Arc::clone(&self.0)))
    }
}

/// What a process without privileges may have; some kernels are built without message queues.
fn setting(name: &str, otherwise: usize) -> Result<usize, Skip> {
    match fs::read_to_string(format!("/proc/sys/fs/mqueue/{name}")) {
        Ok(text) => text.trim().parse().map_err(Skip::because),
        Err(_) => Ok(otherwise),
    }
}

/// Either end: a queue has no direction.
#[derive(Debug)]
pub struct End(Arc<Queue>);

impl<M: Message> Tx<M> for End {
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        loop {
            match mq_send(&self.0.descriptor, bytemuck::bytes_of(message), 0) {
                Ok(()) => return Ok(()),
                Err(Errno::EAGAIN) => std::hint::spin_loop(),
                Err(Errno::EINTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

impl<M: Message> Rx<M> for End {
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let mut priority = 0;
        loop {
            match mq_receive(&self.0.descriptor, bytemuck::bytes_of_mut(into), &mut priority) {
                Ok(count) if count == size_of::<M>() => return Ok(()),
                Ok(count) => return Err(Skip(format!("{count} bytes of a message came"))),
                Err(Errno::EAGAIN) => std::hint::spin_loop(),
                Err(Errno::EINTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::{carries, shape};
    use super::*;

    #[test]
    fn it_carries_messages_up_to_a_page() {
        carries::<PosixMq, [u64; 1]>("mq");
        carries::<PosixMq, [u64; 512]>("mq");
    }

    #[test]
    fn its_name_goes_at_once() {
        let shape = shape(Wait::Sleep, "mq-name");
        let _queue = <PosixMq as Link<[u64; 1]>>::open(&shape).expect("a link");
        let name = format!("/{}", shape.name);
        let again = mq_open(name.as_str(), MQ_OFlag::O_RDONLY, Mode::empty(), None);
        assert_eq!(again.unwrap_err(), Errno::ENOENT);
    }
}
