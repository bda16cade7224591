//! What is there before an operation, and who repairs what its death leaves?

use std::hint::black_box;
use std::time::Duration;

use annulus::{Channel, End, Kind, Receiver, Sender};

use crate::stepping::{Walker, mark};
use crate::support::audit::{Picture, each_once, sound};
use crate::support::message::Message;
use crate::support::traffic::receive;
use crate::support::words::Phase;
use crate::support::{LONG, Words};

/// Messages that go through before the operation: by then everything that it touches is mapped, and it comes to the last
/// slot of a ring of four, behind which a single end tells where it stands.
pub const WARM_UP: [u64; 3] = [1, 2, 3];
/// The operation's message.
pub const STAKE: u64 = 4;
/// Where that is.
pub const POSITION: u64 = 3;
/// Slots.
pub const SMALL: usize = 4;
/// Messages that come behind it.
pub const BEHIND: [u64; 2] = [5, 6];

/// And one that is sent after the death.
const LAST: u64 = 7;

/// Nobody spins, and the dead are looked after at once.
const TICK: Duration = Duration::from_millis(1);

/// A channel and its words.
pub fn channel<T: Message, S: End, R: End>(capacity: usize) -> (Channel<T, S, R>, Words) {
    let channel = Channel::<T, S, R>::builder(capacity)
        .spin_time(Duration::ZERO)
        .tick(TICK)
        .table_length(8);
    let channel = channel.anonymous().expect("a channel");
    let words = Words::of(&channel);
    (channel, words)
}

/// What a test's line begins with.
pub fn title<T: Message, S: End, R: End>(operation: &str) -> String {
    format!("{:?} of {}: {operation}", Channel::<T, S, R>::kind(), T::NAME)
}

/// Its receiving end admits many.
pub fn many_receivers<S: End, R: End>() -> bool {
    matches!(Channel::<u64, S, R>::kind(), Kind::Spmc | Kind::Mpmc)
}

/// Puts messages into the ring, which has room for them.
pub fn fill<T: Message, S: End>(tx: &Sender<T, S>, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert!(tx.try_send(T::of(number)).is_ok(), "there is room for {number}");
    }
}

/// Takes these messages out of the ring, which has no others before them.
pub fn take<T: Message, R: End>(rx: &Receiver<T, R>, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(rx.try_recv().map(|value| value.number()), Ok(number));
    }
}

/// A child that is about to warm up, and then to send its message: marks stand before and behind that, and one where it
/// knows that it has.
pub fn about_to_send<T: Message, S: End, R: End>(channel: &Channel<T, S, R>) -> Walker {
    Walker::fork(|| {
        let tx = channel.sender().unwrap();
        fill(&tx, WARM_UP);
        let message = black_box(T::of(STAKE)); // Made before it is sent.
        mark();
        let sent = tx.try_send(message);
        mark();
        assert!(sent.is_ok());
        mark();
    })
}

/// The child has been killed. Those who are left, or, at a single end, who come after it, are to get what the slots show
/// now, and what is sent from now on; then the channel is sound, and 10,000 messages pass. What came before those.
///
/// `count` chooses who buries the dead (a supervisor, a newcomer, or whoever waits), and whether messages are leased.
pub fn go_on<T: Message, S: End, R: End>(
    channel: &Channel<T, S, R>,
    words: &Words,
    tx: Option<Sender<T, S>>,
    rx: Option<Receiver<T, R>>,
    count: usize,
) -> Vec<u64> {
    let left = Picture::of::<T>(words);
    match count % 3 {
        0 => drop(channel.recover().unwrap()),
        1 => {
            // At a single end a survivor has the place.
            drop(channel.sender());
            drop(channel.receiver());
        }
        _ => {}
    }
    let tx = tx.unwrap_or_else(|| channel.sender().unwrap());
    let rx = rx.unwrap_or_else(|| channel.receiver().unwrap());
    fill(&tx, [LAST]);
    let expected: Vec<u64> = left.messages().into_iter().chain([LAST]).collect();
    let came: Vec<u64> = if count.is_multiple_of(2) {
        expected.iter().map(|_| receive(&rx).unwrap()).collect()
    } else {
        expected.iter().map(|_| lease(&rx, &left)).collect()
    };
    each_once(&expected, &came, "after the death");
    assert_eq!(sound(channel, words, &tx, &rx, "after the death"), []);
    came
}

/// The next message, which has been received before if a claim of the dead one's was `left` on it.
fn lease<T: Message, R: End>(rx: &Receiver<T, R>, left: &Picture) -> u64 {
    let lease = rx.recv_lease_timeout(LONG).expect("a message");
    let number = lease.number();
    let again = left
        .slots()
        .iter()
        .any(|seen| seen.number == Some(number) && seen.state.phase == Phase::Reading);
    assert_eq!(lease.redelivered(), again, "message {number}");
    lease.ack();
    number
}
