//! Who takes a name away: the creator, the last one out, nobody?

use std::fs;
use std::time::Duration;

use annulus::{Channel, RecvError, Single, TakenBy};

use crate::own::{Many, Numbers, Own, holder, leave, not_found, taken};
use crate::support::Words;
use crate::support::traffic::{drain, go_on, receive};
use crate::support::words::{self, Phase, State};

/// More slots than are looked at in one go, of a size that does not divide it.
pub fn a_large_channel_is_seen_to_be_drained() {
    let name = Own::new("large");
    let channel = || Channel::<[u64; 2], Single, Single>::open_or_create(&name, 16_384).unwrap();
    drop(channel());
    assert!(!name.exists(), "nothing is unread");
    let (there, tx) = (channel(), channel().sender().unwrap());
    tx.send_many(&[[1, 2]; 16_384]).unwrap();
    drop((there, tx));
    assert!(name.exists(), "everything is unread");
    let rx = channel().receiver().unwrap();
    assert_eq!(rx.iter().count(), 16_384);
    drop(rx);
    assert!(!name.exists(), "nothing is unread");
}

pub fn the_creators_drop_takes_the_name_and_who_is_there_goes_on() {
    let name = Own::new("creator");
    let creator = Numbers::create(&name, 4).unwrap();
    let opener = Numbers::open(&name).unwrap();
    drop(Numbers::open(&name).unwrap());
    assert!(name.exists(), "others come and go");
    // An endpoint made from it is the creator, too.
    let tx = creator.sender().unwrap();
    drop(creator);
    assert!(name.exists());
    tx.send(7).unwrap();
    drop(tx);
    assert!(!name.exists(), "with a message in it");
    assert!(not_found(Numbers::open(&name)));
    // The next one is another channel.
    let next = Numbers::create(&name, 4).unwrap();
    let rx = opener.receiver().unwrap();
    assert_eq!(receive(&rx), Ok(7));
    drop((rx, opener));
    assert!(name.exists(), "who leaves the one before leaves this one alone");
    drop(next);
    assert!(!name.exists());
}

pub fn a_killed_creators_name_is_the_next_ones() {
    let name = Own::new("killed");
    for with_opener in [false, true] {
        let mut creator = holder(|| {
            let channel = Numbers::create(&name, 4).unwrap();
            channel.sender().unwrap().send(1).unwrap();
            channel
        });
        let opener = with_opener.then(|| Numbers::open(&name).unwrap());
        assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Creator));
        creator.stop();
        assert_eq!(
            taken(Numbers::create(&name, 4)),
            Some(TakenBy::Creator),
            "stopped is not dead"
        );
        creator.kill();
        assert!(name.exists());
        let next = Numbers::create(&name, 4).unwrap();
        let there = Numbers::open(&name).unwrap();
        go_on(&next.sender().unwrap(), &there.receiver().unwrap());
        if let Some(opener) = opener {
            assert_eq!(receive(&opener.receiver().unwrap()), Ok(1));
            drop(opener);
            assert!(name.exists());
        }
    }
    assert!(!name.exists());
}

pub fn an_opener_removes_a_dead_creators_name() {
    let name = Own::new("debt");
    let killed = || holder(|| Numbers::create(&name, 4).unwrap()).kill();
    killed();
    assert!(name.exists() && not_found(Numbers::open(&name)) && !name.exists());
    killed();
    assert!(not_found(Numbers::open_timeout(&name, Duration::ZERO)) && !name.exists());
    killed();
    let shared = Numbers::open_or_create(&name, 4).unwrap();
    assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Users));
    drop(shared);
    // And who had it open from before, when he leaves.
    let mut creator = holder(|| Numbers::create(&name, 4).unwrap());
    let opener = Numbers::open(&name).unwrap();
    creator.kill();
    assert!(name.exists());
    drop(opener);
    assert!(!name.exists());
}

pub fn a_taken_name_says_by_whom() {
    let name = Own::new("taken");
    let shared = Numbers::open_or_create(&name, 4).unwrap();
    let create = || Numbers::create(&name, 4);
    assert_eq!(taken(create()), Some(TakenBy::Users));
    let tx = shared.sender().unwrap();
    tx.send_many(&[1, 2]).unwrap();
    drop((tx, shared));
    assert_eq!(taken(create()), Some(TakenBy::Messages { unread: 2 }));
    let text = create().unwrap_err().to_string();
    assert!(
        text.contains("2 messages in it are unread") && text.contains(&*name),
        "{text}"
    );
    let rx = Numbers::open(&name).unwrap().receiver().unwrap();
    assert_eq!(drain(&rx), [1, 2]);
    drop(rx);
    drop(create().unwrap());

    // A drained one that nobody has open is nobody's.
    holder(|| Numbers::open_or_create(&name, 4).unwrap()).kill();
    assert!(name.exists());
    drop(create().unwrap());
    assert!(!name.exists());

    drop(Numbers::builder(4).keep_name().create(&name).unwrap());
    assert_eq!(taken(create()), Some(TakenBy::Kept));
    annulus::unlink(&name).unwrap();
    for foreign in [&b""[..], b"something else", &[0; 4096]] {
        fs::write(name.path(), foreign).unwrap();
        assert_eq!(taken(create()), Some(TakenBy::Foreign));
    }
    annulus::unlink(&name).unwrap();
    fs::create_dir(name.path()).unwrap();
    assert_eq!(taken(create()), Some(TakenBy::Foreign));
}

pub fn what_a_dead_receiver_holds_is_unread() {
    let name = Own::new("claims");
    // As if a receiver had been killed with the first message, and a sender in the middle of the second.
    for (phase, owner) in [
        (Phase::Reading, 3),
        (Phase::Reading, words::ORPHAN),
        (Phase::Writing, 3),
    ] {
        let channel = Many::open_or_create(&name, 4).unwrap();
        let words = Words::of(&channel);
        let tx = channel.sender().unwrap();
        tx.send_many(&[1, 2]).unwrap();
        let rx = channel.receiver().unwrap();
        let unread = match phase {
            Phase::Writing => {
                assert_eq!((receive(&rx), receive(&rx)), (Ok(1), Ok(2)));
                tx.send_many(&[3, 4]).unwrap();
                words.set_state(2, State { lap: 0, owner, phase });
                1
            }
            _ => {
                words.claim(0, phase, owner);
                assert_eq!(receive(&rx), Ok(2));
                1
            }
        };
        drop((tx, rx, channel));
        assert!(name.exists(), "{phase:?}");
        assert_eq!(taken(Many::create(&name, 4)), Some(TakenBy::Messages { unread }));
        annulus::unlink(&name).unwrap();
    }
}

pub fn a_shared_name_goes_with_the_last_one_out() {
    let name = Own::new("shared");
    let open = || Numbers::open_or_create(&name, 4).unwrap();
    let first = open();
    let second = holder(open);
    let third = Numbers::open(&name).unwrap();
    drop(first);
    leave(second);
    assert!(name.exists());
    drop(third);
    assert!(!name.exists());

    // The last one out leaves it to a message; whoever drains that is the last one then.
    let tx = open().sender().unwrap();
    tx.send(1).unwrap();
    drop(tx);
    drop(open());
    assert!(name.exists());
    let rx = open().receiver().unwrap();
    assert_eq!((receive(&rx), receive(&rx)), (Ok(1), Err(RecvError::Disconnected)));
    drop(rx);
    assert!(!name.exists());
}

pub fn whoever_opens_or_creates_joins_what_is_there() {
    let name = Own::new("join");
    let created = Numbers::create(&name, 4).unwrap();
    let joined = Numbers::open_or_create(&name, 1024).unwrap();
    assert_eq!(joined.capacity(), 4);
    drop(joined);
    assert!(name.exists());
    let joined = Numbers::open_or_create(&name, 4).unwrap();
    drop(created);
    assert!(!name.exists(), "it is the creator's");
    drop(joined);
}

pub fn an_endpoint_keeps_its_channel_open() {
    let name = Own::new("endpoint");
    let tx = Numbers::open_or_create(&name, 4).unwrap().sender().unwrap();
    drop(Numbers::open_or_create(&name, 4).unwrap());
    assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Users));
    let rx = Numbers::open(&name).unwrap().receiver().unwrap();
    go_on(&tx, &rx);
    drop(tx);
    assert!(name.exists());
    drop(rx);
    assert!(!name.exists());
    let seat = Numbers::create(&name, 4).unwrap().reserve_sender().unwrap();
    assert!(name.exists());
    drop(seat);
    assert!(!name.exists());
}

pub fn a_kept_name_stays_until_it_is_removed() {
    let name = Own::new("kept");
    let build = || Numbers::builder(4).keep_name();
    for create in [true, false] {
        let channel = if create {
            build().create(&name).ok()
        } else {
            build().open_or_create(&name).ok()
        };
        drop(channel.unwrap());
        assert!(name.exists());
        holder(|| Numbers::open(&name).unwrap()).kill();
        assert!(annulus::gc().unwrap().iter().all(|removed| removed.name != *name));
        drop(Numbers::open_or_create(&name, 4).unwrap());
        assert!(name.exists());
        annulus::unlink(&name).unwrap();
        assert!(!name.exists());
    }
}
