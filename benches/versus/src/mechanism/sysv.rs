//! sysvipc(7): System V message queues.
//!
//! # Unsafe
//! The calls themselves, which the libraries at hand do not wrap, and the buffer that they want: a type, and the message.

use std::fs;
use std::mem::offset_of;
use std::ptr;

use bytemuck::Zeroable;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};

use crate::ask::Wait;
use crate::message::Message;

use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// A queue of its own key, as wide as the kernel makes it.
#[derive(Debug)]
pub struct SysV {
    id: c_int,
    flags: c_int,
}

impl Mechanism for SysV {
    const NAME: &'static str = "system v queue";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    // The machine's settings bound it: see `open`.
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, any size up to a bound, with types",
        persistence: "messages and key, until it is removed or the machine restarts",
        relation: "by key",
        death: "harmless",
    };
    type Link<M: Message> = SysV;
}

impl<M: Message> Link<M> for SysV {
    type Tx = End<M>;
    type Rx = End<M>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let text = fs::read_to_string("/proc/sys/kernel/msgmax").unwrap_or_else(|_| "8192".to_owned());
        let widest = text.trim().parse().map_err(Skip::because)?;
        if size_of::<M>() > widest {
            return Err(Skip(format!("messages of at most {widest} bytes: kernel.msgmax")));
        }
        // SAFETY: no pointer is passed.
        let id = Errno::result(unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) })?;
        let flags = match shape.wait {
            Wait::Spin => libc::IPC_NOWAIT,
            Wait::Adaptive | Wait::Sleep => 0,
        };
        Ok(SysV { id, flags })
    }

    fn tx(&self) -> Result<End<M>, Skip> {
        Ok(End::of(self))
    }

    fn rx(&self) -> Result<End<M>, Skip> {
        Ok(End::of(self))
    }
}

impl Drop for SysV {
    fn drop(&mut self) {
        // SAFETY: IPC_RMID takes no buffer.
        unsafe { libc::msgctl(self.id, libc::IPC_RMID, ptr::null_mut()) };
    }
}

/// Either end, with a buffer: the kernel wants the type before the message.
#[derive(Debug)]
pub struct End<M> {
    id: c_int,
    flags: c_int,
    letter: Box<Letter<M>>,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Letter<M> {
    kind: c_long,
    message: M,
}

// SAFETY: both of its fields are.
unsafe impl<M: Message> Zeroable for Letter<M> {}

impl<M: Message> End<M> {
    /// The message follows its type at once, as the kernel expects it.
    const CLOSE: () = assert!(offset_of!(Letter<M>, message) == size_of::<c_long>());

    fn of(queue: &SysV) -> End<M> {
        const { Self::CLOSE };
        let mut letter: Box<Letter<M>> = bytemuck::allocation::zeroed_box();
        // Any type will do that is greater than zero.
        letter.kind = 1;
        End {
            id: queue.id,
            flags: queue.flags,
            letter,
        }
    }
}

impl<M: Message> Tx<M> for End<M> {
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        self.letter.message.words_mut().copy_from_slice(message.words());
        let letter: *const Letter<M> = &*self.letter;
        loop {
            // SAFETY: the kernel reads a `long`, and then as many bytes as are said, which is a `Letter`.
            let sent = unsafe { libc::msgsnd(self.id, letter.cast(), size_of::<M>(), self.flags) };
            match Errno::result(sent) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN) => std::hint::spin_loop(),
                Err(Errno::EINTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

impl<M: Message> Rx<M> for End<M> {
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let letter: *mut Letter<M> = &mut *self.letter;
        loop {
            // SAFETY: the kernel writes a `long`, and then at most as many bytes as are said, which is a `Letter`.
            let received = unsafe { libc::msgrcv(self.id, letter.cast(), size_of::<M>(), 0, self.flags) };
            match Errno::result(received) {
                Ok(count) if count as usize == size_of::<M>() => break,
                Ok(count) => return Err(Skip(format!("{count} bytes of a message came"))),
                Err(Errno::ENOMSG) => std::hint::spin_loop(),
                Err(Errno::EINTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
        into.words_mut().copy_from_slice(self.letter.message.words());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::{carries, shape};
    use super::*;

    #[test]
    fn it_carries_messages_up_to_a_page() {
        carries::<SysV, [u64; 1]>("sysv");
        carries::<SysV, [u64; 512]>("sysv");
    }

    #[test]
    fn it_is_removed_with_its_link() {
        let queue = <SysV as Link<[u64; 1]>>::open(&shape(Wait::Sleep, "sysv")).expect("a link");
        let id = queue.id;
        assert!(queues().contains(&id));
        drop(queue);
        assert!(!queues().contains(&id));
    }

    /// The second column, under a heading.
    fn queues() -> Vec<c_int> {
        let text = fs::read_to_string("/proc/sysvipc/msg").expect("a kernel with System V queues");
        text.lines()
            .skip(1)
            .map(|line| {
                line.split_whitespace()
                    .nth(1)
                    .expect("a column")
                    .parse()
                    .expect("an id")
            })
            .collect()
    }
}
