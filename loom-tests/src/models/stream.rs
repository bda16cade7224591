//! The ends of a stream as users hold them: the crate's own `channel::stream`, with a kernel of one table.

use loom::thread::spawn;

use crate::channel::stream::{ReadError, Reader, TryReadError, TryWriteError, WriteError, Writer, reader, writer};
use crate::region::Region;
use crate::stage::{explore, saw};

/// Writes one element, waiting for room.
fn write(tx: &mut Writer<u32>, number: u32) -> Result<(), WriteError> {
    let mut chunk = tx.write_chunk(1)?;
    chunk[0] = number;
    chunk.commit_all();
    Ok(())
}

/// Reads `len` elements, waiting for as many; fewer at the end.
fn read(rx: &mut Reader<u32>, len: usize) -> Result<Vec<u32>, ReadError> {
    let chunk = rx.read_chunk(len)?;
    let numbers = chunk.to_vec();
    chunk.consume_all();
    Ok(numbers)
}

/// The end of the stream comes after the stream, and wakes who waits for more than is left.
pub(super) fn the_last_element_comes_before_the_end() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(2);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        loom::explore();
        let writer = spawn(move || write(&mut tx, 1).unwrap());
        assert_eq!(read(&mut rx, 2).as_deref(), Ok(&[1][..]), "what is left of it");
        assert_eq!(read(&mut rx, 2), Err(ReadError::Disconnected));
        writer.join().unwrap();
    });
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(2);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        loom::explore();
        let writer = spawn(move || write(&mut tx, 1).unwrap());
        match rx.try_read_chunk(1).map(|chunk| chunk[0]) {
            Ok(number) => {
                assert_eq!(number, 1);
                saw("at once");
            }
            Err(error) => {
                assert_eq!(error, TryReadError::Empty, "there is one to come");
                saw("not yet");
            }
        }
        writer.join().unwrap();
        assert_eq!(
            rx.try_read_chunk(2).map(|chunk| chunk.to_vec()),
            Ok(vec![1]),
            "it comes again"
        );
        assert_eq!(read(&mut rx, 1).as_deref(), Ok(&[1][..]));
        assert_eq!(rx.try_read_chunk(1).map(drop), Err(TryReadError::Disconnected));
    });
}

/// A writer that waits for room hears that nobody will make any.
pub(super) fn a_waiting_writer_hears_of_the_last_reader() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(1);
        let (mut tx, rx) = (writer(&region), reader(&region));
        write(&mut tx, 1).unwrap();
        loom::explore();
        let reader = spawn(move || drop(rx));
        assert_eq!(write(&mut tx, 2), Err(WriteError::Disconnected));
        reader.join().unwrap();
    });
}

/// Closed while the other end waits.
pub(super) fn a_close_ends_every_wait_in_a_stream() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(2);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        loom::explore();
        let reader = spawn(move || [read(&mut rx, 2), read(&mut rx, 2)]);
        write(&mut tx, 1).unwrap();
        tx.close();
        assert_eq!(tx.try_write_chunk(1).map(drop), Err(TryWriteError::Disconnected));
        assert_eq!(reader.join().unwrap(), [Ok(vec![1]), Err(ReadError::Disconnected)]);
    });
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(1);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        write(&mut tx, 1).unwrap();
        loom::explore();
        let writer = spawn(move || write(&mut tx, 2));
        rx.close();
        assert_eq!(writer.join().unwrap(), Err(WriteError::Disconnected));
        assert_eq!(read(&mut rx, 1).as_deref(), Ok(&[1][..]), "what was written is drained");
        assert_eq!(read(&mut rx, 1), Err(ReadError::Disconnected));
    });
}

/// Both ends wait in turn, for as much as there never is at once, through the calls that users make.
pub(super) fn blocking_chunks_meet() {
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(2);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        loom::explore();
        let reader = spawn(move || {
            assert_eq!(read(&mut rx, 2).as_deref(), Ok(&[1, 2][..]));
            assert_eq!(read(&mut rx, 1).as_deref(), Ok(&[3][..]));
        });
        for number in 1..=3 {
            write(&mut tx, number).unwrap();
        }
        reader.join().unwrap();
    });
    // A quarter is free, and the reader wants no more.
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(8);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        tx.write_all(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        loom::explore();
        let writer = spawn(move || {
            write(&mut tx, 9).unwrap();
            tx
        });
        assert_eq!(read(&mut rx, 1).as_deref(), Ok(&[1][..]));
        assert_eq!(read(&mut rx, 1).as_deref(), Ok(&[2][..]));
        drop(writer.join().unwrap());
    });
    // The writer's mark is at two, and the reader wants more than is left.
    explore(2, || {
        loom::stop_exploring();
        let region = Region::of_stream(8);
        let (mut tx, mut rx) = (writer(&region), reader(&region));
        tx.write_all(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        loom::explore();
        let writer = spawn(move || {
            write(&mut tx, 9).unwrap();
            tx
        });
        assert_eq!(read(&mut rx, 1).as_deref(), Ok(&[1][..]));
        // Not looked into: it goes round the end.
        assert!(rx.read_chunk(8).is_ok(), "there is room for one more");
        drop(writer.join().unwrap());
    });
}
