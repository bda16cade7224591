//! What is in a message, and did all of them come, each at its turn?

use std::ops::Range;

use annulus::bytemuck::{Pod, Zeroable};

/// The difference between a message and the next: odd, so that the numbers can be had back from the messages, and large
/// (2^64 over the golden ratio), so that a message put together from two others is none.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// `STEP * INVERSE == 1`, modulo 2^64. By Newton's method: each round doubles the number of right bits.
const INVERSE: u64 = {
    let mut inverse = STEP; // Right in three bits, as for any odd number.
    let mut bits = 3;
    while bits < 64 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(STEP.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
};

/// A number further ahead than this is no number of ours.
const FAR: u64 = 1 << 32;

/// The message with number `n`, from 0.
pub fn message(n: u64) -> u64 {
    n.wrapping_mul(STEP)
}

/// What a receiver has seen.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// The number whose turn it is.
    next: u64,
    /// Numbers passed over. One that comes late is taken out again.
    missing: Vec<Range<u64>>,
    /// Came late, came twice, or was never sent.
    reordered: u64,
}

impl Check {
    /// Takes note of a message.
    #[inline]
    pub fn take(&mut self, received: u64) {
        if received == message(self.next) {
            self.next += 1;
        } else {
            self.out_of_turn(received.wrapping_mul(INVERSE));
        }
    }

    #[cold]
    fn out_of_turn(&mut self, number: u64) {
        if number > self.next && number - self.next < FAR {
            self.missing.push(self.next..number);
            self.next = number + 1;
            return;
        }
        self.reordered += 1;
        if let Some(i) = self.missing.iter().position(|range| range.contains(&number)) {
            let range = self.missing.swap_remove(i);
            let parts = [range.start..number, number + 1..range.end];
            self.missing.extend(parts.into_iter().filter(|part| !part.is_empty()));
        }
    }

    /// What it comes to.
    pub fn tally(&self) -> Tally {
        Tally {
            next: self.next,
            missing: self.missing.iter().map(|range| range.end - range.start).sum(),
            reordered: self.reordered,
        }
    }
}

/// What a [`Check`] comes to; it can be sent to another process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[bytemuck(crate = "annulus::bytemuck")]
#[repr(C)]
pub struct Tally {
    /// One past the last message that came.
    next: u64,
    /// How many before it did not come.
    missing: u64,
    /// How many did not come at their turn.
    reordered: u64,
}

impl Tally {
    /// What became of the `sent` messages. (Should one have come that is beyond them, both counts are upper bounds.)
    pub fn verdict(&self, sent: u64) -> Verdict {
        Verdict {
            checked: sent,
            lost: self.missing + sent.saturating_sub(self.next),
            reordered: self.reordered + self.next.saturating_sub(sent),
        }
    }
}

/// What became of the messages that were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    pub checked: u64,
    pub lost: u64,
    pub reordered: u64,
}

impl Verdict {
    pub fn good(&self) -> bool {
        self.lost == 0 && self.reordered == 0 && self.checked > 0
    }
}

impl std::ops::AddAssign for Verdict {
    fn add_assign(&mut self, other: Verdict) {
        self.checked += other.checked;
        self.lost += other.lost;
        self.reordered += other.reordered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(sent: u64, received: impl IntoIterator<Item = u64>) -> (u64, u64) {
        let mut check = Check::default();
        received.into_iter().for_each(|n| check.take(message(n)));
        let Verdict { lost, reordered, .. } = check.tally().verdict(sent);
        (lost, reordered)
    }

    #[test]
    fn messages_that_come_in_order_are_all_there() {
        assert_eq!(verdict(1000, 0..1000), (0, 0));
        assert!(!Verdict::default().good(), "nothing was checked");
    }

    #[test]
    fn lost_messages_are_counted() {
        assert_eq!(verdict(10, 0..9), (1, 0), "at the end");
        assert_eq!(verdict(10, 3..10), (3, 0), "at the beginning");
        assert_eq!(verdict(10, [0, 1, 5, 6, 9]), (5, 0), "in the middle");
        assert_eq!(verdict(10, []), (10, 0), "all");
    }

    #[test]
    fn late_messages_are_reordered_and_not_lost() {
        assert_eq!(verdict(4, [1, 0, 2, 3]), (0, 1));
        assert_eq!(verdict(6, [5, 2, 4, 0, 1, 3]), (0, 5));
    }

    #[test]
    fn a_message_that_comes_twice_or_was_never_sent_is_noticed() {
        assert_eq!(verdict(3, [0, 1, 1, 2]), (0, 1));
        assert_eq!(verdict(3, 0..4), (0, 1), "one more than sent");
        let mut check = Check::default();
        check.take(message(7) ^ 0xff00);
        assert_eq!(check.tally().reordered, 1, "torn");
    }
}
