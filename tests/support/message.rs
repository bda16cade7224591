//! Which payloads do the tests carry, and are they whole?

use annulus::bytemuck::{self, Pod, Zeroable};

/// A payload made from a number, in every byte of it.
pub trait Message: Pod {
    /// Numbers that this payload can tell apart.
    const NUMBERS: u64;
    /// What it is called in arguments and failures.
    const NAME: &'static str;

    /// The payload of a number (reduced modulo [`NUMBERS`](Self::NUMBERS)).
    fn of(number: u64) -> Self {
        let mut value = Self::zeroed();
        let number = number % Self::NUMBERS;
        for (i, byte) in bytemuck::bytes_of_mut(&mut value).iter_mut().enumerate() {
            *byte = byte_of(number, i);
        }
        value
    }

    /// The number of a payload; panics if it was never made, as a torn one was not.
    fn number(&self) -> u64 {
        let bytes = bytemuck::bytes_of(self);
        let mut number = 0;
        for (i, &byte) in bytes.iter().enumerate().take(8) {
            number |= u64::from(byte.wrapping_sub(salt(i))) << (8 * i);
        }
        for (i, &byte) in bytes.iter().enumerate() {
            assert_eq!(
                byte,
                byte_of(number, i),
                "byte {i} of {} of message {number}",
                Self::NAME
            );
        }
        number
    }
}

fn salt(i: usize) -> u8 {
    (i / 8) as u8
}

fn byte_of(number: u64, i: usize) -> u8 {
    number.to_le_bytes()[i % 8].wrapping_add(salt(i))
}

/// 24 bytes, as a program would have them.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Tick {
    price: f64,
    volume: u64,
    venue: u32,
    flags: [u8; 4],
}

/// Aligned to a page.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(4096))]
pub struct Page([u8; 4096]);

/// The largest payload of a ring.
pub type Huge = [u8; 65536];

macro_rules! messages {
    ($($type:ty: $name:literal, $numbers:expr;)+) => {$(
        impl Message for $type {
            const NUMBERS: u64 = $numbers;
            const NAME: &'static str = $name;
        }
    )+};
}

messages! {
    (): "()", 1;
    u8: "u8", 256;
    u64: "u64", u64::MAX;
    [u8; 12]: "[u8; 12]", u64::MAX;
    Tick: "Tick", u64::MAX;
    [u8; 100]: "[u8; 100]", u64::MAX;
    Page: "Page", u64::MAX;
    Huge: "Huge", u64::MAX;
}
