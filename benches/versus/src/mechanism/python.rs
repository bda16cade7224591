//! Python's own means between processes, measured by a script in Python.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::json;

use crate::ask::{Ask, Question, Wait};
use crate::crew::{Crew, Done, Failure, Outcome, PATIENCE};
use crate::question::together;

use super::{About, Entry, Reach, Skip};

const SCRIPT: &str = include_str!("../../python/peer.py");

/// All of them.
pub fn entries() -> [Entry; 3] {
    let entry = |name, about, run| Entry {
        name,
        reach: Reach::Processes,
        about,
        refuses,
        run,
    };
    [
        entry(
            "python Queue",
            About {
                framing: "objects, pickled",
                persistence: "none",
                relation: "inherited",
                death: "the queue may be left corrupt, or locked",
            },
            |ask, crew| run("queue", ask, crew),
        ),
        entry(
            "python Pipe",
            About {
                framing: "objects, pickled, or bytes",
                persistence: "none",
                relation: "inherited, or passed over another",
                death: "told; a message may be cut short",
            },
            |ask, crew| run("pipe", ask, crew),
        ),
        entry(
            "python SharedMemory",
            About {
                framing: "an array; semaphores tell of it",
                persistence: "the name, until it is unlinked",
                relation: "by name; semaphores are inherited",
                death: "the other waits for ever",
            },
            |ask, crew| run("shared", ask, crew),
        ),
    ]
}

fn refuses(ask: &Ask) -> Option<Skip> {
    match ask.question {
        Question::SystemCalls => Some(Skip::because("not traced")),
        _ if ask.count.is_some() => Some(Skip::because("runs for a time, not for a count")),
        Question::Many => Some(Skip::because("asked with one at an end only")),
        Question::RoundTrip => ask
            .wait
            .filter(|&wait| wait != Wait::Sleep)
            .map(|wait| Skip(format!("cannot {wait}"))),
        Question::OneWay | Question::Idle => None,
    }
}

/// A line of the script's.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Open(u64),
    Done(Done),
    Skip(String),
    Wrong(String),
}

fn run(means: &str, ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
    let died = |why: &dyn std::fmt::Display| Failure::Died(format!("python3: {why}"));
    let limit = ask.time * 2 + PATIENCE;
    let cpus = crew.cpus.len().min(if ask.one_cpu { 1 } else { 2 });
    let request = json!({
        "means": means,
        "question": ask.question,
        "size": ask.size,
        "slots": ask.slots,
        "time": ask.time.as_nanos() as u64,
        "limit": limit.as_secs() + 1,
        "cpus": crew.cpus[..cpus],
    });
    let (mut script, mut lines) = Script::start(&request.to_string())?;
    let deadline = Instant::now() + limit;
    let (mut open, mut all, mut text) = (0, Vec::new(), Vec::new());
    while all.len() < 2 {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let mut fds = [PollFd::new(lines.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Err(Failure::Hung(limit)),
            Ok(_) => {}
            Err(nix::Error::EINTR) => continue,
            Err(why) => return Err(died(&why)),
        }
        let mut part = [0; 4096];
        match lines.read(&mut part) {
            Ok(0) => return Err(died(&format!("no report ({:?})", script.end()))),
            Ok(length) => text.extend_from_slice(&part[..length]),
            Err(why) => return Err(died(&why)),
        }
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            match serde_json::from_slice(&line).map_err(|why| died(&why))? {
                Line::Open(took) => open = took,
                Line::Done(done) => all.push(done),
                Line::Skip(why) => return Err(Skip(why).into()),
                Line::Wrong(what) => return Err(Failure::Wrong(what)),
            }
        }
    }
    together(Reach::Processes, open, &all, None)
}

/// The script's processes, which end with this.
struct Script(Option<Child>);

impl Script {
    /// It, and what it prints.
    fn start(request: &str) -> Result<(Script, File), Skip> {
        let started = Command::new("python3")
            .args(["-c", SCRIPT, request])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let mut child = started.map_err(|why| match why.kind() {
            ErrorKind::NotFound => Skip::because("python3 is missing"),
            _ => Skip(format!("python3: {why}")),
        })?;
        let lines = OwnedFd::from(child.stdout.take().expect("piped")).into();
        Ok((Script(Some(child)), lines))
    }

    /// Ends it, and says how it ended, once.
    fn end(&mut self) -> Option<io::Result<ExitStatus>> {
        let mut child = self.0.take()?;
        // Its first process is there, or a zombie, until the wait, so this hits nobody else. Not SIGKILL: Python's helper that
        // unlinks what the script cannot unlink any more is of the group, ignores this, and ends after the others.
        let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
        Some(child.wait())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::board::Board;

    use super::*;

    #[test]
    fn every_question_has_an_outcome_or_a_word_why_not() {
        let crew = Crew {
            board: Board::shared().expect("a page"),
            cpus: Vec::new(),
        };
        for entry in entries() {
            for question in [Question::OneWay, Question::RoundTrip, Question::Idle] {
                for size in [8, 65_536] {
                    let ask = Ask {
                        question,
                        size,
                        wait: None,
                        senders: 1,
                        receivers: 1,
                        slots: 16,
                        one_cpu: false,
                        time: Duration::from_millis(20),
                        count: None,
                    };
                    match (entry.run)(&ask, &crew) {
                        Ok(outcome) => assert!(outcome.messages > 0),
                        Err(Failure::Skipped(_)) => {}
                        Err(why) => panic!("{}: {question}: {size} bytes: {why}", entry.name),
                    }
                }
            }
        }
    }
}
