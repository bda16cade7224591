//! What has one run of this program measured, and what does that depend on?
//!
//! It is written with `--json` and read again with `--from`. Whoever reads it can make the same ratios as the run itself, and no
//! others: the rounds are all there.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::mechanism::{Entry, Reach};
use crate::series::Answer;

/// Everything that one run of this program has measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When it began, in UTC.
    pub date: String,
    /// The arguments that it was called with.
    pub arguments: Vec<String>,
    /// Where.
    pub machine: Machine,
    /// The packages that were compared, with their versions.
    pub versions: Vec<(String, String)>,
    /// What was compared, in the order of the tables.
    pub mechanisms: Vec<Subject>,
    /// What was asked, and what came of it.
    pub answers: Vec<Answer>,
}

/// A mechanism, as far as it can be read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// As the tables call it.
    pub name: String,
    /// With whom it is compared.
    pub reach: Reach,
    /// What the decision matrix tells besides figures.
    pub about: About,
}

/// See [`crate::mechanism::About`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct About {
    pub framing: String,
    pub persistence: String,
    pub relation: String,
    pub death: String,
}

impl Record {
    /// Reads what [`Record::write`] has written.
    pub fn read(path: &Path) -> Result<Record, Box<dyn std::error::Error>> {
        Ok(serde_json::from_reader(BufReader::new(File::open(path)?))?)
    }

    /// Writes it all.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        Ok(serde_json::to_writer_pretty(BufWriter::new(File::create(path)?), self)?)
    }

    /// Its date without the time.
    pub fn day(&self) -> &str {
        self.date.split('T').next().unwrap_or_default()
    }

    /// Whether everything that was sent was also received.
    pub fn is_sound(&self) -> bool {
        !self
            .answers
            .iter()
            .flat_map(|answer| &answer.absent)
            .any(|absent| absent.failed)
    }

    /// The group of a mechanism.
    pub fn group(&self, mechanism: &str) -> Option<Reach> {
        let subject = self.mechanisms.iter().find(|subject| subject.name == mechanism);
        subject.map(|subject| subject.reach)
    }
}

impl Subject {
    /// Whether it is annulus.
    pub fn is_ours(&self) -> bool {
        is_ours(&self.name)
    }
}

/// Whether this is annulus.
pub fn is_ours(mechanism: &str) -> bool {
    mechanism.starts_with("annulus")
}

impl From<&Entry> for Subject {
    fn from(entry: &Entry) -> Subject {
        Subject {
            name: entry.name.to_owned(),
            reach: entry.reach,
            about: About {
                framing: entry.about.framing.to_owned(),
                persistence: entry.about.persistence.to_owned(),
                relation: entry.about.relation.to_owned(),
                death: entry.about.death.to_owned(),
            },
        }
    }
}
