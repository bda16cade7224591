//! How many messages a second go from one end to the other?

use crate::ask::Ask;
use crate::crew::{Crew, Done, Failure, Outcome, Post, Work};
use crate::mechanism::{Link, Mechanism, Rx, Skip, Tx};
use crate::message::{END, Message};

use super::{extent, manner, open, together, until};

pub fn run<K: Mechanism, M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
    let (link, took) = open::<K, M>(ask)?;
    let works: [Work<'_>; 2] = [
        Box::new(|post| send(&link, post)),
        Box::new(|post| receive(&link, post)),
    ];
    let (all, calls) = crew.run(manner(K::REACH, ask), extent(ask), &works)?;
    together(K::REACH, took, &all, calls)
}

fn send<M: Message>(link: &impl Link<M>, post: &Post<'_>) -> Result<Done, Skip> {
    let mut message = M::new();
    let arrived = post.arrive();
    let mut tx = link.tx()?;
    let begun = post.begin(arrived)?;
    let (mut number, mut sum) = (0, 0u64);
    until(post.extent, &begun, || {
        message.number(number);
        tx.send(&message)?;
        sum = sum.wrapping_add(number);
        number += 1;
        Ok(())
    })?;
    message.number(END);
    tx.send(&message)?;
    Ok(Done {
        sent: number,
        sent_sum: sum,
        ..post.done(&begun)
    })
}

pub fn receive<M: Message>(link: &impl Link<M>, post: &Post<'_>) -> Result<Done, Skip> {
    let mut message = M::new();
    let arrived = post.arrive();
    let mut rx = link.rx()?;
    let begun = post.begin(arrived)?;
    let (mut expected, mut sum) = (0, 0u64);
    loop {
        rx.recv(&mut message)?;
        let number = message.checked().expect("a whole message");
        if number == END {
            break;
        }
        assert_eq!(number, expected, "in order");
        sum = sum.wrapping_add(number);
        expected += 1;
    }
    Ok(Done {
        received: expected,
        received_sum: sum,
        ..post.done(&begun)
    })
}
