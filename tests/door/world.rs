//! What can be taken away from a process, and how is it seen that nothing is left behind?

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use annulus::{AttachError, Builder, CreateError, OpenOrCreateError, Single};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use crate::support::own::Numbers;
use crate::support::{Link, Peer, runner};

/// Does `run` in a child, in the world that `prepare` has made for it. Where that is not allowed the test is skipped.
pub fn elsewhere(prepare: impl FnOnce() -> nix::Result<()>, run: impl FnOnce(&mut Link)) {
    let mut child = Peer::fork("elsewhere", |link| match prepare() {
        Ok(()) => {
            link.say("here");
            run(link);
        }
        Err(errno) => link.say(errno),
    });
    match child.hear().as_str() {
        "here" => {}
        why => runner::skip(format!("not allowed here: {why}")),
    }
    child.join();
}

/// Does `run` in a child, for what it takes away from itself.
pub fn aside(run: impl FnOnce()) {
    Peer::fork("aside", |_| run()).join();
}

/// Namespaces of this process's own: as root, or as the root of a user namespace.
pub fn separate(namespaces: CloneFlags) -> nix::Result<()> {
    if unshare(namespaces) == Ok(()) {
        return Ok(());
    }
    let (user, group) = (geteuid(), getegid());
    unshare(namespaces | CloneFlags::CLONE_NEWUSER)?;
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).map_err(|error| Errno::try_from(error).unwrap_or(Errno::EIO))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user} 1"))?;
    write("gid_map", format!("{group} {group} 1"))
}

/// Mounts of this process's own, which nobody else sees.
pub fn own_mounts() -> nix::Result<()> {
    separate(CloneFlags::CLONE_NEWNS)?;
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
}

/// This process has mounted its own.
static OWN_SHM: AtomicBool = AtomicBool::new(false);

/// An empty tmpfs over `directory`.
pub fn tmpfs(directory: &str, options: &str) {
    OWN_SHM.fetch_or(directory == "/dev/shm", SeqCst);
    mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), Some(options)).unwrap();
}

/// What this process has that a call could leave behind.
#[derive(PartialEq, Eq, Debug)]
pub struct Holdings {
    descriptors: Vec<RawFd>,
    /// Of channels' memory. None are seen where /proc is not.
    mappings: usize,
    /// In a /dev/shm of its own; what comes and goes in the machine's is not only this process's.
    files: Vec<String>,
}

impl Holdings {
    /// As of now. It takes a descriptor, unless /proc and /dev/shm are not there.
    pub fn now() -> Holdings {
        let open = |&fd: &RawFd| {
            let mut asked = libc::pollfd {
                fd,
                events: 0,
                revents: 0,
            };
            // SAFETY: poll(2) is given one place, and does not wait.
            unsafe { libc::poll(&raw mut asked, 1, 0) };
            asked.revents & libc::POLLNVAL == 0
        };
        let is_a_channels = |line: &&str| line.contains("memfd:annulus") || line.contains("/dev/shm/");
        let files = OWN_SHM.load(SeqCst).then(|| fs::read_dir("/dev/shm").ok()).flatten();
        let files = files.into_iter().flatten();
        let mut files: Vec<_> = files
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        Holdings {
            descriptors: (0..1024).filter(open).collect(),
            mappings: fs::read_to_string("/proc/self/maps")
                .map_or(0, |maps| maps.lines().filter(is_a_channels).count()),
            files,
        }
    }
}

/// Why `call` fails, leaving nothing behind.
#[track_caller]
pub fn refused<X, E: Display>(call: impl FnOnce() -> Result<X, E>) -> E {
    let before = Holdings::now();
    let error = call().err().expect("it cannot go well");
    assert_eq!(Holdings::now(), before, "{error}");
    error
}

/// The error has all of `parts` in its text.
#[track_caller]
pub fn says(error: &impl Display, parts: &[&str]) {
    let text = error.to_string();
    assert!(
        parts.iter().all(|part| text.contains(part)),
        "{text:?} has not all of {parts:?}"
    );
}

/// The kernel's answer that is behind an error.
pub fn errno(error: &(dyn Error + 'static)) -> Option<Errno> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(io) = this.downcast_ref::<io::Error>()
            && let Some(code) = io.raw_os_error()
        {
            return Some(Errno::from_raw(code));
        }
        error = this.source();
    }
    None
}

/// Options of a channel.
pub type Options = Builder<u64, Single, Single>;
/// How a channel is made; the name is not everybody's.
pub type Maker = fn(Options, &str) -> Result<Numbers, CreateError>;

/// The two ways to make a named channel.
pub const BY_NAME: [Maker; 2] = [
    |options, name| options.create(name),
    |options, name| {
        options.open_or_create(name).map_err(|error| match error {
            OpenOrCreateError::Create(error) => error,
            OpenOrCreateError::Open(AttachError::Os { what, source }) => CreateError::Os { what, source },
            other => panic!("{other}"),
        })
    },
];

/// And the one without.
pub const BY_ANY_MEANS: [Maker; 3] = [BY_NAME[0], BY_NAME[1], |options, _| options.anonymous()];
