//! What do processes do that send and receive blocks?
//!
//! Senders keep loans, some of which they send later than others that they took after them, and some never; receivers keep
//! blocks, some until they leave without a word. What a dead one had must come again and say so, which the diaries tell as
//! they do of leases. A loan that is never sent is not in them: it would be invented if it came.

use std::os::fd::OwnedFd;

use annulus::blocks::{Block, Channel, Loan, LoanError, LoanTimeoutError, Receiver, Sender, TryLoanError};
use annulus::{AttachError, Kind, RecvError, Seat, SendError, TryRecvError};

use super::medium::{Medium, Receiving};
use super::parcel::{Message, items, message};
use super::plan::Plan;
use super::receiving::{from_recv, from_timeout, from_try, of_none};
use super::worker::{Side, Then, Why, Worker};
use super::yard::{Act, now};
use crate::support::LONG;
use crate::support::own::Own;
use crate::support::pool::{Phase, Pool};

/// Items, and a header that says how many.
pub type Frames = Channel<[u64], u64>;
type Tx = Sender<[u64], u64>;
type Rx = Receiver<[u64], u64>;

/// Blocks that a receiver has at a time, and loans that a sender has besides, at most.
const HELD: usize = 4;

impl Medium for Frames {
    type Sends = Sends;
    type Receives = Receives;

    fn make(plan: &Plan, name: &Own) -> Self {
        assert_eq!(plan.kind, Kind::Blocks);
        plan.make_frames(name)
    }

    fn from_fd(fd: OwnedFd) -> Result<Self, AttachError> {
        Channel::from_fd(fd)
    }

    fn open(name: &str) -> Result<Self, AttachError> {
        Channel::open(name)
    }

    fn all_free(&self) -> bool {
        let pool = Pool::of(self);
        (0..pool.blocks()).all(|index| pool.block(index).phase == Phase::Free)
    }

    fn drain_what_is_there(worker: &mut Worker<'_>, rx: &Receiving<Self>) {
        let table = Table::new(rx);
        while !worker.diary.is_full() && table.copy(worker, |rx| rx.try_recv().map_err(from_try)).is_ok() {}
    }

    fn drain(worker: &mut Worker<'_>, rx: &Receiving<Self>) -> bool {
        let table = Table::new(rx);
        while !worker.diary.is_full() {
            if let Err(why) = table.copy(worker, |rx| rx.recv_timeout(LONG).map_err(from_timeout)) {
                return why == Why::Disconnected;
            }
        }
        false
    }
}

/// The sending side.
pub enum Sends {}

impl Side<Frames> for Sends {
    type Handle = Tx;
    type Seat = Seat<Tx>;
    const SENDS: bool = true;
    const MULTI: bool = true;

    fn attach(channel: &Frames) -> Result<Tx, AttachError> {
        channel.sender()
    }

    fn reserve(channel: &Frames) -> Result<Seat<Tx>, AttachError> {
        channel.reserve_sender()
    }

    fn sit(seat: Seat<Tx>) -> Result<Tx, AttachError> {
        seat.attach()
    }

    fn is_dead_copy(tx: &Tx) -> bool {
        tx.close(); // Nothing comes of it, or others are told that the channel is closed.
        tx.try_loan(1).err() == Some(TryLoanError::WrongProcess) && tx.send_slice(&[0]) == Err(LoanError::WrongProcess)
    }

    fn work(worker: &mut Worker<'_>, channel: &Frames, tx: &Tx) -> Then<Self::Seat> {
        let mut kept = Vec::new();
        while !worker.finishing() && !worker.diary.is_full() {
            send(worker, tx, &mut kept);
            if worker.is_restless()
                && let Some(then) = worker.choose::<Self, _>(channel, tx)
            {
                if matches!(then, Then::Vanish) {
                    kept.drain(..).for_each(std::mem::forget);
                }
                return then;
            }
        }
        Then::Finish
    }
}

/// One operation. None that waits as long as it takes while a loan is kept, which others may wait for.
fn send(worker: &mut Worker<'_>, tx: &Tx, kept: &mut Vec<Loan<[u64], u64>>) {
    let form = worker.dice.roll(8);
    if form == 0 {
        return keep(worker, tx, kept);
    }
    if form < 3 {
        kept.clear();
    }
    let moment = worker.moment();
    let mine = Message {
        life: worker.diary.life,
        number: worker.next,
    };
    let items = items(mine, 1 + worker.dice.roll(tx.block_len() as u64) as usize);
    let (items, len) = (items.as_slice(), items.len());
    let opening = Message { life: 1, ..mine };
    worker.about_to(Act::Sending, opening);
    let done = match form {
        1 => tx.send_slice(items).map_err(from_loan),
        2 => tx.loan(len).map_err(from_loan).and_then(|loan| send_loan(loan, items)),
        3 => tx.send_slice_timeout(items, moment).map_err(from_timed),
        4 => {
            let loan = tx.loan_timeout(len, moment).map_err(from_timed);
            loan.and_then(|loan| send_loan(loan, items))
        }
        5 => tx.try_send_slice(items).map_err(from_tried),
        6 => {
            let loan = tx.try_loan_uninit(len).map_err(from_tried);
            loan.and_then(|loan| send_loan(loan.copy_from_slice(items), items))
        }
        _ => kept.pop().ok_or(Why::NotNow).and_then(|loan| send_loan(loan, items)),
    };
    match done {
        Ok(()) => {
            let one = Message { number: 1, ..mine };
            worker.diary.note(Act::Answered, one, now());
            worker.next += 1;
        }
        Err(why) => {
            // So the next message has the same number: if this one was sent after all, it comes twice.
            worker.diary.retract();
            match why {
                Why::Disconnected => worker.pause(), // The receivers are dead, and their successors have not come.
                Why::NotNow => std::thread::yield_now(),
            }
        }
    }
}

/// Sends a loan that is long enough.
fn send_loan(mut loan: Loan<[u64], u64>, items: &[u64]) -> Result<(), Why> {
    loan.truncate(items.len());
    loan.copy_from_slice(items);
    loan.set_header(items.len() as u64);
    loan.send()
        .map_err(|error| Why::of(&error, false, matches!(error, SendError::Disconnected(_))))
}

/// Takes a loan of a whole block, to be sent later or never; or gives some back.
fn keep(worker: &mut Worker<'_>, tx: &Tx, kept: &mut Vec<Loan<[u64], u64>>) {
    if kept.len() >= HELD || worker.dice.once_in(4) {
        kept.truncate(worker.dice.roll(HELD as u64) as usize);
    } else if let Ok(mut loan) = tx.try_loan(tx.block_len()) {
        // As if it were a message, which it is not: nobody may receive it.
        let never = Message {
            life: worker.diary.life,
            number: u32::MAX,
        };
        let len = loan.len();
        loan.copy_from_slice(&items(never, len));
        kept.push(loan);
    }
}

fn from_loan(error: LoanError) -> Why {
    Why::of(&error, false, error == LoanError::Disconnected)
}

fn from_tried(error: TryLoanError) -> Why {
    let exhausted = matches!(error, TryLoanError::Exhausted(_));
    Why::of(&error, exhausted, error == TryLoanError::Disconnected)
}

fn from_timed(error: LoanTimeoutError) -> Why {
    let late = matches!(error, LoanTimeoutError::Timeout(_));
    Why::of(&error, late, error == LoanTimeoutError::Disconnected)
}

/// The receiving side.
pub enum Receives {}

impl Side<Frames> for Receives {
    type Handle = Rx;
    type Seat = Seat<Rx>;
    const SENDS: bool = false;
    const MULTI: bool = true;

    fn attach(channel: &Frames) -> Result<Rx, AttachError> {
        channel.receiver()
    }

    fn reserve(channel: &Frames) -> Result<Seat<Rx>, AttachError> {
        channel.reserve_receiver()
    }

    fn sit(seat: Seat<Rx>) -> Result<Rx, AttachError> {
        seat.attach()
    }

    fn is_dead_copy(rx: &Rx) -> bool {
        rx.close();
        rx.try_recv().err() == Some(TryRecvError::WrongProcess) && rx.recv().err() == Some(RecvError::WrongProcess)
    }

    fn work(worker: &mut Worker<'_>, channel: &Frames, rx: &Rx) -> Then<Self::Seat> {
        // As for slots: who attaches before the end is announced is told about the end of the stream.
        let too_late = worker.finishing();
        let mut table = Table::new(rx);
        while !worker.finishing() && !worker.diary.is_full() {
            table.receive(worker);
            if worker.is_restless()
                && let Some(then) = worker.choose::<Self, _>(channel, rx)
            {
                match then {
                    Then::Born(_) => {} // The blocks are the parent's; drops of the copies do nothing.
                    Then::Vanish => table.abandon(worker),
                    _ => table.clear(worker),
                }
                return then;
            }
        }
        table.clear(worker);
        if too_late {
            while table.copy(worker, |rx| rx.try_recv().map_err(from_try)).is_ok() {}
        } else if worker.finishing() {
            while table.wait_for_one(worker) {}
        }
        Then::Finish
    }
}

/// What a receiver works with.
struct Table<'r> {
    rx: &'r Rx,
    blocks: Vec<(Block<[u64], u64>, Message)>,
}

impl<'r> Table<'r> {
    fn new(rx: &'r Rx) -> Self {
        Table { rx, blocks: Vec::new() }
    }

    /// One operation. None that waits as long as it takes while it has a block, which others may wait for.
    fn receive(&mut self, worker: &mut Worker<'_>) {
        let form = worker.dice.roll(8);
        if matches!(form, 0 | 3) {
            self.clear(worker);
        }
        let moment = worker.moment();
        let received = match form {
            0 => self.copy(worker, |rx| rx.recv().map_err(from_recv)),
            1 => self.copy(worker, |rx| rx.try_recv().map_err(from_try)),
            2 => self.copy(worker, |rx| rx.recv_timeout(moment).map_err(from_timeout)),
            3 => self.hold(worker, |rx| rx.recv().map_err(from_recv)),
            4 | 5 if self.blocks.len() < HELD => self.hold(worker, |rx| rx.try_recv().map_err(from_try)),
            6 if self.blocks.len() < HELD => self.hold(worker, |rx| rx.recv_timeout(moment).map_err(from_timeout)),
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

    /// Receives a message and deals with it at once.
    fn copy(
        &self,
        worker: &mut Worker<'_>,
        receive: impl FnOnce(&Rx) -> Result<Block<[u64], u64>, Why>,
    ) -> Result<(), Why> {
        worker.about_to(Act::Receiving, of_none(1));
        let block = receive(self.rx).inspect_err(|_| worker.diary.retract())?;
        let message = whole(&block);
        drop(block);
        match message {
            Some(message) => worker.diary.note(Act::Received, message, now()),
            None => worker.diary.note(Act::Torn, of_none(1), now()),
        }
        worker.diary.note(Act::Answered, of_none(1), now());
        Ok(())
    }

    /// Receives a message and keeps it for a while.
    fn hold(
        &mut self,
        worker: &mut Worker<'_>,
        receive: impl FnOnce(&Rx) -> Result<Block<[u64], u64>, Why>,
    ) -> Result<(), Why> {
        worker.about_to(Act::Leasing, of_none(1));
        let block = receive(self.rx).inspect_err(|_| worker.diary.retract())?;
        let time = now();
        let Some(message) = whole(&block) else {
            worker.diary.note(Act::Torn, of_none(1), time);
            return Ok(());
        };
        let again = block.redelivered();
        let act = if again { Act::LeasedAgain } else { Act::Leased };
        worker.diary.note(act, message, time);
        self.blocks.push((block, message));
        Ok(())
    }

    /// Is done with some block, in which the message still is.
    fn end_one(&mut self, worker: &mut Worker<'_>) {
        if self.blocks.is_empty() {
            return;
        }
        let which = worker.dice.roll(self.blocks.len() as u64) as usize;
        let (block, message) = self.blocks.swap_remove(which);
        if whole(&block) != Some(message) {
            worker.diary.note(Act::Torn, of_none(1), now());
        }
        worker.about_to(Act::Acking, message);
        drop(block);
        worker.diary.note(Act::Answered, of_none(1), now());
    }

    /// Is done with all of them.
    fn clear(&mut self, worker: &mut Worker<'_>) {
        while !self.blocks.is_empty() {
            self.end_one(worker);
        }
    }

    /// Is done with some, and leaves the others to those who find out that this process is gone.
    fn abandon(&mut self, worker: &mut Worker<'_>) {
        while worker.dice.once_in(2) {
            self.end_one(worker);
        }
        for (block, message) in self.blocks.drain(..) {
            worker.about_to(Act::Dropping, message);
            std::mem::forget(block);
        }
    }

    /// Receives a message, and waits for it; `false` at the end of the stream.
    fn wait_for_one(&mut self, worker: &mut Worker<'_>) -> bool {
        if worker.dice.once_in(2) {
            return self.copy(worker, |rx| rx.recv().map_err(from_recv)).is_ok();
        }
        let held = self.hold(worker, |rx| rx.recv().map_err(from_recv));
        self.clear(worker);
        held.is_ok()
    }
}

/// The message in a block, if it is whole and its header, where there is one, says how long it is.
fn whole(block: &Block<[u64], u64>) -> Option<Message> {
    let fits = [0, block.len() as u64].contains(block.header());
    message(block).filter(|_| fits)
}
