//! How does a process stop in the middle of a copy, every time?
//!
//! A [`Trap`] is an array whose element `at` lies on a page that may not be touched. A child that sends it (or receives
//! into it) in a batch gets as far as that element, with its claims in the slots, and then stops itself: the handler of
//! `SIGSEGV` raises `SIGSTOP`. Its parent sees it stopped, looks at the words, and kills it there or lets it go on: then
//! the handler unlocks the page and returns, and the copy goes on with the instruction that it was stopped in.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::message::{Message, Page};

/// An array of pages, one of which is locked.
#[derive(Debug)]
pub struct Trap {
    pages: NonNull<Page>,
    len: usize,
    not_send: PhantomData<*mut Page>,
}

/// Address of the locked page.
static LOCKED: AtomicUsize = AtomicUsize::new(0);

impl Trap {
    /// Messages with these numbers; whoever touches the one at `at` stops. For a child that exists to fall into it; one
    /// at a time, and never unmapped.
    pub fn new(numbers: &[u64], at: usize) -> Trap {
        let len = numbers.len();
        let bytes = NonZeroUsize::new(len * size_of::<Page>()).expect("not empty");
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping wherever the kernel likes disturbs nothing.
        let memory = unsafe { mmap_anonymous(None, bytes, access, MapFlags::MAP_PRIVATE) };
        let pages: NonNull<Page> = memory.expect("memory for a trap").cast();
        for (i, &number) in numbers.iter().enumerate() {
            // SAFETY: inside the mapping.
            let page = unsafe { pages.add(i) };
            // SAFETY: mapped writable, aligned, and nobody else knows it.
            unsafe { page.write(Page::of(number)) };
        }
        // SAFETY: inside the mapping.
        let locked = unsafe { pages.add(at) };
        LOCKED.store(locked.addr().get(), SeqCst);
        let action = SigAction::new(SigHandler::SigAction(fallen), SaFlags::SA_SIGINFO, SigSet::empty());
        // SAFETY: the handler makes async-signal-safe calls only.
        unsafe { sigaction(Signal::SIGSEGV, &action) }.expect("a handler for SIGSEGV");
        // SAFETY: a page of our own mapping. Touching it is not undefined for the processor: the handler gives it back.
        unsafe { mprotect(locked.cast(), size_of::<Page>(), ProtFlags::PROT_NONE) }.expect("to lock the page");
        Trap {
            pages,
            len,
            not_send: PhantomData,
        }
    }

    /// The array, to be sent.
    pub fn messages(&self) -> &[Page] {
        // SAFETY: mapped for ever and written by `new`; the locked page is unlocked when it is first touched.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr(), self.len) }
    }

    /// The array, to be received into.
    pub fn room(&mut self) -> &mut [Page] {
        // SAFETY: as above, and borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.pages.as_ptr(), self.len) }
    }
}

extern "C" fn fallen(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO.
    let info = unsafe { &*info };
    // SAFETY: it is one of SIGSEGV, which has an address.
    let address = unsafe { info.si_addr() }.addr();
    let locked = LOCKED.load(SeqCst);
    if locked == 0 || !(locked..locked + size_of::<Page>()).contains(&address) {
        // SAFETY: _exit(2) is async-signal-safe.
        unsafe { libc::_exit(104) };
    }
    // SAFETY: async-signal-safe.
    unsafe { libc::raise(libc::SIGSTOP) };
    let page = std::ptr::with_exposed_provenance_mut(locked);
    // SAFETY: a system call on the page that `Trap::new` has locked.
    unsafe { libc::mprotect(page, size_of::<Page>(), libc::PROT_READ | libc::PROT_WRITE) };
}
