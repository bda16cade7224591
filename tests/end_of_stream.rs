//! When is a stream over, and what can be had of it until then?
//!
//! Endpoints of one process here: to the kernel they are as separate as those of two (each has a lock description of its
//! own). What deaths add is in `death` and `claims`, what forks and programs add in `seats`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use annulus::{
    Channel, End, Multi, Receiver, RecvError, RecvTimeoutError, SendError, SendManyError, SendTimeoutError, Sender,
    Single, TryRecvError, TrySendError,
};

const A_WHILE: Duration = Duration::from_millis(50);
/// A watchdog: nothing waits for this to pass.
const LONG: Duration = Duration::from_secs(30);

/// Each test for each kind.
macro_rules! for_all_kinds {
    ($($test:ident)+) => {
        mod spsc { use super::*; $(#[test] fn $test() { super::$test::<Single, Single>(); })+ }
        mod mpsc_ { use super::*; $(#[test] fn $test() { super::$test::<Multi, Single>(); })+ }
        mod spmc { use super::*; $(#[test] fn $test() { super::$test::<Single, Multi>(); })+ }
        mod mpmc { use super::*; $(#[test] fn $test() { super::$test::<Multi, Multi>(); })+ }
    };
}

for_all_kinds! {
    what_was_sent_before_the_receiver_came_is_received_and_then_the_stream_ends
    a_receiver_waits_for_a_first_sender_while_the_channel_lives
    a_sender_waits_for_a_first_receiver_while_the_channel_lives
    the_end_for_want_of_senders_is_not_sticky
    the_end_for_want_of_receivers_is_not_sticky
    what_is_there_comes_before_the_end
    nothing_is_sent_after_close
    close_is_for_a_session
    close_ends_every_wait
    dropping_the_last_peer_ends_every_wait
    join_before_draining_times_out_with_the_message_handed_back
    a_batch_is_an_error_only_if_it_would_be_nothing
    a_batch_sends_a_prefix
    a_batch_receives_what_is_there
    iterators_end_with_the_stream
}

type Pair<S, R> = (Channel<u64, S, R>, Sender<u64, S>, Receiver<u64, R>);

fn channel<S: End, R: End>(capacity: usize) -> Channel<u64, S, R> {
    let builder = Channel::builder(capacity).tick(Duration::from_millis(20));
    builder.anonymous().expect("a channel")
}

fn pair<S: End, R: End>(capacity: usize) -> Pair<S, R> {
    let channel = channel(capacity);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    (channel, tx, rx)
}

fn receive<R: End>(rx: &Receiver<u64, R>) -> Result<u64, RecvTimeoutError> {
    let result = rx.recv_timeout(LONG);
    assert_ne!(result, Err(RecvTimeoutError::Timeout), "the watchdog");
    result
}

fn what_was_sent_before_the_receiver_came_is_received_and_then_the_stream_ends<S: End, R: End>() {
    let channel = channel::<S, R>(16);
    for _session in 0..3 {
        let tx = channel.sender().unwrap();
        for number in 0..10 {
            tx.send(number).unwrap();
        }
        drop(tx);
        let rx = channel.receiver().unwrap();
        for number in 0..10 {
            assert_eq!(rx.recv(), Ok(number));
        }
        assert_eq!(rx.recv(), Err(RecvError::Disconnected));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    }
    // A session of its own, with nothing left from the one before: a first sender may yet come.
    let rx = channel.receiver().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

fn a_receiver_waits_for_a_first_sender_while_the_channel_lives<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let channel = channel::<S, R>(4);
    let rx = channel.receiver().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.recv_timeout(A_WHILE * 4), Err(RecvTimeoutError::Timeout));
    let waiting = thread::spawn(move || (receive(&rx), receive(&rx)));
    let tx = channel.sender().unwrap();
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(waiting.join().unwrap(), (Ok(1), Err(RecvTimeoutError::Disconnected)));
}

fn a_sender_waits_for_a_first_receiver_while_the_channel_lives<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let channel = channel::<S, R>(1);
    let tx = channel.sender().unwrap();
    tx.send(1).unwrap();
    assert!(matches!(tx.try_send(2), Err(TrySendError::Full(2))));
    assert!(matches!(
        tx.send_timeout(2, A_WHILE * 4),
        Err(SendTimeoutError::Timeout(2))
    ));
    let waiting = thread::spawn(move || tx.send_timeout(2, LONG));
    let rx = channel.receiver().unwrap();
    assert_eq!((receive(&rx), receive(&rx)), (Ok(1), Ok(2)));
    assert!(waiting.join().unwrap().is_ok());
}

fn the_end_for_want_of_senders_is_not_sticky<S: End, R: End>() {
    let (channel, tx, rx) = pair::<S, R>(4);
    drop(tx);
    for number in 0..3 {
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv(), Err(RecvError::Disconnected));
        let tx = channel.sender().unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        tx.send(number).unwrap();
        assert_eq!(rx.recv(), Ok(number));
    }
}

fn the_end_for_want_of_receivers_is_not_sticky<S: End, R: End>() {
    let (channel, tx, rx) = pair::<S, R>(4);
    drop(rx);
    for number in 0..3 {
        assert!(matches!(tx.try_send(9), Err(TrySendError::Disconnected(9))));
        assert!(matches!(tx.send(9), Err(SendError::Disconnected(9))));
        assert!(matches!(
            tx.send_timeout(9, LONG),
            Err(SendTimeoutError::Disconnected(9))
        ));
        let deadline = Instant::now() + LONG;
        assert!(matches!(
            tx.send_deadline(9, deadline),
            Err(SendTimeoutError::Disconnected(9))
        ));
        let rx = channel.receiver().unwrap();
        tx.send(number).unwrap();
        assert_eq!(receive(&rx), Ok(number));
    }
}

fn what_is_there_comes_before_the_end<S: End, R: End>() {
    let (_channel, tx, rx) = pair::<S, R>(8);
    tx.send_many(&[1, 2, 3, 4, 5, 6]).unwrap();
    drop(tx);
    assert_eq!(rx.recv(), Ok(1));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(3));
    let mut room = [0; 8];
    assert_eq!(rx.recv_many(&mut room), Ok(3));
    assert_eq!(room[..3], [4, 5, 6]);
    assert_eq!(rx.recv_many(&mut room), Err(RecvError::Disconnected));
    assert_eq!(rx.try_recv_many(&mut room), Err(TryRecvError::Disconnected));
}

fn nothing_is_sent_after_close<S: End, R: End>() {
    for by_sender in [true, false] {
        let (channel, tx, rx) = pair::<S, R>(8);
        tx.send_many(&[1, 2]).unwrap();
        if by_sender {
            tx.close()
        } else {
            rx.close()
        }
        assert!(matches!(tx.send(3), Err(SendError::Disconnected(3))));
        assert!(matches!(tx.try_send(3), Err(TrySendError::Disconnected(3))));
        assert!(matches!(
            tx.send_timeout(3, LONG),
            Err(SendTimeoutError::Disconnected(3))
        ));
        let many = tx.send_many(&[3, 4]);
        assert!(matches!(
            many,
            Err(SendManyError {
                sent: 0,
                kind: SendError::Disconnected(())
            })
        ));
        assert!(matches!(tx.try_send_many(&[3, 4]), Err(TrySendError::Disconnected(()))));
        assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Ok(2)), "what was sent is received");
        assert_eq!(rx.recv(), Err(RecvError::Disconnected));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        // Unlike the want of peers it is sticky: a newcomer finds it closed, while anybody else is attached.
        drop(tx);
        let tx = channel.sender().unwrap();
        assert!(matches!(tx.try_send(3), Err(TrySendError::Disconnected(3))));
        drop(rx);
        let rx = channel.receiver().unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    }
}

fn close_is_for_a_session<S: End, R: End>() {
    let (channel, tx, rx) = pair::<S, R>(8);
    tx.send(1).unwrap();
    rx.close();
    drop((tx, rx));
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(2).unwrap();
    assert_eq!((receive(&rx), receive(&rx)), (Ok(1), Ok(2)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

fn close_ends_every_wait<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let (_channel, tx, rx) = pair::<S, R>(1);
    let waiting = thread::spawn(move || receive(&rx));
    tx.close();
    assert_eq!(waiting.join().unwrap(), Err(RecvTimeoutError::Disconnected));

    let (_channel, tx, rx) = pair::<S, R>(1);
    tx.send(1).unwrap();
    let waiting = thread::spawn(move || tx.send(2));
    rx.close();
    assert!(matches!(waiting.join().unwrap(), Err(SendError::Disconnected(2))));
    assert_eq!(receive(&rx), Ok(1));
    assert_eq!(receive(&rx), Err(RecvTimeoutError::Disconnected));
}

fn dropping_the_last_peer_ends_every_wait<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let (_channel, tx, rx) = pair::<S, R>(1);
    let waiting = thread::spawn(move || receive(&rx));
    drop(tx);
    assert_eq!(waiting.join().unwrap(), Err(RecvTimeoutError::Disconnected));

    let (_channel, tx, rx) = pair::<S, R>(1);
    tx.send(1).unwrap();
    let waiting = thread::spawn(move || tx.send(2));
    drop(rx);
    assert!(matches!(waiting.join().unwrap(), Err(SendError::Disconnected(2))));
}

/// Who joins the sending thread before it drains waits for a sender that waits for it. As with a pipe: nothing is wrong
/// with the channel, both are alive. `send_timeout` is the way out of it, and hands the message back.
fn join_before_draining_times_out_with_the_message_handed_back<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let (_channel, tx, rx) = pair::<S, R>(4);
    let sender = thread::spawn(move || {
        let mut refused = Vec::new();
        for number in 0..6 {
            match tx.send_timeout(number, A_WHILE) {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(number)) => refused.push(number),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(SendTimeoutError::Timeout(7).into_inner(), 7);
        refused
    });
    assert_eq!(
        sender.join().unwrap(),
        [4, 5],
        "joined, with the receiver alive and nothing drained"
    );
    assert_eq!(rx.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);

    // Drained first, then joined, everything goes through.
    let (_channel, tx, rx) = pair::<S, R>(4);
    let sender = thread::spawn(move || (0..1000).try_for_each(|number| tx.send(number)));
    assert_eq!(rx.iter().collect::<Vec<_>>(), Vec::from_iter(0..1000));
    assert!(sender.join().unwrap().is_ok());
}

fn a_batch_is_an_error_only_if_it_would_be_nothing<S: End, R: End>() {
    let (_channel, tx, rx) = pair::<S, R>(4);
    assert_eq!(rx.try_recv_many(&mut []), Ok(0), "an empty slice, of an empty ring");
    assert_eq!(rx.recv_many(&mut []), Ok(0), "and it does not wait");
    let mut room = [0; 8];
    assert_eq!(rx.try_recv_many(&mut room), Err(TryRecvError::Empty));
    assert!(matches!(tx.try_send_many(&[1, 2, 3]), Ok(3)));
    assert!(matches!(tx.try_send_many(&[4, 5, 6]), Ok(1)), "what fits");
    assert!(matches!(tx.try_send_many(&[5, 6]), Err(TrySendError::Full(()))));
    assert!(matches!(tx.try_send_many(&[]), Ok(0)), "an empty slice, to a full ring");
    assert!(tx.send_many(&[]).is_ok(), "and it does not wait");
    assert_eq!(rx.try_recv_many(&mut room[..3]), Ok(3));
    assert_eq!(rx.try_recv_many(&mut room[3..]), Ok(1), "what is there");
    assert_eq!(room[..4], [1, 2, 3, 4]);
    drop(rx);
    assert!(matches!(tx.try_send_many(&[]), Ok(0)), "an empty slice, to nobody");
    assert!(tx.send_many(&[]).is_ok());
    assert!(matches!(tx.try_send_many(&[1]), Err(TrySendError::Disconnected(()))));
}

fn a_batch_sends_a_prefix<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let (_channel, tx, rx) = pair::<S, R>(4);
    // Larger than the ring: it goes through in parts, while somebody receives.
    let numbers: Vec<u64> = (0..1000).collect();
    let sender = thread::spawn(move || {
        tx.send_many(&numbers).unwrap();
        tx
    });
    for number in 0..1000 {
        assert_eq!(receive(&rx), Ok(number));
    }
    let tx = sender.join().unwrap();
    // The last receiver leaves in the middle.
    let (told, tell) = mpsc::channel();
    let sender = thread::spawn(move || {
        let result = tx.send_many(&Vec::from_iter(0..1000));
        told.send(()).unwrap();
        result
    });
    for number in 0..10 {
        assert_eq!(receive(&rx), Ok(number));
    }
    drop(rx);
    tell.recv_timeout(LONG).expect("the watchdog");
    match sender.join().unwrap() {
        Err(SendManyError {
            sent,
            kind: SendError::Disconnected(()),
        }) => assert!(
            (10..=14).contains(&sent),
            "{sent}: those received, and at most a ring full"
        ),
        other => panic!("{other:?}"),
    }
}

fn a_batch_receives_what_is_there<S: End, R: End>()
where
    Sender<u64, S>: Send,
    Receiver<u64, R>: Send,
{
    let (channel, tx, rx) = pair::<S, R>(4);
    let waiting = thread::spawn(move || {
        let mut room = [0; 8];
        let first = rx.recv_many(&mut room);
        (first, room, rx)
    });
    tx.send(1).unwrap();
    let (first, room, rx) = waiting.join().unwrap();
    assert_eq!((first, room[0]), (Ok(1), 1), "it waits for one, and not for eight");
    tx.send_many(&[2, 3, 4]).unwrap();
    let mut room = [0; 2];
    assert_eq!((rx.recv_many(&mut room), room), (Ok(2), [2, 3]));
    tx.send_many(&[5, 6]).unwrap();
    drop(tx);
    let mut room = [0; 8];
    assert_eq!(rx.recv_many(&mut room), Ok(3), "before it reports the end");
    assert_eq!(room[..3], [4, 5, 6]);
    assert_eq!(rx.recv_many(&mut room), Err(RecvError::Disconnected));
    // `sent` messages stay sent: whoever comes next finds exactly those.
    drop(rx);
    let tx = channel.sender().unwrap();
    assert!(matches!(tx.try_send_many(&[7, 8, 9, 10, 11]), Ok(4)));
    drop(tx);
    let rx = channel.receiver().unwrap();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [7, 8, 9, 10]);
}

fn iterators_end_with_the_stream<S: End, R: End>() {
    let (_channel, tx, rx) = pair::<S, R>(8);
    tx.send_many(&[1, 2, 3]).unwrap();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(rx.try_iter().next(), None, "there is nothing now");
    tx.send_many(&[4, 5, 6]).unwrap();
    assert_eq!(rx.iter().next(), Some(4));
    assert_eq!((&rx).into_iter().next(), Some(5));
    drop(tx);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [6]);
    assert_eq!(rx.iter().next(), None);
    assert_eq!(rx.into_iter().next(), None);
}
