//! Who may look at a channel without a part in it?

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::error::AttachError;
use crate::layout::Kind;
use crate::region::observed::Observed;

use super::stats::Stats;

/// A look at a channel from outside, whatever it carries: for tools and tests. Of a [`Region`](crate::Region) it tells kind, schema
/// and length, and no more: what is in it is nobody's business but its users'.
///
/// It reads through a mapping that cannot write, takes no lock and no place in the channel, and counts for nobody: a name
/// goes, and a stream ends, as if it were not there. What it sees of a channel whose name has gone is what is left in the
/// memory.
///
/// That it cannot write keeps an observer from mistakes. It is no boundary against one that is hostile: who may read the
/// file may, as a rule, also open it for writing. Like any mapping of a file that is not sealed, it is at the mercy of who
/// may truncate it (see *Trust* in the [crate's docs](crate#trust)).
///
/// ```
/// use annulus::{Observer, mpmc::Channel};
///
/// # let name = &format!("doc-observer-{}", std::process::id());
/// let channel = Channel::<u64>::create(name, 64)?;
/// let (tx, rx) = (channel.sender()?, channel.receiver()?);
/// let observer = Observer::open(name)?; // In another program, usually.
/// let before = observer.stats()?;
/// tx.send_many(&[1, 2, 3])?;
/// assert_eq!(rx.recv(), Ok(1));
///
/// let stats = observer.stats()?;
/// assert_eq!((stats.len, stats.sent, stats.received), (2, 3, 1));
/// assert!(stats.endpoints.iter().all(|endpoint| endpoint.alive && endpoint.pid == std::process::id()));
/// println!("{stats}\n{:.0} messages/s", stats.rates_since(&before).sent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Observer {
    observed: Observed,
}

impl Observer {
    /// Of the channel called `name`, if it is this user's.
    ///
    /// # Errors
    /// [`AttachError::NotFound`], [`AttachError::Name`], [`AttachError::NoShm`], [`AttachError::NotAChannel`],
    /// [`AttachError::AnotherUser`], or as for [`from_fd`](Self::from_fd).
    pub fn open(name: &str) -> Result<Observer, AttachError> {
        Observed::named(name).map(|observed| Observer { observed })
    }

    /// Of the channel in the file at `path`, if it is this user's: one made by [`Builder::path`](crate::Builder::path).
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_path(path: impl AsRef<Path>) -> Result<Observer, AttachError> {
        Observed::at(path.as_ref()).map(|observed| Observer { observed })
    }

    /// Of the channel in the file behind `fd`, sealed or not and whoever's it is: `fd` is opened again for reading, and
    /// need not stay open.
    ///
    /// # Errors
    /// [`AttachError::NotAFile`], [`AttachError::Empty`], [`AttachError::Truncated`], [`AttachError::NotARegion`],
    /// [`AttachError::AbiVersion`] or [`AttachError::Geometry`] if there is no channel in it; [`AttachError::NoProc`] or
    /// [`AttachError::Os`].
    pub fn from_fd(fd: impl AsFd) -> Result<Observer, AttachError> {
        Observed::behind(fd.as_fd()).map(|observed| Observer { observed })
    }

    /// The channel now. Takes as long as it takes to read the endpoint table, and about a microsecond for each endpoint.
    ///
    /// # Errors
    /// [`AttachError::Corrupt`]: its memory was overwritten. [`AttachError::Busy`]: the ring changed too fast to be looked at.
    /// [`AttachError::Os`]: the kernel does not say who lives.
    pub fn stats(&self) -> Result<Stats, AttachError> {
        Stats::of(self.observed.view(), self.observed.kind(), self.observed.file())
    }

    /// Which ends admit many.
    pub fn kind(&self) -> Kind {
        self.observed.kind()
    }

    /// The type or schema of its messages, as far as it is kept: the first 36 bytes.
    pub fn payload(&self) -> &str {
        self.observed.payload()
    }
}

impl AsFd for Observer {
    /// The file, open for reading.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.observed.file()
    }
}
