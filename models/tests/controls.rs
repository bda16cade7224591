//! Is anything wrong, and would the models see it?
//!
//! `cargo test -p annulus-models -- --nocapture` prints how many states there are. The larger scenarios are run by
//! `cargo run --release -p annulus-models -- all`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use annulus_models::catalogue::{Size, controls, runs};
use annulus_models::explore::Outcome;
use annulus_models::names;

fn said(name: &str, outcome: &Outcome) -> String {
    let wrong = outcome.wrong.as_ref();
    let trace = wrong.map_or(String::new(), |wrong| {
        format!("\n{}\n{}", wrong.what, wrong.trace.join("\n"))
    });
    let Outcome {
        states,
        transitions,
        time,
        ..
    } = outcome;
    format!("{name}: {states} states, {transitions} steps, {time:.2?}{trace}")
}

#[test]
fn nothing_is_wrong() {
    for run in runs().iter().filter(|run| run.size == Size::Quick) {
        let outcome = run.explore();
        let said = said(&run.name, &outcome);
        println!("{said}");
        assert!(outcome.wrong.is_none(), "{said}");
        assert!(outcome.states > 50, "{said}: that is hardly anything");
    }
}

#[test]
fn each_rule_is_needed() {
    let mut sound = BTreeSet::new();
    for control in controls() {
        let broken = control.broken();
        let said = said(&control.name, &broken);
        println!("without {said}");
        let wrong = broken.wrong.as_ref().map(|wrong| wrong.what.starts_with(control.says));
        assert_eq!(wrong, Some(true), "{said}: it should be {}", control.says);
        // Several rules are shown by the same scenario.
        let scenario = control.scenario.as_ref();
        let done = scenario.is_some_and(|scenario| !sound.insert((control.model.clone(), scenario.clone())));
        if done {
            continue;
        }
        let kept = control.kept();
        assert!(
            kept.wrong.is_none(),
            "{}: not for want of the rule: {:?}",
            control.name,
            kept.wrong
        );
    }
}

/// A row of a table in CONTROLS.md: the rule, where it is kept, what leaves it out, and in some the scenario.
struct Row {
    rule: String,
    kept_by: String,
    left_out_by: Vec<String>,
    scenario: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn table() -> Vec<Row> {
    let quoted = |cell: &str| cell.split('`').nth(1).map(str::to_owned);
    let text = read("models/CONTROLS.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.split('|').collect();
        let rule = quoted(cells[1]).expect("a rule");
        let (kept_by, left_out_by, scenario) = match cells[2..] {
            [kept_by, left_out_by, _] => (kept_by, left_out_by, None),
            [kept_by, left_out_by, scenario, _] => (kept_by, left_out_by, Some(scenario)),
            _ => panic!("{line}: a row has three columns or four"),
        };
        Row {
            rule,
            kept_by: kept_by.to_owned(),
            left_out_by: left_out_by.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            scenario: scenario.map(|scenario| scenario.trim().to_owned()),
        }
    });
    rows.collect()
}

/// The names of the patches of a room of tests.
fn patches(room: &str) -> BTreeSet<String> {
    let patches = fs::read_dir(root().join(format!("tests/{room}/mutations"))).expect("a directory");
    let name = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    patches.map(|entry| name(entry.expect("an entry").path())).collect()
}

#[test]
fn each_control_has_a_row() {
    let rows: Vec<_> = table().into_iter().map(|row| (row.rule, row.scenario)).collect();
    let controls = controls().into_iter();
    let controls: Vec<_> = controls.map(|control| (control.name, control.scenario)).collect();
    assert_eq!(rows, controls);
}

#[test]
fn what_a_row_names_is_there() {
    let loom = read("loom-tests/tests/mutate.rs");
    for row in table() {
        for place in row.kept_by.split(';') {
            let mut quoted = place.split('`').skip(1).step_by(2);
            let file = quoted.next().expect("a file");
            let text = read(file);
            for function in quoted {
                let there = text.contains(&format!("fn {function}(")) || text.contains(&format!("fn {function}<"));
                assert!(there, "{}: no {function} in {file}", row.rule);
            }
        }
        for what in row.left_out_by {
            let patched = ["names", "blocks"].iter().any(|room| patches(room).contains(&what));
            let known = loom.contains(&format!("\"{what}\"")) || patched;
            assert!(known, "{}: nothing leaves out {what}", row.rule);
        }
    }
}

#[test]
fn each_patch_leaves_out_a_rule_of_the_model() {
    let rules: BTreeSet<String> = names::Rule::ALL.iter().map(|(_, patch)| (*patch).to_owned()).collect();
    assert_eq!(rules, patches("names"));
    let of_blocks = table().into_iter().filter(|row| row.rule.starts_with("blocks::"));
    let named: BTreeSet<String> = of_blocks.flat_map(|row| row.left_out_by).collect();
    let unnamed: Vec<_> = patches("blocks")
        .into_iter()
        .filter(|patch| !named.contains(patch))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:?} leave out no rule");
    for row in table().iter().filter(|row| row.rule.starts_with("names::")) {
        let rule = names::Rule::ALL
            .iter()
            .find(|(rule, _)| format!("names::{rule:?}") == row.rule);
        assert_eq!(
            rule.map(|(_, patch)| *patch),
            row.left_out_by.first().map(String::as_str),
            "{}",
            row.rule
        );
    }
}
