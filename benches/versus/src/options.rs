//! What can be asked for on the command line?

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;

use crate::ask::Question;
use crate::question::SIZES;

/// Measures annulus against what a user would pick instead: everything, unless told otherwise.
#[derive(Debug, Parser)]
#[command(name = "versus", version)]
pub struct Options {
    /// Only mechanisms with this in their name; may be repeated
    #[arg(long, short)]
    pub mechanism: Vec<String>,
    /// Only this question; may be repeated
    #[arg(long, short)]
    pub question: Vec<Question>,
    /// Only messages of so many bytes, where sizes are compared; may be repeated
    #[arg(long, short, value_parser = size)]
    pub size: Vec<usize>,
    /// Messages a run, instead of a time
    #[arg(long, short)]
    pub count: Option<u64>,
    /// How long a run takes [default: 0.25; 0.04 with --quick; nearly idle: four times as long]
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Runs of each mechanism for each question, in turn with the others; a ratio needs five [default: 7; 5 with --quick]
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Messages that fit into a channel, where one can choose; fewer if they would take more than 8 MiB
    #[arg(long, default_value_t = 1024)]
    pub slots: usize,
    /// Processors to pin workers to, in turn: `auto` (the first two), `none`, or a list such as 0,2
    #[arg(long, default_value = "auto")]
    pub pin: Pinning,
    /// Short runs and fewer sizes: a look, not a measurement
    #[arg(long)]
    pub quick: bool,
    /// Write everything that was measured to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with charts, and the charts, into this directory
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Measure nothing: show again what `--json` has written to this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "mechanism", "question", "size"])]
    pub from: Option<PathBuf>,
    /// Say what there is, and what could be measured here, and stop
    #[arg(long)]
    pub list: bool,
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| SIZES.contains(size));
    size.ok_or_else(|| format!("one of {SIZES:?}"))
}

impl Options {
    /// How long a run takes.
    pub fn time(&self) -> Duration {
        let default = if self.quick { 0.04 } else { 0.25 };
        Duration::from_secs_f64(self.seconds.unwrap_or(default).clamp(0.001, 3600.0))
    }

    /// Runs of each mechanism for each question.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 5 } else { 7 }).max(1)
    }
}

/// Which processors workers are pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// The first two that this process may use.
    Auto,
    /// None.
    None,
    /// These.
    To(Vec<usize>),
}

impl FromStr for Pinning {
    type Err = String;

    fn from_str(text: &str) -> Result<Pinning, String> {
        match text {
            "auto" => Ok(Pinning::Auto),
            "none" => Ok(Pinning::None),
            list => {
                let cpus: Result<Vec<usize>, _> = list.split(',').map(|cpu| cpu.trim().parse()).collect();
                cpus.map(Pinning::To)
                    .map_err(|_| format!("{list:?} is neither auto, none, nor a list of processors"))
            }
        }
    }
}
