//! A program of operations against a model: see the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| annulus_fuzz::ops(input));
