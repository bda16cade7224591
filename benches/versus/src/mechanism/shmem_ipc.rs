//! shmem-ipc: a ring of words in a memfd, with an eventfd for each direction, one sender and one receiver.
//!
//! # Unsafe
//! Copies to and from the ring, through the pointers that it gives out.

use std::fs::File;

use shmem_ipc::sharedring::{Receiver, Sender};

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct ShmemIpc;

impl Mechanism for ShmemIpc {
    const NAME: &'static str = "shmem-ipc";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::One;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "elements of a type, here words",
        persistence: "none",
        relation: "inherited, or passed over a socket",
        death: "nothing is torn; the other waits for ever",
    };
    type Link<M: Message> = Ring;
}

/// Three descriptors and a capacity, in words: a message's type is not one that the crate's own traits know.
#[derive(Debug)]
pub struct Ring {
    capacity: usize,
    memory: File,
    empty: File,
    full: File,
    sleeps: bool,
}

impl<M: Message> Link<M> for Ring {
    type Tx = End<Sender<u64>>;
    type Rx = End<Receiver<u64>>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let capacity = shape.slots * M::WORDS;
        let first = Sender::<u64>::new(capacity).map_err(Skip::because)?;
        Ok(Ring {
            capacity,
            memory: first.memfd().as_file().try_clone()?,
            empty: first.empty_signal().try_clone()?,
            full: first.full_signal().try_clone()?,
            sleeps: shape.wait == Wait::Sleep,
        })
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        let (memory, empty, full) = self.descriptors()?;
        Ok(End {
            end: Sender::open(self.capacity, memory, empty, full).map_err(Skip::because)?,
            sleeps: self.sleeps,
        })
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        let (memory, empty, full) = self.descriptors()?;
        Ok(End {
            end: Receiver::open(self.capacity, memory, empty, full).map_err(Skip::because)?,
            sleeps: self.sleeps,
        })
    }
}

impl Ring {
    fn descriptors(&self) -> Result<(File, File, File), Skip> {
        Ok((
            self.memory.try_clone()?,
            self.empty.try_clone()?,
            self.full.try_clone()?,
        ))
    }
}

/// An end, and whether it sleeps and wakes.
pub struct End<E> {
    end: E,
    sleeps: bool,
}

impl<M: Message> Tx<M> for End<Sender<u64>> {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        let mut left = message.words();
        while !left.is_empty() {
            let put = |to: *mut u64, room: usize| {
                let count = room.min(left.len());
                // SAFETY: `to` points to room for `room` words, which are this sender's until it returns.
                unsafe { to.copy_from_nonoverlapping(left.as_ptr(), count) };
                left = &left[count..];
                count
            };
            let status = if self.sleeps {
                self.end.block_until_writable().map_err(Skip::because)?;
                self.end.send_raw(put)
            } else {
                self.end.sender_mut().send(put).map_err(Into::into)
            };
            status.map_err(Skip::because)?;
        }
        Ok(())
    }
}

impl<M: Message> Rx<M> for End<Receiver<u64>> {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let (mut done, words) = (0, into.words_mut());
        while done < words.len() {
            let take = |from: *const u64, there: usize| {
                let left = &mut words[done..];
                let count = there.min(left.len());
                // SAFETY: `from` points to `there` words, which are this receiver's until it returns.
                unsafe { from.copy_to_nonoverlapping(left.as_mut_ptr(), count) };
                done += count;
                count
            };
            let status = if self.sleeps {
                self.end.block_until_readable().map_err(Skip::because)?;
                self.end.receive_raw(take)
            } else {
                self.end.receiver_mut().recv(take).map_err(Into::into)
            };
            status.map_err(Skip::because)?;
        }
        Ok(())
    }
}
