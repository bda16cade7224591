//! What is carried, and how does a receiver know that it is what was sent?
//!
//! A message is a number of 64-bit words. The first is its number; the last, and one in each page, repeat it in another form;
//! the others hold a pattern that never changes. Every message is checked at its numbers; each 64th, and every one of up to
//! 64 bytes, in whole.

use bytemuck::Pod;

/// The number of the message that ends a stream.
pub const END: u64 = u64::MAX;
/// Words from one repeated number to the next: a page.
const PAGE: usize = 512;

/// A message of a fixed number of words.
pub trait Message: Pod + Send + Sync {
    /// How many.
    const WORDS: usize;

    /// All of them.
    fn words(&self) -> &[u64];
    /// All of them, to be written.
    fn words_mut(&mut self) -> &mut [u64];

    /// The message that every stream begins with, on the heap: messages reach a mebibyte.
    fn new() -> Box<Self> {
        let mut message: Box<Self> = bytemuck::allocation::zeroed_box();
        for (i, word) in message.words_mut().iter_mut().enumerate() {
            *word = pattern(i);
        }
        message.number(0);
        message
    }

    /// Makes it message `number`.
    #[inline(always)]
    fn number(&mut self, number: u64) {
        let words = self.words_mut();
        let last = Self::WORDS - 1;
        for i in (PAGE..last).step_by(PAGE) {
            words[i] = repeated(number, i);
        }
        words[last] = repeated(number, last);
        words[0] = number;
    }

    /// Its number, if it is whole as far as it is looked at.
    #[inline(always)]
    fn checked(&self) -> Result<u64, Torn> {
        let words = self.words();
        let number = words[0];
        let last = Self::WORDS - 1;
        let mut sound = last == 0 || words[last] == repeated(number, last);
        for i in (PAGE..last).step_by(PAGE) {
            sound &= words[i] == repeated(number, i);
        }
        if Self::WORDS <= 8 || number.is_multiple_of(64) {
            sound &= (1..last).all(|i| i.is_multiple_of(PAGE) || words[i] == pattern(i));
        }
        if sound { Ok(number) } else { Err(Torn(number)) }
    }
}

/// A message whose parts are not of one piece.
#[derive(Debug, thiserror::Error)]
#[error("message {0} is torn")]
pub struct Torn(u64);

impl<const N: usize> Message for [u64; N]
where
    [u64; N]: Pod,
{
    const WORDS: usize = N;

    #[inline(always)]
    fn words(&self) -> &[u64] {
        self
    }

    #[inline(always)]
    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
}

fn pattern(i: usize) -> u64 {
    (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[inline(always)]
fn repeated(number: u64, i: usize) -> u64 {
    if i == 0 { number } else { number ^ pattern(i) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_message_is_found() {
        let mut message = <[u64; 8192]>::new();
        message.number(64);
        assert_eq!(message.checked().unwrap(), 64);
        for i in [0, 1, 511, 512, 8191] {
            let mut torn = message.clone();
            torn[i] ^= 1 << 40;
            assert!(torn.checked().is_err(), "word {i}");
        }
    }

    #[test]
    fn a_message_of_one_word_is_its_number() {
        let mut message = <[u64; 1]>::new();
        message.number(7);
        assert_eq!(message[0], 7);
        assert_eq!(message.checked().unwrap(), 7);
    }
}
