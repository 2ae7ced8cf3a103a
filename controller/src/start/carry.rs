//! One run, from its agents to its report.

use super::{Start, rows_of, terminal};
use crate::chronicle::Happened;
use crate::collect::Collector;
use crate::conduct::{Inbox, report};
use crate::coordinator::{EffectivePlan, Finished, Task};
use crate::desk::{Entry, Order, WITHDRAWN};
use crate::exit::{Exit, Failure};
use crate::feed::{Over, Publisher};
use crate::files::Files;
use crate::host::Host;
use crate::journal::{Journal, Record, Saved};
use crate::live::say;
use crate::local::is_local;
use crate::{clock, output, text};
use common::plan::Plan;
use common::report::Report;
use common::run::Ending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A run to be conducted, and where it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) plan: EffectivePlan,
    pub(super) run_id: String,
    pub(super) created_at: String,
    pub(super) journal: Box<dyn Journal>,
    pub(super) saved: Option<Saved>,
}

/// How many agents take part, and how many of them inside the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crew {
    pub(super) expect: usize,
    pub(super) local: usize,
}

impl Kept {
    /// What there is to see of it.
    pub(super) fn entry(&self) -> Entry {
        let (plan, text) = (self.plan.clone(), self.plan.text.clone());
        let order = Order { plan, text, name: None, agents: None };
        Entry::new(self.run_id.clone(), self.created_at.clone(), order)
    }
}

impl Start {
    pub(super) fn crew(&self, plan: &Plan) -> Crew {
        let asked = self.agents.or_else(|| plan.agents.expect.map(|expect| expect as usize));
        match (asked, self.local_agents) {
            (None, None) => Crew { expect: 1, local: 1 },
            (None, Some(local)) => Crew { expect: local, local },
            (Some(expect), local) => Crew { expect, local: local.unwrap_or(0).min(expect) },
        }
    }

    /// Of a run that began: agents elsewhere come back by themselves, those inside are started anew.
    pub(super) fn crew_again(&self, saved: &Saved) -> Result<Crew, Failure> {
        let happened = saved.events.iter().map(Happened::read).collect::<Result<Vec<_>, _>>();
        let happened = happened.map_err(Failure::internal)?;
        let was_inside =
            |happened: &&Happened| matches!(happened, Happened::Opened { name, .. } if is_local(name));
        let local = self.local_agents.unwrap_or_else(|| happened.iter().filter(was_inside).count());
        Ok(Crew { expect: self.agents.unwrap_or(1).max(local), local })
    }

    /// Carries a run to its end, keeps and prints its report, and tells its viewers how it ended.
    pub(super) async fn carry(
        &self,
        (kept, crew): (Kept, Crew),
        (host, entry): (&mut Host, &Entry),
        interrupts: mpsc::Receiver<()>,
        out: Option<&Path>,
    ) -> Result<Exit, Failure> {
        let (plan, created_at) = (kept.plan.clone(), kept.created_at.clone());
        let finished = self.conduct((kept, crew), (host, entry), interrupts).await;
        let mut finished = finished.inspect_err(|failure| entry.end(over(failure)))?;
        let mut report = report(&plan.plan, &created_at, &finished);
        report.warnings.splice(0..0, plan.notes);
        report.run.name.clone_from(&entry.name);
        if keep(&mut finished, &report).await
            && let Some(folder) = &self.data_dir
        {
            // Files are for going on with a run, and this one is over.
            Files::forget(folder, &finished.run_id).unwrap_or_else(|why| say(&why));
        }
        if let Some(folder) = out {
            let written = output::write(folder, &report, &plan.text, finished.books.totals());
            written.map_err(Failure::internal).inspect_err(|failure| entry.end(over(failure)))?;
            say(&format!("wrote {}", folder.join("report.html").display()));
        }
        if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
            output::append_summary(Path::new(&file), &report).unwrap_or_else(|why| say(&why));
        }
        if let Ending::NotStarted(why) = &finished.ending {
            let failure = Failure::new(Exit::NotEnoughAgents, format!("the run did not start: {why}"));
            entry.end(Over { report: Some(Arc::new(report)), ..over(&failure) });
            return Err(failure);
        }
        let (width, color) = terminal();
        super::print(&match output::json(&report) {
            Ok(json) if self.json => json,
            // A report that is no JSON is kept nowhere either, and that was told.
            _ => text::render(&report, width, color),
        });
        let exit = Exit::of(&report.verdict, &finished.ending, self.strict);
        // The journal is closed before anybody hears that the run is over and looks for it there.
        tokio::task::spawn_blocking(move || drop(finished)).await.unwrap_or_default();
        let verdict = Some(report.verdict.clone());
        entry.end(Over { verdict, report: Some(Arc::new(report)), failure: None, exit: exit as u8 });
        Ok(exit)
    }

    async fn conduct(
        &self,
        (kept, crew): (Kept, Crew),
        (host, entry): (&mut Host, &Entry),
        interrupts: mpsc::Receiver<()>,
    ) -> Result<Finished, Failure> {
        let (wishes, steering) = mpsc::channel(WISHES);
        let Kept { plan, run_id, created_at, journal, saved } = kept;
        let (expect, wait, clock) = (crew.expect, self.wait, clock::boot());
        let token = self.token.as_deref().map(Arc::from);
        let again = saved.is_some();
        let collector = self.rows_folder(&run_id, again)?.map(|folder| Collector::new(folder, &run_id));
        let publisher = Publisher::new(Arc::clone(&entry.board), created_at.clone());
        let task = Task { plan, expect, wait, run_id, created_at, token, clock, journal, collector, saved };
        if !entry.begin(wishes.clone()) {
            return Err(withdrawn());
        }
        let (shown, lines) = self.ui.show(&entry.board, wishes);
        let finished = host.run(task, crew.local, Inbox { interrupts, steering }, (lines, publisher)).await;
        shown.end().await;
        finished
    }

    /// Where the rows of a run are kept, if they are wanted; a run that is gone on with (`again`) wants what it wanted.
    fn rows_folder(&self, run_id: &str, again: bool) -> Result<Option<PathBuf>, Failure> {
        let begun = |data_dir: &PathBuf| again && rows_of(data_dir, run_id).is_dir();
        if !self.rows && !self.data_dir.as_ref().is_some_and(begun) {
            return Ok(None);
        }
        let kept = self.data_dir.as_ref().map(|folder| rows_of(folder, run_id));
        let folder = kept.or_else(|| self.out.as_ref().map(|folder| folder.join("rows")));
        let folder = folder.ok_or_else(|| {
            Failure::usage("--rows needs a place for them: add --data-dir DIR, or --out DIR")
        })?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::usage(format!("make {}: {error}", folder.display())))?;
        Ok(Some(folder))
    }
}

/// Why a run does not begin whose turn has come.
pub(super) fn withdrawn() -> Failure {
    Failure::new(Exit::Stopped, WITHDRAWN)
}

/// How a run ended that failed.
fn over(failure: &Failure) -> Over {
    let message = Some(failure.message.clone());
    Over { verdict: None, report: None, failure: message, exit: failure.exit as u8 }
}

/// Writes the report into the journal, and says whether it is durable; one that failed has told so.
async fn keep(finished: &mut Finished, report: &Report) -> bool {
    let Ok(report) = serde_json::to_string(report) else { return false };
    let n = finished.journal.append(Record::Report { run_id: finished.run_id.clone(), report });
    let mut durable = finished.journal.durable();
    let kept = durable.wait_for(|durable| durable.as_ref().map_or(true, |durable| *durable >= n));
    tokio::time::timeout(KEEP_WITHIN, kept).await.is_ok_and(|kept| kept.is_ok_and(|durable| durable.is_ok()))
}

/// Wishes of operators that wait.
const WISHES: usize = 16;
/// How long the report may take to become durable.
const KEEP_WITHIN: Duration = Duration::from_secs(10);
