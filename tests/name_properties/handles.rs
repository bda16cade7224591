//! How does one hold channels of all kinds at once?

use std::os::fd::AsFd;
use std::time::Duration;

use annulus::{
    AttachError, Builder, Channel, CreateError, End, Multi, OpenOrCreateError, Receiver, RecvError, RecvTimeoutError,
    SendError, SendTimeoutError, Sender, Single, TryRecvError, TrySendError,
};
use nix::sys::stat::fstat;

use crate::letter::{Letter, Sealed};

/// What the errors call the kinds, in the order of their numbers here.
pub const KINDS: [&str; 4] = ["spsc", "mpsc", "spmc", "mpmc"];
/// Endpoints at the multi ends of an object.
pub const TABLE: usize = 5;
/// Often enough that a wait which must end ends soon.
const TICK: Duration = Duration::from_millis(2);

/// A channel of some kind.
pub trait AnyChannel {
    /// Its sending end.
    fn sender(&self) -> Result<Box<dyn AnySender>, AttachError>;
    /// Its receiving end.
    fn receiver(&self) -> Result<Box<dyn AnyReceiver>, AttachError>;
    /// Looks after the dead; how many slots were repaired.
    fn recover(&self) -> Result<usize, AttachError>;
    /// Messages that it holds.
    fn capacity(&self) -> usize;
    /// Which object it is: a number that no two on this machine have.
    fn object(&self) -> u64;
}

/// A sender of some kind.
pub trait AnySender {
    /// Waits.
    fn send(&self, letter: Letter) -> Result<(), SendError<Sealed>>;
    /// Does not wait.
    fn try_send(&self, letter: Letter) -> Result<(), TrySendError<Sealed>>;
    /// Waits, not for ever.
    fn send_timeout(&self, letter: Letter, timeout: Duration) -> Result<(), SendTimeoutError<Sealed>>;
}

/// A receiver of some kind.
pub trait AnyReceiver {
    /// Waits.
    fn recv(&self) -> Result<Letter, RecvError>;
    /// Does not wait.
    fn try_recv(&self) -> Result<Letter, TryRecvError>;
    /// Waits, not for ever.
    fn recv_timeout(&self, timeout: Duration) -> Result<Letter, RecvTimeoutError>;
}

impl<S: End + 'static, R: End + 'static> AnyChannel for Channel<Sealed, S, R> {
    fn sender(&self) -> Result<Box<dyn AnySender>, AttachError> {
        Ok(Box::new(Channel::sender(self)?))
    }

    fn receiver(&self) -> Result<Box<dyn AnyReceiver>, AttachError> {
        Ok(Box::new(Channel::receiver(self)?))
    }

    fn recover(&self) -> Result<usize, AttachError> {
        Channel::recover(self)
    }

    fn capacity(&self) -> usize {
        Channel::capacity(self)
    }

    fn object(&self) -> u64 {
        fstat(self.as_fd()).expect("its file").st_ino
    }
}

impl<E: End> AnySender for Sender<Sealed, E> {
    fn send(&self, letter: Letter) -> Result<(), SendError<Sealed>> {
        Sender::send(self, letter.seal())
    }

    fn try_send(&self, letter: Letter) -> Result<(), TrySendError<Sealed>> {
        Sender::try_send(self, letter.seal())
    }

    fn send_timeout(&self, letter: Letter, timeout: Duration) -> Result<(), SendTimeoutError<Sealed>> {
        Sender::send_timeout(self, letter.seal(), timeout)
    }
}

impl<E: End> AnyReceiver for Receiver<Sealed, E> {
    fn recv(&self) -> Result<Letter, RecvError> {
        Receiver::recv(self).map(Sealed::open)
    }

    fn try_recv(&self) -> Result<Letter, TryRecvError> {
        Receiver::try_recv(self).map(Sealed::open)
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<Letter, RecvTimeoutError> {
        Receiver::recv_timeout(self, timeout).map(Sealed::open)
    }
}

/// What is asked of a name.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The name.
    pub name: &'a str,
    /// Index in [`KINDS`].
    pub kind: usize,
    /// If it is to be made.
    pub capacity: usize,
    /// If it is to be made: with `keep_name`.
    pub keep: bool,
}

type Opened<E> = Result<Box<dyn AnyChannel>, E>;

impl Wish<'_> {
    /// `create`.
    pub fn create(self) -> Opened<CreateError> {
        self.of_kind(Create)
    }

    /// `open`, or `open_timeout` with no time at all.
    pub fn open(self, timeout: Option<Duration>) -> Opened<AttachError> {
        self.of_kind(Open(timeout))
    }

    /// `open_or_create`.
    pub fn join(self) -> Opened<OpenOrCreateError> {
        self.of_kind(Join)
    }

    fn of_kind<H: How>(self, how: H) -> Opened<H::Error> {
        match self.kind {
            0 => self.go::<Single, Single, H>(how),
            1 => self.go::<Multi, Single, H>(how),
            2 => self.go::<Single, Multi, H>(how),
            _ => self.go::<Multi, Multi, H>(how),
        }
    }

    fn go<S: End + 'static, R: End + 'static, H: How>(self, how: H) -> Opened<H::Error> {
        let builder = Channel::<Sealed, S, R>::builder(self.capacity).table_length(TABLE as u32);
        let builder = builder.tick(TICK).spin_time(Duration::ZERO);
        let builder = if self.keep { builder.keep_name() } else { builder };
        Ok(Box::new(how.go(builder, self.name)?))
    }
}

/// One of the ways to come by a channel, whatever its kind.
trait How {
    type Error;
    fn go<S: End, R: End>(
        self,
        builder: Builder<Sealed, S, R>,
        name: &str,
    ) -> Result<Channel<Sealed, S, R>, Self::Error>;
}

struct Create;
struct Open(Option<Duration>);
struct Join;

impl How for Create {
    type Error = CreateError;
    fn go<S: End, R: End>(
        self,
        builder: Builder<Sealed, S, R>,
        name: &str,
    ) -> Result<Channel<Sealed, S, R>, CreateError> {
        builder.create(name)
    }
}

impl How for Open {
    type Error = AttachError;
    fn go<S: End, R: End>(
        self,
        builder: Builder<Sealed, S, R>,
        name: &str,
    ) -> Result<Channel<Sealed, S, R>, AttachError> {
        match self.0 {
            Some(timeout) => builder.open_timeout(name, timeout),
            None => builder.open(name),
        }
    }
}

impl How for Join {
    type Error = OpenOrCreateError;
    fn go<S: End, R: End>(
        self,
        builder: Builder<Sealed, S, R>,
        name: &str,
    ) -> Result<Channel<Sealed, S, R>, OpenOrCreateError> {
        builder.open_or_create(name)
    }
}
