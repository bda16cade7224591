//! ipc-channel: messages of bytes over a Unix socket, several senders, one receiver.

use ipc_channel::TryRecvError;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::{Either, Ends, spin};
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

#[derive(Debug)]
pub struct IpcChannel;

impl Mechanism for IpcChannel {
    const NAME: &'static str = "ipc-channel";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Sleep, Wait::Spin];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, any size",
        persistence: "none",
        relation: "inherited, passed over another, or by name",
        death: "the others are told",
    };
    type Link<M: Message> = Ends<Either<IpcBytesSender>, Either<IpcBytesReceiver>>;
}

/// The socket is inherited. What fits into it is the kernel's choice.
impl<M: Message> Link<M> for Ends<Either<IpcBytesSender>, Either<IpcBytesReceiver>> {
    type Tx = Either<IpcBytesSender>;
    type Rx = Either<IpcBytesReceiver>;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        Ok(Ends::waiting(shape, bytes_channel()?))
    }

    fn tx(&self) -> Result<Self::Tx, Skip> {
        self.clone_tx()
    }

    fn rx(&self) -> Result<Self::Rx, Skip> {
        self.take_rx()
    }
}

/// A sender can only sleep.
impl<M: Message> Tx<M> for Either<IpcBytesSender> {
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        Ok(self.end.send(bytemuck::bytes_of(message))?)
    }
}

impl<M: Message> Rx<M> for Either<IpcBytesReceiver> {
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        let bytes = if self.spins {
            spin(|| match self.end.try_recv() {
                Err(TryRecvError::Empty) => None,
                received => Some(received.map_err(Skip::because)),
            })?
        } else {
            self.end.recv().map_err(Skip::because)?
        };
        if bytes.len() != size_of::<M>() {
            return Err(Skip::because("another size came"));
        }
        bytemuck::bytes_of_mut(into).copy_from_slice(&bytes);
        Ok(())
    }
}
