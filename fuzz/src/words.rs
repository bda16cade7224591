//! What do threads answer while somebody scribbles over their channel's words?
//!
//! The input is what each of them does, what is changed before they begin, and what a scribbler changes meanwhile: state
//! words, hints, wait words, the life word, records, line 0. Answers must be values or errors, within their time, and
//! nobody may touch what is next to the mapping, where there are guard pages.

use std::os::fd::AsFd;

use annulus::bytemuck::Pod;
use annulus::{Channel, End};
use arbitrary::{Arbitrary, Result, Unstructured};

use crate::bytes::Poke;
use crate::guard::guarded;
use crate::session::{Operation, Session};
use crate::{channel, with_ends};

/// Threads that use the channel, apart from the scribbler.
const THREADS: usize = 3;
/// The most operations of each.
const OPERATIONS: usize = 24;
/// The most changes.
const POKES: usize = 32;

/// Does with `input` what the module says.
pub fn words(input: &[u8]) {
    // An input that is too short for what it asks for is not run.
    let _ = with_payload(&mut Unstructured::new(input));
}

fn with_payload(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=1)? {
        0 => with_ends!(run::<u64>(input)),
        _ => with_ends!(run::<[u8; 129]>(input)),
    }
}

/// What the scribbler does.
#[derive(Clone, Copy, Debug, Arbitrary)]
enum Scribble {
    Poke(Poke),
    /// The same again and again.
    Insist(Poke, u8),
    /// Lets the others go on.
    Wait(u8),
}

fn run<T: Pod, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<()> {
    let before = some::<Poke>(input, 4)?;
    let scribbles = some::<Scribble>(input, POKES)?;
    let programs = (0..input.int_in_range(1..=THREADS)?)
        .map(|_| some::<Operation>(input, OPERATIONS))
        .collect::<Result<Vec<_>>>()?;
    let (channel, _guards) = guarded(|| channel::<T, S, R>(input))?;
    for poke in before {
        poke.strike(channel.as_fd());
    }
    let channel = &channel;
    std::thread::scope(|scope| {
        let threads: Vec<_> = programs
            .iter()
            .map(|program| scope.spawn(move || perform(channel, program)))
            .collect();
        for scribble in scribbles {
            scribble.perform(channel);
        }
        for thread in threads {
            // To its very end: the scope alone would leave what it still frees to a leak detector.
            thread.join().expect("no panic");
        }
    });
    Ok(())
}

fn some<'a, X: Arbitrary<'a>>(input: &mut Unstructured<'a>, most: usize) -> Result<Vec<X>> {
    (0..input.int_in_range(0..=most)?).map(|_| input.arbitrary()).collect()
}

fn perform<T: Pod, S: End, R: End>(channel: &Channel<T, S, R>, program: &[Operation]) {
    let mut session = Session::new(channel);
    session.perform(Operation::AttachSender);
    session.perform(Operation::AttachReceiver);
    for &operation in program {
        session.perform(operation);
    }
}

impl Scribble {
    fn perform(self, file: &impl AsFd) {
        match self {
            Scribble::Poke(poke) => poke.strike(file.as_fd()),
            Scribble::Insist(poke, times) => (0..times % 32).for_each(|_| poke.strike(file.as_fd())),
            Scribble::Wait(spins) => (0..u32::from(spins) * 16).for_each(|_| std::hint::spin_loop()),
        }
    }
}
