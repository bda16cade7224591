//! What may be done with the types, and what do the errors say?

use std::error::Error;
use std::fmt::Debug;
use std::os::fd::AsFd;

use annulus::{
    AttachError, Builder, Channel, CreateError, IntoIter, Iter, Multi, Receiver, RecvError, RecvTimeoutError, Region,
    RegionBuilder, RegionFileBuilder, Seat, SendError, SendManyError, SendTimeoutError, Sender, Single, TryIter,
    TryRecvError, TrySendError, ViewError,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

type Data = [u32; 3];

// Multi endpoints are shared, single ones handed on.
assert_impl_all!(Sender<Data, Multi>: Send, Sync, Clone, Debug);
assert_impl_all!(Receiver<Data, Multi>: Send, Sync, Clone, Debug);
assert_impl_all!(Sender<Data, Single>: Send, Debug);
assert_impl_all!(Receiver<Data, Single>: Send, Debug);
assert_not_impl_any!(Sender<Data, Single>: Sync, Clone);
assert_not_impl_any!(Receiver<Data, Single>: Sync, Clone);

assert_impl_all!(Channel<Data, Single, Single>: Send, Sync, AsFd, Debug);
assert_impl_all!(Channel<Data, Multi, Multi>: Send, Sync, AsFd, Debug);
assert_impl_all!(Builder<Data, Single, Multi>: Send, Sync, Clone, Debug);
assert_impl_all!(Seat<Sender<Data, Single>>: Send, Debug);
assert_impl_all!(Seat<Receiver<Data, Multi>>: Send, Debug);
assert_not_impl_any!(Seat<Sender<Data, Multi>>: Clone);

// A region is memory: whoever has a reference may use it.
assert_impl_all!(Region: Send, Sync, AsFd, Debug);
assert_impl_all!(RegionBuilder: Send, Sync, Clone, Debug);
assert_impl_all!(RegionFileBuilder: Send, Sync, Clone, Debug);

assert_impl_all!(Receiver<Data, Single>: IntoIterator<Item = Data>);
assert_impl_all!(&'static Receiver<Data, Multi>: IntoIterator<Item = Data>);
assert_impl_all!(Iter<'static, Data, Single>: Iterator<Item = Data>, Debug);
assert_impl_all!(TryIter<'static, Data, Multi>: Iterator<Item = Data>, Debug);
assert_impl_all!(IntoIter<Data, Single>: Iterator<Item = Data>, Send, Debug);

// Errors go into a `Box<dyn Error + Send + Sync>`, whatever the message is.
assert_impl_all!(SendError<Data>: Error, Send, Sync, Clone, Copy, PartialEq, Eq);
assert_impl_all!(TrySendError<Data>: Error, Send, Sync, Clone, Copy, PartialEq, Eq, From<SendError<Data>>);
assert_impl_all!(SendTimeoutError<Data>: Error, Send, Sync, Clone, Copy, PartialEq, Eq, From<SendError<Data>>);
assert_impl_all!(SendManyError: Error, Send, Sync, Clone, Copy, PartialEq, Eq);
assert_impl_all!(RecvError: Error, Send, Sync, Clone, Copy, PartialEq, Eq);
assert_impl_all!(TryRecvError: Error, Send, Sync, Clone, Copy, PartialEq, Eq, From<RecvError>);
assert_impl_all!(RecvTimeoutError: Error, Send, Sync, Clone, Copy, PartialEq, Eq, From<RecvError>);
assert_impl_all!(CreateError: Error, Send, Sync);
assert_impl_all!(AttachError: Error, Send, Sync);
assert_impl_all!(ViewError: Error, Send, Sync, Clone, Copy, PartialEq, Eq);
fn is_static<T: 'static>() {}
const _: fn() = is_static::<(
    SendError<Data>,
    TrySendError<Data>,
    SendTimeoutError<Data>,
    SendManyError,
    RecvError,
    TryRecvError,
    RecvTimeoutError,
    CreateError,
    AttachError,
    ViewError,
)>;

/// Without `Debug`, as a message may be.
#[derive(Clone, Copy)]
struct Opaque;
assert_impl_all!(SendError<Opaque>: Error, Debug);
assert_impl_all!(TrySendError<Opaque>: Error, Debug);
assert_impl_all!(SendTimeoutError<Opaque>: Error, Debug);

/// Every error that there is, one of each variant.
fn all() -> Vec<Box<dyn Error>> {
    let os = || std::io::Error::other("no such luck");
    let name = || "a b".to_owned();
    let mut all: Vec<Box<dyn Error>> = Vec::new();
    macro_rules! all {
        ($($error:expr),+ $(,)?) => {{ $(all.push(Box::new($error));)+ }};
    }
    all![
        SendError::Disconnected(Opaque),
        SendError::Corrupt(Opaque),
        SendError::WrongProcess(Opaque),
        TrySendError::Full(Opaque),
        TrySendError::Disconnected(Opaque),
        TrySendError::Corrupt(Opaque),
        TrySendError::WrongProcess(Opaque),
        SendTimeoutError::Timeout(Opaque),
        SendTimeoutError::Disconnected(Opaque),
        SendTimeoutError::Corrupt(Opaque),
        SendTimeoutError::WrongProcess(Opaque),
        SendManyError {
            sent: 3,
            kind: SendError::Disconnected(())
        },
        RecvError::Disconnected,
        RecvError::Corrupt,
        RecvError::WrongProcess,
        TryRecvError::Empty,
        TryRecvError::Disconnected,
        TryRecvError::Corrupt,
        TryRecvError::WrongProcess,
        RecvTimeoutError::Timeout,
        RecvTimeoutError::Disconnected,
        RecvTimeoutError::Corrupt,
        RecvTimeoutError::WrongProcess,
        CreateError::Capacity { asked: 0 },
        CreateError::TableLength { asked: 9000, max: 8188 },
        CreateError::PayloadSize {
            size: 70_000,
            max: 65_536
        },
        CreateError::PayloadAlign { align: 8192, max: 4096 },
        CreateError::TooLarge { wanted: 9, limit: 8 },
        CreateError::FileSizeLimit { wanted: 9, limit: 8 },
        CreateError::NoSpace {
            directory: "/dev/shm".to_owned(),
            wanted: 9,
            free: 8,
        },
        CreateError::FileSystem {
            path: "/proc/channel".to_owned(),
        },
        CreateError::EmptyRegion,
        CreateError::MembarrierUnavailable,
        CreateError::NoProc,
        CreateError::Os {
            what: "map it",
            source: os()
        },
        AttachError::AlreadyAttached {
            role: "sender",
            pid: 42
        },
        AttachError::TableFull { length: 125 },
        AttachError::SeatTaken,
        AttachError::Busy,
        AttachError::NotPassed { name: name() },
        AttachError::InvalidName { name: name() },
        AttachError::Truncated {
            expected: 4096,
            actual: 0
        },
        AttachError::NotAFile { actual: "a directory" },
        AttachError::NotWritable {
            actual: "open for reading only"
        },
        AttachError::Empty { expected: 128 },
        AttachError::NotARegion {
            actual: *b"\x7fELF\0\0\0\0"
        },
        AttachError::AbiVersion { expected: 1, actual: 2 },
        AttachError::Kind {
            expected: "spsc",
            actual: "mpmc"
        },
        AttachError::PayloadSize {
            expected: 32,
            actual: 64
        },
        AttachError::PayloadAlign {
            expected: 8,
            actual: 16
        },
        AttachError::Schema {
            expected: name(),
            actual: name()
        },
        AttachError::Geometry {
            capacity: 3,
            stride: 16,
            table_length: 128,
            total: 4096,
            slot: 16
        },
        AttachError::FenceMode { actual: 7 },
        AttachError::Unsealed { actual: "nothing" },
        AttachError::MembarrierUnavailable,
        AttachError::Corrupt,
        AttachError::NoProc,
        AttachError::Os {
            what: "map it",
            source: os()
        },
        ViewError::Length { length: 100, size: 8 },
        ViewError::OutOfBounds {
            offset: 97,
            count: 1,
            size: 4,
            length: 100
        },
        ViewError::Align { offset: 4, align: 8 },
    ];
    all
}

#[test]
fn errors_begin_in_lower_case_and_end_without_a_full_stop() {
    for error in all() {
        let text = error.to_string();
        let first = text.chars().next().expect("not empty");
        // A name that was given stands first, in quotes.
        assert!(first.is_lowercase() || first == '"' || first == '/', "{text:?}");
        assert!(!text.ends_with(['.', '!', '\n', ' ']), "{text:?}");
        assert!(!text.contains('\n') && !text.contains("  "), "{text:?}");
    }
}

#[test]
fn mismatches_name_both_sides_and_the_way_out() {
    for (error, parts) in [
        (
            AttachError::PayloadSize {
                expected: 32,
                actual: 64,
            },
            ["64", "32", "rebuilt"],
        ),
        (
            AttachError::PayloadAlign {
                expected: 8,
                actual: 16,
            },
            ["16", "8", "rebuilt"],
        ),
        (
            AttachError::AbiVersion { expected: 1, actual: 2 },
            ["version 2", "has 1", "rebuild"],
        ),
        (
            AttachError::Kind {
                expected: "spsc",
                actual: "mpmc",
            },
            ["mpmc", "spsc", "one and the same module"],
        ),
        (
            AttachError::NotAFile { actual: "a socket" },
            ["a socket", "a regular file or a memfd", "another descriptor"],
        ),
        (
            AttachError::NotWritable {
                actual: "open for reading only",
            },
            ["open for reading only", "reading and writing", "pass a descriptor"],
        ),
        (
            AttachError::NotARegion {
                actual: *b"\x7fELF\0\0\0\0",
            },
            ["ELF", "ANNULUS", "another file"],
        ),
        (
            AttachError::Unsealed { actual: "shrinking" },
            ["against shrinking,", "shrinking and growing", "allow_unsealed"],
        ),
        (AttachError::FenceMode { actual: 7 }, ["mode 7", "1 and 2", "rebuild"]),
        (
            AttachError::AlreadyAttached {
                role: "sender",
                pid: 42,
            },
            ["sender", "42", "already"],
        ),
        (
            AttachError::TableFull { length: 125 },
            ["125", "table_length", "larger"],
        ),
    ] {
        let text = error.to_string();
        assert!(
            parts.iter().all(|part| text.contains(part)),
            "{text:?} has not all of {parts:?}"
        );
    }
    let text = CreateError::PayloadSize {
        size: 70_000,
        max: 65_536,
    }
    .to_string();
    assert!(
        ["70000", "65536", "blocks"].iter().all(|part| text.contains(part)),
        "{text:?}"
    );
}

#[test]
fn an_error_of_the_system_has_it_as_its_source() {
    let with_source = all().iter().filter(|e| e.source().is_some()).count();
    assert_eq!(with_source, 2, "CreateError::Os and AttachError::Os");
}

#[test]
fn a_message_comes_back_out_of_its_error() {
    assert_eq!(SendError::Disconnected(1).into_inner(), 1);
    assert_eq!(TrySendError::Full(2).into_inner(), 2);
    assert_eq!(TrySendError::from(SendError::Corrupt(3)).into_inner(), 3);
    assert_eq!(SendTimeoutError::Timeout(4).into_inner(), 4);
    assert_eq!(SendTimeoutError::from(SendError::WrongProcess(5)).into_inner(), 5);
    assert_eq!(format!("{:?}", TrySendError::Full(Opaque)), "Full(..)");
}

#[test]
fn what_cannot_be_created_is_refused_with_what_was_asked() {
    use annulus::spsc::Channel;
    assert!(matches!(
        Channel::<u8>::anonymous(0),
        Err(CreateError::Capacity { asked: 0 })
    ));
    let asked = (1 << 32) + 1;
    assert!(matches!(Channel::<u8>::anonymous(asked), Err(CreateError::Capacity { asked: a }) if a == asked as u64));
    for endpoints in [0, 8189, u32::MAX] {
        match Channel::<u8>::builder(1).table_length(endpoints).anonymous() {
            Err(CreateError::TableLength { asked, max: 8188 }) => assert_eq!(asked, endpoints),
            other => panic!("{other:?}"),
        }
    }
    assert!(Channel::<u8>::builder(1).table_length(8188).anonymous().is_ok());
    assert!(matches!(
        Channel::<[u8; 65537]>::anonymous(1),
        Err(CreateError::PayloadSize {
            size: 65537,
            max: 65536
        })
    ));
    assert!(matches!(
        Channel::<u64>::builder(1024).max_bytes(4096).anonymous(),
        Err(CreateError::TooLarge { limit: 4096, .. })
    ));
    for (asked, rounded) in [(1, 1), (2, 2), (3, 4), (100, 128), (1024, 1024)] {
        assert_eq!(Channel::<u8>::anonymous(asked).unwrap().capacity(), rounded);
    }
}
