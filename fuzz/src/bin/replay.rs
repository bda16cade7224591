//! A target without a fuzzer: the inputs in the directories named, then pseudo-random ones for so many seconds.
//!
//! For where there is no nightly compiler, and for looking at an input with a debugger.
//!
//! ```text
//! cargo run --release --no-default-features --bin replay -- attach 30 [directory or file ...]
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use annulus_fuzz::{TARGETS, Target};

/// What no input takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.into_iter().find(|(known, _)| *known == name) else {
        let names = TARGETS.map(|(known, _)| known).join(", ");
        return Err(io::Error::other(format!("no target {name:?}: there are {names}")));
    };
    let done = watched();
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(30);
    let mut stored = 0;
    for path in arguments {
        stored += replay(target, Path::new(&path), done)?;
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut made = 0;
    while Instant::now() < end {
        target(&input(&mut seed));
        done.fetch_add(1, Relaxed);
        made += 1;
    }
    println!("replay {name}: {stored} stored inputs and {made} pseudo-random ones did no harm");
    Ok(())
}

fn replay(target: Target, path: &Path, done: &AtomicU64) -> io::Result<usize> {
    if !path.is_dir() {
        target(&fs::read(path)?);
        done.fetch_add(1, Relaxed);
        return Ok(1);
    }
    let mut count = 0;
    for entry in fs::read_dir(path)? {
        count += replay(target, &entry?.path(), done)?;
    }
    Ok(count)
}

/// A count of the inputs that are done with. If it stands still, one of them hangs, and that is the end.
fn watched() -> &'static AtomicU64 {
    static DONE: AtomicU64 = AtomicU64::new(0);
    thread::spawn(|| {
        let mut before = u64::MAX;
        while DONE.load(Relaxed) != before {
            before = DONE.load(Relaxed);
            thread::sleep(PATIENCE);
        }
        eprintln!("watchdog: an input has taken more than {PATIENCE:?}");
        std::process::abort();
    });
    &DONE
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
