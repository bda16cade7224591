//! Is a channel of blocks sound after a death?
//!
//! What [`audit`](super::audit) is for slots, for blocks: each is free, or a message that nobody has received, or in the
//! hands of somebody, and what the dead had comes back or is free.

use annulus::blocks::{Block, Loan, Receiver, Sender};
use annulus::bytemuck;
use annulus::{RecvTimeoutError, TryRecvError};

use super::audit::no_dead_records;
use super::pool::{self, Phase, Pool};
use super::words::ORPHAN;
use super::{LONG, words};

/// Numbers, with a header that says which.
pub type Channel = annulus::blocks::Channel<[u64], Header>;
/// The number, and its complement.
pub type Header = [u64; 2];
/// One end.
pub type Tx = Sender<[u64], Header>;
/// The other.
pub type Rx = Receiver<[u64], Header>;

/// Items of the longest message.
pub const ROOM: usize = 8;

/// The items of message `number`: 2 to [`ROOM`], each the number, with its place in the top byte.
pub fn items(number: u64) -> Vec<u64> {
    let length = 2 + number % (ROOM as u64 - 1);
    (0..length).map(|i| item(number, i)).collect()
}

fn item(number: u64, i: u64) -> u64 {
    number ^ i << 56
}

/// The header of message `number`.
pub fn header(number: u64) -> Header {
    [number, !number]
}

/// The number of a message; panics unless it is whole. The header may have been left out.
pub fn number(header: &Header, items: &[u64]) -> u64 {
    let number = items.first().copied().unwrap_or_default();
    assert_eq!(items, self::items(number), "the items of message {number}");
    assert!(
        [self::header(number), [0; 2]].contains(header),
        "{header:?} of message {number}"
    );
    number
}

/// The number of a received message.
pub fn number_of(block: &Block<[u64], Header>) -> u64 {
    number(block.header(), block)
}

/// Fills a loan, of the right length, with message `number`.
pub fn fill(loan: &mut Loan<[u64], Header>, number: u64) {
    loan.set_header(header(number));
    loan.copy_from_slice(&items(number));
}

/// Sends message `number`, if a block is free; `false`: none is.
pub fn try_send(tx: &Tx, number: u64) -> Result<bool, annulus::blocks::TryLoanError> {
    let mut loan = match tx.try_loan(items(number).len()) {
        Ok(loan) => loan,
        Err(annulus::blocks::TryLoanError::Exhausted(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    fill(&mut loan, number);
    loan.send().expect("whoever has a block has a place");
    Ok(true)
}

/// The number of the next message, and whether it says that it had come before; a watchdog if nothing comes.
pub fn receive(rx: &Rx) -> (u64, bool) {
    match rx.recv_timeout(LONG) {
        Ok(block) => (number_of(&block), block.redelivered()),
        Err(error) => {
            if error == RecvTimeoutError::Timeout {
                words::print_watched();
            }
            panic!("receiving: {error}");
        }
    }
}

/// A block, as it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Which.
    pub index: u64,
    /// Its word.
    pub block: pool::Block,
    /// It is a message that nobody has received.
    pub published: bool,
    /// The number of its message, if it has one.
    pub number: Option<u64>,
}

/// What the blocks say at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture(pub Vec<Seen>);

impl Picture {
    /// Nobody is in the middle of changing a block but by being dead or stopped. A message that is there must be whole.
    pub fn of(pool: &Pool) -> Picture {
        let seen = |index| {
            let block = pool.block(index);
            let published = pool.is_published(index, block);
            let number = (published || block.phase == Phase::Reading).then(|| {
                let message = pool.message(index, size_of::<Header>() as u64);
                let (header, items) = message.unwrap_or_else(|| panic!("block {index} is too long\n{}", pool.text()));
                let items: Vec<u64> = items.chunks(8).map(bytemuck::pod_read_unaligned).collect();
                number(&bytemuck::pod_read_unaligned(&header), &items)
            });
            Seen {
                index,
                block,
                published,
                number,
            }
        };
        Picture((0..pool.blocks()).map(seen).collect())
    }

    /// The numbers of the messages that are there, whoever has them, oldest first.
    pub fn messages(&self) -> Vec<u64> {
        let mut there: Vec<&Seen> = self.0.iter().filter(|seen| seen.number.is_some()).collect();
        there.sort_unstable_by_key(|seen| seen.block.position);
        there.iter().filter_map(|seen| seen.number).collect()
    }

    /// What is in the hands of `owner`.
    pub fn held(&self, owner: u16) -> impl Iterator<Item = &Seen> {
        let held = move |seen: &&Seen| !seen.published && seen.block.owner == owner;
        self.0.iter().filter(held)
    }

    /// A sender other than `owner` has a block, before it is published.
    pub fn others_send(&self, owner: u16) -> bool {
        let sends = |seen: &Seen| !seen.published && matches!(seen.block.phase, Phase::Loaned | Phase::Staged);
        self.0.iter().any(|seen| sends(seen) && seen.block.owner != owner)
    }

    /// There is a message that `owner` does not have.
    pub fn others_have_messages(&self, owner: u16) -> bool {
        let there = |seen: &Seen| seen.published || seen.block.phase == Phase::Reading && seen.block.owner != owner;
        self.0.iter().any(there)
    }
}

/// Nobody has a block: each is free, or a message, or an orphan that no receiver has come by yet.
pub fn nobody_holds(pool: &Pool, case: &str) {
    for Seen {
        index,
        block,
        published,
        ..
    } in Picture::of(pool).0
    {
        let held = match block.phase {
            Phase::Free => false,
            Phase::Loaned => true,
            Phase::Staged => !published,
            Phase::Reading => block.owner != ORPHAN,
        };
        assert!(!held, "{case}: block {index} is {block:?}\n{}", pool.text());
    }
}

/// Nothing is there, and the ring of entries has gone round evenly: all blocks are free, the entries before the position that
/// is returned are of the next lap, and neither hint is ahead of it.
pub fn drained(pool: &Pool, case: &str) -> u64 {
    for index in 0..pool.blocks() {
        let block = pool.block(index);
        assert_eq!(block.phase, Phase::Free, "{case}: block {index}\n{}", pool.text());
    }
    let laps: Vec<u64> = (0..pool.entries()).map(|number| pool.entry(number).lap).collect();
    let last = laps[laps.len() - 1];
    let ahead = laps.iter().take_while(|&&lap| lap == last + 1).count();
    let even = laps[ahead..].iter().all(|&lap| lap == last);
    assert!(even, "{case}: uneven laps {laps:?}\n{}", pool.text());
    // Hints are kept less the first lap, which is lap 1.
    let next = last * pool.entries() + ahead as u64;
    let hints = (pool.tail(), pool.head());
    assert!(
        hints.0 <= next && hints.1 <= next,
        "{case}: the hints {hints:?} are ahead of {next}\n{}",
        pool.text()
    );
    next
}

/// What is there now, by `rx`: numbers, and whether they say that they had come before.
pub fn rest(rx: &Rx, case: &str) -> Vec<(u64, bool)> {
    let mut came = Vec::new();
    loop {
        match rx.try_recv() {
            Ok(block) => came.push((number_of(&block), block.redelivered())),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return came,
            Err(error) => panic!("{case}: {error}"),
        }
    }
}

/// 10,000 more messages pass, in order, whole, and for the first time.
pub fn passes_more(tx: &Tx, rx: &Rx, case: &str) {
    let burst = tx.blocks().min(3) as u64;
    for first in (1000..11_000).step_by(burst as usize) {
        for number in first..first + burst {
            assert_eq!(try_send(tx, number), Ok(true), "{case}: {number} is not sent");
        }
        for number in first..first + burst {
            let came = rx.try_recv().map(|block| (number_of(&block), block.redelivered()));
            assert_eq!(came, Ok((number, false)), "{case}: {number} does not come");
        }
    }
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)), "{case}");
}

/// Buries the dead of `channel`, drains it, and lets more messages pass from `tx` to `rx`; what was in it.
///
/// Nobody else has a block.
pub fn sound(channel: &Channel, pool: &Pool, tx: &Tx, rx: &Rx, case: &str) -> Vec<(u64, bool)> {
    channel.recover().unwrap_or_else(|error| panic!("{case}: {error}"));
    nobody_holds(pool, case);
    no_dead_records(pool, case);
    let came = rest(rx, case);
    drained(pool, case);
    passes_more(tx, rx, case);
    drained(pool, case);
    assert_eq!(
        channel.recover().ok(),
        Some(0),
        "{case}: everything was repaired before"
    );
    came
}
