//! What does the one do who is killed or stopped?

use annulus::{Channel, End, Kind};

use crate::support::log::Log;
use crate::support::message::Message;
use crate::trace::{begin, end};

/// An operation, from first to last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Deed {
    Send,
    SendMany,
    Receive,
    ReceiveMany,
    Lease,
    Acknowledge,
    HandBack,
    CloseSending,
    CloseReceiving,
    AttachSender,
    AttachReceiver,
    ReserveSender,
    ReserveReceiver,
    SeatSender,
    SeatReceiver,
    DetachSender,
    DetachReceiver,
    Recover,
}

/// Which end it is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Sender,
    Receiver,
    Neither,
}

/// What it sends, as far as that goes.
pub const BATCH: [u64; 3] = [900_001, 900_002, 900_003];

impl Deed {
    /// Whose it is.
    pub fn at(self) -> At {
        use Deed::*;
        match self {
            Send | SendMany | CloseSending | AttachSender | ReserveSender | SeatSender | DetachSender => At::Sender,
            Receive | ReceiveMany | Lease | Acknowledge | HandBack | CloseReceiving | AttachReceiver
            | ReserveReceiver | SeatReceiver | DetachReceiver => At::Receiver,
            Recover => At::Neither,
        }
    }

    /// What it sends, once it is done.
    pub fn sends(self) -> &'static [u64] {
        match self {
            Deed::Send => &BATCH[..1],
            Deed::SendMany => &BATCH,
            _ => &[],
        }
    }

    /// How many messages it takes, for good, at least and at most.
    pub fn takes(self) -> (usize, usize) {
        match self {
            Deed::Receive | Deed::Acknowledge => (1, 1),
            Deed::ReceiveMany => (1, BATCH.len()),
            _ => (0, 0),
        }
    }

    /// It begins with a message in its hands.
    pub fn needs_a_message(self) -> bool {
        matches!(self, Deed::Acknowledge | Deed::HandBack)
    }

    /// It goes on from slot to slot.
    pub fn moves_messages(self) -> bool {
        !self.sends().is_empty() || self.takes().1 > 0 || matches!(self, Deed::Lease | Deed::HandBack)
    }

    /// It becomes an endpoint, or the seat of one, on the way.
    pub fn attaches(self) -> bool {
        use Deed::*;
        matches!(self, AttachSender | AttachReceiver | ReserveSender | ReserveReceiver)
    }

    /// It goes on from a seat.
    pub fn sits_down(self) -> bool {
        matches!(self, Deed::SeatSender | Deed::SeatReceiver)
    }

    /// In the child: does it, and writes down what it has received.
    pub fn act<T: Message, S: End, R: End>(self, channel: &Channel<T, S, R>, received: &Log) {
        let sender = || channel.sender().expect("to attach");
        let receiver = || channel.receiver().expect("to attach");
        match self {
            Deed::Send => {
                let tx = sender();
                begin();
                let sent = tx.send(T::of(BATCH[0]));
                end();
                sent.expect("to send");
            }
            Deed::SendMany => {
                let tx = sender();
                let batch = BATCH.map(T::of);
                begin();
                let sent = tx.send_many(&batch);
                end();
                sent.expect("to send");
            }
            Deed::Receive => {
                let rx = receiver();
                begin();
                let message = rx.recv();
                end();
                received.push(message.expect("a message").number());
            }
            Deed::ReceiveMany => {
                let rx = receiver();
                let mut messages = BATCH.map(|_| T::of(0));
                begin();
                let count = rx.recv_many(&mut messages);
                end();
                for message in &messages[..count.expect("a message")] {
                    received.push(message.number());
                }
            }
            Deed::Lease => {
                let rx = receiver();
                begin();
                let lease = rx.recv_lease();
                end();
                let lease = lease.expect("a message");
                received.push(lease.number());
                lease.ack();
            }
            Deed::Acknowledge => {
                let rx = receiver();
                let lease = rx.recv_lease().expect("a message");
                let number = lease.number();
                begin();
                lease.ack();
                end();
                received.push(number);
            }
            Deed::HandBack => {
                let rx = receiver();
                let lease = rx.recv_lease().expect("a message");
                begin();
                drop(lease);
                end();
            }
            Deed::CloseSending => {
                let tx = sender();
                begin();
                tx.close();
                end();
            }
            Deed::CloseReceiving => {
                let rx = receiver();
                begin();
                rx.close();
                end();
            }
            Deed::AttachSender => {
                begin();
                let tx = channel.sender();
                end();
                tx.expect("to attach");
            }
            Deed::AttachReceiver => {
                begin();
                let rx = channel.receiver();
                end();
                rx.expect("to attach");
            }
            Deed::ReserveSender => {
                begin();
                let seat = channel.reserve_sender();
                end();
                seat.expect("to reserve");
            }
            Deed::ReserveReceiver => {
                begin();
                let seat = channel.reserve_receiver();
                end();
                seat.expect("to reserve");
            }
            Deed::SeatSender => {
                let seat = channel.reserve_sender().expect("to reserve");
                begin();
                let tx = seat.attach();
                end();
                tx.expect("to sit down");
            }
            Deed::SeatReceiver => {
                let seat = channel.reserve_receiver().expect("to reserve");
                begin();
                let rx = seat.attach();
                end();
                rx.expect("to sit down");
            }
            Deed::DetachSender => {
                let tx = sender();
                begin();
                drop(tx);
                end();
            }
            Deed::DetachReceiver => {
                let rx = receiver();
                begin();
                drop(rx);
                end();
            }
            Deed::Recover => {
                begin();
                let repaired = channel.recover();
                end();
                repaired.expect("to recover");
            }
        }
    }
}

/// The sending end of this kind admits many.
pub fn many_senders<S: End, R: End>() -> bool {
    matches!(Channel::<u64, S, R>::kind(), Kind::Mpsc | Kind::Mpmc)
}

/// The receiving end of this kind admits many.
pub fn many_receivers<S: End, R: End>() -> bool {
    matches!(Channel::<u64, S, R>::kind(), Kind::Spmc | Kind::Mpmc)
}
