//! Runs a model in a process of its own.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A model takes seconds, a few of them minutes, where nothing else runs; this is for one that never ends.
const WATCHDOG: Duration = Duration::from_secs(1200);

/// How a run of a model ended.
pub struct Ran {
    /// 0: it holds; 101: it does not; 3: loom saw too little. `None`: ended by a signal.
    pub status: Option<i32>,
    /// What it printed.
    pub said: String,
}

/// Runs `model`, with `weakened` left out.
pub fn run(model: &str, weakened: Option<&str>) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loom-models"))
        .arg(model)
        .env("ANNULUS_WEAKEN", weakened.unwrap_or(""))
        .stdout(Stdio::piped())
        // loom 0.7.3 has a `dbg!` left in its locks and joins.
        .stderr(Stdio::null())
        .spawn()
        .expect("the models are built");
    let started = Instant::now();
    while child.try_wait().expect("a child of ours").is_none() {
        if started.elapsed() > WATCHDOG {
            child.kill().expect("a child of ours");
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("a child of ours");
    Ran {
        status: output.status.code(),
        said: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// The names of all models.
#[allow(dead_code, reason = "not every test asks")]
pub fn names() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_loom-models"))
        .output()
        .expect("the models are built");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}
