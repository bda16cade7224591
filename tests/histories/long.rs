//! What can a long history show that a queue never does?
//!
//! Deciding linearizability takes too long for a hundred thousand messages, but if all messages are different and all are
//! received, a history of a queue is linearizable if and only if it has none of a few patterns (Henzinger, Sezgin and
//! Vafeiadis, "Aspect-Oriented Linearizability Proofs", 2013): a message received that was not sent, or before it was
//! sent; one received twice; two received in an order that contradicts the order in which they were sent. To those come
//! what this queue promises besides: each receiver sees each sender's order, and never are there more messages than
//! slots.

use std::collections::HashMap;

use annulus::{Channel, End, Kind};

use super::record::{Operation, timed};
use super::{Generic, PASSED, start, with_kind};
use crate::support::message::Message;
use crate::support::{Link, Peer, Words};

/// Messages in a history, all senders' together.
const MESSAGES: u64 = 60_000;

/// Records histories of each shape, and checks them.
pub fn long_histories_show_no_violation<S: End, R: End>() {
    for (senders, receivers) in super::shapes(Channel::<u64, S, R>::kind()) {
        for capacity in [1, 4, 64] {
            let channel = Channel::<u64, S, R>::anonymous(capacity).expect("a channel");
            crate::support::words::forget();
            let words = Words::of(&channel);
            words.wind(1000);
            // With few slots most operations sleep.
            let messages = if capacity == 1 { MESSAGES / 6 } else { MESSAGES };
            let mut peers: Vec<Peer> = (0..senders + receivers)
                .map(|number| start(&channel, "long", number < senders, number))
                .collect();
            for peer in &mut peers {
                peer.expect("attached");
            }
            for peer in &mut peers {
                peer.tell(messages / senders as u64);
            }
            let histories: Vec<Vec<Operation>> = peers.iter_mut().map(super::hear).collect();
            let kind: Kind = Channel::<u64, S, R>::kind();
            if let Err(why) = check(&histories, capacity) {
                panic!("{kind:?} with {capacity} slots: {why}");
            }
            assert!(words.all_free());
        }
    }
}

/// A re-executed process.
pub fn recorder(link: &mut Link) {
    with_kind(link, Record);
}

struct Record;

impl Generic for Record {
    fn run<T: Message, S: End, R: End>(self, link: &mut Link) {
        let channel = Channel::<T, S, R>::inherited(PASSED).unwrap();
        let number: u64 = std::env::var("NUMBER").unwrap().parse().unwrap();
        let mut history = Vec::new();
        if std::env::var("SENDS").unwrap() == "true" {
            let tx = channel.sender().unwrap();
            link.say("attached");
            let count: u64 = link.hear().unwrap().parse().unwrap();
            for seq in 0..count {
                let value = number << 32 | seq;
                history.push(timed(true, || {
                    tx.send(T::of(value)).unwrap();
                    (vec![value], false)
                }));
            }
        } else {
            let rx = channel.receiver().unwrap();
            link.say("attached");
            link.hear().unwrap();
            loop {
                let operation = timed(false, || match rx.recv() {
                    Ok(value) => (vec![value.number()], false),
                    Err(_) => (Vec::new(), true),
                });
                if operation.refused {
                    break;
                }
                history.push(operation);
            }
        }
        let history: Vec<_> = history.iter().map(ToString::to_string).collect();
        link.say(history.join(";"));
    }
}

/// The patterns; each operation is one message.
pub fn check(histories: &[Vec<Operation>], capacity: usize) -> Result<(), String> {
    let mut sent = HashMap::new();
    for operation in histories.iter().flatten().filter(|o| o.sends) {
        sent.insert(operation.values[0], operation);
    }
    let mut received: HashMap<u64, &Operation> = HashMap::new();
    for history in histories {
        let mut last: HashMap<u64, u64> = HashMap::new();
        for operation in history.iter().filter(|o| !o.sends) {
            let value = operation.values[0];
            let Some(send) = sent.get(&value) else {
                return Err(format!("{value:#x} was never sent"));
            };
            if operation.responded < send.invoked {
                return Err(format!("{value:#x} was received before it was sent"));
            }
            if received.insert(value, operation).is_some() {
                return Err(format!("{value:#x} was received twice"));
            }
            if let Some(last) = last.insert(value >> 32, value)
                && last > value
            {
                return Err(format!("{last:#x} before {value:#x} at one receiver"));
            }
        }
    }
    if let Some(lost) = sent.keys().find(|value| !received.contains_key(value)) {
        return Err(format!("{lost:#x} was lost"));
    }
    let pairs: Vec<(&Operation, &Operation)> = sent.iter().map(|(value, send)| (*send, received[value])).collect();
    order(&pairs)?;
    room(&pairs, capacity)
}

/// `a` sent before `b` began to be sent, `b` received before `a` began to be received.
fn order(pairs: &[(&Operation, &Operation)]) -> Result<(), String> {
    let mut by_response: Vec<_> = pairs.to_vec();
    by_response.sort_by_key(|(send, _)| send.responded);
    let mut by_invocation: Vec<_> = pairs.to_vec();
    by_invocation.sort_by_key(|(send, _)| send.invoked);
    let mut before = by_response.into_iter().peekable();
    // Of those sent before, the one whose receiving began last.
    let mut latest: Option<(&Operation, &Operation)> = None;
    for (send, receive) in by_invocation {
        while let Some(pair) = before.next_if(|(earlier, _)| earlier.responded < send.invoked) {
            if latest.is_none_or(|(_, latest)| latest.invoked < pair.1.invoked) {
                latest = Some(pair);
            }
        }
        if let Some((a, late)) = latest
            && receive.responded < late.invoked
        {
            return Err(format!(
                "{:#x} was sent before {:#x} and received after it",
                a.values[0], send.values[0]
            ));
        }
    }
    Ok(())
}

/// More messages sent than slots, with none of them begun to be received.
fn room(pairs: &[(&Operation, &Operation)], capacity: usize) -> Result<(), String> {
    let mut events: Vec<(u64, i64)> = Vec::new();
    for (send, receive) in pairs {
        events.push((send.responded, 1));
        events.push((receive.invoked, -1));
    }
    // At the same time: what makes room comes first.
    events.sort_unstable();
    let mut there = 0;
    for (time, change) in events {
        there += change;
        if there > capacity as i64 {
            return Err(format!("at {time} there were {there} messages in {capacity} slots"));
        }
    }
    Ok(())
}
