//! Which runs are kept, and runs that are handed on.

use super::{find, told};
use crate::exit::Failure;
use crate::files::Files;
use crate::journal::TAPES;
use crate::output;
use crate::pages::Pages;
use crate::replay::sweep;
use crate::store::{self, Archive, RunLine};
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

/// Which runs that are over are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many, the newest; `None`: any number.
    pub newest: Option<usize>,
    /// Those that are not older; `None`: of any age.
    pub younger_than: Option<Duration>,
}

/// Writes a run into `file`. Its ending says how: `.html`, `.json` and `.md` are the report; `.stampede` is everything that
/// was measured, for `import`. Returns the run's id.
pub fn export(folder: &Path, run: &str, file: &Path, charts: bool) -> Result<String, Failure> {
    let run_id = super::id(folder, run)?;
    let form = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if form == "stampede" {
        store::export(folder, &run_id, file).map_err(told)?;
        return Ok(run_id);
    }
    let report = super::show(folder, &run_id)?;
    let content = match form {
        "html" => {
            let saved = Archive::open(folder).and_then(|archive| archive.head(&run_id)).map_err(told)?;
            let plan = saved.map(|saved| saved.plan).unwrap_or_default();
            Pages::new().and_then(|pages| pages.report_file(&report, &plan, charts))
        }
        "json" => output::json(&report),
        "md" => Ok(output::markdown(&report)),
        _ => {
            return Err(Failure::usage(format!(
                "{}: its ending says in which form the run is written: .html, .json, .md, or .stampede for \
                 `controller runs import`",
                file.display()
            )));
        }
    };
    std::fs::write(file, content.map_err(Failure::internal)?)
        .map_err(|error| Failure::usage(format!("write {}: {error}", file.display())))?;
    Ok(run_id)
}

/// Takes the runs of an exported file into a data directory; returns their ids.
pub fn import(folder: &Path, file: &Path) -> Result<Vec<String>, Failure> {
    store::import(folder, file).map_err(told)
}

/// Deletes a run with everything that was kept of it; returns its id.
pub fn delete(folder: &Path, run: &str) -> Result<String, Failure> {
    let archive = Archive::open(folder).map_err(told)?;
    let run_id = find(&archive.runs().map_err(told)?, run)?;
    remove(folder, &run_id).map_err(told)?;
    sweep_tapes(folder).map_err(told)?;
    Ok(run_id)
}

/// Deletes the run with exactly this id, with everything that was kept of it; returns whether there was one.
pub fn delete_exactly(folder: &Path, run_id: &str) -> Result<bool, String> {
    let there = Archive::open(folder)?.runs()?.iter().any(|run| run.run_id == run_id);
    if there {
        remove(folder, run_id)?;
        sweep_tapes(folder)?;
    }
    Ok(there)
}

/// Deletes what is not to be kept; returns the ids of what is gone. Runs that are not over stay.
pub fn prune(folder: &Path, keep: Keep, now: Timestamp) -> Result<Vec<String>, Failure> {
    let gone = surplus(folder, keep, now)?;
    delete_all(folder, &gone)?;
    Ok(gone)
}

/// The ids of the runs that are over and not to be kept, the newest first.
pub fn surplus(folder: &Path, keep: Keep, now: Timestamp) -> Result<Vec<String>, Failure> {
    let runs = Archive::open(folder).and_then(|archive| archive.runs()).map_err(told)?;
    let over = runs.into_iter().filter(|run| run.report_revision > 0).enumerate();
    let gone = over.filter(|(place, run)| {
        keep.newest.is_some_and(|newest| *place >= newest) || keep.is_too_old(run, now)
    });
    Ok(gone.map(|(_, run)| run.run_id).collect())
}

/// Deletes these runs with everything that was kept of them.
pub fn delete_all(folder: &Path, run_ids: &[String]) -> Result<(), Failure> {
    if run_ids.is_empty() {
        return Ok(());
    }
    run_ids.iter().try_for_each(|run_id| remove(folder, run_id)).map_err(told)?;
    sweep_tapes(folder).map_err(told)
}

impl Keep {
    fn is_too_old(&self, run: &RunLine, now: Timestamp) -> bool {
        let created = run.created_at.parse::<Timestamp>().ok();
        // A run of unknown age is kept.
        let age = created.and_then(|created| Duration::try_from(now.duration_since(created)).ok());
        self.younger_than.zip(age).is_some_and(|(most, age)| age > most)
    }
}

/// What is in the store goes first: what is left of the files after a crash belongs to nobody and is harmless.
fn remove(folder: &Path, run_id: &str) -> Result<(), String> {
    store::delete(folder, run_id)?;
    Files::forget(folder, run_id)?;
    let files = folder.join("runs").join(run_id);
    match std::fs::remove_dir_all(&files) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("delete {}: {error}", files.display()))
        }
        _ => Ok(()),
    }
}

/// Deletes the tapes that no run needs any more: several may share one.
fn sweep_tapes(folder: &Path) -> Result<(), String> {
    sweep(&folder.join(TAPES), || {
        let archive = Archive::open(folder)?;
        let mut plans = Vec::new();
        for run in archive.runs()? {
            plans.extend(archive.head(&run.run_id)?.map(|saved| saved.plan));
        }
        Ok(plans)
    })
}
