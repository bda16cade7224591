//! What if a channel comes out of another process's table of descriptors, pidfd_getfd(2)?

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, getpid};

use crate::support::own::{Many, Numbers, Own};
use crate::support::runner;
use crate::support::traffic::{drain, receive};
use crate::support::{Link, Peer};

/// A descriptor of our own for what is number `fd` in process `pid`.
fn fetch(pid: Pid, fd: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes numbers and touches no memory.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let process = Errno::result(process)? as RawFd;
    // SAFETY: it has just been made for us.
    let process = unsafe { OwnedFd::from_raw_fd(process) };
    // SAFETY: so does pidfd_getfd(2).
    let fetched = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) };
    let fetched = Errno::result(fetched)? as RawFd;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fetched) })
}

/// Sends 0 to 999 and receives them, one more each.
fn there_and_back(numbers: &Many, back: &Many) {
    let (tx, rx) = (numbers.sender().unwrap(), back.receiver().unwrap());
    for number in 0..1000 {
        tx.send(number).unwrap();
        assert_eq!(receive(&rx), Ok(number + 1));
    }
}

/// Answers, until the end of the stream.
fn answer(numbers: &Many, back: &Many) {
    let (tx, rx) = (back.sender().unwrap(), numbers.receiver().unwrap());
    for number in rx.iter() {
        tx.send(number + 1).unwrap();
    }
}

fn pair() -> (Many, Many) {
    (Many::anonymous(4).unwrap(), Many::anonymous(4).unwrap())
}

fn say_numbers(link: &mut Link, (numbers, back): &(Many, Many)) {
    link.say(numbers.as_fd().as_raw_fd());
    link.say(back.as_fd().as_raw_fd());
}

pub fn a_descriptor_fetched_from_another_process_is_a_channel() {
    // Out of a child.
    let mut child = Peer::fork("child", |link| {
        let channels = pair();
        say_numbers(link, &channels);
        link.expect("fetched");
        answer(&channels.0, &channels.1);
    });
    let mut open = || Some(Many::from_fd(fetch(child.pid(), child.hear_value()).ok()?).unwrap());
    let (Some(numbers), Some(back)) = (open(), open()) else {
        return runner::skip("no descriptor may be fetched from a child");
    };
    child.tell("fetched");
    there_and_back(&numbers, &back);
    child.join();
    // Its maker is gone, and it is whole.
    let (tx, rx) = (numbers.sender().unwrap(), numbers.receiver().unwrap());
    tx.send(7).unwrap();
    drop(tx);
    assert_eq!(drain(&rx), [7]);

    // Out of a parent, which ptrace scopes do not like.
    let parent = getpid();
    let mut child = Peer::fork("child", |link| {
        let mut fds = [0; 2]
            .map(|_| link.hear().unwrap().parse().unwrap())
            .map(|fd| fetch(parent, fd))
            .into_iter();
        let mut open = || Some(Many::from_fd(fds.next()?.ok()?).unwrap());
        let (Some(numbers), Some(back)) = (open(), open()) else {
            return link.say("no descriptor may be fetched from a parent");
        };
        link.say("fetched");
        answer(&numbers, &back);
    });
    let channels = pair();
    child.tell(channels.0.as_fd().as_raw_fd());
    child.tell(channels.1.as_fd().as_raw_fd());
    match child.hear().as_str() {
        "fetched" => there_and_back(&channels.0, &channels.1),
        why => runner::skip(why),
    }
    child.join();
}

pub fn a_named_channel_fetched_from_another_process_keeps_its_name() {
    let name = Own::new("fetched");
    let mut child = Peer::fork("child", |link| {
        let channel = Numbers::open_or_create(&name, 4).unwrap();
        let tx = channel.sender().unwrap();
        link.say(channel.as_fd().as_raw_fd());
        link.expect("fetched");
        tx.send_many(&[1, 2]).unwrap();
    });
    let fd = child.hear_value();
    let Ok(fetched) = fetch(child.pid(), fd) else {
        return runner::skip("no descriptor may be fetched from a child");
    };
    let channel = Numbers::from_fd(fetched).unwrap();
    child.tell("fetched");
    child.join();
    assert!(name.exists(), "it is open here");
    assert_eq!(drain(&channel.receiver().unwrap()), [1, 2]);
    drop(channel);
    assert!(!name.exists(), "we were the last one out");
}
