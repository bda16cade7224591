//! How many messages a second go between several senders and several receivers?
//!
//! Each message goes to one receiver; the messages of one sender come to each receiver in order. The last sender to finish sends
//! an end for each receiver.

use crate::ask::Ask;
use crate::crew::{Crew, Done, Failure, Outcome, Post, Work};
use crate::mechanism::{Link, Mechanism, Rx, Skip, Tx};
use crate::message::{END, Message};

use super::{extent, manner, open, together, until};

/// The number of a message: 16 bits of sender, 48 of its own count.
const COUNT: u32 = 48;

pub fn run<K: Mechanism, M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
    let (link, took) = open::<K, M>(ask)?;
    let link = &link;
    let senders = (0..ask.senders).map(|me| -> Work<'_> { Box::new(move |post| send(link, me as u64, ask, post)) });
    let receivers = (0..ask.receivers).map(|_| -> Work<'_> { Box::new(move |post| receive(link, ask, post)) });
    // In turn, so that a sender and a receiver stand first, on two processors.
    let (mut senders, mut receivers) = (senders.peekable(), receivers.peekable());
    let mut works = Vec::new();
    while senders.peek().is_some() || receivers.peek().is_some() {
        works.extend(senders.next());
        works.extend(receivers.next());
    }
    let (all, calls) = crew.run(manner(K::REACH, ask), extent(ask), &works)?;
    together(K::REACH, took, &all, calls)
}

fn send<M: Message>(link: &impl Link<M>, me: u64, ask: &Ask, post: &Post<'_>) -> Result<Done, Skip> {
    let mut message = M::new();
    let arrived = post.arrive();
    let mut tx = link.tx()?;
    let begun = post.begin(arrived)?;
    let (mut count, mut sum) = (0, 0u64);
    until(post.extent, &begun, || {
        let number = me << COUNT | count;
        message.number(number);
        tx.send(&message)?;
        sum = sum.wrapping_add(number);
        count += 1;
        Ok(())
    })?;
    if post.board.finish() as usize == ask.senders {
        message.number(END);
        for _ in 0..ask.receivers {
            tx.send(&message)?;
        }
    }
    Ok(Done {
        sent: count,
        sent_sum: sum,
        ..post.done(&begun)
    })
}

fn receive<M: Message>(link: &impl Link<M>, ask: &Ask, post: &Post<'_>) -> Result<Done, Skip> {
    let mut message = M::new();
    let mut next = vec![0; ask.senders];
    let arrived = post.arrive();
    let mut rx = link.rx()?;
    let begun = post.begin(arrived)?;
    let (mut received, mut sum) = (0, 0u64);
    loop {
        rx.recv(&mut message)?;
        let number = message.checked().expect("a whole message");
        if number == END {
            break;
        }
        let (sender, count) = ((number >> COUNT) as usize, number & ((1 << COUNT) - 1));
        assert!(count >= next[sender], "in each sender's order, and once");
        next[sender] = count + 1;
        sum = sum.wrapping_add(number);
        received += 1;
    }
    Ok(Done {
        received,
        received_sum: sum,
        ..post.done(&begun)
    })
}
