//! Lock-free ring-buffer channels between processes over shared memory that survive a killed peer.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("annulus needs 64-bit Linux: it relies on futexes, memfds and open-file-description locks");

mod channel;
mod edge;
mod error;
mod layout;
mod region;
mod ring;
mod sync;
mod wait;

pub use bytemuck;
pub use channel::{Builder, Channel, End, IntoIter, Iter, Multi, Receiver, Seat, Sender, Single, TryIter};
pub use error::{
    AttachError, CreateError, RecvError, RecvTimeoutError, SendError, SendManyError, SendTimeoutError, TryRecvError,
    TrySendError,
};
pub use layout::{FenceMode, Kind, SlotPadding};

/// Prepares this process for channels in [`FenceMode::Membarrier`].
///
/// Registering for membarrier(2) takes microseconds in a process with one thread and 8 to 16 ms in one that has
/// several; attaching does it if need be. Call this first thing in `main` to have it out of the way. The registration
/// is lost over exec, not over fork.
///
/// # Errors
/// [`CreateError::MembarrierUnavailable`]: this process can share channels in [`FenceMode::Fenced`] only.
pub fn prepare() -> Result<(), CreateError> {
    region::barrier::register().map_err(|_| CreateError::MembarrierUnavailable)
}

/// The four kinds, by module.
macro_rules! kinds {
    ($($(#[$doc:meta])* $module:ident: $send:ident, $receive:ident;)+) => {$(
        $(#[$doc])*
        pub mod $module {
            /// See [`Channel`](crate::Channel).
            pub type Channel<T> = crate::Channel<T, crate::$send, crate::$receive>;
            /// See [`Sender`](crate::Sender).
            pub type Sender<T> = crate::Sender<T, crate::$send>;
            /// See [`Receiver`](crate::Receiver).
            pub type Receiver<T> = crate::Receiver<T, crate::$receive>;
        }
    )+};
}

kinds! {
    /// One sender, one receiver.
    spsc: Single, Single;
    /// Many senders, one receiver.
    mpsc: Multi, Single;
    /// One sender, many receivers: each message goes to one of them.
    spmc: Single, Multi;
    /// Many senders, many receivers: each message goes to one receiver.
    mpmc: Multi, Multi;
}
