//! How does a test binary run its tests if it may have but one thread?
//!
//! A fork copies one thread only, so a fork inside libtest can leave a lock shut for ever. These binaries are
//! `harness = false`: the tests run one after the other in the main thread, and print what libtest prints. A child that
//! is a re-execution of the binary names its role in an environment variable, and never gets as far as the tests.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::peer::{self, Link};
use super::words;

/// A test and the sentence that it proves.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    name: &'static str,
    run: fn(),
}

impl Test {
    /// A test.
    pub const fn new(name: &'static str, run: fn()) -> Test {
        Test { name, run }
    }
}

/// What a re-executed child does.
pub type Role = (&'static str, fn(&mut Link));

/// Why the running test proves nothing here.
static SKIPPED: Mutex<Option<String>> = Mutex::new(None);

/// Says that this system does not let the running test do what it needs, and `why`: it is not counted as passed.
pub fn skip(why: impl Display) {
    *SKIPPED.lock().unwrap() = Some(why.to_string());
}

/// Seconds that a single test may take.
const PATIENCE: u32 = 170;

/// A test that is many in one says, in between, that it gets on: it may take as long from here on.
pub fn gets_on() {
    nix::unistd::alarm::set(PATIENCE);
}

/// Runs the role that this process was started for, or the tests that the arguments ask for.
pub fn main(roles: &[Role], tests: &[Test]) -> ExitCode {
    on_alarm();
    if let Ok(role) = std::env::var(peer::ROLE) {
        let &(_, run) = roles
            .iter()
            .find(|(name, _)| *name == role)
            .unwrap_or_else(|| panic!("no role {role:?}"));
        peer::play(run);
    }
    let choice = Choice::parse(std::env::args().skip(1));
    let chosen: Vec<_> = tests.iter().filter(|test| choice.includes(test.name)).collect();
    if choice.list {
        for test in &chosen {
            println!("{}: test", test.name);
        }
        if !choice.quiet {
            println!("\n{} tests, 0 benchmarks", chosen.len());
        }
        return ExitCode::SUCCESS;
    }
    run(&chosen, tests.len() - chosen.len())
}

fn run(chosen: &[&Test], filtered_out: usize) -> ExitCode {
    let started = Instant::now();
    println!(
        "\nrunning {} test{}",
        chosen.len(),
        if chosen.len() == 1 { "" } else { "s" }
    );
    let (mut failed, mut ignored) = (Vec::new(), 0);
    for test in chosen {
        nix::unistd::alarm::set(PATIENCE);
        let outcome = catch_unwind(AssertUnwindSafe(test.run));
        nix::unistd::alarm::cancel();
        words::forget();
        let skipped = SKIPPED.lock().unwrap().take();
        let verdict = match &skipped {
            _ if outcome.is_err() => "FAILED".to_owned(),
            Some(why) => format!("ignored, {why}"),
            None => "ok".to_owned(),
        };
        println!("test {} ... {verdict}", test.name);
        if outcome.is_err() {
            failed.push(test.name);
        } else if skipped.is_some() {
            ignored += 1;
        }
    }
    if !failed.is_empty() {
        println!("\nfailures:");
        for name in &failed {
            println!("    {name}");
        }
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; {ignored} ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failed.len() - ignored,
        failed.len(),
        filtered_out,
        started.elapsed().as_secs_f64()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

/// The arguments of libtest that make sense here.
#[derive(Debug, Default)]
struct Choice {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    list: bool,
    ignored: bool,
    quiet: bool,
}

impl Choice {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Choice {
        let mut choice = Choice::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => choice.list = true,
                "--exact" => choice.exact = true,
                "--ignored" => choice.ignored = true,
                "-q" | "--quiet" => choice.quiet = true,
                "--skip" => choice.skip.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => drop(arguments.next()),
                other if other.starts_with('-') => {}
                filter => choice.filters.push(filter.to_owned()),
            }
        }
        choice
    }

    fn includes(&self, name: &str) -> bool {
        let matches = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter.as_str())
            }
        };
        !self.ignored && (self.filters.is_empty() || self.filters.iter().any(matches)) && !self.skip.iter().any(matches)
    }
}

/// The watchdog of the process itself: whoever hangs says so and goes.
fn on_alarm() {
    extern "C" fn hung(_: i32) {
        let text = b"watchdog: this process hangs; it ends itself\n";
        // SAFETY: write(2) is async-signal-safe, and the text is valid for its length.
        unsafe { nix::libc::write(2, text.as_ptr().cast(), text.len()) };
        // SAFETY: _exit(2) is async-signal-safe.
        unsafe { nix::libc::_exit(102) };
    }
    let action = SigAction::new(SigHandler::Handler(hung), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler makes async-signal-safe calls only.
    unsafe { sigaction(Signal::SIGALRM, &action) }.expect("a handler for SIGALRM");
}
