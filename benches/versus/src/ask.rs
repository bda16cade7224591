//! What is asked: the questions, and their parameters.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The kinds of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// How many messages a second, one sender to one receiver?
    OneWay,
    /// How long does a message there and one back take?
    RoundTrip,
    /// How many messages a second, between several?
    Many,
    /// How much processor time does a stream of a thousand messages a second cost?
    Idle,
    /// How many system calls does a message take?
    SystemCalls,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Question::OneWay => "one way",
            Question::RoundTrip => "round trip",
            Question::Many => "many to many",
            Question::Idle => "nearly idle",
            Question::SystemCalls => "system calls",
        })
    }
}

/// How an end waits that finds no message, or no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// It looks again, for ever.
    Spin,
    /// It looks for a while, and then sleeps.
    Adaptive,
    /// It sleeps.
    Sleep,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wait::Spin => "spin",
            Wait::Adaptive => "spin a while, then sleep",
            Wait::Sleep => "sleep",
        })
    }
}

/// One question with its parameters: what two runs have in common that may be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ask {
    /// Which.
    pub question: Question,
    /// Bytes a message.
    pub size: usize,
    /// How to wait; none: as the mechanism does of itself.
    pub wait: Option<Wait>,
    /// How many send.
    pub senders: usize,
    /// How many receive.
    pub receivers: usize,
    /// Messages that fit, where one can choose.
    pub slots: usize,
    /// Whether all workers share one processor.
    pub one_cpu: bool,
    /// How long a run takes.
    pub time: Duration,
    /// How many messages a run takes, instead.
    pub count: Option<u64>,
}

impl Ask {
    /// As a table's heading says it, without the question.
    pub fn title(&self) -> String {
        match self.question {
            Question::OneWay | Question::SystemCalls => bytes(self.size),
            Question::RoundTrip => self.wait.map_or_else(String::new, |wait| wait.to_string()),
            Question::Many if self.one_cpu => format!("{}:{}, one processor", self.senders, self.receivers),
            Question::Many => format!("{}:{}", self.senders, self.receivers),
            Question::Idle => "1,000 messages/s".to_owned(),
        }
    }
}

/// A size, in words.
pub fn bytes(size: usize) -> String {
    match size {
        0x10_0000.. => format!("{} MiB", size >> 20),
        0x400.. => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}
