//! What if /proc is not mounted, or does not say how much memory there is?

use std::error::Error;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use annulus::{AttachError, Channel, CreateError, OpenOrCreateError, Single, fd};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{SysconfVar, sysconf};

use crate::support::filter;
use crate::support::own::{Many, Numbers, not_found};
use crate::support::traffic::{go_on, receive};
use crate::world::{BY_ANY_MEANS, Holdings, elsewhere, own_mounts, refused, tmpfs};

/// What has gone wrong, or well.
type Outcome = Result<(), Box<dyn Error>>;

/// What is called, by its name.
type Call<'a> = (&'static str, Box<dyn Fn() -> Outcome + 'a>);

/// Everything for which there must be a /proc.
fn all<'a>(before: &'a Many, named: &'a str) -> Vec<Call<'a>> {
    let mut all: Vec<Call<'a>> = Vec::new();
    macro_rules! all {
        ($($what:literal: $call:expr),+ $(,)?) => {{ $(all.push(($what, Box::new(move || { $call?; Ok(()) })));)+ }};
    }
    all!(
        "anonymous": Numbers::anonymous(4),
        "create": Numbers::create("new", 4),
        "open_or_create, a new one": Numbers::open_or_create("new", 4),
        "open_or_create, what is there": Many::open_or_create(named, 4),
        "open": Many::open(named),
        "open_timeout": Many::open_timeout(named, Duration::ZERO),
        "from_fd": Many::from_fd(before.as_fd().try_clone_to_owned()?),
        "sender": before.sender(),
        "receiver": before.receiver(),
        "reserve_sender": before.reserve_sender(),
        "reserve_receiver": before.reserve_receiver(),
        "recover": before.recover(),
        "pass_to": before.pass_to(&mut Command::new("true"), "name"),
        "send_over": fd::send_over(UnixStream::pair()?.0.as_fd(), before),
    );
    all
}

fn is_no_proc(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(AttachError::NoProc))
        || matches!(error.downcast_ref(), Some(CreateError::NoProc))
        || matches!(
            error.downcast_ref(),
            Some(OpenOrCreateError::Create(CreateError::NoProc) | OpenOrCreateError::Open(AttachError::NoProc))
        )
        // Of `send_over`, which has no errors of its own.
        || error.is::<std::io::Error>()
}

pub fn without_proc_nothing_is_made_and_nobody_attaches() {
    elsewhere(own_mounts, |_| {
        tmpfs("/dev/shm", "");
        let before = Many::create("before", 4).unwrap();
        let holdings = Holdings::now();
        tmpfs("/proc", "");
        for (what, call) in all(&before, "before") {
            let error = refused(call);
            assert!(is_no_proc(&*error), "{what}: {error:?}");
            let text = error.to_string();
            assert!(
                text.starts_with("/proc is not mounted: it is needed"),
                "{what}: {text:?}"
            );
        }
        umount2("/proc", MntFlags::MNT_DETACH).unwrap();
        assert_eq!(Holdings::now(), holdings);
        for (what, call) in all(&before, "before") {
            call().unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        assert_eq!(Holdings::now(), holdings);
    });
}

pub fn without_proc_who_is_attached_goes_on() {
    elsewhere(own_mounts, |_| {
        tmpfs("/dev/shm", "");
        let channel = Many::create("before", 4).unwrap();
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        drop(Many::builder(4).keep_name().create("kept").unwrap());
        tmpfs("/proc", "");
        go_on(&tx, &rx);
        drop(tx);
        assert!(receive(&rx).is_err(), "the end of the stream");
        // Names can be looked at and removed.
        assert_eq!(annulus::list().unwrap().len(), 2);
        assert!(annulus::gc().unwrap().is_empty());
        annulus::unlink("kept").unwrap();
        assert!(not_found(Many::open("kept")));
        drop((rx, channel));
        assert!(annulus::list().unwrap().is_empty(), "the creator's drop takes the name");
    });
}

/// It could be more than there is: how much that is stands in /proc.
pub fn without_proc_no_memory_is_asked_for() {
    let prepare = || {
        own_mounts()?;
        tmpfs("/dev/shm", "");
        tmpfs("/proc", "");
        filter::answer(libc::SYS_fallocate, Errno::ENOMEM)
    };
    elsewhere(prepare, |_| {
        for make in BY_ANY_MEANS {
            let error = refused(|| make(Numbers::builder(4), "name"));
            assert!(matches!(error, CreateError::NoProc), "{error}");
        }
    });
}

/// A /proc that tells of processes only, as some sandboxes have it.
pub fn without_meminfo_a_channel_is_not_larger_than_the_machine() {
    let (pages, page) = (sysconf(SysconfVar::_PHYS_PAGES), sysconf(SysconfVar::PAGE_SIZE));
    let machine = pages.unwrap().unwrap() as u64 * page.unwrap().unwrap() as u64;
    let prepare = || {
        own_mounts()?;
        tmpfs("/sys", "");
        fs::write("/sys/empty", "").unwrap();
        let (file, nothing) = (Some("/sys/empty"), None::<&str>);
        mount(file, "/proc/meminfo", nothing, MsFlags::MS_BIND, nothing).unwrap();
        assert_eq!(fs::read_to_string("/proc/meminfo").unwrap(), "");
        // Whoever gets so far asks the machine for all that it has, and more.
        filter::answer(libc::SYS_fallocate, Errno::ENOMEM)
    };
    elsewhere(prepare, |_| {
        let error = refused(|| Channel::<[u8; 65536], Single, Single>::anonymous(1 << 32));
        assert!(
            matches!(error, CreateError::TooLarge { wanted, limit } if wanted > 1 << 48 && limit <= machine),
            "{error}"
        );
    });
}
