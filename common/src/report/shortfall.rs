//! When which agent started less than it owned.

use crate::counts::Counts;
use crate::report::{AgentEvidence, Evidence};
use crate::run::Ending;
use crate::timeline::{BUCKETS_MAX, WIDTH_S_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch of the run in which an agent started less than it owned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShortfallRow {
    /// The agent.
    pub agent: String,
    /// Where the stretch begins, in seconds since run time zero; by due time.
    pub t_s: u64,
    /// How wide it is, in seconds: a power of two.
    pub width_s: u64,
    /// Arrivals that were the agent's own then, over all scenarios.
    pub planned: u64,
    /// Those of them whose request it started.
    pub started: u64,
}

/// Agent after agent in the order of time, with nothing where an agent started all that it owned.
pub(super) fn rows(evidence: &Evidence<'_>) -> Vec<ShortfallRow> {
    if matches!(evidence.ending, Ending::NotStarted(_)) {
        return Vec::new();
    }
    let count = evidence.agents.iter().filter(|agent| !short(agent).is_empty()).count();
    let most = (ROWS_MAX / count.max(1)).clamp(1, BUCKETS_MAX);
    evidence.agents.iter().flat_map(|agent| bounded(agent, most)).collect()
}

/// The rows of one agent, coarse enough for at most `most` of them.
fn bounded(agent: &AgentEvidence, most: usize) -> Vec<ShortfallRow> {
    let mut rows = short(agent);
    let (mut planned, mut started) = (agent.planned_by_second.clone(), agent.started_by_second.clone());
    while rows.len() > most && planned.width_s() < WIDTH_S_MAX {
        let width_s = planned.width_s().max(started.width_s()) * 2;
        planned.coarsen_to(width_s);
        started.coarsen_to(width_s);
        rows = between(&agent.name, &planned, &started);
    }
    rows
}

fn short(agent: &AgentEvidence) -> Vec<ShortfallRow> {
    between(&agent.name, &agent.planned_by_second, &agent.started_by_second)
}

fn between(agent: &str, planned: &Counts, started: &Counts) -> Vec<ShortfallRow> {
    let (mut planned, mut started) = (planned.clone(), started.clone());
    let width_s = planned.width_s().max(started.width_s());
    planned.coarsen_to(width_s);
    started.coarsen_to(width_s);
    let row = |place: usize| ShortfallRow {
        agent: agent.to_owned(),
        t_s: place as u64 * width_s,
        width_s,
        planned: planned.at(place),
        started: started.at(place),
    };
    (0..planned.len()).map(row).filter(|row| row.started < row.planned).collect()
}

/// Rows of all agents together, where that leaves each at least one: a report must stay a file that can be opened.
const ROWS_MAX: usize = 60_000;
