//! Messages of any size over a stream of bytes, each written in place and read in place.
//!
//! A [`stream`](crate::stream) knows no messages. A [`Writer`] and a [`Reader`] on its ends put a length before each: what is
//! written as a frame is read as that frame, in one piece, where it lies.
//!
//! ```
//! use annulus::{frames, stream};
//!
//! let lines = stream::Channel::<u8>::builder(64 * 1024).schema("frames").anonymous()?;
//! let mut tx = frames::Writer::new(lines.writer()?);
//! let mut rx = frames::Reader::new(lines.reader()?);
//!
//! tx.send(b"short")?;
//! let mut frame = tx.frame(1000)?; // At most so long: in shared memory.
//! frame[..4].copy_from_slice(b"long");
//! frame.commit(4); // As long as this, after all.
//!
//! assert_eq!(&*rx.recv()?, b"short"); // Dropped: done with.
//! assert_eq!(&*rx.recv()?, b"long");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both ends must use frames; a [`schema`](crate::stream::Builder::schema) of its own keeps others away.
//!
//! # How a frame lies
//! A length of 8 bytes, in the machine's byte order, then so many bytes, then up to 7 that mean nothing: each frame takes a
//! multiple of 8. The whole of it is committed at once, so a reader never finds part of a frame; should a length or what follows
//! it not be that of one, the reader answers [`ReadError::Corrupt`](crate::stream::ReadError::Corrupt) from then on.
//!
//! # What is guaranteed when processes die
//! A frame that was not committed was never written; one that was committed is there, whole. A [`Frame`] is done with when it is
//! dropped, but by a panic; that of a reader that is killed with it in hand comes to the next reader. Whoever
//! [keeps](Frame::keep) it gets it again.
//!
//! Trust, waiting and the end of the stream are those of [`stream`](crate::stream).

mod reader;
mod writer;

pub use reader::{Frame, Reader};
pub use writer::{FrameMut, Writer};

/// The length before each frame.
const PREFIX: usize = size_of::<u64>();

/// Bytes of a stream that a frame of `len` bytes takes.
fn whole(len: usize) -> usize {
    PREFIX + len.next_multiple_of(PREFIX)
}

/// The longest frame in a stream of `capacity` bytes, a multiple of 8.
fn longest(capacity: usize) -> usize {
    capacity - PREFIX
}
