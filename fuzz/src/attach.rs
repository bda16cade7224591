//! What do arbitrary bytes do to a process that attaches to them as to a channel?
//!
//! No panic, no access outside the mapping, no endless loop: an error, or wrong messages. The bytes are either the
//! input's own, or those of a channel that was in use, with some changed, so that what is behind the checks of the header
//! is reached too. Then a program of operations runs on them, during which further bytes change, as under a peer that
//! scribbles.

use std::os::fd::AsFd;

use annulus::bytemuck::Pod;
use annulus::{Channel, End};
use arbitrary::{Result, Unstructured};

use crate::bytes::{self, Poke};
use crate::session::{Operation, Session};
use crate::{SCHEMA, channel, with_ends};

/// Operations in a program.
const OPERATIONS: usize = 64;

/// Does with `input` what the module says.
pub fn attach(input: &[u8]) {
    // An input that is too short for what it asks for has been run as far as it goes.
    let _ = with_payload(&mut Unstructured::new(input));
}

fn with_payload(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=3)? {
        0 => with_ends!(run::<()>(input)),
        1 => with_ends!(run::<u64>(input)),
        2 => with_ends!(run::<[u32; 3]>(input)),
        _ => with_ends!(run::<[u8; 129]>(input)),
    }
}

fn run<T: Pod, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<()> {
    let (bytes, mut sound) = if input.ratio(1u8, 4u8)? {
        (input.arbitrary::<Vec<u8>>()?, false)
    } else {
        used::<T, S, R>(input)?
    };
    let sealed = !input.ratio(1u8, 32u8)?;
    let file = bytes::file(&bytes, sealed);
    let attached = Channel::<T, S, R>::from_fd_as(file, SCHEMA);
    let channel = match attached {
        Ok(channel) => channel,
        Err(error) => {
            assert!(!sound || !sealed, "a sound channel is refused: {error}");
            let _ = format!("{error} {error:?}");
            return Ok(());
        }
    };
    assert!(sealed, "an unsealed file is accepted");
    assert!(channel.capacity().is_power_of_two());
    let mut session = Session::new(&channel);
    for _ in 0..OPERATIONS {
        let operation = input.arbitrary()?;
        sound &= !matches!(operation, Operation::Poke(_) | Operation::Lease { poke: Some(_), .. });
        let corrupt = session.perform(operation);
        assert!(!sound || !corrupt, "a sound channel is corrupt after {operation:?}");
    }
    Ok(())
}

/// The bytes of a channel that was in use, with some changed; whether none was.
fn used<T: Pod, S: End, R: End>(input: &mut Unstructured<'_>) -> Result<(Vec<u8>, bool)> {
    let channel = channel::<T, S, R>(input)?;
    if let (Ok(tx), Ok(rx)) = (channel.sender(), channel.receiver()) {
        for _ in 0..input.int_in_range(0..=70)? {
            let _ = tx.try_send(T::zeroed());
            if input.arbitrary()? {
                let _ = rx.try_recv();
            }
        }
    }
    let mut bytes = bytes::of(channel.as_fd());
    let pokes: Vec<Poke> = (0..input.int_in_range(0..=6)?)
        .map(|_| input.arbitrary())
        .collect::<Result<_>>()?;
    for poke in &pokes {
        let (offset, value) = poke.aim(&bytes);
        bytes[offset..offset + 8].copy_from_slice(&value);
    }
    Ok((bytes, pokes.is_empty()))
}
