//! What does a process do that receives?

use annulus::{AttachError, Channel, End, Kind, Lease, Receiver, RecvError, RecvTimeoutError, Seat, TryRecvError};

use super::parcel::{Carrier, Message};
use super::sending::BATCH;
use super::worker::{Side, Then, Why, Worker};
use super::yard::{Act, now};
use crate::support::LONG;

/// Leases that a receiver has at a time, at most.
const LEASES: usize = 4;
/// The receiving side.
pub enum Receives {}

impl<T: Carrier, S: End, R: End> Side<Channel<T, S, R>> for Receives {
    type Handle = Receiver<T, R>;
    type Seat = Seat<Receiver<T, R>>;
    const SENDS: bool = false;
    const MULTI: bool = matches!(Channel::<T, S, R>::kind(), Kind::Spmc | Kind::Mpmc);

    fn attach(channel: &Channel<T, S, R>) -> Result<Receiver<T, R>, AttachError> {
        channel.receiver()
    }

    fn reserve(channel: &Channel<T, S, R>) -> Result<Seat<Receiver<T, R>>, AttachError> {
        channel.reserve_receiver()
    }

    fn sit(seat: Seat<Receiver<T, R>>) -> Result<Receiver<T, R>, AttachError> {
        seat.attach()
    }

    fn is_dead_copy(rx: &Receiver<T, R>) -> bool {
        rx.close();
        matches!(rx.try_recv(), Err(TryRecvError::WrongProcess))
            && matches!(rx.recv_lease(), Err(RecvError::WrongProcess))
    }

    fn work(worker: &mut Worker<'_>, channel: &Channel<T, S, R>, rx: &Receiver<T, R>) -> Then<Self::Seat> {
        // Who attaches before the end is announced is told about the end of the stream: a sender comes after that, and
        // goes. Later, there may be none any more.
        let too_late = worker.finishing();
        let mut table = Table::new(rx);
        while !worker.finishing() && !worker.diary.is_full() {
            table.receive(worker);
            if worker.is_restless()
                && let Some(then) = worker.choose::<Self, _>(channel, rx)
            {
                match then {
                    Then::Born(_) => {} // The leases are the parent's; drops of the copies do nothing.
                    _ => table.leave(worker),
                }
                return then;
            }
        }
        table.clear(worker);
        if too_late {
            while table.try_one(worker) {}
        } else if worker.finishing() {
            while table.wait_for_one(worker) {}
        }
        Then::Finish
    }
}

/// Receives until the stream has ended, which it has for all that is known: for the campaign itself, when everybody else
/// is dead. `false`: it has not ended after a long time, or after more messages than there can be.
pub fn drain<T: Carrier, R: End>(worker: &mut Worker<'_>, rx: &Receiver<T, R>) -> bool {
    let mut table = Table::new(rx);
    while !worker.diary.is_full() {
        match table.copies(worker, 1, |rx, values| {
            one(values, rx.recv_timeout(LONG).map_err(from_timeout))
        }) {
            Ok(()) => {}
            Err(why) => return why == Why::Disconnected,
        }
    }
    false
}

/// Receives what is there.
pub fn drain_what_is_there<T: Carrier, R: End>(worker: &mut Worker<'_>, rx: &Receiver<T, R>) {
    let mut table = Table::new(rx);
    while !worker.diary.is_full() && table.try_one(worker) {}
}

/// What a receiver works with.
struct Table<'r, T: Carrier, R: End> {
    rx: &'r Receiver<T, R>,
    values: Vec<T>,
    leases: Vec<(Lease<'r, T, R>, Message)>,
}

impl<'r, T: Carrier, R: End> Table<'r, T, R> {
    fn new(rx: &'r Receiver<T, R>) -> Self {
        Table {
            rx,
            values: vec![T::zeroed(); BATCH as usize],
            leases: Vec::new(),
        }
    }

    /// One operation. None that waits as long as it takes while a message is on lease, which others may wait for.
    fn receive(&mut self, worker: &mut Worker<'_>) {
        let form = worker.dice.roll(9);
        if matches!(form, 0 | 3 | 5) {
            self.clear(worker);
        }
        let most = 1 + worker.dice.roll(BATCH) as usize;
        let moment = worker.moment();
        let received = match form {
            0 => self.copies(worker, 1, |rx, values| one(values, rx.recv().map_err(from_recv))),
            1 => self.copies(worker, 1, |rx, values| one(values, rx.try_recv().map_err(from_try))),
            2 => self.copies(worker, 1, |rx, values| {
                one(values, rx.recv_timeout(moment).map_err(from_timeout))
            }),
            3 => self.copies(worker, most, |rx, values| rx.recv_many(values).map_err(from_recv)),
            4 => self.copies(worker, most, |rx, values| rx.try_recv_many(values).map_err(from_try)),
            _ if self.leases.len() == LEASES => {
                self.end_one(worker);
                Ok(())
            }
            5 => self.lease(worker, |rx| rx.recv_lease().map_err(from_recv)),
            6 => self.lease(worker, |rx| rx.try_recv_lease().map_err(from_try)),
            7 => self.lease(worker, |rx| rx.recv_lease_timeout(moment).map_err(from_timeout)),
            _ => {
                self.end_one(worker);
                Ok(())
            }
        };
        match received {
            Err(Why::Disconnected) => worker.pause(), // The senders are dead, and their successors have not come.
            Err(Why::NotNow) => std::thread::yield_now(),
            Ok(()) => {}
        }
    }

    /// Receives up to `most` copies.
    fn copies(
        &mut self,
        worker: &mut Worker<'_>,
        most: usize,
        receive: impl FnOnce(&Receiver<T, R>, &mut [T]) -> Result<usize, Why>,
    ) -> Result<(), Why> {
        worker.about_to(Act::Receiving, of_none(most));
        let received = receive(self.rx, &mut self.values[..most]);
        let time = now();
        let count = received.inspect_err(|_| worker.diary.retract())?;
        for value in &self.values[..count] {
            match value.message() {
                Some(message) => worker.diary.note(Act::Received, message, time),
                None => worker.diary.note(Act::Torn, of_none(1), time),
            }
        }
        worker.diary.note(Act::Answered, of_none(count), time);
        Ok(())
    }

    /// Receives a message on lease.
    fn lease(
        &mut self,
        worker: &mut Worker<'_>,
        receive: impl FnOnce(&'r Receiver<T, R>) -> Result<Lease<'r, T, R>, Why>,
    ) -> Result<(), Why> {
        worker.about_to(Act::Leasing, of_none(1));
        let lease = receive(self.rx).inspect_err(|_| worker.diary.retract())?;
        let time = now();
        let Some(message) = lease.message() else {
            worker.diary.note(Act::Torn, of_none(1), time);
            lease.ack();
            return Ok(());
        };
        let again = lease.redelivered();
        let act = if again { Act::LeasedAgain } else { Act::Leased };
        worker.diary.note(act, message, time);
        self.leases.push((lease, message));
        if worker.dice.once_in(2) {
            self.end_one(worker);
        }
        Ok(())
    }

    /// Ends some lease, mostly as one should.
    fn end_one(&mut self, worker: &mut Worker<'_>) {
        if self.leases.is_empty() {
            return;
        }
        let which = worker.dice.roll(self.leases.len() as u64) as usize;
        let (lease, message) = self.leases.swap_remove(which);
        if worker.dice.once_in(4) {
            worker.about_to(Act::Dropping, message);
            drop(lease);
        } else {
            worker.about_to(Act::Acking, message);
            lease.ack();
        }
        worker.diary.note(Act::Answered, of_none(1), now());
    }

    /// Ends all leases.
    fn clear(&mut self, worker: &mut Worker<'_>) {
        while !self.leases.is_empty() {
            self.end_one(worker);
        }
    }

    /// Ends some leases, and forgets the others: they end with the receiver.
    fn leave(&mut self, worker: &mut Worker<'_>) {
        while worker.dice.once_in(2) {
            self.end_one(worker);
        }
        for (lease, message) in self.leases.drain(..) {
            worker.about_to(Act::Dropping, message);
            std::mem::forget(lease);
        }
    }

    /// Receives a message if there is one.
    fn try_one(&mut self, worker: &mut Worker<'_>) -> bool {
        self.copies(worker, 1, |rx, values| one(values, rx.try_recv().map_err(from_try)))
            .is_ok()
    }

    /// Receives a message, and waits for it; `false` at the end of the stream.
    fn wait_for_one(&mut self, worker: &mut Worker<'_>) -> bool {
        if worker.dice.once_in(2) {
            return self
                .copies(worker, 1, |rx, values| one(values, rx.recv().map_err(from_recv)))
                .is_ok();
        }
        let leased = self.lease(worker, |rx| rx.recv_lease().map_err(from_recv));
        self.clear(worker);
        leased.is_ok()
    }
}

/// For an entry that is about no message.
pub fn of_none(count: usize) -> Message {
    Message {
        life: 0,
        number: count as u32,
    }
}

fn one<T>(values: &mut [T], received: Result<T, Why>) -> Result<usize, Why> {
    values[0] = received?;
    Ok(1)
}

/// Why nothing was received.
pub fn from_recv(error: RecvError) -> Why {
    Why::of(&error, false, error == RecvError::Disconnected)
}

/// The same.
pub fn from_try(error: TryRecvError) -> Why {
    let empty = error == TryRecvError::Empty;
    Why::of(&error, empty, error == TryRecvError::Disconnected)
}

/// The same.
pub fn from_timeout(error: RecvTimeoutError) -> Why {
    let late = error == RecvTimeoutError::Timeout;
    Why::of(&error, late, error == RecvTimeoutError::Disconnected)
}
