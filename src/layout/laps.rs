//! Where is position `p`, and which of two positions is the later one?
//!
//! Position `p` is slot `p & mask` in lap `p >> shift`. Positions live modulo `2^min(64, 48 + shift)` and laps modulo
//! `2^min(48, 64 - shift)`, so that a lap fits the state word at every capacity; earlier and later are told by the
//! wrapping signed difference, which is right for anything less than half the modulus apart.

use super::state::LAP_BITS;

/// The arithmetic of a ring of `2^shift` slots.
#[derive(Clone, Copy, Debug)]
pub struct Laps {
    shift: u32,
    /// The bits of an index.
    mask: u64,
    /// The bits of a position.
    wrap: u64,
}

impl Laps {
    /// For a ring of `2^shift` slots; `shift` is at most 32.
    pub const fn new(shift: u32) -> Laps {
        assert!(shift <= 32);
        let bits = if LAP_BITS + shift < 64 { LAP_BITS + shift } else { 64 };
        Laps {
            shift,
            mask: (1 << shift) - 1,
            wrap: u64::MAX >> (64 - bits),
        }
    }

    /// Slots in the ring.
    #[inline(always)]
    pub const fn capacity(self) -> u64 {
        self.mask + 1
    }

    /// Bits of a lap; a word with a larger lap is impossible.
    #[inline(always)]
    pub const fn lap_bits(self) -> u32 {
        64 - self.wrap.leading_zeros() - self.shift
    }

    /// `p` reduced to the modulus: what any 64 bits from shared memory go through first.
    #[inline(always)]
    pub const fn position(self, p: u64) -> u64 {
        p & self.wrap
    }

    /// The slot of a position.
    #[inline(always)]
    pub const fn index(self, p: u64) -> u64 {
        p & self.mask
    }

    /// The lap of a position.
    #[inline(always)]
    pub const fn lap(self, p: u64) -> u64 {
        p >> self.shift
    }

    /// The position of slot `index` in `lap` (any `lap`, reduced).
    #[inline(always)]
    pub const fn at(self, lap: u64, index: u64) -> u64 {
        self.position(lap << self.shift | index)
    }

    /// The lap after `lap`.
    #[inline(always)]
    pub const fn next_lap(self, lap: u64) -> u64 {
        lap.wrapping_add(1) & (self.wrap >> self.shift)
    }

    /// The lap before `lap`.
    #[inline(always)]
    pub const fn lap_before(self, lap: u64) -> u64 {
        lap.wrapping_sub(1) & (self.wrap >> self.shift)
    }

    /// `p + n`.
    #[inline(always)]
    pub const fn add(self, p: u64, n: u64) -> u64 {
        self.position(p.wrapping_add(n))
    }

    /// `p + 1`.
    #[inline(always)]
    pub const fn next(self, p: u64) -> u64 {
        self.add(p, 1)
    }

    /// How far `to` is after `from`; negative if it is before.
    #[inline(always)]
    pub const fn distance(self, from: u64, to: u64) -> i64 {
        let unused = self.wrap.leading_zeros();
        (to.wrapping_sub(from) << unused) as i64 >> unused
    }

    /// How many laps `to` is after `from`; negative if it is before.
    #[inline(always)]
    pub const fn lap_distance(self, from: u64, to: u64) -> i64 {
        let unused = 64 - self.lap_bits();
        (to.wrapping_sub(from) << unused) as i64 >> unused
    }
}
