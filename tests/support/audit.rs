//! Is a channel sound after a death?
//!
//! Two halves. A [`Picture`] is what the slots say at one moment, read from outside: taken when a process has just died,
//! it tells which messages the others must get, each once, and that they get nothing else. [`sound`] buries the dead,
//! drains, looks at every word again, and lets 10,000 more messages pass.

use std::collections::BTreeMap;

use annulus::bytemuck;
use annulus::{Channel, End, Receiver, Sender, TryRecvError};

use super::message::Message;
use super::words::{ORPHAN, Phase, State};
use super::{Words, peer};

/// A slot, and the position that its word speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// In the lap of the word.
    pub position: u64,
    /// The word.
    pub state: State,
    /// The number of the message, of a slot that holds one.
    pub number: Option<u64>,
}

/// What the slots say at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture(Vec<Seen>);

impl Picture {
    /// Of the region of `words`, whose messages are `T`s. Nobody is in the middle of changing a slot but by being dead or
    /// stopped. A message that is there must be whole.
    pub fn of<T: Message>(words: &Words) -> Picture {
        let seen = |index| {
            let state = words.state(index);
            let holds = matches!(state.phase, Phase::Full | Phase::Reading);
            let number = || bytemuck::pod_read_unaligned::<T>(&words.payload(index)).number();
            Seen {
                position: state.lap << words.capacity.trailing_zeros() | index,
                state,
                number: holds.then(number),
            }
        };
        let mut slots: Vec<Seen> = (0..words.capacity).map(seen).collect();
        slots.sort_unstable_by_key(|seen| seen.position);
        Picture(slots)
    }

    /// All slots, by position.
    pub fn slots(&self) -> &[Seen] {
        &self.0
    }

    /// The numbers of the messages that are there, whoever may be reading them, oldest first.
    pub fn messages(&self) -> Vec<u64> {
        self.0.iter().filter_map(|seen| seen.number).collect()
    }

    /// The slots that `owner` claims.
    pub fn claims(&self, owner: u16) -> impl Iterator<Item = &Seen> {
        self.0.iter().filter(move |seen| seen.state.owner == owner)
    }
}

/// All of `left` has come, each once, and nothing else. Order is another matter: what a dead receiver had claimed comes
/// late.
pub fn each_once(left: &[u64], came: &[u64], case: &str) {
    let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
    for number in left {
        *counts.entry(*number).or_default() += 1;
    }
    for number in came {
        *counts.entry(*number).or_default() -= 1;
    }
    counts.retain(|_, count| *count != 0);
    assert!(
        counts.is_empty(),
        "{case}: of {} messages that were there (1: lost, -1: out of nothing): {counts:?}",
        left.len()
    );
}

/// Nothing is claimed: every slot is free or full, or an orphan that no receiver has come by yet.
pub fn nobody_claims(words: &Words, case: &str) {
    for index in 0..words.capacity {
        let state = words.state(index);
        let unclaimed = match state.phase {
            Phase::Free | Phase::Full => true,
            Phase::Reading => state.owner == ORPHAN,
            Phase::Writing => false,
        };
        assert!(unclaimed, "{case}: slot {index} is {state:?}\n{}", words.text());
    }
}

/// Nothing is in the ring, and it has gone round evenly: all slots are free, those before the position that is returned
/// for the next lap, and neither hint is ahead of it.
pub fn drained(words: &Words, case: &str) -> u64 {
    let laps: Vec<u64> = (0..words.capacity)
        .map(|index| {
            let state = words.state(index);
            assert_eq!(
                (state.phase, state.owner),
                (Phase::Free, 0),
                "{case}: slot {index}\n{}",
                words.text()
            );
            state.lap
        })
        .collect();
    let last = laps[laps.len() - 1];
    let ahead = laps.iter().take_while(|&&lap| lap == last + 1).count();
    assert!(
        laps[ahead..].iter().all(|&lap| lap == last),
        "{case}: uneven laps {laps:?}\n{}",
        words.text()
    );
    let next = last << words.capacity.trailing_zeros() | ahead as u64;
    let hints = (words.tail(), words.head());
    assert!(
        hints.0 <= next && hints.1 <= next,
        "{case}: the hints {hints:?} are ahead of {next}\n{}",
        words.text()
    );
    next
}

/// No record of a multi endpoint names a process that is dead.
pub fn no_dead_records(words: &Words, case: &str) {
    for id in super::words::FIRST_MULTI..words.table_length {
        let record = words.record(id);
        let alive = || peer::state(nix::unistd::Pid::from_raw(record.pid as i32)) != 'Z';
        assert!(record.role == 0 || alive(), "{case}: {id}: {record:?}");
    }
}

/// What is there now, by `rx`.
pub fn rest<T: Message, R: End>(rx: &Receiver<T, R>, case: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        match rx.try_recv() {
            Ok(value) => numbers.push(value.number()),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return numbers,
            Err(error) => panic!("{case}: {error}"),
        }
    }
}

/// 10,000 more messages pass, in order and whole.
pub fn passes_more<T: Message, S: End, R: End>(tx: &Sender<T, S>, rx: &Receiver<T, R>, case: &str) {
    let burst = tx.capacity().min(3) as u64;
    for first in (1000..11_000).step_by(burst as usize) {
        for number in first..first + burst {
            let sent = tx.try_send(T::of(number));
            assert!(sent.is_ok(), "{case}: {number} is not sent");
        }
        for number in first..first + burst {
            let whole = |value: T| bytemuck::bytes_of(&value) == bytemuck::bytes_of(&T::of(number));
            assert_eq!(rx.try_recv().map(whole), Ok(true), "{case}: {number} does not come");
        }
    }
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)), "{case}");
}

/// Buries the dead of `channel`, drains it, and lets more messages pass from `tx` to `rx`; the numbers that were in it.
///
/// Nobody else receives, holds a lease, or is in the middle of a send.
pub fn sound<T: Message, S: End, R: End>(
    channel: &Channel<T, S, R>,
    words: &Words,
    tx: &Sender<T, S>,
    rx: &Receiver<T, R>,
    case: &str,
) -> Vec<u64> {
    channel.recover().unwrap_or_else(|error| panic!("{case}: {error}"));
    nobody_claims(words, case);
    no_dead_records(words, case);
    let numbers = rest(rx, case);
    drained(words, case);
    passes_more(tx, rx, case);
    drained(words, case);
    assert_eq!(
        channel.recover().ok(),
        Some(0),
        "{case}: everything was repaired before"
    );
    numbers
}
