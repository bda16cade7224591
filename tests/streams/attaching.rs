//! How do other programs come by a stream?

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use annulus::fd::{receive_from, send_over};
use annulus::stream::{Channel, ReadError, ReadTimeoutError};
use annulus::{AttachError, Observer};

use crate::support::message::Tick;
use crate::support::{LONG, Link, Peer, runner};
use crate::world::{A_WHILE, CAPACITY, Numbers, Rx, check, element, go_on, read, stream, write};

const TO: &str = "numbers";
const BACK: &str = "back";

/// A program that writes back what it reads, as it comes.
pub(crate) fn echo(link: &mut Link) {
    let (numbers, back) = (Numbers::inherited(TO).unwrap(), Numbers::inherited(BACK).unwrap());
    assert!(matches!(Numbers::inherited(TO), Err(AttachError::NotPassed { name }) if name == TO));
    let (mut rx, mut tx) = (numbers.reader().unwrap(), back.writer().unwrap());
    drop((numbers, back));
    link.say("attached");
    loop {
        match rx.readable() {
            Ok(chunk) => {
                tx.write_all(&chunk).unwrap();
                chunk.consume_all();
            }
            Err(error) => {
                assert_eq!(error, ReadError::Disconnected);
                return;
            }
        }
    }
}

fn ended(rx: &mut Rx) -> bool {
    rx.read_chunk_timeout(1, LONG).map(|chunk| chunk.len()) == Err(ReadTimeoutError::Disconnected)
}

pub(crate) fn a_spawned_program_inherits_streams() {
    let ((numbers, words), (back, _)) = (stream(), stream());
    let mut tx = numbers.writer().unwrap();
    let mut rx = back.reader().unwrap();
    let mut child = Peer::spawn("echo", |command| {
        numbers.pass_to(command, TO).unwrap();
        back.pass_to(command, BACK).unwrap();
    });
    child.expect("attached");
    let mut first = 0;
    for round in 0..1000 {
        let len = round * 31 % CAPACITY + 1;
        write(&mut tx, first..first + len);
        read(&mut rx, first..first + len);
        first += len;
    }
    drop(tx);
    child.join();
    assert!(ended(&mut rx));
    assert_eq!(words.len(), 0);
    for bad in ["", "a b", "a=b", "ü", &"n".repeat(65)] {
        let refused = numbers.pass_to(&mut Command::new("true"), bad);
        assert!(matches!(refused, Err(AttachError::InvalidName { .. })), "{bad:?}");
    }
}

/// The child is forked before the stream is made: it has nothing of it but what the socket brings.
pub(crate) fn a_stream_crosses_a_socket() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut ours, mut theirs) = (Some(ours), Some(theirs));
    let mut child = Peer::fork("child", |link| {
        drop(ours.take());
        let socket = theirs.take().unwrap();
        let open = || Numbers::from_fd(receive_from(&socket).unwrap()).unwrap();
        let (numbers, back) = (open(), open());
        let (mut tx, mut rx) = (back.writer().unwrap(), numbers.reader().unwrap());
        drop((numbers, back));
        link.say("attached");
        let mut all = vec![0; 10_000];
        rx.read_exact(&mut all).unwrap();
        assert!(ended(&mut rx));
        check(&all, 0);
        tx.write_all(&all).unwrap();
    });
    drop(theirs);
    let ((numbers, _), (back, _)) = (stream(), stream());
    for channel in [&numbers, &back] {
        send_over(ours.as_ref().unwrap(), channel).unwrap();
    }
    let (mut tx, mut rx) = (numbers.writer().unwrap(), back.reader().unwrap());
    child.expect("attached");
    let all: Vec<u64> = (0..10_000).map(element).collect();
    tx.write_all(&all).unwrap();
    drop(tx);
    let mut returned = vec![0; all.len()];
    rx.read_exact(&mut returned).unwrap();
    assert!(returned == all && ended(&mut rx));
    child.join();
}

pub(crate) fn a_stream_in_flight_is_somebody_who_could_come() {
    let (channel, _words) = stream();
    let mut rx = channel.reader().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    send_over(&ours, &channel).unwrap();
    drop((channel, ours));
    let mut late = || rx.read_chunk_timeout(1, A_WHILE).map(|chunk| chunk.len());
    assert_eq!(late(), Err(ReadTimeoutError::Timeout));
    let there = Numbers::from_fd(receive_from(&theirs).unwrap()).unwrap();
    drop(theirs);
    assert_eq!(late(), Err(ReadTimeoutError::Timeout));
    go_on(&mut there.writer().unwrap(), &mut rx);
    drop(there);
    assert!(ended(&mut rx));
}

pub(crate) fn a_schema_must_be_the_same_on_both_sides() {
    let channel = Channel::<f64>::builder(10).schema("spectrum v1").anonymous().unwrap();
    let fd = || channel.as_fd().try_clone_to_owned().unwrap();
    let open = |schema| Channel::<f64>::builder(0).schema(schema).from_fd(fd());
    assert!(open("spectrum v1").is_ok());
    for error in [
        open("spectrum v2").unwrap_err(),
        Channel::<f64>::from_fd(fd()).unwrap_err(),
    ] {
        let AttachError::Schema { actual, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(actual, "spectrum v1");
    }
    // Other elements of the same size, by one name.
    let whole = Channel::<u64>::builder(0).schema("spectrum v1").from_fd(fd()).unwrap();
    channel.writer().unwrap().write_all(&[1.0, -0.5]).unwrap();
    let bits = [1.0_f64.to_bits(), (-0.5_f64).to_bits()];
    assert_eq!(*whole.reader().unwrap().read_chunk(2).unwrap(), bits);
    if size_of::<Tick>().is_power_of_two() {
        let types = Channel::<Tick>::anonymous(1).unwrap();
        assert_eq!(Observer::from_fd(&types).unwrap().payload(), "Tick");
    }
}

/// Kilobytes of the stream's mappings in this process, and how many of them are in its page table.
fn mapped(channel: &impl AsFd) -> (u64, u64) {
    let inode = nix::sys::stat::fstat(channel).unwrap().st_ino.to_string();
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut size, mut there, mut is_ours) = (0, 0, false);
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap();
        if !first.ends_with(':') {
            is_ours = words.nth(3) == Some(&inode);
        } else if is_ours && matches!(first, "Size:" | "Rss:") {
            let kilobytes: u64 = words.next().unwrap().parse().unwrap();
            *(if first == "Size:" { &mut size } else { &mut there }) += kilobytes;
        }
    }
    (size, there)
}

/// Both times that it is mapped.
pub(crate) fn a_populated_stream_is_mapped_at_once() {
    let build = || Channel::<u8>::builder(4 << 20);
    let (lazy, populated) = (build().anonymous().unwrap(), build().populate().anonymous().unwrap());
    let (size, there) = mapped(&lazy);
    assert!(size > 2 * 4096 && there < size / 2, "{there} of {size} kB");
    let (size, there) = mapped(&populated);
    if there < size / 2 {
        runner::skip("this kernel maps pages only as they are touched");
        return;
    }
    assert_eq!(size, there);
    // It is the same memory.
    populated.writer().unwrap().write_all(&[5; 3]).unwrap();
    assert_eq!(*populated.reader().unwrap().readable().unwrap(), [5; 3]);
}

/// When a stream goes, so do both of its mappings.
pub(crate) fn nothing_stays_mapped() {
    let (channel, _words) = stream();
    let fd = channel.as_fd().try_clone_to_owned().unwrap();
    let (tx, rx) = (channel.writer().unwrap(), channel.reader().unwrap());
    drop((channel, tx));
    assert!(mapped(&fd).0 > 0, "an end keeps it");
    drop(rx);
    assert_eq!(mapped(&fd), (0, 0));
}
