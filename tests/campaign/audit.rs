//! Does what the diaries say agree with what the documentation promises?
//!
//! # The rules
//! 1. A message whose send has returned arrives. Of a batch that its sender was killed in, a beginning arrives.
//! 2. It arrives once: after a copy of it was returned, or a lease on it acknowledged, nobody gets it any more. A lease
//!    that was dropped, or whose process was killed, may be followed by another delivery, and not before that drop or
//!    that kill: one that is only stopped is not robbed.
//! 3. It does not arrive if a receiver had it that was killed before it could write that down. Such a receiver accounts
//!    for one message, or for one batch; if it was about to receive on lease, for none. And only for what was sent
//!    before its death.
//! 4. Each receiver gets each sender's messages in order. At an end that admits many there are two exceptions: what came
//!    back from a lease, and what a killed receiver had claimed, which rule 3 limits. At a single end, where one follows
//!    the other, all receivers count as one.
//! 5. A lease says that its message was received before if it was, at an end that admits many; and it does not say so
//!    without a cause.
//! 6. What arrives has been sent, and is whole.

use std::collections::HashMap;

use super::ledger::{Delivery, Fate, Ledger, Life};
use super::parcel::Message;

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// Rules 1 and 3.
    Lost,
    /// Rule 2.
    Doubled,
    /// Rule 4.
    Disordered,
    /// Rule 5.
    Mismarked,
    /// Rule 6.
    Invented,
    /// Rule 6.
    Torn,
}

/// What an audit has found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Messages that were sent.
    pub messages: u64,
    /// Deliveries after a message's first.
    pub again: u64,
    /// Messages that killed receivers took along, as they may.
    pub taken_along: u64,
    /// What is wrong, and the story.
    pub faults: Vec<(Fault, String)>,
}

impl Findings {
    fn fault(&mut self, fault: Fault, story: String) {
        self.faults.push((fault, story));
    }

    /// How many of this sort.
    pub fn count(&self, fault: Fault) -> u64 {
        self.faults.iter().filter(|(f, _)| *f == fault).count() as u64
    }
}

/// Something that needs a killed receiver to explain it, who died after `time`.
#[derive(Clone, Debug)]
struct Demand {
    time: u64,
    fault: Fault,
    story: String,
}

/// Audits a round.
pub fn audit(many_receivers: bool, lives: &[Life]) -> Findings {
    let mut audit = Audit {
        ledger: Ledger::of(lives),
        many_receivers,
        demands: Vec::new(),
        findings: Findings::default(),
    };
    audit.order();
    let settled = audit.each_message();
    audit.each_sender(&settled);
    audit.excuse();
    audit.findings
}

struct Audit {
    ledger: Ledger,
    many_receivers: bool,
    demands: Vec<Demand>,
    findings: Findings,
}

impl Audit {
    /// Rule 4. The deliveries are in the order of the diaries.
    fn order(&mut self) {
        let mut times: HashMap<Message, u32> = HashMap::new();
        for delivery in &self.ledger.deliveries {
            *times.entry(delivery.message).or_default() += 1;
        }
        if !self.many_receivers {
            self.ledger.deliveries.sort_by_key(|d| d.time);
        }
        let mut last: HashMap<(u16, u16), u32> = HashMap::new();
        for d in &self.ledger.deliveries {
            let to = if self.many_receivers { d.to } else { 0 };
            let last = last.entry((to, d.message.life)).or_insert(d.message.number);
            if d.message.number >= *last {
                *last = d.message.number;
                continue;
            }
            if times[&d.message] > 1 || self.many_receivers && d.marked {
                continue; // It came back; whether it might is for rules 2 and 5.
            }
            let story = format!("life {} received {:?} after number {last}", d.to, d.message);
            if self.many_receivers {
                self.demands.push(Demand {
                    time: self.ledger.sent_at(d.message),
                    fault: Fault::Disordered,
                    story,
                });
            } else {
                self.findings.fault(Fault::Disordered, story);
            }
        }
    }

    /// Rules 2 and 5. What has certainly been dealt with; for the rest, since when it was nobody's.
    fn each_message(&mut self) -> HashMap<Message, Result<(), u64>> {
        let mut settled = HashMap::with_capacity(self.ledger.deliveries.len());
        let mut deliveries = std::mem::take(&mut self.ledger.deliveries);
        deliveries.sort_by_key(|d| (d.message, d.time));
        for group in deliveries.chunk_by(|a, b| a.message == b.message) {
            for pair in group.windows(2) {
                self.pair(&pair[0], &pair[1]);
            }
            let (first, last) = (group[0], group[group.len() - 1]);
            if first.marked {
                self.demands.push(Demand {
                    time: self.ledger.sent_at(first.message),
                    fault: Fault::Mismarked,
                    story: format!("{first:?} says that it is not the first"),
                });
            }
            let end = match last.fate {
                Fate::Done | Fate::Either(_) => Ok(()),
                Fate::Back(since) => Err(since),
                Fate::Held => Err(last.time),
            };
            settled.insert(last.message, end);
        }
        settled
    }

    fn pair(&mut self, before: &Delivery, after: &Delivery) {
        self.findings.again += 1;
        let story = || format!("{before:?}, then {after:?}");
        match before.fate {
            Fate::Back(since) | Fate::Either(since) if since <= after.time => {}
            _ => self.findings.fault(Fault::Doubled, story()),
        }
        if self.many_receivers && after.leased && !after.marked {
            self.findings.fault(Fault::Mismarked, story());
        }
    }

    /// Rules 1 and 6.
    fn each_sender(&mut self, settled: &HashMap<Message, Result<(), u64>>) {
        for life in &self.ledger.torn {
            let story = format!("life {life} received what nobody has sent");
            self.findings.faults.push((Fault::Torn, story));
        }
        let mut ends: Vec<u32> = self.ledger.sendings.iter().map(|s| s.returned).collect();
        for message in settled.keys() {
            let sending = self.ledger.sendings.get(usize::from(message.life));
            match sending.filter(|s| message.number < s.returned + s.under_way) {
                Some(_) => {
                    let end = &mut ends[usize::from(message.life)];
                    *end = (*end).max(message.number + 1);
                }
                None => self
                    .findings
                    .fault(Fault::Invented, format!("{message:?} was not sent")),
            }
        }
        for (life, &end) in (0u16..).zip(&ends) {
            self.findings.messages += u64::from(end);
            for number in 0..end {
                let message = Message { life, number };
                let since = match settled.get(&message) {
                    Some(Ok(())) => continue,
                    Some(Err(since)) => *since,
                    None => self.ledger.sent_at(message),
                };
                self.demands.push(Demand {
                    time: since,
                    fault: Fault::Lost,
                    story: format!(
                        "{message:?} of {} is missing",
                        self.ledger.sendings[usize::from(life)].returned
                    ),
                });
            }
        }
    }

    /// Rule 3: from the latest to the earliest, each demand takes an excuse, of those that only serve it first.
    fn excuse(&mut self) {
        let mut demands = std::mem::take(&mut self.demands);
        demands.sort_by_key(|d| std::cmp::Reverse(d.time));
        self.ledger.excuses.sort_by_key(|e| std::cmp::Reverse(e.death));
        let mut excuses = self.ledger.excuses.iter().peekable();
        let (mut copies, mut leases) = (0, 0);
        for demand in demands {
            while let Some(excuse) = excuses.next_if(|e| e.death >= demand.time) {
                let room = if excuse.leasing { &mut leases } else { &mut copies };
                *room += excuse.messages;
            }
            let lost = demand.fault == Fault::Lost;
            if !lost && leases > 0 {
                leases -= 1;
            } else if copies > 0 {
                copies -= 1;
                self.findings.taken_along += u64::from(lost);
            } else {
                self.findings.fault(demand.fault, demand.story);
            }
        }
    }
}
