//! What does a process do that sends?

use annulus::{AttachError, Channel, End, Kind, Seat, SendError, SendTimeoutError, Sender, TrySendError};

use super::parcel::{Carrier, Message};
use super::worker::{Side, Then, Why, Worker};
use super::yard::{Act, now};

/// Messages in a batch, at most.
pub const BATCH: u64 = 48;

/// The sending side.
pub enum Sends {}

impl<T: Carrier, S: End, R: End> Side<Channel<T, S, R>> for Sends {
    type Handle = Sender<T, S>;
    type Seat = Seat<Sender<T, S>>;
    const SENDS: bool = true;
    const MULTI: bool = matches!(Channel::<T, S, R>::kind(), Kind::Mpsc | Kind::Mpmc);

    fn attach(channel: &Channel<T, S, R>) -> Result<Sender<T, S>, AttachError> {
        channel.sender()
    }

    fn reserve(channel: &Channel<T, S, R>) -> Result<Seat<Sender<T, S>>, AttachError> {
        channel.reserve_sender()
    }

    fn sit(seat: Seat<Sender<T, S>>) -> Result<Sender<T, S>, AttachError> {
        seat.attach()
    }

    fn is_dead_copy(tx: &Sender<T, S>) -> bool {
        tx.close(); // Nothing comes of it, or others are told that the channel is closed.
        let nothing = T::of(Message { life: 0, number: 0 });
        matches!(tx.try_send(nothing), Err(TrySendError::WrongProcess(_)))
            && matches!(tx.send(nothing), Err(SendError::WrongProcess(_)))
    }

    fn work(worker: &mut Worker<'_>, channel: &Channel<T, S, R>, tx: &Sender<T, S>) -> Then<Self::Seat> {
        while !worker.finishing() && !worker.diary.is_full() {
            send(worker, tx);
            if worker.is_restless()
                && let Some(then) = worker.choose::<Self, _>(channel, tx)
            {
                return then;
            }
        }
        Then::Finish
    }
}

fn send<T: Carrier, S: End>(worker: &mut Worker<'_>, tx: &Sender<T, S>) {
    let form = worker.dice.roll(5);
    let count = if form < 3 {
        1
    } else {
        1 + worker.dice.roll(BATCH) as u32
    };
    let life = worker.diary.life;
    let values: Vec<T> = (worker.next..)
        .take(count as usize)
        .map(|number| T::of(Message { life, number }))
        .collect();
    let moment = worker.moment();
    let opening = Message {
        life: count as u16,
        number: worker.next,
    };
    worker.about_to(Act::Sending, opening);
    let (sent, why) = match form {
        0 => one(tx
            .send(values[0])
            .map_err(|e| Why::of(&e, false, matches!(e, SendError::Disconnected(_))))),
        1 => one(tx.try_send(values[0]).map_err(from_try)),
        2 => one(tx.send_timeout(values[0], moment).map_err(|e| {
            let full = matches!(e, SendTimeoutError::Timeout(_));
            Why::of(&e, full, matches!(e, SendTimeoutError::Disconnected(_)))
        })),
        3 => match tx.send_many(&values) {
            Ok(()) => (values.len(), None),
            Err(e) => (
                e.sent,
                Some(Why::of(&e, false, matches!(e.kind, SendError::Disconnected(())))),
            ),
        },
        _ => match tx.try_send_many(&values) {
            Ok(sent) => (sent, None),
            Err(e) => (0, Some(from_try(e))),
        },
    };
    if sent == 0 {
        // So the next message has the same number: if this one was sent after all, it comes twice.
        worker.diary.retract();
    } else {
        let sent = Message {
            life,
            number: sent as u32,
        };
        worker.diary.note(Act::Answered, sent, now());
        worker.next += sent.number;
    }
    match why {
        Some(Why::Disconnected) => worker.pause(), // The receivers are dead, and their successors have not come.
        Some(Why::NotNow) => std::thread::yield_now(),
        None => {}
    }
}

fn one(sent: Result<(), Why>) -> (usize, Option<Why>) {
    match sent {
        Ok(()) => (1, None),
        Err(why) => (0, Some(why)),
    }
}

fn from_try<V>(error: TrySendError<V>) -> Why {
    let full = matches!(error, TrySendError::Full(_));
    Why::of(&error, full, matches!(error, TrySendError::Disconnected(_)))
}
