//! What does a channel answer, if nothing happens at the same time?

use std::collections::VecDeque;

use annulus::Kind;

/// Endpoints at the multi ends together.
pub const TABLE: usize = 4;

/// A bounded queue, and who is attached to it.
#[derive(Debug)]
pub struct Model {
    capacity: usize,
    numbers: u64,
    many_senders: bool,
    many_receivers: bool,
    queue: VecDeque<u64>,
    endpoints: Vec<Endpoint>,
    /// Said goodbye for all, in this session.
    closed: bool,
    /// In this session a sender has been there, or messages were left when it began.
    sender_seen: bool,
    receiver_seen: bool,
    next_name: u32,
}

#[derive(Clone, Copy, Debug)]
struct Endpoint {
    name: u32,
    process: usize,
    sends: bool,
}

impl Model {
    /// An empty channel.
    pub fn new(kind: Kind, capacity: usize, numbers: u64) -> Model {
        Model {
            capacity,
            numbers,
            many_senders: matches!(kind, Kind::Mpsc | Kind::Mpmc),
            many_receivers: matches!(kind, Kind::Spmc | Kind::Mpmc),
            queue: VecDeque::new(),
            endpoints: Vec::new(),
            closed: false,
            sender_seen: false,
            receiver_seen: false,
            next_name: 0,
        }
    }

    /// A message as its payload can tell it.
    pub fn reduce(&self, number: u64) -> u64 {
        number % self.numbers
    }

    fn count(&self, sends: bool) -> usize {
        self.endpoints.iter().filter(|e| e.sends == sends).count()
    }

    fn attach(&mut self, process: usize, sends: bool) -> (u32, &'static str) {
        let name = self.next_name;
        self.next_name += 1;
        let many = |sends| if sends { self.many_senders } else { self.many_receivers };
        if !many(sends) && self.count(sends) > 0 {
            return (name, "already attached");
        }
        let in_table = self.endpoints.iter().filter(|e| many(e.sends)).count();
        if many(sends) && in_table == TABLE {
            return (name, "table full");
        }
        if self.endpoints.is_empty() {
            // A new session.
            self.closed = false;
            self.receiver_seen = false;
            self.sender_seen = !self.queue.is_empty();
        }
        if sends {
            self.sender_seen = true;
        } else {
            self.receiver_seen = true;
        }
        self.endpoints.push(Endpoint { name, process, sends });
        (name, "attached")
    }

    /// A new sender's name, and what the attach answers.
    pub fn attach_sender(&mut self, process: usize) -> (u32, &'static str) {
        self.attach(process, true)
    }

    /// A new receiver's name, and what the attach answers.
    pub fn attach_receiver(&mut self, process: usize) -> (u32, &'static str) {
        self.attach(process, false)
    }

    /// An endpoint leaves.
    pub fn detach(&mut self, name: u32) {
        self.endpoints.retain(|e| e.name != name);
    }

    fn pick(&self, who: usize, suits: impl Fn(&Endpoint) -> bool) -> Option<(u32, usize)> {
        let suiting: Vec<_> = self.endpoints.iter().filter(|e| suits(e)).collect();
        let endpoint = suiting.get(who.checked_rem(suiting.len())?)?;
        Some((endpoint.name, endpoint.process))
    }

    /// Some sender, and its process.
    pub fn sender(&self, who: usize) -> Option<(u32, usize)> {
        self.pick(who, |e| e.sends)
    }

    /// Some receiver, and its process.
    pub fn receiver(&self, who: usize) -> Option<(u32, usize)> {
        self.pick(who, |e| !e.sends)
    }

    /// Some endpoint, and its process.
    pub fn endpoint(&self, who: usize) -> Option<(u32, usize)> {
        self.pick(who, |_| true)
    }

    /// Free places.
    pub fn room(&self) -> usize {
        self.capacity - self.queue.len()
    }

    /// What a send would meet.
    pub fn send_answer(&self) -> &'static str {
        if self.closed || self.receiver_seen && self.count(false) == 0 {
            "disconnected"
        } else if self.room() == 0 {
            "full"
        } else {
            "ok"
        }
    }

    /// What a receive would meet.
    pub fn receive_answer(&self) -> &'static str {
        if !self.queue.is_empty() {
            "ok"
        } else if self.closed || self.sender_seen && self.count(true) == 0 {
            "disconnected"
        } else {
            "empty"
        }
    }

    /// Sends what fits; how many.
    pub fn send(&mut self, numbers: &[u64]) -> usize {
        let count = numbers.len().min(self.room());
        let numbers = numbers.iter().take(count).map(|n| n % self.numbers);
        self.queue.extend(numbers);
        count
    }

    /// Receives what is there.
    pub fn receive(&mut self, most: usize) -> String {
        let count = most.min(self.queue.len());
        let list: Vec<_> = self.queue.drain(..count).map(|n| n.to_string()).collect();
        format!("got {}", list.join(","))
    }

    /// What an endpoint says of the ring.
    pub fn look(&self) -> String {
        let len = self.queue.len();
        format!("{len} of {} {} {}", self.capacity, len == 0, len == self.capacity)
    }

    /// Somebody says goodbye for all.
    pub fn close(&mut self) {
        self.closed = true;
    }
}
