//! Sleepers and wake-ups. A lost one is a deadlock, which loom reports.
//!
//! `ring` and `wait` put together as `channel` does it (`Endpoint::notify`, `Sender::waiting`), less what asks the
//! kernel about the living. Ends are multi unless a model says so; `wait` is always the shipped code.

use loom::thread::spawn;

use crate::edge;
use crate::kill;
use crate::layout::{FenceMode, Life, Role};
use crate::ring::receiver::ReceiveEnd;
use crate::ring::sender::SendEnd;
use crate::stage::{End, MIXES, Message, Stage, TryPop, explore, id, message, on_stage, received, saw, sent};
use crate::sync::{AtomicU32, Relaxed};
use crate::wait::{self, Sleeper, Wait, Why};
use crate::weaken::Rule;

/// A sender or receiver that may sleep.
struct Party<E: ?Sized> {
    stage: &'static Stage,
    role: Role,
    multi: bool,
    end: Box<E>,
}

impl<E: ?Sized> Party<E> {
    fn new(stage: &'static Stage, role: Role, kind: End, end: Box<E>) -> Self {
        Party {
            stage,
            role,
            multi: kind == End::Multi,
            end,
        }
    }

    /// As `Endpoint::notify`.
    fn notify(&self, count: u32, more: impl FnOnce() -> bool) {
        let lines = &self.stage.lines;
        let (theirs, ours) = match self.role {
            Role::Sender => (&lines.receivers.0, &lines.senders.0),
            Role::Receiver => (&lines.senders.0, &lines.receivers.0),
        };
        wait::notifier_fence(FenceMode::Fenced);
        if wait::notify(theirs, count) {
            saw("notified");
        }
        if self.multi && Rule::Chain.kept() && wait::sleepers(ours) && more() && wait::notify(ours, 1) {
            saw("chained");
        }
    }

    fn wait_until<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        let lines = &self.stage.lines;
        let mut sleeper = Sleeper::new(Wait {
            word: match self.role {
                Role::Sender => &lines.senders.0,
                Role::Receiver => &lines.receivers.0,
            },
            mode: FenceMode::Fenced,
            tick: u64::MAX,
            deadline: None,
        });
        loop {
            let why = sleeper.next().expect("without a deadline");
            if let Some(answer) = look() {
                return answer;
            }
            if why == Why::Sleep {
                saw("about to sleep");
            }
        }
    }
}

impl Party<dyn SendEnd<Message>> {
    fn try_send(&self, n: u32) -> bool {
        let Ok(sent) = self.end.try_push(&message(n)) else {
            return false;
        };
        self.notify(1, || sent.last.is_some_and(|last| self.stage.ring().free_after(last)));
        true
    }

    fn send(&self, n: u32) {
        if !self.try_send(n) {
            self.wait_until(|| self.try_send(n).then_some(()));
        }
    }

    fn try_send_many(&self, messages: &[Message]) -> usize {
        let sent = self.end.try_push_many(messages).expect("room");
        self.notify(sent.count as u32, || {
            sent.last.is_some_and(|last| self.stage.ring().free_after(last))
        });
        sent.count
    }
}

impl Party<dyn ReceiveEnd<Message>> {
    fn try_recv(&self) -> Option<u32> {
        let popped = self.end.try_pop();
        if let Ok((_, position)) = popped {
            self.notify(1, || position.is_some_and(|last| self.stage.ring().full_after(last)));
        }
        received(popped)
    }

    fn recv(&self) -> u32 {
        self.try_recv().unwrap_or_else(|| self.wait_until(|| self.try_recv()))
    }
}

fn sender(stage: &'static Stage, kind: End, n: u16) -> Party<dyn SendEnd<Message>> {
    Party::new(stage, Role::Sender, kind, stage.sender(kind, id(n)))
}

fn receiver(stage: &'static Stage, kind: End, n: u16) -> Party<dyn ReceiveEnd<Message>> {
    Party::new(stage, Role::Receiver, kind, stage.receiver(kind, id(n)))
}

/// Begins with `count` sleepers on `word`: how they got there is for other models.
fn asleep(word: &AtomicU32, count: u32) {
    word.futex.until_asleep(count);
    loom::explore();
}

/// `SLEEP`: one waits, the other comes; and the other way round.
pub(super) fn no_wake_is_lost() {
    for (senders, receivers) in MIXES {
        explore(3, move || {
            on_stage(0, 0, |stage| {
                let (tx, rx) = (sender(stage, senders, 0), receiver(stage, receivers, 1));
                let receiver = spawn(move || assert_eq!(rx.recv(), 1));
                assert!(tx.try_send(1));
                receiver.join().unwrap();
            });
        });
        explore(3, move || {
            on_stage(0, 0, |stage| {
                stage.fill([1]);
                let (tx, rx) = (sender(stage, senders, 0), receiver(stage, receivers, 1));
                let sender = spawn(move || tx.send(2));
                assert_eq!(rx.try_recv(), Some(1));
                sender.join().unwrap();
                assert_eq!(stage.drain(), [2]);
            });
        });
        // Both wait, in turn.
        explore(2, move || {
            on_stage(0, 0, |stage| {
                let (tx, rx) = (sender(stage, senders, 0), receiver(stage, receivers, 1));
                let receiver = spawn(move || (1..=2).for_each(|n| assert_eq!(rx.recv(), n)));
                (1..=2).for_each(|n| tx.send(n));
                receiver.join().unwrap();
            });
        });
    }
}

/// The bit of a sleeper that is gone is taken away without taking it from one who is about to sleep.
pub(super) fn a_stale_bit_hides_nobody() {
    explore(3, || {
        on_stage(1, 0, |stage| {
            stage.lines.receivers.0.store(1, Relaxed);
            let (tx, rx) = (sender(stage, End::Multi, 0), receiver(stage, End::Multi, 1));
            let receiver = spawn(move || (1..=2).for_each(|n| assert_eq!(rx.recv(), n)));
            assert!(tx.try_send(1) && tx.try_send(2));
            receiver.join().unwrap();
        });
    });
}

/// Two sleep, two messages come from one sender.
pub(super) fn two_waiting_receivers_are_both_woken() {
    explore(2, || {
        on_stage(1, 0, |stage| {
            let tx = sender(stage, End::Single, 0);
            let receivers = [1, 2].map(|n| {
                let rx = receiver(stage, End::Multi, n);
                spawn(move || rx.recv())
            });
            assert!(tx.try_send(1) && tx.try_send(2));
            let got = receivers.map(|receiver| receiver.join().unwrap());
            assert_eq!(got[0] + got[1], 3);
        });
    });
}

/// Two sleep, one receiver takes two messages.
pub(super) fn two_waiting_senders_are_both_woken() {
    explore(2, || {
        on_stage(1, 0, |stage| {
            stage.fill([8, 9]);
            let rx = receiver(stage, End::Single, 0);
            let senders = [1, 2].map(|n| {
                let tx = sender(stage, End::Multi, n);
                spawn(move || tx.send(u32::from(n)))
            });
            assert_eq!([rx.try_recv(), rx.try_recv()], [Some(8), Some(9)]);
            for sender in senders {
                sender.join().unwrap();
            }
            let mut got = stage.drain();
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
        });
    });
}

/// The receivers' chain: the second message may be published before the first, and wakes somebody who cannot take it.
pub(super) fn two_receivers_wait_for_two_senders() {
    explore(2, || {
        on_stage(1, 0, |stage| {
            loom::stop_exploring();
            let receivers = [0, 1].map(|n| {
                let rx = receiver(stage, End::Multi, n);
                spawn(move || rx.recv())
            });
            let (a, b) = (sender(stage, End::Multi, 2), sender(stage, End::Multi, 3));
            asleep(&stage.lines.receivers.0, 2);
            let other = spawn(move || assert!(a.try_send(1)));
            assert!(b.try_send(2));
            other.join().unwrap();
            let got = receivers.map(|receiver| receiver.join().unwrap());
            assert_eq!(got[0] + got[1], 3);
        });
    });
}

/// The senders' chain: the second slot may be freed before the first.
pub(super) fn two_senders_wait_for_two_receivers() {
    explore(2, || {
        on_stage(1, 0, |stage| {
            loom::stop_exploring();
            stage.fill([8, 9]);
            let senders = [0, 1].map(|n| {
                let tx = sender(stage, End::Multi, n);
                spawn(move || tx.send(u32::from(n)))
            });
            let (a, b) = (receiver(stage, End::Multi, 2), receiver(stage, End::Multi, 3));
            asleep(&stage.lines.senders.0, 2);
            let other = spawn(move || assert!(a.try_recv().is_some()));
            assert!(b.try_recv().is_some());
            other.join().unwrap();
            for sender in senders {
                sender.join().unwrap();
            }
            let mut got = stage.drain();
            got.sort_unstable();
            assert_eq!(got, [0, 1]);
        });
    });
}

/// The chain reaches over gaps and over what others have: the wake-up for what is behind them was spent on somebody who
/// could not take it yet.
pub(super) fn a_chain_reaches_behind_the_others() {
    explore(2, || {
        on_stage(2, 0, |stage| {
            loom::stop_exploring();
            let receivers = [0, 1].map(|n| {
                let rx = receiver(stage, End::Multi, n);
                spawn(move || rx.recv())
            });
            asleep(&stage.lines.receivers.0, 2);
            let (a, b) = (sender(stage, End::Multi, 2), sender(stage, End::Multi, 3));
            // Position 0 is claimed and will be published last, 1 becomes a gap, 2 is there: whoever is woken for it
            // finds position 0 in the way.
            let meanwhile = move || {
                let dead = stage.sender(End::Multi, id(4));
                assert!(kill::first(6, || sent(dead.try_push(&message(9)))).is_none());
                assert_eq!(stage.ring().reap(id(4), Role::Sender).expect("sound").gaps, 1);
                assert!(b.try_send(2));
            };
            assert!(kill::stopped(3, meanwhile, || a.try_send(1)));
            let got = receivers.map(|receiver| receiver.join().unwrap());
            assert_eq!(got[0] + got[1], 3);
        });
    });
    explore(2, || {
        on_stage(1, 0, |stage| {
            loom::stop_exploring();
            stage.fill([7, 8]);
            let senders = [0, 1].map(|n| {
                let tx = sender(stage, End::Multi, n);
                spawn(move || tx.send(u32::from(n)))
            });
            asleep(&stage.lines.senders.0, 2);
            let (a, b) = (receiver(stage, End::Multi, 2), receiver(stage, End::Multi, 3));
            // Position 0 is freed last.
            let meanwhile = move || assert_eq!(b.try_recv(), Some(8));
            assert_eq!(kill::stopped(3, meanwhile, || a.try_recv()), Some(7));
            for sender in senders {
                sender.join().unwrap();
            }
            let mut got = stage.drain();
            got.sort_unstable();
            assert_eq!(got, [0, 1]);
        });
    });
}

/// A batch wakes as many as it has messages for.
pub(super) fn a_batch_wakes_as_many() {
    explore(2, || {
        on_stage(1, 0, |stage| {
            loom::stop_exploring();
            let tx = sender(stage, End::Multi, 0);
            let receivers = [1, 2].map(|n| {
                let rx = receiver(stage, End::Multi, n);
                spawn(move || rx.recv())
            });
            asleep(&stage.lines.receivers.0, 2);
            assert_eq!(tx.try_send_many(&[message(1), message(2)]), 2);
            let got = receivers.map(|receiver| receiver.join().unwrap());
            assert_eq!(got[0] + got[1], 3);
        });
    });
}

/// As `Endpoint::close`: both words, everybody.
pub(super) fn a_close_wakes_everybody() {
    explore(2, || {
        on_stage(0, 0, |stage| {
            let closed = || Life::from_bits(stage.lines.life.0.load(edge::LIFE.acquire())).closed();
            let waiters = [0, 1].map(|n| {
                let rx = receiver(stage, End::Multi, n);
                spawn(move || {
                    rx.wait_until(|| match rx.try_recv() {
                        None if closed() => Some(None),
                        got => got.map(Some),
                    })
                })
            });
            let life = &stage.lines.life.0;
            let _ = life.fetch_update(edge::LIFE.release(), Relaxed, |bits| {
                Some(Life::from_bits(bits).close().bits())
            });
            wait::notifier_fence(FenceMode::Fenced);
            wait::notify(&stage.lines.receivers.0, u32::MAX);
            wait::notify(&stage.lines.senders.0, u32::MAX);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), None);
            }
        });
    });
}

/// A gap frees a place for senders and moves receivers on: who reaps notifies both.
pub(super) fn a_reaper_wakes_both_ends() {
    explore(2, || {
        on_stage(0, 0, |stage| {
            loom::stop_exploring();
            // A sender has died between claim and publish; the ring is full, and nothing is to be had.
            let dead = stage.sender(End::Multi, id(0));
            assert!(kill::first(6, || sent(dead.try_push(&message(1)))).is_none());
            let (tx, rx) = (sender(stage, End::Multi, 1), receiver(stage, End::Multi, 2));
            let sender = spawn(move || tx.send(2));
            asleep(&stage.lines.senders.0, 1);
            let receiver = spawn(move || assert_eq!(rx.recv(), 2));
            assert_eq!(stage.ring().reap(id(0), Role::Sender).expect("sound").gaps, 1);
            wait::notifier_fence(FenceMode::Fenced);
            wait::notify(&stage.lines.receivers.0, u32::MAX);
            if Rule::ReaperNotifies.kept() {
                wait::notify(&stage.lines.senders.0, u32::MAX);
            }
            sender.join().unwrap();
            receiver.join().unwrap();
        });
    });
}
