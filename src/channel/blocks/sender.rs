//! How does a sender get a block to fill?

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use crate::error::AttachError;
use crate::pool::Loaned;

use super::super::deadline;
use super::super::endpoint::{Attended, NoneYet, Refusal};
use super::super::place::Place;
use super::super::seat::Seat;
use super::super::waiting::{self, A_TICK, Look};
use super::cursor::Cursor;
use super::{Attached, Holders, Loan, LoanError, LoanTimeoutError, Message, TryLoanError, UninitLoan};

/// The sending end of a channel of blocks.
///
/// Made by [`Channel::sender`](super::Channel::sender) or from a [`Seat`]. It may be shared between threads or cloned (clones
/// are one endpoint to the others). It detaches when the last clone and the last [`Loan`] are dropped: when no sender is left,
/// receivers get what is there and then [`RecvError::Disconnected`](crate::RecvError::Disconnected).
///
/// After a fork the child's copy answers [`LoanError::WrongProcess`].
pub struct Sender<M: Message + ?Sized, H: Pod = ()> {
    attached: Arc<Attached<M::Item, H>>,
    /// Where to look for a block.
    cursor: Cursor,
}

impl<T: Pod, H: Pod> Sender<[T], H> {
    pub(super) fn new(place: Place) -> Result<Self, AttachError> {
        let attached = Attached::new(place)?;
        Ok(Sender {
            cursor: Cursor::new(attached.endpoint.owner(), attached.pool.count()),
            attached,
        })
    }

    /// A block for a message of `len` items, zeroed, waiting while all blocks are in use.
    ///
    /// # Errors
    /// - [`LoanError::TooLong`]: a block has not so much room.
    /// - [`LoanError::Disconnected`]: no receiver is left, or none can come any more, or the channel is closed.
    /// - [`LoanError::Corrupt`]: the shared memory was overwritten; give the channel up.
    /// - [`LoanError::WrongProcess`]: this is a forked child's copy.
    #[inline]
    pub fn loan(&self, len: usize) -> Result<Loan<[T], H>, LoanError> {
        self.loan_uninit(len).map(UninitLoan::zeroed)
    }

    /// The same without zeroing it.
    ///
    /// # Errors
    /// As [`loan`](Self::loan).
    #[inline]
    pub fn loan_uninit(&self, len: usize) -> Result<UninitLoan<[T], H>, LoanError> {
        self.block(len).map(|block| self.lend(block, len))
    }

    /// The same without zeroing it, to be written over: its items are what an earlier message left there, or zeros. For a
    /// file, say, that is read into it, and cut to what came by [`Loan::truncate`]:
    ///
    /// ```
    /// use annulus::blocks::Channel;
    /// use std::{fs::File, io::Read};
    ///
    /// let files = Channel::<[u8]>::anonymous(2, 1 << 20)?;
    /// let (tx, rx) = (files.sender()?, files.receiver()?);
    /// let mut loan = tx.loan_unzeroed(tx.block_len())?;
    /// let count = File::open("/proc/self/cmdline")?.read(&mut loan)?;
    /// loan.truncate(count);
    /// loan.send()?;
    /// assert_eq!(rx.recv()?.len(), count);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`loan`](Self::loan).
    pub fn loan_unzeroed(&self, len: usize) -> Result<Loan<[T], H>, LoanError> {
        self.loan_uninit(len).map(UninitLoan::into_left)
    }

    /// A block for a message of `len` items, zeroed, if one is free now.
    ///
    /// # Errors
    /// [`TryLoanError::Exhausted`], which says who has the blocks, otherwise as [`loan`](Self::loan).
    #[inline]
    pub fn try_loan(&self, len: usize) -> Result<Loan<[T], H>, TryLoanError> {
        self.try_loan_uninit(len).map(UninitLoan::zeroed)
    }

    /// The same without zeroing it.
    ///
    /// # Errors
    /// As [`try_loan`](Self::try_loan).
    pub fn try_loan_uninit(&self, len: usize) -> Result<UninitLoan<[T], H>, TryLoanError> {
        self.try_block(len).map(|block| self.lend(block, len))
    }

    /// A block for a message of `len` items, zeroed, waiting at most `timeout` for one.
    ///
    /// # Errors
    /// [`LoanTimeoutError::Timeout`], which says who has the blocks, otherwise as [`loan`](Self::loan).
    pub fn loan_timeout(&self, len: usize, timeout: Duration) -> Result<Loan<[T], H>, LoanTimeoutError> {
        let block = self.block_until(len, deadline::after(timeout))?;
        Ok(self.lend(block, len).zeroed())
    }

    /// A block for a message of `len` items, zeroed, waiting for one until `deadline`.
    ///
    /// # Errors
    /// As [`loan_timeout`](Self::loan_timeout).
    pub fn loan_deadline(&self, len: usize, deadline: Instant) -> Result<Loan<[T], H>, LoanTimeoutError> {
        let block = self.block_until(len, Some(deadline::at(deadline)))?;
        Ok(self.lend(block, len).zeroed())
    }

    /// Sends a copy of `items`, waiting for a block while all are in use. Its header is zeros.
    ///
    /// # Errors
    /// As [`loan`](Self::loan).
    #[inline]
    pub fn send_slice(&self, items: &[T]) -> Result<(), LoanError> {
        let block = self.block(items.len())?;
        self.send_copy(block, items)
    }

    /// Sends a copy of `items` if a block is free now.
    ///
    /// # Errors
    /// As [`try_loan`](Self::try_loan).
    pub fn try_send_slice(&self, items: &[T]) -> Result<(), TryLoanError> {
        let block = self.try_block(items.len())?;
        Ok(self.send_copy(block, items)?)
    }

    /// Sends a copy of `items`, waiting at most `timeout` for a block.
    ///
    /// # Errors
    /// As [`loan_timeout`](Self::loan_timeout).
    pub fn send_slice_timeout(&self, items: &[T], timeout: Duration) -> Result<(), LoanTimeoutError> {
        self.send_slice_until(items, deadline::after(timeout))
    }

    /// Sends a copy of `items`, waiting for a block until `deadline`.
    ///
    /// # Errors
    /// As [`loan_timeout`](Self::loan_timeout).
    pub fn send_slice_deadline(&self, items: &[T], deadline: Instant) -> Result<(), LoanTimeoutError> {
        self.send_slice_until(items, Some(deadline::at(deadline)))
    }

    fn send_slice_until(&self, items: &[T], deadline: Option<u64>) -> Result<(), LoanTimeoutError> {
        let block = self.block_until(items.len(), deadline)?;
        Ok(self.send_copy(block, items)?)
    }

    /// Publishes a copy of `items` in `block`, which has room for them. Without a [`Loan`]: nothing but this function has
    /// the block meanwhile, so that nothing else has to keep the endpoint, and none of it goes through memory.
    #[inline]
    fn send_copy(&self, mut block: Loaned, items: &[T]) -> Result<(), LoanError> {
        let Attached { pool, items: room, .. } = &*self.attached;
        let next = self.cursor.took(block.index(), pool.count());
        room.lent_mut(&mut block, items.len()).copy_from_slice(items);
        let sent = self.attached.publish(block, next, items.len(), &H::zeroed());
        sent.map_err(|(block, refusal)| {
            drop(self.lend(block, items.len())); // Gives it back.
            refusal.into_loan()
        })
    }

    /// A block with room for `len` items, waiting while all are in use.
    #[inline]
    fn block(&self, len: usize) -> Result<Loaned, LoanError> {
        self.fits(len)?;
        match self.take() {
            Err(Refusal::Blocked) => self.wait(None),
            taken => taken,
        }
        .map_err(Refusal::into_loan)
    }

    /// The same, if one is free now.
    fn try_block(&self, len: usize) -> Result<Loaned, TryLoanError> {
        self.fits(len)?;
        let taken = match self.take() {
            Err(Refusal::Blocked) if self.attached.endpoint.time_to_look() => self.look_after_the_dead_and_take(),
            taken => taken,
        };
        taken.map_err(|refusal| match refusal {
            Refusal::Blocked => TryLoanError::Exhausted(self.holders()),
            refusal => refusal.into_loan().into(),
        })
    }

    /// The same, waiting for one until `deadline`.
    fn block_until(&self, len: usize, deadline: Option<u64>) -> Result<Loaned, LoanTimeoutError> {
        self.fits(len)?;
        let taken = match self.take() {
            Err(Refusal::Blocked) => self.wait(deadline),
            taken => taken,
        };
        taken.map_err(|refusal| match refusal {
            Refusal::Blocked => LoanTimeoutError::Timeout(self.holders()),
            refusal => refusal.into_loan().into(),
        })
    }

    /// Is there room for `len` items in a block?
    #[inline(always)]
    fn fits(&self, len: usize) -> Result<(), LoanError> {
        let max = self.attached.items.most();
        if len <= max {
            Ok(())
        } else {
            Err(LoanError::TooLong { len, max })
        }
    }

    fn lend(&self, block: Loaned, len: usize) -> UninitLoan<[T], H> {
        let pool = &self.attached.pool;
        let next = self.cursor.took(block.index(), pool.count());
        UninitLoan::new(Arc::clone(&self.attached), block, next, len)
    }

    /// Takes a free block.
    #[inline]
    fn take(&self) -> Result<Loaned, Refusal> {
        let Attached { endpoint, pool, .. } = &*self.attached;
        if !self.attached.unremarkable() {
            self.attached.attend_as_sender()?;
        }
        pool.loan(endpoint.owner(), self.cursor.first(pool))
            .map_err(|refused| endpoint.refusal(refused))
    }

    /// Asks the kernel whether anybody will make room, repairs what keeps anybody from it, and tries again.
    #[cold]
    fn look_after_the_dead_and_take(&self) -> Result<Loaned, Refusal> {
        let Attached { endpoint, pool, .. } = &*self.attached;
        let life = endpoint.life();
        let gone = endpoint.peers_gone(life, NoneYet::AskWhoCanCome);
        endpoint.reap(pool, false)?;
        if gone {
            endpoint.unsettle();
            return Err(Refusal::Disconnected);
        }
        self.take()
    }

    #[cold]
    fn wait(&self, deadline: Option<u64>) -> Result<Loaned, Refusal> {
        let Attached { endpoint, pool, .. } = &*self.attached;
        let watch = || pool.watch_for_a_block(self.cursor.first(pool));
        waiting::until(endpoint, deadline, A_TICK, watch, |look| match look {
            Look::Usual => self.take(),
            Look::AfterTheDead => self.look_after_the_dead_and_take(),
        })
    }

    /// Closes the channel for both ends, for as long as anybody is attached: loans and sends that begin after this returns are
    /// `Disconnected`, receivers get what was sent and then `Disconnected`.
    pub fn close(&self) {
        self.attached.endpoint.close();
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.attached.pool.count() as usize
    }

    /// Items that a block has room for: the longest message.
    pub fn block_len(&self) -> usize {
        self.attached.items.most()
    }

    /// Messages that nobody has received. It may be out of date before it is returned, and takes a look at each block.
    pub fn len(&self) -> usize {
        self.attached.pool.len() as usize
    }

    /// There is no message that nobody has received: as stale as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who has the blocks now.
    pub fn holders(&self) -> Holders {
        Holders::of(self.attached.endpoint.region())
    }
}

impl<T: Pod, H: Pod> Attached<T, H> {
    /// Something has happened: closed, or the last receiver has gone?
    #[cold]
    pub(super) fn attend_as_sender(&self) -> Result<(), Refusal> {
        let endpoint = &self.endpoint;
        let Attended::Event(life) = endpoint.attend()? else {
            return Ok(());
        };
        if endpoint.peers_gone(life, NoneYet::Wait) {
            endpoint.unsettle();
            return Err(Refusal::Disconnected);
        }
        endpoint.settle(life);
        Ok(())
    }

    /// Publishes a message of `len` items and tells a receiver; the block comes back if it was not. Block `next` is likely to
    /// be wanted after it.
    #[inline]
    pub(super) fn publish(
        &self,
        mut block: Loaned,
        next: u32,
        len: usize,
        header: &H,
    ) -> Result<(), (Loaned, Refusal)> {
        if !self.unremarkable()
            && let Err(refusal) = self.attend_as_sender()
        {
            return Err((block, refusal));
        }
        self.pool.fill(&mut block, len as u64, header);
        if let Err((block, refused)) = self.pool.publish(self.endpoint.owner(), block) {
            return Err((block, self.endpoint.refusal(refused)));
        }
        self.pool.expect(next); // Before the other side is through with what it has just got.
        self.gate.count(1);
        self.tell_a_receiver();
        Ok(())
    }
}

impl<T: Pod, H: Pod> Seat<Sender<[T], H>> {
    /// The sender, in this process.
    ///
    /// # Errors
    /// [`AttachError::SeatTaken`] if it was turned into one before, here or elsewhere; otherwise as for
    /// [`Channel::sender`](super::Channel::sender).
    pub fn attach(self) -> Result<Sender<[T], H>, AttachError> {
        Sender::new(self.take()?)
    }
}

impl<M: Message + ?Sized, H: Pod> Clone for Sender<M, H> {
    /// Another handle to the same endpoint. Cannot fail: it takes no record of its own.
    fn clone(&self) -> Self {
        Sender {
            attached: Arc::clone(&self.attached),
            cursor: self.cursor.clone(),
        }
    }
}

impl<M: Message + ?Sized, H: Pod> fmt::Debug for Sender<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("id", &self.attached.endpoint.owner())
            .field("blocks", &self.attached.pool.count())
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// As a sender of blocks reports it. [`Refusal::Blocked`] is the caller's to report.
    fn into_loan(self) -> LoanError {
        match self {
            Refusal::Blocked | Refusal::Disconnected => LoanError::Disconnected,
            Refusal::Corrupt => LoanError::Corrupt,
            Refusal::WrongProcess => LoanError::WrongProcess,
        }
    }
}
