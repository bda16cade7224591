//! What do the models say? `models`: the quick scenarios and the controls; `models all`: every one; `models NAME…`: those
//! whose name contains a NAME, and how what is wrong comes about.

use std::process::ExitCode;

use annulus_models::catalogue::{Control, Run, Size, controls, runs};
use annulus_models::explore::{Outcome, Wrong};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let all = names == ["all"];
    let chosen = |name: &str| names.is_empty() || all || names.iter().any(|part| name.contains(part));
    let mut unexpected = 0;
    for run in runs() {
        if chosen(&run.name) && (all || !names.is_empty() || run.size == Size::Quick) {
            unexpected += u32::from(!report_run(&run));
        }
    }
    for control in controls() {
        if chosen(&control.name) {
            unexpected += u32::from(!report_control(&control, !all && !names.is_empty()));
        }
    }
    println!("{unexpected} unexpected");
    if unexpected == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn report_run(run: &Run) -> bool {
    let outcome = run.explore();
    println!("{} {}", numbers(&outcome), run.name);
    outcome.wrong.iter().for_each(print_trace);
    outcome.wrong.is_none()
}

fn report_control(control: &Control, trace: bool) -> bool {
    let outcome = control.broken();
    let caught = outcome
        .wrong
        .as_ref()
        .is_some_and(|wrong| wrong.what.starts_with(control.says));
    let what = outcome.wrong.as_ref().map_or("nothing is wrong", |wrong| &wrong.what);
    let scenario = control.scenario.iter().map(|scenario| format!(" in {scenario}"));
    let scenario: String = scenario.collect();
    println!("{} without {}{scenario}: {what}", numbers(&outcome), control.name);
    if trace || !caught {
        outcome.wrong.iter().for_each(print_trace);
    }
    caught
}

fn numbers(outcome: &Outcome) -> String {
    let Outcome {
        states,
        transitions,
        alone,
        time,
        ..
    } = outcome;
    let alone = alone.map_or(String::new(), |steps| format!("{steps:3} alone "));
    format!(
        "{states:9} states {transitions:9} steps {:6.2} s {alone}",
        time.as_secs_f32()
    )
}

fn print_trace(wrong: &Wrong) {
    println!("    {}", wrong.what);
    for line in &wrong.trace {
        println!("      {line}");
    }
}
