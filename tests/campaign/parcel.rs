//! What is sent, and how does it tell that it has been torn?
//!
//! The first word says whose message it is and the how-manieth, all the others are worked out from that: two halves of
//! different messages do not fit together.

use annulus::bytemuck::{Pod, Zeroable};

use super::dice::mix;

/// A life and the number of a message that was sent in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Message {
    /// Whose.
    pub life: u16,
    /// Counted from 0.
    pub number: u32,
}

/// `N` words.
#[derive(Clone, Copy, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(transparent)]
pub struct Parcel<const N: usize>([u64; N]);

/// A payload that carries a [`Message`].
pub trait Carrier: Pod {
    /// The payload of a message.
    fn of(message: Message) -> Self;

    /// The message, if the payload is whole.
    fn message(&self) -> Option<Message>;
}

impl<const N: usize> Carrier for Parcel<N> {
    fn of(Message { life, number }: Message) -> Self {
        let first = u64::from(life) << 32 | u64::from(number);
        Parcel(std::array::from_fn(|i| if i == 0 { first } else { word(first, i) }))
    }

    fn message(&self) -> Option<Message> {
        let first = self.0[0];
        let whole = (1..N).all(|i| self.0[i] == word(first, i));
        (whole && first >> 48 == 0).then_some(Message {
            life: (first >> 32) as u16,
            number: first as u32,
        })
    }
}

/// The items of a message of `count` of them, which is in the first item, too.
pub fn items(Message { life, number }: Message, count: usize) -> Vec<u64> {
    let first = (count as u64) << 48 | u64::from(life) << 32 | u64::from(number);
    (0..count)
        .map(|i| if i == 0 { first } else { word(first, i) })
        .collect()
}

/// The message that these are the items of, if they are whole.
pub fn message(items: &[u64]) -> Option<Message> {
    let &first = items.first()?;
    let whole = (1..items.len()).all(|i| items[i] == word(first, i));
    (whole && first >> 48 == items.len() as u64).then_some(Message {
        life: (first >> 32) as u16,
        number: first as u32,
    })
}

fn word(first: u64, i: usize) -> u64 {
    mix(first.wrapping_add((i as u64) << 48))
}
