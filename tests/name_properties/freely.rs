//! What does a worker do that runs by itself, and what does it tell?
//!
//! Its program is a list of errands; which of its handles an errand is about is a number modulo how many it has. It says
//! what it is about to do and then how that went, so that its last words are the last thing that it has begun.

use std::time::Instant;

use crate::letter::Letter;
use crate::support::Link;
use crate::worker::Worker;

/// The last line of a run.
pub const DONE: &str = "done";

/// Runs a program: the number of this process and its errands, with semicolons between them.
pub fn run(worker: &mut Worker, program: &str, link: &mut Link) {
    let mut errands = program.split(';');
    let me = errands.next().and_then(|me| me.parse().ok()).expect("a number");
    let mut run = Run {
        worker,
        link,
        me,
        keys: 0,
        letters: 0,
    };
    for errand in errands.filter(|errand| !errand.is_empty()) {
        let words: Vec<&str> = errand.split(' ').collect();
        run.errand(&words);
    }
    link.say(DONE);
}

struct Run<'a> {
    worker: &'a mut Worker,
    link: &'a mut Link,
    me: u64,
    keys: u32,
    letters: u64,
}

impl Run<'_> {
    fn errand(&mut self, words: &[&str]) {
        let number = |i: usize| words.get(i).map_or(0, |n| n.parse::<usize>().expect("a number"));
        match words[0] {
            verb @ ("create" | "join" | "open" | "open_now") => {
                self.keys += 1;
                self.execute(0, &format!("{verb} {} {}", self.keys, words[1..].join(" ")));
            }
            verb @ ("sender" | "receiver") => {
                if let Some((key, object)) = pick(&self.worker.channels, number(1)) {
                    self.keys += 1;
                    self.execute(object, &format!("{verb} {} {key}", self.keys));
                }
            }
            verb if verb.contains("send") => {
                for _ in 0..number(2) {
                    let Some((key, object)) = pick(&self.worker.senders, number(1)) else {
                        return;
                    };
                    self.letters += 1;
                    let letter = Letter {
                        object,
                        sender: self.me,
                        number: self.letters,
                    };
                    self.execute(object, &format!("{verb} {key} {letter}"));
                }
            }
            verb if verb.contains("recv") => {
                if let Some((key, object)) = pick(&self.worker.receivers, number(1)) {
                    self.execute(object, &format!("{verb} {key}"));
                }
            }
            "recover" => {
                if let Some((key, object)) = pick(&self.worker.channels, number(1)) {
                    self.execute(object, &format!("recover {key}"));
                }
            }
            verb if verb.starts_with("drop_") => {
                let found = match verb {
                    "drop_channel" => pick(&self.worker.channels, number(1)),
                    "drop_sender" => pick(&self.worker.senders, number(1)),
                    _ => pick(&self.worker.receivers, number(1)),
                };
                if let Some((key, object)) = found {
                    self.execute(object, &format!("drop {key}"));
                }
            }
            _ => self.execute(0, &words.join(" ")),
        }
    }

    /// With the object that it is about.
    fn execute(&mut self, object: u64, command: &str) {
        self.link.say(format!("> {object} {command}"));
        let begun = Instant::now();
        let answer = self.worker.execute(command);
        if answer == "busy" {
            self.link.say(format!("< busy {}", begun.elapsed().as_millis()));
        } else {
            self.link.say(format!("< {answer}"));
        }
    }
}

fn pick<X>(all: &std::collections::BTreeMap<u32, (u64, X)>, which: usize) -> Option<(u32, u64)> {
    let (key, (object, _)) = all.iter().nth(which.checked_rem(all.len())?)?;
    Some((*key, *object))
}
