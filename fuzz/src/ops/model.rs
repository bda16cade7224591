//! What does a channel answer, if only one thread uses it and nobody dies?
//!
//! A queue by position, so that it also tells where a message that is held makes the ring full; and who is attached.

use std::collections::BTreeMap;

/// A bounded queue with leases, and who is attached to it.
pub struct Model {
    capacity: u64,
    /// Endpoints at the multi ends together.
    table: usize,
    many_senders: bool,
    many_receivers: bool,
    /// The next position to fill.
    tail: u64,
    /// What is in the slots, by position.
    messages: BTreeMap<u64, Message>,
    endpoints: Vec<Endpoint>,
    closed: bool,
    sender_seen: bool,
    receiver_seen: bool,
    next: u32,
}

/// Which endpoint.
pub type Name = u32;

struct Endpoint {
    name: Name,
    sends: bool,
}

struct Message {
    number: u64,
    state: At,
}

/// Whose a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nobody's yet.
    Queued,
    /// On lease to this receiver.
    Held(Name),
    /// Nobody's any more: handed back.
    Back,
}

/// A message received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    pub position: u64,
    pub number: u64,
    pub redelivered: bool,
}

/// What an operation meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meets {
    Success,
    /// Full, or empty.
    Refusal,
    Disconnection,
}

/// What an attach is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attached {
    As(Name),
    Already,
    TableFull,
}

impl Model {
    /// An empty channel.
    pub fn new(capacity: usize, table: usize, many_senders: bool, many_receivers: bool) -> Model {
        Model {
            capacity: capacity as u64,
            table,
            many_senders,
            many_receivers,
            tail: capacity as u64, // So that there is a lap before.
            messages: BTreeMap::new(),
            endpoints: Vec::new(),
            closed: false,
            sender_seen: false,
            receiver_seen: false,
            next: 0,
        }
    }

    fn count(&self, sends: bool) -> usize {
        self.endpoints.iter().filter(|e| e.sends == sends).count()
    }

    /// An endpoint attaches.
    pub fn attach(&mut self, sends: bool) -> Attached {
        let many = |sends| if sends { self.many_senders } else { self.many_receivers };
        if !many(sends) && self.count(sends) > 0 {
            return Attached::Already;
        }
        if many(sends) && self.endpoints.iter().filter(|e| many(e.sends)).count() == self.table {
            return Attached::TableFull;
        }
        if self.endpoints.is_empty() {
            self.closed = false;
            self.receiver_seen = false;
            self.sender_seen = !self.messages.is_empty();
        }
        *if sends {
            &mut self.sender_seen
        } else {
            &mut self.receiver_seen
        } = true;
        let name = self.next;
        self.next += 1;
        self.endpoints.push(Endpoint { name, sends });
        Attached::As(name)
    }

    /// An endpoint leaves; what it had on lease comes back. The next single receiver cannot tell.
    pub fn detach(&mut self, name: Name) {
        let place = self.endpoints.iter().position(|e| e.name == name);
        let sends = self.endpoints.remove(place.expect("it is attached")).sends;
        let many = self.many_receivers;
        for message in self.messages.values_mut() {
            if message.state == At::Held(name) || message.state == At::Back && !many && !sends {
                message.state = if many { At::Back } else { At::Queued };
            }
        }
    }

    /// Everybody is told goodbye.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Places that a sender would find, one after the other.
    pub fn room(&self) -> usize {
        let taken = |i| self.messages.contains_key(&(self.tail + i - self.capacity));
        (0..self.capacity).take_while(|&i| !taken(i)).count()
    }

    /// What a sender meets.
    pub fn send_meets(&self) -> Meets {
        if self.closed || self.receiver_seen && self.count(false) == 0 {
            Meets::Disconnection
        } else if self.room() == 0 {
            Meets::Refusal
        } else {
            Meets::Success
        }
    }

    /// A message is sent.
    pub fn send(&mut self, number: u64) {
        let state = At::Queued;
        self.messages.insert(self.tail, Message { number, state });
        self.tail += 1;
    }

    fn first(&self, state: At) -> Option<u64> {
        let mut found = self.messages.iter().filter(|(_, message)| message.state == state);
        found.next().map(|(&position, _)| position)
    }

    fn holds(&self, name: Name) -> bool {
        self.first(At::Held(name)).is_some()
    }

    /// What receiver `name` meets; `leasing` waits for what others have on lease.
    pub fn receive_meets(&self, name: Name, leasing: bool) -> Meets {
        let others = || {
            let held = |message: &Message| matches!(message.state, At::Held(other) if other != name);
            self.messages.values().any(held)
        };
        if self.first(At::Back).or_else(|| self.first(At::Queued)).is_some() {
            Meets::Success
        } else if !self.closed && (!self.sender_seen || self.count(true) > 0)
            || leasing && self.many_receivers && !self.holds(name) && others()
        {
            Meets::Refusal
        } else {
            Meets::Disconnection
        }
    }

    fn next(&self) -> Option<Taken> {
        let position = self.first(At::Back).or_else(|| self.first(At::Queued))?;
        let message = &self.messages[&position];
        Some(Taken {
            position,
            number: message.number,
            redelivered: message.state == At::Back,
        })
    }

    /// Up to `most` messages are received.
    pub fn receive(&mut self, most: usize) -> Vec<u64> {
        let taken = (0..most).map_while(|_| {
            let taken = self.next()?;
            self.messages.remove(&taken.position);
            Some(taken.number)
        });
        taken.collect()
    }

    /// A message is received on lease.
    pub fn lease(&mut self, name: Name) -> Option<Taken> {
        let taken = self.next()?;
        self.set(taken.position, At::Held(name));
        Some(taken)
    }

    fn set(&mut self, position: u64, state: At) {
        self.messages.get_mut(&position).expect("it is held").state = state;
    }

    /// A lease is acknowledged.
    pub fn ack(&mut self, position: u64) {
        self.messages.remove(&position);
    }

    /// A lease is dropped.
    pub fn hand_back(&mut self, position: u64) {
        self.set(position, At::Back);
    }

    /// Messages in the ring as its endpoints count them: to many receivers what is claimed has been received, to the only
    /// one what it holds has not, nor what is behind that.
    pub fn len(&self) -> usize {
        let first = if self.many_receivers {
            self.first(At::Queued)
        } else {
            self.messages.keys().next().copied()
        };
        first.map_or(0, |first| self.tail - first) as usize
    }
}
