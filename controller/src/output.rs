//! What a run leaves behind: files in a folder, and the summary that a CI job shows.

use crate::pages::Pages;
use common::measured::Measured;
use common::report::Report;
use std::io::Write;
use std::path::Path;

mod csv;
mod hlog;
mod junit;
mod markdown;

/// Writes every form of the report into `folder`, which is made if need be: `report.html`, `report.json`, `summary.md`,
/// `junit.xml`, `steps.csv`, `timeline.csv` and `response_times.hlog`. `totals` are in the order of the report's series.
pub fn write(folder: &Path, report: &Report, plan: &str, totals: &Measured) -> Result<(), String> {
    let told = |path: &Path, error: std::io::Error| format!("write {}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
    for (name, content) in [
        ("report.html", Pages::new()?.report_file(report, plan, true)?),
        ("report.json", json(report)?),
        ("summary.md", markdown(report)),
        ("junit.xml", junit::render(report)?),
        ("steps.csv", csv::steps(report)),
        ("timeline.csv", csv::timeline(report)),
        ("response_times.hlog", hlog::render(report, totals)?),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| told(&path, error))?;
    }
    Ok(())
}

/// The report as the documented JSON.
pub fn json(report: &Report) -> Result<String, String> {
    let json = serde_json::to_string_pretty(report).map_err(|error| format!("encode the report: {error}"))?;
    Ok(format!("{json}\n"))
}

/// The report in Markdown, to be pasted.
#[must_use]
pub fn markdown(report: &Report) -> String {
    markdown::render(report)
}

/// Adds the summary to the file that a CI service shows beside a job, as GitHub names it in `GITHUB_STEP_SUMMARY`.
pub fn append_summary(file: &Path, report: &Report) -> Result<(), String> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(markdown::render(report).as_bytes()));
    written.map_err(|error| format!("write the summary to {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::report as sample;

    #[test]
    fn summaries_of_several_runs_stand_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary");
        append_summary(&file, &sample()).unwrap();
        append_summary(&file, &sample()).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, markdown::render(&sample()).repeat(2));
        assert!(append_summary(folder.path(), &sample()).is_err());
    }
}
