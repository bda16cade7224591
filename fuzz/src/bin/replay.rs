//! The target without a fuzzer: the inputs in the directories named, then pseudo-random ones for so many seconds.
//!
//! For where there is no nightly compiler, and for looking at an input with a debugger.
//!
//! ```text
//! cargo run --release --no-default-features --bin replay -- 30 [directory or file ...]
//! ```

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(30);
    let mut stored = 0;
    for path in arguments {
        stored += replay(Path::new(&path))?;
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut made = 0;
    while Instant::now() < end {
        annulus_fuzz::attach(&input(&mut seed));
        made += 1;
    }
    println!("replay: {stored} stored inputs and {made} pseudo-random ones did no harm");
    Ok(())
}

fn replay(path: &Path) -> io::Result<usize> {
    if !path.is_dir() {
        annulus_fuzz::attach(&fs::read(path)?);
        return Ok(1);
    }
    let mut count = 0;
    for entry in fs::read_dir(path)? {
        count += replay(&entry?.path())?;
    }
    Ok(count)
}

/// Up to 2 KiB of xorshift64 (Marsaglia, 2003).
fn input(seed: &mut u64) -> Vec<u8> {
    let mut next = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    };
    let words = next() % 256;
    (0..words).flat_map(|_| next().to_ne_bytes()).collect()
}
