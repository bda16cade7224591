//! What do the tests of blocks begin and end with?

use std::time::Duration;

use annulus::blocks::{Block, Channel, Loan, Receiver, Sender, TryLoanError};
use annulus::{RecvError, RecvTimeoutError, TryRecvError};

use crate::support::{LONG, Peer, words};
use crate::words::BlockWords;

/// Blocks of numbers, with a number for a header.
pub(crate) type Numbers = Channel<[u64], u64>;
pub(crate) type Tx = Sender<[u64], u64>;
pub(crate) type Rx = Receiver<[u64], u64>;
pub(crate) type Made = Loan<[u64], u64>;
pub(crate) type Got = Block<[u64], u64>;

/// What does not happen for so long is taken not to happen.
pub(crate) use crate::support::own::A_WHILE;

/// Items that a block of [`channel`] is made for.
pub(crate) const ROOM: usize = 24;

/// A channel that looks after the dead often, and its words.
pub(crate) fn channel(blocks: usize) -> (Numbers, BlockWords) {
    let channel = Numbers::builder(blocks, ROOM)
        .tick(Duration::from_millis(20))
        .table_length(8);
    let channel = channel.anonymous().expect("a channel");
    let words = BlockWords::of(&channel);
    (channel, words)
}

/// Item `i` of message `number`.
fn item(number: u64, i: usize) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(i as u64)
}

/// Items of message `number`: lengths come in all sizes, none and all that fit among them.
pub(crate) fn len_of(number: u64) -> usize {
    number as usize % (ROOM + 1)
}

/// Makes `loan` message `number`.
pub(crate) fn fill(loan: &mut Made, number: u64) {
    loan.set_header(number);
    for (i, place) in loan.iter_mut().enumerate() {
        *place = item(number, i);
    }
}

/// A loan that is message `number`.
pub(crate) fn loan(tx: &Tx, number: u64) -> Made {
    let mut loan = tx.loan_timeout(len_of(number), LONG).expect("a block");
    assert!(loan.iter().all(|&item| item == 0), "zeroed");
    fill(&mut loan, number);
    loan
}

/// Sends message `number`.
pub(crate) fn send(tx: &Tx, number: u64) {
    loan(tx, number).send().expect("it is sent");
}

/// Sends message `number` if there is a block now.
pub(crate) fn try_send(tx: &Tx, number: u64) -> Result<(), TryLoanError> {
    let mut loan = tx.try_loan(len_of(number))?;
    fill(&mut loan, number);
    loan.send().expect("it is sent");
    Ok(())
}

/// The number of a message, which must be whole.
pub(crate) fn number(block: &Got) -> u64 {
    let number = *block.header();
    assert_eq!(block.len(), len_of(number), "message {number}");
    for (i, &there) in block.iter().enumerate() {
        assert_eq!(there, item(number, i), "item {i} of message {number}");
    }
    number
}

/// The next message, its number, and whether it had come before; a watchdog if nothing comes.
pub(crate) fn receive(rx: &Rx) -> Result<(Got, u64, bool), RecvError> {
    match rx.recv_timeout(LONG) {
        Ok(block) => {
            let (number, again) = (number(&block), block.redelivered());
            Ok((block, number, again))
        }
        Err(RecvTimeoutError::Disconnected) => Err(RecvError::Disconnected),
        Err(error) => {
            words::print_watched();
            panic!("receiving: {error}");
        }
    }
}

/// The number of the next message.
pub(crate) fn next(rx: &Rx) -> Result<u64, RecvError> {
    receive(rx).map(|(_, number, _)| number)
}

/// The numbers of all messages until the end of the stream.
pub(crate) fn drain(rx: &Rx) -> Vec<u64> {
    std::iter::from_fn(|| next(rx).ok()).collect()
}

/// Nobody has a block, nothing is left, and 10,000 messages pass in order.
pub(crate) fn go_on(tx: &Tx, rx: &Rx, words: &BlockWords) {
    assert!(words.all_free(), "{:?}", words.states());
    let burst = words.count.min(3);
    for first in (0..10_000).step_by(burst as usize) {
        for number in first..first + burst {
            try_send(tx, number).unwrap_or_else(|error| panic!("{number} is not sent: {error}"));
        }
        assert_eq!((tx.len(), rx.is_empty()), (burst as usize, false));
        for number in first..first + burst {
            assert_eq!(next(rx), Ok(number));
        }
    }
    assert_eq!(rx.try_recv().map(|_| ()), Err(TryRecvError::Empty));
    assert!(words.all_free() && rx.is_empty());
}

/// A child that has received `count` messages and holds them until it is told to let go of them, or killed. The numbers are
/// `first` and on.
pub(crate) fn holding(channel: &Numbers, first: u64, count: u64) -> Peer {
    let mut holder = Peer::fork("holder", |link| {
        let rx = channel.receiver().unwrap();
        let held: Vec<_> = (first..first + count)
            .map(|expected| {
                let (block, number, again) = receive(&rx).unwrap();
                assert_eq!((number, again), (expected, false));
                block
            })
            .collect();
        link.say("holds");
        link.hear();
        for block in &held {
            number(block);
        }
        drop(held);
        link.say("let go");
        link.hear();
    });
    holder.expect("holds");
    holder
}

/// A child with `count` blocks on loan, half filled, until it is told to send them, or killed.
pub(crate) fn lending(channel: &Numbers, first: u64, count: u64) -> Peer {
    let mut lender = Peer::fork("lender", |link| {
        let tx = channel.sender().unwrap();
        let loans: Vec<_> = (first..first + count).map(|number| loan(&tx, number)).collect();
        link.say("has loans");
        link.hear();
        for loan in loans {
            loan.send().unwrap();
        }
        link.say("sent");
        link.hear();
    });
    lender.expect("has loans");
    lender
}
