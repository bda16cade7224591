//! What does the stream look like in which somebody is about to die, and who is at its other end?

use std::time::Duration;

use annulus::FenceMode;
use annulus::stream::TryWriteError;
use nix::unistd::Pid;

use super::deed::{Deed, ITS};
use crate::support::flow::{Channel, Flow, Rx, SMALL, Tx, try_read, try_write};
use crate::world::has_attach_byte;

/// What is in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Elements that are filled.
    filled: usize,
    /// All but one are behind, so that a chunk goes round the end; and fences are fences.
    turned: bool,
}

const fn situation(filled: usize, turned: bool) -> Situation {
    Situation { filled, turned }
}

/// Empty; with too little for the victim; with some; with too little room for it; full; at the end of the memory.
const SITUATIONS: [Situation; 7] = [
    situation(0, false),
    situation(2, false),
    situation(4, false),
    situation(6, false),
    situation(SMALL, false),
    situation(0, true),
    situation(4, true),
];

/// The situations before `deed`.
pub fn situations(deed: Deed) -> impl Iterator<Item = Situation> {
    SITUATIONS
        .into_iter()
        .filter(move |situation| !situation.turned || deed.moves_elements())
}

/// A stream, and what has gone through it.
pub struct World {
    pub channel: Channel,
    pub flow: Flow,
    /// The end that is not the victim's.
    pub tx: Option<Tx>,
    pub rx: Option<Rx>,
    /// What this process has written, in order.
    pub written: Vec<u64>,
    /// What it has read, in order.
    pub got: Vec<u64>,
    /// It was told that nobody is left to write for.
    pub hung_up: bool,
}

impl World {
    /// For a victim of `deed`.
    pub fn new(deed: Deed, situation: Situation) -> World {
        let mut builder = Channel::builder(SMALL)
            .tick(Duration::from_millis(1))
            .spin_time(Duration::ZERO);
        if situation.turned {
            builder = builder.fence_mode(FenceMode::Fenced);
        }
        let channel = builder.anonymous().expect("a stream");
        let mut world = World {
            flow: Flow::of(&channel),
            tx: Some(channel.writer().expect("to attach")),
            rx: Some(channel.reader().expect("to attach")),
            channel,
            written: Vec::new(),
            got: Vec::new(),
            hung_up: false,
        };
        assert_eq!(world.flow.capacity(), SMALL as u64, "pages of the usual size");
        if situation.turned {
            for _ in 1..SMALL {
                assert!(world.write() && world.read());
            }
        }
        for _ in 0..situation.filled {
            assert!(world.write());
        }
        if deed.writes() {
            world.tx = None;
        } else {
            world.rx = None;
        }
        world
    }

    /// Writes one element, if there is room for it and an end to write it by.
    pub fn write(&mut self) -> bool {
        let Some(tx) = &mut self.tx else {
            return false;
        };
        let number = 1 + self.written.len() as u64;
        let result = try_write(tx, &[number]);
        self.hung_up = result == Err(TryWriteError::Disconnected);
        if result.is_ok() {
            self.written.push(number);
        }
        result.is_ok()
    }

    /// Reads one element, if there is one and an end to read it by.
    pub fn read(&mut self) -> bool {
        let read = self.rx.as_mut().and_then(|rx| try_read(rx, 1).ok());
        let some = read.is_some();
        self.got.extend(read.unwrap_or_default());
        some
    }

    /// The victim is about to sleep, or on its way to its end: gives it some of what it waits for.
    pub fn serve(&mut self) {
        let filled = self.flow.there().len();
        if self.rx.is_some() && filled > SMALL - 3 {
            self.read();
        } else if self.tx.is_some() && filled < 3 {
            self.write();
        }
    }

    /// Takes the end that the victim has left, and the other one anew, if the stream was closed: for as long as anybody is
    /// attached.
    pub fn take_over(&mut self, case: &str) {
        if self.flow.words.life() & 1 != 0 {
            self.tx = None;
            self.rx = None;
        }
        if self.tx.is_none() {
            let tx = self.channel.writer();
            self.tx = Some(tx.unwrap_or_else(|error| panic!("{case}: {error}")));
        }
        if self.rx.is_none() {
            let rx = self.channel.reader();
            self.rx = Some(rx.unwrap_or_else(|error| panic!("{case}: {error}")));
        }
    }

    /// Process `pid` has an end, by the records.
    pub fn has_an_end(&self, pid: Pid) -> bool {
        (1..self.flow.words.table_length).any(|id| {
            let record = self.flow.words.record(id);
            record.role != 0 && record.pid == pid.as_raw() as u32
        })
    }

    /// Somebody has the byte that an endpoint holds while it attaches.
    pub fn somebody_attaches(&self) -> bool {
        has_attach_byte(&self.channel)
    }

    /// How many elements a victim of `deed` has written, or consumed, if `there` is what is left: everything was written before
    /// it came, or by it, in order, and read since or consumed by it.
    pub fn done_by(&self, deed: Deed, there: &[u64], case: &str) -> usize {
        let text = || self.flow.words.text();
        let done = if deed.writes() {
            let came: Vec<u64> = self.got.iter().chain(there).copied().collect();
            let its = came.strip_prefix(self.written.as_slice());
            let its = its.unwrap_or_else(|| panic!("{case}: {came:?} of {:?}\n{}", self.written, text()));
            assert!(ITS.starts_with(its), "{case}: {its:?} by the victim\n{}", text());
            its.len()
        } else {
            let left = self.written.ends_with(there);
            assert!(left, "{case}: {there:?} of {:?}\n{}", self.written, text());
            self.written.len() - self.got.len() - there.len()
        };
        assert!(deed.steps().contains(&done), "{case}: {done} done\n{}", text());
        done
    }
}
