//! What does a stream answer, if nothing happens at the same time?

use std::collections::VecDeque;

/// A bounded queue, and who is attached to it.
#[derive(Debug)]
pub(super) struct Model {
    capacity: usize,
    queue: VecDeque<u64>,
    /// Processes of the writer and of the reader.
    ends: [Option<usize>; 2],
    closed: bool,
    /// In this session a writer has been there, or elements were left when it began; and a reader.
    seen: [bool; 2],
}

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Writer = 0,
    Reader = 1,
}

/// Of all elements that come in one answer.
pub(super) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0xcbf2_9ce4_8422_2325, |sum, number| {
        (sum ^ number).wrapping_mul(0x100_0000_01b3)
    })
}

impl Model {
    /// An empty stream.
    pub(super) fn new(capacity: usize) -> Model {
        Model {
            capacity,
            queue: VecDeque::new(),
            ends: [None; 2],
            closed: false,
            seen: [false; 2],
        }
    }

    /// The process that has it.
    pub(super) fn end(&self, end: End) -> Option<usize> {
        self.ends[end as usize]
    }

    /// What an attach answers.
    pub(super) fn attach(&mut self, process: usize, end: End) -> &'static str {
        if self.end(end).is_some() {
            return "already attached";
        }
        if self.ends == [None; 2] {
            // A new session.
            self.closed = false;
            self.seen = [!self.queue.is_empty(), false];
        }
        self.seen[end as usize] = true;
        self.ends[end as usize] = Some(process);
        "attached"
    }

    /// An end leaves.
    pub(super) fn detach(&mut self, end: End) {
        self.ends[end as usize] = None;
    }

    /// Somebody says goodbye for both.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Elements that there are.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// And could be besides.
    pub(super) fn room(&self) -> usize {
        self.capacity - self.queue.len()
    }

    /// Nobody will take what is waited for at this end, or bring it.
    pub(super) fn over(&self, end: End) -> bool {
        let other = 1 - end as usize;
        self.closed || self.seen[other] && self.ends[other].is_none()
    }

    /// What a chunk to be written, of which `count` are committed, comes to.
    pub(super) fn write_chunk(&mut self, len: usize, numbers: &[u64]) -> String {
        if len > self.capacity {
            format!("too long: {len} of {}", self.capacity)
        } else if self.over(End::Writer) {
            "disconnected".to_owned()
        } else if len > self.room() {
            "not now".to_owned()
        } else {
            self.put(numbers);
            format!("committed {}", numbers.len())
        }
    }

    /// What as many of `numbers` as there is room for come to.
    pub(super) fn write(&mut self, numbers: &[u64]) -> String {
        if numbers.is_empty() {
            "written 0".to_owned()
        } else if self.over(End::Writer) {
            "disconnected".to_owned()
        } else if self.room() == 0 {
            "not now".to_owned()
        } else {
            let count = numbers.len().min(self.room());
            self.put(&numbers[..count]);
            format!("written {count}")
        }
    }

    /// They are written.
    pub(super) fn put(&mut self, numbers: &[u64]) {
        assert!(numbers.len() <= self.room());
        self.queue.extend(numbers);
    }

    /// What a chunk to be read comes to, of which up to `count` are consumed.
    pub(super) fn read_chunk(&mut self, len: usize, count: usize) -> String {
        let there = self.len();
        if len > self.capacity {
            format!("too long: {len} of {}", self.capacity)
        } else if there < len && !self.over(End::Reader) {
            "not now".to_owned()
        } else if there == 0 && len > 0 {
            "disconnected".to_owned()
        } else {
            let len = len.min(there);
            let sum = sum(self.queue.iter().take(len).copied());
            let count = count.min(len);
            self.queue.drain(..count);
            format!("chunk {len} {sum:x} consumed {count}")
        }
    }

    /// What reading up to `most` comes to.
    pub(super) fn read(&mut self, most: usize) -> String {
        let there = self.len();
        if most == 0 {
            "read 0".to_owned()
        } else if there > 0 {
            let count = most.min(there);
            format!("read {count} {:x}", sum(self.queue.drain(..count)))
        } else if self.over(End::Reader) {
            "disconnected".to_owned()
        } else {
            "not now".to_owned()
        }
    }

    /// What a poll answers.
    pub(super) fn poll(&self, end: End) -> &'static str {
        match end {
            End::Writer if self.over(end) => "disconnected",
            End::Writer if self.room() > 0 => "ready",
            End::Reader if self.len() > 0 || self.over(end) => "ready",
            _ => "not now",
        }
    }
}
