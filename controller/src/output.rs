//! What a run leaves behind: files in a folder.

use crate::text;
use common::report::Report;
use std::path::Path;

/// Writes `report.json` and `timeline.csv` into `folder`, which is made if need be.
pub fn write(folder: &Path, report: &Report) -> Result<(), String> {
    let told = |path: &Path, error: std::io::Error| format!("write {}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
    let mut json =
        serde_json::to_string_pretty(report).map_err(|error| format!("encode the report: {error}"))?;
    json.push('\n');
    for (name, content) in [("report.json", json), ("timeline.csv", text::timeline_csv(report))] {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| told(&path, error))?;
    }
    Ok(())
}
