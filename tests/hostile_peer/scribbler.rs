//! What does a hostile process write into a region?
//!
//! It maps the region's file, as any process that has it may, and stores words wherever it likes, by LAYOUT.md: line 0, the
//! shared words, the table, the slots, or a stream's marks and elements. Once in a while it puts back what was there at first, so that the others get past
//! their first `Corrupt`.

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// Numbers that look random and are the same each time.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Any number. Marsaglia's xorshift64.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`.
    pub fn roll(&mut self, n: u64) -> u64 {
        self.any() % n
    }
}

/// How a word is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Any bits.
    Random,
    /// One that might be there: a near lap, an id, a phase; a hint a little off; a flag or an event more.
    Near,
    /// One bit of what is there.
    Flip,
    Zeros,
    Ones,
    /// One that has been there.
    Replay,
}

/// All of them.
pub const MANNERS: [Manner; 6] = [
    Manner::Random,
    Manner::Near,
    Manner::Flip,
    Manner::Zeros,
    Manner::Ones,
    Manner::Replay,
];

/// A region's words, mapped.
#[derive(Debug)]
pub struct Scribbler {
    words: NonNull<AtomicU64>,
    len: usize,
    /// What was there at first.
    sound: Vec<u64>,
    /// What has been there.
    old: Vec<(usize, u64)>,
    places: Places,
}

/// Where what is, in words from the beginning.
#[derive(Clone, Copy, Debug)]
struct Places {
    capacity: u64,
    stride: usize,
    table_length: usize,
    slots: usize,
    /// Of a stream: where its elements are. Its marks are where slots would be.
    elements: Option<usize>,
}

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Header,
    Hint,
    Wait,
    Life,
    Record,
    State,
    Payload,
}

const TAIL: usize = 128 / 8;
const LINE: usize = 128 / 8;
const TABLE: usize = 768 / 8;
/// The kind of a stream.
const STREAM: u64 = 6;

impl Scribbler {
    /// For the region in `file`, of whole words, and sound yet.
    pub fn new(file: &impl AsFd) -> Scribbler {
        let len = nix::sys::stat::fstat(file).expect("a status").st_size as usize;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let length = NonZeroUsize::new(len).expect("not empty");
        // SAFETY: a new mapping wherever the kernel likes disturbs nothing.
        let memory = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, file, 0) };
        let mut scribbler = Scribbler {
            words: memory.expect("a mapping").cast(),
            len,
            sound: Vec::new(),
            old: Vec::new(),
            places: Places {
                capacity: 0,
                stride: 0,
                table_length: 0,
                slots: 0,
                elements: None,
            },
        };
        scribbler.sound = (0..len / 8).map(|i| scribbler.word(i).load(Relaxed)).collect();
        let table_length = (scribbler.sound[4] >> 32) as usize;
        scribbler.places = Places {
            capacity: scribbler.sound[2],
            stride: (scribbler.sound[3] as u32 / 8) as usize,
            table_length,
            slots: (768 + 128 * table_length).next_multiple_of(128) / 8,
            elements: (scribbler.sound[1] >> 32 == STREAM).then(|| {
                let page = scribbler.sound[3] as u32 as usize;
                (768 + 128 * table_length + 256).next_multiple_of(page) / 8
            }),
        };
        scribbler
    }

    fn word(&self, i: usize) -> &AtomicU64 {
        assert!(i < self.len / 8);
        // SAFETY: inside the mapping.
        let word = unsafe { self.words.add(i) };
        // SAFETY: mapped for as long as `self` lives, aligned, and only ever used as an atomic here.
        unsafe { word.as_ref() }
    }

    /// Puts back what was there at first: hints, wait words, life word and slots, and line 0. The table says who is there.
    pub fn restore(&self) {
        let table = TABLE..self.places.slots;
        for (i, &word) in self.sound.iter().enumerate().filter(|(i, _)| !table.contains(i)) {
            self.word(i).store(word, Relaxed);
        }
    }

    /// Writes one word.
    pub fn scribble(&mut self, manner: Manner, dice: &mut Dice) {
        let (part, at) = self.aim(dice);
        let before = self.word(at).load(Relaxed);
        if self.old.len() < 4096 {
            self.old.push((at, before));
        }
        let (at, after) = match manner {
            Manner::Random => (at, dice.any()),
            Manner::Near => (at, self.near(part, before, dice)),
            Manner::Flip => (at, before ^ 1 << dice.roll(64)),
            Manner::Zeros => (at, 0),
            Manner::Ones => (at, u64::MAX),
            Manner::Replay => self.old[dice.roll(self.old.len() as u64) as usize],
        };
        self.word(at).store(after, Relaxed);
    }

    fn aim(&self, dice: &mut Dice) -> (Part, usize) {
        let places = self.places;
        // A payload, and what says what becomes of it.
        let (state, payload) = match places.elements {
            Some(elements) => {
                let mark = places.slots + LINE * dice.roll(2) as usize;
                let element = elements + dice.roll((self.len / 8 - elements) as u64) as usize;
                ((Part::Hint, mark), (Part::Payload, element))
            }
            None => {
                let slot = places.slots + dice.roll(places.capacity) as usize * places.stride;
                ((Part::State, slot), (Part::Payload, slot + places.stride - 1))
            }
        };
        match dice.roll(32) {
            0 => (Part::Header, dice.roll(LINE as u64) as usize),
            1..6 => (Part::Hint, TAIL + LINE * dice.roll(2) as usize),
            6..8 => (Part::Wait, TAIL + LINE * (2 + dice.roll(2) as usize)),
            8..11 => (Part::Life, TAIL + LINE * 4),
            11..16 => {
                let record = TABLE + LINE * dice.roll(places.table_length as u64) as usize;
                (Part::Record, record + dice.roll(8) as usize)
            }
            16..18 => payload,
            _ => state,
        }
    }

    fn near(&self, part: Part, before: u64, dice: &mut Dice) -> u64 {
        let capacity = self.places.capacity;
        match part {
            Part::Header => before ^ dice.roll(4),
            Part::Hint => before.wrapping_add(dice.roll(4 * capacity)).wrapping_sub(2 * capacity),
            Part::Wait => before ^ 1 << dice.roll(32),
            // Flags, session, the unused bit, orphaned, events.
            Part::Life => match dice.roll(4) {
                0 => before ^ 1 << dice.roll(3),
                1 => before.wrapping_add(1 << 44),
                2 => before.wrapping_add(1 << 32),
                _ => before ^ 1 << (3 + dice.roll(29)),
            },
            // Role and generation; process id and seat.
            Part::Record => before & !0x3_0000_0003 | dice.roll(4) | dice.roll(4) << 32,
            Part::State => {
                let lap = (before >> 16).wrapping_add(dice.roll(5)).wrapping_sub(2);
                let owner = match dice.roll(8) {
                    0 => 8191,
                    1..4 => 0,
                    _ => dice.roll(self.places.table_length as u64 + 2),
                };
                lap << 16 | owner << 3 | dice.roll(5)
            }
            Part::Payload => dice.any(),
        }
    }
}

impl Drop for Scribbler {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; nobody borrows from it any more.
        let _ = unsafe { munmap(self.words.cast(), self.len) };
    }
}
