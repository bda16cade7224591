//! Several senders, several receivers, 8 bytes a message: how fast does the stream go?
//!
//! Both sides spin, by one policy ([`Patience`], that of `crossbeam_utils::Backoff::snooze`): after a refused try 1, 2, 4
//! … 64 pauses, from the eighth in a row `sched_yield`, since with more workers than processors somebody else has to run.

use std::hint::spin_loop;
use std::sync::atomic::Ordering::AcqRel;

use annulus::mpmc;
use crossbeam_queue::ArrayQueue;

use super::board::now;
use super::crew::{self, Order, Post, Task, Work};
use super::duel::{Question, Run, Side, Target};
use super::machine::Lab;

const SEND: &str = "many-send";
const RECEIVE: &str = "many-receive";
const RING: &str = "ring";
/// Messages a run: some 20 ms.
const MESSAGES: u64 = 2_000_000;
/// The end of the stream, one for each receiver.
const STOP: u64 = u64::MAX;
/// A message is its sender above this, and a number below.
const SENDER_SHIFT: u32 = 48;

pub fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for (slots, least) in [(1024, 2.0), (65_536, 1.0)] {
        for (senders, receivers) in [(1, 1), (2, 2), (4, 4), (1, 4), (4, 1)] {
            questions.push(Question {
                name: format!("mpmc {senders}:{receivers} 8 B, {slots} slots: vs ArrayQueue"),
                operations: MESSAGES,
                a: Side {
                    name: "try_send/try_recv".to_owned(),
                    run: Box::new(move |lab, messages| ours(lab, slots, senders, receivers, messages)),
                },
                b: Side {
                    name: "ArrayQueue push/pop".to_owned(),
                    run: Box::new(move |lab, messages| array_queue(lab, slots, senders, receivers, messages)),
                },
                target: Target::Faster(least),
            });
        }
    }
    questions
}

fn ours(lab: &Lab, slots: usize, senders: usize, receivers: usize, messages: u64) -> Run {
    let channel = mpmc::Channel::<u64>::anonymous(slots).expect("a channel");
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
    let order = |role| Order {
        role,
        messages: messages / senders as u64,
        batch: 1,
        senders,
        receivers,
    };
    let mut orders = vec![order(SEND); senders];
    orders.extend(vec![order(RECEIVE); receivers]);
    let outcome = crew::processes(lab, &orders, |command| channel.pass_to(command, RING).expect("pass"));
    check(outcome.count, outcome.sum, senders, messages);
    Run::of(outcome, outcome.count, orders.len())
}

pub fn worker(task: &Task<'_>) -> Option<()> {
    let channel = || mpmc::Channel::<u64>::inherited(RING).expect("the channel");
    match task.role {
        SEND => {
            let tx = channel().sender().expect("a sender");
            send(&task.post, &task.order, |value| tx.try_send(value).is_ok());
        }
        RECEIVE => {
            let rx = channel().receiver().expect("a receiver");
            receive(&task.post, &task.order, || rx.try_recv().ok());
        }
        _ => return None,
    }
    Some(())
}

fn array_queue(lab: &Lab, slots: usize, senders: usize, receivers: usize, messages: u64) -> Run {
    let queue = ArrayQueue::new(slots);
    for i in 0..slots as u64 {
        queue.push(i).expect("room");
        queue.pop().expect("a message");
    }
    let queue = &*Box::leak(Box::new(queue));
    let order = Order {
        role: "",
        messages: messages / senders as u64,
        batch: 1,
        senders,
        receivers,
    };
    let mut works: Vec<Work<'_>> = Vec::new();
    for _ in 0..senders {
        let order = order.clone();
        works.push(Box::new(move |post| {
            send(&post, &order, |value| queue.push(value).is_ok())
        }));
    }
    for _ in 0..receivers {
        let order = order.clone();
        works.push(Box::new(move |post| receive(&post, &order, || queue.pop())));
    }
    let crew = works.len();
    let outcome = crew::threads(lab, works);
    check(outcome.count, outcome.sum, senders, messages);
    Run::of(outcome, outcome.count, crew)
}

/// What to do after a refused try.
#[derive(Default)]
struct Patience(u32);

/// Tries before the first yield.
const TRIES: u32 = 7;

impl Patience {
    /// Whether it yielded.
    fn refused(&mut self) -> bool {
        if self.0 == TRIES {
            std::thread::yield_now();
            return true;
        }
        for _ in 0..1 << self.0 {
            spin_loop();
        }
        self.0 += 1;
        false
    }
}

#[inline(always)]
fn until_done(mut attempt: impl FnMut() -> bool) {
    let mut patience = Patience::default();
    while !attempt() {
        patience.refused();
    }
}

fn send(post: &Post<'_>, order: &Order, mut push: impl FnMut(u64) -> bool) {
    post.perform(|| {
        let me = (post.index as u64) << SENDER_SHIFT;
        for i in 0..order.messages {
            until_done(|| push(me | i));
        }
        // Who is the last to have sent everything tells the receivers: behind all messages.
        if post.board.done.0.fetch_add(1, AcqRel) as usize + 1 == order.senders {
            for _ in 0..order.receivers {
                until_done(|| push(STOP));
            }
        }
        (0, 0, 0)
    });
}

/// Checks that each sender's messages come in order; all together are added up and checked by the caller.
fn receive(post: &Post<'_>, order: &Order, mut pop: impl FnMut() -> Option<u64>) {
    post.perform(|| {
        let mut next = vec![0; order.senders];
        let (mut count, mut sum, mut idle) = (0, 0u64, 0);
        loop {
            let mut patience = Patience::default();
            let value = loop {
                if let Some(value) = pop() {
                    break value;
                }
                // Time is asked for only when there has been nothing for a while.
                if patience.refused() && idle == 0 {
                    idle = now();
                }
            };
            if value == STOP {
                break;
            }
            idle = 0;
            let (sender, number) = ((value >> SENDER_SHIFT) as usize, value & ((1 << SENDER_SHIFT) - 1));
            assert!(number >= next[sender], "each sender's messages in order");
            next[sender] = number + 1;
            count += 1;
            sum = sum.wrapping_add(value);
        }
        // Waiting for the end is not part of the work.
        (idle, count, sum)
    });
}

fn check(count: u64, sum: u64, senders: usize, messages: u64) {
    let each = messages / senders as u64;
    let expected = (0..senders as u64).fold(0u64, |sum, sender| {
        let numbers = each * (each - 1) / 2;
        sum.wrapping_add((sender << SENDER_SHIFT).wrapping_mul(each))
            .wrapping_add(numbers)
    });
    assert_eq!((count, sum), (each * senders as u64, expected), "every message once");
}
