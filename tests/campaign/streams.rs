//! What do processes do that write and read a stream?
//!
//! Its elements are the messages. Writers fill chunks, of which they commit all or a part, and sometimes nothing; readers copy, or
//! look at chunks in place, of which they consume all or a part: what they do not consume comes again, which the diaries tell
//! as they do of leases, and so does what a dead one had looked at.

use std::cell::RefCell;
use std::os::fd::OwnedFd;

use annulus::stream::{
    Channel, ReadChunk, ReadError, ReadTimeoutError, Reader, TryReadError, TryWriteError, WriteChunk, WriteError,
    WriteTimeoutError, Writer,
};
use annulus::{AttachError, Kind, Seat};

use super::medium::{Medium, Receiving};
use super::parcel::{Carrier, Message};
use super::plan::Plan;
use super::receiving::of_none;
use super::sending::BATCH;
use super::worker::{Side, Then, Why, Worker};
use super::yard::{Act, now};
use crate::support::own::Own;
use crate::support::{LONG, Words};

impl<T: Carrier> Medium for Channel<T> {
    type Sends = Sends;
    type Receives = Receives;

    fn make(plan: &Plan, name: &Own) -> Self {
        assert_eq!(plan.kind, Kind::Stream);
        plan.make_stream(name)
    }

    fn from_fd(fd: OwnedFd) -> Result<Self, AttachError> {
        Channel::from_fd(fd)
    }

    fn open(name: &str) -> Result<Self, AttachError> {
        Channel::open(name)
    }

    fn all_free(&self) -> bool {
        let words = Words::of(self);
        words.tail() == words.head()
    }

    fn drain_what_is_there(worker: &mut Worker<'_>, rx: &Receiving<Self>) {
        let rx = &mut *rx.borrow_mut();
        while !worker.diary.is_full() && try_one(worker, rx) {}
    }

    fn drain(worker: &mut Worker<'_>, rx: &Receiving<Self>) -> bool {
        let rx = &mut *rx.borrow_mut();
        while !worker.diary.is_full() {
            let chunk = |rx: &mut Reader<T>, values: &mut [T]| {
                let chunk = rx.read_chunk_timeout(1, LONG).map_err(from_timeout)?;
                values[0] = chunk[0];
                chunk.consume_all();
                Ok(1)
            };
            if let Err(why) = copies(worker, rx, 1, chunk) {
                return why == Why::Disconnected;
            }
        }
        false
    }
}

/// Elements of a chunk, at most: two that wait for more might wait for each other.
fn most(capacity: usize) -> u64 {
    (capacity as u64 / 2).clamp(1, BATCH)
}

/// The writing side.
pub enum Sends {}

impl<T: Carrier> Side<Channel<T>> for Sends {
    type Handle = RefCell<Writer<T>>;
    type Seat = Seat<Writer<T>>;
    const SENDS: bool = true;
    const MULTI: bool = false;

    fn attach(channel: &Channel<T>) -> Result<Self::Handle, AttachError> {
        channel.writer().map(RefCell::new)
    }

    fn reserve(channel: &Channel<T>) -> Result<Self::Seat, AttachError> {
        channel.reserve_writer()
    }

    fn sit(seat: Self::Seat) -> Result<Self::Handle, AttachError> {
        seat.attach().map(RefCell::new)
    }

    fn is_dead_copy(tx: &Self::Handle) -> bool {
        let tx = &mut *tx.borrow_mut();
        tx.close(); // Nothing comes of it, or others are told that the stream is closed.
        tx.try_write_chunk(1).err() == Some(TryWriteError::WrongProcess)
            && tx.write_some(&[T::zeroed()]) == Err(WriteError::WrongProcess)
    }

    fn work(worker: &mut Worker<'_>, channel: &Channel<T>, tx: &Self::Handle) -> Then<Self::Seat> {
        while !worker.finishing() && !worker.diary.is_full() {
            write(worker, &mut tx.borrow_mut());
            if worker.is_restless()
                && let Some(then) = worker.choose::<Self, _>(channel, tx)
            {
                return then;
            }
        }
        Then::Finish
    }
}

fn write<T: Carrier>(worker: &mut Worker<'_>, tx: &mut Writer<T>) {
    let form = worker.dice.roll(7);
    let most = if form < 4 { most(tx.capacity()) } else { BATCH };
    let len = 1 + worker.dice.roll(most) as usize;
    if form == 3 {
        return write_in_vain(worker, tx, len);
    }
    let count = if form < 3 && worker.dice.once_in(2) {
        1 + worker.dice.roll(len as u64) as usize
    } else {
        len
    };
    let life = worker.diary.life;
    let values: Vec<T> = (worker.next..)
        .take(count)
        .map(|number| T::of(Message { life, number }))
        .collect();
    let moment = worker.moment();
    let opening = Message {
        life: count as u16,
        number: worker.next,
    };
    worker.about_to(Act::Sending, opening);
    let (written, why) = split(match form {
        0 => tx
            .write_chunk(len)
            .map_err(from_write)
            .map(|chunk| commit(chunk, &values)),
        1 => tx
            .try_write_chunk(len)
            .map_err(from_try_write)
            .map(|chunk| commit(chunk, &values)),
        2 => {
            let chunk = tx.write_chunk_timeout(len, moment).map_err(from_write_timeout);
            chunk.map(|chunk| commit(chunk, &values))
        }
        4 => tx.write_some(&values).map_err(from_write),
        5 => tx.try_write(&values).map_err(from_try_write),
        _ => match tx.write_all(&values) {
            Err(error) if error.written > 0 => Ok(error.written),
            all => all.map(|()| count).map_err(|error| from_write(error.kind)),
        },
    });
    if written == 0 {
        // So the next element has the same number: if this one was written after all, it comes twice.
        worker.diary.retract();
    } else {
        let number = written as u32;
        worker.diary.note(Act::Answered, Message { life, number }, now());
        worker.next += number;
    }
    rest(worker, why);
}

fn split(done: Result<usize, Why>) -> (usize, Option<Why>) {
    match done {
        Ok(count) => (count, None),
        Err(why) => (0, Some(why)),
    }
}

/// The first places of a chunk are filled, and committed; how many.
fn commit<T: Carrier>(mut chunk: WriteChunk<'_, T>, values: &[T]) -> usize {
    chunk[..values.len()].copy_from_slice(values);
    chunk.commit(values.len());
    values.len()
}

/// Fills a chunk and gives it up: nobody may read it.
fn write_in_vain<T: Carrier>(worker: &mut Worker<'_>, tx: &mut Writer<T>, len: usize) {
    let life = worker.diary.life;
    let never = T::of(Message { life, number: u32::MAX });
    if let Ok(mut chunk) = tx.try_write_chunk(len) {
        chunk.fill(never);
    }
}

/// The others may have something to do first.
fn rest(worker: &mut Worker<'_>, why: Option<Why>) {
    match why {
        Some(Why::Disconnected) => worker.pause(), // The other end is dead, and its successor has not come.
        Some(Why::NotNow) => std::thread::yield_now(),
        None => {}
    }
}

/// The reading side.
pub enum Receives {}

impl<T: Carrier> Side<Channel<T>> for Receives {
    type Handle = RefCell<Reader<T>>;
    type Seat = Seat<Reader<T>>;
    const SENDS: bool = false;
    const MULTI: bool = false;

    fn attach(channel: &Channel<T>) -> Result<Self::Handle, AttachError> {
        channel.reader().map(RefCell::new)
    }

    fn reserve(channel: &Channel<T>) -> Result<Self::Seat, AttachError> {
        channel.reserve_reader()
    }

    fn sit(seat: Self::Seat) -> Result<Self::Handle, AttachError> {
        seat.attach().map(RefCell::new)
    }

    fn is_dead_copy(rx: &Self::Handle) -> bool {
        let rx = &mut *rx.borrow_mut();
        rx.close();
        rx.try_read_chunk(1).err() == Some(TryReadError::WrongProcess)
            && rx.readable().err() == Some(ReadError::WrongProcess)
    }

    fn work(worker: &mut Worker<'_>, channel: &Channel<T>, rx: &Self::Handle) -> Then<Self::Seat> {
        // As for slots: who attaches before the end is announced is told about the end of the stream.
        let too_late = worker.finishing();
        while !worker.finishing() && !worker.diary.is_full() {
            read(worker, &mut rx.borrow_mut());
            if worker.is_restless()
                && let Some(then) = worker.choose::<Self, _>(channel, rx)
            {
                return then;
            }
        }
        let rx = &mut *rx.borrow_mut();
        if too_late {
            while try_one(worker, rx) {}
        } else if worker.finishing() {
            while copies(worker, rx, BATCH as usize, |rx, values| {
                rx.read_some(values).map_err(from_read)
            })
            .is_ok()
            {}
        }
        Then::Finish
    }
}

fn read<T: Carrier>(worker: &mut Worker<'_>, rx: &mut Reader<T>) {
    let form = worker.dice.roll(7);
    let most = if form < 3 { most(rx.capacity()) } else { BATCH };
    let len = 1 + worker.dice.roll(most) as usize;
    let moment = worker.moment();
    let read = match form {
        0 => in_place(worker, |_| rx.read_chunk(len).map_err(from_read)),
        1 => in_place(worker, |_| rx.try_read_chunk(len).map_err(from_try)),
        2 => in_place(worker, |_| rx.read_chunk_timeout(len, moment).map_err(from_timeout)),
        3 => copies(worker, rx, len, |rx, values| rx.read_some(values).map_err(from_read)),
        4 => copies(worker, rx, len, |rx, values| rx.try_read(values).map_err(from_try)),
        5 => in_place(worker, |_| rx.readable().map_err(from_read)),
        _ => copies(worker, rx, len, |rx, values| match rx.read_exact(values) {
            Err(error) if error.read > 0 => Ok(error.read),
            exact => exact.map(|()| values.len()).map_err(|error| from_read(error.kind)),
        }),
    };
    rest(worker, read.err());
}

/// Copies up to `most` elements out of the stream.
fn copies<T: Carrier>(
    worker: &mut Worker<'_>,
    rx: &mut Reader<T>,
    most: usize,
    read: impl FnOnce(&mut Reader<T>, &mut [T]) -> Result<usize, Why>,
) -> Result<(), Why> {
    let mut values = vec![T::zeroed(); most];
    worker.about_to(Act::Receiving, of_none(most));
    let read = read(rx, &mut values);
    let time = now();
    let count = read.inspect_err(|_| worker.diary.retract())?;
    for value in &values[..count] {
        match value.message() {
            Some(message) => worker.diary.note(Act::Received, message, time),
            None => worker.diary.note(Act::Torn, of_none(1), time),
        }
    }
    worker.diary.note(Act::Answered, of_none(count), time);
    Ok(())
}

/// Looks at a chunk, and consumes all or a part of it at once.
fn in_place<'c, T: Carrier>(
    worker: &mut Worker<'_>,
    read: impl FnOnce(&mut Worker<'_>) -> Result<ReadChunk<'c, T>, Why>,
) -> Result<(), Why> {
    worker.about_to(Act::Leasing, of_none(1));
    let chunk = read(worker).inspect_err(|_| worker.diary.retract())?;
    let time = now();
    // A stream may hold more than a diary has room for.
    let seen = &chunk[..chunk.len().min(BATCH as usize)];
    let messages: Vec<_> = seen.iter().map_while(T::message).collect();
    for &message in &messages {
        worker.diary.note(Act::Leased, message, time);
    }
    if messages.len() < seen.len() {
        worker.diary.note(Act::Torn, of_none(1), time);
    }
    let count = if worker.dice.once_in(2) {
        messages.len()
    } else {
        worker.dice.roll(messages.len() as u64 + 1) as usize
    };
    // What it has looked at is still there.
    if chunk
        .iter()
        .zip(&messages)
        .any(|(value, &message)| value.message() != Some(message))
    {
        worker.diary.note(Act::Torn, of_none(1), now());
    }
    for &message in &messages[count..] {
        worker.about_to(Act::Dropping, message);
    }
    for &message in &messages[..count] {
        worker.about_to(Act::Acking, message);
    }
    chunk.consume(count);
    worker.diary.note(Act::Answered, of_none(1), now());
    Ok(())
}

fn try_one<T: Carrier>(worker: &mut Worker<'_>, rx: &mut Reader<T>) -> bool {
    copies(worker, rx, 1, |rx, values| rx.try_read(values).map_err(from_try)).is_ok()
}

fn from_write(error: WriteError) -> Why {
    Why::of(&error, false, error == WriteError::Disconnected)
}

fn from_try_write(error: TryWriteError) -> Why {
    let full = error == TryWriteError::Full;
    Why::of(&error, full, error == TryWriteError::Disconnected)
}

fn from_write_timeout(error: WriteTimeoutError) -> Why {
    let late = error == WriteTimeoutError::Timeout;
    Why::of(&error, late, error == WriteTimeoutError::Disconnected)
}

fn from_read(error: ReadError) -> Why {
    Why::of(&error, false, error == ReadError::Disconnected)
}

fn from_try(error: TryReadError) -> Why {
    let empty = error == TryReadError::Empty;
    Why::of(&error, empty, error == TryReadError::Disconnected)
}

fn from_timeout(error: ReadTimeoutError) -> Why {
    let late = error == ReadTimeoutError::Timeout;
    Why::of(&error, late, error == ReadTimeoutError::Disconnected)
}
