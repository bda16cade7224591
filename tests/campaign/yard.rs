//! What has each process of a round done, even if it was killed while doing it?
//!
//! The yard is memory that all processes of a round share and that outlives them. Every *life* has a record there, and a
//! diary: a process writes down what it is about to do, does it, and writes down what came of it. What stands last in the
//! diary of a killed process is what it was killed in.
//!
//! A diary is written by one process and read when that is dead, so no store needs an ordering for the processor's sake:
//! a process is killed between two instructions, and those before have been carried out. The compiler is told to keep the
//! order. So the diary puts no fence between two operations of the channel that might hide that one is missing there.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, compiler_fence};

use nix::time::{ClockId, clock_gettime};

use super::parcel::Message;
use crate::support::log::Log;

/// Lives in a round. The first is the campaign's own process.
pub const LIVES: usize = 96;
/// Entries in a diary.
const ROOM: usize = 1 << 17;
/// Kept free for the end of the round.
const RESERVE: usize = 1 << 14;

/// Words of the yard: common to all, then those of each life.
const FINISHING: usize = 0;
const BEGUN: usize = 1;
const COMMON: usize = 8;
/// Words of a life, and then two for each entry.
const PID: usize = 0;
const STATE: usize = 1;
const LENGTH: usize = 2;
const OPERATIONS: usize = 3;
const FORKED: usize = 4;
const RECORD: usize = 8;
const STRIDE: usize = RECORD + 2 * ROOM;

/// `CLOCK_MONOTONIC`, in nanoseconds.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// What an entry says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Act {
    /// About to send messages from `number` on, `life` of them.
    Sending = 1,
    /// About to receive copies, `number` at most.
    Receiving,
    /// About to receive a message on lease.
    Leasing,
    /// About to acknowledge this message.
    Acking,
    /// About to hand this message back, or to leave it behind.
    Dropping,
    /// Was given a copy of this message.
    Received,
    /// Was given this message on lease.
    Leased,
    /// The same, and was told that it is not the first time.
    LeasedAgain,
    /// Was given something that is no message.
    Torn,
    /// What was begun is over; if it was a send, `number` were sent.
    Answered,
}

const ACTS: [Act; 10] = [
    Act::Sending,
    Act::Receiving,
    Act::Leasing,
    Act::Acking,
    Act::Dropping,
    Act::Received,
    Act::Leased,
    Act::LeasedAgain,
    Act::Torn,
    Act::Answered,
];

/// A line of a diary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it says.
    pub act: Act,
    /// Which message; some acts have other uses for it.
    pub of: Message,
    /// When: before what is about to be done, after what has been.
    pub time: u64,
}

/// How far a life has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum State {
    /// Nobody has it.
    Unborn = 0,
    /// A sender, or about to be one.
    Sends = 1,
    /// A receiver, or about to be one.
    Receives = 2,
    /// It has ended, or was killed.
    Over = 3,
}

/// The memory of a round.
#[derive(Debug)]
pub struct Yard(Log);

impl Yard {
    /// Empty.
    pub fn new() -> Yard {
        Yard(Log::new(COMMON + LIVES * STRIDE))
    }

    fn of(&self, life: u16, word: usize) -> &AtomicU64 {
        self.0.word(COMMON + usize::from(life) * STRIDE + word)
    }

    /// Tells everybody to come to an end.
    pub fn finish(&self) {
        self.0.word(FINISHING).store(1, SeqCst);
    }

    /// Everybody is to come to an end.
    pub fn finishing(&self) -> bool {
        self.0.word(FINISHING).load(SeqCst) != 0
    }

    /// Another life, if there is one left, its process to be forked by the caller.
    pub fn begin(&self, sends: bool) -> Option<u16> {
        // The campaign's own process has life 0.
        let life = 1 + self.0.word(BEGUN).fetch_add(1, SeqCst);
        let life = u16::try_from(life).ok().filter(|&life| usize::from(life) < LIVES)?;
        let state = if sends { State::Sends } else { State::Receives };
        self.of(life, STATE).store(state as u64, SeqCst);
        Some(life)
    }

    /// Lives that have begun, and life 0.
    pub fn begun(&self) -> u16 {
        (1 + self.0.word(BEGUN).load(SeqCst)).min(LIVES as u64) as u16
    }

    /// The process of a life has been born.
    pub fn be_born(&self, life: u16) {
        self.of(life, PID).store(u64::from(std::process::id()), SeqCst);
    }

    /// The life's process, once it is born.
    pub fn pid(&self, life: u16) -> Option<i32> {
        let pid = self.of(life, PID).load(SeqCst);
        (pid != 0).then_some(pid as i32)
    }

    /// How far it has come.
    pub fn state(&self, life: u16) -> State {
        match self.of(life, STATE).load(SeqCst) {
            1 => State::Sends,
            2 => State::Receives,
            3 => State::Over,
            _ => State::Unborn,
        }
    }

    /// It is over.
    pub fn end(&self, life: u16) {
        self.of(life, STATE).store(State::Over as u64, SeqCst);
    }

    /// Processes that live, and those that are about to.
    pub fn population(&self) -> usize {
        let lives = |&life: &u16| matches!(self.state(life), State::Sends | State::Receives);
        (1..self.begun()).filter(lives).count()
    }

    /// Operations in a life, refused ones too.
    pub fn operations(&self, life: u16) -> u64 {
        self.of(life, OPERATIONS).load(SeqCst)
    }

    /// Children forked in a life.
    pub fn forked(&self, life: u16) -> u64 {
        self.of(life, FORKED).load(SeqCst)
    }

    /// The diary of a life, to be written by one process.
    pub fn diary(&self, life: u16) -> Diary<'_> {
        Diary { yard: self, life }
    }

    /// What stands in the diary of a life that is over.
    pub fn entries(&self, life: u16) -> Vec<Entry> {
        let length = self.of(life, LENGTH).load(SeqCst) as usize;
        (0..length).map(|i| self.entry(life, i)).collect()
    }

    fn entry(&self, life: u16, i: usize) -> Entry {
        let word = self.of(life, RECORD + 2 * i).load(Relaxed);
        Entry {
            act: ACTS[(word >> 48) as usize - 1],
            of: Message {
                life: (word >> 32) as u16,
                number: word as u32,
            },
            time: self.of(life, RECORD + 2 * i + 1).load(Relaxed),
        }
    }
}

/// The diary that a process keeps.
#[derive(Clone, Copy, Debug)]
pub struct Diary<'a> {
    yard: &'a Yard,
    /// Whose it is.
    pub life: u16,
}

impl Diary<'_> {
    /// Writes an entry.
    pub fn note(&self, act: Act, of: Message, time: u64) {
        compiler_fence(SeqCst);
        let length = self.length();
        assert!((length as usize) < ROOM, "the diary of life {} is full", self.life);
        let word = (act as u64) << 48 | u64::from(of.life) << 32 | u64::from(of.number);
        let at = RECORD + 2 * length as usize;
        self.word(at).store(word, Relaxed);
        self.word(at + 1).store(time, Relaxed);
        compiler_fence(SeqCst);
        self.word(LENGTH).store(length + 1, Relaxed);
        compiler_fence(SeqCst);
    }

    /// Takes the last entry back: what it was about to do was refused.
    pub fn retract(&self) {
        compiler_fence(SeqCst);
        self.word(LENGTH).store(self.length() - 1, Relaxed);
        compiler_fence(SeqCst);
    }

    /// There is room for the end of the round, and no more.
    pub fn is_full(&self) -> bool {
        self.length() as usize > ROOM - RESERVE
    }

    /// One more operation.
    pub fn count_operation(&self) {
        self.count(OPERATIONS);
    }

    /// One more child.
    pub fn count_fork(&self) {
        self.count(FORKED);
    }

    fn count(&self, word: usize) {
        self.word(word).store(self.word(word).load(Relaxed) + 1, Relaxed);
    }

    fn length(&self) -> u64 {
        self.word(LENGTH).load(Relaxed)
    }

    fn word(&self, word: usize) -> &AtomicU64 {
        self.yard.of(self.life, word)
    }
}
