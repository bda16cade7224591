//! Is there an order of the calls, one after another, in which a queue would have answered the same?
//!
//! That is what linearizable means, and it is looked for on the way: of all histories that lead to a state, all orders are
//! kept that may still turn out to be the one. A call that has begun may take effect at once or later, so both are kept;
//! when it returns, the orders go in which it has not taken effect, or otherwise. If none is left, there is none. States
//! remember the number of such a set, since the same sets come again and again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::PROCESSES;

/// Messages in the queue at most; of those who would send more, it is not yet said.
const QUEUE: usize = 5;

/// What is there to be ordered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Event {
    /// A call begins.
    Begins,
    /// It returns: sent, or empty.
    Returns,
    /// It returns a message.
    ReturnsMessage(u8),
    /// A message that was taken out for somebody dead is this call's now.
    TakesOver(u8),
    /// The same, and the dead one had it already: it is received again.
    TakesAgain(u8),
}

/// What the call of a process would do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Call {
    /// Send this message, dead or alive.
    Sends(u8),
    /// Receive.
    Receives,
    /// Receive, but who called is dead.
    Received,
}

/// What has happened in one order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Order {
    queue: [u8; QUEUE],
    calls: [Progress; PROCESSES],
}

/// How far a call is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Progress {
    /// There is none.
    Outside,
    /// Without effect so far.
    Begun,
    /// The message is in the queue, or the queue was empty.
    Done,
    /// This message is out of the queue.
    Got(u8),
}

impl Order {
    const FIRST: Order = Order {
        queue: [0; QUEUE],
        calls: [Progress::Outside; PROCESSES],
    };

    fn with(mut self, k: usize, progress: Progress) -> Order {
        self.calls[k] = progress;
        self
    }

    /// The call of `k` takes effect.
    fn effect(mut self, k: usize, call: Call) -> Option<Order> {
        let progress = match call {
            Call::Sends(message) => {
                let end = self.queue.iter().position(|&message| message == 0)?;
                self.queue[end] = message;
                Progress::Done
            }
            Call::Receives | Call::Received => match self.queue[0] {
                0 => Progress::Done,
                message => {
                    self.queue.rotate_left(1);
                    self.queue[QUEUE - 1] = 0;
                    Progress::Got(message)
                }
            },
        };
        Some(self.with(k, progress))
    }

    /// Those to whom a message goes that is out of the queue, and who are dead.
    fn dead_with(self, message: u8, calls: Calls) -> impl Iterator<Item = usize> {
        (0..PROCESSES).filter(move |&k| calls[k] == Call::Received && self.calls[k] == Progress::Got(message))
    }
}

pub(super) type Calls = [Call; PROCESSES];

/// All sets that were come across.
#[derive(Debug, Default)]
struct Known {
    sets: IndexSet<Vec<Order>, FxBuildHasher>,
    after: FxHashMap<(u32, usize, Event, Calls), Option<u32>>,
}

/// The sets of orders, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Orders(Mutex<Known>);

impl Clone for Orders {
    /// Numbers mean nothing elsewhere.
    fn clone(&self) -> Self {
        Orders::default()
    }
}

impl Orders {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing has happened.
    pub(super) fn first(&self) -> u32 {
        let mut known = self.known();
        *known = Known::default();
        known.number(vec![Order::FIRST])
    }

    /// What is left of `orders` after an event of process `k`; `None` if nothing is.
    pub(super) fn after(&self, orders: u32, k: usize, event: Event, calls: Calls) -> Option<u32> {
        self.known().after(orders, k, event, calls)
    }

    /// In some order everything that was sent is received, by somebody who did not die with it.
    pub(super) fn nothing_lost(&self, orders: u32, calls: &Calls) -> bool {
        let lost =
            |(progress, call): (&Progress, &Call)| matches!((progress, call), (Progress::Got(_), Call::Received));
        let well = |order: &Order| order.queue[0] == 0 && !order.calls.iter().zip(calls).any(lost);
        self.known().sets[orders as usize].iter().any(well)
    }
}

impl Known {
    fn number(&mut self, mut set: Vec<Order>) -> u32 {
        set.sort_unstable();
        set.dedup();
        self.sets.insert_full(set).0 as u32
    }

    fn after(&mut self, orders: u32, k: usize, event: Event, calls: Calls) -> Option<u32> {
        let key = (orders, k, event, calls);
        if let Some(&known) = self.after.get(&key) {
            return known;
        }
        let before = self.sets[orders as usize].iter();
        let mut set: Vec<Order> = before.filter_map(|order| follow(*order, k, event, &calls)).collect();
        if event == Event::Begins {
            close(&mut set, &calls);
        }
        let after = (!set.is_empty()).then(|| self.number(set));
        self.after.insert(key, after);
        after
    }
}

/// The order with the event, if it can be.
fn follow(order: Order, k: usize, event: Event, calls: &Calls) -> Option<Order> {
    match (event, order.calls[k]) {
        (Event::Begins, _) => Some(order.with(k, Progress::Begun)),
        (Event::Returns, Progress::Done) => Some(order.with(k, Progress::Outside)),
        (Event::ReturnsMessage(message), Progress::Got(got)) if got == message => {
            Some(order.with(k, Progress::Outside))
        }
        (Event::TakesOver(message), Progress::Begun) => {
            let dead = order.dead_with(message, *calls).next()?;
            Some(order.with(dead, Progress::Outside).with(k, Progress::Got(message)))
        }
        (Event::TakesAgain(message), Progress::Begun) => {
            let dead = order.dead_with(message, *calls);
            let order = dead.fold(order, |order, dead| order.with(dead, Progress::Outside));
            Some(order.with(k, Progress::Got(message)))
        }
        _ => None,
    }
}

/// Any call that has begun may take effect, in any order.
fn close(set: &mut Vec<Order>, calls: &Calls) {
    let mut at = 0;
    while at < set.len() {
        let order = set[at];
        at += 1;
        for (k, &call) in calls.iter().enumerate() {
            let effect = (order.calls[k] == Progress::Begun)
                .then(|| order.effect(k, call))
                .flatten();
            if let Some(effect) = effect.filter(|effect| !set.contains(effect)) {
                set.push(effect);
            }
        }
    }
}
