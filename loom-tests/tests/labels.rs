//! Is every ordering in the sources labelled, and every Relaxed explained?
//!
//! Reads `src/` line by line. Comments are what follows `//`; modules under `#[cfg(test)]` are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Ends without a partner of their own label, and the label whose load or stores they pair with.
const PAIRED_OTHERWISE: &[(&str, &str)] = &[("GAP", "DRAIN"), ("ORPHAN", "CLAIMED"), ("CLAIMED", "PUB")];

/// The stock phrases that say why an access to a shared word may be relaxed, and what is said of a failed
/// compare-and-swap.
const PHRASES: [&str; 4] = ["own line", "hint", "under ", "Failure Relaxed: "];

/// What is said of words that are not shared, in `region/` alone; a module may say it once for all.
const PRIVATE: [&str; 2] = ["private to the process", "as above"];
const PRIVATE_MODULE: &str = "//! All accesses are relaxed: ";

/// How far above an access its reason may stand.
const NEAR: usize = 14;

struct Source {
    /// Below `src/`.
    name: String,
    lines: Vec<String>,
}

impl Source {
    /// The line without its comment.
    fn code(&self, index: usize) -> &str {
        let line = &self.lines[index];
        line.split_once("//").map_or(line.as_str(), |(code, _)| code)
    }

    /// The comment on the line.
    fn comment(&self, index: usize) -> &str {
        self.lines[index].split_once("//").map_or("", |(_, comment)| comment)
    }

    fn at(&self, index: usize) -> String {
        format!("src/{}:{}: {}", self.name, index + 1, self.lines[index].trim())
    }

    fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut tests = BTreeSet::new();
    let mut sources = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        for pair in lines.windows(2) {
            if pair[0].trim() == "#[cfg(test)]"
                && let Some(module) = pair[1]
                    .trim()
                    .strip_prefix("mod ")
                    .and_then(|rest| rest.strip_suffix(';'))
            {
                tests.insert(file.parent().expect("a room").join(format!("{module}.rs")));
            }
        }
        sources.push((file, lines));
    }
    sources
        .into_iter()
        .filter(|(file, _)| !tests.contains(file))
        .map(|(file, lines)| Source {
            name: file.strip_prefix(&root).expect("below").display().to_string(),
            lines,
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Where `word` stands in `code` as a word of its own.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !code[..*at].ends_with(part_of_a_word) && !code[at + word.len()..].starts_with(part_of_a_word)
    })
}

/// Every line of every source outside `sync.rs` for which `wrong` is.
fn refuse(what: &str, wrong: impl Fn(&Source, usize) -> bool) {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.is("sync.rs")) {
        found.extend(
            (0..source.lines.len())
                .filter(|i| wrong(source, *i))
                .map(|i| source.at(i)),
        );
    }
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn updates_are_tried_so_often_and_no_more() {
    refuse("an update without an end", |source, i| {
        let used = |name| words(source.code(i), name).next().is_some();
        used("compare_exchange_weak") || used("fetch_update") && !source.code(i).contains("at_most(")
    });
}

#[test]
fn orderings_are_named_by_labels_alone() {
    refuse("an ordering without a label", |source, i| {
        ["Acquire", "Release", "AcqRel", "SeqCst"]
            .iter()
            .any(|order| words(source.code(i), order).next().is_some())
    });
}

/// But for an acquire load of who only looks on: through a mapping that cannot be written to there is no other way to have one
/// (`std::sync::atomic`, "Atomic accesses to read-only memory").
#[test]
fn fences_stand_in_wait_alone() {
    refuse("a fence outside wait/", |source, i| {
        let called =
            |fence: &&str| words(source.code(i), fence).any(|at| source.code(i)[at + fence.len()..].starts_with('('));
        let any = ["fence", "light_fence", "heavy_fence"].iter().any(called);
        let looks_on = source.is("span/mod.rs") && source.code(i).contains("fence(edge::CONSUME.acquire());");
        any && !source.name.starts_with("wait/") && !looks_on
    });
}

#[test]
fn atomics_are_named_by_the_door_alone() {
    refuse("an atomic from elsewhere than crate::sync", |source, i| {
        source.code(i).contains("sync::atomic") || words(source.code(i), "UnsafeCell").next().is_some()
    });
}

#[test]
fn every_label_has_both_ends() {
    let mut ends: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut labels = BTreeSet::new();
    for source in sources() {
        for i in 0..source.lines.len() {
            let code = source.code(i);
            if source.is("edge.rs")
                && let Some(label) = code
                    .strip_prefix("pub(crate) const ")
                    .and_then(|rest| rest.split(':').next())
            {
                labels.insert(label.to_owned());
                let named = source.lines[i].contains(&format!("Edge::new(\"{label}\")"));
                assert!(named, "{}: a label by another name", source.at(i));
            }
            for used in code.split("edge::").skip(1) {
                let mut parts = used.split(|c: char| !c.is_ascii_alphanumeric());
                let (label, end) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
                let known = ["release", "acquire", "waiter", "notifier"].contains(&end);
                assert!(known, "{}: an edge without an end on its line", source.at(i));
                ends.entry(label.to_owned()).or_default().insert(end.to_owned());
            }
        }
    }
    let used: BTreeSet<_> = ends.keys().cloned().collect();
    assert_eq!(used, labels, "labels used, labels in edge.rs");
    for (label, ends) in &ends {
        let has = |end: &str| ends.contains(end);
        let paired = has("release") && has("acquire") || has("waiter") && has("notifier");
        let otherwise = PAIRED_OTHERWISE.iter().any(|(one, _)| one == label) && ends.len() == 1;
        assert!(paired || otherwise, "{label} has only {ends:?}");
    }
    for (_, partner) in PAIRED_OTHERWISE {
        assert!(ends.contains_key(*partner), "{partner} is gone");
    }
}

/// A comment above a labelled access, or on the first such access of the file, names the label.
#[test]
fn every_edge_is_explained_where_it_is_used() {
    refuse("a labelled access whose label no comment above names", |source, i| {
        source.code(i).split("edge::").skip(1).any(|used| {
            let label: String = used.chars().take_while(char::is_ascii_alphabetic).collect();
            !(i.saturating_sub(NEAR)..=i).any(|index| source.comment(index).contains(&format!("[{label}]")))
        })
    });
}

#[test]
fn every_relaxed_access_says_why() {
    refuse("a Relaxed without one of the stock phrases above it", |source, i| {
        let code = source.code(i);
        let used = words(code, "Relaxed").next().is_some() && !code.trim_start().starts_with("use ");
        used && !explained(source, i)
    });
}

/// The nearest comment above that speaks of Relaxed, all of it, has one of the phrases.
fn explained(source: &Source, i: usize) -> bool {
    let private = source.name.starts_with("region/");
    if private && source.lines.iter().any(|line| line.starts_with(PRIVATE_MODULE)) {
        return true;
    }
    let Some(found) = (i.saturating_sub(NEAR)..=i)
        .rev()
        .find(|index| source.comment(*index).contains("Relaxed"))
    else {
        return false;
    };
    let is_comment = |index: &usize| source.code(*index).trim().is_empty() && !source.comment(*index).is_empty();
    let begin = (0..found).rev().take_while(is_comment).last().unwrap_or(found);
    let end = (found + 1..i).take_while(is_comment).last().unwrap_or(found);
    let text: String = (begin..=end).map(|index| source.comment(index)).collect();
    PHRASES.iter().any(|phrase| text.contains(phrase)) || private && PRIVATE.iter().any(|phrase| text.contains(phrase))
}
