//! Under which names do these tests work, and what do they ask of them?

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use annulus::{AttachError, Channel, CreateError, Multi, Single, TakenBy};
use nix::unistd::{Uid, getpid, setuid};

use crate::support::{self, Peer};

/// One sender, one receiver.
pub type Numbers = Channel<u64, Single, Single>;
/// Many of both.
pub type Many = Channel<u64, Multi, Multi>;

/// What does not happen for so long is taken not to happen.
pub const A_WHILE: Duration = Duration::from_millis(100);

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
    support::traffic::idle("holder", make)
}

/// Tells it to leave, and waits for that.
pub fn leave(mut peer: Peer) {
    peer.tell("leave");
    peer.join();
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
