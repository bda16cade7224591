//! What is each form of an operation answered, if the model is right?

use std::time::{Duration, Instant};

use annulus::{
    AttachError, End, Lease, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};

use super::model::{Attached, Meets, Name};
use super::{Form, Message};

pub fn attached_as<X>(attached: std::result::Result<X, AttachError>, expected: Attached) -> Option<(Name, X)> {
    match (attached, expected) {
        (Ok(endpoint), Attached::As(name)) => Some((name, endpoint)),
        (Err(AttachError::AlreadyAttached { .. }), Attached::Already) => None,
        (Err(AttachError::TableFull { .. }), Attached::TableFull) => None,
        (Ok(_), expected) => panic!("attached, but {expected:?}"),
        (Err(error), expected) => panic!("{error}, but {expected:?}"),
    }
}

pub fn send_one<T: Message, E: End>(tx: &Sender<T, E>, value: T, form: Form, meets: Meets) -> bool {
    let timed = |sent: std::result::Result<(), SendTimeoutError<T>>| match sent {
        Ok(()) => (Meets::Success, value),
        Err(SendTimeoutError::Timeout(back)) => (Meets::Refusal, back),
        Err(SendTimeoutError::Disconnected(back)) => (Meets::Disconnection, back),
        Err(error) => panic!("{error}"),
    };
    let (answer, back) = match form {
        Form::Wait if meets != Meets::Refusal => match tx.send(value) {
            Ok(()) => (Meets::Success, value),
            Err(SendError::Disconnected(back)) => (Meets::Disconnection, back),
            Err(error) => panic!("{error}"),
        },
        Form::Timeout => timed(tx.send_timeout(value, Duration::ZERO)),
        Form::Deadline => timed(tx.send_deadline(value, Instant::now())),
        _ => match tx.try_send(value) {
            Ok(()) => (Meets::Success, value),
            Err(TrySendError::Full(back)) => (Meets::Refusal, back),
            Err(TrySendError::Disconnected(back)) => (Meets::Disconnection, back),
            Err(error) => panic!("{error}"),
        },
    };
    assert_eq!((answer, back), (meets, value), "{form:?}");
    answer == Meets::Success
}

/// Sends a batch that fits, or is refused for good.
pub fn send_all<T: Message, E: End>(tx: &Sender<T, E>, values: &[T], meets: Meets) -> usize {
    let sent = tx.send_many(values);
    match meets {
        _ if values.is_empty() => assert_eq!(sent, Ok(())),
        Meets::Disconnection => {
            let error = sent.expect_err("nobody is there");
            assert_eq!((error.sent, error.kind), (0, SendError::Disconnected(())));
            return 0;
        }
        _ => assert_eq!(sent, Ok(())),
    }
    values.len()
}

/// Sends what fits of a batch.
pub fn send_some<T: Message, E: End>(tx: &Sender<T, E>, values: &[T], meets: Meets, room: usize) -> usize {
    let sent = tx.try_send_many(values);
    let expected = match meets {
        _ if values.is_empty() => Ok(0),
        Meets::Success => Ok(values.len().min(room)),
        Meets::Refusal => Err(TrySendError::Full(())),
        Meets::Disconnection => Err(TrySendError::Disconnected(())),
    };
    assert_eq!(sent, expected);
    sent.unwrap_or(0)
}

fn received<X, E: PartialEq + std::fmt::Debug>(
    received: std::result::Result<X, E>,
    meets: Meets,
    refusal: Option<E>,
    disconnection: E,
) -> Option<X> {
    match received {
        Ok(what) => {
            assert_eq!(meets, Meets::Success);
            Some(what)
        }
        Err(error) => {
            let expected = match meets {
                Meets::Success => panic!("{error:?}, and there is a message"),
                Meets::Refusal => refusal.expect("nobody waits for ever"),
                Meets::Disconnection => disconnection,
            };
            assert_eq!(error, expected);
            None
        }
    }
}

/// In which of the forms that take one message, `$plain` to `$deadline`.
macro_rules! in_form {
    ($rx:expr, $form:expr, $meets:expr, $plain:ident $try:ident $timeout:ident $deadline:ident) => {{
        use RecvTimeoutError as Late;
        let (rx, meets) = ($rx, $meets);
        match $form {
            Form::Wait | Form::Many(_) if meets != Meets::Refusal => {
                received(rx.$plain(), meets, None, RecvError::Disconnected)
            }
            Form::Timeout => received(
                rx.$timeout(Duration::ZERO),
                meets,
                Some(Late::Timeout),
                Late::Disconnected,
            ),
            Form::Deadline => received(
                rx.$deadline(Instant::now()),
                meets,
                Some(Late::Timeout),
                Late::Disconnected,
            ),
            _ => received(rx.$try(), meets, Some(TryRecvError::Empty), TryRecvError::Disconnected),
        }
    }};
}

pub fn receive_one<T: Message, E: End>(rx: &Receiver<T, E>, form: Form, meets: Meets) -> Vec<T> {
    in_form!(rx, form, meets, recv try_recv recv_timeout recv_deadline)
        .into_iter()
        .collect()
}

pub fn lease<T: Message, E: End>(
    rx: &'static Receiver<T, E>,
    form: Form,
    meets: Meets,
) -> Option<Lease<'static, T, E>> {
    in_form!(rx, form, meets, recv_lease try_recv_lease recv_lease_timeout recv_lease_deadline)
}

pub fn receive_many<T: Message, E: End>(rx: &Receiver<T, E>, most: usize, waits: bool, meets: Meets) -> Vec<T> {
    let mut values = vec![T::of(u64::MAX); most];
    let meets = if most == 0 { Meets::Success } else { meets };
    let count = if waits {
        received(rx.recv_many(&mut values), meets, None, RecvError::Disconnected)
    } else {
        let refusal = Some(TryRecvError::Empty);
        received(
            rx.try_recv_many(&mut values),
            meets,
            refusal,
            TryRecvError::Disconnected,
        )
    };
    values.truncate(count.unwrap_or(0));
    values
}
