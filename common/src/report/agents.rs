//! One agent: what is known of it, and what the report tells.

use crate::counts::Counts;
use crate::histogram::Histogram;
use crate::measured::Tally;
use crate::report::Lag;
use crate::report::books::Part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of one agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentEvidence {
    /// Its name.
    pub name: String,
    /// Its process.
    pub instance: String,
    /// Lanes it owned last.
    pub lanes: u16,
    /// Arrivals that were its own, by scenario: from the history of its lanes.
    pub owned: Vec<u64>,
    /// What became of its arrivals, by scenario.
    pub tallies: Vec<Tally>,
    /// Arrivals that were its own by second of due time, over all scenarios.
    pub planned_by_second: Counts,
    /// Those of them that it started.
    pub started_by_second: Counts,
    /// Due until first byte sent, in microseconds.
    pub send_lag: Histogram,
    /// Due until released, in microseconds, of the arrivals that found a slot at once.
    pub release_lag: Histogram,
    /// Its engine threads' processor time ÷ their time, from 0 to 1, as it told while the load was on.
    pub cpu_share: f64,
    /// Its clock is known to ± this many microseconds.
    pub clock_bound_us: u64,
    /// How much later than run time zero it began, in microseconds.
    pub start_skew_us: u64,
    /// Whether it changed from precise to economy pacing by itself.
    pub economy: bool,
    /// Whether its last delta is in the books.
    pub finished: bool,
    /// Why it was lost, if it was and did not come back.
    pub lost: Option<String>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentRow {
    /// Its name.
    pub name: String,
    /// Its process.
    pub instance: String,
    /// Lanes it owned last, of [`LANES`](crate::lane::LANES).
    pub lanes: u16,
    /// Arrivals that were its own.
    #[serde(default)]
    pub owned: u64,
    /// Requests it started.
    pub started: u64,
    /// Arrivals of its own that it did not send, for any reason.
    #[serde(default)]
    pub skipped: u64,
    /// Arrivals of its own of which nobody knows whether they were sent.
    #[serde(default)]
    pub unknown: u64,
    /// Due until first byte sent.
    pub send_lag: Lag,
    /// Due until released, of the arrivals that found a slot at once.
    pub release_lag: Lag,
    /// Its engine threads' processor time ÷ their time, from 0 to 1, as it told while the load was on.
    pub cpu_share: f64,
    /// Its clock is known to ± this many microseconds.
    pub clock_bound_us: u64,
    /// How much later than run time zero it began, in microseconds.
    pub start_skew_us: u64,
    /// Whether it changed from precise to economy pacing by itself.
    pub economy: bool,
    /// Why it was lost, if it was and did not come back.
    pub lost: Option<String>,
}

impl AgentEvidence {
    /// Whether it told everything that there is to tell of its arrivals.
    pub(super) const fn told_all(&self) -> bool {
        self.finished && self.lost.is_none()
    }
}

impl AgentRow {
    /// The row of an agent with this part of the books.
    pub(super) fn of(agent: &AgentEvidence, part: Part) -> Self {
        let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0_u64, |sum, n| n.saturating_add(sum));
        Self {
            name: agent.name.clone(),
            instance: agent.instance.clone(),
            lanes: agent.lanes,
            owned: part.owned,
            started: sum(&mut agent.tallies.iter().map(|tally| tally.started)),
            skipped: sum(&mut agent.tallies.iter().map(Tally::skipped)),
            unknown: part.gap.unknown,
            send_lag: Lag::of(&agent.send_lag),
            release_lag: Lag::of(&agent.release_lag),
            // JSON knows no infinities, and an agent may send any number.
            cpu_share: if agent.cpu_share.is_finite() { agent.cpu_share } else { 0.0 },
            clock_bound_us: agent.clock_bound_us,
            start_skew_us: agent.start_skew_us,
            economy: agent.economy,
            lost: agent.lost.clone(),
        }
    }
}
