//! Which numbers look random and are the same each time?

/// A sequence that its seed decides.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of `seed`, and of `part` of what it is for.
    pub fn new(seed: u64, part: u64) -> Dice {
        Dice(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// From 0 to `n - 1`.
    pub fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % n
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }

    /// One of them.
    pub fn pick<X: Copy>(&mut self, from: &[X]) -> X {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// Vigna's splitmix64: every bit of the result hangs on every bit of `x`.
pub fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
