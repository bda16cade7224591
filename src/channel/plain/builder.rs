//! What can be chosen when a plain region is made, or opened, and in which file?

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{AttachError, CreateError, OpenOrCreateError};
use crate::layout::geometry::Arrangement;
use crate::layout::header::short_type_name;
use crate::layout::{FenceMode, Kind, PlainPlan};
use crate::region::named::Name;
use crate::region::{Sealing, memory, os};

use super::super::options::Options;
use super::Region;

/// A region about to be made or opened; see [`Region::builder`].
///
/// ```
/// use annulus::Region;
///
/// let region = Region::builder(640 * 480 * 4)
///     .schema("frame v2")
///     .populate()
///     .max_bytes(16 << 20)
///     .anonymous()?;
/// assert_eq!(region.len(), 640 * 480 * 4);
/// # Ok::<(), annulus::CreateError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RegionBuilder {
    options: Options,
    populate: bool,
}

impl RegionBuilder {
    pub(super) fn new(bytes: usize) -> Self {
        let arrangement = Arrangement::Plain(PlainPlan { page: memory::page() });
        let mut options = Options::new(Kind::Region, bytes, arrangement, short_type_name::<u8>());
        // Nobody attaches, and nobody waits.
        options.plan.endpoints = 0;
        options.plan.fence_mode = Some(FenceMode::Fenced);
        options.plan.spin_ns = 0;
        options.plan.tick_ms = 0;
        RegionBuilder {
            options,
            populate: false,
        }
    }

    /// The most bytes that the region may take, its header and whole pages included. Unless said otherwise, half of the memory
    /// that is available now, to the machine or to this process's control group, whichever is less: shared memory counts
    /// against no quota, and what is reserved in excess ends in the out-of-memory killer.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.options.plan.max_bytes = Some(bytes);
        self
    }

    /// What is in the region: two programs share it only if they say the same. Unless said otherwise it is "u8", bytes.
    pub fn schema(mut self, schema: &str) -> Self {
        self.options.plan.name = schema.to_owned();
        self
    }

    /// Maps all pages into this process at once, and not one by one as they are touched. Holds for a region that is opened,
    /// too. (`MADV_POPULATE_WRITE` of madvise(2), Linux 5.14; before that it does nothing.)
    pub fn populate(mut self) -> Self {
        self.populate = true;
        self
    }

    /// Lets [`from_fd`](Self::from_fd) open a region whose memory is not sealed: another user's file, for instance, or a copy.
    /// (One of this user's that was made by a name or a path needs no leave.) Whoever can open that file can truncate it, and
    /// this process is then killed by `SIGBUS` when it touches what is gone: say so only if all who can are trusted.
    pub fn allow_unsealed(mut self) -> Self {
        self.options.sealing = Sealing::Waived;
        self
    }

    /// The file mode of a region with a name or a path: 0o600 unless said otherwise, and that at least; the umask does not
    /// matter. Who may write to the file can open the region, with [`allow_other_users`](Self::allow_other_users), and can
    /// truncate it, which kills whoever uses it then.
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.access.mode = mode;
        self
    }

    /// Nobody removes the name of the region but who asks for it, with [`unlink`](crate::unlink): not its creator, nor the last
    /// one out, nor [`gc`](crate::gc). For data that outlives its processes; the memory is not given back until the name goes,
    /// or the machine is restarted.
    pub fn keep_name(mut self) -> Self {
        self.options.access.keep = true;
        self
    }

    /// Opens a region of another user's, too. That user can then read and change what is in it, and kill this process by
    /// truncating its file; and only that user, or root, can remove its name.
    pub fn allow_other_users(mut self) -> Self {
        self.options.access.others = true;
        self
    }

    /// Makes the region in memory without a name, for this process, its children and whoever is passed it.
    ///
    /// # Errors
    /// As for [`Region::anonymous`]; nothing is left behind.
    pub fn anonymous(self) -> Result<Region, CreateError> {
        let populate = self.populate;
        self.options.anonymous().map(|opened| Region::of(opened, populate))
    }

    /// [`Region::create`], with these options.
    ///
    /// # Errors
    /// As for [`Region::create`].
    pub fn create(self, name: &str) -> Result<Region, CreateError> {
        self.create_named(&Name::new(name)?)
    }

    /// [`Region::open`], with these options: [`schema`](Self::schema), [`populate`](Self::populate) and
    /// [`allow_other_users`](Self::allow_other_users). The length and all else is the creator's to choose.
    ///
    /// # Errors
    /// As for [`Region::open`].
    pub fn open(self, name: &str) -> Result<Region, AttachError> {
        self.open_named(&Name::new(name)?, None)
    }

    /// [`Region::open_timeout`], with the options of [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`Region::open_timeout`].
    pub fn open_timeout(self, name: &str, timeout: Duration) -> Result<Region, AttachError> {
        self.open_named(&Name::new(name)?, Some(timeout))
    }

    /// [`Region::open_or_create`], with these options.
    ///
    /// # Errors
    /// As for [`Region::open_or_create`].
    pub fn open_or_create(self, name: &str) -> Result<Region, OpenOrCreateError> {
        self.open_or_create_named(&Name::new(name).map_err(AttachError::from)?)
    }

    /// Puts the region in the file at `path`, on any file system that can hold one, instead of under a name in /dev/shm.
    pub fn path(mut self, path: impl AsRef<Path>) -> RegionFileBuilder {
        self.options.access.keep = true;
        RegionFileBuilder {
            builder: self,
            path: path.as_ref().to_owned(),
        }
    }

    /// [`Region::inherited`], with the options of [`from_fd`](Self::from_fd).
    ///
    /// # Errors
    /// As for [`Region::inherited`].
    pub fn inherited(self, name: &str) -> Result<Region, AttachError> {
        let populate = self.populate;
        self.options.inherited(name).map(|opened| Region::of(opened, populate))
    }

    /// [`Region::from_fd`], with these options: [`schema`](Self::schema), [`populate`](Self::populate) and
    /// [`allow_unsealed`](Self::allow_unsealed).
    ///
    /// # Errors
    /// As for [`Region::from_fd`].
    pub fn from_fd(self, fd: OwnedFd) -> Result<Region, AttachError> {
        let populate = self.populate;
        self.options.behind(fd).map(|opened| Region::of(opened, populate))
    }

    fn create_named(self, name: &Name) -> Result<Region, CreateError> {
        let populate = self.populate;
        self.options.create(name).map(|opened| Region::of(opened, populate))
    }

    fn open_named(self, name: &Name, timeout: Option<Duration>) -> Result<Region, AttachError> {
        let populate = self.populate;
        let opened = self.options.open(name, timeout);
        opened.map(|opened| Region::of(opened, populate))
    }

    fn open_or_create_named(self, name: &Name) -> Result<Region, OpenOrCreateError> {
        let populate = self.populate;
        let opened = self.options.open_or_create(name);
        opened.map(|opened| Region::of(opened, populate))
    }
}

/// A region about to be made or opened in a file; see [`RegionBuilder::path`].
///
/// The file outlives all who use it, and a restart of the machine; nobody removes it but who removes files. It is its header,
/// and then, from a page on, the bytes. The system writes them back when it likes, and nothing here calls fsync(2): after a power
/// failure some are old. What it takes of a file system, and of those who can write to the file, is what [a channel's
/// file](crate::FileBuilder#what-it-takes) takes.
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("annulus-region-doc-{}", std::process::id()));
/// # std::fs::create_dir(&directory)?;
/// # let path = directory.join("table");
/// use annulus::Region;
///
/// let table = Region::builder(1 << 16).path(&path).open_or_create()?;
/// table.write_at(0, b"hello")?;
/// drop(table); // Nobody has it open. Some other day:
/// let mut found = [0; 5];
/// Region::builder(0).path(&path).open()?.read_at(0, &mut found)?;
/// assert_eq!(&found, b"hello");
/// std::fs::remove_file(&path)?;
/// # std::fs::remove_dir(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RegionFileBuilder {
    builder: RegionBuilder,
    path: PathBuf,
}

impl RegionFileBuilder {
    /// Makes the region. Whoever finds the file finds it whole: it is given its name in one step.
    ///
    /// # Errors
    /// [`CreateError::NameTaken`] if there is such a file, [`CreateError::FileSystem`], and otherwise as for
    /// [`Region::anonymous`]; nothing is left behind.
    pub fn create(self) -> Result<Region, CreateError> {
        let name = self.name()?;
        self.builder.create_named(&name)
    }

    /// Opens the region, with the options that count for [`RegionBuilder::open`].
    ///
    /// # Errors
    /// As for [`Region::open`].
    pub fn open(self) -> Result<Region, AttachError> {
        let name = self.name()?;
        self.builder.open_named(&name, None)
    }

    /// The same, and waits for it for up to `timeout`.
    ///
    /// # Errors
    /// As for [`Region::open_timeout`].
    pub fn open_timeout(self, timeout: Duration) -> Result<Region, AttachError> {
        let name = self.name()?;
        self.builder.open_named(&name, Some(timeout))
    }

    /// Opens the region, or makes it.
    ///
    /// # Errors
    /// As for [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(self) -> Result<Region, OpenOrCreateError> {
        let name = self.name()?;
        self.builder.open_or_create_named(&name)
    }

    fn name(&self) -> Result<Name, AttachError> {
        Name::of_path(&self.path).map_err(os("find the region's file"))
    }
}
