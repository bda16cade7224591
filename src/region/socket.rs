//! How does a descriptor cross a socket?
//!
//! As control data of unix(7), `SCM_RIGHTS`, beside one byte of payload: without one a stream socket carries no control
//! data. What is in flight is a reference to the description: it outlives the sender, and ends with the last copy of the
//! receiving socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// The payload: what no text that strays into the socket contains.
const MARKER: u8 = 0;

/// Sends a copy of `fd`.
///
/// # Errors
/// `BrokenPipe` if the other end is gone (without a signal), `WouldBlock` if the socket does not block and is full; what
/// the kernel answers.
pub(crate) fn send(socket: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [fd];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(
        control.push(SendAncillaryMessage::ScmRights(&fds)),
        "there is space for one"
    );
    let payload = [IoSlice::new(&[MARKER])];
    retry_on_intr(|| sendmsg(socket, &payload, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives the descriptor that [`send`] has sent, close-on-exec. Whatever else came along is closed.
///
/// # Errors
/// `UnexpectedEof` if the other end is gone, `InvalidData` if something else came, `WouldBlock` if the socket does not
/// block and nothing is there; what the kernel answers.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut byte = [!MARKER];
    // For more than one, so that a second is found. For no more: the kernel drops what it has no space for.
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        let mut payload = [IoSliceMut::new(&mut byte)];
        recvmsg(socket, &mut payload, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    // Owned from here on, and closed with the list unless it is what is looked for.
    let mut fds: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    let invalid = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if received.bytes == 0 && fds.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the socket was closed before a channel came: has the sender died?",
        ));
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return invalid(
            "more control data came over the socket than one descriptor: are several sent at once, is SO_PASSCRED set, \
             or is this process out of descriptors?"
                .to_owned(),
        );
    }
    if fds.len() > 1 {
        return invalid(format!(
            "{} descriptors came over the socket at once, a channel is one",
            fds.len()
        ));
    }
    if received.flags.contains(ReturnFlags::TRUNC) || byte != [MARKER] {
        return invalid(
            "something else than a channel came over the socket: send it with `annulus::fd::send_over`".to_owned(),
        );
    }
    match fds.pop() {
        Some(fd) => Ok(fd),
        None => invalid("no descriptor came over the socket: send it with `annulus::fd::send_over`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    fn null() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    fn refused(ours: &impl AsFd) -> String {
        let error = receive(ours.as_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        error.to_string()
    }

    /// Sends `count` descriptors beside `payload`.
    fn send_many(socket: &impl AsFd, payload: &[u8], count: usize) {
        let fd = null();
        let fds = vec![fd.as_fd(); count];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(200))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(count == 0 || control.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(
            socket.as_fd(),
            &[IoSlice::new(payload)],
            &mut control,
            SendFlags::empty(),
        )
        .unwrap();
    }

    #[test]
    fn a_descriptor_crosses_a_stream_between_other_bytes() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        send(theirs.as_fd(), null().as_fd()).unwrap();
        theirs.write_all(b"after").unwrap();
        let fd = receive(ours.as_fd()).unwrap();
        let flags = nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags, nix::libc::FD_CLOEXEC);
        let mut after = [0; 5];
        io::Read::read_exact(&mut &ours, &mut after).unwrap();
        assert_eq!(&after, b"after");
    }

    #[test]
    fn a_closed_socket_is_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let error = receive(ours.as_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = send(ours.as_fd(), null().as_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_is_not_one_descriptor_and_the_marker_is_refused() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        send_many(&theirs, &[MARKER], 0);
        assert!(refused(&ours).starts_with("no descriptor"));
        send_many(&theirs, &[MARKER], 2);
        assert!(refused(&ours).starts_with("2 descriptors"));
        send_many(&theirs, &[MARKER], 200);
        assert!(refused(&ours).starts_with("more control data"));
        send_many(&theirs, b"x", 1);
        assert!(refused(&ours).starts_with("something else"));
        send_many(&theirs, &[MARKER, MARKER], 1);
        assert!(refused(&ours).starts_with("something else"));
        send_many(&theirs, &[MARKER], 1);
        receive(ours.as_fd()).unwrap();
    }

    #[test]
    fn a_socket_that_asks_for_credentials_is_told_of() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        rustix::net::sockopt::set_socket_passcred(&ours, true).unwrap();
        send(theirs.as_fd(), null().as_fd()).unwrap();
        assert!(refused(&ours).contains("SO_PASSCRED"));
        rustix::net::sockopt::set_socket_passcred(&ours, false).unwrap();
        send(theirs.as_fd(), null().as_fd()).unwrap();
        receive(ours.as_fd()).unwrap();
    }

    #[test]
    fn what_is_no_unix_socket_is_an_error() {
        let (a, b) = nix::unistd::pipe().unwrap();
        assert!(send(b.as_fd(), null().as_fd()).is_err());
        assert!(receive(a.as_fd()).is_err());
    }
}
