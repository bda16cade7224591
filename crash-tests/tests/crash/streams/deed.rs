//! What does the one do who is killed or stopped, with a stream?

use annulus::crash::{self, Access};

use crate::support::flow::{Channel, Element, element, number, numbers};
use crate::support::log::Log;
use crate::trace::{begin, end};

/// An operation, from first to last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Deed {
    /// A chunk, of which the last element is not committed.
    Write,
    WriteAll,
    /// A chunk, of which the last element is not consumed.
    Read,
    ReadExact,
    CloseWriting,
    CloseReading,
    AttachWriter,
    AttachReader,
    DetachWriter,
    DetachReader,
}

/// What it writes, if it does.
pub const ITS: [u64; 3] = [900_001, 900_002, 900_003];

/// What it fills and does not commit.
const NEVER: u64 = 900_009;

impl Deed {
    /// It is done by the writer.
    pub fn writes(self) -> bool {
        use Deed::*;
        matches!(self, Write | WriteAll | CloseWriting | AttachWriter | DetachWriter)
    }

    /// What can have been written, or consumed, of how many elements, by the end of a step of it; the last is all.
    pub fn steps(self) -> &'static [usize] {
        match self {
            Deed::Write | Deed::Read => &[0, 2],
            Deed::WriteAll | Deed::ReadExact => &[0, 1, 2, 3],
            _ => &[0],
        }
    }

    /// It goes on from element to element.
    pub fn moves_elements(self) -> bool {
        self.steps().len() > 1
    }

    /// In the child: does it, and writes down what it has consumed.
    pub fn act(self, channel: &Channel, consumed: &Log) {
        let writer = || channel.writer().expect("to attach");
        let reader = || channel.reader().expect("to attach");
        match self {
            Deed::Write => {
                let mut tx = writer();
                begin();
                let mut chunk = tx.write_chunk(3).expect("room");
                for (place, number) in chunk.iter_mut().zip([ITS[0], ITS[1], NEVER]) {
                    fill(place, number);
                }
                chunk.commit(2);
                end();
            }
            Deed::WriteAll => {
                let mut tx = writer();
                let elements = ITS.map(element);
                begin();
                let written = tx.write_all(&elements);
                end();
                written.expect("to write");
            }
            Deed::Read => {
                let mut rx = reader();
                begin();
                let chunk = rx.read_chunk(3).expect("three elements");
                let numbers: Vec<u64> = chunk.iter().map(look).collect();
                chunk.consume(2);
                end();
                numbers[..2].iter().for_each(|&number| consumed.push(number));
            }
            Deed::ReadExact => {
                let mut rx = reader();
                let mut elements = [element(0); 3];
                begin();
                let read = rx.read_exact(&mut elements);
                end();
                read.expect("three elements");
                numbers(&elements).into_iter().for_each(|number| consumed.push(number));
            }
            Deed::CloseWriting => {
                let tx = writer();
                begin();
                tx.close();
                end();
            }
            Deed::CloseReading => {
                let rx = reader();
                begin();
                rx.close();
                end();
            }
            Deed::AttachWriter => {
                begin();
                let tx = channel.writer();
                end();
                tx.expect("to attach");
            }
            Deed::AttachReader => {
                begin();
                let rx = channel.reader();
                end();
                rx.expect("to attach");
            }
            Deed::DetachWriter => {
                let tx = writer();
                begin();
                drop(tx);
                end();
            }
            Deed::DetachReader => {
                let rx = reader();
                begin();
                drop(rx);
                end();
            }
        }
    }
}

/// Fills an element in two steps, behind each of which it can be stopped.
fn fill(place: &mut Element, number: u64) {
    let whole = element(number);
    for half in [0..whole.len() / 2, whole.len() / 2..whole.len()] {
        place[half.clone()].copy_from_slice(&whole[half]);
        crash::point(Access::CopyIn);
    }
}

/// Reads an element.
fn look(element: &Element) -> u64 {
    let number = number(element);
    crash::point(Access::CopyOut);
    number
}
