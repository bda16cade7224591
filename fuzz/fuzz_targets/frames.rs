//! Frames in a stream, and what are none: see the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| annulus_fuzz::frames(input));
