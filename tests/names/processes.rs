//! How do programs and forked children come by a named channel, and how do they leave it?

use std::process::Command;
use std::time::Duration;

use annulus::{Channel, End, RecvError, RecvTimeoutError, SendTimeoutError, Single};

use crate::own::{A_WHILE, Numbers, Own, holder, leave};
use crate::support::traffic::{drain, go_on, receive};
use crate::support::{LONG, Link, Peer};

pub fn send_by_name(link: &mut Link) {
    let name = link.hear().unwrap();
    let tx = Numbers::open_or_create(&name, 16).unwrap().sender().unwrap();
    for number in 0..10 {
        tx.send(number).unwrap();
    }
}

pub fn receive_by_name(link: &mut Link) {
    let name = link.hear().unwrap();
    link.say("here");
    let rx = Numbers::open_timeout(&name, LONG).unwrap().receiver().unwrap();
    assert_eq!(drain(&rx), Vec::from_iter(0..10));
    link.say("all");
}

pub fn two_programs_find_each_other_whichever_is_first() {
    for receiver_first in [true, false] {
        let name = Own::new("either");
        let start = |role: &str| {
            let mut peer = Peer::spawn(role, |_| {});
            peer.tell(&*name);
            peer
        };
        let mut receiver = None;
        if receiver_first {
            receiver = Some(start("receive by name"));
            receiver.as_mut().unwrap().expect("here");
        }
        let sender = start("send by name");
        let mut receiver = receiver.unwrap_or_else(|| {
            let mut receiver = start("receive by name");
            receiver.expect("here");
            receiver
        });
        receiver.expect("all");
        receiver.join();
        sender.join();
        assert!(!name.exists());
    }
}

pub fn what_is_sent_waits_for_a_receiver_that_starts_later() {
    let name = Own::new("later");
    let mut sender = Peer::spawn("send by name", |_| {});
    sender.tell(&*name);
    sender.join();
    assert!(name.exists());
    let rx = Numbers::open_or_create(&name, 1).unwrap().receiver().unwrap();
    assert_eq!(drain(&rx), Vec::from_iter(0..10));
    assert!(name.exists(), "while it is open");
    drop(rx);
    assert!(!name.exists());
}

pub fn named_channels_carry_messages<S: End, R: End>() {
    let name = Own::new("carry");
    let here = Channel::<u64, S, R>::create(&name, 4).unwrap();
    let there = Channel::<u64, S, R>::open(&name).unwrap();
    go_on(&here.sender().unwrap(), &there.receiver().unwrap());
    let receiver = Peer::fork("receiver", |_| {
        let rx = Channel::<u64, S, R>::open(&name).unwrap().receiver().unwrap();
        assert_eq!(drain(&rx), Vec::from_iter(0..1000));
    });
    let tx = there.sender().unwrap();
    for number in 0..1000 {
        tx.send_timeout(number, LONG).unwrap();
    }
    drop(tx);
    receiver.join();
    drop((here, there));
    assert!(!name.exists());
}

pub fn a_name_is_somebody_who_could_come() {
    let name = Own::new("come");
    let build = || Numbers::builder(1).tick(Duration::from_millis(20));
    let waits = |rx: &annulus::Receiver<u64, Single>| rx.recv_timeout(A_WHILE) == Err(RecvTimeoutError::Timeout);
    // A shared name: anybody. Until it goes.
    let rx = build().open_or_create(&name).unwrap().receiver().unwrap();
    assert!(waits(&rx), "somebody may come by the name");
    annulus::unlink(&name).unwrap();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    // The creator itself, whose own lock looks free to it.
    let rx = build().create(&name).unwrap().receiver().unwrap();
    assert!(waits(&rx), "somebody may come by the name");
    drop(rx);
    // Created: as long as the creator lives.
    let mut creator = holder(|| build().create(&name).unwrap());
    let rx = Numbers::open(&name).unwrap().receiver().unwrap();
    assert!(waits(&rx), "the creator may attach");
    creator.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    drop(rx);
    assert!(!name.exists());
    // And a sender gets its message back.
    let creator = holder(|| build().create(&name).unwrap());
    let tx = Numbers::open(&name).unwrap().sender().unwrap();
    tx.send(1).unwrap();
    assert!(matches!(tx.send_timeout(2, A_WHILE), Err(SendTimeoutError::Timeout(2))));
    leave(creator);
    assert!(matches!(
        tx.send_timeout(2, LONG),
        Err(SendTimeoutError::Disconnected(2))
    ));
}

pub fn a_forked_childs_copy_leaves_the_name_alone() {
    let name = Own::new("fork");
    for create in [true, false] {
        let made = if create {
            Numbers::create(&name, 4).ok()
        } else {
            Numbers::open_or_create(&name, 4).ok()
        };
        let mut channel = made;
        Peer::fork("child", |_| drop(channel.take())).join();
        assert!(name.exists());
        assert!(Numbers::open(&name).is_ok());
        // Nor does it, when it is the last one.
        let mut child = Peer::fork("child", |link| {
            link.say("here");
            link.expect("drop");
            drop(channel.take());
            link.say("dropped");
            link.hear();
        });
        child.expect("here");
        if create {
            child.kill();
            drop(channel);
        } else {
            drop(channel);
            assert!(name.exists(), "the child has it open");
            child.tell("drop");
            child.expect("dropped");
            child.kill();
            assert!(name.exists());
            drop(Numbers::open(&name).unwrap());
        }
        assert!(!name.exists());
    }
}

pub fn a_child_that_has_attached_leaves_as_its_own() {
    let name = Own::new("fork-own");
    let mut channel = Numbers::open_or_create(&name, 4).ok();
    let mut child = Peer::fork("child", |link| {
        let channel = channel.take().unwrap();
        let tx = channel.sender().unwrap();
        link.say("attached");
        link.expect("leave");
        drop((tx, channel));
    });
    child.expect("attached");
    drop(channel);
    assert!(name.exists());
    leave(child);
    assert!(!name.exists());
    // A child of a creator's does not take the creator for dead, nor itself for the creator.
    let creator = Numbers::create(&name, 4).unwrap();
    Peer::fork("child", |_| drop(creator.receiver().unwrap())).join();
    assert!(name.exists());
    drop(creator);
    assert!(!name.exists());
}

pub fn send_what_was_passed(link: &mut Link) {
    let channel = Numbers::inherited("numbers").unwrap();
    let tx = channel.sender().unwrap();
    link.say("attached");
    link.expect("send");
    tx.send_many(&[1, 2]).unwrap();
    link.say("sent");
    link.hear();
}

pub fn a_named_channel_can_be_passed() {
    let name = Own::new("passed");
    let channel = Numbers::open_or_create(&name, 4).unwrap();
    let mut command = Command::new("true");
    channel.pass_to(&mut command, "numbers").unwrap();
    drop(channel);
    assert!(name.exists(), "what travels has it open");
    drop(command);
    drop(Numbers::open(&name).unwrap());
    assert!(!name.exists());

    let channel = Numbers::open_or_create(&name, 4).unwrap();
    let mut child = Peer::spawn("send what was passed", |command| {
        channel.pass_to(command, "numbers").unwrap();
    });
    child.expect("attached");
    drop(channel);
    assert!(name.exists());
    child.tell("send");
    child.expect("sent");
    let rx = Numbers::open(&name).unwrap().receiver().unwrap();
    child.tell("leave");
    child.join();
    assert_eq!(drain(&rx), [1, 2]);
    drop(rx);
    assert!(!name.exists());

    // One that has lost its name by then.
    let channel = Numbers::create(&name, 4).unwrap();
    annulus::unlink(&name).unwrap();
    let mut child = Peer::spawn("send what was passed", |command| {
        channel.pass_to(command, "numbers").unwrap();
    });
    child.expect("attached");
    child.tell("send");
    child.expect("sent");
    assert_eq!(receive(&channel.receiver().unwrap()), Ok(1));
    leave(child);
}
