//! Does a channel answer every program of operations as a sequential model does?
//!
//! One thread and several endpoints: they attach, send, receive in every form, lease, acknowledge, hand back, forget,
//! close and leave, in any order, on a ring that starts anywhere, at the wrap of its positions too. Nothing happens at the
//! same time, so each answer can be predicted exactly ([`model`]); what would wait for ever is tried instead.

mod forms;
mod model;

use std::os::fd::AsFd;
use std::ptr::NonNull;

use annulus::bytemuck::Pod;
use annulus::{Channel, End, Kind, Lease, Receiver, Sender};
use arbitrary::{Arbitrary, Result, Unstructured};

use crate::{bytes, channel, with_ends};
use forms::{attached_as, lease, receive_many, receive_one, send_all, send_one, send_some};
use model::{Meets, Model, Name, Taken};

/// Operations in a program.
const OPERATIONS: usize = 128;
/// The most messages of a batch.
const BATCH: u8 = 40;

/// Does with `input` what the module says.
pub fn ops(input: &[u8]) {
    // An input that is too short for what it asks for has been run as far as it goes.
    let _ = with_payload(&mut Unstructured::new(input));
}

fn with_payload(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=3)? {
        0 => with_ends!(run::<[u64; 0]>(input)),
        1 => with_ends!(run::<[u64; 9]>(input)),
        _ => with_ends!(run::<[u64; 1]>(input)),
    }
}

/// A payload that is made from a number.
trait Message: Pod + PartialEq + std::fmt::Debug {
    fn of(number: u64) -> Self;
}

impl<const N: usize> Message for [u64; N] {
    fn of(number: u64) -> Self {
        std::array::from_fn(|i| number.wrapping_mul(i as u64 + 1))
    }
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Operation {
    AttachSender { seated: bool },
    AttachReceiver { seated: bool },
    DetachSender(u8),
    DetachReceiver(u8),
    Send(u8, Form),
    SendAgain(u8, Form),
    Receive(u8, Form),
    ReceiveAgain(u8, Form),
    Lease(u8, Form),
    Ack(u8, u8),
    HandBack(u8, u8),
    Forget(u8, u8),
    Look(u8),
    Close(u8),
    Recover,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
enum Form {
    Try,
    /// Where the model says that it does not wait; otherwise as [`Form::Try`].
    Wait,
    Timeout,
    Deadline,
    TryMany(u8),
    /// As [`Form::Wait`].
    Many(u8),
    /// Receivers only; to the others as [`Form::Try`].
    Iter,
}

fn run<T: Message, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<()> {
    let channel = channel::<T, S, R>(input)?;
    if input.arbitrary()? {
        bytes::wind(channel.as_fd(), input.int_in_range(0..=200)?);
    }
    let kind = Channel::<T, S, R>::kind();
    let model = Model::new(
        channel.capacity(),
        bytes::endpoints(channel.as_fd()),
        matches!(kind, Kind::Mpsc | Kind::Mpmc),
        matches!(kind, Kind::Spmc | Kind::Mpmc),
    );
    let mut program = Program {
        channel,
        model,
        senders: Vec::new(),
        receivers: Vec::new(),
        number: 0,
    };
    for _ in 0..OPERATIONS {
        program.perform(input.arbitrary()?);
    }
    Ok(())
}

struct Program<T: Message, S: End, R: End> {
    channel: Channel<T, S, R>,
    model: Model,
    senders: Vec<(Name, Sender<T, S>)>,
    receivers: Vec<Leasing<T, R>>,
    /// Of the next message.
    number: u64,
}

/// A receiver, and what it has on lease.
struct Leasing<T: Message, R: End> {
    name: Name,
    /// Dropped before what they borrow from.
    leases: Vec<(Taken, Lease<'static, T, R>)>,
    receiver: NonNull<Receiver<T, R>>,
}

impl<T: Message, R: End> Leasing<T, R> {
    fn new(name: Name, receiver: Receiver<T, R>) -> Self {
        Leasing {
            name,
            leases: Vec::new(),
            receiver: NonNull::from(Box::leak(Box::new(receiver))),
        }
    }

    fn receiver(&self) -> &'static Receiver<T, R> {
        // SAFETY: it is in a box of its own until `self` is dropped, and whoever borrows it that long is in `leases`.
        unsafe { self.receiver.as_ref() }
    }
}

impl<T: Message, R: End> Drop for Leasing<T, R> {
    fn drop(&mut self) {
        self.leases.clear();
        // SAFETY: made by `new` from a box, and nobody borrows it any more.
        drop(unsafe { Box::from_raw(self.receiver.as_ptr()) });
    }
}

impl<T: Message, S: End, R: End> Program<T, S, R> {
    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::AttachSender { seated } => self.attach_sender(seated),
            Operation::AttachReceiver { seated } => self.attach_receiver(seated),
            Operation::DetachSender(who) => {
                if let Some(place) = pick(who, &self.senders) {
                    self.model.detach(self.senders.swap_remove(place).0);
                }
            }
            Operation::DetachReceiver(who) => {
                if let Some(place) = pick(who, &self.receivers) {
                    self.model.detach(self.receivers.swap_remove(place).name);
                }
            }
            Operation::Send(who, form) | Operation::SendAgain(who, form) => self.send(who, form),
            Operation::Receive(who, form) | Operation::ReceiveAgain(who, form) => self.receive(who, form),
            Operation::Lease(who, form) => self.lease(who, form),
            Operation::Ack(who, which) => {
                if let Some((taken, lease)) = self.lent(who, which) {
                    self.model.ack(taken.position);
                    lease.ack();
                }
            }
            Operation::HandBack(who, which) => {
                if let Some((taken, lease)) = self.lent(who, which) {
                    self.model.hand_back(taken.position);
                    drop(lease);
                }
            }
            Operation::Forget(who, which) => {
                if let Some((_, lease)) = self.lent(who, which) {
                    std::mem::forget(lease);
                }
            }
            Operation::Look(who) => self.look(who),
            Operation::Close(who) => self.close(who),
            Operation::Recover => assert_eq!(self.channel.recover().expect("sound"), 0),
        }
    }

    fn attach_sender(&mut self, seated: bool) {
        let attached = if seated {
            self.channel.reserve_sender().and_then(|seat| seat.attach())
        } else {
            self.channel.sender()
        };
        if let Some((name, tx)) = attached_as(attached, self.model.attach(true)) {
            self.senders.push((name, tx));
        }
    }

    fn attach_receiver(&mut self, seated: bool) {
        let attached = if seated {
            self.channel.reserve_receiver().and_then(|seat| seat.attach())
        } else {
            self.channel.receiver()
        };
        if let Some((name, rx)) = attached_as(attached, self.model.attach(false)) {
            self.receivers.push(Leasing::new(name, rx));
        }
    }

    /// Some lease of some receiver, which is ended.
    fn lent(&mut self, who: u8, which: u8) -> Option<(Taken, Lease<'static, T, R>)> {
        let place = pick(who, &self.receivers)?;
        let leases = &mut self.receivers[place].leases;
        let which = pick(which, leases)?;
        Some(leases.swap_remove(which))
    }

    fn send(&mut self, who: u8, form: Form) {
        let Some(place) = pick(who, &self.senders) else {
            return;
        };
        let meets = self.model.send_meets();
        let (first, tx) = (self.number, &self.senders[place].1);
        let sent = match form {
            Form::TryMany(count) | Form::Many(count) => {
                let values: Vec<T> = (0..u64::from(count % BATCH)).map(|i| T::of(first + i)).collect();
                self.number += values.len() as u64;
                let fits = values.len() <= self.model.room();
                if matches!(form, Form::Many(_)) && (meets == Meets::Disconnection || fits) {
                    send_all(tx, &values, meets)
                } else {
                    send_some(tx, &values, meets, self.model.room())
                }
            }
            form => {
                self.number += 1;
                usize::from(send_one(tx, T::of(first), form, meets))
            }
        };
        for number in (first..).take(sent) {
            self.model.send(number);
        }
    }

    fn receive(&mut self, who: u8, form: Form) {
        let Some(place) = pick(who, &self.receivers) else {
            return;
        };
        let rx = &self.receivers[place];
        let meets = self.model.receive_meets(rx.name, false);
        let (most, received) = match form {
            Form::TryMany(count) | Form::Many(count) => {
                let most = usize::from(count % BATCH);
                let waits = matches!(form, Form::Many(_)) && meets != Meets::Refusal;
                (most, receive_many(rx.receiver(), most, waits, meets))
            }
            Form::Iter => (usize::MAX, rx.receiver().try_iter().collect()),
            form => (1, receive_one(rx.receiver(), form, meets)),
        };
        let expected: Vec<T> = self.model.receive(most).into_iter().map(T::of).collect();
        assert_eq!(received, expected);
    }

    fn lease(&mut self, who: u8, form: Form) {
        let Some(place) = pick(who, &self.receivers) else {
            return;
        };
        let rx = &mut self.receivers[place];
        let meets = self.model.receive_meets(rx.name, true);
        let leased = lease(rx.receiver(), form, meets);
        let expected = leased.as_ref().and_then(|_| self.model.lease(rx.name));
        if let Some(lease) = leased {
            let taken = expected.expect("the model has one, too");
            assert_eq!((*lease, lease.redelivered()), (T::of(taken.number), taken.redelivered));
            rx.leases.push((taken, lease));
        }
    }

    fn look(&self, who: u8) {
        let (len, full) = (self.model.len(), self.model.room() == 0);
        let expected = (len, len == 0, full);
        if let Some(place) = pick(who, &self.senders) {
            let tx = &self.senders[place].1;
            assert_eq!((tx.len(), tx.is_empty(), tx.is_full()), expected, "{tx:?}");
        }
        if let Some(place) = pick(who, &self.receivers) {
            let rx = self.receivers[place].receiver();
            assert_eq!((rx.len(), rx.is_empty(), rx.is_full()), expected, "{rx:?}");
        }
    }

    fn close(&mut self, who: u8) {
        let (tx, rx) = (pick(who, &self.senders), pick(who, &self.receivers));
        match (tx, rx) {
            (Some(place), _) => self.senders[place].1.close(),
            (None, Some(place)) => self.receivers[place].receiver().close(),
            (None, None) => return,
        }
        self.model.close();
    }
}

fn pick<X>(who: u8, all: &[X]) -> Option<usize> {
    usize::from(who).checked_rem(all.len())
}
