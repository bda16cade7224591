//! Threads under a scribbler: see the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| annulus_fuzz::words(input));
