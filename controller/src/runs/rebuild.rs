//! The report of a run from what was stored of it.

use crate::chronicle::Happened;
use crate::conduct::{Label, account};
use crate::coordinator::{planned, restore};
use crate::journal::Saved;
use common::report::Report;
use common::run::Ending;
use common::time::RunTime;
use std::time::Duration;

/// The report of a stored run. What agents said of themselves in heartbeats is not stored; it is taken from the
/// report that the run has, if it has one.
pub fn rebuild(saved: &Saved) -> Result<Report, String> {
    let plan = planned(saved)?.plan;
    let before = saved.report.as_deref().map(serde_json::from_str::<Report>).transpose();
    let before = before.map_err(|error| format!("read the stored report: {error}"))?;
    let restored = restore(saved, plan.clone())?;
    let unended = || Ending::AgentLost("the controller ended before the run was over".into());
    let whole = || restored.books.end().since(RunTime::ZERO);
    let duration = if restored.ending.is_some() { restored.duration } else { whole() };
    let label = Label {
        plan: &plan,
        run_id: &saved.run_id,
        started_at: before.as_ref().map_or(&saved.created_at, |before| &before.run.started_at),
        duration: if restored.zero_at.is_some() { duration } else { Duration::ZERO },
    };
    let ending = restored.ending.clone().unwrap_or_else(unended);
    let mut report = account(label, &restored.books, &restored.owners, ending);
    if let Some(before) = before {
        take_over(&mut report, &before);
    }
    Ok(report)
}

/// What the report before told of the agents, their rows and the pulse, and no delta tells.
fn take_over(report: &mut Report, before: &Report) {
    if let Some(rows) = &before.rows {
        report.warnings.extend(rows.warnings());
        report.rows = Some(rows.clone());
    }
    report.pulse.clone_from(&before.pulse);
    for agent in &mut report.agents {
        if let Some(row) = before.agents.iter().find(|row| row.instance == agent.instance) {
            (agent.cpu_share, agent.economy) = (row.cpu_share, row.economy);
            (agent.clock_bound_us, agent.start_skew_us) = (row.clock_bound_us, row.start_skew_us);
        }
    }
}

/// An agent that had a session in the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) session: u64,
    pub(super) name: String,
    pub(super) instance: String,
}

/// The agents of the run, by their sessions.
pub(super) fn members(saved: &Saved) -> Result<Vec<Member>, String> {
    let happened = saved.events.iter().map(Happened::read).collect::<Result<Vec<_>, _>>()?;
    let member = |happened| match happened {
        Happened::Opened { session, name, instance, .. } => Some(Member { session, name, instance }),
        _ => None,
    };
    Ok(happened.into_iter().filter_map(member).collect())
}
