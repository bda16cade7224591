//! Endpoints as users hold them: the crate's own `channel`, with a kernel of one table.

use std::sync::Arc;

use loom::thread::spawn;

use crate::channel::{self, Doomed, Multi, Single};
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::kill;
use crate::layout::{Owner, Role};
use crate::region::Region;
use crate::ring::receiver::{MultiReceiver, ReceiveEnd};
use crate::ring::sender::{MultiSender, SendEnd};
use crate::stage::{Message, TryPop, explore, message, saw, whole};

/// `LIFE`: who sees that something has happened finds the orphan that it was.
pub(super) fn an_announced_orphan_is_found() {
    explore(3, || {
        loom::stop_exploring();
        let region = Region::new(2);
        let tx = channel::sender::<Multi>(&region);
        let dead = Doomed::new(&region, Role::Receiver);
        let rx = channel::receiver::<Multi>(&region);
        tx.try_send(message(1)).unwrap();
        let claims = MultiReceiver::new(region.ring::<Message>(), dead.owner());
        assert!(
            kill::first(6, || claims.try_pop().is_ok()).is_none(),
            "killed with a claim"
        );
        drop(dead);
        loom::explore();
        let theirs = Arc::clone(&region);
        let reaper = spawn(move || assert_eq!(channel::recover(&theirs), 1));
        match rx.try_recv() {
            Ok(got) => {
                assert_eq!(whole(got), 1);
                saw("found at once");
            }
            Err(error) => {
                assert_eq!(error, TryRecvError::Empty);
                reaper.join().unwrap();
                assert_eq!(
                    rx.try_recv().map(whole),
                    Ok(1),
                    "the event was seen, the orphan was not"
                );
                saw("found later");
                return;
            }
        }
        reaper.join().unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    });
}

/// `CLEAN`: who finds a dead one's record clean finds what was left of it, before the end of the stream.
pub(super) fn a_clean_record_hides_no_orphan() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let tx = channel::sender::<Multi>(&region);
        let dead = Doomed::new(&region, Role::Receiver);
        let rx = channel::receiver::<Multi>(&region);
        tx.try_send(message(1)).unwrap();
        let claims = MultiReceiver::new(region.ring::<Message>(), dead.owner());
        assert!(
            kill::first(6, || claims.try_pop().is_ok()).is_none(),
            "killed with a claim"
        );
        drop((tx, dead));
        loom::explore();
        let theirs = Arc::clone(&region);
        let reaper = spawn(move || channel::recover(&theirs));
        let first = rx.try_recv();
        let theirs = reaper.join().unwrap();
        let got = match first {
            Ok(got) => {
                saw(if theirs == 1 { "an orphan" } else { "taken over" });
                Ok(got)
            }
            Err(TryRecvError::Empty) => {
                saw("unsettled");
                rx.try_recv()
            }
            Err(error) => panic!("{error:?} before the last message"),
        };
        assert_eq!(got.map(whole), Ok(1));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Who comes, sends and goes leaves no claim under a clean record to whoever looks for nobody's.
pub(super) fn a_claim_that_stands_is_somebodys() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let rx = channel::receiver::<Multi>(&region);
        let theirs = Arc::clone(&region);
        let sender = spawn(move || {
            // Attached without anything that the receiver's thread would see it by.
            let tx = channel::sender::<Multi>(&theirs);
            loom::explore();
            tx.try_send(message(1))
        });
        loom::thread::yield_now();
        assert_eq!(channel::recover(&region), 0);
        match rx.try_recv() {
            Ok(got) => {
                assert_eq!(whole(got), 1);
                saw("received");
                sender.join().unwrap().unwrap();
            }
            Err(error) => {
                assert!(
                    matches!(error, TryRecvError::Empty | TryRecvError::Disconnected),
                    "{error:?}"
                );
                saw("not yet");
                sender.join().unwrap().unwrap();
                assert_eq!(rx.try_recv().map(whole), Ok(1));
            }
        }
    });
}

/// `REAPING`: two threads of one endpoint never lock for each other.
pub(super) fn one_thread_reaps_after_another() {
    for dies in [false, true] {
        explore(if dies { 1 } else { 2 }, move || {
            loom::stop_exploring();
            let region = Region::new(1);
            let gone = channel::sender::<Single>(&region);
            let rx = Arc::new(channel::receiver::<Multi>(&region));
            // Somebody to be asked after: a sender, killed with a claim, or a receiver that lives.
            let alive = if dies {
                let dead = Doomed::new(&region, Role::Sender);
                let claims = MultiSender::new(region.ring::<Message>(), dead.owner());
                assert!(kill::first(6, || claims.try_push(&message(1)).is_ok()).is_none());
                None
            } else {
                Some(Doomed::new(&region, Role::Receiver))
            };
            // What tells the receiver that it should ask.
            drop(gone);
            loom::explore();
            let theirs = Arc::clone(&rx);
            let thread = spawn(move || theirs.try_recv());
            for result in [rx.try_recv(), thread.join().unwrap()] {
                saw(match result {
                    Err(TryRecvError::Disconnected) => "disconnected",
                    Err(TryRecvError::Empty) => "empty",
                    result => panic!("{result:?}"),
                });
            }
            drop(alive);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        });
    }
}

/// The end of the stream comes after the stream, and wakes who waits for it.
pub(super) fn the_last_message_comes_before_the_end() {
    explore(2, || {
        let region = Region::new(1);
        let (tx, rx) = (channel::sender::<Single>(&region), channel::receiver::<Single>(&region));
        let sender = spawn(move || tx.send(message(1)).unwrap());
        assert_eq!(rx.recv().map(whole), Ok(1));
        assert_eq!(rx.recv(), Err(RecvError::Disconnected));
        sender.join().unwrap();
    });
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (channel::sender::<Multi>(&region), channel::receiver::<Multi>(&region));
        loom::explore();
        let sender = spawn(move || tx.send(message(1)).unwrap());
        let mut early = 0;
        let got = loop {
            match rx.try_recv() {
                Err(TryRecvError::Empty) if early < 2 => early += 1,
                Err(TryRecvError::Empty) => break rx.recv().ok(),
                got => break got.ok(),
            }
        };
        assert_eq!(got.map(whole), Some(1));
        sender.join().unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// A sender that waits for room hears that nobody will make any.
pub(super) fn a_waiting_sender_hears_of_the_last_receiver() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (channel::sender::<Multi>(&region), channel::receiver::<Multi>(&region));
        tx.try_send(message(1)).unwrap();
        loom::explore();
        let receiver = spawn(move || drop(rx));
        assert_eq!(tx.send(message(2)), Err(SendError::Disconnected(message(2))));
        receiver.join().unwrap();
    });
}

/// Closed while one waits at either end.
pub(super) fn a_close_ends_every_wait() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (
            channel::sender::<Multi>(&region),
            Arc::new(channel::receiver::<Multi>(&region)),
        );
        loom::explore();
        let waiting = Arc::clone(&rx);
        let receiver = spawn(move || waiting.recv());
        tx.close();
        assert_eq!(tx.try_send(message(1)), Err(TrySendError::Disconnected(message(1))));
        assert_eq!(receiver.join().unwrap(), Err(RecvError::Disconnected));
    });
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (
            Arc::new(channel::sender::<Multi>(&region)),
            channel::receiver::<Multi>(&region),
        );
        tx.try_send(message(1)).unwrap();
        loom::explore();
        let waiting = Arc::clone(&tx);
        let sender = spawn(move || waiting.send(message(2)));
        rx.close();
        assert_eq!(sender.join().unwrap(), Err(SendError::Disconnected(message(2))));
        assert_eq!(rx.recv().map(whole), Ok(1), "what was sent is drained");
        assert_eq!(rx.recv(), Err(RecvError::Disconnected));
    });
}

/// `LIFE`: who reads that a sender has attached finds it among the living.
pub(super) fn a_sender_that_has_been_seen_is_alive() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let rx = channel::receiver::<Multi>(&region);
        // Something has happened, so that the receiver asks.
        drop(channel::receiver::<Multi>(&region));
        loom::explore();
        let theirs = Arc::clone(&region);
        let newcomer = spawn(move || channel::sender::<Multi>(&theirs));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "the sender lives");
        let tx = newcomer.join().unwrap();
        tx.try_send(message(1)).unwrap();
        assert_eq!(rx.try_recv().map(whole), Ok(1));
    });
}

/// `LIFE`: who reads that somebody has left finds it gone, and need not be told again.
pub(super) fn a_detach_that_has_been_seen_is_the_end() {
    explore(3, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (channel::sender::<Multi>(&region), channel::receiver::<Multi>(&region));
        loom::explore();
        let sender = spawn(move || drop(tx));
        match rx.try_recv() {
            Err(TryRecvError::Empty) => saw("not yet"),
            Err(TryRecvError::Disconnected) => saw("the end"),
            result => panic!("{result:?}"),
        }
        sender.join().unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected), "the end was missed");
    });
}

/// `LIFE`: what was sent before a close is received before the end.
pub(super) fn a_close_comes_after_what_was_sent() {
    explore(3, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (channel::sender::<Multi>(&region), channel::receiver::<Multi>(&region));
        loom::explore();
        let theirs = Arc::clone(&region);
        let sender = spawn(move || {
            // Without the fence that looks for sleepers: in membarrier mode there is none.
            let end = MultiSender::new(theirs.ring::<Message>(), Owner::new(Owner::FIRST_MULTI).unwrap());
            end.try_push(&message(1)).unwrap();
            tx.close();
            tx
        });
        match rx.try_recv() {
            Ok(got) => {
                assert_eq!(whole(got), 1);
                saw("received at once");
            }
            Err(TryRecvError::Empty) => saw("empty"),
            Err(error) => panic!("{error:?} before the last message"),
        }
        sender.join().unwrap();
    });
}

/// Both ends wait in turn, through the calls that users make.
pub(super) fn blocking_calls_meet() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::new(1);
        let (tx, rx) = (
            channel::sender::<Multi>(&region),
            Arc::new(channel::receiver::<Multi>(&region)),
        );
        loom::explore();
        let waiting = Arc::clone(&rx);
        let receiver = spawn(move || {
            for n in 1..=2 {
                assert_eq!(waiting.recv().map(whole), Ok(n));
            }
        });
        tx.send(message(1)).unwrap();
        tx.send(message(2)).unwrap();
        receiver.join().unwrap();
    });
}
