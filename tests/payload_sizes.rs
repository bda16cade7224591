//! Is a payload of any size copied whole, and nothing beside it touched?
//!
//! Small payloads are copied in word by word, and a size that is no multiple of 8 has a rest. A word too many would be seen
//! in one of three places: behind the payload in its slot, in the neighbour in the program's own array, or behind that
//! array, where no memory is.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

use annulus::SlotPadding;
use annulus::bytemuck::Pod;
use annulus::spsc::Channel;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

const CANARY: u8 = 0xa5;
const CAPACITY: u64 = 4;
const PAGE: usize = 4096;

/// One page of memory between two that may not be touched.
struct Island(NonNull<u8>);

impl Island {
    const BYTES: NonZeroUsize = NonZeroUsize::new(3 * PAGE).unwrap();

    fn new() -> Island {
        let (none, access) = (ProtFlags::PROT_NONE, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
        // SAFETY: a new mapping wherever the kernel likes disturbs nothing.
        let memory = unsafe { mmap_anonymous(None, Self::BYTES, none, MapFlags::MAP_PRIVATE) };
        let memory = memory.expect("memory");
        // SAFETY: inside the mapping.
        let page = unsafe { memory.cast::<u8>().add(PAGE) };
        // SAFETY: a page of our own mapping that nobody uses yet.
        unsafe { mprotect(page.cast(), PAGE, access) }.expect("a page to use");
        Island(page)
    }

    /// Four payloads of canaries that end where the memory ends, or begin where it begins.
    fn shore<const N: usize>(&mut self, at_the_end: bool) -> &mut [[u8; N]; CAPACITY as usize] {
        let bytes = size_of::<[[u8; N]; CAPACITY as usize]>();
        let offset = if at_the_end { PAGE - bytes } else { 0 };
        // SAFETY: the page is longer than the array.
        let start = unsafe { self.0.add(offset) };
        // SAFETY: inside the page, which is ours to write.
        unsafe { start.write_bytes(CANARY, bytes) };
        // SAFETY: inside the page, initialised, aligned as bytes are, and borrowed alone.
        unsafe { start.cast().as_mut() }
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // SAFETY: `new` mapped a page before this one.
        let memory = unsafe { self.0.sub(PAGE) };
        // SAFETY: mapped by `new` with this length; nobody borrows from it any more.
        let _ = unsafe { munmap(memory.cast(), Self::BYTES.get()) };
    }
}

/// The bytes of a slot behind its payload, from outside, by LAYOUT.md.
struct Behind {
    file: File,
    slots: u64,
    stride: u64,
    payload: u64,
}

impl Behind {
    fn of(channel: &impl AsFd, payload: u64) -> Behind {
        let file = File::from(channel.as_fd().try_clone_to_owned().expect("a duplicate"));
        let half = |offset| {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, offset).expect("the header");
            u64::from(u32::from_ne_bytes(bytes))
        };
        let (stride, table_length) = (half(24), half(36));
        Behind {
            file,
            slots: (768 + 128 * table_length).next_multiple_of(128),
            stride,
            payload,
        }
    }

    fn each(&self, mut visit: impl FnMut(&mut [u8]) -> bool) {
        for slot in 0..CAPACITY {
            let offset = self.slots + slot * self.stride + 8 + self.payload;
            let mut bytes = vec![0; (self.stride - 8 - self.payload) as usize];
            self.file.read_exact_at(&mut bytes, offset).expect("a slot");
            if visit(&mut bytes) {
                self.file.write_all_at(&bytes, offset).expect("a slot");
            }
        }
    }
}

fn payload<const N: usize>(number: u64) -> [u8; N] {
    // No byte of one is the same byte of the next, nor a canary everywhere.
    std::array::from_fn(|i| (number as u8).wrapping_mul(31).wrapping_add(i as u8).wrapping_add(1))
}

fn go_round<const N: usize>(padding: SlotPadding)
where
    [u8; N]: Pod,
{
    let channel = Channel::<[u8; N]>::builder(CAPACITY as usize).slot_padding(padding);
    let channel = channel.table_length(4).anonymous().expect("a channel");
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let behind = Behind::of(&channel, N as u64);
    behind.each(|bytes| {
        bytes.fill(CANARY);
        true
    });
    let (mut source, mut target) = (Island::new(), Island::new());
    let mut number = 0;
    for at_the_end in [true, false, true] {
        let from = source.shore::<N>(at_the_end);
        for one in from.iter_mut() {
            *one = payload(number);
            number += 1;
        }
        let room = target.shore::<N>(at_the_end);
        tx.send_many(from).unwrap();
        assert_eq!(rx.recv_many(room), Ok(4));
        assert_eq!(room, from, "{N} bytes");

        // In the middle of an array.
        let room = target.shore::<N>(at_the_end);
        tx.send_many(&from[1..3]).unwrap();
        assert_eq!(rx.recv_many(&mut room[1..3]), Ok(2));
        let canary = [CANARY; N];
        assert_eq!(*room, [canary, from[1], from[2], canary], "{N} bytes and neighbours");

        // One by one.
        for one in from.iter() {
            tx.send(*one).unwrap();
            assert_eq!(rx.recv(), Ok(*one), "{N} bytes");
        }
    }
    behind.each(|bytes| {
        assert!(bytes.iter().all(|&byte| byte == CANARY), "behind {N} bytes: {bytes:x?}");
        false
    });
}

macro_rules! each_size {
    ($($size:literal)+) => {
        #[test]
        fn a_payload_of_any_size_goes_round_and_touches_nothing_beside_it() {
            $(
                go_round::<$size>(SlotPadding::Packed);
                go_round::<$size>(SlotPadding::Line);
            )+
        }
    };
}

each_size! {
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35
    36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70
}
