//! What does a user hold of memory that carries no messages?
//!
//! A [`Region`] is a plain one: made, named, passed and left like a channel, and what is in it is its users' own. Nobody
//! attaches to it, so there is nothing that a dead process could leave to be repaired, and nobody who waits.
//!
//! # Unsafe
//! References to the bytes, of which the caller vouches that nobody else touches them: his word is passed on to
//! [`Bytes`], and nothing is added to it.

mod builder;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use bytemuck::Pod;

use crate::error::{AttachError, CreateError, OpenOrCreateError, ViewError};
use crate::region;
use crate::region::bytes::Bytes;
use crate::sync::AtomicU64;

use super::options::Opened;
use super::pass;

pub use builder::{RegionBuilder, RegionFileBuilder};

/// Plain memory that several processes map: for data that is there rather than sent, a table, an image, a model.
///
/// It has a life like a channel's. It is [anonymous](Self::anonymous), and then passed on ([`pass_to`](Self::pass_to),
/// [`fd::send_over`](crate::fd::send_over), a fork); or it has a [name](Self::create), by the [rules](crate#names) that hold for
/// channels, and [`list`](crate::list), [`gc`](crate::gc) and [`unlink`](crate::unlink) know it; or it is in a
/// [file](RegionBuilder::path). Its bytes are zeros at first, and begin on a page.
///
/// ```
/// use annulus::Region;
///
/// let here = Region::anonymous(1 << 20)?;
/// let there = Region::from_fd(std::os::fd::AsFd::as_fd(&here).try_clone_to_owned()?)?; // In another process, usually.
/// here.write_at(4096, &[1.5, 2.5])?;
/// let mut numbers = [0.0; 2];
/// there.read_at(4096, &mut numbers)?;
/// assert_eq!(numbers, [1.5, 2.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Trust
/// A region has no protocol: any process that has it may write any byte of it at any time. So there are three ways to its
/// bytes, and it is the first two that are right whatever the others do:
///
/// | | needs | what it answers while others write |
/// |---|---|---|
/// | [`read_at`](Self::read_at), [`write_at`](Self::write_at) | nothing | each aligned word of eight bytes is whole, the old one or a new one |
/// | [`words`](Self::words) | nothing | the same, and whatever atomics can do: order, counters, flags |
/// | [`as_slice`](Self::as_slice), [`as_mut_slice`](Self::as_mut_slice), [`slice_at`](Self::slice_at), [`slice_mut_at`](Self::slice_mut_at) | `unsafe`: nobody else writes meanwhile | undefined behaviour |
///
/// A reference is a promise to the compiler that nobody else writes to what it leads to, and no signature can keep another
/// process to it. That is why slices are `unsafe` here, and are not in [`blocks`](crate::blocks), where a protocol says whose a
/// block is. Who makes one vouches for *all* who have the region: that they keep to an agreement, by a channel, an atomic, or
/// because one has exited before the other begins. With a process that may be buggy or hostile there is no such agreement, and
/// the first two ways remain.
///
/// Both access eight bytes at a time and in no other width: two atomic accesses of different sizes that meet are a data race to
/// Rust. Other atomics are had from [`as_ptr`](Self::as_ptr) with their `from_ptr`, for who knows that all use that width there.
/// What another process does is outside Rust's memory model as it is; to the processor these are loads and stores, so what
/// comes of it is wrong values at most.
///
/// Values are of types without bad ones ([`Pod`]). The length was checked at opening and is private from then on. An anonymous
/// region is sealed against truncation; one with a name, or in a file, cannot be: see the [crate's docs](crate#trust).
///
/// # When processes die
/// Nothing is left to be repaired. What a killed process has written stays, and what it was in the middle of is half done:
/// words are whole, all beyond that is for the users to tell (a counter that is stored last, say). The memory goes with the last
/// process that has it, unless it has a name; and the name goes as the [table](crate#names) says. Nothing is ever unread in a
/// region, so one by [`open_or_create`](Self::open_or_create) goes with the last one out. For data that outlives its
/// processes there is [`keep_name`](RegionBuilder::keep_name), or a [file](RegionBuilder::path).
///
/// # Fork
/// A forked child uses its parent's handle: it is the same memory, for as long as it has it. Dropping it there takes no name
/// away, not even as the last one out: then the name is left to the next to come by it. A child that is to leave as its own opens
/// the region itself.
pub struct Region {
    bytes: Bytes,
    schema: String,
}

impl Region {
    fn of(opened: Opened, populate: bool) -> Self {
        if populate {
            opened.region.view().populate();
        }
        Region {
            bytes: Bytes::new(opened.region),
            schema: opened.schema,
        }
    }

    pub(super) fn inner(&self) -> &region::Region {
        self.bytes.region()
    }

    /// A region of so many bytes, in memory without a name.
    ///
    /// # Errors
    /// [`CreateError::EmptyRegion`], [`CreateError::TooLarge`], or another [`CreateError`] for what the system does not allow.
    pub fn anonymous(bytes: usize) -> Result<Region, CreateError> {
        Self::builder(bytes).anonymous()
    }

    /// A region called `name`, for programs that find each other by it; as [`Channel::create`](crate::Channel::create): the name
    /// goes with this handle, or with this process.
    ///
    /// # Errors
    /// [`CreateError::NameTaken`], which says by whom, [`CreateError::Name`], and otherwise as for
    /// [`anonymous`](Self::anonymous); nothing is left behind.
    pub fn create(name: &str, bytes: usize) -> Result<Region, CreateError> {
        Self::builder(bytes).create(name)
    }

    /// The region called `name`, which some process has [created](Self::create). It is as long as that has made it:
    /// [`len`](Self::len).
    ///
    /// # Errors
    /// [`AttachError::Kind`] if it is a channel, and otherwise as for [`Channel::open`](crate::Channel::open).
    pub fn open(name: &str) -> Result<Region, AttachError> {
        Self::builder(0).open(name)
    }

    /// [`open`](Self::open), but waits for up to `timeout` until there is a region of that name.
    ///
    /// # Errors
    /// As for [`open`](Self::open): [`AttachError::NotFound`] if none has come in time.
    pub fn open_timeout(name: &str, timeout: Duration) -> Result<Region, AttachError> {
        Self::builder(0).open_timeout(name, timeout)
    }

    /// The region called `name`: opened if there is one, however long it is, otherwise made, of so many bytes. The name goes
    /// with the last one out.
    ///
    /// # Errors
    /// [`OpenOrCreateError`]: as for [`open`](Self::open) or [`create`](Self::create), but the name is never taken.
    ///
    /// ```
    /// # let name = format!("doc-region-{}", std::process::id());
    /// use annulus::Region;
    /// use std::sync::atomic::Ordering::Relaxed;
    ///
    /// let counters = Region::open_or_create(&name, 8 * 16)?; // In each of several programs.
    /// counters.words()[3].fetch_add(1, Relaxed);
    /// assert_eq!(Region::open(&name)?.words()[3].load(Relaxed), 1);
    /// drop(counters);
    /// assert!(Region::open(&name).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create(name: &str, bytes: usize) -> Result<Region, OpenOrCreateError> {
        Self::builder(bytes).open_or_create(name)
    }

    /// A region with options.
    pub fn builder(bytes: usize) -> RegionBuilder {
        RegionBuilder::new(bytes)
    }

    /// The region that the parent has [passed](Self::pass_to) to this process as `name`. Once for each name, even if it
    /// fails.
    ///
    /// # Errors
    /// [`AttachError::NotPassed`], or as for [`from_fd`](Self::from_fd).
    pub fn inherited(name: &str) -> Result<Region, AttachError> {
        Self::builder(0).inherited(name)
    }

    /// The region in the file behind `fd`, which has come from elsewhere; as [`Channel::from_fd`](crate::Channel::from_fd).
    ///
    /// # Errors
    /// [`AttachError::Kind`] if it is a channel, and otherwise as for [`Channel::from_fd`](crate::Channel::from_fd).
    pub fn from_fd(fd: OwnedFd) -> Result<Region, AttachError> {
        Self::builder(0).from_fd(fd)
    }

    /// Lets the children of `command` open this region with [`inherited`](Self::inherited)`(name)`; as
    /// [`Channel::pass_to`](crate::Channel::pass_to).
    ///
    /// # Errors
    /// [`AttachError::InvalidName`], [`AttachError::NoProc`] or [`AttachError::Os`].
    pub fn pass_to(&self, command: &mut Command, name: &str) -> Result<(), AttachError> {
        pass::pass(self.inner().file(), command, name)
    }

    /// How many bytes it has: those that were asked for when it was made, 1 at least.
    pub fn len(&self) -> usize {
        self.bytes.length()
    }

    /// No: there is one byte at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Its first byte, on a page. [`len`](Self::len) bytes from there on may be read and written for as long as this handle
    /// lives, by who knows what the others do meanwhile.
    pub fn as_ptr(&self) -> *mut u8 {
        self.bytes.first().as_ptr()
    }

    /// Its bytes as atomic words, in the machine's byte order; up to seven bytes at the end that are no word are left out.
    ///
    /// What was written before, by whatever way, is seen by who has read, with [`Acquire`], what was stored to a word with
    /// [`Release`]: that is how regions hold their flags and counters.
    ///
    /// ```
    /// use annulus::Region;
    /// use std::sync::atomic::Ordering::{Acquire, Release};
    ///
    /// let region = Region::anonymous(4096)?;
    /// let (ready, text) = (0, 8);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| {
    ///         region.write_at(text, b"hello").unwrap();
    ///         region.words()[ready].store(5, Release); // Its length: it is there.
    ///     });
    ///     while region.words()[ready].load(Acquire) == 0 {
    ///         std::thread::yield_now();
    ///     }
    ///     let mut heard = [0; 5];
    ///     region.read_at(text, &mut heard).unwrap();
    ///     assert_eq!(&heard, b"hello");
    /// });
    /// # Ok::<(), annulus::CreateError>(())
    /// ```
    ///
    /// [`Acquire`]: std::sync::atomic::Ordering::Acquire
    /// [`Release`]: std::sync::atomic::Ordering::Release
    pub fn words(&self) -> &[AtomicU64] {
        self.bytes.whole_words()
    }

    /// Copies `items.len()` items out, from byte `offset` on, which may be any.
    ///
    /// Each of the region's words is read once, relaxed, and in whole; between two of them others may write. Takes the time of a
    /// copy by words of eight bytes.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`].
    pub fn read_at<T: Pod>(&self, offset: usize, items: &mut [T]) -> Result<(), ViewError> {
        self.bytes.read(offset, items)
    }

    /// Copies `items` in, from byte `offset` on, which may be any.
    ///
    /// Each of the region's words is written once, relaxed, and in whole. What else is in the first and the last of them stays
    /// as it is, whoever writes to it meanwhile.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`]: nothing was written.
    pub fn write_at<T: Pod>(&self, offset: usize, items: &[T]) -> Result<(), ViewError> {
        self.bytes.write(offset, items)
    }

    /// All of it as items of `T`.
    ///
    /// # Errors
    /// [`ViewError::Length`] if it is no whole number of them, [`ViewError::Align`] if they are aligned to more than a page.
    ///
    /// # Safety
    /// For as long as the slice lives nobody writes to the region: no other process, no other handle of this one, nor
    /// [`write_at`](Self::write_at) or [`words`](Self::words) of this handle; and what was written before was ordered before.
    ///
    /// ```
    /// use annulus::{Region, ViewError};
    ///
    /// let mut region = Region::anonymous(8 * 1000)?;
    /// // SAFETY: nobody else has it yet.
    /// let numbers = unsafe { region.as_mut_slice::<f64>()? };
    /// numbers.fill(0.5);
    /// // SAFETY: as above.
    /// assert_eq!(unsafe { region.as_slice::<f64>()? }.iter().sum::<f64>(), 500.0);
    /// // SAFETY: as above.
    /// let triples = unsafe { region.as_slice::<[f64; 3]>() };
    /// assert_eq!(triples, Err(ViewError::Length { length: 8000, size: 24 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Without the word that nobody writes it does not compile:
    ///
    /// ```compile_fail,E0133
    /// # let region = annulus::Region::anonymous(8)?;
    /// let numbers = region.as_slice::<f64>()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn as_slice<T: Pod>(&self) -> Result<&[T], ViewError> {
        // SAFETY: the caller's word.
        unsafe { self.bytes.all() }
    }

    /// All of it as items of `T`, to be written to.
    ///
    /// # Errors
    /// As for [`as_slice`](Self::as_slice).
    ///
    /// # Safety
    /// For as long as the slice lives nobody else reads the region or writes to it: no other process, and no other handle of
    /// this one; and what was done before was ordered before. (Where processes write to parts of their own:
    /// [`slice_mut_at`](Self::slice_mut_at).)
    pub unsafe fn as_mut_slice<T: Pod>(&mut self) -> Result<&mut [T], ViewError> {
        // SAFETY: the caller's word.
        unsafe { self.bytes.all_mut() }
    }

    /// `count` items of `T` from byte `offset` on.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`], or [`ViewError::Align`] if `offset` is not a multiple of the alignment of `T`.
    ///
    /// # Safety
    /// As for [`as_slice`](Self::as_slice), of these bytes.
    pub unsafe fn slice_at<T: Pod>(&self, offset: usize, count: usize) -> Result<&[T], ViewError> {
        // SAFETY: the caller's word.
        unsafe { self.bytes.slice(offset, count) }
    }

    /// `count` items of `T` from byte `offset` on, to be written to.
    ///
    /// # Errors
    /// As for [`slice_at`](Self::slice_at).
    ///
    /// # Safety
    /// As for [`as_mut_slice`](Self::as_mut_slice), of these bytes.
    pub unsafe fn slice_mut_at<T: Pod>(&mut self, offset: usize, count: usize) -> Result<&mut [T], ViewError> {
        // SAFETY: the caller's word.
        unsafe { self.bytes.slice_mut(offset, count) }
    }
}

impl AsFd for Region {
    /// Its file, sealed unless it has a name. The bytes begin on a page behind its header: to map it by hand is not needed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner().file()
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("schema", &self.schema)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
