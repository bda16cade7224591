//! What if this process has no descriptors left?
//!
//! Its table is filled up, and then each call is tried with none left, with one, with two, until it goes well: so each of
//! the opens in it is the first to fail once.

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;

use annulus::fd::{receive_from, send_over};
use annulus::{AttachError, RecvError};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::support::own::{Many, Numbers, Own};
use crate::support::peer::perform;
use crate::support::traffic::{go_on, receive};
use crate::support::{LONG, Link};
use crate::world::{Holdings, aside, errno, says};

/// A table of descriptors that has no room but what is left in it on purpose.
struct Table {
    filler: Vec<OwnedFd>,
}

impl Table {
    fn full() -> Table {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 64, most).unwrap();
        let mut table = Table {
            filler: vec![File::open("/dev/null").unwrap().into()],
        };
        table.fill();
        table
    }

    /// How much room there was.
    fn fill(&mut self) -> usize {
        let before = self.filler.len();
        while let Ok(another) = self.filler[0].try_clone() {
            self.filler.push(another);
        }
        self.filler.len() - before
    }

    /// Room for `count`.
    fn leave(&mut self, count: usize) {
        self.filler.truncate(self.filler.len() - count);
    }
}

/// What has gone wrong.
type Wrong = Box<dyn Error>;

/// How many descriptors `call` takes; with fewer it says what it could not do, and leaves none open.
fn needed<X>(table: &mut Table, mut call: impl FnMut() -> Result<X, Wrong>, check: impl Fn(&Wrong)) -> (usize, X) {
    table.fill();
    for left in 0.. {
        table.leave(left);
        match call() {
            Ok(made) => return (left, made),
            Err(error) => {
                assert_eq!(table.fill(), left, "{error}");
                check(&error);
            }
        }
    }
    unreachable!("every call can be satisfied")
}

/// Something could not be opened, and it says what.
fn could_not_open(error: &Wrong) {
    assert_eq!(errno(&**error), Some(Errno::EMFILE), "{error}");
    says(error, &["could not "]);
    says_not(error, "lock the channel:");
}

fn says_not(error: &Wrong, part: &str) {
    assert!(!error.to_string().contains(part), "{error}");
}

pub fn for_want_of_descriptors_every_call_says_what_it_could_not_do() {
    let (new, old, shared) = (Own::new("fd-new"), Own::new("fd-old"), Own::new("fd-shared"));
    aside(|| {
        let named = Many::create(&old, 4).unwrap();
        let joined = Many::open_or_create(&shared, 4).unwrap();
        let channel = Many::anonymous(4).unwrap();
        // A failure of this is told like the rest.
        let what = "duplicate it";
        let duplicate = |channel: &Many| {
            let fd = channel.as_fd().try_clone_to_owned();
            fd.map_err(|source| AttachError::Os { what, source })
        };
        let before = Holdings::now();
        let mut table = Table::full();
        macro_rules! check {
            ($at_least:literal, $call:expr) => {
                let call = || {
                    let made = $call.map_err(Wrong::from);
                    assert!(made.is_ok() || !new.exists() && old.exists() && shared.exists());
                    made.map(drop)
                };
                let (needed, ()) = needed(&mut table, call, could_not_open);
                assert!(needed >= $at_least, "{} takes {needed}", stringify!($call));
            };
        }
        check!(2, Numbers::anonymous(4));
        check!(2, Numbers::create(&new, 4));
        check!(2, Numbers::open_or_create(&new, 4));
        check!(2, Many::open_or_create(&shared, 4));
        check!(2, Many::open(&old));
        check!(2, Many::open_timeout(&old, LONG));
        check!(3, duplicate(&channel).and_then(Many::from_fd));
        check!(3, duplicate(&named).and_then(Many::from_fd));
        check!(1, channel.sender());
        check!(1, channel.receiver());
        check!(1, named.reserve_sender());
        check!(1, named.reserve_receiver());
        check!(1, named.recover());
        check!(2, channel.pass_to(&mut Command::new("true"), "name"));
        check!(1, annulus::unlink(&shared));
        assert!(!shared.exists());
        drop(table);
        assert_eq!(Holdings::now(), before);
        drop(joined);
        let there = Many::open(&old).unwrap();
        go_on(&named.sender().unwrap(), &there.receiver().unwrap());
    });
}

pub fn a_channel_that_finds_no_descriptor_at_its_receiver_is_told_of() {
    aside(|| {
        let channel = Numbers::anonymous(4).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut table = Table::full();
        let in_vain = |error: &Wrong| assert_eq!(errno(&**error), Some(Errno::EMFILE), "{error}");
        let (needed, ()) = needed(&mut table, || Ok(send_over(&ours, &channel)?), in_vain);
        assert!(needed >= 1);
        table.fill();
        let error = receive_from(&theirs).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        says(&error, &["out of descriptors"]);
        assert_eq!(table.fill(), 0);
        drop(table);
        theirs.set_nonblocking(true).unwrap();
        let gone = receive_from(&theirs).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::WouldBlock, "what came is gone");
        send_over(&ours, &channel).unwrap();
        let there = Numbers::from_fd(receive_from(&theirs).unwrap()).unwrap();
        go_on(&there.sender().unwrap(), &channel.receiver().unwrap());
    });
}

pub fn a_list_for_want_of_descriptors_is_not_short() {
    let name = Own::new("fd-list");
    aside(|| {
        let _channel = Numbers::create(&name, 4).unwrap();
        let mut table = Table::full();
        let in_vain = |error: &Wrong| assert_eq!(errno(&**error), Some(Errno::EMFILE), "{error}");
        let (needed, listed) = needed(&mut table, || Ok(annulus::list()?), in_vain);
        assert!(listed.iter().any(|listed| listed.name == *name), "with {needed} left");
        assert!(needed >= 2);
    });
}

pub fn a_child_forked_for_want_of_descriptors_attaches_when_it_has_some() {
    aside(|| {
        let channel = Numbers::anonymous(4).unwrap();
        let rx = channel.receiver().unwrap();
        let mut link = Link::pair();
        let mut table = Some(Table::full());
        // As `Peer::fork` does, which needs descriptors.
        // SAFETY: this process has one thread.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => perform(link.1, |link| {
                // Without the parent's locks there is some room.
                table.as_mut().unwrap().fill();
                could_not_open(&channel.sender().unwrap_err().into());
                drop(table.take());
                let tx = channel.sender().unwrap();
                link.say("attached");
                tx.send(7).unwrap();
            }),
            ForkResult::Parent { child } => {
                drop((table, link.1));
                link.0.expect("attached");
                assert_eq!((receive(&rx), receive(&rx)), (Ok(7), Err(RecvError::Disconnected)));
                assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
            }
        }
        go_on(&channel.sender().unwrap(), &rx);
    });
}

pub fn an_endpoint_has_its_processs_name_although_the_one_before_had_no_descriptor() {
    let name = Own::new("fd-identity");
    aside(|| {
        let channel = Numbers::create(&name, 4).unwrap();
        let mut table = Table::full();
        let (_, tx) = needed(&mut table, || Ok(channel.sender()?), could_not_open);
        drop(table);
        let _rx = channel.receiver().unwrap();
        let listed = annulus::list().unwrap();
        let listed = listed.iter().find(|listed| listed.name == *name).unwrap();
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        let receiver = listed.attached.iter().find(|endpoint| endpoint.role == "receiver");
        assert_eq!(receiver.unwrap().process, comm.trim_end());
        drop(tx);
    });
}
