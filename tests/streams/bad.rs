//! Is what cannot be refused, and does the refusal say what to do?

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};

use annulus::stream::{Channel, TryReadError};
use annulus::{AttachError, CreateError, Observer, blocks, spsc};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, setrlimit};

use crate::support::Peer;
use crate::support::message::Huge;
use crate::words::StreamWords;
use crate::world::{CAPACITY, Numbers, check, fill, go_on, holds, panics, read, stream, write};

/// And does nothing besides.
pub(crate) fn a_commit_beyond_the_chunk_panics() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..2);
    for (len, count) in [(0, 1), (3, 4), (3, 1000), (10, usize::MAX), (510, 511)] {
        let mut chunk = tx.write_chunk(len).unwrap();
        fill(&mut chunk, 2);
        let text = panics(|| chunk.commit(count));
        assert_eq!(
            text,
            format!("a chunk of {len} elements cannot be committed for {count}")
        );
        assert_eq!(words.tail(), 2);
        holds(&mut rx, 0..2);
    }
    read(&mut rx, 0..2);
    go_on(&mut tx, &mut rx);
}

pub(crate) fn a_consume_beyond_the_chunk_panics() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    write(&mut tx, 0..20);
    for (len, count) in [(0, 1), (3, 4), (3, 20), (10, usize::MAX), (20, 21)] {
        let chunk = rx.read_chunk(len).unwrap();
        let text = panics(|| chunk.consume(count));
        assert_eq!(
            text,
            format!("a chunk of {len} elements cannot be consumed for {count}")
        );
        assert_eq!(words.head(), 0);
        holds(&mut rx, 0..20);
    }
    read(&mut rx, 0..20);
    go_on(&mut tx, &mut rx);
}

fn refused<T>(made: Result<T, CreateError>) -> (CreateError, String) {
    let error = made.err().expect("it cannot be");
    let text = error.to_string();
    (error, text)
}

fn refused_for_its_size<T: annulus::bytemuck::Pod>() {
    let size = size_of::<T>();
    for made in [
        Channel::<T>::anonymous(4096),
        Channel::<T>::builder(1).max_bytes(1).anonymous(),
        Channel::<T>::create(&crate::support::own::Own::new("streams-size"), 1),
    ] {
        let (error, text) = refused(made);
        assert!(
            matches!(error, CreateError::ElementSize { size: s, page: 4096 } if s == size),
            "{error}"
        );
        assert!(
            text.contains(&format!("a page of 4096 bytes, this type has {size}")),
            "{text}"
        );
    }
}

pub(crate) fn elements_that_do_not_fill_pages_are_refused() {
    refused_for_its_size::<()>();
    refused_for_its_size::<[u8; 3]>();
    refused_for_its_size::<[u32; 3]>();
    refused_for_its_size::<[u8; 24]>();
    refused_for_its_size::<[u8; 4095]>();
    refused_for_its_size::<[u8; 8192]>();
    refused_for_its_size::<Huge>();
    // All that do.
    assert_eq!(Channel::<u8>::anonymous(1).unwrap().capacity(), 4096);
    assert_eq!(Channel::<[u8; 2]>::anonymous(1).unwrap().capacity(), 2048);
    assert_eq!(Channel::<u128>::anonymous(1).unwrap().capacity(), 256);
    assert_eq!(Channel::<[u8; 64]>::anonymous(1).unwrap().capacity(), 64);
    assert_eq!(Channel::<[u8; 4096]>::anonymous(1).unwrap().capacity(), 1);
}

pub(crate) fn a_capacity_that_cannot_be_is_refused() {
    for asked in [0, (1 << 32) + 1, 1 << 33, usize::MAX] {
        let (error, text) = refused(Channel::<u8>::anonymous(asked));
        assert!(
            matches!(error, CreateError::StreamCapacity { asked: a } if a == asked as u64),
            "{error}"
        );
        let expected = format!("a stream holds 1 to 4294967296 elements, {asked} were asked for");
        assert_eq!(text, expected);
    }
}

/// To a power of two, and to whole pages.
pub(crate) fn a_capacity_is_rounded_up() {
    for (asked, capacity) in [
        (1, 512),
        (2, 512),
        (511, 512),
        (512, 512),
        (513, 1024),
        (1025, 2048),
        (3000, 4096),
    ] {
        let channel = Numbers::anonymous(asked).unwrap();
        assert_eq!(channel.capacity(), capacity, "{asked}");
        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
        write(&mut tx, 0..capacity as u64);
        read(&mut rx, 0..capacity as u64);
        go_on(&mut tx, &mut rx);
    }
}

pub(crate) fn what_is_larger_than_allowed_is_not_made() {
    let limit = 1 << 20;
    let (error, _) = refused(Channel::<u8>::builder(1 << 20).max_bytes(limit).anonymous());
    let CreateError::TooLarge { wanted, limit: allowed } = error else {
        panic!("{error}");
    };
    // Elements count once, though they are mapped twice.
    assert!(wanted > limit && wanted < limit + (1 << 16) && allowed == limit);
    assert!(Channel::<u8>::builder(1 << 20).max_bytes(wanted).anonymous().is_ok());
    // 16 TiB.
    let (error, _) = refused(Channel::<[u8; 4096]>::anonymous(1 << 32));
    assert!(matches!(error, CreateError::TooLarge { .. }), "{error}");
}

/// Mappings of channels' memory in this process, descriptors, and kilobytes of address space.
fn open_and_mapped() -> (usize, usize, u64) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    (
        maps.lines().filter(|line| line.contains("memfd:annulus")).count(),
        fs::read_dir("/proc/self/fd").unwrap().count(),
        size.trim().trim_end_matches(" kB").parse().unwrap(),
    )
}

/// An error, with addresses for one of the two mappings or for none.
pub(crate) fn without_address_space_nothing_is_left_behind() {
    const MB: u64 = 1 << 20;
    let there = Channel::<u8>::anonymous(16 << 20).unwrap();
    let child = Peer::fork("child", |_| {
        let fd = || there.as_fd().try_clone_to_owned().unwrap();
        let before = open_and_mapped();
        let (mut made, mut failed) = (0, 0);
        // So much that is left for a stream of 16 MiB, which takes 32.
        for left in (8..48).step_by(4) {
            let limit = before.2 * 1024 + left * MB;
            setrlimit(Resource::RLIMIT_AS, limit, nix::libc::RLIM_INFINITY).unwrap();
            let results = [
                Channel::<u8>::anonymous(16 << 20).map_err(|error| matches!(error, CreateError::Os { .. })),
                Channel::<u8>::from_fd(fd()).map_err(|error| matches!(error, AttachError::Os { .. })),
            ];
            // The first is dropped with the others, so the second has less.
            for (i, result) in results.into_iter().enumerate() {
                match result {
                    Ok(channel) => {
                        assert!(left >= 32 && i == 0 || left >= 64, "{left} MiB are not enough for 32");
                        let (mut tx, mut rx) = (channel.writer().unwrap(), channel.reader().unwrap());
                        tx.write_all(&[7; 10_000]).unwrap();
                        assert_eq!(rx.readable().unwrap().len(), 10_000);
                        made += 1;
                    }
                    Err(as_it_should_be) => {
                        assert!(as_it_should_be);
                        failed += 1;
                    }
                }
            }
            setrlimit(Resource::RLIMIT_AS, nix::libc::RLIM_INFINITY, nix::libc::RLIM_INFINITY).unwrap();
            let after = open_and_mapped();
            assert_eq!((after.0, after.1), (before.0, before.1));
            assert!(after.2 < before.2 + 8 * 1024, "{} kB, and {} before", after.2, before.2);
        }
        assert!(made > 2 && failed > 10, "{made} made, {failed} failed");
    });
    child.join();
    // The parent's is untouched.
    let (mut tx, mut rx) = (there.writer().unwrap(), there.reader().unwrap());
    tx.write_all(&[7; 10]).unwrap();
    assert_eq!(*rx.readable().unwrap(), [7; 10]);
}

fn fd(channel: &impl AsFd) -> OwnedFd {
    channel.as_fd().try_clone_to_owned().unwrap()
}

pub(crate) fn a_channel_of_another_kind_is_no_stream() {
    let kinds = |error| match error {
        AttachError::Kind { expected, actual } => (expected, actual),
        other => panic!("{other}"),
    };
    let ring = spsc::Channel::<u64>::anonymous(8).unwrap();
    assert_eq!(
        Numbers::from_fd(fd(&ring)).map_err(kinds).err(),
        Some(("stream", "spsc"))
    );
    let pool = blocks::Channel::<[u64]>::anonymous(2, 8).unwrap();
    assert_eq!(
        Numbers::from_fd(fd(&pool)).map_err(kinds).err(),
        Some(("stream", "blocks"))
    );
    let (channel, _words) = stream();
    let as_ring = spsc::Channel::<u64>::from_fd(fd(&channel));
    assert_eq!(as_ring.map_err(kinds).err(), Some(("spsc", "stream")));
    let as_pool = blocks::Channel::<[u64]>::from_fd(fd(&channel));
    assert_eq!(as_pool.map_err(kinds).err(), Some(("blocks", "stream")));
}

pub(crate) fn elements_of_another_type_are_refused() {
    let (channel, _words) = stream();
    let error = Channel::<u32>::from_fd(fd(&channel)).unwrap_err();
    assert!(
        matches!(error, AttachError::PayloadSize { expected: 4, actual: 8 }),
        "{error}"
    );
    let error = Channel::<[u8; 8]>::from_fd(fd(&channel)).unwrap_err();
    assert!(
        matches!(error, AttachError::PayloadAlign { expected: 1, actual: 8 }),
        "{error}"
    );
    let error = Channel::<f64>::from_fd(fd(&channel)).unwrap_err();
    assert!(matches!(error, AttachError::Schema { .. }), "{error}");
    for error in [
        Channel::<()>::from_fd(fd(&channel)).map(drop).unwrap_err(),
        Channel::<[u8; 24]>::from_fd(fd(&channel)).map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, AttachError::PayloadSize { actual: 8, .. }), "{error}");
    }
}

pub(crate) fn a_file_of_another_size_or_content_is_refused() {
    let make = |len: i64| {
        let file = memfd_create("annulus-test", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
        nix::unistd::ftruncate(&file, len).unwrap();
        file
    };
    let open = |file: OwnedFd| Channel::<u64>::builder(0).allow_unsealed().from_fd(file).unwrap_err();
    assert!(matches!(open(make(0)), AttachError::Empty { .. }));
    assert!(matches!(open(make(64)), AttachError::Truncated { .. }));
    assert!(matches!(open(make(1 << 20)), AttachError::NotARegion { .. }));
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(matches!(open(socket.into()), AttachError::NotAFile { .. }));
    assert!(matches!(
        open(File::open("/proc/self/exe").unwrap().into()),
        AttachError::NotWritable { .. }
    ));
    // A copy of a stream's bytes is one, if it is all of them.
    let (channel, _words) = stream();
    write(&mut channel.writer().unwrap(), 0..5);
    let original = File::from(fd(&channel));
    let len = original.metadata().unwrap().len();
    for (missing, is_one) in [(0, true), (1, false), (4096, false), (8 * CAPACITY, false)] {
        use std::os::unix::fs::FileExt;
        let copy = File::from(make((len - missing) as i64));
        let mut bytes = vec![0; (len - missing) as usize];
        original.read_exact_at(&mut bytes, 0).unwrap();
        copy.write_all_at(&bytes, 0).unwrap();
        let opened = Channel::<u64>::builder(0)
            .allow_unsealed()
            .from_fd(copy.try_clone().unwrap().into());
        match opened {
            Ok(there) => {
                assert!(is_one);
                let mut rx = there.reader().unwrap();
                let chunk = rx.read_chunk(5).unwrap();
                check(&chunk, 0);
            }
            Err(error) => {
                assert!(
                    !is_one && matches!(error, AttachError::Truncated { .. }),
                    "{missing}: {error}"
                );
            }
        }
    }
}

/// Line 0 of a stream, with any field changed: whoever opens it is refused, or uses it within its bounds.
pub(crate) fn a_field_that_says_otherwise_is_refused_or_harmless() {
    use crate::support::guard::guarded;
    use std::os::unix::fs::FileExt;
    const FIELDS: [(u64, usize); 18] = [
        (0, 8),
        (8, 4),
        (12, 4),
        (16, 8),
        (24, 4),
        (28, 4),
        (32, 4),
        (36, 4),
        (40, 4),
        (44, 4),
        (48, 4),
        (52, 4),
        (56, 8),
        (64, 8),
        (72, 8),
        (80, 8),
        (88, 2),
        (90, 2),
    ];
    let (mut refused, mut opened) = (0, 0);
    for (offset, size) in FIELDS {
        let powers = (0..8 * size as u32).map(|bit| 1_u64 << bit);
        let near = powers.flat_map(|power| [power - 1, power, power + 1]);
        for value in near.chain([u64::MAX, u64::MAX - 1, 0]) {
            let channel = Channel::<u64>::builder(1).schema("words").anonymous().unwrap();
            let file = File::from(fd(&channel));
            drop(channel);
            file.write_all_at(&value.to_ne_bytes()[..size], offset).unwrap();
            let _ = Observer::from_fd(&file).map(|observer| observer.stats());
            let open = || {
                Channel::<u64>::builder(0)
                    .schema("words")
                    .from_fd(file.try_clone().unwrap().into())
            };
            let Ok((channel, _guards)) = guarded(open) else {
                refused += 1;
                continue;
            };
            opened += 1;
            assert_eq!(channel.capacity() as u64, CAPACITY, "field {offset} is {value:#x}");
            let (Ok(mut tx), Ok(mut rx)) = (channel.writer(), channel.reader()) else {
                continue;
            };
            for first in 0..3 {
                write(&mut tx, first..first + CAPACITY);
                read(&mut rx, first..first + CAPACITY);
            }
            assert_eq!(rx.try_read_chunk(1).map(|chunk| chunk.len()), Err(TryReadError::Empty));
        }
    }
    assert!(refused > 1000 && opened > 100, "{refused} refused, {opened} opened");
}

/// Both cursors at places that only a stream of that size has.
pub(crate) fn the_words_of_a_fresh_stream_are_zero() {
    let (_channel, words) = stream();
    assert_eq!((words.tail(), words.head(), words.len()), (0, 0, 0));
    assert_eq!((words.writers_mark(), words.readers_mark()), (0, 0));
    let large = Channel::<u8>::anonymous(1 << 20).unwrap();
    let words = StreamWords::of(&large);
    assert_eq!((words.capacity, words.table_length), (1 << 20, 4));
}
