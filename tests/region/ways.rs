//! How do other programs come by a region, and what crosses a fork?

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use annulus::fd::{receive_from, send_over};
use annulus::{AttachError, Region};

use crate::own::Own;
use crate::support::{Link, Peer, runner, until};

const NAME: &str = "numbers";

/// A program that adds one to each word.
pub(crate) fn adds_one(link: &mut Link) {
    let region = Region::inherited(NAME).unwrap();
    assert!(matches!(Region::inherited(NAME), Err(AttachError::NotPassed { name }) if name == NAME));
    link.expect("go");
    for word in region.words() {
        word.fetch_add(1, Relaxed);
    }
}

pub(crate) fn a_spawned_program_inherits_a_region() {
    let region = Region::anonymous(8 * 1000).unwrap();
    let mut children = [(); 3].map(|()| {
        Peer::spawn("adds one", |command| {
            region.pass_to(command, NAME).unwrap();
        })
    });
    children.iter_mut().for_each(|child| child.tell("go"));
    children.into_iter().for_each(Peer::join);
    assert!(region.words().iter().all(|word| word.load(Relaxed) == 3));
    let refused = region.pass_to(&mut Command::new("true"), "a b");
    assert!(matches!(refused, Err(AttachError::InvalidName { .. })));
    // By a name that goes with the last one out: what travels is one.
    let name = Own::new("region-passed");
    let region = Region::open_or_create(&name, 8).unwrap();
    let mut child = Peer::spawn("adds one", |command| {
        region.pass_to(command, NAME).unwrap();
    });
    drop(region);
    assert!(name.exists(), "the child has it open, or will");
    let region = Region::open(&name).unwrap();
    child.tell("go");
    child.join();
    assert_eq!(region.words()[0].load(Relaxed), 1);
    drop(region);
    assert!(!name.exists());
}

/// The child is forked before the region is made: it has nothing of it but what the socket brings.
pub(crate) fn a_region_crosses_a_socket() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut ours, mut theirs) = (Some(ours), Some(theirs));
    let child = Peer::fork("child", |_| {
        drop(ours.take());
        let region = Region::from_fd(receive_from(theirs.take().unwrap()).unwrap()).unwrap();
        let mut bytes = vec![0_u8; region.len()];
        region.read_at(0, &mut bytes).unwrap();
        bytes.reverse();
        region.write_at(0, &bytes).unwrap();
    });
    drop(theirs);
    let region = Region::anonymous(1000).unwrap();
    region.write_at(0, &[1_u8; 500]).unwrap();
    send_over(ours.as_ref().unwrap(), &region).unwrap();
    child.join();
    let mut bytes = [0_u8; 1000];
    region.read_at(0, &mut bytes).unwrap();
    assert!(bytes[..500].iter().all(|&byte| byte == 0) && bytes[500..].iter().all(|&byte| byte == 1));
}

pub(crate) fn a_forked_child_has_the_same_memory_and_leaves_the_name_alone() {
    let name = Own::new("region-fork");
    for create in [true, false] {
        let made = if create {
            Region::create(&name, 64).ok()
        } else {
            Region::open_or_create(&name, 64).ok()
        };
        let mut region = made;
        Peer::fork("child", |_| {
            let region = region.take().unwrap();
            region.write_at(3, &[1_u8, 2]).unwrap();
            drop(region);
        })
        .join();
        assert!(name.exists());
        let mut bytes = [0_u8; 2];
        region.as_ref().unwrap().read_at(3, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2]);
        // One that outlives its parent's handle.
        let mut child = Peer::fork("child", |link| {
            let region = region.take().unwrap();
            link.say("here");
            link.expect("gone");
            region.read_at(3, &mut bytes).unwrap();
            assert_eq!(bytes, [1, 2]);
            drop(region);
        });
        child.expect("here");
        drop(region);
        assert_eq!(name.exists(), !create, "it has the region open, and is not its creator");
        child.tell("gone");
        child.join();
        assert_eq!(name.exists(), !create, "a copy's drop removes nothing");
        // Left to the next one to come by it.
        drop(Region::open_or_create(&name, 64).unwrap());
        assert!(!name.exists());
    }
}

pub(crate) fn a_killed_process_leaves_what_it_has_written() {
    let region = Region::anonymous(1 << 20).unwrap();
    let mut child = Peer::fork("child", |_| {
        for round in 1_u64.. {
            region.write_at(0, &vec![round; 1 << 17]).unwrap();
        }
    });
    until("it is at it", || region.words()[(1 << 17) - 1].load(Relaxed) > 3);
    child.kill();
    let mut words = vec![0_u64; 1 << 17];
    region.read_at(0, &mut words).unwrap();
    // It was killed in the middle of a round, or between two: words are whole, and go from one round to the one before.
    let last = words[0];
    let done = words.iter().take_while(|&&word| word == last).count();
    assert!(words[done..].iter().all(|&word| word == last - 1), "{last}, {done}");
    region.write_at(0, &[7_u64]).unwrap();
    Peer::fork("next", |_| assert_eq!(region.words()[0].load(Relaxed), 7)).join();
}

/// Kilobytes of a file's mapping in this process, and how many of them are in its page table.
fn mapped(file: &impl AsFd) -> (u64, u64) {
    let inode = nix::sys::stat::fstat(file).unwrap().st_ino.to_string();
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

pub(crate) fn a_populated_region_is_mapped_at_once() {
    let build = || Region::builder(8 << 20);
    let lazy = build().anonymous().unwrap();
    let (size, there) = mapped(&lazy);
    assert!(there < size / 2, "{there} of {size} kB");
    let (size, there) = mapped(&build().populate().anonymous().unwrap());
    if there < size {
        // `MADV_POPULATE_WRITE` has come with Linux 5.14.
        runner::skip("this kernel maps pages only as they are touched");
        return;
    }
    // In who opens it, too, if that says so: the maker has touched no page of it.
    let fd = lazy.as_fd().try_clone_to_owned().unwrap();
    drop(lazy);
    let opened = Region::builder(0).populate().from_fd(fd).unwrap();
    assert_eq!(mapped(&opened), (size, size));
}
