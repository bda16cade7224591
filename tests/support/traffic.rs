//! What do the tests of deaths do before and after one?

use std::time::Duration;

use annulus::{Channel, End, Receiver, RecvError, RecvTimeoutError, Sender, TryRecvError};

use super::message::Message;
use super::{LONG, Peer, Words, words};

/// A channel that looks after the dead often, and its words.
pub fn channel<T: Message, S: End, R: End>(capacity: usize) -> (Channel<T, S, R>, Words) {
    let channel = Channel::<T, S, R>::builder(capacity)
        .tick(Duration::from_millis(20))
        .table_length(8);
    let channel = channel.anonymous().expect("a channel");
    let words = Words::of(&channel);
    (channel, words)
}

/// The number of the next message; a watchdog if nothing comes.
pub fn receive<T: Message, R: End>(rx: &Receiver<T, R>) -> Result<u64, RecvError> {
    match rx.recv_timeout(LONG) {
        Ok(value) => Ok(value.number()),
        Err(RecvTimeoutError::Disconnected) => Err(RecvError::Disconnected),
        Err(error) => {
            words::print_watched();
            panic!("receiving: {error}");
        }
    }
}

/// The numbers of all messages until the end of the stream.
pub fn drain<T: Message, R: End>(rx: &Receiver<T, R>) -> Vec<u64> {
    std::iter::from_fn(|| receive(rx).ok()).collect()
}

/// The survivors go on: 10,000 messages in order, none lost, none doubled.
pub fn go_on<T: Message, S: End, R: End>(tx: &Sender<T, S>, rx: &Receiver<T, R>) {
    let burst = tx.capacity().min(3);
    let mut expected = (1000..11_000).map(|n| T::of(n).number());
    for number in 1000..11_000 {
        tx.send_timeout(T::of(number), LONG).expect("there is room");
        if tx.len() == burst {
            for number in expected.by_ref().take(burst) {
                assert_eq!(receive(rx), Ok(number));
            }
        }
    }
    for number in expected {
        assert_eq!(receive(rx), Ok(number));
    }
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
    assert!(tx.is_empty() && !rx.is_full());
}

/// A child that attaches what `attach` makes and then does nothing until it is told to leave, or killed.
pub fn idle<X>(name: &str, attach: impl FnOnce() -> X) -> Peer {
    let mut peer = Peer::fork(name, |link| {
        let _endpoint = attach();
        link.say("attached");
        link.hear();
    });
    peer.expect("attached");
    peer
}
