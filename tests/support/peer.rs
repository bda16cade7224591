//! Who is the other process, and how does one talk to it?
//!
//! A [`Peer`] is a child: forked ([`Peer::fork`]) or this binary executed again ([`Peer::spawn`]). The two talk in lines
//! over pipes; the child's end is a [`Link`]. A child that panics says so on its link, and its parent panics with it; a
//! child that says nothing for [`WATCHDOG`] while somebody waits for it is killed, and the words of the watched regions
//! are printed.

use std::fmt::Debug;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid, pipe2};

use super::{WATCHDOG, words};

/// The environment variable that names the role of a re-executed child.
pub const ROLE: &str = "ANNULUS_TEST_ROLE";

/// Seconds after which a child ends itself, whatever its parent does.
const LIFETIME: u32 = 150;

/// A child's end of the conversation.
#[derive(Debug)]
pub struct Link {
    from: File,
    to: File,
    buffer: Vec<u8>,
}

impl Link {
    /// Two ends of a conversation. Neither crosses an exec.
    pub fn pair() -> (Link, Link) {
        let pipe = || pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let (a, b) = (pipe(), pipe());
        (Link::new(a.0, b.1), Link::new(b.0, a.1))
    }

    fn new(from: OwnedFd, to: OwnedFd) -> Link {
        Link {
            from: from.into(),
            to: to.into(),
            buffer: Vec::new(),
        }
    }

    /// Says a line.
    pub fn say(&mut self, line: impl ToString) {
        let mut line = line.to_string();
        assert!(!line.contains('\n'), "one line: {line:?}");
        line.push('\n');
        self.to.write_all(line.as_bytes()).expect("the other side listens");
    }

    /// The next line; waits for it as long as it takes. `None`: the other side has gone.
    pub fn hear(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.line() {
                return Some(line);
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Waits for `line`, not for ever.
    pub fn expect(&mut self, line: &str) {
        until(&format!("{line:?} is heard"), || {
            self.has_line() || self.readable(Duration::from_millis(1)) && (!self.read() || self.has_line())
        });
        assert_eq!(self.line().as_deref(), Some(line));
    }

    fn has_line(&self) -> bool {
        self.buffer.contains(&b'\n')
    }

    fn line(&mut self) -> Option<String> {
        let end = self.buffer.iter().position(|&b| b == b'\n')?;
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }

    /// Reads what there is; `false` at the end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        match self.from.read(&mut bytes) {
            Ok(0) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&bytes[..n]);
                true
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => true,
            Err(e) => panic!("reading from the other side: {e}"),
        }
    }

    /// Whether there is something to read within `timeout`.
    fn readable(&self, timeout: Duration) -> bool {
        let mut fds = [PollFd::new(self.from.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(timeout).expect("a short time");
        poll(&mut fds, timeout).is_ok_and(|n| n > 0)
    }
}

/// Another process: a child of this one.
#[derive(Debug)]
pub struct Peer {
    name: String,
    pid: Pid,
    link: Link,
    ended: Option<WaitStatus>,
}

impl Peer {
    /// A forked child that does `run` and ends without a word, `_exit`.
    pub fn fork(name: &str, run: impl FnOnce(&mut Link)) -> Peer {
        let (ours, theirs) = Link::pair();
        let parent = nix::unistd::getpid();
        let Some(pid) = fork_alone() else {
            drop(ours);
            let _ = prctl::set_pdeathsig(Signal::SIGKILL);
            // 0: the parent is in another PID namespace.
            if getppid() != parent && getppid().as_raw() != 0 {
                exit_now(103);
            }
            perform(theirs, run)
        };
        Peer {
            name: name.to_owned(),
            pid,
            link: ours,
            ended: None,
        }
    }

    /// This test binary again, in `role`; `prepare` passes it channels and arguments.
    #[expect(clippy::zombie_processes, reason = "`Peer` waits for it, by its id")]
    pub fn spawn(role: &str, prepare: impl FnOnce(&mut Command)) -> Peer {
        let (ours, theirs) = Link::pair();
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.env(ROLE, role);
        command.stdin(Stdio::from(OwnedFd::from(theirs.from)));
        command.stdout(Stdio::from(OwnedFd::from(theirs.to)));
        prepare(&mut command);
        let child = command.spawn().expect("a child");
        Peer {
            name: role.to_owned(),
            // Its `Child` is given up: this type waits for it.
            pid: Pid::from_raw(child.id() as i32),
            link: ours,
            ended: None,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Says a line to it.
    pub fn tell(&mut self, line: impl ToString) {
        self.link.say(line);
    }

    /// The next line that it says.
    pub fn hear(&mut self) -> String {
        let deadline = Instant::now() + WATCHDOG;
        loop {
            if let Some(line) = self.link.line() {
                if let Some(message) = line.strip_prefix("panic: ") {
                    let message = message.to_owned();
                    self.kill();
                    panic!("{} ({}): {message}", self.name, self.pid);
                }
                return line;
            }
            if self.link.readable(Duration::from_millis(50)) {
                if !self.link.read() {
                    let how = self.wait();
                    panic!("{} has nothing more to say: {how:?}", self.name);
                }
            } else if self.has_ended() && !self.link.readable(Duration::ZERO) {
                let how = self.wait();
                panic!("{} has ended: {how:?}", self.name);
            }
            if Instant::now() > deadline {
                let state = self.state();
                words::print_watched();
                self.kill();
                panic!("watchdog: {} ({}, {state}) says nothing", self.name, self.pid);
            }
        }
    }

    /// Whether it has said something that [`hear`](Self::hear) would return at once.
    pub fn has_spoken(&mut self) -> bool {
        self.link.buffer.contains(&b'\n')
            || self.link.readable(Duration::ZERO) && self.link.read() && self.link.buffer.contains(&b'\n')
    }

    /// The next line that it says is this one.
    pub fn expect(&mut self, line: &str) {
        let heard = self.hear();
        assert_eq!(heard, line, "from {}", self.name);
    }

    /// The next line that it says, as a value.
    pub fn hear_value<T: FromStr<Err: Debug>>(&mut self) -> T {
        let line = self.hear();
        line.parse()
            .unwrap_or_else(|e| panic!("{} says {line:?}: {e:?}", self.name))
    }

    /// Says a line and waits for the answer.
    pub fn ask(&mut self, line: impl ToString) -> String {
        self.tell(line);
        self.hear()
    }

    /// `SIGKILL`, and waits until it is gone: from then on the kernel has dropped its locks.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            let _ = kill(self.pid, Signal::SIGKILL);
            self.wait();
        }
    }

    /// `SIGSTOP`, and waits until it has stopped.
    pub fn stop(&self) {
        kill(self.pid, Signal::SIGSTOP).expect("it lives");
        until("the child has stopped", || self.state() == 'T');
    }

    /// `SIGCONT`.
    pub fn resume(&self) {
        kill(self.pid, Signal::SIGCONT).expect("it lives");
    }

    /// Waits for its end, which must be a clean one.
    pub fn join(mut self) {
        let deadline = Instant::now() + WATCHDOG;
        while !self.has_ended() {
            if self.has_spoken() {
                let line = self.hear(); // Panics with it, if it is a panic.
                panic!("{} says {line:?} instead of going", self.name);
            }
            if Instant::now() > deadline {
                words::print_watched();
                self.kill();
                panic!("watchdog: {} does not end", self.name);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        let status = self.wait();
        if !matches!(status, WaitStatus::Exited(_, 0)) {
            if self.has_spoken() {
                let _ = self.hear();
            }
            panic!("{}: {status:?}", self.name);
        }
    }

    /// Waits for its end; how it came.
    pub fn wait(&mut self) -> WaitStatus {
        *self.ended.get_or_insert_with(|| {
            loop {
                match waitpid(self.pid, None) {
                    Err(nix::errno::Errno::EINTR) => {}
                    status => return status.expect("a child of ours"),
                }
            }
        })
    }

    /// It has ended (and is still ours to wait for).
    pub fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        self.ended.is_some() || !matches!(waitid(Id::Pid(self.pid), flags), Ok(WaitStatus::StillAlive))
    }

    /// proc(5): `R`unning, `S`leeping, `T` stopped, `Z`ombie.
    pub fn state(&self) -> char {
        state(self.pid)
    }

    /// Sleeps in the kernel, having begun more than `waits` waits according to record `id`.
    pub fn is_waiting(&self, words: &words::Words, id: u16, waits: u64) -> bool {
        words.record(id).waits > waits && self.state() == 'S'
    }

    /// Waits until it sleeps in the wait of endpoint `id`.
    pub fn until_waiting(&self, words: &words::Words, id: u16) {
        until("the child waits", || self.is_waiting(words, id, 0));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// State of a process, field 3 of `/proc/PID/stat`; `Z` if there is none.
pub fn state(pid: Pid) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rfind(')').map_or("", |end| &stat[end + 1..]);
    after.trim_start().chars().next().unwrap_or('Z')
}

/// Polls until `condition` holds: a fact to observe, not a time to wait.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + WATCHDOG;
    while !condition() {
        if Instant::now() > deadline {
            words::print_watched();
            panic!("watchdog: not within {WATCHDOG:?}: {what}");
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Forks; `None` in the child. This process has one thread, so the child is a whole one.
pub fn fork_alone() -> Option<Pid> {
    // One that has been joined may take its time to go.
    let threads = || std::fs::read_dir("/proc/self/task").expect("/proc").count();
    until("only a process with one thread may fork", || threads() == 1);
    // SAFETY: one thread, as waited for: no other thread's locks are left shut in the child.
    match unsafe { fork() }.expect("fork") {
        ForkResult::Child => None,
        ForkResult::Parent { child } => Some(child),
    }
}

/// What a forked child does until it ends: `run`, without a word of its own.
pub fn perform(mut link: Link, run: impl FnOnce(&mut Link)) -> ! {
    nix::unistd::alarm::set(LIFETIME);
    silence();
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut link)));
    if let Err(panic) = outcome {
        let _ = catch_unwind(AssertUnwindSafe(|| link.say(format!("panic: {}", text(&*panic)))));
        exit_now(101);
    }
    exit_now(0);
}

/// What a re-executed child does: its role, over standard input and output.
pub fn play(run: fn(&mut Link)) -> ! {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let fd = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().expect("a duplicate");
    let link = Link::new(fd(std::io::stdin().as_fd()), fd(std::io::stdout().as_fd()));
    perform(link, run)
}

/// Panics are told over the link, with their place.
fn silence() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        LAST.with(|last| *last.borrow_mut() = place);
    }));
}

std::thread_local! {
    static LAST: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_default();
    format!(
        "{} at {}",
        text.replace('\n', " | "),
        LAST.with(|last| last.borrow().clone())
    )
}

/// `_exit(2)`: no destructors, no exit handlers, no buffers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit(2) may be called at any point.
    unsafe { nix::libc::_exit(code) }
}
