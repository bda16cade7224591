//! Bytes and samples.
