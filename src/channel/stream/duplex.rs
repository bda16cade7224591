//! How do two processes talk both ways?

use std::io::{self, BufRead, Read, Write};
use std::process::Command;
use std::time::Duration;

use crate::channel::{Seat, frames};
use crate::error::{AttachError, CreateError};

use super::{Channel, ReadError, Reader, WriteError, Writer};

/// Two connected ends, each of which reads what the other writes: socketpair(2), at memory speed.
///
/// There is a stream of at least `capacity` bytes each way, in memory without a name. An end is attached where it is used:
///
/// - by a thread of this process: [`DuplexEnd::attach`];
/// - by a child that is forked: [`DuplexEnd::reserve`] before the fork, [`DuplexSeat::attach`] in the child;
/// - by a program that is started: [`DuplexEnd::pass_to`] here, [`DuplexEnd::inherited`] there.
///
/// As with a socketpair, each process drops what it does not use: as long as there is an end that somebody may attach to, the
/// other one waits for it.
///
/// # Errors
/// As for [`Channel::anonymous`].
///
/// ```
/// use annulus::stream::duplex;
/// use std::io::{BufRead, Write};
///
/// let (here, there) = duplex(64 * 1024)?;
/// let (mut here, mut there) = (here.attach()?, there.attach()?);
/// let server = std::thread::spawn(move || {
///     let mut line = String::new();
///     while there.read_line(&mut line)? != 0 {
///         there.write_all(line.to_uppercase().as_bytes())?;
///         line.clear();
///     }
///     std::io::Result::Ok(())
/// });
/// writeln!(here, "hello")?;
/// let mut answer = String::new();
/// here.read_line(&mut answer)?;
/// assert_eq!(answer, "HELLO\n");
/// drop(here); // The end, for the server.
/// server.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn duplex(capacity: usize) -> Result<(DuplexEnd, DuplexEnd), CreateError> {
    let there = Channel::anonymous(capacity)?;
    let back = Channel::anonymous(capacity)?;
    let far = DuplexEnd {
        outgoing: back.again(),
        incoming: there.again(),
    };
    let near = DuplexEnd {
        outgoing: there,
        incoming: back,
    };
    Ok((near, far))
}

/// An end of a [`duplex`] pair that nobody has attached to.
#[derive(Debug)]
pub struct DuplexEnd {
    outgoing: Channel<u8>,
    incoming: Channel<u8>,
}

impl DuplexEnd {
    /// The end, for this process.
    ///
    /// # Errors
    /// As for [`Channel::writer`].
    pub fn attach(self) -> Result<Duplex, AttachError> {
        Ok(Duplex {
            writer: self.outgoing.writer()?,
            reader: self.incoming.reader()?,
        })
    }

    /// The end, for a child that is yet to be forked: it counts as attached from now on, so that a child that dies before it
    /// has attached is an end of stream.
    ///
    /// # Errors
    /// As for [`Channel::writer`].
    pub fn reserve(self) -> Result<DuplexSeat, AttachError> {
        Ok(DuplexSeat {
            writer: self.outgoing.reserve_writer()?,
            reader: self.incoming.reserve_reader()?,
        })
    }

    /// Lets a child of `command` have the end, by [`inherited`](Self::inherited)`(name)`: the first that attaches to it. The
    /// name is as for [`Channel::pass_to`], less four letters. Drop `command` when the child is started, lest the other end wait
    /// for one that may yet be.
    ///
    /// # Errors
    /// As for [`Channel::pass_to`].
    pub fn pass_to(self, command: &mut Command, name: &str) -> Result<(), AttachError> {
        let (outgoing, incoming) = names(name);
        self.outgoing.pass_to(command, &outgoing)?;
        self.incoming.pass_to(command, &incoming)
    }

    /// The end that the parent has [passed](Self::pass_to) to this process as `name`. Once for each name.
    ///
    /// # Errors
    /// As for [`Channel::inherited`].
    pub fn inherited(name: &str) -> Result<DuplexEnd, AttachError> {
        let (outgoing, incoming) = names(name);
        Ok(DuplexEnd {
            outgoing: Channel::inherited(&outgoing)?,
            incoming: Channel::inherited(&incoming)?,
        })
    }
}

/// What the two streams of an end are passed as.
fn names(name: &str) -> (String, String) {
    (format!("{name}.out"), format!("{name}.in"))
}

/// An end of a [`duplex`] pair that is reserved for a forked child.
#[derive(Debug)]
pub struct DuplexSeat {
    writer: Seat<Writer<u8>>,
    reader: Seat<Reader<u8>>,
}

impl DuplexSeat {
    /// The end, in this process.
    ///
    /// # Errors
    /// As for [`Seat::attach`].
    pub fn attach(self) -> Result<Duplex, AttachError> {
        Ok(Duplex {
            writer: self.writer.attach()?,
            reader: self.reader.attach()?,
        })
    }
}

/// A two-way end: a [`Writer`] and a [`Reader`] in one.
///
/// Dropping it is the end of the stream to the other end, which reads what is there first.
#[derive(Debug)]
pub struct Duplex {
    writer: Writer<u8>,
    reader: Reader<u8>,
}

impl Duplex {
    /// The writing half.
    pub fn writer(&mut self) -> &mut Writer<u8> {
        &mut self.writer
    }

    /// The reading half.
    pub fn reader(&mut self) -> &mut Reader<u8> {
        &mut self.reader
    }

    /// Both halves, for two threads. Dropping the writer is what shutdown(2) `SHUT_WR` is for a socket.
    pub fn into_halves(self) -> (Writer<u8>, Reader<u8>) {
        (self.writer, self.reader)
    }

    /// For messages in place of bytes, if the other end does the same.
    ///
    /// ```
    /// use annulus::stream::duplex;
    ///
    /// let (here, there) = duplex(64 * 1024)?;
    /// let (mut here, mut there) = (here.attach()?.into_frames(), there.attach()?.into_frames());
    /// here.send(b"ping")?;
    /// assert_eq!(&*there.recv()?, b"ping");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_frames(self) -> FramedDuplex {
        FramedDuplex {
            writer: frames::Writer::new(self.writer),
            reader: frames::Reader::new(self.reader),
        }
    }

    /// Waits for something to read, at most `timeout`: [`Reader::poll`].
    ///
    /// # Errors
    /// As for [`Reader::poll`].
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ReadError> {
        self.reader.poll(timeout)
    }
}

impl Write for Duplex {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(&mut self.writer, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Duplex {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.reader.read(bytes)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        Read::read_exact(&mut self.reader, bytes)
    }
}

impl BufRead for Duplex {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

/// A two-way end for messages of any size: [`Duplex::into_frames`].
#[derive(Debug)]
pub struct FramedDuplex {
    writer: frames::Writer,
    reader: frames::Reader,
}

impl FramedDuplex {
    /// The writing half.
    pub fn writer(&mut self) -> &mut frames::Writer {
        &mut self.writer
    }

    /// The reading half.
    pub fn reader(&mut self) -> &mut frames::Reader {
        &mut self.reader
    }

    /// Both halves: to write an answer while the question is still in hand, or for two threads.
    pub fn into_halves(self) -> (frames::Writer, frames::Reader) {
        (self.writer, self.reader)
    }

    /// Sends a message of these bytes, waiting for room: [`frames::Writer::send`].
    ///
    /// # Errors
    /// As for [`frames::Writer::send`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.writer.send(bytes)
    }

    /// The next message, waiting until there is one: [`frames::Reader::recv`].
    ///
    /// # Errors
    /// As for [`frames::Reader::recv`].
    pub fn recv(&mut self) -> Result<frames::Frame<'_>, ReadError> {
        self.reader.recv()
    }

    /// Waits for a message, at most `timeout`: [`frames::Reader::poll`].
    ///
    /// # Errors
    /// As for [`frames::Reader::poll`].
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ReadError> {
        self.reader.poll(timeout)
    }
}
