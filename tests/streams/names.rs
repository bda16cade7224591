//! What does a name lead to, and who takes it away?

use std::fs;
use std::time::Duration;

use annulus::stream::{Channel, ReadError};
use annulus::{AttachError, CreateError, Kind, OpenOrCreateError, TakenBy};
use nix::unistd::getpid;

use crate::support::own::{Own, holder, leave, not_found, taken};
use crate::support::{LONG, Peer, own};
use crate::world::{CAPACITY, Numbers, Rx, fill, filling, go_on, holding, read, write};

fn create(name: &str) -> Result<Numbers, CreateError> {
    Numbers::create(name, 1)
}

fn open_or_create(name: &str) -> Numbers {
    Numbers::open_or_create(name, 1).unwrap()
}

fn ended(rx: &mut Rx) -> bool {
    rx.read_chunk(1).map(|chunk| chunk.len()) == Err(ReadError::Disconnected)
}

pub(crate) fn two_programs_find_each_other_by_name() {
    let name = Own::new("streams-meet");
    let mut reader = Peer::fork("reader", |link| {
        let channel = Numbers::open_timeout(&name, LONG).unwrap();
        let mut rx = channel.reader().unwrap();
        link.say("attached");
        let mut first = 0;
        while let Ok(chunk) = rx.read_chunk(100) {
            crate::world::check(&chunk, first);
            first += chunk.len() as u64;
            chunk.consume_all();
        }
        link.say(first);
    });
    let channel = create(&name).unwrap();
    let mut tx = channel.writer().unwrap();
    reader.expect("attached");
    for first in (0..10_001).step_by(73) {
        write(&mut tx, first..first + 73);
    }
    drop(tx);
    reader.expect("10001");
    reader.join();
    drop(channel);
    assert!(!name.exists(), "the creator takes it along");
    assert!(not_found(Numbers::open(&name)));
    assert!(not_found(Numbers::open_timeout(&name, Duration::from_millis(5))));
}

pub(crate) fn a_created_name_goes_with_its_creator() {
    let name = Own::new("streams-creator");
    let creator = create(&name).unwrap();
    assert_eq!(taken(create(&name)), Some(TakenBy::Creator));
    let tx = creator.writer().unwrap();
    drop(creator);
    assert!(name.exists(), "an end is of the stream");
    assert_eq!(taken(create(&name)), Some(TakenBy::Creator));
    drop(tx);
    assert!(!name.exists());
    // Killed, with elements in it: the next one is another stream.
    let mut creator = holder(|| {
        let channel = create(&name).unwrap();
        write(&mut channel.writer().unwrap(), 0..3);
        channel
    });
    let there = Numbers::open(&name).unwrap();
    creator.kill();
    assert!(name.exists());
    let next_one = create(&name).unwrap();
    go_on(&mut next_one.writer().unwrap(), &mut next_one.reader().unwrap());
    read(&mut there.reader().unwrap(), 0..3);
    drop((there, next_one));
    assert!(!name.exists());
}

pub(crate) fn what_is_unread_keeps_the_name_of_a_shared_stream() {
    let name = Own::new("streams-shared");
    drop(open_or_create(&name));
    assert!(!name.exists(), "nothing is in it");
    let channel = open_or_create(&name);
    let mut tx = channel.writer().unwrap();
    write(&mut tx, 0..30);
    let mut never = tx.write_chunk(5).unwrap();
    fill(&mut never, 30);
    drop(never);
    drop((channel, tx));
    assert!(name.exists(), "30 are unread");
    assert_eq!(taken(create(&name)), Some(TakenBy::Messages { unread: 30 }));
    // What is read and not consumed is unread.
    let channel = open_or_create(&name);
    let mut rx = channel.reader().unwrap();
    read(&mut rx, 0..10);
    let chunk = rx.read_chunk(5).unwrap();
    assert_eq!(chunk.len(), 5);
    drop(chunk);
    drop((rx, channel));
    assert_eq!(taken(create(&name)), Some(TakenBy::Messages { unread: 20 }));
    let channel = Numbers::open(&name).unwrap();
    let mut rx = channel.reader().unwrap();
    drop(channel);
    read(&mut rx, 10..30);
    assert!(ended(&mut rx), "the writer had been there");
    drop(rx);
    assert!(!name.exists(), "the last one out, with nothing in it");
}

/// What a dead reader had not consumed is unread; what a dead writer had not committed is not.
pub(crate) fn what_the_dead_had_in_hand_is_counted_as_it_is() {
    let name = Own::new("streams-dead");
    for (consumed, held) in [(0, 1), (10, 20), (0, CAPACITY)] {
        let channel = open_or_create(&name);
        let mut writer = filling(&channel, 0..consumed + held, CAPACITY - consumed - held);
        let mut reader = holding(&channel, 0..consumed, held);
        writer.kill();
        reader.kill();
        drop(channel);
        assert_eq!(taken(create(&name)), Some(TakenBy::Messages { unread: held }));
        let mut rx = open_or_create(&name).reader().unwrap();
        read(&mut rx, consumed..consumed + held);
        drop(rx);
        assert!(!name.exists());
    }
    let channel = open_or_create(&name);
    filling(&channel, 0..0, 100).kill();
    drop(channel);
    assert!(!name.exists());
}

pub(crate) fn whoever_opens_or_creates_joins_what_is_there() {
    let name = Own::new("streams-join");
    let created = create(&name).unwrap();
    let joined = Numbers::open_or_create(&name, 100_000).unwrap();
    assert_eq!(joined.capacity() as u64, CAPACITY);
    write(&mut created.writer().unwrap(), 0..1);
    read(&mut joined.reader().unwrap(), 0..1);
    let refused = Channel::<u8>::open_or_create(&name, 4);
    assert!(matches!(
        refused,
        Err(OpenOrCreateError::Open(AttachError::PayloadSize { .. }))
    ));
    let ring = annulus::spsc::Channel::<u64>::open(&name);
    assert!(matches!(
        ring,
        Err(AttachError::Kind {
            expected: "spsc",
            actual: "stream"
        })
    ));
    drop(created);
    assert!(!name.exists(), "it is the creator's");
    drop(joined);
}

pub(crate) fn a_kept_name_stays_until_it_is_removed() {
    let name = Own::new("streams-kept");
    let build = || Numbers::builder(1).keep_name();
    let channel = build().create(&name).unwrap();
    write(&mut channel.writer().unwrap(), 0..7);
    drop(channel);
    assert!(name.exists());
    assert_eq!(taken(create(&name)), Some(TakenBy::Kept));
    holder(|| Numbers::open(&name).unwrap()).kill();
    assert!(annulus::gc().unwrap().iter().all(|removed| removed.name != *name));
    let channel = build().open_or_create(&name).unwrap();
    let mut rx = channel.reader().unwrap();
    read(&mut rx, 0..7);
    go_on(&mut channel.writer().unwrap(), &mut rx);
    drop((rx, channel));
    assert!(name.exists());
    annulus::unlink(&name).unwrap();
    assert!(!name.exists());
}

pub(crate) fn gc_removes_what_no_live_process_has_open() {
    let (created, shared, drained) = (
        Own::new("streams-gc-created"),
        Own::new("streams-gc-shared"),
        Own::new("streams-gc-drained"),
    );
    let mine = Own::new("streams-gc-mine");
    holder(|| {
        let created = create(&created).unwrap();
        write(&mut created.writer().unwrap(), 0..1);
        let shared = open_or_create(&shared);
        let (mut tx, mut rx) = (shared.writer().unwrap(), shared.reader().unwrap());
        write(&mut tx, 0..300);
        read(&mut rx, 0..100);
        let drained = open_or_create(&drained);
        (created, shared, drained, tx, rx)
    })
    .kill();
    let kept = open_or_create(&mine);
    let removed = annulus::gc().unwrap();
    for (name, unread) in [(&created, 1), (&shared, 200), (&drained, 0)] {
        assert!(!name.exists());
        let removed = removed.iter().find(|removed| removed.name == **name).unwrap();
        assert_eq!(removed.unread, Some(unread));
    }
    assert!(mine.exists());
    drop(kept);
}

pub(crate) fn list_and_unlink_know_streams() {
    let name = Own::new("streams-list");
    let find = || annulus::list().unwrap().into_iter().find(|listed| listed.name == *name);
    assert_eq!(find(), None);
    let channel = Channel::<u16>::create(&name, 5000).unwrap();
    let listed = find().unwrap();
    assert_eq!(
        (listed.kind, listed.capacity, &*listed.payload),
        (Kind::Stream, 8192, "u16")
    );
    assert_eq!(listed.bytes, fs::metadata(name.path()).unwrap().len());
    assert!(listed.attached.is_empty() && !listed.orphaned && !listed.kept);
    let mut other = holder(|| Channel::<u16>::open(&name).unwrap().writer().unwrap());
    let mut rx = channel.reader().unwrap();
    let attached = || {
        let listed = find().unwrap();
        let mut all: Vec<_> = listed.attached.iter().map(|a| (a.role, a.pid, a.alive)).collect();
        all.sort_unstable();
        all
    };
    let [us, them] = [getpid(), other.pid()].map(|pid| pid.as_raw() as u32);
    assert_eq!(attached(), [("receiver", us, true), ("sender", them, true)]);
    other.kill();
    assert_eq!(attached(), [("receiver", us, true), ("sender", them, false)]);
    annulus::unlink(&name).unwrap();
    assert_eq!(find(), None);
    // Who has it open goes on.
    channel.writer().unwrap().write_all(&[3]).unwrap();
    assert_eq!(*rx.readable().unwrap(), [3]);
    assert!(matches!(annulus::unlink(&name), Err(AttachError::NotFound { .. })));
}

pub(crate) fn a_named_stream_has_the_mode_and_the_user_that_were_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let name = Own::new("streams-mode");
    for (mode, builder) in [
        (0o600, Numbers::builder(1)),
        (0o640, Numbers::builder(1).mode(0o640)),
        (0o666, Numbers::builder(1).mode(0o666)),
    ] {
        let channel = builder.create(&name).unwrap();
        assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o777, mode);
        drop(channel);
    }
    if own::is_two_users() {
        let channel = Numbers::builder(1).mode(0o666).create(&name).unwrap();
        own::as_nobody(&|| {
            assert!(matches!(
                Numbers::open(&name),
                Err(AttachError::AnotherUser { owner: 0, .. })
            ));
            let there = Numbers::builder(0).allow_other_users().open(&name).unwrap();
            write(&mut there.writer().unwrap(), 0..4);
        });
        read(&mut channel.reader().unwrap(), 0..4);
    }
    assert!(!name.exists());
}

pub(crate) fn a_killed_opener_leaves_its_name_behind() {
    let name = Own::new("streams-left");
    let stays = holder(|| open_or_create(&name));
    let mut killed = holder(|| {
        let channel = Numbers::open(&name).unwrap();
        (channel.writer().unwrap(), channel)
    });
    killed.kill();
    assert!(name.exists());
    leave(stays);
    assert!(!name.exists());
}
