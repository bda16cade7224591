//! What does a name lead to, and who takes it away?

use std::fs;
use std::time::Duration;

use annulus::blocks::Channel;
use annulus::{AttachError, Kind, OpenOrCreateError, RecvError, TakenBy};
use nix::unistd::getpid;

use crate::support::own::{Own, holder, leave, not_found, taken};
use crate::support::{Peer, own};
use crate::words::BlockWords;
use crate::world::{Numbers, ROOM, go_on, loan, next, receive, send};

fn create(name: &str) -> Result<Numbers, annulus::CreateError> {
    Numbers::create(name, 4, ROOM)
}

fn open_or_create(name: &str) -> Numbers {
    Numbers::open_or_create(name, 4, ROOM).unwrap()
}

pub(crate) fn two_programs_find_each_other_by_name() {
    let name = Own::new("blocks-meet");
    let mut receiver = Peer::fork("receiver", |link| {
        let channel = Numbers::open_timeout(&name, crate::support::LONG).unwrap();
        let rx = channel.receiver().unwrap();
        link.say("attached");
        while let Ok((_, number, _)) = receive(&rx) {
            link.say(number);
        }
    });
    let channel = create(&name).unwrap();
    assert_eq!(channel.blocks(), 4);
    let tx = channel.sender().unwrap();
    receiver.expect("attached");
    for number in 0..100 {
        send(&tx, number);
        receiver.expect(&number.to_string());
    }
    drop(tx);
    receiver.join();
    drop(channel);
    assert!(!name.exists(), "the creator takes it along");
    assert!(not_found(Numbers::open(&name)));
    assert!(not_found(Numbers::open_timeout(&name, Duration::from_millis(5))));
}

pub(crate) fn a_created_name_goes_with_its_creator() {
    let name = Own::new("blocks-creator");
    let creator = create(&name).unwrap();
    assert_eq!(taken(create(&name)), Some(TakenBy::Creator));
    let tx = creator.sender().unwrap();
    let lent = loan(&tx, 1);
    drop((creator, tx));
    assert!(name.exists(), "a loan is of the channel");
    assert_eq!(taken(create(&name)), Some(TakenBy::Creator));
    drop(lent);
    assert!(!name.exists());
    // Killed, with a message in it: the next one is another channel.
    let mut creator = holder(|| {
        let channel = create(&name).unwrap();
        send(&channel.sender().unwrap(), 1);
        channel
    });
    let there = Numbers::open(&name).unwrap();
    creator.kill();
    assert!(name.exists());
    let next_one = create(&name).unwrap();
    let words = BlockWords::of(&next_one);
    go_on(&next_one.sender().unwrap(), &next_one.receiver().unwrap(), &words);
    assert_eq!(next(&there.receiver().unwrap()), Ok(1));
    drop((there, next_one));
    assert!(!name.exists());
}

pub(crate) fn what_is_unread_keeps_the_name_of_a_shared_channel() {
    let name = Own::new("blocks-shared");
    drop(open_or_create(&name));
    assert!(!name.exists(), "nothing is in it");
    let channel = open_or_create(&name);
    let tx = channel.sender().unwrap();
    for number in 0..3 {
        send(&tx, number);
    }
    drop(loan(&tx, 3));
    drop((channel, tx));
    assert!(name.exists(), "three are unread");
    assert_eq!(taken(create(&name)), Some(TakenBy::Messages { unread: 3 }));
    // One that is received while the channel is left again is not; nor is one that is lent.
    let channel = open_or_create(&name);
    let (rx, tx) = (channel.receiver().unwrap(), channel.sender().unwrap());
    assert_eq!(next(&rx), Ok(0));
    let lent = loan(&tx, 4);
    drop((rx, tx, channel));
    assert!(name.exists());
    drop(lent);
    assert_eq!(taken(create(&name)), Some(TakenBy::Messages { unread: 2 }));
    let channel = Numbers::open(&name).unwrap();
    let rx = channel.receiver().unwrap();
    drop(channel);
    assert_eq!([next(&rx), next(&rx)], [Ok(1), Ok(2)]);
    assert_eq!(next(&rx), Err(RecvError::Disconnected), "the sender had been there");
    drop(rx);
    assert!(!name.exists(), "the last one out, with nothing in it");
}

/// Its receiver may have read it, and may not have.
pub(crate) fn what_a_dead_receiver_held_is_unread() {
    let name = Own::new("blocks-held");
    let channel = open_or_create(&name);
    let tx = channel.sender().unwrap();
    for number in 0..3 {
        send(&tx, number);
    }
    crate::world::holding(&channel, 0, 2).kill();
    drop((tx, channel));
    assert!(name.exists());
    assert_eq!(taken(create(&name)), Some(TakenBy::Messages { unread: 3 }));
    let channel = Numbers::open(&name).unwrap();
    let rx = channel.receiver().unwrap();
    let mut came: Vec<_> = (0..3)
        .map(|_| receive(&rx).map(|(_, number, again)| (number, again)).unwrap())
        .collect();
    came.sort_unstable();
    assert_eq!(came, [(0, true), (1, true), (2, false)]);
    drop((rx, channel));
    assert!(!name.exists());
    // What a dead sender had on loan was never sent.
    let channel = open_or_create(&name);
    crate::world::lending(&channel, 0, 2).kill();
    drop(channel);
    assert!(!name.exists());
}

/// More words than are looked at in one go, of blocks large and small.
pub(crate) fn a_large_channel_is_seen_to_be_drained() {
    let name = Own::new("blocks-large");
    for (blocks, length) in [(20_000, 3), (300, 5000)] {
        let open = || Channel::<[u8]>::open_or_create(&name, blocks, length).unwrap();
        for unread in [0, 1, blocks] {
            let channel = open();
            let tx = channel.sender().unwrap();
            for message in 0..unread {
                tx.try_send_slice(&[message as u8]).unwrap();
            }
            drop((tx, channel));
            assert_eq!(name.exists(), unread > 0, "{unread} of {blocks}");
            let rx = open().receiver().unwrap();
            assert_eq!(rx.try_iter().count(), unread);
            drop(rx);
            assert!(!name.exists(), "{unread} of {blocks}");
        }
    }
}

pub(crate) fn whoever_opens_or_creates_joins_what_is_there() {
    let name = Own::new("blocks-join");
    let created = create(&name).unwrap();
    let joined = Numbers::open_or_create(&name, 1000, 1).unwrap();
    assert_eq!((joined.blocks(), joined.block_len()), (4, created.block_len()));
    send(&created.sender().unwrap(), 1);
    assert_eq!(next(&joined.receiver().unwrap()), Ok(1));
    let refused = Channel::<[u8]>::open_or_create(&name, 4, 1);
    assert!(matches!(
        refused,
        Err(OpenOrCreateError::Open(AttachError::PayloadSize { .. }))
    ));
    let ring = annulus::mpmc::Channel::<u64>::open(&name);
    assert!(matches!(
        ring,
        Err(AttachError::Kind {
            expected: "mpmc",
            actual: "blocks"
        })
    ));
    drop(created);
    assert!(!name.exists(), "it is the creator's");
    drop(joined);
}

pub(crate) fn a_kept_name_stays_until_it_is_removed() {
    let name = Own::new("blocks-kept");
    let build = || Numbers::builder(4, ROOM).keep_name();
    let channel = build().create(&name).unwrap();
    send(&channel.sender().unwrap(), 7);
    drop(channel);
    assert!(name.exists());
    assert_eq!(taken(create(&name)), Some(TakenBy::Kept));
    holder(|| Numbers::open(&name).unwrap()).kill();
    assert!(annulus::gc().unwrap().iter().all(|removed| removed.name != *name));
    let channel = build().open_or_create(&name).unwrap();
    let rx = channel.receiver().unwrap();
    assert_eq!(next(&rx), Ok(7), "and so does what is in it");
    let words = BlockWords::of(&channel);
    go_on(&channel.sender().unwrap(), &rx, &words);
    drop((rx, channel));
    assert!(name.exists());
    annulus::unlink(&name).unwrap();
    assert!(!name.exists());
}

pub(crate) fn gc_removes_what_no_live_process_has_open() {
    let (created, shared, drained) = (
        Own::new("blocks-gc-created"),
        Own::new("blocks-gc-shared"),
        Own::new("blocks-gc-drained"),
    );
    let mine = Own::new("blocks-gc-mine");
    holder(|| {
        let created = create(&created).unwrap();
        send(&created.sender().unwrap(), 1);
        let shared = open_or_create(&shared);
        let tx = shared.sender().unwrap();
        for number in 0..3 {
            send(&tx, number);
        }
        let rx = shared.receiver().unwrap();
        let held = rx.recv().unwrap();
        let drained = open_or_create(&drained);
        let lent = loan(&drained.sender().unwrap(), 1);
        (created, shared, drained, tx, rx, held, lent)
    })
    .kill();
    let kept = open_or_create(&mine);
    let removed = annulus::gc().unwrap();
    for (name, unread) in [(&created, 1), (&shared, 3), (&drained, 0)] {
        assert!(!name.exists());
        let removed = removed.iter().find(|removed| removed.name == **name).unwrap();
        assert_eq!(removed.unread, Some(unread));
    }
    assert!(mine.exists());
    drop(kept);
}

pub(crate) fn list_and_unlink_know_blocks() {
    let name = Own::new("blocks-list");
    let find = || annulus::list().unwrap().into_iter().find(|listed| listed.name == *name);
    assert_eq!(find(), None);
    let channel = Channel::<[u16], [u8; 6]>::create(&name, 5, 100).unwrap();
    let listed = find().unwrap();
    assert_eq!(
        (listed.kind, listed.capacity, &*listed.payload),
        (Kind::Blocks, 5, "[u16], [u8; 6]")
    );
    assert_eq!(listed.bytes, fs::metadata(name.path()).unwrap().len());
    assert!(listed.attached.is_empty() && !listed.orphaned && !listed.kept);
    let mut other = holder(|| Channel::<[u16], [u8; 6]>::open(&name).unwrap().sender().unwrap());
    let rx = channel.receiver().unwrap();
    let attached = || {
        let mut all: Vec<_> = find()
            .unwrap()
            .attached
            .iter()
            .map(|a| (a.role, a.pid, a.alive))
            .collect();
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
    channel.sender().unwrap().send_slice(&[3]).unwrap();
    assert_eq!(*rx.recv().unwrap(), [3]);
    assert!(matches!(annulus::unlink(&name), Err(AttachError::NotFound { .. })));
}

pub(crate) fn a_named_channel_has_the_mode_and_the_user_that_were_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let name = Own::new("blocks-mode");
    for (mode, builder) in [
        (0o600, Numbers::builder(1, 1)),
        (0o640, Numbers::builder(1, 1).mode(0o640)),
        (0o666, Numbers::builder(1, 1).mode(0o666)),
    ] {
        let channel = builder.create(&name).unwrap();
        assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o777, mode);
        drop(channel);
    }
    assert!(matches!(
        Numbers::builder(1, 1).mode(0o400).create(&name),
        Err(annulus::CreateError::Mode { mode: 0o400 })
    ));
    if own::is_two_users() {
        let channel = Numbers::builder(1, 1).mode(0o666).create(&name).unwrap();
        own::as_nobody(&|| {
            assert!(matches!(
                Numbers::open(&name),
                Err(AttachError::AnotherUser { owner: 0, .. })
            ));
            let there = Numbers::builder(0, 0).allow_other_users().open(&name).unwrap();
            there.sender().unwrap().send_slice(&[1]).unwrap();
        });
        assert_eq!(*channel.receiver().unwrap().recv().unwrap(), [1]);
    }
    assert!(!name.exists());
}

pub(crate) fn a_killed_opener_leaves_its_name_behind() {
    let name = Own::new("blocks-left");
    let stays = holder(|| open_or_create(&name));
    let mut killed = holder(|| {
        let channel = Numbers::open(&name).unwrap();
        (channel.sender().unwrap(), channel)
    });
    killed.kill();
    assert!(name.exists());
    leave(stays);
    assert!(!name.exists());
}
