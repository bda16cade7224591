//! What is left of an operation on blocks that is killed after any of its instructions?
//!
//! As for slots: all of it or nothing. What was published comes, what a receiver had comes again and says so, and what a
//! sender had is free.

use std::time::Duration;

use annulus::blocks::TryLoanError;

use crate::stepping::{At, Walker, mark};
use crate::support::Test;
use crate::support::audit::each_once;
use crate::support::pool::{Phase, Pool};
use crate::support::stock::{self, Channel, Picture, ROOM, Rx, Tx, items, number_of};
use crate::tally::{Stage, at_each_instruction};
use crate::world::{BEHIND, STAKE, WARM_UP};

/// The last that is sent after a death.
const LAST: u64 = 99;
const BLOCKS: usize = 6;
/// By so many instructions a clock that is read in the vDSO may take more or less each time: it begins again if the kernel has
/// moved it meanwhile, which is likely while a process is single-stepped. What comes so soon after a stage may be before it.
const CLOCK: usize = 300;

/// Each at the one kind of channel that there is.
pub fn tests() -> [Test; 4] {
    [
        Test::new(
            "blocks::a_loan_and_its_send_killed_anywhere_have_sent_the_message_or_not",
            a_loan_and_its_send_killed_anywhere_have_sent_the_message_or_not,
        ),
        Test::new(
            "blocks::a_try_recv_and_its_drop_killed_anywhere_have_dealt_with_the_message_or_not",
            a_try_recv_and_its_drop_killed_anywhere_have_dealt_with_the_message_or_not,
        ),
        Test::new(
            "blocks::a_drop_of_a_loan_killed_anywhere_leaves_no_block_behind",
            a_drop_of_a_loan_killed_anywhere_leaves_no_block_behind,
        ),
        Test::new(
            "blocks::a_try_loan_that_reaps_killed_anywhere_leaves_no_block_behind",
            a_try_loan_that_reaps_killed_anywhere_leaves_no_block_behind,
        ),
    ]
}

fn channel() -> (Channel, Pool) {
    let channel = Channel::builder(BLOCKS, ROOM)
        .spin_time(Duration::ZERO)
        .tick(Duration::from_millis(1))
        .table_length(8);
    let channel = channel.anonymous().expect("a channel");
    let pool = Pool::of(&channel);
    (channel, pool)
}

fn send(tx: &Tx, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(stock::try_send(tx, number), Ok(true), "a block for {number}");
    }
}

fn take(rx: &Rx, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(rx.try_recv().map(|block| number_of(&block)), Ok(number));
    }
}

fn a_loan_and_its_send_killed_anywhere_have_sent_the_message_or_not() {
    at_each_instruction("blocks: try_loan, filled, and send", Stage::Done, |count| {
        let (channel, pool) = channel();
        let rx = channel.receiver().unwrap();
        let mut sender = Walker::fork(|| {
            let tx = channel.sender().unwrap();
            send(&tx, WARM_UP);
            let items = items(STAKE);
            mark();
            let mut loan = tx.try_loan(items.len()).unwrap();
            loan.set_header(stock::header(STAKE));
            loan.copy_from_slice(&items);
            let sent = loan.send();
            mark();
            assert!(sent.is_ok());
            mark();
        });
        sender.go_to_mark();
        take(&rx, WARM_UP);
        let id = pool.sender_of(sender.pid());
        let tx = channel.sender().unwrap();
        let reached = sender.steps(count);
        if reached.at == At::Mark {
            sender.go_to_mark(); // And it knows that it has sent it.
        }
        drop(sender); // Killed there.
        let picture = Picture::of(&pool);
        let stage = match picture.held(id).next() {
            _ if picture.messages() == [STAKE] => Stage::Done,
            Some(_) => Stage::Claimed,
            None => Stage::NotDone,
        };
        let came = go_on(&channel, &pool, &tx, &rx, count);
        assert_eq!(came.first() == Some(&STAKE), stage == Stage::Done);
        (reached, stage)
    });
}

fn a_try_recv_and_its_drop_killed_anywhere_have_dealt_with_the_message_or_not() {
    at_each_instruction("blocks: try_recv, read, and drop", Stage::Done, |count| {
        let (channel, pool) = channel();
        let tx = channel.sender().unwrap();
        send(&tx, WARM_UP);
        send(&tx, [STAKE]);
        let mut receiver = Walker::fork(|| {
            let rx = channel.receiver().unwrap();
            take(&rx, WARM_UP);
            mark();
            let block = rx.try_recv().unwrap();
            let number = number_of(&block);
            drop(block);
            mark();
            assert_eq!(number, STAKE);
            mark();
        });
        receiver.go_to_mark();
        send(&tx, BEHIND);
        let id = pool.receiver_of(receiver.pid());
        let rx = channel.receiver().unwrap();
        let reached = receiver.steps(count);
        if reached.at == At::Mark {
            receiver.go_to_mark(); // And it knows which it has received.
        }
        drop(receiver); // Killed there.
        let picture = Picture::of(&pool);
        let stage = match picture.held(id).next() {
            Some(seen) => {
                assert_eq!((seen.block.phase, seen.number), (Phase::Reading, Some(STAKE)));
                Stage::Claimed
            }
            None if picture.messages().contains(&STAKE) => Stage::NotDone,
            None => Stage::Done,
        };
        let came = go_on(&channel, &pool, &tx, &rx, count);
        assert_eq!(came.contains(&STAKE), stage != Stage::Done);
        if stage == Stage::NotDone {
            assert!(came.is_sorted(), "{came:?}");
        }
        (reached, stage)
    });
}

fn a_drop_of_a_loan_killed_anywhere_leaves_no_block_behind() {
    at_each_instruction("blocks: drop of a loan", Stage::Done, |count| {
        let (channel, pool) = channel();
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let mut sender = Walker::fork(|| {
            let tx = channel.sender().unwrap();
            drop(tx.try_loan(1).unwrap());
            let loan = tx.try_loan(1).unwrap();
            mark();
            drop(loan);
            mark();
        });
        sender.go_to_mark();
        let id = pool.sender_of(sender.pid());
        let reached = sender.steps(count);
        drop(sender); // Killed there.
        let stage = match Picture::of(&pool).held(id).next() {
            Some(_) => Stage::NotDone,
            None => Stage::Done,
        };
        assert_eq!(go_on(&channel, &pool, &tx, &rx, count), [LAST]);
        (reached, stage)
    });
}

fn a_try_loan_that_reaps_killed_anywhere_leaves_no_block_behind() {
    let mut farthest = (0, Stage::NotDone);
    at_each_instruction("blocks: try_loan of what a dead sender had", Stage::Done, |count| {
        let (channel, pool) = channel();
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let mut dead = Walker::fork(|| {
            let tx = channel.sender().unwrap();
            let _loan = tx.try_loan(1).unwrap();
            mark();
        });
        dead.go_to_mark();
        let dead_id = pool.sender_of(dead.pid());
        let mut sender = Walker::fork(|| {
            let tx = channel.sender().unwrap();
            let _others: Vec<_> = (1..BLOCKS).map(|_| tx.try_loan(1).unwrap()).collect();
            // Until the next look after the dead: one refused try in 16, and 50 ms (`src/channel/endpoint.rs`).
            for _ in 1..16 {
                assert!(matches!(tx.try_loan(1), Err(TryLoanError::Exhausted(_))));
            }
            mark();
            std::thread::sleep(Duration::from_millis(51));
            mark();
            let loan = tx.try_loan(1);
            mark();
            assert!(loan.is_ok());
            mark();
        });
        sender.go_to_mark();
        drop(dead);
        sender.go_to_mark();
        let id = pool.sender_of(sender.pid());
        let reached = sender.steps(count);
        if reached.at == At::Mark {
            sender.go_to_mark();
        }
        drop(sender); // Killed there.
        let picture = Picture::of(&pool);
        let stage = match (picture.held(dead_id).count(), picture.held(id).count()) {
            (1, others) if others == BLOCKS - 1 => Stage::NotDone,
            // The dead one's is free, or the next one's.
            (0, others) if others == BLOCKS - 1 => Stage::Claimed,
            (0, BLOCKS) => Stage::Done,
            held => panic!("{held:?}: {picture:?}"),
        };
        assert_eq!(go_on(&channel, &pool, &tx, &rx, count), [LAST]);
        if reached.at == At::Mark || stage > farthest.1 {
            if count != usize::MAX {
                farthest = (count, stage);
            }
        } else if count < farthest.0 + CLOCK {
            return (reached, farthest.1);
        }
        (reached, stage)
    });
}

/// The child has been killed. Those who are left get what the blocks show now, and what is sent from now on; then the
/// channel is sound, and 10,000 messages pass. What came before those.
///
/// `count` chooses who buries the dead: a supervisor, a newcomer, or whoever waits.
fn go_on(channel: &Channel, pool: &Pool, tx: &Tx, rx: &Rx, count: usize) -> Vec<u64> {
    let left = Picture::of(pool);
    match count % 3 {
        0 => drop(channel.recover().unwrap()),
        1 => {
            drop(channel.sender().unwrap());
            drop(channel.receiver().unwrap());
        }
        _ => {}
    }
    let mut loan = tx
        .loan_timeout(items(LAST).len(), crate::support::LONG)
        .expect("a block");
    stock::fill(&mut loan, LAST);
    loan.send().expect("a receiver");
    let again = |number| {
        let had = |seen: &stock::Seen| seen.number == Some(number) && seen.block.phase == Phase::Reading;
        left.0.iter().any(had)
    };
    let expected: Vec<u64> = left.messages().into_iter().chain([LAST]).collect();
    let mut came = Vec::new();
    for _ in &expected {
        let (number, redelivered) = stock::receive(rx);
        assert_eq!(redelivered, again(number), "message {number}");
        came.push(number);
    }
    each_once(&expected, &came, "after the death");
    assert_eq!(stock::sound(channel, pool, tx, rx, "after the death"), []);
    came
}
