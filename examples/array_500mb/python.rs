//! How does the array go through Python's `multiprocessing.Queue`?

use std::process::Command;
use std::time::Duration;

use super::{Error, Measured, ROUNDS, median};

/// With NumPy, if it is there, as most who send arrays have it; otherwise with `array`, of the standard library.
const SCRIPT: &str = r#"
import sys, time, multiprocessing
try:
    import numpy
    fill = lambda n, r: numpy.arange(7 * r, n + 7 * r, dtype=float)
    same = lambda a, b: bool((a == b).all())
except ImportError:
    import array
    fill = lambda n, r: array.array("d", range(7 * r, n + 7 * r))
    same = lambda a, b: a == b

def reader(arrays, answers, n, rounds):
    for r in range(rounds):
        a = arrays.get()
        read = time.monotonic_ns()
        assert len(a) == n and same(a, fill(n, r)), "elements differ"
        answers.put(read)

if __name__ == "__main__":
    n, rounds = int(sys.argv[1]), int(sys.argv[2])
    context = multiprocessing.get_context("fork")
    arrays, answers = context.Queue(), context.Queue()
    child = context.Process(target=reader, args=(arrays, answers, n, rounds))
    child.start()
    for r in range(rounds):
        began = time.monotonic_ns()
        a = fill(n, r)
        arrays.put(a)
        print(answers.get() - began, flush=True)
    child.join()
    sys.exit(child.exitcode)
"#;

/// Loader and reader, from the beginning of the filling until the reader has the array; what it takes to read it there is
/// not in it, since that is Python's.
pub fn load(items: usize) -> Result<Measured, Error> {
    let output = Command::new("python3")
        .args(["-c", SCRIPT, &items.to_string(), &ROUNDS.to_string()])
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(errors.lines().last().unwrap_or("it failed").to_owned().into());
    }
    let times = String::from_utf8(output.stdout)?;
    let times = times.lines().map(|line| line.parse().map(Duration::from_nanos));
    Ok(Measured {
        total: median(times.collect::<Result<_, _>>()?),
        hand_over: None,
    })
}
