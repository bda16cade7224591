//! Does what must hold under every schedule hold, if many processes are at the same names and some are killed?

use std::collections::HashSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::freely::DONE;
use crate::handles::KINDS;
use crate::ledger::{Held, Ledger};
use crate::pool::{Names, Workers};
use crate::step::{Form, Get, Step, Verb, step};
use crate::support::Peer;

/// What a name is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Use {
    /// Whatever comes.
    Any,
    /// The checker has it open until the end, created by it, shared or kept; nobody unlinks it.
    Held(Verb, bool),
    /// Only ever made by `open_or_create`; nobody removes it but who finds it drained, or, with `gc`, finds it orphaned.
    Shared { gc: bool },
}

/// A process is killed when it has said so many lines, and so many microseconds after that.
#[derive(Clone, Copy, Debug)]
struct Kill {
    process: usize,
    lines: usize,
    micros: u64,
}

/// A program for each process, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Case {
    names: Vec<(Use, usize)>,
    programs: Vec<Vec<Step>>,
    kills: Vec<Kill>,
}

/// Programs that run at the same time.
pub fn cases() -> impl Strategy<Value = Case> {
    let held = (
        prop_oneof![Just(Verb::Create), Just(Verb::Join)],
        prop::bool::weighted(0.3),
    );
    let uses = prop_oneof![
        2 => Just(Use::Any),
        2 => held.prop_map(|(verb, keep)| Use::Held(verb, keep)),
        4 => any::<bool>().prop_map(|gc| Use::Shared { gc }),
    ];
    let names = prop::collection::vec((uses, 0..4usize), 1..=3);
    let steps = prop_oneof![3 => prop::collection::vec(step(), 1..60), 4 => rounds()];
    let kill = (0..4usize, 0..80usize, 0..200u64).prop_map(|(process, lines, micros)| Kill { process, lines, micros });
    let kills = prop::collection::vec(kill, 0..=2);
    (names, prop::collection::vec(steps, 2..=4), kills).prop_map(|(names, programs, kills)| Case {
        names,
        programs,
        kills,
    })
}

/// Coming and going, so that many meet in the few microseconds of an opening or a removal.
fn rounds() -> impl Strategy<Value = Vec<Step>> {
    let get = |verb| {
        let get = Get {
            verb,
            name: 0,
            kind: None,
            capacity: 8,
            keep: false,
        };
        Step::Get(0, get)
    };
    let attach = |sends| Step::Attach { channel: 0, sends };
    let (send, receive) = (Step::Send(0, Form::Try, 1), Step::Receive(0, Form::Try));
    let round = prop_oneof![
        4 => Just(vec![get(Verb::Join), attach(true), send, Step::Leave(0)]),
        3 => Just(vec![get(Verb::Join), attach(false), receive, receive, receive, Step::Leave(0)]),
        3 => Just(vec![get(Verb::Join), Step::Leave(0)]),
        2 => Just(vec![get(Verb::Open), attach(true), send, Step::Leave(0)]),
        1 => Just(vec![get(Verb::Create), Step::Leave(0)]),
        1 => Just(vec![get(Verb::Join), get(Verb::Open), get(Verb::Open), Step::Leave(0)]),
        1 => Just(vec![Step::Gc(0)]),
    ];
    prop::collection::vec(round, 1..30).prop_map(|rounds| rounds.concat())
}

impl Case {
    fn is_shared(&self, name: usize) -> bool {
        matches!(self.names[name].0, Use::Shared { .. })
    }

    /// As a worker reads it.
    fn errand(&self, step: &Step, names: &Names) -> Option<String> {
        let of = |name: usize| name % self.names.len();
        let gc = self.names.iter().all(|(used, _)| *used != Use::Shared { gc: false });
        let list = || format!("list {}", names.prefix);
        Some(match *step {
            Step::Get(_, get) => {
                let name = of(get.name);
                let (verb, keep) = match get.verb {
                    Verb::Create | Verb::Join if self.is_shared(name) => ("join", false),
                    Verb::Create => ("create", get.keep),
                    Verb::Join => ("join", get.keep),
                    Verb::Open => ("open", false),
                    Verb::OpenNow => ("open_now", false),
                };
                let kind = get.kind.unwrap_or(self.names[name].1);
                let keep = u8::from(keep);
                format!("{verb} {} {kind} {} {keep}", names.name(name), get.capacity)
            }
            Step::Attach { channel, sends: true } => format!("sender {channel}"),
            Step::Attach { channel, sends: false } => format!("receiver {channel}"),
            Step::Send(who, form, times) => {
                let verb = form_of(form, ["try_send", "send_now", "send_timeout"]);
                format!("{verb} {who} {times}")
            }
            Step::Receive(who, form) => format!("{} {who}", form_of(form, ["try_recv", "recv_now", "recv_timeout"])),
            Step::DropChannel(channel) => format!("drop_channel {channel}"),
            Step::DropEndpoint { endpoint, sends: true } => format!("drop_sender {endpoint}"),
            Step::DropEndpoint { endpoint, sends: false } => format!("drop_receiver {endpoint}"),
            Step::Leave(_) => "leave".to_owned(),
            Step::Unlink(_, name) if self.names[of(name)].0 == Use::Any => format!("unlink {}", names.name(of(name))),
            Step::Gc(_) if gc => format!("gc {}", names.prefix),
            Step::Unlink(..) | Step::Gc(_) | Step::List(_) => list(),
            Step::Recover(channel) => format!("recover {channel}"),
            // Who runs by himself is killed from outside.
            Step::Kill(_) | Step::KillIn { .. } | Step::Foreign(_) => return None,
        })
    }
}

fn form_of(form: Form, [a, b, c]: [&str; 3]) -> &str {
    match form {
        Form::Try => a,
        Form::Now => b,
        Form::Wait => c,
    }
}

/// Lets them run, and looks at what they have said and left.
pub fn run(case: &Case) -> Result<(), TestCaseError> {
    let processes = case.programs.len();
    let mut check = Check {
        // The last one is the checker.
        workers: Workers::take(processes + 1),
        names: Names::new(),
        ledger: Ledger::default(),
        keys: 0,
    };
    for (name, (used, kind)) in case.names.iter().enumerate() {
        if let Use::Held(verb, keep) = *used {
            let verb = if verb == Verb::Create { "create" } else { "join" };
            check.hold(verb, name, *kind, keep)?;
        }
    }
    let held = check.keys;
    let shared = (0..case.names.len()).filter(|&name| case.is_shared(name));
    check.ledger.steady = shared.map(|name| check.names.name(name)).collect();
    for (process, program) in case.programs.iter().enumerate() {
        let errands: Vec<_> = program
            .iter()
            .filter_map(|step| case.errand(step, &check.names))
            .collect();
        check.workers[process].tell(format!("run {process};{}", errands.join(";")));
    }
    let said = listen(&mut check.workers[..processes], &case.kills);
    let lives = |lines: &Vec<String>| lines.last().is_some_and(|line| line == DONE);
    let living: Vec<_> = (0..processes).filter(|&process| lives(&said[process])).collect();
    // At the same time, too.
    for &process in &living {
        check.workers[process].tell("leave");
    }
    for (process, lines) in said.iter().enumerate() {
        if living.contains(&process) {
            check.workers[process].expect("left");
        } else {
            check.workers.replace(process);
        }
        check.read(process, lines)?;
    }
    check.finish(case, held, living.len() < processes)
}

/// All that they say; some are killed over it.
fn listen(workers: &mut [Peer], kills: &[Kill]) -> Vec<Vec<String>> {
    let mut said: Vec<Vec<String>> = workers.iter().map(|_| Vec::new()).collect();
    let done = |lines: &Vec<String>| lines.last().is_some_and(|line| line == DONE);
    let mut dead = HashSet::new();
    let mut kills: Vec<_> = kills.to_vec();
    kills.sort_by_key(|kill| kill.lines);
    for Kill { process, lines, micros } in kills {
        let process = process % workers.len();
        let (worker, said) = (&mut workers[process], &mut said[process]);
        while !dead.contains(&process) && !done(said) && said.len() < lines {
            said.push(worker.hear());
        }
        if dead.contains(&process) || done(said) {
            continue;
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(micros) {
            std::hint::spin_loop();
        }
        worker.kill();
        dead.insert(process);
        while worker.has_spoken() {
            said.push(worker.hear());
        }
    }
    for (process, said) in said.iter_mut().enumerate() {
        while !dead.contains(&process) && !done(said) {
            said.push(workers[process].hear());
        }
        // Killed when it was through: it is gone all the same.
        if dead.contains(&process) {
            said.retain(|line| line != DONE);
        }
    }
    said
}

/// Who looks at what they did.
struct Check {
    // Before the names: killed before those are removed.
    workers: Workers,
    names: Names,
    ledger: Ledger,
    /// The last key of the checker's.
    keys: u32,
}

impl Check {
    fn ask(&mut self, command: &str) -> String {
        let checker = self.workers.len() - 1;
        self.workers[checker].ask(command)
    }

    fn wrong<T>(&self, what: impl AsRef<str>) -> Result<T, TestCaseError> {
        Err(TestCaseError::fail(self.names.short(what.as_ref())))
    }

    fn read(&mut self, process: usize, lines: &[String]) -> Result<(), TestCaseError> {
        let read = self.ledger.read(process, lines);
        read.or_else(|what| self.wrong(what))
    }

    fn hold(&mut self, verb: &str, name: usize, kind: usize, keep: bool) -> Result<(), TestCaseError> {
        self.keys += 1;
        let (key, name) = (self.keys, self.names.name(name));
        let answer = self.ask(&format!("{verb} {key} {name} {kind} 4 {}", u8::from(keep)));
        let Some(inode) = answer.split(' ').nth(1).and_then(|inode| inode.parse().ok()) else {
            return self.wrong(format!("{verb} {name}: {answer}"));
        };
        self.ledger.held.insert(name, Held { inode, kind });
        Ok(())
    }

    /// Receives what is left in the checker's channel `key`, of which nobody else has an end; how much.
    fn drain(&mut self, key: u32, object: u64) -> Result<usize, TestCaseError> {
        let mut count = 0;
        let checker = self.workers.len() - 1;
        self.keys += 1;
        let rx = self.keys;
        let answer = self.ask(&format!("receiver {rx} {key}"));
        if answer != "attached" {
            return self.wrong(format!("the checker's receiver of {object}: {answer}"));
        }
        loop {
            let answer = self.ask(&format!("try_recv {rx}"));
            let Some(letter) = answer.strip_prefix("got ") else {
                // The end, or, if nothing was there, nothing yet.
                return match &*answer {
                    "empty" | "disconnected" => Ok(count),
                    _ => self.wrong(format!("the checker receives: {answer}")),
                };
            };
            count += 1;
            let letter = letter.parse().map_err(TestCaseError::fail)?;
            let received = self.ledger.received(checker, object, letter);
            received.or_else(|expected| self.wrong(format!("the checker got {letter}, expected {expected}")))?;
        }
    }

    /// Opens a shared name that somebody has left and drains it; it is gone then. And before, if there was nothing to
    /// drain and nobody was killed.
    fn drain_shared(&mut self, name: usize, killed: bool) -> Result<(), TestCaseError> {
        let text = self.names.name(name);
        let mut answer = String::new();
        for kind in 0..KINDS.len() {
            self.keys += 1;
            answer = self.ask(&format!("open {} {text} {kind}", self.keys));
            if !answer.starts_with("kind ") {
                break;
            }
        }
        if let Some(opened) = answer.strip_prefix("opened ") {
            let object = opened.split(' ').next().and_then(|inode| inode.parse().ok());
            let count = self.drain(self.keys, object.expect("a number"))?;
            if count == 0 && !killed {
                return self.wrong(format!("{text} is left, though it is drained and all have dropped it"));
            }
            self.ask("leave");
        } else if answer != "not found" {
            return self.wrong(format!("the checker opens {text}: {answer}"));
        }
        match self.names.inode(name) {
            None => Ok(()),
            Some(_) => self.wrong(format!("{text} stays when it is drained")),
        }
    }

    fn finish(mut self, case: &Case, held: u32, killed: bool) -> Result<(), TestCaseError> {
        let mut whole = HashSet::new();
        let mut keys = 1..=held;
        for (name, (used, _)) in case.names.iter().enumerate() {
            if let Use::Held(..) = used {
                let (key, text) = (keys.next().expect("one for each"), self.names.name(name));
                let inode = self.ledger.held[&text].inode;
                if self.names.inode(name) != Some(inode) {
                    return self.wrong(format!("{text}, which is in use, leads to another object, or nowhere"));
                }
                self.drain(key, inode)?;
                whole.insert(inode);
            }
        }
        self.ask("leave");
        for (name, (used, _)) in case.names.iter().enumerate() {
            if let Use::Shared { gc } = *used {
                self.drain_shared(name, killed)?;
                let objects = self.ledger.objects.get(&self.names.name(name));
                whole.extend(objects.into_iter().flatten().filter(|_| !gc));
            }
        }
        self.ledger.close(&whole).or_else(|what| self.wrong(what))?;
        self.ask(&format!("gc {}", self.names.prefix));
        for name in 0..case.names.len() {
            let kept = self.names.inode(name).is_some();
            let answer = self.ask(&format!("unlink {}", self.names.name(name)));
            if (answer == "unlinked") != kept {
                return self.wrong(format!("the checker unlinks {name}: {answer}"));
            }
        }
        let left = self.names.left();
        if !left.is_empty() {
            return self.wrong(format!("left: {left:?}"));
        }
        self.workers.give_back();
        Ok(())
    }
}
