//! mkfifo(3): a pipe with a name in the file system.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::ask::Wait;
use crate::message::Message;

use super::pipe::{Bytes, nonblocking, whole};
use super::{About, Link, Many, Mechanism, Reach, Shape, Skip};

/// A name that is there as long as this is.
#[derive(Debug)]
pub struct Fifo {
    path: PathBuf,
    flags: i32,
    /// Both ends in one, so that whoever opens the first real end need not wait for the other.
    _both: File,
}

impl Mechanism for Fifo {
    const NAME: &'static str = "fifo";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::Any;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "bytes",
        persistence: "the name, until it is removed; no content",
        relation: "by name",
        death: "harmless; a message may be cut short",
    };
    type Link<M: Message> = Fifo;
}

impl<M: Message> Link<M> for Fifo {
    type Tx = Bytes;
    type Rx = Bytes;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        whole::<M>(shape)?;
        let path = std::env::temp_dir().join(&shape.name);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // Linux opens a FIFO for both at once, and that never blocks.
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(both) => Ok(Fifo {
                path,
                flags: nonblocking(shape).bits(),
                _both: both,
            }),
            Err(why) => {
                let _ = fs::remove_file(&path);
                Err(why.into())
            }
        }
    }

    fn tx(&self) -> Result<Bytes, Skip> {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(self.flags)
            .open(&self.path)?;
        Ok(Bytes::over(file))
    }

    fn rx(&self) -> Result<Bytes, Skip> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(self.flags)
            .open(&self.path)?;
        Ok(Bytes::over(file))
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::{carries, shape};
    use super::*;

    #[test]
    fn it_carries_messages_of_any_size() {
        carries::<Fifo, [u64; 1]>("fifo");
        carries::<Fifo, [u64; 131_072]>("fifo");
    }

    #[test]
    fn its_name_goes_with_it() {
        let fifo = <Fifo as Link<[u64; 1]>>::open(&shape(Wait::Sleep, "name")).expect("a link");
        let path = fifo.path.clone();
        assert!(path.exists());
        drop(fifo);
        assert!(!path.exists());
    }
}
