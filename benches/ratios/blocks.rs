//! What does it cost to hand a block over, and does its size matter?
//!
//! There and one back, as for the ring's messages. The bytes of a block are not touched but for its first item: what is
//! asked is how long it takes until the other process has the slice.

use std::time::Duration;

use annulus::blocks::{Channel, Loan, Receiver, Sender};
use annulus::mpmc;

use super::crew::{self, Order, Task};
use super::duel::{Question, Run, Side, Target};
use super::machine::Lab;

const FIRST: &str = "blocks-first";
const SECOND: &str = "blocks-second";
const RING_FIRST: &str = "mpmc-first";
const RING_SECOND: &str = "mpmc-second";
const THERE: &str = "there";
const BACK: &str = "back";
const SLOTS: usize = 64;
const TRIPS: u64 = 200_000;
/// Items of eight bytes: 64 B, 64 KiB, 500 MB.
const SMALL: usize = 8;
const MIDDLE: usize = 8 << 10;
const LARGE: usize = 500_000_000 / 8;
/// The longest spin: neither side sleeps.
const SPIN: Duration = Duration::from_secs(1);

pub fn questions() -> Vec<Question> {
    let round_trip = |name: &str, a, b, target| Question {
        name: format!("blocks, round trip spinning: {name}"),
        operations: TRIPS,
        a,
        b,
        target,
    };
    vec![
        round_trip(
            "64 B vs an 8-byte message in a ring, mpmc",
            blocks(SMALL),
            ring(),
            Target::Slower(2.0),
        ),
        round_trip("64 KiB vs 64 B", blocks(MIDDLE), blocks(SMALL), Target::Slower(1.1)),
        round_trip("500 MB vs 64 B", blocks(LARGE), blocks(SMALL), Target::Slower(1.1)),
    ]
}

fn blocks(items: usize) -> Side {
    let run = move |lab: &Lab, trips| {
        let channel = || {
            let builder = Channel::<[u64]>::builder(2, items).spin_time(SPIN).max_bytes(u64::MAX);
            builder.anonymous().expect("a channel")
        };
        let (there, back) = (channel(), channel());
        let orders = orders([FIRST, SECOND], trips, items);
        let outcome = crew::processes(lab, &orders, |command| {
            there.pass_to(command, THERE).expect("pass");
            back.pass_to(command, BACK).expect("pass");
        });
        Run::of(outcome, trips, 2)
    };
    Side {
        name: format!("loan/send/recv of {} B", items * 8),
        run: Box::new(run),
    }
}

fn ring() -> Side {
    let run = move |lab: &Lab, trips| {
        let channel = || {
            let builder = mpmc::Channel::<u64>::builder(SLOTS).spin_time(SPIN);
            builder.anonymous().expect("a channel")
        };
        let (there, back) = (channel(), channel());
        let orders = orders([RING_FIRST, RING_SECOND], trips, 1);
        let outcome = crew::processes(lab, &orders, |command| {
            there.pass_to(command, THERE).expect("pass");
            back.pass_to(command, BACK).expect("pass");
        });
        Run::of(outcome, trips, 2)
    };
    Side {
        name: "send/recv".to_owned(),
        run: Box::new(run),
    }
}

/// `batch` is how many items a block has.
fn orders(roles: [&'static str; 2], messages: u64, batch: usize) -> [Order; 2] {
    roles.map(|role| Order {
        role,
        messages,
        batch,
        senders: 1,
        receivers: 1,
    })
}

pub fn worker(task: &Task<'_>) -> Option<()> {
    let trips = task.order.messages;
    let items = task.order.batch;
    let perform = |work: &mut dyn FnMut()| {
        task.post.perform(|| {
            work();
            (0, 0, 0)
        });
    };
    let blocks = |name| Channel::<[u64]>::inherited(name).expect("the channel");
    let ring = |name| mpmc::Channel::<u64>::inherited(name).expect("the channel");
    match task.role {
        FIRST => {
            let tx = blocks(THERE).sender().expect("a sender");
            let rx = blocks(BACK).receiver().expect("a receiver");
            perform(&mut || {
                for i in 0..trips {
                    hand_over(&tx, items, i);
                    assert_eq!(take(&rx, items), !i, "the answer to this message");
                }
            });
        }
        SECOND => {
            let rx = blocks(THERE).receiver().expect("a receiver");
            let tx = blocks(BACK).sender().expect("a sender");
            perform(&mut || {
                for i in 0..trips {
                    assert_eq!(take(&rx, items), i, "in order");
                    hand_over(&tx, items, !i);
                }
            });
        }
        RING_FIRST => {
            let tx = ring(THERE).sender().expect("a sender");
            let rx = ring(BACK).receiver().expect("a receiver");
            perform(&mut || {
                for i in 0..trips {
                    tx.send(i).expect("the other side");
                    assert_eq!(rx.recv().expect("the other side"), !i, "the answer to this message");
                }
            });
        }
        RING_SECOND => {
            let rx = ring(THERE).receiver().expect("a receiver");
            let tx = ring(BACK).sender().expect("a sender");
            perform(&mut || {
                for i in 0..trips {
                    assert_eq!(rx.recv().expect("the other side"), i, "in order");
                    tx.send(!i).expect("the other side");
                }
            });
        }
        _ => return None,
    }
    Some(())
}

fn hand_over(tx: &Sender<[u64]>, items: usize, value: u64) {
    let mut loan = tx.loan_uninit(items).expect("the other side");
    loan[0].write(value);
    // SAFETY: the first item was written, and nothing was to the others.
    let loan: Loan<[u64]> = unsafe { loan.assume_init() };
    loan.send().expect("the other side");
}

fn take(rx: &Receiver<[u64]>, items: usize) -> u64 {
    let block = rx.recv().expect("the other side");
    assert_eq!(block.len(), items, "as sent");
    block[0]
}
