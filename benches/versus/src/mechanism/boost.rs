//! Boost.Interprocess's message_queue: a queue of messages in shared memory behind a lock, through a few lines of C++ that are
//! compiled where the headers are found.

use std::ffi::CString;

use crate::ask::Wait;
use crate::message::Message;

use super::threads::spin;
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};
use queue::Queue;

#[derive(Debug)]
pub struct Boost;

impl Mechanism for Boost {
    const NAME: &'static str = "Boost message_queue";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages up to a size, with priorities",
        persistence: "until a name is removed",
        relation: "by name",
        death: "the lock stays taken: all hang",
    };
    type Link<M: Message> = Named;
}

/// A queue's name, which goes with the link.
#[derive(Debug)]
pub struct Named {
    name: CString,
    sleeps: bool,
}

impl<M: Message> Link<M> for Named {
    type Tx = End;
    type Rx = End;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let name = CString::new(shape.name.as_str()).map_err(Skip::because)?;
        queue::create(&name, shape.slots, size_of::<M>())?;
        Ok(Named {
            name,
            sleeps: shape.wait == Wait::Sleep,
        })
    }

    fn tx(&self) -> Result<End, Skip> {
        self.end()
    }

    fn rx(&self) -> Result<End, Skip> {
        self.end()
    }
}

impl Named {
    fn end(&self) -> Result<End, Skip> {
        Ok(End {
            queue: Queue::open(&self.name)?,
            sleeps: self.sleeps,
        })
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        queue::remove(&self.name);
    }
}

/// Either end.
#[derive(Debug)]
pub struct End {
    queue: Queue,
    sleeps: bool,
}

impl<M: Message> Tx<M> for End {
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        spin(|| self.queue.send(bytemuck::bytes_of(message), self.sleeps).transpose())
    }
}

impl<M: Message> Rx<M> for End {
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        spin(|| {
            self.queue
                .receive(bytemuck::bytes_of_mut(into), self.sleeps)
                .transpose()
        })
    }
}

/// The queue where it was compiled.
///
/// # Unsafe
/// The calls into C++.
#[cfg(boost)]
mod queue {
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::ptr::NonNull;

    use crate::mechanism::Skip;

    unsafe extern "C" {
        fn boost_queue_create(name: *const c_char, messages: usize, size: usize) -> c_int;
        fn boost_queue_open(name: *const c_char) -> *mut c_void;
        fn boost_queue_close(queue: *mut c_void);
        fn boost_queue_remove(name: *const c_char);
        fn boost_queue_send(queue: *mut c_void, message: *const u8, size: usize, wait: bool) -> c_int;
        fn boost_queue_receive(queue: *mut c_void, message: *mut u8, size: usize, wait: bool) -> c_int;
    }

    /// An open queue.
    ///
    /// # Invariants
    /// I1: it came from `boost_queue_open`, and is closed once, when this is dropped.
    #[derive(Debug)]
    pub struct Queue(NonNull<c_void>);

    pub fn create(name: &CStr, messages: usize, size: usize) -> Result<(), Skip> {
        // SAFETY: a C string, which is only read.
        match unsafe { boost_queue_create(name.as_ptr(), messages, size) } {
            1 => Ok(()),
            _ => Err(Skip::because("the queue could not be made")),
        }
    }

    pub fn remove(name: &CStr) {
        // SAFETY: a C string, which is only read.
        unsafe { boost_queue_remove(name.as_ptr()) };
    }

    impl Queue {
        pub fn open(name: &CStr) -> Result<Queue, Skip> {
            // SAFETY: a C string, which is only read.
            let queue = NonNull::new(unsafe { boost_queue_open(name.as_ptr()) });
            queue
                .map(Queue)
                .ok_or_else(|| Skip::because("the queue could not be opened"))
        }

        /// `None`: there is no room.
        pub fn send(&self, message: &[u8], wait: bool) -> Result<Option<()>, Skip> {
            // SAFETY: I1; the message is only read.
            let sent = unsafe { boost_queue_send(self.0.as_ptr(), message.as_ptr(), message.len(), wait) };
            done(sent)
        }

        /// `None`: there is no message.
        pub fn receive(&self, into: &mut [u8], wait: bool) -> Result<Option<()>, Skip> {
            // SAFETY: I1; no more than `into` has is written.
            let received = unsafe { boost_queue_receive(self.0.as_ptr(), into.as_mut_ptr(), into.len(), wait) };
            done(received)
        }
    }

    impl Drop for Queue {
        fn drop(&mut self) {
            // SAFETY: I1.
            unsafe { boost_queue_close(self.0.as_ptr()) };
        }
    }

    fn done(result: c_int) -> Result<Option<()>, Skip> {
        match result {
            1 => Ok(Some(())),
            0 => Ok(None),
            _ => Err(Skip::because("the queue failed")),
        }
    }
}

/// The queue where it was not compiled: there is none.
#[cfg(not(boost))]
mod queue {
    use std::ffi::CStr;

    use crate::mechanism::Skip;

    #[derive(Debug)]
    pub enum Queue {}

    pub fn create(_: &CStr, _: usize, _: usize) -> Result<(), Skip> {
        Err(Skip::because("was built without Boost's headers"))
    }

    pub fn remove(_: &CStr) {}

    impl Queue {
        pub fn open(_: &CStr) -> Result<Queue, Skip> {
            Err(Skip::because("was built without Boost's headers"))
        }

        pub fn send(&self, _: &[u8], _: bool) -> Result<Option<()>, Skip> {
            match *self {}
        }

        pub fn receive(&self, _: &mut [u8], _: bool) -> Result<Option<()>, Skip> {
            match *self {}
        }
    }
}
