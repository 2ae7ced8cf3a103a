//! What went wrong with the fleet, and what it cost.

use crate::report::books::Books;
use crate::report::{Evidence, TimelineRow};
use crate::time::{NANOS_PER_SECOND, RunTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that went wrong with the fleet, as the controller noticed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultEvidence {
    /// What.
    pub kind: FaultKind,
    /// Whose fault; `None`: everybody's.
    pub agent: Option<String>,
    /// The first run time that may have suffered.
    pub from: RunTime,
    /// From here on nothing suffers any more; `None`: it lasted until the end.
    pub until: Option<RunTime>,
    /// What happened, as a sentence without a full stop.
    pub text: String,
}

/// What can go wrong with the fleet: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An agent fell silent, or its connection ended, and what it fires nobody knows.
    AgentLost,
    /// An agent that was lost came back with its books.
    AgentReturned,
    /// An agent joined after the start.
    AgentJoinedLate,
    /// An agent left and handed its lanes over.
    AgentLeft,
    /// An agent's lease ended while it was needed: it fired nothing until it had another.
    LeaseLapsed,
    /// An agent's deltas contradict each other: what it told from then on is not in the books.
    BooksBroken,
    /// The controller was started again and went on with the run.
    ControllerRestarted,
    /// Lanes moved, and arrivals that were due meanwhile had no owner.
    HandoverGap,
    /// What was delivered could not be kept any more.
    StoreFailed,
    /// An agent's clock ran away from the controller's.
    ClockDrift,
}

/// Something that went wrong with the fleet, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRow {
    /// What.
    pub kind: FaultKind,
    /// Whose fault; `None`: everybody's.
    pub agent: Option<String>,
    /// Since when, in seconds since run time zero.
    pub from_s: f64,
    /// Until when; `None`: until the end.
    pub until_s: Option<f64>,
    /// What happened.
    pub text: String,
    /// Arrivals that were planned and not started, whatever the reason, in the rows of the timeline that it touches.
    pub missing: u64,
    /// Arrivals of its agent of which nobody knows whether they were sent.
    pub unknown: u64,
}

impl FaultKind {
    /// As it stands in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentLost => "agent_lost",
            Self::AgentReturned => "agent_returned",
            Self::AgentJoinedLate => "agent_joined_late",
            Self::AgentLeft => "agent_left",
            Self::LeaseLapsed => "lease_lapsed",
            Self::BooksBroken => "books_broken",
            Self::ControllerRestarted => "controller_restarted",
            Self::HandoverGap => "handover_gap",
            Self::StoreFailed => "store_failed",
            Self::ClockDrift => "clock_drift",
        }
    }

    /// Whether what an agent owned can become unknown by it.
    const fn takes_agent_away(self) -> bool {
        matches!(self, Self::AgentLost | Self::BooksBroken)
    }
}

impl FaultEvidence {
    /// Whether a stretch of run time lies under it. A fault of no length lies in the stretch in which it happened.
    pub(super) fn touches(&self, row: &TimelineRow) -> bool {
        let (from, until) = (self.from.nanos(), self.until.map_or(u64::MAX, RunTime::nanos));
        let begin = row.t_s.saturating_mul(NANOS_PER_SECOND);
        let end = row.t_s.saturating_add(row.width_s).saturating_mul(NANOS_PER_SECOND);
        from < end && (until > begin || from >= begin)
    }
}

/// Every fault with its cost, in the order in which they came.
pub(super) fn rows(evidence: &Evidence<'_>, books: &Books, timeline: &[TimelineRow]) -> Vec<FaultRow> {
    let unknown = unknown(evidence, books);
    let row = |(fault, unknown): (&FaultEvidence, u64)| FaultRow {
        kind: fault.kind,
        agent: fault.agent.clone(),
        from_s: seconds(fault.from),
        until_s: fault.until.map(seconds),
        text: fault.text.clone(),
        missing: missing(evidence, fault, timeline),
        unknown,
    };
    evidence.faults.iter().zip(unknown).map(row).collect()
}

/// Planned - started where the fault lies, whole rows, and none of what a stop took away.
fn missing(evidence: &Evidence<'_>, fault: &FaultEvidence, timeline: &[TimelineRow]) -> u64 {
    let stopped = evidence.stopped.map_or(u64::MAX, RunTime::second);
    let asked = |row: &&TimelineRow| row.t_s.saturating_add(row.width_s) <= stopped;
    let under = timeline.iter().filter(asked).filter(|row| fault.touches(row));
    under.fold(0, |sum, row| row.planned.saturating_sub(row.started).saturating_add(sum))
}

/// What agents took along, by fault: each agent's stands at one fault, so that the column can be added up.
fn unknown(evidence: &Evidence<'_>, books: &Books) -> Vec<u64> {
    let faults = evidence.faults;
    let mut unknown = vec![0_u64; faults.len()];
    for (agent, part) in evidence.agents.iter().zip(&books.parts).filter(|(_, part)| part.gap.unknown > 0) {
        let own = |fault: &FaultEvidence| fault.agent.as_ref() == Some(&agent.name);
        let away = faults.iter().rposition(|fault| own(fault) && fault.kind.takes_agent_away());
        if let Some(place) = away.or_else(|| faults.iter().rposition(own)) {
            unknown[place] = unknown[place].saturating_add(part.gap.unknown);
        }
    }
    unknown
}

fn seconds(t: RunTime) -> f64 {
    t.nanos() as f64 / NANOS_PER_SECOND as f64
}
