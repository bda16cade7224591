//! What does one channel answer, whoever has died over it, if nothing happens at the same time?
//!
//! A death shows to those who look: at a tick, every so often, when they attach. Until it has certainly been seen, an
//! answer may be that of before or that of after: then these functions say both.

use std::collections::BTreeMap;

use crate::handles::TABLE;
use crate::letter::Letter;

/// Who takes the name away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Its creator.
    Created,
    /// The last one out.
    Shared,
    /// Who unlinks it.
    Kept,
}

/// A slot that is not free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Full(Letter),
    /// Claimed by a receiver that was killed.
    Orphan(Letter),
    /// Claimed by a sender that was killed.
    Gap,
}

/// Somebody who has attached.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Key in its process.
    pub key: u32,
    /// Its process, and that one's id.
    pub process: usize,
    /// The process's id.
    pub pid: i32,
    /// Key of the channel that it was made from.
    pub region: u32,
    /// It is a sender.
    pub sends: bool,
    born: u64,
}

impl Endpoint {
    fn text(&self) -> String {
        format!("{}@{}", role(self.sends), self.pid)
    }
}

/// What an operation may answer.
#[derive(Clone, Debug, Default)]
pub struct May {
    /// Done; when receiving, with one of these.
    pub done: Vec<String>,
    /// Full, empty, timed out.
    pub blocked: bool,
    /// Disconnected.
    pub end: bool,
}

impl May {
    /// As a worker says it, if `blocked` is what it calls that. One that waits as long as it takes is not blocked.
    pub fn answers(&self, blocked: &str, waits: bool) -> Vec<String> {
        let mut all = self.done.clone();
        if self.blocked && !waits {
            all.push(blocked.to_owned());
        }
        if self.end {
            all.push("disconnected".to_owned());
        }
        all
    }
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Object {
    /// As its file is called by the kernel.
    pub inode: u64,
    pub policy: Policy,
    pub kind: usize,
    pub capacity: u64,
    slots: BTreeMap<u64, Slot>,
    tail: u64,
    /// The living.
    pub endpoints: Vec<Endpoint>,
    /// The dead, where nobody has certainly cleaned up after them.
    dead: Vec<Endpoint>,
    sender_seen: bool,
    receiver_seen: bool,
    clock: u64,
    /// When somebody was last killed, and when somebody last said goodbye.
    died: u64,
    told: u64,
    /// What the dead have left has been repaired.
    settled: bool,
}

fn role(sends: bool) -> &'static str {
    if sends { "sender" } else { "receiver" }
}

impl Object {
    /// An empty one.
    pub fn new(policy: Policy, kind: usize, capacity: usize) -> Object {
        Object {
            inode: 0,
            policy,
            kind,
            capacity: capacity.next_power_of_two() as u64,
            slots: BTreeMap::new(),
            tail: 0,
            endpoints: Vec::new(),
            dead: Vec::new(),
            sender_seen: false,
            receiver_seen: false,
            clock: 0,
            died: 0,
            told: 0,
            settled: true,
        }
    }

    fn many(&self, sends: bool) -> bool {
        self.kind & if sends { 1 } else { 2 } != 0
    }

    fn any(&self, sends: bool) -> bool {
        self.endpoints.iter().any(|e| e.sends == sends)
    }

    fn endpoint(&self, key: u32) -> &Endpoint {
        let found = self.endpoints.iter().find(|e| e.key == key);
        found.expect("attached")
    }

    /// Messages that nobody has received.
    pub fn unread(&self) -> usize {
        self.slots.values().filter(|slot| **slot != Slot::Gap).count()
    }

    fn now(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Somebody attaches, or is refused.
    pub fn attach(&mut self, mut newcomer: Endpoint) -> String {
        let sends = newcomer.sends;
        if !self.many(sends) {
            if let Some(other) = self.endpoints.iter().find(|e| e.sends == sends) {
                return format!("already a {}, {}", role(sends), other.pid);
            }
        } else if self.endpoints.iter().filter(|e| self.many(e.sends)).count() == TABLE {
            return "table full".to_owned();
        }
        // What the dead at the multi ends have left is repaired; the only one at a single end takes the dead one's place.
        let many = [self.many(false), self.many(true)];
        self.dead.retain(|e| !many[usize::from(e.sends)] && e.sends != sends);
        self.settled = true;
        if self.endpoints.is_empty() {
            // A session begins.
            self.receiver_seen = false;
            self.sender_seen = self.unread() > 0;
        }
        *if sends {
            &mut self.sender_seen
        } else {
            &mut self.receiver_seen
        } = true;
        newcomer.born = self.now();
        self.endpoints.push(newcomer);
        "attached".to_owned()
    }

    /// An endpoint says goodbye.
    pub fn detach(&mut self, key: u32) {
        self.endpoints.retain(|e| e.key != key);
        self.told = self.now();
    }

    /// A process is killed.
    pub fn kill(&mut self, process: usize) {
        let (dead, alive): (Vec<_>, Vec<_>) = self.endpoints.iter().partition(|e| e.process == process);
        self.endpoints = alive;
        if dead.is_empty() {
            return;
        }
        self.died = self.now();
        self.settled &= dead.iter().all(|e| !self.many(e.sends));
        self.dead.extend(dead);
    }

    /// Somebody looks after the dead; how many slots that may be.
    pub fn recover(&mut self) -> Vec<String> {
        let left = self
            .slots
            .values()
            .filter(|slot| !matches!(slot, Slot::Full(_)))
            .count();
        let most = if self.settled { 0 } else { left };
        self.settled = true;
        let many = [self.many(false), self.many(true)];
        self.dead.retain(|e| !many[usize::from(e.sends)]);
        (0..=most).map(|n| n.to_string()).collect()
    }

    /// The position that this endpoint claims next, if it is at a multi end and nothing is in the way.
    pub fn next_claim(&self, key: u32) -> Option<u64> {
        let sends = self.endpoint(key).sends;
        if !self.many(sends) {
            return None;
        }
        if sends {
            let free = self.place().is_none_or(|place| !self.slots.contains_key(&place));
            return free.then_some(self.tail);
        }
        match self.front()? {
            (position, _, false) => Some(position),
            _ => None,
        }
    }

    /// That endpoint, killed in mid-operation, has left its claim there.
    pub fn claimed(&mut self, position: u64) {
        match self.slots.get_mut(&position) {
            Some(slot) => {
                let Slot::Full(letter) = *slot else {
                    panic!("{slot:?} at {position}");
                };
                *slot = Slot::Orphan(letter);
            }
            None => {
                self.slots.insert(position, Slot::Gap);
                self.tail += 1;
            }
        }
    }

    /// The position a lap before the tail, whose slot is the next to be filled.
    fn place(&self) -> Option<u64> {
        self.tail.checked_sub(self.capacity)
    }

    /// The first message, and whether a gap is before it.
    fn front(&self) -> Option<(u64, Letter, bool)> {
        let mut gap = false;
        for (&position, slot) in &self.slots {
            match *slot {
                Slot::Full(letter) => return Some((position, letter, gap)),
                Slot::Gap => gap = true,
                Slot::Orphan(_) => {}
            }
        }
        None
    }

    fn has_noticed(&self, key: u32) -> bool {
        self.told.max(self.endpoint(key).born) > self.died
    }

    /// What a try to receive may answer, if nobody can come but those who are here (`alone`).
    pub fn may_receive(&self, key: u32, alone: bool) -> May {
        let front = self.front();
        let mut messages: Vec<Letter> = front.iter().map(|&(_, letter, _)| letter).collect();
        messages.extend(self.slots.values().filter_map(|slot| match slot {
            Slot::Orphan(letter) => Some(*letter),
            _ => None,
        }));
        if !messages.is_empty() {
            return May {
                blocked: !self.settled && front.is_none_or(|(_, _, gap)| gap),
                done: messages.iter().map(|letter| format!("got {letter}")).collect(),
                end: false,
            };
        }
        let ended = self.sender_seen && !self.any(true);
        May {
            done: Vec::new(),
            blocked: !(ended && self.has_noticed(key)),
            end: ended || alone && !self.sender_seen,
        }
    }

    /// A receiver has answered so.
    pub fn received(&mut self, answer: &str) {
        let Some(text) = answer.strip_prefix("got ") else {
            return;
        };
        let is_it = |slot: &Slot| match slot {
            Slot::Full(letter) | Slot::Orphan(letter) => letter.to_string() == text,
            Slot::Gap => false,
        };
        let found = self.slots.iter().find(|(_, slot)| is_it(slot));
        let (position, slot) = found.map(|(p, slot)| (*p, *slot)).expect("one of ours");
        self.slots.remove(&position);
        if let Slot::Full(_) = slot {
            // The gaps before it have been passed.
            self.slots.retain(|&p, slot| p > position || *slot != Slot::Gap);
        }
    }

    /// What a try to send may answer, likewise.
    pub fn may_send(&self, key: u32, alone: bool) -> May {
        let gone = self.receiver_seen && !self.any(false);
        if gone && self.has_noticed(key) {
            return May {
                end: true,
                ..May::default()
            };
        }
        let slot = self.place().and_then(|place| self.slots.get(&place));
        let free = matches!(slot, None | Some(Slot::Gap));
        May {
            done: if free { vec!["ok".to_owned()] } else { Vec::new() },
            blocked: slot.is_some(),
            end: gone || slot.is_some() && alone && !self.receiver_seen,
        }
    }

    /// It was sent.
    pub fn sent(&mut self, letter: Letter) {
        if let Some(place) = self.place() {
            let before = self.slots.remove(&place);
            assert!(matches!(before, None | Some(Slot::Gap)), "{before:?}");
        }
        self.slots.insert(self.tail, Slot::Full(letter));
        self.tail += 1;
    }

    /// Those that `list` shows, if they live.
    pub fn living(&self) -> String {
        let mut all: Vec<_> = self.endpoints.iter().map(Endpoint::text).collect();
        all.sort();
        all.join(",")
    }

    /// `list` may show this one as dead.
    pub fn may_show_dead(&self, text: &str) -> bool {
        self.dead.iter().any(|e| e.text() == text)
    }
}

impl Endpoint {
    /// One that is about to attach.
    pub fn new(key: u32, process: usize, pid: i32, region: u32, sends: bool) -> Endpoint {
        Endpoint {
            key,
            process,
            pid,
            region,
            sends,
            born: 0,
        }
    }
}
