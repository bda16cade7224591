//! What does line 0 say about a region?
//!
//! It is written once, before anybody else can see the region, its magic last; an attacher reads it once, checks it
//! ([`Geometry::check`](super::Geometry::check)) and then trusts only its own copy.

use bytemuck::{Pod, Zeroable};

/// The first eight bytes of every region.
pub const MAGIC: [u8; 8] = *b"ANNULUS\0";

/// The version of the layout and the protocol. Two programs share a region only if they agree on it.
pub const ABI_VERSION: u32 = 2;

/// Bytes of the type's or schema's name that are kept for the error message.
pub const NAME_LEN: usize = 36;

/// Line 0, as bytes in a file; see LAYOUT.md for what each field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`ABI_VERSION`].
    pub abi: u32,
    /// A [`Kind`].
    pub kind: u32,
    /// Slots or elements of a stream, a power of two from 1 to 2^32; or blocks, 1 to 65,536; or bytes of a plain region.
    pub capacity: u64,
    /// Bytes from one slot to the next; or from one block to the next, in units of 64; or a page, of a stream or a plain region.
    pub stride: u32,
    /// `size_of::<T>()`, of a message, an item or an element.
    pub payload_size: u32,
    /// `align_of::<T>()`; or the alignment of a block's items.
    pub payload_align: u32,
    /// Records in the table, the three reserved ones included.
    pub table_length: u32,
    /// A [`FenceMode`].
    pub fence_mode: u32,
    /// The longest sleep between two looks, in milliseconds; 0 counts as 1.
    pub tick_ms: u32,
    /// The longest spin before a sleep, in nanoseconds.
    pub spin_ns: u32,
    /// Who removes the name: a [`Policy`], or 0 in an anonymous region.
    pub policy: u32,
    /// Bytes of the whole region.
    pub total: u64,
    /// `/proc/sys/kernel/random/boot_id` at creation, as bytes.
    pub boot_id: [u8; 16],
    /// [`fingerprint`] of the whole name.
    pub fingerprint: u64,
    /// `size_of::<H>()` of a block's header; 0 in a ring.
    pub header_size: u16,
    /// `align_of::<H>()` of a block's header; 0 in a ring.
    pub header_align: u16,
    /// The beginning of the name, zero-padded UTF-8.
    pub name: [u8; NAME_LEN],
}

/// The transport, and which ends admit many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// One sender, one receiver.
    Spsc = 1,
    /// Many senders, one receiver.
    Mpsc = 2,
    /// One sender, many receivers.
    Spmc = 3,
    /// Many senders, many receivers.
    Mpmc = 4,
    /// Blocks: many senders, many receivers.
    Blocks = 5,
    /// A stream: one writer, one reader.
    Stream = 6,
    /// A plain region: bytes, for whoever has it.
    Region = 7,
}

impl Kind {
    /// The kind with these ends.
    pub const fn of(multi_sender: bool, multi_receiver: bool) -> Kind {
        match (multi_sender, multi_receiver) {
            (false, false) => Kind::Spsc,
            (true, false) => Kind::Mpsc,
            (false, true) => Kind::Spmc,
            (true, true) => Kind::Mpmc,
        }
    }

    /// The kind in line 0, if this program knows it.
    pub const fn decode(bits: u32) -> Option<Kind> {
        match bits {
            1 => Some(Kind::Spsc),
            2 => Some(Kind::Mpsc),
            3 => Some(Kind::Spmc),
            4 => Some(Kind::Mpmc),
            5 => Some(Kind::Blocks),
            6 => Some(Kind::Stream),
            7 => Some(Kind::Region),
            _ => None,
        }
    }

    /// The module that it is in; of a plain region, "region".
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Spsc => "spsc",
            Kind::Mpsc => "mpsc",
            Kind::Spmc => "spmc",
            Kind::Mpmc => "mpmc",
            Kind::Blocks => "blocks",
            Kind::Stream => "stream",
            Kind::Region => "region",
        }
    }
}

/// Who removes the name of a named region, and when. Written before the name is given, and never changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// The creator: dropped or killed.
    Created = 1,
    /// The last one out, once it is drained.
    Shared = 2,
    /// Nobody but who asks for it by name.
    Kept = 3,
}

impl Policy {
    /// The policy in line 0, if this program knows it. An anonymous region has none.
    pub const fn decode(bits: u32) -> Option<Policy> {
        match bits {
            1 => Some(Policy::Created),
            2 => Some(Policy::Shared),
            3 => Some(Policy::Kept),
            _ => None,
        }
    }
}

/// Who pays for the fence between changing the ring and looking for sleepers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FenceMode {
    /// Every send and receive: works everywhere.
    Fenced = 1,
    /// Only who is about to sleep, by membarrier(2): faster (`benches/NOTES.md`), but every process that attaches
    /// must be allowed to call it.
    Membarrier = 2,
}

impl FenceMode {
    /// The mode in line 0, if this program knows it.
    pub const fn decode(bits: u32) -> Option<FenceMode> {
        match bits {
            1 => Some(FenceMode::Fenced),
            2 => Some(FenceMode::Membarrier),
            _ => None,
        }
    }
}

/// 64-bit FNV-1a, the hash of the Fowler–Noll–Vo paper (draft-eastlake-fnv): stable across builds and machines.
pub const fn fingerprint(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// A type's name as two separately built programs agree on it: each path in it cut to its last segment.
pub fn short_type_name<T: ?Sized>() -> String {
    let full = std::any::type_name::<T>();
    let mut short = String::with_capacity(full.len());
    let mut segment = 0;
    let mut colons = 0;
    for c in full.chars() {
        if c == ':' {
            colons += 1;
            if colons == 2 {
                short.truncate(segment);
            }
            continue;
        }
        colons = 0;
        if !(c.is_alphanumeric() || c == '_') {
            short.push(c);
            segment = short.len();
        } else {
            short.push(c);
        }
    }
    short
}

/// The first [`NAME_LEN`] bytes of `text`, cut at a character, zero-padded.
pub fn name_field(text: &str) -> [u8; NAME_LEN] {
    let mut end = text.len().min(NAME_LEN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut field = [0; NAME_LEN];
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    field
}

/// The text in a name field, whatever bytes are in it.
pub fn name_text(field: &[u8; NAME_LEN]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(NAME_LEN);
    String::from_utf8_lossy(&field[..end]).into_owned()
}
