//! What do arbitrary bytes do to a process that attaches to them as to a channel?
//!
//! No panic, no access outside the mapping, no endless loop: an error, or wrong messages. The bytes are either the
//! input's own, or those of a channel that was in use, with some changed, so that what is behind the checks of the header
//! is reached too. Then a program of operations runs on them, during which further bytes change, as under a peer that
//! scribbles.

mod bytes;

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use annulus::bytemuck::{Pod, bytes_of_mut};
use annulus::{Channel, End, FenceMode, Multi, Receiver, Sender, Single, SlotPadding};
use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Poke;

/// What both sides say the messages are.
const SCHEMA: &str = "fuzz";
/// Operations in a program.
const OPERATIONS: usize = 64;
/// Endpoints of each role.
const ENDPOINTS: usize = 3;
/// The largest region.
const MAX_BYTES: u64 = 1 << 20;

/// Does with `input` what the module says.
pub fn attach(input: &[u8]) {
    // An input that is too short for what it asks for has been run as far as it goes.
    let _ = with_payload(&mut Unstructured::new(input));
}

fn with_payload(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=3)? {
        0 => with_ends::<()>(input),
        1 => with_ends::<u64>(input),
        2 => with_ends::<[u32; 3]>(input),
        _ => with_ends::<[u8; 129]>(input),
    }
}

fn with_ends<T: Pod>(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=3)? {
        0 => run::<T, Single, Single>(input),
        1 => run::<T, Multi, Single>(input),
        2 => run::<T, Single, Multi>(input),
        _ => run::<T, Multi, Multi>(input),
    }
}

fn run<T: Pod, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<()> {
    let (bytes, mut sound) = if input.ratio(1u8, 4u8)? {
        (input.arbitrary::<Vec<u8>>()?, false)
    } else {
        used::<T, S, R>(input)?
    };
    let sealed = !input.ratio(1u8, 32u8)?;
    let file = bytes::file(&bytes, sealed);
    let attached = Channel::<T, S, R>::from_fd_as(file.try_clone().expect("a descriptor"), SCHEMA);
    let channel = match attached {
        Ok(channel) => channel,
        Err(error) => {
            assert!(!sound || !sealed, "a sound channel is refused: {error}");
            let _ = format!("{error} {error:?}");
            return Ok(());
        }
    };
    assert!(sealed, "an unsealed file is accepted");
    assert!(channel.capacity().is_power_of_two());
    let mut session = Session {
        channel,
        file,
        senders: Vec::new(),
        receivers: Vec::new(),
    };
    for _ in 0..OPERATIONS {
        let operation = input.arbitrary()?;
        sound &= !matches!(operation, Operation::Poke(_));
        let corrupt = session.perform(operation);
        assert!(!sound || !corrupt, "a sound channel is corrupt after {operation:?}");
    }
    Ok(())
}

/// The bytes of a channel that was in use, with some changed; whether none was.
fn used<T: Pod, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<(Vec<u8>, bool)> {
    let channel = Channel::<T, S, R>::builder(input.int_in_range(1..=33)?)
        .slot_padding(*input.choose(&[SlotPadding::Packed, SlotPadding::Line])?)
        .fence_mode(*input.choose(&[FenceMode::Fenced, FenceMode::Membarrier])?)
        .table_length(input.int_in_range(1..=6)?)
        .spin_time(Duration::from_micros(input.int_in_range(0..=5)?))
        .tick(Duration::from_millis(1))
        .schema(SCHEMA)
        .max_bytes(MAX_BYTES)
        .anonymous()
        .expect("a small channel");
    if let (Ok(tx), Ok(rx)) = (channel.sender(), channel.receiver()) {
        for _ in 0..input.int_in_range(0..=70)? {
            let _ = tx.try_send(T::zeroed());
            if input.arbitrary()? {
                let _ = rx.try_recv();
            }
        }
    }
    let mut bytes = bytes::of(channel.as_fd());
    let pokes: Vec<Poke> = (0..input.int_in_range(0..=6)?)
        .map(|_| input.arbitrary())
        .collect::<Result<_>>()?;
    for poke in &pokes {
        let (offset, value) = poke.aim(&bytes);
        bytes[offset..offset + 8].copy_from_slice(&value);
    }
    Ok((bytes, pokes.is_empty()))
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Operation {
    AttachSender,
    AttachReceiver,
    SeatSender,
    SeatReceiver,
    DropSender,
    DropReceiver,
    TrySend(u8),
    TryRecv,
    TrySendMany(u8),
    TryRecvMany(u8),
    SendNow(u8),
    RecvNow,
    Ask,
    Close,
    Recover,
    Poke(Poke),
}

struct Session<T: Pod, S: End, R: End> {
    channel: Channel<T, S, R>,
    /// What the scribbler has.
    file: OwnedFd,
    senders: Vec<Sender<T, S>>,
    receivers: Vec<Receiver<T, R>>,
}

impl<T: Pod, S: End, R: End> Session<T, S, R> {
    /// Does it, with the endpoint that was attached last; whether the answer is that the region is corrupt.
    fn perform(&mut self, operation: Operation) -> bool {
        let (tx, rx) = (self.senders.last(), self.receivers.last());
        let mut some: [T; 40] = [T::zeroed(); 40];
        let corrupt = match operation {
            Operation::AttachSender if self.senders.len() < ENDPOINTS => {
                self.channel.sender().map(|tx| self.senders.push(tx)).err().map(shown)
            }
            Operation::AttachReceiver if self.receivers.len() < ENDPOINTS => self
                .channel
                .receiver()
                .map(|rx| self.receivers.push(rx))
                .err()
                .map(shown),
            Operation::SeatSender => {
                let attached = self.channel.reserve_sender().and_then(|seat| seat.attach());
                attached.map(drop).err().map(shown)
            }
            Operation::SeatReceiver => {
                let attached = self.channel.reserve_receiver().and_then(|seat| seat.attach());
                attached.map(drop).err().map(shown)
            }
            Operation::DropSender => {
                drop(self.senders.pop());
                None
            }
            Operation::DropReceiver => {
                drop(self.receivers.pop());
                None
            }
            Operation::TrySend(fill) => tx.and_then(|tx| tx.try_send(message(fill)).err()).map(shown),
            Operation::TryRecv => rx.and_then(|rx| rx.try_recv().err()).map(shown),
            Operation::TrySendMany(count) => tx.and_then(|tx| {
                let values = &some[..usize::from(count) % some.len()];
                let sent = tx.try_send_many(values);
                assert!(sent.is_ok_and(|sent| sent <= values.len()) || sent.is_err());
                sent.err().map(shown)
            }),
            Operation::TryRecvMany(count) => rx.and_then(|rx| {
                let places = usize::from(count) % some.len();
                let received = rx.try_recv_many(&mut some[..places]);
                assert!(received.is_ok_and(|received| received <= places) || received.is_err());
                received.err().map(shown)
            }),
            Operation::SendNow(fill) => {
                tx.and_then(|tx| tx.send_timeout(message(fill), Duration::ZERO).err().map(shown))
            }
            Operation::RecvNow => rx.and_then(|rx| rx.recv_timeout(Duration::ZERO).err().map(shown)),
            Operation::Ask => {
                let ask = |len: usize, capacity: usize| assert!(len <= capacity, "{len} of {capacity}");
                if let Some(tx) = tx {
                    ask(tx.len(), tx.capacity());
                    let _ = (tx.is_empty(), tx.is_full(), format!("{tx:?}"));
                }
                if let Some(rx) = rx {
                    ask(rx.len(), rx.capacity());
                    let _ = (rx.is_empty(), rx.is_full(), format!("{rx:?}"));
                }
                None
            }
            Operation::Close => {
                tx.inspect(|tx| tx.close());
                rx.inspect(|rx| rx.close());
                None
            }
            Operation::Recover => self.channel.recover().err().map(shown),
            Operation::Poke(poke) => {
                let (offset, value) = poke.aim(&bytes::of(self.file.as_fd()));
                bytes::write(self.file.as_fd(), &value, offset);
                None
            }
            Operation::AttachSender | Operation::AttachReceiver => None,
        };
        corrupt.is_some_and(|text| text.contains("corrupt"))
    }
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn message<T: Pod>(fill: u8) -> T {
    let mut message = T::zeroed();
    bytes_of_mut(&mut message).fill(fill);
    message
}
