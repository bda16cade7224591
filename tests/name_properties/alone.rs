//! Do names and channels answer as the model does, if one thing happens after the other?

use std::collections::BTreeSet;
use std::fs::File;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::letter::Letter;
use crate::model::{Entry, Model, Opening};
use crate::object::{Endpoint, Object, Policy};
use crate::pool::{Names, Workers};
use crate::step::{Form, Get, Step, Verb, step};
use crate::support::Words;
use crate::support::words::{self, Phase};

type Checked = Result<(), TestCaseError>;

/// A program, and who executes it.
#[derive(Clone, Debug)]
pub struct Case {
    processes: usize,
    names: usize,
    /// Of which kind the channels of a name are, mostly.
    kinds: [usize; 3],
    steps: Vec<Step>,
}

/// Programs for the model.
pub fn cases() -> impl Strategy<Value = Case> {
    let steps = prop::collection::vec(step(), 1..100);
    let names = prop_oneof![3 => Just(1usize), 2 => Just(2), 1 => Just(3)];
    let kinds = prop::array::uniform3(0..4usize);
    (2..=4usize, names, kinds, steps).prop_map(|(processes, names, kinds, steps)| Case {
        processes,
        names,
        kinds,
        steps,
    })
}

/// Executes a program and compares all answers.
pub fn run(case: &Case) -> Checked {
    let mut program = Program {
        model: Model::new(case.names),
        workers: Workers::take(case.processes),
        names: Names::new(),
        kinds: case.kinds,
        inodes: BTreeSet::new(),
        letters: 0,
        trace: Vec::new(),
    };
    for step in &case.steps {
        program.step(*step)?;
        program.look_at_the_directory()?;
    }
    program.finish()
}

/// A program on its way.
struct Program {
    model: Model,
    // Before the names: killed before those are removed.
    workers: Workers,
    names: Names,
    kinds: [usize; 3],
    /// Of all objects so far.
    inodes: BTreeSet<u64>,
    letters: u64,
    trace: Vec<String>,
}

impl Program {
    fn wrong<T>(&self, expected: &str) -> Result<T, TestCaseError> {
        let trace = self.trace.join("\n  ");
        Err(TestCaseError::fail(format!("\n  {trace}\nexpected: {expected}\n")))
    }

    fn ask(&mut self, process: usize, command: &str) -> String {
        let before = format!("P{process}: {}", self.names.short(command));
        self.trace.push(format!("{before} -> nothing"));
        let answer = self.workers[process].ask(command);
        let last = self.trace.last_mut().expect("pushed");
        *last = format!("{before} -> {}", self.names.short(&answer));
        answer
    }

    /// Has it done; the answer must be one of those.
    fn check(&mut self, process: usize, command: &str, may: &[String]) -> Result<String, TestCaseError> {
        let answer = self.ask(process, command);
        if may.contains(&answer) {
            return Ok(answer);
        }
        self.wrong(&self.names.short(&may.join(" or ")))
    }

    fn look_at_the_directory(&self) -> Checked {
        for (name, entry) in self.model.names.iter().enumerate() {
            let found = self.names.inode(name);
            let right = match *entry {
                Entry::Nothing => found.is_none(),
                Entry::Foreign => found.is_some_and(|inode| !self.inodes.contains(&inode)),
                Entry::Object(o) => found == Some(self.model.objects[o].inode),
            };
            if !right {
                let name = self.names.name(name);
                return self.wrong(&self.names.short(&format!("{name} leads to {entry:?}, not {found:?}")));
            }
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Checked {
        let (processes, names) = (self.workers.len(), self.model.names.len());
        match step {
            Step::Get(process, get) => self.get(process % processes, get),
            Step::Attach { channel, sends } => {
                let channels: Vec<_> = self.model.regions().filter(|r| r.channel).map(|r| r.key).collect();
                pick(&channels, channel).map_or(Ok(()), |channel| self.attach(channel, sends))
            }
            Step::Send(who, form, count) => {
                let found = self.endpoint(who, true);
                found.map_or(Ok(()), |(o, e)| (0..count).try_for_each(|_| self.send(o, &e, form)))
            }
            Step::Receive(who, form) => {
                let found = self.endpoint(who, false);
                found.map_or(Ok(()), |(o, e)| self.receive(o, &e, form).map(drop))
            }
            Step::DropChannel(channel) => {
                let channels: Vec<_> = self.model.regions().filter(|r| r.channel).copied().collect();
                let Some(region) = pick(&channels, channel) else {
                    return Ok(());
                };
                self.model.drop_channel(region.key);
                self.check(region.process, &format!("drop {}", region.key), &["dropped".into()])?;
                Ok(())
            }
            Step::Leave(process) => self.leave(process % processes),
            Step::DropEndpoint { endpoint, sends } => {
                let Some((o, e)) = self.endpoint(endpoint, sends) else {
                    return Ok(());
                };
                self.model.drop_endpoint(o, &e);
                self.check(e.process, &format!("drop {}", e.key), &["dropped".into()])?;
                Ok(())
            }
            Step::Kill(process) => {
                self.kill(process % processes, "");
                Ok(())
            }
            Step::KillIn { endpoint, sends } => {
                self.kill_in(endpoint, sends);
                Ok(())
            }
            Step::Unlink(process, name) => self.unlink(process % processes, name % names),
            Step::List(process) => self.list(process % processes),
            Step::Gc(process) => self.gc(process % processes),
            Step::Recover(channel) => {
                let channels: Vec<_> = self.model.regions().filter(|r| r.channel).copied().collect();
                let Some(region) = pick(&channels, channel) else {
                    return Ok(());
                };
                let may = self.model.objects[region.object].recover();
                self.check(region.process, &format!("recover {}", region.key), &may)?;
                Ok(())
            }
            Step::Foreign(name) => {
                let name = name % names;
                if self.model.names[name] == Entry::Nothing {
                    self.trace.push(format!(
                        "a foreign file at {}",
                        self.names.short(&self.names.name(name))
                    ));
                    std::fs::write(self.names.path(name), [0; 4096]).expect("a file");
                    self.model.names[name] = Entry::Foreign;
                }
                Ok(())
            }
        }
    }

    fn endpoint(&self, who: usize, sends: bool) -> Option<(usize, Endpoint)> {
        let mut all = self.model.endpoints();
        all.retain(|(_, e)| e.sends == sends);
        pick(&all, who)
    }

    fn get(&mut self, process: usize, get: Get) -> Checked {
        let name = get.name % self.model.names.len();
        let kind = get.kind.unwrap_or(self.kinds[name]);
        let policy = match get.verb {
            _ if get.keep => Policy::Kept,
            Verb::Create => Policy::Created,
            _ => Policy::Shared,
        };
        let object = Object::new(policy, kind, get.capacity);
        let key = self.model.key();
        let (verb, opening) = match get.verb {
            Verb::Create => ("create", self.model.create(key, process, name, object)),
            Verb::Join => ("join", self.model.join(key, process, name, object)),
            Verb::Open => ("open", self.model.open(key, process, name, kind)),
            Verb::OpenNow => ("open_now", self.model.open(key, process, name, kind)),
        };
        let (text, keep) = (self.names.name(name), u8::from(get.keep));
        let answer = self.ask(process, &format!("{verb} {key} {text} {kind} {} {keep}", get.capacity));
        let words: Vec<_> = answer.split(' ').collect();
        match (opening, &*words) {
            (Opening::Made(made), ["opened", inode, capacity]) => {
                let object = &mut self.model.objects[made];
                object.inode = inode.parse().expect("a number");
                if self.inodes.insert(object.inode) && object.capacity.to_string() == *capacity {
                    return Ok(());
                }
                self.wrong("a new object")
            }
            (Opening::Found(found), _) => {
                let Object { inode, capacity, .. } = self.model.objects[found];
                let expected = format!("opened {inode} {capacity}");
                if answer == expected {
                    return Ok(());
                }
                self.wrong(&expected)
            }
            (Opening::Refused(may), _) if may.contains(&answer) => Ok(()),
            (Opening::Refused(may), _) => self.wrong(&may.join(" or ")),
            (Opening::Made(_), _) => self.wrong("a new object"),
        }
    }

    fn attach(&mut self, channel: u32, sends: bool) -> Checked {
        let region = *self.model.regions().find(|r| r.key == channel).expect("a channel");
        let (key, process) = (self.model.key(), region.process);
        let pid = self.workers[process].pid().as_raw();
        let endpoint = Endpoint::new(key, process, pid, channel, sends);
        let expected = self.model.objects[region.object].attach(endpoint);
        let verb = if sends { "sender" } else { "receiver" };
        self.check(process, &format!("{verb} {key} {channel}"), &[expected])?;
        Ok(())
    }

    fn send(&mut self, o: usize, e: &Endpoint, form: Form) -> Checked {
        let may = self.model.objects[o].may_send(e.key, self.model.alone(e.region));
        self.letters += 1;
        let letter = Letter {
            object: o as u64,
            sender: e.process as u64,
            number: self.letters,
        };
        let verb = match form {
            Form::Try => "try_send",
            Form::Now => "send_now",
            // It must end: with a place, or since there is nobody to make room.
            Form::Wait if !may.blocked || may.done.is_empty() && may.end => "send",
            Form::Wait => "send_timeout",
        };
        let may = may.answers("full", verb == "send");
        let answer = self.check(e.process, &format!("{verb} {} {letter}", e.key), &may)?;
        if answer == "ok" {
            self.model.objects[o].sent(letter);
        }
        Ok(())
    }

    /// Whether there was something.
    fn receive(&mut self, o: usize, e: &Endpoint, form: Form) -> Result<bool, TestCaseError> {
        let may = self.model.objects[o].may_receive(e.key, self.model.alone(e.region));
        let verb = match form {
            Form::Try => "try_recv",
            Form::Now => "recv_now",
            Form::Wait if !may.done.is_empty() || may.end => "recv",
            Form::Wait => "recv_timeout",
        };
        let may = may.answers("empty", verb == "recv");
        let answer = self.check(e.process, &format!("{verb} {}", e.key), &may)?;
        self.model.objects[o].received(&answer);
        Ok(answer.starts_with("got"))
    }

    fn leave(&mut self, process: usize) -> Checked {
        self.model.leave(process);
        self.check(process, "leave", &["left".to_owned()]).map(drop)
    }

    fn kill(&mut self, process: usize, how: &str) {
        self.trace.push(format!("P{process}: killed{how}"));
        self.workers[process].kill();
        self.workers.replace(process);
        self.model.kill(process);
    }

    /// Kills the process of an endpoint at a multi end right after a claim: its word is written into the slot, which is
    /// all that the others would ever see of that. Through the name: without one, the process is merely killed.
    fn kill_in(&mut self, endpoint: usize, sends: bool) {
        let Some((o, e)) = self.endpoint(endpoint, sends) else {
            return;
        };
        let object = &self.model.objects[o];
        let name = self.model.names.iter().position(|entry| *entry == Entry::Object(o));
        let (Some(name), Some(position)) = (name, object.next_claim(e.key)) else {
            return self.kill(e.process, "");
        };
        let file = File::options().read(true).write(true).open(self.names.path(name));
        let words = Words::of(&file.expect("the object"));
        words::forget();
        let role = if sends { 1 } else { 2 };
        let is_it = |id: &u16| {
            let record = words.record(*id);
            record.role == role && record.pid == e.pid as u32
        };
        let id = (words::FIRST_MULTI..words.table_length)
            .find(is_it)
            .expect("its record");
        words.claim(position, if sends { Phase::Writing } else { Phase::Reading }, id);
        self.kill(e.process, if sends { " in send" } else { " in recv" });
        self.model.objects[o].claimed(position);
    }

    fn unlink(&mut self, process: usize, name: usize) -> Checked {
        let expected = self.model.unlink(name).to_owned();
        let command = format!("unlink {}", self.names.name(name));
        self.check(process, &command, &[expected]).map(drop)
    }

    fn gc(&mut self, process: usize) -> Checked {
        let removed = self.model.gc();
        let text = |&(name, unread)| format!("{} unread=Some({unread})", self.names.name(name));
        let expected = removed.iter().map(text).collect::<Vec<_>>().join("; ");
        let command = format!("gc {}", self.names.prefix);
        self.check(process, &command, &[expected]).map(drop)
    }

    fn list(&mut self, process: usize) -> Checked {
        let command = format!("list {}", self.names.prefix);
        let answer = self.ask(process, &command);
        let mut shown = answer.split("; ").filter(|entry| !entry.is_empty());
        for (name, entry) in self.model.names.iter().enumerate() {
            let Entry::Object(o) = *entry else {
                continue;
            };
            let expected = format!("{} {} dead=", self.names.name(name), self.model.listed(o));
            let dead = shown.next().and_then(|entry| entry.strip_prefix(&*expected));
            let mut dead = dead.map(|dead| dead.split(',').filter(|dead| !dead.is_empty()));
            let object = &self.model.objects[o];
            if !dead
                .as_mut()
                .is_some_and(|dead| dead.all(|text| object.may_show_dead(text)))
            {
                return self.wrong(&self.names.short(&format!("{expected}(those who may be)")));
            }
        }
        if shown.next().is_some() {
            return self.wrong("no more");
        }
        Ok(())
    }

    /// All messages are there that should be; everybody leaves; nothing is left.
    fn finish(mut self) -> Checked {
        for name in 0..self.model.names.len() {
            if let Entry::Object(o) = self.model.names[name] {
                let get = Get {
                    verb: Verb::Open,
                    name,
                    kind: Some(self.model.objects[o].kind),
                    capacity: 0,
                    keep: false,
                };
                self.get(0, get)?;
            }
        }
        let channels: Vec<_> = self.model.regions().filter(|r| r.channel).map(|r| r.key).collect();
        for channel in channels {
            self.attach(channel, false)?;
        }
        for (o, e) in self.model.endpoints() {
            while !e.sends && self.model.objects[o].unread() > 0 {
                self.receive(o, &e, Form::Wait)?;
            }
        }
        for process in 0..self.workers.len() {
            self.leave(process)?;
            self.look_at_the_directory()?;
        }
        self.gc(0)?;
        for name in 0..self.model.names.len() {
            self.unlink(0, name)?;
        }
        let left = self.names.left();
        if !left.is_empty() {
            return self.wrong(&format!("nothing left, not {left:?}"));
        }
        self.workers.give_back();
        Ok(())
    }
}

fn pick<T: Copy>(all: &[T], which: usize) -> Option<T> {
    all.get(which.checked_rem(all.len())?).copied()
}
