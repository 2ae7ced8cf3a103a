//! `controller runs`: what is in a data directory, and deltas that come late.

use crate::exit::{Exit, Failure};
use crate::journal::Saved;
use crate::store::{Archive, Correction, Merged, RunLine, is_in_use};
use common::human::printable;
use common::report::Report;
use proto::spool::Spool;
use proto::v1;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod keep;
mod rebuild;

pub use keep::{Keep, delete, delete_all, delete_exactly, export, import, prune, surplus};
pub use rebuild::rebuild;

/// A spool file that was read.
#[derive(Debug)]
struct Spooled {
    file: PathBuf,
    hello: v1::Hello,
    deltas: Vec<v1::Delta>,
}

/// Every run of a data directory as a table, the newest first.
pub fn list(folder: &Path) -> Result<String, Failure> {
    let runs = Archive::open(folder).and_then(|archive| archive.runs()).map_err(told)?;
    let newest_runs = is_in_use(folder);
    let mut rows = vec![["run", "name", "created", "state", "verdict"].map(str::to_owned)];
    rows.extend(runs.iter().enumerate().map(|(place, run)| row(run, newest_runs && place == 0)));
    Ok(table(&rows))
}

/// Whether a directory keeps any runs yet.
#[must_use]
pub fn is_there(folder: &Path) -> bool {
    Archive::open(folder).is_ok()
}

/// The id of a run, named by it or by the beginning of it.
pub fn id(folder: &Path, run: &str) -> Result<String, Failure> {
    let archive = Archive::open(folder).map_err(told)?;
    find(&archive.runs().map_err(told)?, run)
}

/// The stored report of a run, named by its id or by the beginning of it.
pub fn show(folder: &Path, run: &str) -> Result<Report, Failure> {
    let archive = Archive::open(folder).map_err(told)?;
    let run_id = find(&archive.runs().map_err(told)?, run)?;
    let saved = archive.load(&run_id).map_err(told)?;
    let report = saved.and_then(|saved| saved.report).ok_or_else(|| {
        Failure::usage(format!(
            "run {run_id} has no report: it is not over; continue it with `controller start --resume --data-dir {}`",
            folder.display()
        ))
    })?;
    parse(&report)
}

/// Adds what agents could not deliver, from their spool files, to the runs it belongs to; returns what changed in each
/// run and the reports that now hold. A run gets all of its deltas or none.
pub fn merge_spool(folder: &Path, files: &[PathBuf]) -> Result<Vec<(String, Report)>, Failure> {
    let mut runs: BTreeMap<String, Vec<Spooled>> = BTreeMap::new();
    for file in files {
        if let Some((run_id, spooled)) = read(file).map_err(Failure::usage)? {
            runs.entry(run_id).or_default().push(spooled);
        }
    }
    let mut correction = Correction::open(folder).map_err(told)?;
    let mut merged = Vec::new();
    for (run_id, spooled) in runs {
        let Merged { applied, duplicates, report, revision } =
            merge(&mut correction, &run_id, &spooled).map_err(told)?;
        let said = format!(
            "run {}: {applied} deltas merged, {duplicates} were there already; this is revision {revision} of its report",
            printable(&run_id)
        );
        merged.push((said, parse(&report)?));
    }
    Ok(merged)
}

fn merge(correction: &mut Correction, run_id: &str, spooled: &[Spooled]) -> Result<Merged, String> {
    // Files may be named in any order.
    let mut deltas: Vec<v1::Delta> = spooled.iter().flat_map(|one| &one.deltas).cloned().collect();
    deltas.sort_by_key(|delta| (delta.session_id, delta.seq));
    correction.merge(run_id, &deltas, |saved| {
        if saved.report.is_none() {
            return Err(
                "the run is not over: continue it with `controller start --resume`, then merge".into()
            );
        }
        spooled.iter().try_for_each(|one| one.check(saved))?;
        let report = rebuild(saved)?;
        serde_json::to_string(&report).map_err(|error| format!("encode the report: {error}"))
    })
}

/// A spool file and the run it belongs to; `None` when there is no delta in it.
fn read(path: &Path) -> Result<Option<(String, Spooled)>, String> {
    let told = |why: &dyn std::fmt::Display| format!("spool file {}: failed to {why}", path.display());
    let file = std::fs::File::open(path).map_err(|error| told(&format!("open it: {error}")))?;
    let (hello, deltas) = Spool::open(file).map_err(|error| told(&error))?;
    let deltas = deltas.collect::<Result<Vec<_>, _>>().map_err(|error| told(&error))?;
    let Some(first) = deltas.first() else { return Ok(None) };
    let run_id = first.run_id.clone();
    if let Some(other) =
        deltas.iter().find(|delta| (&delta.run_id, delta.session_id) != (&run_id, first.session_id))
    {
        return Err(told(&format!(
            "take it as one: delta {} is of another session than the first one; this is no spool file",
            other.seq
        )));
    }
    Ok(Some((run_id, Spooled { file: path.to_owned(), hello, deltas })))
}

impl Spooled {
    /// Whether the deltas are from the process that had the session in that run.
    fn check(&self, saved: &Saved) -> Result<(), String> {
        let session = self.deltas.first().map_or(0, |delta| delta.session_id);
        let members = rebuild::members(saved)?;
        match members.iter().find(|member| member.session == session) {
            Some(member) if member.instance == self.hello.instance_id => Ok(()),
            Some(member) => Err(format!(
                "take {}: it is of another process than agent {} of this run",
                self.file.display(),
                printable(&member.name)
            )),
            None => {
                Err(format!("take {}: its session {session} had no part in this run", self.file.display()))
            }
        }
    }
}

/// The run whose id begins so.
fn find(runs: &[RunLine], begin: &str) -> Result<String, Failure> {
    let mut found = runs.iter().filter(|run| run.run_id.starts_with(begin));
    match (found.next(), found.next()) {
        (Some(run), None) => Ok(run.run_id.clone()),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several runs begin with {begin}: give more of the id")))
        }
        (None, _) => Err(Failure::usage(format!(
            "there is no run {begin}: `controller runs list` shows those there are"
        ))),
    }
}

fn row(run: &RunLine, is_running: bool) -> [String; 5] {
    let state = match run.report_revision {
        0 if is_running => "running".to_owned(),
        0 => "unfinished".to_owned(),
        1 => "over".to_owned(),
        revision => format!("over, revision {revision}"),
    };
    let verdict = run.verdict.as_deref().unwrap_or("-").replace('_', " ");
    [run.run_id.clone(), run.name.clone(), run.created_at.clone(), state, verdict]
        .map(|cell| printable(&cell))
}

/// Columns under each other, to the left.
fn table(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn parse(report: &str) -> Result<Report, Failure> {
    serde_json::from_str(report).map_err(|error| {
        Failure::internal(format!("the stored report cannot be read by this build: {error}"))
    })
}

pub(crate) fn told(why: String) -> Failure {
    Failure::new(Exit::Usage, format!("failed to {why}"))
}

#[cfg(test)]
mod tests;
