//! Under which names do these tests work, and what do they ask of them?

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use annulus::{AttachError, Channel, CreateError, Multi, Single, TakenBy};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Uid, geteuid, getpid, setuid};

use super::{Peer, peer, runner, traffic};

/// One sender, one receiver.
pub type Numbers = Channel<u64, Single, Single>;
/// Many of both.
pub type Many = Channel<u64, Multi, Multi>;

/// What does not happen for so long is taken not to happen.
pub const A_WHILE: Duration = Duration::from_millis(100);

/// One run at a time on this machine: `gc` removes what another run's killed processes have left, as it should. None for
/// a role, which is played while its parent has the turn.
pub fn turn() -> Option<Flock<File>> {
    if std::env::var(peer::ROLE).is_ok() {
        return None;
    }
    let path = std::env::temp_dir().join(format!("annulus-names-test-{}", geteuid()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .expect("a file to lock");
    Some(Flock::lock(file, FlockArg::LockExclusive).expect("our turn"))
}

/// The last test: every name is gone.
pub fn nothing_is_left_in_dev_shm() {
    let left: Vec<_> = fs::read_dir("/dev/shm")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap_or_default())
        .filter(|file| file.starts_with(&format!("annulus.{}", prefix())))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A name of this run's own; its file is removed at the end of the test, however that comes.
#[derive(Clone, Debug)]
pub struct Own(String);

/// What all names of this process begin with.
pub fn prefix() -> String {
    format!("test-{}-", getpid())
}

impl Own {
    /// `name`, made this run's own.
    pub fn new(name: &str) -> Own {
        Own(format!("{}{name}", prefix()))
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        format!("/dev/shm/annulus.{}", self.0).into()
    }

    /// Something has the name.
    pub fn exists(&self) -> bool {
        self.path().symlink_metadata().is_ok()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.0.starts_with(&prefix()) {
            let _ = fs::remove_file(self.path());
            let _ = fs::remove_dir(self.path());
        }
    }
}

impl std::ops::Deref for Own {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A process that has made what `make` makes and holds it until it is told to leave, or killed.
pub fn holder<X>(make: impl FnOnce() -> X) -> Peer {
    traffic::idle("holder", make)
}

/// Tells it to leave, and waits for that.
pub fn leave(mut peer: Peer) {
    peer.tell("leave");
    peer.join();
}

/// This process can be somebody else, too; otherwise the test that asks proves nothing here, and that is said.
pub fn is_two_users() -> bool {
    let root = Uid::effective().is_root();
    if !root {
        runner::skip("only root can be two users");
    }
    root
}

/// A user that is not root.
pub const NOBODY: Uid = Uid::from_raw(65534);

/// Does `run` in a child that is nobody's; this process must be root's.
pub fn as_nobody(run: &dyn Fn()) {
    Peer::fork("nobody", |_| {
        setuid(NOBODY).unwrap();
        // Otherwise its /proc is root's.
        nix::sys::prctl::set_dumpable(true).unwrap();
        run();
    })
    .join();
}

/// There was nothing of that name.
pub fn not_found<T: std::fmt::Debug>(opened: Result<T, AttachError>) -> bool {
    matches!(opened, Err(AttachError::NotFound { .. }))
}

/// By whom the name was taken.
pub fn taken<T>(created: Result<T, CreateError>) -> Option<TakenBy> {
    match created {
        Err(CreateError::NameTaken { by, .. }) => Some(by),
        _ => None,
    }
}
