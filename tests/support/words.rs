//! What do a region's bytes say, seen from outside?
//!
//! Written against `src/layout/LAYOUT.md` alone, not against the crate: offsets and encodings stand here a second time.
//! Words are read and written through the region's file, so nothing here maps it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use super::pool;

/// Owner of a message that its receiver's reaper left for any other.
pub const ORPHAN: u16 = 8191;
/// The only sender's id.
pub const SINGLE_SENDER: u16 = 1;
/// The only receiver's id.
pub const SINGLE_RECEIVER: u16 = 2;
/// The first id of an end that admits many.
pub const FIRST_MULTI: u16 = 3;

/// The kind of a channel of blocks.
const BLOCKS: u32 = 5;
/// The kind of a stream, which has no slots either.
const STREAM: u32 = 6;

/// Phases of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Nothing in it.
    Free = 0,
    /// A sender's claim.
    Writing = 1,
    /// A message.
    Full = 2,
    /// A receiver's claim.
    Reading = 3,
}

/// A slot's state word, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Bits 63 to 16.
    pub lap: u64,
    /// Bits 15 to 3.
    pub owner: u16,
    /// Bits 2 to 0.
    pub phase: Phase,
}

impl State {
    /// The word.
    pub fn bits(self) -> u64 {
        self.lap << 16 | u64::from(self.owner) << 3 | self.phase as u64
    }

    fn parse(bits: u64) -> Option<State> {
        let phase = match bits & 7 {
            0 => Phase::Free,
            1 => Phase::Writing,
            2 => Phase::Full,
            3 => Phase::Reading,
            _ => return None,
        };
        Some(State {
            lap: bits >> 16,
            owner: (bits >> 3 & 8191) as u16,
            phase,
        })
    }
}

/// An endpoint's record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// 0 nobody, 1 sender, 2 receiver.
    pub role: u32,
    /// Endpoints that have had this id.
    pub generation: u32,
    /// Process id.
    pub pid: u32,
    /// 0 no seat, 1 reserved, 2 taken.
    pub seat: u32,
    /// Times it has gone to sleep.
    pub waits: u64,
    /// System calls made to wake somebody.
    pub wakes: u64,
    /// Slots repaired.
    pub reaped: u64,
}

/// A region's words.
#[derive(Debug)]
pub struct Words {
    file: File,
    /// Slots.
    pub capacity: u64,
    /// Bytes from slot to slot.
    pub stride: u64,
    /// Records.
    pub table_length: u16,
    slots: u64,
    payload_size: u64,
    pub(super) payload_align: u64,
    kind: u32,
}

impl Words {
    /// The words of `channel`; printed should a watchdog bark during this test.
    pub fn of(channel: &impl AsFd) -> Words {
        let file = || File::from(channel.as_fd().try_clone_to_owned().expect("a duplicate"));
        WATCHED.with(|watched| watched.borrow_mut().push(file()));
        Words::read(file())
    }

    fn read(file: File) -> Words {
        let word = |offset| u64_at(&file, offset);
        let half = |offset| u32_at(&file, offset);
        let (table_length, payload_align) = (half(36), u64::from(half(32)));
        Words {
            capacity: word(16),
            stride: u64::from(half(24)),
            table_length: table_length as u16,
            slots: (768 + 128 * u64::from(table_length)).next_multiple_of(payload_align.max(128)),
            payload_size: u64::from(half(28)),
            payload_align,
            kind: half(12),
            file,
        }
    }

    pub(super) fn word(&self, offset: u64) -> u64 {
        u64_at(&self.file, offset)
    }

    pub(super) fn bytes(&self, offset: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        self.file
            .read_exact_at(&mut bytes, offset)
            .expect("bytes of the region");
        bytes
    }

    fn set_word(&self, offset: u64, word: u64) {
        self.file
            .write_all_at(&word.to_ne_bytes(), offset)
            .expect("a word of the region");
    }

    /// Tail hint.
    pub fn tail(&self) -> u64 {
        self.word(128)
    }

    /// Head hint.
    pub fn head(&self) -> u64 {
        self.word(256)
    }

    /// Stores both hints.
    pub fn set_hints(&self, tail: u64, head: u64) {
        self.set_word(128, tail);
        self.set_word(256, head);
    }

    /// Stores the tail hint.
    pub fn set_tail(&self, tail: u64) {
        self.set_word(128, tail);
    }

    /// Stores the head hint.
    pub fn set_head(&self, head: u64) {
        self.set_word(256, head);
    }

    /// Receivers' wait word.
    pub fn receivers(&self) -> u32 {
        u32_at(&self.file, 384)
    }

    /// Senders' wait word.
    pub fn senders(&self) -> u32 {
        u32_at(&self.file, 512)
    }

    /// Life word.
    pub fn life(&self) -> u64 {
        self.word(640)
    }

    /// Stores the life word.
    pub fn set_life(&self, life: u64) {
        self.set_word(640, life);
    }

    /// Record of an endpoint.
    pub fn record(&self, id: u16) -> Record {
        assert!(id < self.table_length);
        let at = 768 + 128 * u64::from(id);
        let half = |offset| u32_at(&self.file, at + offset);
        Record {
            role: half(0),
            generation: half(4),
            pid: half(8),
            seat: half(12),
            waits: self.word(at + 40),
            wakes: self.word(at + 48),
            reaped: self.word(at + 56),
        }
    }

    /// Stores a role, or what is none.
    pub fn set_role(&self, id: u16, role: u32) {
        let at = 768 + 128 * u64::from(id);
        self.file.write_all_at(&role.to_ne_bytes(), at).expect("a record");
    }

    /// Stores what a seat's state is, or what is none.
    pub fn set_seat(&self, id: u16, seat: u32) {
        let at = 768 + 128 * u64::from(id) + 12;
        self.file.write_all_at(&seat.to_ne_bytes(), at).expect("a record");
    }

    /// The id of the endpoint with this role in process `pid`; there is one.
    pub fn id_of(&self, pid: nix::unistd::Pid, role: u32) -> u16 {
        let pid = pid.as_raw() as u32;
        let mut ids = (1..self.table_length).filter(|&id| {
            let record = self.record(id);
            record.role == role && record.pid == pid
        });
        let id = ids.next().expect("an endpoint of this process");
        assert_eq!(ids.next(), None, "one endpoint of this process");
        id
    }

    /// The sender in process `pid`.
    pub fn sender_of(&self, pid: nix::unistd::Pid) -> u16 {
        self.id_of(pid, 1)
    }

    /// The receiver in process `pid`.
    pub fn receiver_of(&self, pid: nix::unistd::Pid) -> u16 {
        self.id_of(pid, 2)
    }

    fn slot(&self, position: u64) -> u64 {
        self.slots + (position & (self.capacity - 1)) * self.stride
    }

    /// State of the slot of `position`, in whichever lap it is.
    pub fn state(&self, position: u64) -> State {
        let bits = self.word(self.slot(position));
        State::parse(bits).unwrap_or_else(|| panic!("slot {position}: impossible word {bits:#x}"))
    }

    /// Payload of the slot of `position`, whatever is in it.
    pub fn payload(&self, position: u64) -> Vec<u8> {
        self.bytes(self.slot(position) + self.payload_align.max(8), self.payload_size)
    }

    /// Stores a state.
    pub fn set_state(&self, position: u64, state: State) {
        self.set_word(self.slot(position), state.bits());
    }

    /// Overwrites the first word of a payload.
    pub fn set_payload(&self, position: u64, word: u64) {
        self.set_word(self.slot(position) + self.payload_align.max(8), word);
    }

    /// The word of the slot of `position`, whatever it says.
    pub fn bits(&self, position: u64) -> u64 {
        self.word(self.slot(position))
    }

    /// Stores any word there.
    pub fn set_bits(&self, position: u64, bits: u64) {
        self.set_word(self.slot(position), bits);
    }

    /// Stores a word that the protocol never stores.
    pub fn spoil(&self, position: u64) {
        self.set_word(self.slot(position), u64::MAX);
    }

    /// The lap of a position (away from the wrap).
    pub fn lap(&self, position: u64) -> u64 {
        position >> self.capacity.trailing_zeros()
    }

    /// Leaves in the slot of `position` the claim of endpoint `owner`, as if it had been killed right after making it.
    pub fn claim(&self, position: u64, phase: Phase, owner: u16) {
        let lap = self.lap(position);
        let before = self.state(position);
        let expected = match phase {
            Phase::Writing => Phase::Free,
            Phase::Reading => Phase::Full,
            Phase::Free | Phase::Full => panic!("not a claim"),
        };
        assert_eq!((before.lap, before.phase), (lap, expected), "position {position}");
        self.set_state(position, State { lap, owner, phase });
    }

    /// Slots in `phase` claimed by `owner`.
    pub fn claims(&self, phase: Phase, owner: u16) -> Vec<u64> {
        (0..self.capacity)
            .filter(|&i| {
                let state = self.state(i);
                state.phase == phase && state.owner == owner
            })
            .collect()
    }

    /// All slots are free: everything is drained or repaired.
    pub fn all_free(&self) -> bool {
        (0..self.capacity).all(|i| self.state(i).phase == Phase::Free)
    }

    /// Makes the fresh, empty ring one that has gone round almost for ever: `back` positions before the last.
    pub fn wind(&self, back: u64) {
        let shift = self.capacity.trailing_zeros();
        let mask = u64::MAX >> (64 - (48 + shift).min(64));
        let start = 0u64.wrapping_sub(back) & mask;
        self.set_hints(start, start);
        for i in 0..self.capacity {
            let position = start.wrapping_add(i) & mask;
            self.set_state(
                position,
                State {
                    lap: position >> shift,
                    owner: 0,
                    phase: Phase::Free,
                },
            );
        }
    }

    /// Everything, for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "region: {} {}, tail {} head {} receivers {:#010x} senders {:#010x} life {:#018x}\n",
            self.capacity,
            match self.kind {
                BLOCKS => "blocks",
                STREAM => "elements",
                _ => "slots",
            },
            self.tail(),
            self.head(),
            self.receivers(),
            self.senders(),
            self.life(),
        );
        for id in 1..self.table_length {
            let record = self.record(id);
            if record.generation != 0 {
                let _ = writeln!(text, "  {id}: {record:?}");
            }
        }
        match self.kind {
            BLOCKS => pool::tell(self, &mut text),
            STREAM => {
                let at = 768 + 128 * u64::from(self.table_length);
                let _ = writeln!(text, "  marks: writer {} reader {}", self.word(at), self.word(at + 128));
            }
            _ => self.tell_slots(&mut text),
        }
        text
    }

    fn tell_slots(&self, text: &mut String) {
        for i in 0..self.capacity.min(64) {
            let bits = self.word(self.slot(i));
            match State::parse(bits) {
                Some(state) => _ = writeln!(text, "  slot {i}: {:?}({}, {})", state.phase, state.lap, state.owner),
                None => _ = writeln!(text, "  slot {i}: {bits:#018x}"),
            }
        }
    }
}

fn u64_at(file: &File, offset: u64) -> u64 {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, offset).expect("a word of the region");
    u64::from_ne_bytes(bytes)
}

fn u32_at(file: &File, offset: u64) -> u32 {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset).expect("a word of the region");
    u32::from_ne_bytes(bytes)
}

thread_local! {
    /// Regions whose words a watchdog prints.
    static WATCHED: RefCell<Vec<File>> = const { RefCell::new(Vec::new()) };
}

/// Prints the words of the regions of this test.
pub fn print_watched() {
    WATCHED.with(|watched| {
        for file in watched.borrow().iter() {
            if let Ok(file) = file.try_clone() {
                eprint!("{}", Words::read(file).text());
            }
        }
    });
}

/// The test is over.
pub fn forget() {
    WATCHED.with(|watched| watched.borrow_mut().clear());
}
