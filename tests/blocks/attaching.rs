//! How do other programs come by a channel of blocks?

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use annulus::blocks::Channel;
use annulus::fd::{receive_from, send_over};
use annulus::{AttachError, RecvError, RecvTimeoutError};

use crate::support::{LONG, Link, Peer, runner};
use crate::world::{A_WHILE, Numbers, channel, drain, go_on, next, receive, send};

const TO: &str = "numbers";
const BACK: &str = "back";

/// A program that sends back what it receives.
pub(crate) fn echo(link: &mut Link) {
    let (numbers, back) = (Numbers::inherited(TO).unwrap(), Numbers::inherited(BACK).unwrap());
    assert!(matches!(Numbers::inherited(TO), Err(AttachError::NotPassed { name }) if name == TO));
    let (rx, tx) = (numbers.receiver().unwrap(), back.sender().unwrap());
    drop((numbers, back));
    link.say("attached");
    while let Ok((_, number, _)) = receive(&rx) {
        send(&tx, number);
    }
}

pub(crate) fn a_spawned_program_inherits_channels_of_blocks() {
    let ((numbers, words), (back, _)) = (channel(5), channel(3));
    let tx = numbers.sender().unwrap();
    let rx = back.receiver().unwrap();
    let mut child = Peer::spawn("echo", |command| {
        numbers.pass_to(command, TO).unwrap();
        back.pass_to(command, BACK).unwrap();
    });
    child.expect("attached");
    for number in 0..2000 {
        send(&tx, number);
        assert_eq!(next(&rx), Ok(number));
    }
    drop(tx);
    child.join();
    assert_eq!(next(&rx), Err(RecvError::Disconnected));
    assert!(words.all_free());
    for bad in ["", "a b", "a=b", "ü", &"n".repeat(65)] {
        let refused = numbers.pass_to(&mut Command::new("true"), bad);
        assert!(matches!(refused, Err(AttachError::InvalidName { .. })), "{bad:?}");
    }
}

/// The child is forked before the channel is made: it has nothing of it but what the socket brings.
pub(crate) fn a_channel_of_blocks_crosses_a_socket() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut ours, mut theirs) = (Some(ours), Some(theirs));
    let mut child = Peer::fork("child", |link| {
        drop(ours.take());
        let socket = theirs.take().unwrap();
        let open = || Numbers::from_fd(receive_from(&socket).unwrap()).unwrap();
        let (numbers, back) = (open(), open());
        let (tx, rx) = (back.sender().unwrap(), numbers.receiver().unwrap());
        drop((numbers, back));
        link.say("attached");
        for number in drain(&rx) {
            send(&tx, number + 1);
        }
    });
    drop(theirs);
    let ((numbers, words), (back, _)) = (channel(4), channel(1024));
    for channel in [&numbers, &back] {
        send_over(ours.as_ref().unwrap(), channel).unwrap();
    }
    let (tx, rx) = (numbers.sender().unwrap(), back.receiver().unwrap());
    child.expect("attached");
    for number in 0..1000 {
        send(&tx, number);
    }
    drop(tx);
    assert_eq!(drain(&rx), Vec::from_iter(1..1001));
    child.join();
    assert!(words.all_free());
}

pub(crate) fn a_channel_in_flight_is_somebody_who_could_come() {
    let (channel, words) = channel(2);
    let rx = channel.receiver().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    send_over(&ours, &channel).unwrap();
    drop((channel, ours));
    assert_eq!(rx.recv_timeout(A_WHILE).map(|_| ()), Err(RecvTimeoutError::Timeout));
    let there = Numbers::from_fd(receive_from(&theirs).unwrap()).unwrap();
    drop(theirs);
    assert_eq!(rx.recv_timeout(A_WHILE).map(|_| ()), Err(RecvTimeoutError::Timeout));
    go_on(&there.sender().unwrap(), &rx, &words);
    drop(there);
    assert_eq!(rx.recv_timeout(LONG).map(|_| ()), Err(RecvTimeoutError::Disconnected));
}

pub(crate) fn a_schema_must_be_the_same_on_both_sides() {
    let channel = Channel::<[f64]>::builder(2, 10)
        .schema("spectrum v1")
        .anonymous()
        .unwrap();
    let fd = || channel.as_fd().try_clone_to_owned().unwrap();
    let open = |schema| Channel::<[f64]>::builder(0, 0).schema(schema).from_fd(fd());
    assert!(open("spectrum v1").is_ok());
    for error in [
        open("spectrum v2").unwrap_err(),
        Channel::<[f64]>::from_fd(fd()).unwrap_err(),
    ] {
        let AttachError::Schema { actual, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(actual, "spectrum v1");
    }
    // Other items of the same size, by one name.
    let whole = Channel::<[u64]>::builder(0, 0)
        .schema("spectrum v1")
        .from_fd(fd())
        .unwrap();
    channel.sender().unwrap().send_slice(&[1.0]).unwrap();
    assert_eq!(*whole.receiver().unwrap().recv().unwrap(), [1.0_f64.to_bits()]);
    // Of types in modules, a name is what they are called there.
    let types = Channel::<[crate::support::message::Tick], crate::support::message::Tick>::anonymous(1, 1).unwrap();
    assert_eq!(annulus::Observer::from_fd(&types).unwrap().payload(), "[Tick], Tick");
}

/// Kilobytes of the channel's mapping in this process, and how many of them are in its page table.
fn mapped(channel: &impl AsFd) -> (u64, u64) {
    let inode = nix::sys::stat::fstat(channel).unwrap().st_ino.to_string();
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = smaps.lines();
    lines
        .find(|line| line.split_ascii_whitespace().nth(4) == Some(&inode))
        .expect("it is mapped");
    let mut field = |name: &str| -> u64 {
        let line = lines.find(|line| line.starts_with(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (field("Size:"), field("Rss:"))
}

/// `MADV_POPULATE_WRITE` has come with Linux 5.14.
fn can_populate() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse::<u32>().unwrap_or(0));
    let mut number = || numbers.next().unwrap_or(0);
    (number(), number()) >= (5, 14)
}

pub(crate) fn a_populated_channel_is_mapped_at_once() {
    let build = || Channel::<[u8]>::builder(4, 2 << 20);
    let (lazy, populated) = (build().anonymous().unwrap(), build().populate().anonymous().unwrap());
    let (size, there) = mapped(&lazy);
    assert!(there < size / 2, "{there} of {size} kB");
    let (size, there) = mapped(&populated);
    if there < size && !can_populate() {
        runner::skip("this kernel maps pages only as they are touched");
        return;
    }
    assert_eq!(size, there);
    // In a process that opens it, too, if that says so.
    for populate in [false, true] {
        let fd = lazy.as_fd().try_clone_to_owned().unwrap();
        Peer::fork("child", |_| {
            let open = Channel::<[u8]>::builder(0, 0);
            let open = if populate { open.populate() } else { open };
            // The parent's mapping of it is here, too, and comes first or second.
            let channel = open.from_fd(fd).unwrap();
            let inode = nix::sys::stat::fstat(&channel).unwrap().st_ino.to_string();
            let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
            let is_ours = |line: &&str| line.split_ascii_whitespace().nth(4) == Some(&inode);
            assert_eq!(smaps.lines().filter(is_ours).count(), 2);
            let rss = smaps.split(&inode).skip(1).map(|after| {
                let line = after.lines().find(|line| line.starts_with("Rss:")).unwrap();
                line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
            });
            assert_eq!(rss.max() == Some(size), populate);
            let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
            tx.send_slice(&[1, 2, 3]).unwrap();
            assert_eq!(*rx.recv().unwrap(), [1, 2, 3]);
        })
        .join();
    }
    // Messages are what they were: it is the same memory.
    populated.sender().unwrap().send_slice(&[5]).unwrap();
    assert_eq!(*populated.receiver().unwrap().recv().unwrap(), [5]);
}
