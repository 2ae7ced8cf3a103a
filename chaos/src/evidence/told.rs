//! The report as it was told: only what is checked, read by a reader of its own.
//!
//! Not `common`'s `Report`: a key that changed its name there would change it here too, and nobody would see it.

use super::EvidenceError;
use common::report::Summary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Told {
    /// Which run.
    pub run: Head,
    /// Every agent that took part.
    pub agents: Vec<Agent>,
    /// The books, by the scenario's name.
    pub ledger: BTreeMap<String, Entry>,
    /// Books that do not balance.
    pub imbalances: BTreeMap<String, String>,
    /// What was measured, in the plan's order.
    pub series: Vec<SeriesTold>,
}

/// Which run a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Head {
    /// The run.
    pub id: String,
    /// The seed of the plan.
    pub seed: u64,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Its process.
    pub instance: String,
    /// Requests it started.
    pub started: u64,
    /// Its clock is known to ± this many microseconds.
    pub clock_bound_us: u64,
    /// Arrivals that were its own, where the report tells it.
    pub owned: Option<u64>,
    /// Those of which nobody knows whether they were sent, where the report tells it.
    pub unknown: Option<u64>,
}

/// What became of a scenario's arrivals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    /// Arrivals of the schedule.
    pub planned: u64,
    /// Those whose request was handed to the client.
    pub started: u64,
    /// Started requests that ended.
    pub finished: u64,
    /// Started requests that were given up.
    pub abandoned: u64,
    /// Arrivals that were not sent, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Arrivals of which nobody knows whether they were sent.
    pub unknown: u64,
}

/// What one series measured.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SeriesTold {
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// Requests that ended.
    pub requests: u64,
    /// Those that were errors of the target.
    pub errors: u64,
    /// Responses by status code.
    pub status: BTreeMap<u16, u64>,
    /// By kind of outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// The agents' own faults by kind.
    pub generator_faults: BTreeMap<String, u64>,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Due until last byte of the answer.
    pub response_time: Summary,
    /// First byte sent until last byte of the answer.
    pub service_time: Summary,
    /// Due until first byte sent.
    pub send_lag: Summary,
    /// First byte sent until first byte of the answer.
    pub ttfb: Summary,
    /// Making a connection.
    pub connect_time: Summary,
    /// Sizes of bodies.
    pub size: Summary,
}

impl Told {
    /// Reads a report from its JSON.
    ///
    /// # Errors
    /// Says which key is missing or of another type.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Reads `report.json`.
    ///
    /// # Errors
    /// Names the file when it is not there or is none.
    pub fn read(file: &Path) -> Result<Self, EvidenceError> {
        let json = std::fs::read_to_string(file).map_err(|error| EvidenceError::file(file, error))?;
        Self::parse(&json).map_err(|error| EvidenceError::file(file, error))
    }
}
