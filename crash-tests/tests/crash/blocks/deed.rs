//! What does the one do who is killed or stopped, with blocks?

use annulus::blocks::{Block, Loan};
use annulus::crash::{self, Access};

use crate::support::log::Log;
use crate::support::stock::{Channel, Header, header, items, number};
use crate::trace::{begin, end};

/// An operation, from first to last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Deed {
    Loan,
    Abort,
    Send,
    SendCopy,
    Receive,
    ReceiveAndHold,
    HoldTwo,
    Release,
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

/// What it sends, if it does.
pub const ITS: u64 = 900_001;

impl Deed {
    /// What it sends, once it is done.
    pub fn sends(self) -> &'static [u64] {
        match self {
            Deed::Send | Deed::SendCopy => &[ITS],
            _ => &[],
        }
    }

    /// It deals with a message, once it is done.
    pub fn takes(self) -> usize {
        usize::from(matches!(self, Deed::Receive | Deed::Release))
    }

    /// It begins with a message in its hands.
    pub fn needs_a_message(self) -> bool {
        self == Deed::Release
    }

    /// It goes on from position to position.
    pub fn moves_messages(self) -> bool {
        use Deed::*;
        matches!(self, Send | SendCopy | Receive | ReceiveAndHold | HoldTwo)
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
    pub fn act(self, channel: &Channel, received: &Log) {
        let sender = || channel.sender().expect("to attach");
        let receiver = || channel.receiver().expect("to attach");
        let length = items(ITS).len();
        match self {
            Deed::Loan => {
                let tx = sender();
                begin();
                let mut loan = tx.loan(length).expect("a block");
                write(&mut loan, ITS);
                end();
                drop(loan);
            }
            Deed::Abort => {
                let tx = sender();
                let mut loan = tx.loan(length).expect("a block");
                write(&mut loan, ITS);
                begin();
                drop(loan);
                end();
            }
            Deed::Send => {
                let tx = sender();
                begin();
                let mut loan = tx.loan(length).expect("a block");
                write(&mut loan, ITS);
                let sent = loan.send();
                end();
                sent.expect("to send");
            }
            Deed::SendCopy => {
                let tx = sender();
                let items = items(ITS);
                begin();
                let sent = tx.send_slice(&items);
                end();
                sent.expect("to send");
            }
            Deed::Receive => {
                let rx = receiver();
                begin();
                let block = rx.recv().expect("a message");
                let number = read(&block);
                drop(block);
                end();
                received.push(number);
            }
            Deed::ReceiveAndHold => {
                let rx = receiver();
                begin();
                let block = rx.recv().expect("a message");
                let number = read(&block);
                end();
                received.push(number);
                drop(block);
            }
            Deed::HoldTwo => {
                let rx = receiver();
                begin();
                let blocks = [rx.recv().expect("a message"), rx.recv().expect("another")];
                end();
                for block in blocks {
                    received.push(read(&block));
                }
            }
            Deed::Release => {
                let rx = receiver();
                let block = rx.recv().expect("a message");
                let number = read(&block);
                begin();
                drop(block);
                end();
                received.push(number);
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

/// Writes a message in two steps, behind each of which it can be stopped.
pub fn write(loan: &mut Loan<[u64], Header>, number: u64) {
    loan.set_header(header(number));
    let items = items(number);
    for half in [0..items.len() / 2, items.len() / 2..items.len()] {
        loan[half.clone()].copy_from_slice(&items[half]);
        crash::point(Access::CopyIn);
    }
}

/// Reads a message in two steps; its number.
pub fn read(block: &Block<[u64], Header>) -> u64 {
    let mut items = Vec::new();
    for half in [0..block.len() / 2, block.len() / 2..block.len()] {
        items.extend_from_slice(&block[half]);
        crash::point(Access::CopyOut);
    }
    number(block.header(), &items)
}
