//! Plans from files and texts, with what they name; ids and dates of runs.

use crate::coordinator::EffectivePlan;
use crate::exit::{Exit, Failure};
use crate::files::Files;
use crate::live::say;
use crate::replay::{self, Shipped};
use common::arrivals::Timetable;
use common::plan::{Load, Plan, Scenario};
use std::path::Path;
use std::sync::Arc;

/// Reads and checks a plan; the failure shows every problem.
pub fn read_plan(path: &Path) -> Result<EffectivePlan, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::BadPlan, format!("read plan {}: {error}", path.display())))?;
    let mut effective = parse_plan(&path.display().to_string(), text)?;
    let bad = |wrong: Vec<String>| {
        let list: Vec<String> = wrong.iter().map(|why| format!("error: {why}\n")).collect();
        Failure::new(Exit::BadPlan, format!("{}{}: {} problems", list.concat(), path.display(), wrong.len()))
    };
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let files = Files::find(&effective.plan, folder).map_err(bad)?;
    let (_, script) = files.script(&effective.plan).map_err(bad)?;
    for shortage in script.shortages(&planned_iterations(&effective.plan)) {
        say(&format!("warning: {shortage}"));
    }
    effective.files = Arc::new(files);
    Ok(effective)
}

/// How many iterations each scenario plans, where its load tells before the run.
fn planned_iterations(plan: &Plan) -> Vec<Option<u64>> {
    let planned = |scenario: &Scenario| match &scenario.load {
        Load::Rate(_) => {
            let timetable = Timetable::of(scenario, plan.seed).ok()?;
            Some(timetable.count(timetable.end()))
        }
        Load::Tries(load) => Some(load.count),
        Load::Users(_) | Load::Replay(_) => None,
    };
    plan.scenarios.iter().map(planned).collect()
}

/// Reads the logs that a plan replays, relative to `folder`, into tapes; a plan that replays nothing stays as it is.
pub fn read_logs(effective: EffectivePlan, folder: &Path, tapes: &Path) -> Result<Shipped, Failure> {
    let EffectivePlan { text, plan, .. } = effective;
    if plan.replays().next().is_some() {
        say("reading the logs that the plan replays");
    }
    replay::ship(text, plan, folder, tapes).map_err(|wrong| Failure::new(Exit::BadPlan, wrong.join("\n")))
}

/// Checks the text of a plan; the failure shows every problem.
pub fn parse_plan(name: &str, text: String) -> Result<EffectivePlan, Failure> {
    match Plan::parse(name, &text) {
        Ok(plan) => Ok(EffectivePlan { text, plan, files: Arc::default(), notes: vec![] }),
        Err(problems) => Err(Failure::new(Exit::BadPlan, problems.to_string())),
    }
}

/// A new run's id.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Now, in RFC 3339, to the second; a label only.
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default().to_string()
}
