//! `controller runs` and `controller compare`: what was kept.

use crate::exit::{Exit, Failure};
use crate::live::say;
use crate::start::{print, terminal};
use crate::{compare, runs, text};
use clap::{Args, Subcommand};
use common::compare::Rule;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// List the runs, the newest first.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Print the report of a run.
    Show {
        /// The run's id, or its beginning.
        run: String,
        #[command(flatten)]
        data: Data,
    },
    /// Write a run into a file: its report (.html, .json, .md), or everything that was measured (.stampede).
    Export {
        /// The run's id, or its beginning.
        run: String,
        /// The file; its ending says what is written.
        file: PathBuf,
        /// Leave the charts out of a page: 1.9 MB less.
        #[arg(long)]
        no_charts: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Take a run from a .stampede file into the data directory.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Delete runs with everything that was kept of them.
    Delete {
        /// Their ids, or the beginnings of them.
        #[arg(value_name = "RUN", required_unless_present_any = ["keep", "older_than"])]
        runs: Vec<String>,
        /// Delete all but so many, the newest.
        #[arg(long, value_name = "N", conflicts_with = "runs")]
        keep: Option<usize>,
        /// Delete those that are older.
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "runs")]
        older_than: Option<Duration>,
        #[command(flatten)]
        data: Data,
    },
    /// Add what agents could not deliver, from the files they left, and print the report anew.
    MergeSpool {
        /// The agents' spool files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// Print the JSON Schema of report.json, for programs that read it.
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The run that is the measure: its id, or the beginning of it.
    before: String,
    /// The run that is measured by it.
    after: String,
    /// A run that ought to be equal to the first one: what the two differ by is noise. May be repeated.
    #[arg(long, value_name = "RUN")]
    noise: Vec<String>,
    /// Fail (exit code 99) when a clear change is beyond this, for example "p95 > +10%" or "checkout.error_rate > +1%".
    /// May be repeated.
    #[arg(long, value_name = "RULE")]
    fail_if: Vec<Rule>,
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
pub(super) struct Data {
    /// Where the controller kept its runs.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

impl RunsCommand {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let (width, color) = terminal();
        match self {
            Self::List { data } => print(&runs::list(&data.data_dir)?),
            Self::Show { run, data } => {
                print(&text::render(&runs::show(&data.data_dir, &run)?, width, color));
            }
            Self::Export { run, file, no_charts, data } => {
                let run_id = runs::export(&data.data_dir, &run, &file, !no_charts)?;
                say(&format!("wrote run {run_id} into {}", file.display()));
            }
            Self::Import { file, data } => {
                for run_id in runs::import(&data.data_dir, &file)? {
                    say(&format!("run {run_id} is in {} now", data.data_dir.display()));
                }
            }
            Self::Delete { runs: named, keep, older_than, data } => {
                let mut gone = Vec::new();
                for run in &named {
                    gone.push(runs::delete(&data.data_dir, run)?);
                }
                if named.is_empty() {
                    let keep = runs::Keep { newest: keep, younger_than: older_than };
                    gone = runs::prune(&data.data_dir, keep, Timestamp::now())?;
                }
                gone.iter().for_each(|run_id| say(&format!("deleted run {run_id}")));
            }
            Self::MergeSpool { files, data } => {
                let merged = runs::merge_spool(&data.data_dir, &files)?;
                if merged.is_empty() {
                    say("there are no deltas in these files");
                }
                for (said, report) in merged {
                    say(&said);
                    print(&text::render(&report, width, color));
                }
            }
            Self::Schema => print(&format!("{:#}\n", common::report::schema())),
        }
        Ok(Exit::Ok)
    }
}

impl CompareArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let runs = compare::Runs { before: &self.before, after: &self.after, noise: &self.noise };
        let comparison = compare::compare(&self.data.data_dir, &runs)?;
        if self.json {
            let text = serde_json::to_string_pretty(&comparison);
            let text = text.map_err(|error| Failure::internal(format!("encode the comparison: {error}")))?;
            print(&format!("{text}\n"));
        } else {
            let (width, color) = terminal();
            print(&text::compared::render(&comparison, width, color));
        }
        let breaches = compare::breaches(&comparison, &self.fail_if);
        for breach in &breaches {
            say(&format!("fail: {breach}"));
        }
        Ok(if breaches.is_empty() { Exit::Ok } else { Exit::ThresholdFailed })
    }
}
