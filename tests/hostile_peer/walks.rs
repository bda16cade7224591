//! Do walks over the slots come to an end, whatever the slots say?
//!
//! A walk jumps ahead on a word of a later lap. Laps are numbers on a circle: where each slot's is later than that of the
//! slot before it, the first one's than the last one's, too, every word sends the walk on, for ever. No single one is
//! impossible, so the answer is that of a ring which is full, or empty, for now.

use std::os::fd::AsFd;
use std::time::Duration;

use annulus::{AttachError, Channel, End, Kind, Observer, RecvTimeoutError, TryRecvError, TrySendError};

use crate::support::Words;
use crate::{Message, channel};

const MESSAGE: Message = [7; 3];

/// Every slot a message, and each an eighth of all laps later than the one before it.
fn go_round(words: &Words) {
    assert_eq!(words.capacity, 8);
    for i in 0..8 {
        let lap = 2 + (i << 45);
        words.set_bits(i, lap << 16 | 2);
    }
}

pub fn a_walk_that_every_word_sends_on_is_given_up<S: End, R: End>() {
    let (channel, _guards) = channel::<S, R>();
    let kind = Channel::<Message, S, R>::kind();
    let words = Words::of(&channel);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    go_round(&words);
    match kind {
        // At the only sender's position there cannot be a message of a later lap.
        Kind::Spsc | Kind::Spmc => assert_eq!(tx.try_send(MESSAGE), Err(TrySendError::Corrupt(MESSAGE))),
        _ => assert_eq!(tx.try_send(MESSAGE), Err(TrySendError::Full(MESSAGE))),
    }
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(
        rx.recv_timeout(Duration::from_millis(60)),
        Err(RecvTimeoutError::Timeout)
    );
    assert!(tx.len() <= tx.capacity() && !tx.is_full() && rx.len() <= rx.capacity());
    assert_eq!(channel.recover().unwrap(), 0);
    assert!(channel.stats().is_err());
    assert!(Observer::from_fd(channel.as_fd()).unwrap().stats().is_err());
    drop((tx, rx));
    // Alone, it looks whether a session begins with messages.
    assert!(matches!(channel.sender(), Err(AttachError::Busy)));
    assert!(matches!(channel.receiver(), Err(AttachError::Busy)));
}
