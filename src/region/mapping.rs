//! What is one process's view of a region?
//!
//! The one cast from bytes to types is not here: this is only address and length, for as long as the value lives.
//!
//! # Unsafe
//! A call to madvise(2) that changes nothing that a program can see, and calls to mmap(2) and munmap(2) that map over a part of a
//! mapping of our own, and take it away.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use nix::libc;

/// A shared, readable mapping of a whole file; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping(MmapRaw);

impl Mapping {
    /// Maps the first `len` bytes of `region`, which is as long as the file, for reading and writing.
    ///
    /// The descriptor may be closed afterwards. Never pass a lock description: the mapping would keep its locks.
    ///
    /// # Errors
    /// `len` is zero (`InvalidInput`), or the kernel does not map (no address space; not opened for writing; sealed
    /// against writing).
    pub(crate) fn new(region: BorrowedFd<'_>, len: usize) -> io::Result<Mapping> {
        options(len)?.map_raw(region.as_raw_fd()).map(Mapping)
    }

    /// The same, and right behind it the bytes from `from` to `len`, which are whole pages, once more: what begins among them
    /// is in one piece for as many bytes as they are.
    ///
    /// # Errors
    /// As [`new`](Self::new): where addresses are short, for the second time too.
    pub(crate) fn twice(region: BorrowedFd<'_>, len: usize, from: usize) -> io::Result<Mapping> {
        let again = len - from;
        let all = len.checked_add(again).ok_or(io::ErrorKind::InvalidInput)?;
        // As far as there is no file behind it, it takes addresses and nothing else.
        let mapping = options(all)?.map_raw(region.as_raw_fd())?;
        let behind = mapping.as_mut_ptr().wrapping_add(len).cast();
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_FIXED);
        // SAFETY: the last `again` of the `all` bytes of a mapping of our own, to which nobody has a pointer yet. The kernel
        // replaces them, and unmaps them with the rest: munmap(2) takes addresses.
        let mapped = unsafe { libc::mmap(behind, again, prot, flags, region.as_raw_fd(), from as libc::off_t) };
        if mapped == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            // The kernel may have taken the old pages away before it failed, and another thread may have the addresses by now:
            // only what is surely ours is unmapped. (`munmap` cannot fail for whole pages of ours.)
            let mapping = ManuallyDrop::new(mapping);
            // SAFETY: the first `len` bytes of a mapping of our own, which nobody uses or drops from here on.
            unsafe { libc::munmap(mapping.as_mut_ptr().cast(), len) };
            return Err(error);
        }
        Ok(Mapping(mapping))
    }

    /// The same as [`new`](Self::new) for reading only.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn read_only(region: BorrowedFd<'_>, len: usize) -> io::Result<Mapping> {
        options(len)?.map_raw_read_only(region.as_raw_fd()).map(Mapping)
    }

    /// The first byte, aligned to a page.
    pub(crate) fn as_ptr(&self) -> NonNull<u8> {
        NonNull::new(self.0.as_mut_ptr()).expect("mmap(2) maps nothing at address zero unasked")
    }

    /// Maps every page now, writable, instead of each when it is touched. What the kernel does not do is left for then.
    pub(crate) fn populate(&self) {
        // madvise(2): Linux 5.14; EINVAL before. It changes no byte.
        // SAFETY: the whole of a mapping of our own; populating neither unmaps nor changes anything.
        let _ = unsafe { libc::madvise(self.0.as_mut_ptr().cast(), self.0.len(), libc::MADV_POPULATE_WRITE) };
    }

    /// Bytes from there on.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
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
    fn an_empty_mapping_is_refused() {
        let region = memfd_create("annulus-mapping-test", MFdFlags::MFD_CLOEXEC).unwrap();
        let error = Mapping::new(region.as_fd(), 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
