//! Who are the processes, and what are the names of a case?

use std::cell::{Cell, RefCell};
use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::unistd::getpid;

use crate::support::Peer;

/// Seconds that a case may take.
const PATIENCE: u32 = 170;

thread_local! {
    /// Workers that have nothing, left by the last case.
    static IDLE: RefCell<Vec<Peer>> = const { RefCell::new(Vec::new()) };
    /// Cases so far: names are never used again.
    static CASES: Cell<u64> = const { Cell::new(0) };
}

/// This binary, executed again. It inherits nothing.
fn start() -> Peer {
    Peer::spawn("worker", |_| {})
}

/// The processes of a case. They are killed with it, unless they are [given back](Self::give_back).
#[derive(Debug)]
pub struct Workers(Vec<Peer>);

impl Workers {
    /// So many, started now or left by the last case.
    pub fn take(count: usize) -> Workers {
        // The watchdog is one for each case, however many there are.
        nix::unistd::alarm::set(PATIENCE);
        let mut idle = IDLE.take();
        let mut workers = idle.split_off(idle.len().saturating_sub(count));
        IDLE.set(idle);
        workers.resize_with(count, start);
        Workers(workers)
    }

    /// For the next case: they have dropped all that they had.
    pub fn give_back(self) {
        IDLE.with_borrow_mut(|idle| idle.extend(self.0));
    }

    /// A killed one's successor.
    pub fn replace(&mut self, process: usize) {
        self.0[process] = start();
    }
}

/// Ends those that nobody needs any more.
pub fn close() {
    for mut worker in IDLE.take() {
        worker.kill();
    }
}

impl Deref for Workers {
    type Target = [Peer];

    fn deref(&self) -> &[Peer] {
        &self.0
    }
}

impl DerefMut for Workers {
    fn deref_mut(&mut self) -> &mut [Peer] {
        &mut self.0
    }
}

/// Names that no other case has, and no other run.
#[derive(Debug)]
pub struct Names {
    /// What they begin with.
    pub prefix: String,
}

impl Names {
    /// For a new case.
    pub fn new() -> Names {
        let case = CASES.replace(CASES.get() + 1);
        Names {
            prefix: format!("prop-{}-{case}-", getpid()),
        }
    }

    /// One of them.
    pub fn name(&self, name: usize) -> String {
        format!("{}{}", self.prefix, char::from(b'a' + name as u8))
    }

    /// Its file.
    pub fn path(&self, name: usize) -> PathBuf {
        format!("/dev/shm/annulus.{}", self.name(name)).into()
    }

    /// Which object it leads to.
    pub fn inode(&self, name: usize) -> Option<u64> {
        self.path(name).symlink_metadata().ok().map(|file| file.ino())
    }

    /// As people read it: without what all names begin with.
    pub fn short(&self, text: &str) -> String {
        text.replace(&self.prefix, "")
    }

    /// Files that are there.
    pub fn left(&self) -> Vec<String> {
        let begin = format!("annulus.{}", self.prefix);
        let files = fs::read_dir("/dev/shm").expect("/dev/shm");
        let files = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        files.filter(|file| file.starts_with(&begin)).collect()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for file in self.left() {
            let _ = fs::remove_file(PathBuf::from("/dev/shm").join(file));
        }
    }
}
