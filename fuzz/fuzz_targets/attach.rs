//! Arbitrary bytes as a region: see the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| annulus_fuzz::attach(input));
