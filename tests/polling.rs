//! Does one who never waits, but asks again and again, find what the dead have left?
//!
//! That a poller learns of the end of a stream is in `hostile_reading`, that its usual path has no system call in `quiet`.

mod support;

use annulus::{End, Multi, TryRecvError, TrySendError};
use support::traffic::{channel, go_on, idle};
use support::until;
use support::words::Phase;

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            multi_senders:
                a_polling_receiver_passes_a_dead_senders_claim
                a_polling_sender_gets_past_a_dead_senders_claims;
            multi_receivers:
                a_polling_receiver_finds_what_a_dead_one_held
                a_polling_lessee_finds_what_a_dead_one_held
                two_pollers_go_on_after_a_dead_receivers_claim;
        ),
    )
}

/// Asks for message 7 until it comes.
fn comes(mut ask: impl FnMut() -> Result<u64, TryRecvError>) {
    until("the message comes", || match ask() {
        Ok(number) => number == 7,
        Err(error) => error != TryRecvError::Empty && panic!("{error}"),
    });
}

fn a_polling_receiver_passes_a_dead_senders_claim<R: End>() {
    let (channel, words) = channel::<u64, Multi, R>(8);
    let mut dead = idle("sender", || channel.sender().unwrap());
    let id = words.sender_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    words.claim(0, Phase::Writing, id);
    tx.send(7).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "the one who claimed lives");
    dead.kill();
    comes(|| rx.try_recv());
    assert!(words.all_free());
    go_on(&tx, &rx);
}

/// The gaps are a sender's to make, and a receiver's to pass.
fn a_polling_sender_gets_past_a_dead_senders_claims<R: End>() {
    let (channel, words) = channel::<u64, Multi, R>(2);
    let mut dead = idle("sender", || channel.sender().unwrap());
    let id = words.sender_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    words.claim(0, Phase::Writing, id);
    words.claim(1, Phase::Writing, id);
    assert_eq!(tx.try_send(7), Err(TrySendError::Full(7)));
    dead.kill();
    until("there is room", || match tx.try_send(7) {
        Ok(()) => true,
        Err(error) => error != TrySendError::Full(7) && panic!("{error}"),
    });
    assert_eq!(rx.try_recv(), Ok(7));
    assert_eq!(
        channel.stats().unwrap().endpoints.len(),
        2,
        "the dead one has been reaped"
    );
    go_on(&tx, &rx);
}

fn a_polling_receiver_finds_what_a_dead_one_held<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(7).unwrap();
    words.claim(0, Phase::Reading, id);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "the one who claimed lives");
    dead.kill();
    comes(|| rx.try_recv());
    assert!(words.all_free());
    go_on(&tx, &rx);
}

fn a_polling_lessee_finds_what_a_dead_one_held<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let tx = channel.sender().unwrap();
    tx.send(7).unwrap();
    let mut dead = idle("receiver", || {
        let rx = channel.receiver().unwrap();
        std::mem::forget(rx.recv_lease());
        rx
    });
    let rx = channel.receiver().unwrap();
    assert_eq!(rx.try_recv_lease().err(), Some(TryRecvError::Empty));
    dead.kill();
    comes(|| {
        let lease = rx.try_recv_lease()?;
        assert!(lease.redelivered());
        let number = *lease;
        lease.ack();
        Ok(number)
    });
    assert!(words.all_free());
    go_on(&tx, &rx);
}

/// A full ring, and only what is claimed in it: the sender makes it an orphan or the receiver takes it over, whoever asks
/// first.
fn two_pollers_go_on_after_a_dead_receivers_claim<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(1);
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(7).unwrap();
    words.claim(0, Phase::Reading, id);
    dead.kill();
    let (mut sent, mut received) = (false, Vec::new());
    until("both messages come", || {
        match tx.try_send(8) {
            Ok(()) => assert!(!std::mem::replace(&mut sent, true)),
            Err(TrySendError::Full(8)) => {}
            Err(error) => panic!("{error}"),
        }
        match rx.try_recv() {
            Ok(number) => received.push(number),
            Err(TryRecvError::Empty) => {}
            Err(error) => panic!("{error}"),
        }
        sent
    });
    received.extend(rx.try_recv());
    assert_eq!(received, [7, 8]);
    go_on(&tx, &rx);
}
