//! One sender, one receiver, 8 bytes a message: how fast does the stream go?

use std::hint::spin_loop;

use annulus::{FenceMode, spsc};

use super::crew::{self, Order, Post, Task};
use super::duel::{Question, Run, Side, Target};
use super::machine::Lab;

const SEND: &str = "one-way-send";
const RECEIVE: &str = "one-way-receive";
/// The channel's name in the workers.
const RING: &str = "ring";
/// Messages a run: some 10 ms, so that most runs are over before anybody else wants the processor.
const MESSAGES: u64 = 3_000_000;
/// Messages a call, in batches.
const BATCH: usize = 64;

pub fn questions() -> Vec<Question> {
    let against_rtrb = |slots: usize, target| Question {
        name: format!("spsc 8 B, {slots} slots: send/recv vs rtrb"),
        operations: MESSAGES,
        a: ours(slots, 1, None),
        b: Side {
            name: "rtrb push/pop".to_owned(),
            run: Box::new(move |lab, messages| rtrb(lab, slots, messages)),
        },
        target,
    };
    let against_ourselves = |name: &str, a, b, target| Question {
        name: name.to_owned(),
        operations: MESSAGES,
        a,
        b,
        target,
    };
    vec![
        against_rtrb(256, Target::Faster(1.5)),
        against_rtrb(1024, Target::Faster(1.3)),
        against_rtrb(4096, Target::Aim(1.0)),
        against_rtrb(65_536, Target::Faster(1.5)),
        against_ourselves(
            "spsc 8 B, 1024 slots: batches of 64",
            ours(1024, BATCH, None),
            ours(1024, 1, None),
            Target::Faster(1.5),
        ),
        against_ourselves(
            "spsc 8 B, 65536 slots: batches of 64",
            ours(65_536, BATCH, None),
            ours(65_536, 1, None),
            Target::Faster(1.5),
        ),
        against_ourselves(
            "spsc 8 B, 1024 slots: membarrier vs fenced",
            ours(1024, 1, Some(FenceMode::Membarrier)),
            ours(1024, 1, Some(FenceMode::Fenced)),
            Target::Told,
        ),
    ]
}

/// Between two processes; in batches if `batch` is more than 1.
fn ours(slots: usize, batch: usize, mode: Option<FenceMode>) -> Side {
    let name = match (mode, batch) {
        (Some(mode), _) => format!("{mode:?}").to_lowercase(),
        (None, 1) => "send/recv".to_owned(),
        (None, _) => "send_many/recv_many".to_owned(),
    };
    let run = move |lab: &Lab, messages| {
        let builder = spsc::Channel::<u64>::builder(slots);
        let builder = match mode {
            Some(mode) => builder.fence_mode(mode),
            None => builder,
        };
        let channel = builder.anonymous().expect("a channel");
        {
            // Touch every slot first: fresh shared memory costs 2.7 µs a page.
            let (tx, rx) = (
                channel.sender().expect("a sender"),
                channel.receiver().expect("a receiver"),
            );
            for i in 0..slots as u64 {
                tx.send(i).expect("room");
                rx.recv().expect("a message");
            }
        }
        let orders = [SEND, RECEIVE].map(|role| Order {
            role,
            messages,
            batch,
            senders: 1,
            receivers: 1,
        });
        let outcome = crew::processes(lab, &orders, |command| channel.pass_to(command, RING).expect("pass"));
        assert_eq!(outcome.count, messages, "every message arrives");
        Run::of(outcome, messages, 2)
    };
    Side {
        name,
        run: Box::new(run),
    }
}

fn rtrb(lab: &Lab, slots: usize, messages: u64) -> Run {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(slots);
    for i in 0..slots as u64 {
        producer.push(i).expect("room");
        consumer.pop().expect("a message");
    }
    let send = Box::new(move |post: Post<'_>| {
        post.perform(|| {
            send_in_order(messages, |value| {
                while producer.push(value).is_err() {
                    spin_loop();
                }
            });
            (0, 0, 0)
        });
    });
    let receive = Box::new(move |post: Post<'_>| {
        post.perform(|| {
            receive_in_order(messages, || {
                loop {
                    if let Ok(value) = consumer.pop() {
                        return value;
                    }
                    spin_loop();
                }
            });
            (0, messages, 0)
        });
    });
    Run::of(crew::threads(lab, vec![send, receive]), messages, 2)
}

pub fn worker(task: &Task<'_>) -> Option<()> {
    let channel = || spsc::Channel::<u64>::inherited(RING).expect("the channel");
    let messages = task.order.messages;
    let batch = task.order.batch;
    match task.role {
        SEND => {
            let tx = channel().sender().expect("a sender");
            task.post.perform(|| {
                if batch == 1 {
                    send_in_order(messages, |value| tx.send(value).expect("a receiver"));
                } else {
                    send_batches(messages, |values| tx.send_many(values).expect("a receiver"));
                }
                (0, 0, 0)
            });
        }
        RECEIVE => {
            let rx = channel().receiver().expect("a receiver");
            task.post.perform(|| {
                if batch == 1 {
                    receive_in_order(messages, || rx.recv().expect("a message"));
                } else {
                    receive_batches(messages, |values| rx.recv_many(values).expect("a message"));
                }
                (0, messages, 0)
            });
        }
        _ => return None,
    }
    Some(())
}

fn send_in_order(messages: u64, mut push: impl FnMut(u64)) {
    for value in 0..messages {
        push(value);
    }
}

fn receive_in_order(messages: u64, mut pop: impl FnMut() -> u64) {
    for expected in 0..messages {
        assert_eq!(pop(), expected, "in order");
    }
}

fn send_batches(messages: u64, mut push: impl FnMut(&[u64])) {
    let mut values = [0; BATCH];
    for first in (0..messages).step_by(BATCH) {
        let count = (messages - first).min(BATCH as u64) as usize;
        for (value, n) in values.iter_mut().zip(first..) {
            *value = n;
        }
        push(&values[..count]);
    }
}

fn receive_batches(messages: u64, mut pop: impl FnMut(&mut [u64]) -> usize) {
    let mut values = [0; BATCH];
    let mut expected = 0;
    while expected < messages {
        let most = (messages - expected).min(BATCH as u64) as usize;
        let count = pop(&mut values[..most]);
        for value in &values[..count] {
            assert_eq!(*value, expected, "in order");
            expected += 1;
        }
    }
}
