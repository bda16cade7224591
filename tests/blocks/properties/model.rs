//! What does a channel of blocks answer, if nothing happens at the same time?

use std::collections::VecDeque;

/// Endpoints that there can be.
pub(crate) const TABLE: usize = 4;

/// A message that was sent: which, and as the how manieth.
type Sent = (u64, u64);

/// Who has the blocks, and who is attached.
#[derive(Debug)]
pub(crate) struct Model {
    blocks: usize,
    queue: VecDeque<Sent>,
    /// What dead receivers held, oldest first.
    orphans: Vec<Sent>,
    sent: u64,
    endpoints: Vec<Endpoint>,
    things: Vec<Thing>,
    /// Said goodbye for all, in this session.
    closed: bool,
    /// In this session a sender has been there, or messages were left when it began.
    sender_seen: bool,
    receiver_seen: bool,
    next_name: u32,
}

/// It is attached as long as somebody has its handle, or something of it.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    name: u32,
    process: usize,
    sends: bool,
    handle: bool,
}

/// A loan, or a block that was received.
#[derive(Clone, Copy, Debug)]
struct Thing {
    name: u32,
    of: u32,
    process: usize,
    number: u64,
    /// When it was sent, of a block.
    sent: Option<u64>,
}

impl Model {
    /// An empty channel.
    pub(crate) fn new(blocks: usize) -> Model {
        Model {
            blocks,
            queue: VecDeque::new(),
            orphans: Vec::new(),
            sent: 0,
            endpoints: Vec::new(),
            things: Vec::new(),
            closed: false,
            sender_seen: false,
            receiver_seen: false,
            next_name: 0,
        }
    }

    fn name(&mut self) -> u32 {
        self.next_name += 1;
        self.next_name
    }

    fn count(&self, sends: bool) -> usize {
        self.endpoints.iter().filter(|e| e.sends == sends).count()
    }

    /// A new endpoint's name, and what the attach answers.
    pub(crate) fn attach(&mut self, process: usize, sends: bool) -> (u32, &'static str) {
        let name = self.name();
        if self.endpoints.len() == TABLE {
            return (name, "table full");
        }
        if self.endpoints.is_empty() {
            // A new session.
            self.closed = false;
            self.receiver_seen = false;
            self.sender_seen = !self.queue.is_empty() || !self.orphans.is_empty();
        }
        if sends {
            self.sender_seen = true;
        } else {
            self.receiver_seen = true;
        }
        self.endpoints.push(Endpoint {
            name,
            process,
            sends,
            handle: true,
        });
        (name, "attached")
    }

    /// An endpoint's handle is dropped.
    pub(crate) fn drop_handle(&mut self, name: u32) {
        let endpoint = self.endpoints.iter_mut().find(|e| e.name == name);
        endpoint.expect("it is attached").handle = false;
        self.detach_the_unused();
    }

    fn detach_the_unused(&mut self) {
        let things = &self.things;
        self.endpoints
            .retain(|e| e.handle || things.iter().any(|thing| thing.of == e.name));
    }

    /// A process is killed, and what it had is repaired.
    pub(crate) fn kill(&mut self, process: usize) {
        let held = self.things.iter().filter(|thing| thing.process == process);
        self.orphans
            .extend(held.filter_map(|thing| Some((thing.number, thing.sent?))));
        self.orphans.sort_unstable_by_key(|&(_, sent)| sent);
        self.things.retain(|thing| thing.process != process);
        self.endpoints.retain(|e| e.process != process);
    }

    fn pick<X: Copy>(all: &[X], who: usize, suits: impl Fn(&X) -> bool) -> Option<X> {
        let suiting: Vec<_> = all.iter().filter(|x| suits(x)).collect();
        suiting.get(who.checked_rem(suiting.len())?).copied().copied()
    }

    /// Some endpoint of that role whose handle is there, and its process.
    pub(crate) fn endpoint(&self, who: usize, sends: bool) -> Option<(u32, usize)> {
        let found = Self::pick(&self.endpoints, who, |e| e.sends == sends && e.handle);
        found.map(|e| (e.name, e.process))
    }

    /// Some loan, or some block; its process, and its number.
    pub(crate) fn thing(&self, who: usize, lent: bool) -> Option<(u32, usize, u64)> {
        let found = Self::pick(&self.things, who, |thing| thing.sent.is_none() == lent);
        found.map(|thing| (thing.name, thing.process, thing.number))
    }

    /// Something that another process has.
    pub(crate) fn anothers(&self, process: usize) -> Option<(u32, usize)> {
        let found = self.things.iter().find(|thing| thing.process != process);
        found.map(|thing| (thing.name, thing.process))
    }

    /// What there is, as an endpoint would say it.
    pub(crate) fn look(&self) -> String {
        let (unread, orphaned, held) = (self.queue.len(), self.orphans.len(), self.things.len());
        format!("{unread} unread {orphaned} orphaned {held} held")
    }

    fn cannot_send(&self) -> bool {
        self.closed || self.receiver_seen && self.count(false) == 0
    }

    /// What a loan would meet.
    pub(crate) fn loan_answer(&self) -> String {
        if self.cannot_send() {
            "disconnected".to_owned()
        } else if self.queue.len() + self.orphans.len() + self.things.len() == self.blocks {
            format!("exhausted: {}", self.look())
        } else {
            "lent".to_owned()
        }
    }

    /// Somebody has taken a block for message `number`: the loan's name.
    pub(crate) fn lend(&mut self, of: u32, process: usize, number: u64) -> u32 {
        let name = self.name();
        self.things.push(Thing {
            name,
            of,
            process,
            number,
            sent: None,
        });
        name
    }

    /// A loan is sent: what comes of it.
    pub(crate) fn send(&mut self, name: u32) -> &'static str {
        if self.cannot_send() {
            return "disconnected";
        }
        let number = self.forget(name);
        self.put(number);
        "sent"
    }

    /// A message is sent.
    pub(crate) fn put(&mut self, number: u64) {
        self.queue.push_back((number, self.sent));
        self.sent += 1;
    }

    /// A loan or a block is dropped; the number of its message.
    pub(crate) fn forget(&mut self, name: u32) -> u64 {
        let at = self.things.iter().position(|thing| thing.name == name);
        let thing = self.things.remove(at.expect("somebody has it"));
        self.detach_the_unused();
        thing.number
    }

    /// What a receive would meet, and whether it would take something.
    pub(crate) fn receive_answer(&self) -> (String, bool) {
        if let Some((number, _)) = self.orphans.first() {
            (format!("got {number} true"), true)
        } else if let Some((number, _)) = self.queue.front() {
            (format!("got {number} false"), true)
        } else if self.closed || self.sender_seen && self.count(true) == 0 {
            ("disconnected".to_owned(), false)
        } else {
            ("empty".to_owned(), false)
        }
    }

    /// A receive takes something: the block's name.
    pub(crate) fn receive(&mut self, of: u32, process: usize) -> u32 {
        let (number, sent) = if self.orphans.is_empty() {
            self.queue.pop_front().expect("there is a message")
        } else {
            self.orphans.remove(0)
        };
        let name = self.name();
        self.things.push(Thing {
            name,
            of,
            process,
            number,
            sent: Some(sent),
        });
        name
    }

    /// Somebody says goodbye for all.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }
}
