//! What do the diaries of a round say: what was sent, who had it, and what may the dead have taken along?

use std::collections::HashMap;

use super::parcel::Message;
use super::yard::{Act, Entry};

/// When a process was killed, from without: after `from` and before `by`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Killed {
    /// Just before.
    pub from: u64,
    /// When it was certainly dead.
    pub by: u64,
}

/// A life that is over.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Its diary.
    pub entries: Vec<Entry>,
    /// How it ended, if not by itself.
    pub killed: Option<Killed>,
}

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The message was dealt with.
    Done,
    /// It was on lease to the end.
    Held,
    /// It was handed back, from then on.
    Back(u64),
    /// The receiver was killed while it acknowledged it, from then on.
    Either(u64),
}

/// A message in a receiver's hands.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Which.
    pub message: Message,
    /// To which life.
    pub to: u16,
    /// By when it had it.
    pub time: u64,
    /// On lease.
    pub leased: bool,
    /// And was told that it is not the first time.
    pub marked: bool,
    /// And then?
    pub fate: Fate,
}

/// What was sent in a life.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// The first message of each operation, and when that began.
    begun: Vec<(u32, u64)>,
    /// Messages whose sends have returned.
    pub returned: u32,
    /// More that a killed process was about to send.
    pub under_way: u32,
}

impl Sending {
    /// When the operation began that sent this message; there is one.
    fn begun(&self, number: u32) -> u64 {
        let after = self.begun.partition_point(|&(first, _)| first <= number);
        self.begun[after - 1].1
    }
}

/// A killed receiver that may have taken messages along, or claimed them.
#[derive(Clone, Copy, Debug)]
pub struct Excuse {
    /// When it was certainly dead.
    pub death: u64,
    /// How many.
    pub messages: u64,
    /// It was about to receive on lease: none of them is freed.
    pub leasing: bool,
}

/// All diaries together.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By life.
    pub sendings: Vec<Sending>,
    /// In the order of the diaries.
    pub deliveries: Vec<Delivery>,
    /// In no order.
    pub excuses: Vec<Excuse>,
    /// Who received something that is no message.
    pub torn: Vec<u16>,
}

impl Ledger {
    /// Reads the diaries.
    pub fn of(lives: &[Life]) -> Ledger {
        let mut ledger = Ledger::default();
        for (number, life) in (0..).zip(lives) {
            let mut reading = Reading::new(number, &mut ledger);
            life.entries.iter().for_each(|&entry| reading.entry(entry));
            if let Some(killed) = life.killed {
                reading.bury(killed);
            }
            let sending = reading.sending;
            ledger.sendings.push(sending);
        }
        ledger
    }

    /// When a message began to be sent; 0 if it was not.
    pub fn sent_at(&self, message: Message) -> u64 {
        let sending = self.sendings.get(usize::from(message.life));
        sending
            .filter(|sending| !sending.begun.is_empty())
            .map_or(0, |sending| sending.begun(message.number))
    }
}

/// One diary, as far as it has been read.
struct Reading<'a> {
    ledger: &'a mut Ledger,
    number: u16,
    sending: Sending,
    /// What was begun and has no answer yet.
    open: Option<Entry>,
    /// Messages written down in that.
    taken: u64,
    /// Where the last lease of a message stands.
    leases: HashMap<Message, usize>,
    /// What it is about to acknowledge, all at once.
    acking: Vec<Message>,
}

impl Reading<'_> {
    fn new(number: u16, ledger: &mut Ledger) -> Reading<'_> {
        Reading {
            ledger,
            number,
            sending: Sending::default(),
            open: None,
            taken: 0,
            leases: HashMap::new(),
            acking: Vec::new(),
        }
    }

    fn entry(&mut self, entry: Entry) {
        let Entry { act, of, time } = entry;
        if act != Act::Acking {
            self.acking.clear();
        }
        match act {
            Act::Sending => self.sending.begun.push((of.number, time)),
            Act::Receiving => self.taken = 0,
            Act::Leasing => {}
            Act::Acking => {
                self.acking.push(of);
                *self.fate(of) = Fate::Done;
            }
            Act::Dropping => *self.fate(of) = Fate::Back(time),
            Act::Received => {
                self.deliver(entry, Fate::Done);
                self.taken += 1;
            }
            Act::Leased | Act::LeasedAgain => {
                self.leases.insert(of, self.ledger.deliveries.len());
                self.deliver(entry, Fate::Held);
            }
            Act::Torn => {
                self.ledger.torn.push(self.number);
                self.taken += 1;
            }
            Act::Answered => {
                if let Some(Entry {
                    act: Act::Sending,
                    of: first,
                    ..
                }) = self.open
                {
                    self.sending.returned = first.number + of.number;
                }
            }
        }
        self.open = match act {
            Act::Received | Act::Torn => self.open,
            Act::Answered | Act::Leased | Act::LeasedAgain => None,
            _ => Some(entry),
        };
    }

    fn deliver(&mut self, entry: Entry, fate: Fate) {
        self.ledger.deliveries.push(Delivery {
            message: entry.of,
            to: self.number,
            time: entry.time,
            leased: entry.act != Act::Received,
            marked: entry.act == Act::LeasedAgain,
            fate,
        });
    }

    /// What becomes of the last lease of a message.
    fn fate(&mut self, of: Message) -> &mut Fate {
        &mut self.ledger.deliveries[self.leases[&of]].fate
    }

    /// What a killed process had on lease, and under way.
    fn bury(&mut self, killed: Killed) {
        for &lease in self.leases.values() {
            let fate = &mut self.ledger.deliveries[lease].fate;
            if *fate == Fate::Held {
                *fate = Fate::Back(killed.from);
            }
        }
        let Some(Entry { act, of, .. }) = self.open else {
            return;
        };
        let mut excuse = |messages, leasing| {
            self.ledger.excuses.push(Excuse {
                death: killed.by,
                messages,
                leasing,
            });
        };
        match act {
            Act::Sending => self.sending.under_way = u32::from(of.life),
            Act::Receiving => excuse(u64::from(of.number) - self.taken, false),
            Act::Leasing => excuse(1, true),
            Act::Acking => {
                for of in std::mem::take(&mut self.acking) {
                    *self.fate(of) = Fate::Either(killed.from);
                }
            }
            _ => {}
        }
    }
}
