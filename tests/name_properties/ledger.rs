//! What must hold of what many processes say that they did at the same time?
//!
//! Each word of theirs is one that the operation may say. A message is received in the object that it was sent into, once
//! and whole (`letter`), in its sender's order; and what was sent is received, where somebody sees to it. Who was killed
//! in a receive may have had one message in hand: that one may be missing, or come late.

use std::collections::{HashMap, HashSet};

use crate::handles::KINDS;
use crate::letter::Letter;

/// A name that the checker keeps in use.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub inode: u64,
    pub kind: usize,
}

/// All that was said.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Those of the names that lead to one object from beginning to end.
    pub held: HashMap<String, Held>,
    /// Those that lead to one object as long as somebody has that open.
    pub steady: HashSet<String>,
    /// What a process has open: by key, the name and the object.
    open: HashMap<(usize, String), (String, u64)>,
    /// Objects of each name.
    pub objects: HashMap<String, HashSet<u64>>,
    kinds: HashMap<u64, usize>,
    made: HashSet<u64>,
    /// What was sent, and whether its sender knows that it was.
    sent: HashMap<Letter, bool>,
    received: HashSet<Letter>,
    /// The latest message by receiving process, object and sender.
    latest: HashMap<(usize, u64, u64), u64>,
    /// Messages that came after later ones, by object.
    late: HashMap<u64, u64>,
    /// Receives in which somebody was killed, by object.
    hands: HashMap<u64, u64>,
}

type Judged = Result<(), String>;

/// The Ok of what somebody may say.
fn one_of(answer: &str, may: &[&str]) -> Judged {
    let fits = |may: &&str| {
        may.strip_suffix('*')
            .map_or(answer == *may, |may| answer.starts_with(may))
    };
    if may.iter().any(fits) {
        return Ok(());
    }
    // Somebody may be stopped for a second, which is when others give up.
    let waited = answer.strip_prefix("busy ").and_then(|ms| ms.parse::<u64>().ok());
    match waited {
        Some(waited) if waited >= 1000 => Ok(()),
        _ => Err(format!("one of {may:?}")),
    }
}

impl Ledger {
    /// A process's words, in order.
    pub fn read(&mut self, process: usize, lines: &[String]) -> Judged {
        let mut begun = None;
        for (i, line) in lines.iter().enumerate() {
            if let Some(doing) = line.strip_prefix("> ") {
                let (object, command) = doing.split_once(' ').expect("an object");
                begun = Some((object.parse().expect("a number"), command));
            } else if let Some(answer) = line.strip_prefix("< ") {
                let (object, command) = begun.take().expect("a command");
                self.judge(process, object, command, answer).map_err(|expected| {
                    let before = lines[i.saturating_sub(40)..=i].join("\n  ");
                    format!("P{process}:\n  {before}\nexpected: {expected}")
                })?;
            }
        }
        // Killed in it.
        if let Some((object, command)) = begun {
            if command.contains("send") && !command.starts_with("sender") {
                let (_, letter) = command.rsplit_once(' ').expect("a letter");
                self.sent.insert(letter.parse()?, false);
            } else if command.contains("recv") {
                *self.hands.entry(object).or_default() += 1;
            }
        }
        Ok(())
    }

    fn judge(&mut self, process: usize, object: u64, command: &str, answer: &str) -> Judged {
        let words: Vec<&str> = command.split(' ').collect();
        match words[0] {
            verb @ ("create" | "join" | "open" | "open_now") => {
                self.opened(process, words[1], verb, &words[2..], answer)
            }
            "sender" | "receiver" => one_of(answer, &["attached", "already a *", "table full"]),
            verb if verb.contains("send") => {
                let blocked: &[&str] = if verb == "send" { &[] } else { &["full"] };
                one_of(answer, &[&["ok", "disconnected"], blocked].concat())?;
                if answer == "ok" {
                    self.sent.insert(words[2].parse()?, true);
                }
                Ok(())
            }
            verb if verb.contains("recv") => {
                let blocked: &[&str] = if verb == "recv" { &[] } else { &["empty"] };
                one_of(answer, &[&["got *", "disconnected"], blocked].concat())?;
                match answer.strip_prefix("got ") {
                    Some(letter) => self.received(process, object, letter.parse()?),
                    None => Ok(()),
                }
            }
            "unlink" => one_of(answer, &["unlinked", "not found"]),
            "drop" => {
                self.open.remove(&(process, words[1].to_owned()));
                one_of(answer, &["dropped"])
            }
            "leave" => {
                self.open.retain(|(owner, _), _| *owner != process);
                one_of(answer, &["left"])
            }
            "recover" => answer.parse::<u64>().map(drop).map_err(|_| "a number".to_owned()),
            "list" => self.listed(answer),
            "gc" => match self.held.keys().find(|name| answer.contains(&**name)) {
                Some(name) => Err(format!("{name}, which is in use, to stay")),
                None if answer.starts_with("error") => Err("what was removed".to_owned()),
                None => Ok(()),
            },
            _ => Err("no such command".to_owned()),
        }
    }

    fn opened(&mut self, process: usize, key: &str, verb: &str, wish: &[&str], answer: &str) -> Judged {
        let (name, kind) = (wish[0], wish[1].parse::<usize>().expect("a kind"));
        let mismatch = KINDS.iter().map(|actual| format!("kind {actual}, not {}", KINDS[kind]));
        let mismatch: Vec<_> = mismatch.filter(|text| !text.ends_with(&text[5..9])).collect();
        let mut may = match verb {
            "create" => vec![
                "opened *",
                "taken: Creator",
                "taken: Users",
                "taken: Kept",
                "taken: Messages *",
            ],
            "join" => vec!["opened *"],
            "open" => vec!["opened *", "not found"],
            // It may see nothing but dying ones.
            _ => vec!["opened *", "not found", "busy *"],
        };
        let held = self.held.get(name).copied();
        let mut mine = self
            .open
            .iter()
            .filter(|((owner, _), (its, _))| *owner == process && its == name);
        let mine = mine
            .next()
            .map(|(_, (_, inode))| *inode)
            .filter(|_| self.steady.contains(name));
        if held.is_some() || mine.is_some() {
            may.retain(|may| *may != "not found" && *may != "busy *" && !may.starts_with("taken: M"));
        }
        if verb != "create" {
            may.extend(mismatch.iter().map(String::as_str));
        }
        one_of(answer, &may)?;
        let Some(opened) = answer.strip_prefix("opened ") else {
            return Ok(());
        };
        let (inode, capacity) = opened.split_once(' ').expect("two numbers");
        let inode: u64 = inode.parse().expect("a number");
        if held.is_some_and(|held| verb == "create" || (held.inode, held.kind) != (inode, kind)) {
            return Err(format!("the one in use: {held:?}"));
        }
        if mine.is_some_and(|mine| mine != inode) {
            return Err(format!("{mine:?}, which this process has open by that name"));
        }
        self.open.insert((process, key.to_owned()), (name.to_owned(), inode));
        if verb == "create" {
            let asked: usize = wish[2].parse().expect("a capacity");
            if !self.made.insert(inode) || asked.next_power_of_two().to_string() != capacity {
                return Err("a new one, as asked for".to_owned());
            }
        }
        if *self.kinds.entry(inode).or_insert(kind) != kind {
            return Err(format!("a mismatch: it is {}", KINDS[self.kinds[&inode]]));
        }
        self.objects.entry(name.to_owned()).or_default().insert(inode);
        Ok(())
    }

    fn listed(&self, answer: &str) -> Judged {
        let entries: Vec<_> = answer.split("; ").filter(|entry| !entry.is_empty()).collect();
        if !entries.is_sorted_by_key(|entry| entry.split(' ').next()) {
            return Err("the names in order".to_owned());
        }
        for (name, held) in &self.held {
            let begin = format!("{name} {}x", KINDS[held.kind]);
            let shown = entries.iter().find(|entry| entry.starts_with(&begin));
            if !shown.is_some_and(|entry| entry.contains("orphaned=false")) {
                return Err(format!("{name}, which is in use"));
            }
        }
        Ok(())
    }

    /// Process `process` has received `letter` out of `object`.
    pub fn received(&mut self, process: usize, object: u64, letter: Letter) -> Judged {
        if letter.object != object {
            return Err(format!("a letter of {object}"));
        }
        if !self.received.insert(letter) {
            return Err(format!("{letter} once"));
        }
        let latest = self.latest.entry((process, object, letter.sender)).or_default();
        if *latest > letter.number {
            *self.late.entry(object).or_default() += 1;
        }
        *latest = letter.number.max(*latest);
        Ok(())
    }

    /// When all have been read; all that was sent into the objects in `whole` should have been received.
    pub fn close(&self, whole: &HashSet<u64>) -> Judged {
        if let Some(letter) = self.received.iter().find(|letter| !self.sent.contains_key(*letter)) {
            return Err(format!("{letter} was received and never sent"));
        }
        let in_hand = |object: u64| self.hands.get(&object).copied().unwrap_or(0);
        for (&object, &late) in &self.late {
            let many = self.kinds.get(&object).is_some_and(|kind| kind & 2 != 0);
            if late > if many { in_hand(object) } else { 0 } {
                return Err(format!("{late} letters of {object} were out of order"));
            }
        }
        for &object in whole {
            let lost = |(letter, known): &(&Letter, &bool)| {
                letter.object == object && **known && !self.received.contains(*letter)
            };
            let mut lost: Vec<_> = self
                .sent
                .iter()
                .filter(lost)
                .map(|(letter, _)| letter.to_string())
                .collect();
            lost.sort();
            if lost.len() as u64 > in_hand(object) {
                return Err(format!("lost, with {} in dead hands: {lost:?}", in_hand(object)));
            }
        }
        Ok(())
    }
}
