//! How is a channel put in a file of one's own choosing?

use std::path::PathBuf;
use std::time::Duration;

use bytemuck::Pod;

use super::builder::Builder;
use super::{Channel, End};
use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::region::named::Name;
use crate::region::os;

/// A channel about to be made or opened in a file; see [`Builder::path`].
///
/// The file outlives all who use it, and with it the messages that nobody has received: endpoints come and go, are
/// killed, or end with the machine, and whoever opens the file next goes on where they stopped. Nobody removes it but who
/// removes files.
///
/// # After a restart of the machine
/// Who was attached before it is dead, since no process is left that could hold the kernel's locks which say otherwise; the
/// boot id in the file is of the boot that it was made in. The messages are those that had been written back: all of them
/// after an orderly shutdown. After a power failure the file is what the file system makes of it. Messages may be missing
/// or come twice, and what cannot be is reported as corrupt: remove the file then. Nothing here calls fsync(2).
///
/// # What it takes
/// A local file system with `O_TMPFILE`, fallocate(2) and shared mappings: ext4, XFS, Btrfs, tmpfs. Not one of a network: its
/// machines see neither each other's memory nor each other's wake-ups. The bytes are allocated when the channel is made,
/// and [`max_bytes`](Builder::max_bytes) holds for them too. While it is used the file must not be truncated (`SIGBUS`), so
/// who can write to it must be trusted: its mode is [`mode`](Builder::mode), and another user's is opened only with
/// [`allow_other_users`](Builder::allow_other_users).
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("annulus-doc-{}", std::process::id()));
/// # std::fs::create_dir(&directory)?;
/// # let path = directory.join("jobs.ring");
/// use annulus::spsc::Channel;
///
/// let sender = Channel::<u64>::builder(64).path(&path).open_or_create()?.sender()?;
/// sender.send(1)?;
/// drop(sender); // Nobody has it open. Some other day:
/// let receiver = Channel::<u64>::builder(64).path(&path).open()?.receiver()?;
/// assert_eq!(receiver.recv(), Ok(1));
/// std::fs::remove_file(&path)?;
/// # std::fs::remove_dir(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FileBuilder<T, S, R> {
    builder: Builder<T, S, R>,
    path: PathBuf,
}

impl<T: Pod, S: End, R: End> FileBuilder<T, S, R> {
    pub(super) fn new(builder: Builder<T, S, R>, path: PathBuf) -> Self {
        FileBuilder { builder, path }
    }

    /// Makes the channel. Whoever finds the file finds it whole: it is given its name in one step.
    ///
    /// # Errors
    /// [`CreateError::NameTaken`] if there is such a file, [`CreateError::FileSystem`], and otherwise as for
    /// [`Channel::anonymous`]; nothing is left behind.
    pub fn create(self) -> Result<Channel<T, S, R>, CreateError> {
        let name = self.name()?;
        self.builder.create_named(&name)
    }

    /// Opens the channel, with the options that count for [`Builder::open`].
    ///
    /// # Errors
    /// As for [`Channel::open`].
    pub fn open(self) -> Result<Channel<T, S, R>, AttachError> {
        let name = self.name()?;
        self.builder.open_named(&name, None)
    }

    /// The same, and waits for it for up to `timeout`.
    ///
    /// # Errors
    /// As for [`Channel::open_timeout`].
    pub fn open_timeout(self, timeout: Duration) -> Result<Channel<T, S, R>, AttachError> {
        let name = self.name()?;
        self.builder.open_named(&name, Some(timeout))
    }

    /// Opens the channel, or makes it.
    ///
    /// # Errors
    /// As for [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(self) -> Result<Channel<T, S, R>, OpenOrCreateError> {
        let name = self.name()?;
        self.builder.open_or_create_named(&name)
    }

    fn name(&self) -> Result<Name, AttachError> {
        Name::of_path(&self.path).map_err(os("find the channel's file"))
    }
}
