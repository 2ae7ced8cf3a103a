//! What is left of a run: facts that were written down by different hands, before anybody compares them.
//!
//! | who | wrote what |
//! |---|---|
//! | the demo service | every request it got, with the arrival's name and the time |
//! | the controller, while it ran | its store: who owned what, whose lease ended when, every applied delta |
//! | the controller, at the end | the report |
//! | the runner | a moment on both clocks, when it let stopped agents go on, when it broke nothing any more |

use crate::clock::Moment;
use common::plan::Plan;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub mod store;
pub mod told;

use store::Stored;
use told::Told;

/// Everything that is known of one run.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The plan that was run.
    pub plan: Plan,
    /// What the demo service recorded, in its order.
    pub rows: Vec<Row>,
    /// What the runner noted.
    pub notes: Notes,
    /// The controller's store; `None` when it kept none.
    pub store: Option<Stored>,
    /// The report; `None` when there is none.
    pub report: Option<Told>,
}

/// A request that the demo service got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When its head was read, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// The name of the arrival: `scenario:number`.
    pub arrival: String,
}

/// What only the runner knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// A moment just before the demo service began to count time.
    pub clock: Moment,
    /// Engine threads of every agent.
    pub threads: u64,
    /// When a stopped agent was let go on.
    pub resumed: Vec<Resumed>,
    /// From this boot time on nothing was broken any more and everything had time to settle; `None`: never.
    pub settled_ns: Option<u64>,
}

/// A stopped agent was let go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Its name.
    pub agent: String,
    /// When.
    pub boot_ns: u64,
}

/// Why evidence could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file that is not there or cannot be read.
    #[error("read {file}: {why}")]
    File {
        /// Which one.
        file: String,
        /// What the system or the parser said.
        why: String,
    },
    /// The store holds something that nobody can make sense of.
    #[error("read the store: {0}")]
    Store(String),
}

impl EvidenceError {
    fn file(file: &Path, why: impl std::fmt::Display) -> Self {
        Self::File { file: file.display().to_string(), why: why.to_string() }
    }
}

impl Evidence {
    /// Reads what a round has left in its folder. No store and no report are evidence too.
    ///
    /// # Errors
    /// Names the file that is missing or broken.
    pub fn read(folder: &Path) -> Result<Self, EvidenceError> {
        let text = |name: &str| {
            let file = folder.join(name);
            std::fs::read_to_string(&file).map_err(|error| EvidenceError::file(&file, error))
        };
        let plan = Plan::parse("plan.toml", &text("plan.toml")?);
        let plan = plan.map_err(|problems| EvidenceError::file(&folder.join("plan.toml"), problems))?;
        let notes = serde_json::from_str(&text("notes.json")?);
        let notes = notes.map_err(|error| EvidenceError::file(&folder.join("notes.json"), error))?;
        let (store, report) = (folder.join("data/stampede.db"), folder.join("out/report.json"));
        let store = store.exists().then(|| Stored::read(&store)).transpose()?;
        // Books that came in later made another report, which is in the store alone.
        let again = store.as_ref().filter(|store| store.revision > 1).and_then(|store| store.report.as_ref());
        let report = match again {
            Some(json) => Some(Told::parse(json).map_err(|error| EvidenceError::Store(error.to_string()))?),
            None => report.exists().then(|| Told::read(&report)).transpose()?,
        };
        Ok(Self { plan, rows: rows(&folder.join("record.csv"))?, notes, store, report })
    }
}

/// Reads the demo service's record.
///
/// # Errors
/// Names the file when it is not there or a row is broken.
pub fn rows(file: &Path) -> Result<Vec<Row>, EvidenceError> {
    let mut reader = csv::Reader::from_path(file).map_err(|error| EvidenceError::file(file, error))?;
    let row = |row: Result<demo::Record, csv::Error>| {
        row.map(|row| Row { unix_ns: row.unix_ns, arrival: row.arrival })
            .map_err(|error| EvidenceError::file(file, error))
    };
    reader.deserialize().map(row).collect()
}
