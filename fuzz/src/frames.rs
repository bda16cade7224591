//! Are frames what was written, wherever they lie, and do bytes that are none do harm?
//!
//! A program of operations on the two ends of a stream, whose cursors begin anywhere. As long as nobody tampers with the stream
//! every answer is the one that a queue of frames predicts. Then the input writes bytes that are no frames, or over the shared
//! words, and all that is left to ask is that no operation panics, waits, or lends bytes outside the stream; and that a reader
//! which has met what cannot be says so from then on.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use annulus::stream::{Channel, TryReadError, TryWriteError};
use annulus::{FenceMode, frames};
use arbitrary::{Arbitrary, Result, Unstructured};

use crate::bytes;

/// Operations in a program.
const OPERATIONS: usize = 96;
/// Bytes of the stream: the least that there is.
const CAPACITY: usize = 4096;
/// Of LAYOUT.md: where the shared words begin, and how far from one to the next.
const WORDS: usize = 128;

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Operation {
    /// Writes a frame with room for so many bytes and as many of them, in units of a 255th of the longest.
    Write { room: u8, part: u8 },
    /// Takes room and does not write.
    Abandon { room: u8 },
    /// One that does not fit, by so much.
    TooLong { by: u16 },
    /// Reads a frame.
    Read,
    /// Looks at a frame and leaves it.
    Look,
    /// Puts both ends' handles down and takes up new ones.
    Reattach,
    /// Writes bytes that are a frame by chance.
    Bytes { first: u64, count: u8 },
    /// Writes over `tail`, `head` or another shared word.
    Word { which: u8, add: i32 },
}

/// Does with `input` what the module says.
pub fn frames(input: &[u8]) {
    // An input that is too short for what it asks for has been run as far as it goes.
    let _ = run(&mut Unstructured::new(input));
}

struct Ends {
    writer: Option<frames::Writer>,
    reader: Option<frames::Reader>,
}

impl Ends {
    fn of(stream: &Channel<u8>) -> Ends {
        Ends {
            writer: stream.writer().ok().map(frames::Writer::new),
            reader: stream.reader().ok().map(frames::Reader::new),
        }
    }
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let stream = Channel::<u8>::builder(CAPACITY)
        .fence_mode(*input.choose(&[FenceMode::Fenced, FenceMode::Membarrier])?)
        .spin_time(Duration::ZERO)
        .tick(Duration::from_millis(1))
        .anonymous()
        .expect("a small stream");
    // The cursors begin at any multiple of eight, just before their end among them.
    let start = (input.arbitrary::<i64>()? as u64) & !7;
    for word in 0..2 {
        bytes::write(stream.as_fd(), &start.to_ne_bytes(), WORDS + 128 * word);
    }
    let mut ends = Ends::of(&stream);
    let mut queue = VecDeque::<Vec<u8>>::new();
    let mut sound = true;
    let mut corrupt = false;
    let mut number = 0u8;
    for _ in 0..OPERATIONS {
        let operation = input.arbitrary()?;
        let (Some(writer), Some(reader)) = (&mut ends.writer, &mut ends.reader) else {
            assert!(!sound, "a sound stream is refused");
            return Ok(());
        };
        match operation {
            Operation::Write { room, part } => {
                let room = scaled(room, writer.max_len());
                let len = scaled(part, room);
                let taken = queue.iter().map(|frame| whole(frame.len())).sum::<usize>();
                let free = CAPACITY.saturating_sub(taken);
                match writer.try_frame(room) {
                    Ok(mut frame) => {
                        assert!(!sound || whole(room) <= free, "a frame where there is no room");
                        number = number.wrapping_add(1);
                        frame[..len].fill(number);
                        frame.commit(len);
                        queue.push_back(vec![number; len]);
                    }
                    Err(TryWriteError::Full) => assert!(!sound || whole(room) > free, "full with room left"),
                    Err(error) => assert!(!sound, "{error} on a sound stream"),
                }
            }
            Operation::Abandon { room } => {
                let room = scaled(room, writer.max_len());
                let _ = writer.try_frame(room).map(|mut frame| frame.fill(0xff));
            }
            Operation::TooLong { by } => {
                let len = writer.max_len() + 1 + usize::from(by);
                let error = writer.try_frame(len).map(|_| ()).unwrap_err();
                assert!(matches!(error, TryWriteError::TooLong { max, .. } if max == CAPACITY - 8));
            }
            Operation::Read | Operation::Look => {
                let found = match reader.try_recv() {
                    Ok(frame) => {
                        let bytes = frame.to_vec();
                        if matches!(operation, Operation::Look) {
                            frame.keep();
                        }
                        Ok(bytes)
                    }
                    Err(error) => Err(error),
                };
                if sound {
                    let expected = queue.front().cloned().ok_or(TryReadError::Empty);
                    assert_eq!(found, expected);
                    if matches!(operation, Operation::Read) {
                        queue.pop_front();
                    }
                } else {
                    assert!(
                        !corrupt || found == Err(TryReadError::Corrupt),
                        "{found:?} after Corrupt"
                    );
                    corrupt |= found == Err(TryReadError::Corrupt);
                }
            }
            Operation::Reattach => {
                drop(ends);
                ends = Ends::of(&stream);
                corrupt = false;
            }
            Operation::Bytes { first, count } => {
                sound = false;
                let (Some(writer), reader) = (ends.writer.take(), ends.reader.take()) else {
                    return Ok(());
                };
                let mut raw = writer.into_stream();
                let mut bytes = first.to_ne_bytes().to_vec();
                bytes.resize(usize::from(count), 0xa5);
                let _ = raw.try_write(&bytes);
                ends = Ends {
                    writer: Some(frames::Writer::new(raw)),
                    reader,
                };
            }
            Operation::Word { which, add } => {
                sound = false;
                let offset = WORDS + 128 * usize::from(which % 5);
                let all = bytes::of(stream.as_fd());
                let before = u64::from_ne_bytes(all[offset..offset + 8].try_into().expect("eight bytes"));
                let after = before.wrapping_add_signed(add.into());
                bytes::write(stream.as_fd(), &after.to_ne_bytes(), offset);
            }
        }
    }
    if let (false, Some(reader)) = (sound, &mut ends.reader) {
        // Whatever it is, it ends in its time.
        let end = reader.recv_timeout(Duration::from_micros(100)).map(|frame| frame.len());
        assert!(end.is_err() || end.is_ok_and(|len| len <= CAPACITY));
        let _ = reader.poll(Duration::ZERO);
    }
    Ok(())
}

/// So many 255ths of `most`.
fn scaled(part: u8, most: usize) -> usize {
    most * usize::from(part) / 255
}

/// Bytes that a frame takes.
fn whole(len: usize) -> usize {
    8 + len.next_multiple_of(8)
}
