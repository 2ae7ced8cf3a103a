//! What was done to a run, one JSON object a line.

use crate::clock::boot_ns;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The log of a round.
#[derive(Debug)]
pub struct Log {
    file: File,
    zero_ns: Option<u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// On the boot-time clock of the machine, as the store's events.
    boot_ns: u64,
    /// Seconds since the load was on; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_s: Option<f64>,
    what: &'a str,
}

impl Log {
    /// An empty log in a new file.
    ///
    /// # Errors
    /// What the system says, with the file's name.
    pub fn create(file: &Path) -> Result<Self, String> {
        let created = File::create(file).map_err(|error| format!("write {}: {error}", file.display()))?;
        Ok(Self { file: created, zero_ns: None })
    }

    /// From now on lines tell how long the load has been on.
    pub fn set_zero(&mut self, zero_ns: u64) {
        self.zero_ns = Some(zero_ns);
    }

    /// Adds a line.
    ///
    /// # Errors
    /// What the system says.
    pub fn note(&mut self, what: &str) -> Result<(), String> {
        let boot_ns = boot_ns();
        let run_s = self.zero_ns.map(|zero| boot_ns.saturating_sub(zero) as f64 / 1e9);
        let line = serde_json::to_string(&Line { boot_ns, run_s, what });
        let line = line.map_err(|error| format!("encode a line of the log: {error}"))?;
        writeln!(self.file, "{line}").map_err(|error| format!("write the log: {error}"))
    }
}
