//! What if system calls are taken away?

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use annulus::{AttachError, CreateError, FenceMode, OpenOrCreateError};
use nix::errno::Errno;
use nix::libc;

use crate::support::own::{Numbers, Own};
use crate::support::traffic::{drain, receive};
use crate::support::{LONG, Link, Peer, filter, runner};
use crate::world::{BY_ANY_MEANS, elsewhere, errno, refused, says};

/// Which fence mode the channel has: LAYOUT.md, line 0.
fn mode(channel: &Numbers) -> FenceMode {
    let file = File::from(channel.as_fd().try_clone_to_owned().unwrap());
    let mut mode = [0; 4];
    file.read_exact_at(&mut mode, 40).unwrap();
    match u32::from_ne_bytes(mode) {
        1 => FenceMode::Fenced,
        2 => FenceMode::Membarrier,
        other => panic!("fence mode {other}"),
    }
}

/// What filters answer, and kernels without the call.
const ANSWERS: [Errno; 2] = [Errno::ENOSYS, Errno::EPERM];

/// A program that has never registered for membarrier(2), and may not call it. `None`: the test is skipped.
fn without_membarrier(role: &str, answer: Errno, name: &Own, passed: Option<&Numbers>) -> Option<Peer> {
    let mut peer = Peer::spawn(role, |command| {
        if let Some(channel) = passed {
            channel.pass_to(command, "passed").unwrap();
        }
    });
    peer.tell(answer as i32);
    match peer.hear().as_str() {
        "ready" => peer.tell(&**name),
        why => {
            runner::skip(format!("no filters here: {why}"));
            return None;
        }
    }
    Some(peer)
}

/// The other side of it: the name.
fn lose_membarrier(link: &mut Link) -> String {
    let answer = Errno::from_raw(link.hear().unwrap().parse().unwrap());
    match filter::answer(libc::SYS_membarrier, answer) {
        Ok(()) => link.say("ready"),
        Err(errno) => link.say(errno),
    }
    link.hear().unwrap_or_default()
}

/// A membarrier channel of this process, which may make one.
fn in_need_of_it(name: &str) -> Option<Numbers> {
    let made = Numbers::builder(4).fence_mode(FenceMode::Membarrier).create(name);
    match made {
        Err(CreateError::MembarrierUnavailable) => {
            runner::skip("no membarrier here to be taken away");
            None
        }
        made => Some(made.unwrap()),
    }
}

pub fn makes_without_membarrier(link: &mut Link) {
    let name = lose_membarrier(link);
    for make in BY_ANY_MEANS {
        for error in [
            refused(|| make(Numbers::builder(4).fence_mode(FenceMode::Membarrier), &name)),
            refused(annulus::prepare),
        ] {
            assert!(matches!(error, CreateError::MembarrierUnavailable), "{error}");
            says(&error, &["membarrier", "this process", "`FenceMode::Fenced`"]);
        }
        for options in [Numbers::builder(4), Numbers::builder(4).fence_mode(FenceMode::Fenced)] {
            let channel = make(options, &name).unwrap();
            assert_eq!(mode(&channel), FenceMode::Fenced);
            let receiver = Peer::fork("receiver", |_| {
                assert_eq!(drain(&channel.receiver().unwrap()), Vec::from_iter(0..10_000));
            });
            let tx = channel.sender().unwrap();
            for number in 0..10_000 {
                tx.send_timeout(number, LONG).unwrap();
            }
            drop((tx, channel));
            receiver.join();
        }
    }
}

pub fn without_membarrier_a_channel_is_fenced() {
    for answer in ANSWERS {
        let name = Own::new("fenced");
        let Some(peer) = without_membarrier("makes without membarrier", answer, &name, None) else {
            return;
        };
        peer.join();
    }
}

pub fn opens_without_membarrier(link: &mut Link) {
    let name = lose_membarrier(link);
    let file = format!("/dev/shm/annulus.{name}");
    let file = || File::options().read(true).write(true).open(&file).unwrap();
    for error in [
        refused(|| Numbers::open(&name)),
        refused(|| Numbers::open_timeout(&name, LONG)),
        refused(|| match Numbers::open_or_create(&name, 4) {
            Err(OpenOrCreateError::Open(error)) => Err::<(), _>(error),
            other => panic!("{other:?}"),
        }),
        refused(|| Numbers::from_fd(file().into())),
        Numbers::inherited("passed").unwrap_err(),
    ] {
        assert!(matches!(error, AttachError::MembarrierUnavailable), "{error}");
        says(&error, &["membarrier", "this process", "`FenceMode::Fenced`"]);
    }
    link.say("refused");
    link.expect("fenced");
    let rx = Numbers::open(&name).unwrap().receiver().unwrap();
    assert_eq!(drain(&rx), [1, 2]);
}

pub fn without_membarrier_a_channel_that_needs_it_is_refused() {
    for answer in ANSWERS {
        let name = Own::new("membarrier");
        let Some(channel) = in_need_of_it(&name) else { return };
        let Some(mut peer) = without_membarrier("opens without membarrier", answer, &name, Some(&channel)) else {
            return;
        };
        peer.expect("refused");
        // It is none the worse for it.
        let there = Numbers::open(&name).unwrap();
        channel.sender().unwrap().send(7).unwrap();
        assert_eq!(receive(&there.receiver().unwrap()), Ok(7));
        drop((there, channel));
        let channel = Numbers::builder(4).fence_mode(FenceMode::Fenced).create(&name).unwrap();
        peer.tell("fenced");
        channel.sender().unwrap().send_many(&[1, 2]).unwrap();
        peer.join();
    }
}

/// That it has registered once does not mean that it may call it: sandboxes are built in programs that run.
pub fn who_has_lost_membarrier_makes_fenced_channels() {
    let name = Own::new("lost");
    let Some(channel) = in_need_of_it(&name) else { return };
    let lose = || {
        annulus::prepare().unwrap();
        filter::answer(libc::SYS_membarrier, Errno::EPERM)
    };
    elsewhere(lose, |_| {
        let error = refused(|| Numbers::open(&name));
        assert!(matches!(error, AttachError::MembarrierUnavailable), "{error}");
        let other = Own::new("lost-too");
        for make in BY_ANY_MEANS {
            let options = Numbers::builder(4).fence_mode(FenceMode::Membarrier);
            let error = refused(|| make(options, &other));
            assert!(matches!(error, CreateError::MembarrierUnavailable), "{error}");
            assert_eq!(mode(&make(Numbers::builder(4), &other).unwrap()), FenceMode::Fenced);
        }
    });
    drop(channel);
}

/// System calls that making a channel cannot do without, by name, by name and without one.
const CALLS: [(libc::c_long, Errno, [bool; 3]); 10] = [
    (libc::SYS_memfd_create, Errno::ENOSYS, [false, false, true]),
    (libc::SYS_openat, Errno::EPERM, [true, true, true]),
    (libc::SYS_fchmod, Errno::EPERM, [true, true, false]),
    (libc::SYS_ftruncate, Errno::EPERM, [true, true, true]),
    (libc::SYS_fallocate, Errno::EPERM, [true, true, true]),
    (libc::SYS_pwrite64, Errno::EPERM, [true, true, true]),
    (libc::SYS_mmap, Errno::EPERM, [true, true, true]),
    (libc::SYS_madvise, Errno::EINVAL, [true, true, true]),
    (libc::SYS_fcntl, Errno::EINVAL, [true, true, true]),
    (libc::SYS_linkat, Errno::EPERM, [true, true, false]),
];

pub fn makes_without_a_call(link: &mut Link) {
    let (call, answer, fail) = CALLS[link.hear().unwrap().parse::<usize>().unwrap()];
    let name = link.hear().unwrap();
    if let Err(errno) = filter::answer(call, answer) {
        return link.say(errno);
    }
    link.say("ready");
    for (make, fails) in BY_ANY_MEANS.into_iter().zip(fail) {
        if fails {
            let error = refused(|| make(Numbers::builder(4), &name));
            assert_eq!(errno(&error), Some(answer), "{error}");
            says(&error, &["could not "]);
        } else {
            make(Numbers::builder(4), &name).unwrap();
        }
    }
}

pub fn a_call_that_is_refused_is_an_error_and_leaves_nothing() {
    let name = Own::new("refused");
    for number in 0..CALLS.len() {
        let mut peer = Peer::spawn("makes without a call", |_| {});
        peer.tell(number);
        peer.tell(&*name);
        match peer.hear().as_str() {
            "ready" => {}
            why => return runner::skip(format!("no filters here: {why}")),
        }
        peer.join();
        assert!(!name.exists());
    }
}
