//! What is one process's view of a region?
//!
//! The one cast from bytes to types is not here: this is only address and length, for as long as the value lives.
//!
//! # Unsafe
//! A call to madvise(2) that changes nothing that a program can see; and calls to mmap(2) and munmap(2), of addresses of our own.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// A shared, readable mapping of a whole file; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping(Pages);

/// The file, or the file and its end once more.
#[derive(Debug)]
enum Pages {
    Once(MmapRaw),
    Twice(Twice),
}

/// Two mappings, one right behind the other.
///
/// # Invariants
/// - **D1** `len` bytes from `first` on are mapped, and nobody else unmaps them.
#[derive(Debug)]
struct Twice {
    first: NonNull<u8>,
    len: usize,
}

// SAFETY: D1: addresses that are the value's own, whichever thread has it.
unsafe impl Send for Twice {}
// SAFETY: as above.
unsafe impl Sync for Twice {}

impl Drop for Twice {
    fn drop(&mut self) {
        // SAFETY: D1; who has pointers into it has the value too. It cannot fail for whole mappings.
        let _ = unsafe { munmap(self.first.cast(), self.len) };
    }
}

impl Mapping {
    /// Maps the first `len` bytes of `region`, which is as long as the file, for reading and writing.
    ///
    /// The descriptor may be closed afterwards. Never pass a lock description: the mapping would keep its locks.
    ///
    /// # Errors
    /// `len` is zero (`InvalidInput`), or the kernel does not map (no address space; not opened for writing; sealed
    /// against writing).
    pub(crate) fn new(region: BorrowedFd<'_>, len: usize) -> io::Result<Mapping> {
        options(len)?.map_raw(region.as_raw_fd()).map(Pages::Once).map(Mapping)
    }

    /// The same, and right behind it the bytes from `from` to `len`, which are whole pages, once more: what begins among them
    /// is in one piece for as many bytes as they are.
    ///
    /// # Errors
    /// As [`new`](Self::new): where addresses are short, for the second time too.
    pub(crate) fn twice(region: BorrowedFd<'_>, len: usize, from: usize) -> io::Result<Mapping> {
        let again = len - from;
        let all = len.checked_add(again).and_then(NonZeroUsize::new);
        let all = all.ok_or(io::ErrorKind::InvalidInput)?;
        // Addresses and nothing else, over which the file is mapped.
        let reserved = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: new addresses, wherever the kernel likes.
        let first = unsafe { mmap_anonymous(None, all, ProtFlags::PROT_NONE, reserved) }?.cast::<u8>();
        // Should one of these fail, the kernel may have taken away what was there before, and another thread may have the
        // addresses by now. So what is not surely ours any more is left as it is: addresses without memory.
        // SAFETY: the first `len` of the `all` bytes that are reserved.
        unsafe { map_over(region, first, len, 0) }?;
        // SAFETY: `len` is less than all that are reserved.
        let behind = unsafe { first.add(len) };
        // SAFETY: the others that are reserved.
        if let Err(error) = unsafe { map_over(region, behind, again, from) } {
            // SAFETY: mapped above, and nobody has a pointer to it.
            let _ = unsafe { munmap(first.cast(), len) };
            return Err(error);
        }
        let len = all.get();
        Ok(Mapping(Pages::Twice(Twice { first, len })))
    }

    /// The same as [`new`](Self::new) for reading only.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn read_only(region: BorrowedFd<'_>, len: usize) -> io::Result<Mapping> {
        let mapping = options(len)?.map_raw_read_only(region.as_raw_fd())?;
        Ok(Mapping(Pages::Once(mapping)))
    }

    /// The first byte, aligned to a page.
    pub(crate) fn as_ptr(&self) -> NonNull<u8> {
        match &self.0 {
            Pages::Once(mapping) => {
                NonNull::new(mapping.as_mut_ptr()).expect("mmap(2) maps nothing at address zero unasked")
            }
            Pages::Twice(twice) => twice.first,
        }
    }

    /// Maps every page now, writable, instead of each when it is touched. What the kernel does not do is left for then.
    pub(crate) fn populate(&self) {
        // madvise(2): Linux 5.14; EINVAL before. It changes no byte.
        // SAFETY: the whole of a mapping of our own; populating neither unmaps nor changes anything.
        let _ = unsafe { libc::madvise(self.as_ptr().as_ptr().cast(), self.len(), libc::MADV_POPULATE_WRITE) };
    }

    /// Bytes from there on.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Pages::Once(mapping) => mapping.len(),
            Pages::Twice(twice) => twice.len,
        }
    }
}

/// Maps `len` bytes of `region`, from byte `from` on, where `first` is.
///
/// # Safety
/// These addresses are the caller's, and nobody has pointers into them.
unsafe fn map_over(region: BorrowedFd<'_>, first: NonNull<u8>, len: usize, from: usize) -> io::Result<()> {
    let len = NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidInput)?;
    let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
    // SAFETY: the caller's word.
    unsafe { mmap(Some(first.addr()), len, prot, flags, region, from as libc::off_t) }?;
    Ok(())
}

fn options(len: usize) -> io::Result<MmapOptions> {
    // memmap2 would map a byte all the same.
    if len == 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut options = MmapOptions::new();
    options.len(len);
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::os::fd::AsFd;

    #[test]
    fn two_mappings_are_views_of_the_same_bytes() {
        let region = memfd_create("annulus-mapping-test", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&region, 8192).unwrap();
        let a = Mapping::new(region.as_fd(), 8192).unwrap();
        let b = Mapping::new(region.as_fd(), 8192).unwrap();
        assert_eq!(a.len(), 8192);
        assert_ne!(a.as_ptr(), b.as_ptr());
        // SAFETY: 8191 is below the length of the mapping.
        let last = unsafe { a.as_ptr().add(8191) };
        // SAFETY: the same of the other mapping.
        let same = unsafe { b.as_ptr().add(8191) };
        // SAFETY: mapped writable, and no other thread knows this memory.
        unsafe { last.write_volatile(7) };
        // SAFETY: mapped readable, and no other thread knows this memory.
        assert_eq!(unsafe { same.read_volatile() }, 7);
        drop(a);
        // SAFETY: `b` is mapped yet.
        assert_eq!(unsafe { same.read_volatile() }, 7);
    }

    #[test]
    fn what_is_mapped_twice_goes_on_where_it_ends() {
        let region = memfd_create("annulus-mapping-test", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&region, 3 * 4096).unwrap();
        let mapping = Mapping::twice(region.as_fd(), 3 * 4096, 4096).unwrap();
        assert_eq!(mapping.len(), 5 * 4096);
        for (at, byte) in [(4096, 1), (3 * 4096 - 1, 2)] {
            // SAFETY: below the length of the mapping.
            let here = unsafe { mapping.as_ptr().add(at) };
            // SAFETY: as above.
            let again = unsafe { here.add(2 * 4096) };
            // SAFETY: mapped writable, and no other thread knows this memory.
            unsafe { here.write_volatile(byte) };
            // SAFETY: mapped readable, and no other thread knows this memory.
            assert_eq!(unsafe { again.read_volatile() }, byte);
        }
    }

    #[test]
    fn what_cannot_be_mapped_twice_is_not_left_mapped_once() {
        let name = "annulus-mapped-once-test";
        let region = memfd_create(name, MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&region, 3 * 4096).unwrap();
        // The kernel maps whole pages, so the second mapping fails.
        let error = Mapping::twice(region.as_fd(), 3 * 4096, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let mapped = || std::fs::read_to_string("/proc/self/maps").unwrap().contains(name);
        assert!(!mapped());
        let twice = Mapping::twice(region.as_fd(), 3 * 4096, 4096).unwrap();
        assert!(mapped());
        drop(twice);
        assert!(!mapped());
    }

    #[test]
    fn an_empty_mapping_is_refused() {
        let region = memfd_create("annulus-mapping-test", MFdFlags::MFD_CLOEXEC).unwrap();
        let error = Mapping::new(region.as_fd(), 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
