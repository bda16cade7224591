//! What can go wrong, and what can the caller do about it?

use std::fmt;
use std::io;

use crate::layout::header::MAGIC;

/// Why a message was not sent; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<T> {
    /// No receiver is left, or the channel is closed: nobody would read it.
    #[error("sending on a disconnected channel")]
    Disconnected(T),
    /// The region holds a word that no program following the protocol stores. The endpoint is of no more use.
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt(T),
    /// This endpoint belongs to the process that this one was forked from. Attach one of your own, or use a seat.
    #[error("the sender belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess(T),
}

/// Why a message was not sent at once; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no free place now.
    #[error("sending on a full channel")]
    Full(T),
    /// As [`SendError::Disconnected`].
    #[error("sending on a disconnected channel")]
    Disconnected(T),
    /// As [`SendError::Corrupt`].
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt(T),
    /// As [`SendError::WrongProcess`].
    #[error("the sender belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess(T),
}

/// Why a message was not sent in time; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendTimeoutError<T> {
    /// The channel stayed full.
    #[error("timed out waiting for a place in a full channel")]
    Timeout(T),
    /// As [`SendError::Disconnected`].
    #[error("sending on a disconnected channel")]
    Disconnected(T),
    /// As [`SendError::Corrupt`].
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt(T),
    /// As [`SendError::WrongProcess`].
    #[error("the sender belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess(T),
}

/// Why not all messages of a batch were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} after {sent} messages of the batch")]
pub struct SendManyError {
    /// Exactly the first so many are published; `values[sent..]` are not.
    pub sent: usize,
    /// Why the next one is not.
    pub kind: SendError<()>,
}

/// Why no message was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// Everything that was sent is drained, and no sender is left (or the channel is closed).
    #[error("receiving on an empty and disconnected channel")]
    Disconnected,
    /// The region holds a word that no program following the protocol stores. The endpoint is of no more use.
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// This endpoint belongs to the process that this one was forked from. Attach one of your own, or use a seat.
    #[error("the receiver belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why no message was received at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is no message now.
    #[error("receiving on an empty channel")]
    Empty,
    /// As [`RecvError::Disconnected`].
    #[error("receiving on an empty and disconnected channel")]
    Disconnected,
    /// As [`RecvError::Corrupt`].
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`RecvError::WrongProcess`].
    #[error("the receiver belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// Why no message was received in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvTimeoutError {
    /// The channel stayed empty.
    #[error("timed out waiting on an empty channel")]
    Timeout,
    /// As [`RecvError::Disconnected`].
    #[error("receiving on an empty and disconnected channel")]
    Disconnected,
    /// As [`RecvError::Corrupt`].
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// As [`RecvError::WrongProcess`].
    #[error("the receiver belongs to another process: attach a new one, or reserve a seat before the fork")]
    WrongProcess,
}

/// The three forms of a send error differ in one variant: this says what they share.
macro_rules! send_errors {
    ($($error:ident: $($own:ident)?;)+) => {$(
        impl<T> $error<T> {
            /// The message that was not sent.
            pub fn into_inner(self) -> T {
                match self {
                    $(Self::$own(value) => value,)?
                    Self::Disconnected(value) | Self::Corrupt(value) | Self::WrongProcess(value) => value,
                }
            }
        }

        // By hand, so that `T` need not be `Debug`, as in std and crossbeam.
        impl<T> fmt::Debug for $error<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$own(_) => concat!(stringify!($own), "(..)"),)?
                    Self::Disconnected(_) => "Disconnected(..)",
                    Self::Corrupt(_) => "Corrupt(..)",
                    Self::WrongProcess(_) => "WrongProcess(..)",
                })
            }
        }
    )+};
}

send_errors! {
    SendError: ;
    TrySendError: Full;
    SendTimeoutError: Timeout;
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::Disconnected(value) => Self::Disconnected(value),
            SendError::Corrupt(value) => Self::Corrupt(value),
            SendError::WrongProcess(value) => Self::WrongProcess(value),
        }
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::Disconnected(value) => Self::Disconnected(value),
            SendError::Corrupt(value) => Self::Corrupt(value),
            SendError::WrongProcess(value) => Self::WrongProcess(value),
        }
    }
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => Self::Disconnected,
            RecvError::Corrupt => Self::Corrupt,
            RecvError::WrongProcess => Self::WrongProcess,
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => Self::Disconnected,
            RecvError::Corrupt => Self::Corrupt,
            RecvError::WrongProcess => Self::WrongProcess,
        }
    }
}

/// Why a text cannot be the name of a channel.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It has no letters.
    #[error("a channel's name must not be empty")]
    Empty,
    /// It does not fit a file name, with what goes before it.
    #[error("a channel's name has at most {max} bytes, this one has {length}")]
    TooLong {
        /// Bytes of this name.
        length: usize,
        /// The most there can be.
        max: usize,
    },
    /// It has a character that file names do not have.
    #[error("{name:?} cannot name a channel: there must be no {character:?} in it")]
    Character {
        /// The name given.
        name: String,
        /// A slash or a zero.
        character: char,
    },
    /// It begins or ends with a dot.
    #[error("{name:?} cannot name a channel: dots must stand between other characters")]
    Dot {
        /// The name given.
        name: String,
    },
}

/// Who has a name that somebody else wanted, and why it cannot be taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakenBy {
    /// A channel whose creator lives.
    #[error("its creator is alive")]
    Creator,
    /// A channel made by `open_or_create` that some process has open.
    #[error("another process has it open")]
    Users,
    /// A channel made by `open_or_create` that nobody has open, with messages that nobody has read.
    #[error("nobody has it open, but {unread} messages in it are unread: open it, or remove it with `annulus::unlink`")]
    Messages {
        /// How many.
        unread: u64,
    },
    /// A channel made with `keep_name`, or in a file of its own.
    #[error("it is kept until it is removed, with `annulus::unlink` or, a file elsewhere, like any file")]
    Kept,
    /// Something that this program cannot judge: no channel, another ABI version, or another user's.
    #[error("it is not a channel that this program could remove")]
    Foreign,
}

/// Why a channel could not be created, or a [`Region`](crate::Region), which the texts call a channel, too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A ring has 1 to 2^32 slots.
    #[error("a ring holds 1 to {max} messages, {asked} were asked for", max = 1u64 << 32)]
    Capacity {
        /// Slots asked for.
        asked: u64,
    },
    /// A channel admits 1 to 8,188 endpoints at a multi end.
    #[error("a channel has room for 1 to {max} endpoints, {asked} were asked for")]
    TableLength {
        /// Endpoints asked for.
        asked: u32,
        /// The most there can be.
        max: u32,
    },
    /// Messages of a ring are copied in and out, and have at most 64 KiB.
    #[error("a message has at most {max} bytes in a ring, this type has {size}: larger ones are for `annulus::blocks`")]
    PayloadSize {
        /// `size_of::<T>()`.
        size: usize,
        /// The most there can be.
        max: usize,
    },
    /// A mapping aligns its slots to at most a page.
    #[error("a message is aligned to at most {max} bytes, this type to {align}")]
    PayloadAlign {
        /// `align_of::<T>()`.
        align: usize,
        /// The most there can be.
        max: usize,
    },
    /// There are 1 to 65,536 blocks.
    #[error("a channel has 1 to {max} blocks, {asked} were asked for")]
    BlockCount {
        /// Blocks asked for.
        asked: u64,
        /// The most there can be.
        max: u64,
    },
    /// A block has room for one item at least, and an item is of one byte at least.
    #[error("a block has room for at least one item of at least one byte, {length} of {item} bytes were asked for")]
    BlockLength {
        /// Items asked for.
        length: u64,
        /// `size_of::<T>()`.
        item: usize,
    },
    /// A block has at most some 256 GiB.
    #[error(
        "a block has at most {max} bytes, its word, its header and padding included: smaller ones, or more of them"
    )]
    BlockSize {
        /// The most there can be.
        max: usize,
    },
    /// Blocks are aligned to a power of two from 64 bytes to a page, and to what their items and headers need.
    #[error(
        "blocks are aligned to a power of two from 64 to 4096 bytes, at least {needed} here, {align} was asked for"
    )]
    BlockAlign {
        /// Alignment asked for.
        align: usize,
        /// What the items and the header need.
        needed: usize,
    },
    /// The header of a message is for a shape or a timestamp, and has at most 4 KiB.
    #[error("the header of a message has at most {max} bytes, this type has {size}")]
    HeaderSize {
        /// `size_of::<H>()`.
        size: usize,
        /// The most there can be.
        max: usize,
    },
    /// A stream has 1 to 2^32 elements.
    #[error("a stream holds 1 to {max} elements, {asked} were asked for", max = 1u64 << 32)]
    StreamCapacity {
        /// Elements asked for.
        asked: u64,
    },
    /// The elements of a stream fill whole pages, so that it can be mapped twice.
    #[error(
        "an element of a stream has a size that divides a page of {page} bytes, this type has {size}: a power of two, or \
         bytes"
    )]
    ElementSize {
        /// `size_of::<T>()`.
        size: usize,
        /// The smallest page that there is.
        page: usize,
    },
    /// A region has one byte at least.
    #[error("a region has at least one byte, none was asked for")]
    EmptyRegion,
    /// The region would be larger than allowed, or than any address space.
    #[error("the channel would take {wanted} bytes, at most {limit} are allowed: fewer slots, or a larger `max_bytes`")]
    TooLarge {
        /// Bytes that the region would have.
        wanted: u64,
        /// Bytes allowed: `max_bytes`, or half of what is available now.
        limit: u64,
    },
    /// The file would be larger than `RLIMIT_FSIZE` (getrlimit(2)) allows this process.
    #[error(
        "the channel would take {wanted} bytes, a file of this process's has at most {limit}: fewer slots, or a higher \
         `RLIMIT_FSIZE` (`ulimit -f`)"
    )]
    FileSizeLimit {
        /// Bytes that the region would have.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// The file system that the channel would be on, /dev/shm for a named one, is full.
    #[error(
        "the channel would take {wanted} bytes, {directory} has {free} left: fewer slots, or remove what nobody needs \
         there (`annulus::gc`)"
    )]
    NoSpace {
        /// Where the channel would be.
        directory: String,
        /// Bytes that the region would have.
        wanted: u64,
        /// Bytes left.
        free: u64,
    },
    /// This kernel, or a filter on this process, does not let it use membarrier(2).
    #[error("membarrier is not available to this process: create the channel with `FenceMode::Fenced`")]
    MembarrierUnavailable,
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name leads to something that is not to be removed.
    #[error("the name {name:?} is taken: {by}")]
    NameTaken {
        /// The name.
        name: String,
        /// By what.
        by: TakenBy,
    },
    /// A file mode has nine bits, and its owner must be able to open the channel.
    #[error("a channel cannot have file mode {mode:#o}: use 0o600 and any of 0o177")]
    Mode {
        /// The mode asked for.
        mode: u32,
    },
    /// Some process was opening or removing the channel of that name the whole time, stopped perhaps.
    #[error("another process is opening or removing the channel {name:?} and does not get on: is it stopped?")]
    Busy {
        /// The name.
        name: String,
    },
    /// The file system of a channel's file is not made for it.
    #[error(
        "{path:?} is on a file system that cannot hold a channel: it needs O_TMPFILE and fallocate, as ext4, XFS, Btrfs and tmpfs have them"
    )]
    FileSystem {
        /// Of the file.
        path: String,
    },
    /// Named channels live in /dev/shm.
    #[error("/dev/shm is not mounted: named channels live there")]
    NoShm,
    /// Liveness needs the proc file system.
    #[error("/proc is not mounted: it is needed to open a lock of its own for each endpoint")]
    NoProc,
    /// The operating system refused.
    #[error("could not {what}: {source}")]
    Os {
        /// What was being done.
        what: &'static str,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// Why a process or an endpoint could not attach to a channel, or a process could not open a [`Region`](crate::Region), which
/// the texts call a channel, too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The single end is held by a live endpoint.
    #[error("the channel already has its one {role}, in process {pid}")]
    AlreadyAttached {
        /// "sender" or "receiver".
        role: &'static str,
        /// The holder's process id, as it sees itself; 0 if it has not said yet.
        pid: u32,
    },
    /// Every record of the endpoint table is in use.
    #[error("all {length} endpoints of the channel are in use: create it with a larger `table_length`")]
    TableFull {
        /// Records for multi endpoints.
        length: u32,
    },
    /// The seat was turned into an endpoint before, here or in another process.
    #[error("the seat is taken: another process has attached with it")]
    SeatTaken,
    /// Some process has been attaching for a second, stopped perhaps. Of a name: opening, removing or judging it, for a
    /// second or the time given.
    #[error("another process is attaching to the channel, or removing it, and does not get on: is it stopped?")]
    Busy,
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no channel of that name, or none has come in the time given.
    #[error("there is no channel named {name:?}")]
    NotFound {
        /// The name.
        name: String,
    },
    /// What has the name is not a regular file.
    #[error("the channel {name:?} is not a channel: its file is {what}")]
    NotAChannel {
        /// The name.
        name: String,
        /// "a directory", "a symbolic link", "a pipe", "a socket or a device".
        what: &'static str,
    },
    /// The channel is another user's.
    #[error(
        "the channel {name:?} is user {owner}'s, this process is user {expected}'s: see `Builder::allow_other_users`"
    )]
    AnotherUser {
        /// The name.
        name: String,
        /// This process's user id.
        expected: u32,
        /// The file's.
        owner: u32,
    },
    /// What has the name was not made to have one, or has a policy that this version does not know.
    #[error("the channel's policy is {actual}, which no named channel of this version has: was its file copied?")]
    Policy {
        /// The region's.
        actual: u32,
    },
    /// Named channels live in /dev/shm.
    #[error("/dev/shm is not mounted: named channels live there")]
    NoShm,
    /// No channel was passed to this process under that name, or it was opened before.
    #[error("no channel named {name:?} was passed to this process, or it was opened before: see `Channel::pass_to`")]
    NotPassed {
        /// The name asked for.
        name: String,
    },
    /// The name cannot be passed on.
    #[error("{name:?} cannot name a channel: use 1 to 64 letters, digits, `-`, `_` and `.`")]
    InvalidName {
        /// The name given.
        name: String,
    },
    /// The descriptor leads to something that is no regular file and no memfd.
    #[error("this is {actual}, while a channel's memory is a regular file or a memfd: was another descriptor passed?")]
    NotAFile {
        /// "a directory", "a socket" and so on.
        actual: &'static str,
    },
    /// The descriptor does not allow what a channel needs.
    #[error("the channel's memory is {actual}, it must be open for reading and writing: pass a descriptor that is")]
    NotWritable {
        /// "open for reading only", "sealed against writing" and so on.
        actual: &'static str,
    },
    /// The file has no bytes at all.
    #[error("the channel's memory is empty, at least {expected} bytes are needed: was it ever initialised?")]
    Empty {
        /// Bytes that there should be at least.
        expected: u64,
    },
    /// The file is shorter than a region's header and slots.
    #[error("the channel's memory is {actual} bytes long, {expected} are needed: was it truncated?")]
    Truncated {
        /// Bytes that there should be at least.
        expected: u64,
        /// Bytes that there are.
        actual: u64,
    },
    /// Not a region.
    #[error(
        "this is not a channel: its memory begins with \"{}\", a channel's with \"{}\": was another file passed?",
        .actual.escape_ascii(),
        MAGIC.escape_ascii()
    )]
    NotARegion {
        /// Its first bytes.
        actual: [u8; 8],
    },
    /// Laid out by an incompatible version.
    #[error(
        "the channel has ABI version {actual}, this program has {expected}: rebuild both sides with one version of annulus"
    )]
    AbiVersion {
        /// This program's.
        expected: u32,
        /// The region's.
        actual: u32,
    },
    /// Another kind of channel.
    #[error("the channel is {actual}, this program expects {expected}: both sides use one and the same module")]
    Kind {
        /// This program's module: "spsc", "mpsc", "spmc", "mpmc", "blocks" or "stream"; or "region".
        expected: &'static str,
        /// The region's, or "of an unknown kind".
        actual: &'static str,
    },
    /// Messages of another size.
    #[error(
        "the channel has {actual}-byte messages, this program expects {expected}: was one side rebuilt, do both mean the same type?"
    )]
    PayloadSize {
        /// This program's, in bytes.
        expected: usize,
        /// The region's, in bytes.
        actual: usize,
    },
    /// Messages of another alignment.
    #[error(
        "the channel's messages are aligned to {actual} bytes, this program's to {expected}: was one side rebuilt, do both mean the same type?"
    )]
    PayloadAlign {
        /// This program's, in bytes.
        expected: usize,
        /// The region's, in bytes.
        actual: usize,
    },
    /// Blocks that the items or the headers of this program cannot be in.
    #[error(
        "the channel's blocks are aligned to {actual} bytes, this program's items need {needed}: do both mean the same type?"
    )]
    BlockAlign {
        /// What this program's items and headers need, in bytes.
        needed: usize,
        /// The region's, in bytes.
        actual: usize,
    },
    /// Headers of another size.
    #[error(
        "the channel's messages have headers of {actual} bytes, this program's of {expected}: do both mean the same type?"
    )]
    HeaderSize {
        /// This program's, in bytes.
        expected: usize,
        /// The region's, in bytes; 0 in a ring.
        actual: usize,
    },
    /// Headers of another alignment.
    #[error(
        "the headers of the channel's messages are aligned to {actual} bytes, this program's to {expected}: do both mean the same type?"
    )]
    HeaderAlign {
        /// This program's, in bytes.
        expected: usize,
        /// The region's, in bytes; 0 in a ring.
        actual: usize,
    },
    /// Messages of another type or schema.
    #[error(
        "the channel carries {actual:?}, this program expects {expected:?}: give both sides one `schema` if they mean the same"
    )]
    Schema {
        /// This program's type or schema.
        expected: String,
        /// The region's, as far as it is kept.
        actual: String,
    },
    /// Capacity, stride, table length and total do not belong together.
    #[error(
        "the channel's header does not add up: {capacity} slots of {stride} bytes (this program's have {slot}) and \
         {table_length} records in {total} bytes: was it overwritten, or written by another program?"
    )]
    Geometry {
        /// The region's slots.
        capacity: u64,
        /// Bytes from one of the region's slots to the next.
        stride: u32,
        /// The region's records.
        table_length: u32,
        /// The region's bytes, as it says.
        total: u64,
        /// Bytes of a slot with this program's messages, unpadded.
        slot: usize,
    },
    /// A fence mode that this version does not know.
    #[error(
        "the channel has fence mode {actual}, this program knows 1 and 2: rebuild both sides with one version of annulus"
    )]
    FenceMode {
        /// The region's.
        actual: u32,
    },
    /// The memory is not sealed, so that whoever has it could truncate it under us.
    #[error(
        "the channel's memory is sealed against {actual}, it must be against shrinking and growing: \
         or trust all who have it, with `Builder::allow_unsealed`"
    )]
    Unsealed {
        /// "nothing", "shrinking" or "growing".
        actual: &'static str,
    },
    /// This kernel, or a filter on this process, does not let it use membarrier(2), which this channel relies on.
    #[error(
        "the channel relies on membarrier, which is not available to this process: create it with `FenceMode::Fenced`"
    )]
    MembarrierUnavailable,
    /// The region holds a word that no program following the protocol stores.
    #[error("the channel's shared memory is corrupt: another process has overwritten it")]
    Corrupt,
    /// Liveness needs the proc file system.
    #[error("/proc is not mounted: it is needed to open a lock of its own for each endpoint")]
    NoProc,
    /// The operating system refused.
    #[error("could not {what}: {source}")]
    Os {
        /// What was being done.
        what: &'static str,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// Why the bytes of a [`Region`](crate::Region) cannot be read, written or seen as asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The region is no whole number of items.
    #[error(
        "the region has {length} bytes, which is no multiple of this type's {size}: do both sides mean the same type?"
    )]
    Length {
        /// Bytes of the region.
        length: usize,
        /// `size_of::<T>()`; 0 fits no length.
        size: usize,
    },
    /// Some of it is beyond the region.
    #[error("the region has {length} bytes: {count} items of {size} bytes from byte {offset} on are not all in it")]
    OutOfBounds {
        /// Where they begin.
        offset: usize,
        /// How many there are.
        count: usize,
        /// `size_of::<T>()`.
        size: usize,
        /// Bytes of the region.
        length: usize,
    },
    /// The items would not be aligned there: regions begin on a page.
    #[error(
        "byte {offset} of the region is not aligned to {align} bytes, as this type must be: read it with `read_at`"
    )]
    Align {
        /// Where they begin.
        offset: usize,
        /// `align_of::<T>()`.
        align: usize,
    },
}

/// Why a channel could neither be opened nor created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenOrCreateError {
    /// There is one, and it could not be opened.
    #[error(transparent)]
    Open(#[from] AttachError),
    /// There was none, and it could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
}
