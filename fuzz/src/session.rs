//! What can be done with a channel that may be corrupt, and what must hold of every answer?
//!
//! Answers are values or errors; none says that this is another process. Whoever has once answered that the region is
//! corrupt answers nothing else from then on.

use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use annulus::bytemuck::{Pod, bytes_of_mut};
use annulus::{Channel, End, Receiver, Sender};
use arbitrary::Arbitrary;

use crate::bytes::Poke;

/// Endpoints of each role.
const ENDPOINTS: usize = 3;
/// The most messages of a batch.
const BATCH: usize = 40;

#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Operation {
    AttachSender,
    AttachReceiver,
    SeatSender,
    SeatReceiver,
    DropSender,
    DropReceiver,
    TrySend(u8),
    TryRecv,
    TrySendMany(u8),
    TryRecvMany(u8),
    SendFor(u8, u8),
    RecvFor(u8),
    Lease { most: u8, ends: u16, poke: Option<Poke> },
    LeaseFor(u8),
    Ask,
    Close,
    Recover,
    Reopen,
    Poke(Poke),
}

/// The endpoints of one thread. Those that were attached last do what there is to do.
pub struct Session<'a, T: Pod, S: End, R: End> {
    channel: &'a Channel<T, S, R>,
    /// What a scribbler has.
    file: OwnedFd,
    senders: Vec<Marked<Sender<T, S>>>,
    receivers: Vec<Marked<Receiver<T, R>>>,
}

/// An endpoint, and whether it has answered that it is corrupt.
struct Marked<X> {
    endpoint: X,
    corrupt: Cell<bool>,
}

impl<X> Marked<X> {
    fn new(endpoint: X) -> Self {
        Marked {
            endpoint,
            corrupt: Cell::new(false),
        }
    }

    /// Of an operation on it; whether the answer is that the region is corrupt.
    fn answered<V, E: Display + Debug>(&self, answer: Result<V, E>) -> bool {
        let corrupt = is_corrupt(answer);
        assert!(corrupt || !self.corrupt.get(), "it was corrupt before");
        self.corrupt.set(corrupt);
        corrupt
    }
}

fn is_corrupt<V, E: Display + Debug>(answer: Result<V, E>) -> bool {
    answer.is_err_and(|error| {
        let text = error.to_string();
        let _ = format!("{error:?}");
        assert!(!text.contains("another process: attach"), "{text}");
        text.contains("corrupt")
    })
}

impl<'a, T: Pod, S: End, R: End> Session<'a, T, S, R> {
    pub fn new(channel: &'a Channel<T, S, R>) -> Self {
        Session {
            channel,
            file: channel.as_fd().try_clone_to_owned().expect("a descriptor"),
            senders: Vec::new(),
            receivers: Vec::new(),
        }
    }

    /// Does it, if there is an endpoint for it; whether the answer is that the region is corrupt.
    pub fn perform(&mut self, operation: Operation) -> bool {
        let (tx, rx) = (self.senders.last(), self.receivers.last());
        match operation {
            Operation::AttachSender if self.senders.len() < ENDPOINTS => {
                let attached = self.channel.sender();
                is_corrupt(attached.map(|tx| self.senders.push(Marked::new(tx))))
            }
            Operation::AttachReceiver if self.receivers.len() < ENDPOINTS => {
                let attached = self.channel.receiver();
                is_corrupt(attached.map(|rx| self.receivers.push(Marked::new(rx))))
            }
            Operation::SeatSender => is_corrupt(self.channel.reserve_sender().and_then(|seat| seat.attach())),
            Operation::SeatReceiver => is_corrupt(self.channel.reserve_receiver().and_then(|seat| seat.attach())),
            Operation::DropSender => {
                self.senders.pop();
                false
            }
            Operation::DropReceiver => {
                self.receivers.pop();
                false
            }
            Operation::Close => {
                tx.inspect(|tx| tx.endpoint.close());
                rx.inspect(|rx| rx.endpoint.close());
                false
            }
            Operation::Recover => is_corrupt(self.channel.recover()),
            Operation::Reopen => {
                let file = self.file.try_clone().expect("a descriptor");
                is_corrupt(Channel::<T, S, R>::from_fd_as(file, crate::SCHEMA))
            }
            Operation::Poke(poke) => {
                poke.strike(self.file.as_fd());
                false
            }
            operation => {
                tx.is_some_and(|tx| send(tx, operation))
                    | rx.is_some_and(|rx| receive(rx, operation, self.file.as_fd()))
            }
        }
    }
}

fn send<T: Pod, S: End>(tx: &Marked<Sender<T, S>>, operation: Operation) -> bool {
    let sender = &tx.endpoint;
    match operation {
        Operation::TrySend(fill) => tx.answered(sender.try_send(message(fill))),
        Operation::SendFor(fill, time) => tx.answered(sender.send_timeout(message(fill), moments(time))),
        Operation::TrySendMany(count) => {
            let values = [T::zeroed(); BATCH];
            let values = &values[..batch(count)];
            let sent = sender.try_send_many(values);
            assert!(sent.is_err() || sent.is_ok_and(|sent| (1..=values.len()).contains(&sent)));
            tx.answered(sent)
        }
        Operation::Ask => {
            asked(sender.len(), sender.capacity());
            let _ = (sender.is_empty(), sender.is_full(), format!("{sender:?}"));
            false
        }
        _ => false,
    }
}

fn receive<T: Pod, R: End>(rx: &Marked<Receiver<T, R>>, operation: Operation, file: BorrowedFd<'_>) -> bool {
    let receiver = &rx.endpoint;
    match operation {
        Operation::TryRecv => rx.answered(receiver.try_recv()),
        Operation::RecvFor(time) => rx.answered(receiver.recv_timeout(moments(time))),
        Operation::TryRecvMany(count) => {
            let mut values = [T::zeroed(); BATCH];
            let values = &mut values[..batch(count)];
            let received = receiver.try_recv_many(values);
            assert!(received.is_err() || received.is_ok_and(|received| (1..=values.len()).contains(&received)));
            rx.answered(received)
        }
        Operation::LeaseFor(time) => {
            let leased = receiver.recv_lease_timeout(moments(time));
            rx.answered(leased.map(|lease| lease.ack()))
        }
        Operation::Lease { most, ends, poke } => {
            let mut leases = Vec::new();
            let mut corrupt = false;
            for _ in 0..most % 8 {
                match receiver.try_recv_lease() {
                    Ok(lease) => leases.push(lease),
                    Err(error) => {
                        corrupt = rx.answered::<(), _>(Err(error));
                        break;
                    }
                }
            }
            poke.inspect(|poke| poke.strike(file));
            for (i, lease) in leases.into_iter().enumerate() {
                let _ = (lease.redelivered(), bytes_of_mut(&mut { *lease }).first().copied());
                match ends >> (2 * i) & 3 {
                    0 => std::mem::forget(lease),
                    1 => drop(lease),
                    _ => lease.ack(),
                }
            }
            corrupt
        }
        Operation::Ask => {
            asked(receiver.len(), receiver.capacity());
            let _ = (receiver.is_empty(), receiver.is_full(), format!("{receiver:?}"));
            false
        }
        _ => false,
    }
}

fn asked(len: usize, capacity: usize) {
    assert!(len <= capacity, "{len} of {capacity}");
}

fn batch(count: u8) -> usize {
    usize::from(count) % BATCH + 1
}

fn moments(time: u8) -> Duration {
    Duration::from_micros(u64::from(time))
}

fn message<T: Pod>(fill: u8) -> T {
    let mut message = T::zeroed();
    bytes_of_mut(&mut message).fill(fill);
    message
}
