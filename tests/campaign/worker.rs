//! What does a process do with its life, whichever end it has?
//!
//! It attaches, sends or receives for some milliseconds, and then detaches and attaches again, goes without a word, or
//! forks a child. The child finds copies of all that its parent holds; it sees that they do nothing, drops them, and takes
//! over: with a seat that its parent has reserved for it, or by attaching itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use annulus::AttachError;

use super::dice::Dice;
use super::medium::Medium;
use super::parcel::Message;
use super::plan::{MOST, Naming, Plan};
use super::yard::{Act, Diary, Yard, now};
use crate::support::own::Own;
use crate::support::peer::{exit_now, fork_alone};

/// Seconds after which a process ends itself, whatever becomes of the campaign.
const LIFETIME: u32 = 90;
/// Nanoseconds at an end before something else happens, at most.
const STAY: u64 = 30_000_000;

/// What all processes of a round have.
pub struct Common<'a, C> {
    /// What was drawn.
    pub plan: &'a Plan,
    /// The diaries.
    pub yard: &'a Yard,
    /// What it is all about.
    pub channel: &'a C,
    /// The channel's name, if it has one.
    pub name: &'a Own,
}

/// A process at work.
pub struct Worker<'a> {
    yard: &'a Yard,
    /// What it has done.
    pub diary: Diary<'a>,
    /// What it does next.
    pub dice: Dice,
    /// Number of the next message that it sends.
    pub next: u32,
    seed: u64,
    until: u64,
}

/// Why an operation did nothing, or not all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The ring is full, or empty.
    NotNow,
    /// The other end has gone.
    Disconnected,
}

impl Why {
    /// What an error comes to; there are no others.
    pub fn of(error: &impl std::fmt::Display, not_now: bool, disconnected: bool) -> Why {
        match (not_now, disconnected) {
            (true, _) => Why::NotNow,
            (_, true) => Why::Disconnected,
            _ => panic!("{error}"),
        }
    }
}

/// What comes after a stay at an end.
pub enum Then<Seat> {
    /// The end of this life.
    Finish,
    /// The same, without a word to anybody.
    Vanish,
    /// Detach, and attach again.
    Detach,
    /// Detach, and let a child take over.
    HandOver,
    /// A child's life.
    Born(Option<Seat>),
}

/// Sending or receiving.
pub trait Side<C> {
    /// Sender or receiver.
    type Handle;
    /// What a child of one may be given.
    type Seat;
    /// Which.
    const SENDS: bool;
    /// The end admits many.
    const MULTI: bool;

    /// Attaches.
    fn attach(channel: &C) -> Result<Self::Handle, AttachError>;
    /// Reserves a seat for a child.
    fn reserve(channel: &C) -> Result<Self::Seat, AttachError>;
    /// Attaches with one.
    fn sit(seat: Self::Seat) -> Result<Self::Handle, AttachError>;
    /// A copy in a child: it must do nothing.
    fn is_dead_copy(handle: &Self::Handle) -> bool;
    /// A stay.
    fn work(worker: &mut Worker<'_>, channel: &C, handle: &Self::Handle) -> Then<Self::Seat>;
}

impl<'a> Worker<'a> {
    /// The process of `life`.
    pub fn new(yard: &'a Yard, seed: u64, life: u16) -> Worker<'a> {
        Worker {
            yard,
            diary: yard.diary(life),
            dice: Dice::new(seed, u64::from(life)),
            next: 0,
            seed,
            until: 0,
        }
    }

    /// The round is coming to its end.
    pub fn finishing(&self) -> bool {
        self.yard.finishing()
    }

    /// A moment in which others may run.
    pub fn pause(&mut self) {
        let time = self.dice.roll(200);
        std::thread::sleep(Duration::from_micros(time));
    }

    /// A time so short that it is often over before there is an answer.
    pub fn moment(&mut self) -> Duration {
        Duration::from_micros(self.dice.roll(300))
    }

    /// Writes down what is about to be done.
    pub fn about_to(&self, act: Act, of: Message) {
        self.diary.count_operation();
        self.diary.note(act, of, now());
    }

    /// The stay is over.
    pub fn is_restless(&self) -> bool {
        now() >= self.until
    }

    /// What to do then.
    pub fn choose<X: Side<C>, C: Medium>(&mut self, channel: &C, handle: &X::Handle) -> Option<Then<X::Seat>> {
        self.until = now() + self.dice.roll(STAY);
        match self.dice.roll(8) {
            0 => Some(Then::Vanish),
            1 => Some(Then::HandOver),
            2..=4 => {
                let seat = X::MULTI && self.dice.once_in(2);
                let seat = if seat { X::reserve(channel).ok() } else { None };
                match self.fork::<X, C>(seat) {
                    Forked::Child(seat) => {
                        assert!(X::is_dead_copy(handle), "a copy in a forked child does something");
                        Some(Then::Born(seat))
                    }
                    // Where one can be attached at a time, the child waits for it.
                    Forked::Parent if !X::MULTI || self.dice.once_in(2) => Some(Then::Finish),
                    Forked::Parent | Forked::Nobody => None,
                }
            }
            _ => Some(Then::Detach),
        }
    }

    fn fork<X: Side<C>, C: Medium>(&mut self, seat: Option<X::Seat>) -> Forked<X::Seat> {
        if self.yard.population() >= MOST {
            return Forked::Nobody;
        }
        let Some(life) = self.yard.begin(X::SENDS) else {
            return Forked::Nobody;
        };
        self.diary.count_fork();
        if fork_alone().is_some() {
            return Forked::Parent;
        }
        nix::unistd::alarm::set(LIFETIME);
        self.yard.be_born(life);
        *self = Worker::new(self.yard, self.seed, life);
        Forked::Child(seat)
    }

    fn attach<X: Side<C>, C: Medium>(&mut self, channel: &C, seat: Option<X::Seat>) -> Option<X::Handle> {
        let mut attached = seat.map_or_else(|| X::attach(channel), X::sit);
        loop {
            match attached {
                Ok(handle) => return Some(handle),
                // A place that is not free, yet, or a stopped process that holds the attach byte.
                Err(AttachError::AlreadyAttached { .. } | AttachError::TableFull { .. } | AttachError::Busy) => {}
                Err(e) => panic!("attaching: {e}"),
            }
            if self.finishing() {
                return None;
            }
            self.pause();
            attached = X::attach(channel);
        }
    }

    fn run<X: Side<C>, C: Medium>(&mut self, channel: &C) {
        let mut seat = None;
        while let Some(handle) = self.attach::<X, C>(channel, seat.take()) {
            self.until = now() + self.dice.roll(STAY);
            match X::work(self, channel, &handle) {
                Then::Finish => return,
                Then::Vanish => {
                    self.yard.end(self.diary.life);
                    exit_now(0);
                }
                Then::Detach => {}
                Then::Born(reserved) => seat = reserved,
                Then::HandOver => {
                    drop(handle);
                    // At a single end another may have been faster.
                    match self.fork::<X, C>(X::reserve(channel).ok()) {
                        Forked::Child(reserved) => seat = reserved,
                        Forked::Parent => return,
                        Forked::Nobody => {}
                    }
                }
            }
        }
    }
}

enum Forked<Seat> {
    Nobody,
    Parent,
    Child(Option<Seat>),
}

/// All that a process of `life`, just forked, does; children of its own end here, too.
pub fn live<X: Side<C>, C: Medium>(common: &Common<'_, C>, life: u16) -> ! {
    nix::unistd::alarm::set(LIFETIME);
    common.yard.be_born(life);
    let mut worker = Worker::new(common.yard, common.plan.seed, life);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let own = open(&mut worker, common);
        worker.run::<X, C>(own.as_ref().unwrap_or(common.channel));
    }));
    worker.yard.end(worker.diary.life);
    exit_now(if lived.is_ok() { 0 } else { 101 });
}

/// The channel as this process comes by it; `None`: by the fork.
fn open<C: Medium>(worker: &mut Worker<'_>, common: &Common<'_, C>) -> Option<C> {
    if worker.dice.once_in(2) {
        return None;
    }
    let opened = if common.plan.naming == Naming::Anonymous {
        let fd = common.channel.as_fd().try_clone_to_owned().expect("a duplicate");
        C::from_fd(fd)
    } else {
        C::open(common.name)
    };
    match opened {
        Ok(channel) => Some(channel),
        Err(AttachError::Busy) => None,
        Err(e) => panic!("opening: {e}"),
    }
}
