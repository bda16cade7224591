//! Which bytes of a region change, and how do they get into a file?

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use arbitrary::Arbitrary;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

// From LAYOUT.md.
const LINES: usize = 128;
const TABLE: usize = 768;
const RECORD: usize = 128;
const CAPACITY: usize = 16;
const STRIDE: usize = 24;
const TABLE_LENGTH: usize = 36;

/// Eight bytes somewhere become something else.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Poke {
    place: Place,
    value: Value,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Place {
    Header(u8),
    /// One of the five shared words.
    Line(u8),
    Table(u16),
    /// A slot's state word.
    Slot(u8),
    Anywhere(u32),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Value {
    Any(u64),
    Small(u8),
    Flip(u8),
    Add(i8),
    /// Lap (near what is there), owner and phase of a state word.
    State(i8, Owner, u8),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Owner {
    Nobody,
    Near(u8),
    Far(u16),
    Orphan,
}

impl Poke {
    /// Where in `region`, and what stands there afterwards.
    pub fn aim(&self, region: &[u8]) -> (usize, [u8; 8]) {
        let (slots, stride) = slots(region);
        let offset = match self.place {
            Place::Header(at) => usize::from(at) % LINES,
            Place::Line(line) => LINES + 128 * (usize::from(line) % 5),
            Place::Table(at) => TABLE + usize::from(at) % (slots - TABLE).max(RECORD),
            Place::Slot(index) => slots + usize::from(index) * stride,
            Place::Anywhere(at) => at as usize,
        };
        let offset = offset % (region.len() - 7); // Regions are whole pages.
        let before = word(region, offset);
        let after = match self.value {
            Value::Any(value) => value,
            Value::Small(value) => value.into(),
            Value::Flip(bit) => before ^ 1 << (bit % 64),
            Value::Add(value) => before.wrapping_add_signed(value.into()),
            Value::State(laps, owner, phase) => {
                let owner = match owner {
                    Owner::Nobody => 0,
                    Owner::Near(id) => u64::from(id % 10),
                    Owner::Far(id) => u64::from(id),
                    Owner::Orphan => 8191,
                };
                (before >> 16).wrapping_add_signed(laps.into()) << 16 | (owner & 0x1fff) << 3 | u64::from(phase % 8)
            }
        };
        (offset, after.to_ne_bytes())
    }

    /// Does it to a file.
    pub fn strike(&self, fd: BorrowedFd<'_>) {
        let (offset, value) = self.aim(&of(fd));
        write(fd, &value, offset);
    }
}

/// A memfd with these bytes.
pub fn file(bytes: &[u8], sealed: bool) -> OwnedFd {
    let fd = memfd_create("annulus-fuzz", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).expect("a memfd");
    let file = File::from(fd);
    file.write_all_at(bytes, 0).expect("room");
    if sealed {
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).expect("seals");
    }
    file.into()
}

/// All bytes of a file.
pub fn of(fd: BorrowedFd<'_>) -> Vec<u8> {
    let file = File::from(fd.try_clone_to_owned().expect("a descriptor"));
    let len = file.metadata().expect("a length").len();
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, 0).expect("as many bytes as it has");
    bytes
}

/// Changes bytes of a file.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8], offset: usize) {
    let file = File::from(fd.try_clone_to_owned().expect("a descriptor"));
    file.write_all_at(bytes, offset as u64).expect("inside the file");
}

/// Endpoints that a region has room for at its multi ends.
pub fn endpoints(fd: BorrowedFd<'_>) -> usize {
    half(&of(fd), TABLE_LENGTH) - 3
}

/// Makes the fresh ring of a region one that has gone round almost for ever: `back` positions before the last.
pub fn wind(fd: BorrowedFd<'_>, back: u64) {
    let mut bytes = of(fd);
    let capacity = word(&bytes, CAPACITY);
    let shift = capacity.trailing_zeros();
    let positions = u64::MAX >> (64 - (48 + shift).min(64));
    let start = 0u64.wrapping_sub(back) & positions;
    let mut put = |offset: usize, word: u64| bytes[offset..offset + 8].copy_from_slice(&word.to_ne_bytes());
    put(LINES, start);
    put(LINES + 128, start);
    let (first, stride) = slots(&of(fd));
    for i in 0..capacity {
        let position = start.wrapping_add(i) & positions;
        let index = (position & (capacity - 1)) as usize;
        put(first + index * stride, (position >> shift) << 16);
    }
    write(fd, &bytes, 0);
}

/// The four bytes at `offset`, or zeros.
fn half(region: &[u8], offset: usize) -> usize {
    let bytes = region.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_ne_bytes(bytes.unwrap_or_default()) as usize
}

/// The eight bytes at `offset`, or zeros.
fn word(region: &[u8], offset: usize) -> u64 {
    let bytes = region.get(offset..offset + 8).and_then(|bytes| bytes.try_into().ok());
    u64::from_ne_bytes(bytes.unwrap_or_default())
}

/// Where the slots begin (for payloads that are not aligned to more than a line), and bytes from one to the next, if line
/// 0 can be believed.
fn slots(region: &[u8]) -> (usize, usize) {
    let table_length = half(region, TABLE_LENGTH) & 0x1fff;
    (
        (TABLE + RECORD * table_length).next_multiple_of(128),
        half(region, STRIDE) & 0xffff,
    )
}
