//! How is a stream of bytes a reader, a writer and a buffer of the standard library's?

use std::io::{self, BufRead, Read, Write};

use super::{ReadError, Reader, Writer};

impl Write for Writer<u8> {
    /// [`write_some`](Writer::write_some). [`BrokenPipe`](io::ErrorKind::BrokenPipe) if nobody would read it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(bytes)?)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Writer::write_all(self, bytes).map_err(|error| error.kind.into())
    }

    /// Nothing to do: what is written is there.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Reader<u8> {
    /// [`read_some`](Reader::read_some); 0 at the end of the stream.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.read_some(bytes) {
            Err(ReadError::Disconnected) => Ok(0),
            read => Ok(read?),
        }
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        Reader::read_exact(self, bytes).map_err(|error| error.kind.into())
    }
}

impl BufRead for Reader<u8> {
    /// All that is there, in the stream itself: waits for a byte, and is empty at the end.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.buffer()?)
    }

    /// # Panics
    /// If so many bytes are not known to be there.
    fn consume(&mut self, count: usize) {
        self.consume_buffer(count);
    }
}
