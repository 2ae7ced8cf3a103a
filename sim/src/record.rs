//! What happened, in order: the witness that every host writes to and the checks read.

use common::report::Report;
use common::run::Ending;
use common::time::RunTime;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The record of one simulation. Cheap to clone; everybody writes to the same one.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<Pages>>);

/// What is written.
#[derive(Debug, Default)]
pub struct Pages {
    /// Everything, as (simulated time, who, what).
    pub events: Vec<(Duration, String, String)>,
    /// Requests that left an engine.
    pub fired: Vec<Shot>,
    /// Requests that the target saw.
    pub arrived: Vec<Shot>,
    /// Until when an agent's engine does not run, by its number.
    pub stalls: BTreeMap<u32, Duration>,
    /// Arrivals that were fired by somebody else than who owned them, as sentences.
    pub strangers: Vec<String>,
    /// The controller's last word.
    pub report: Option<Report>,
    /// When that was, and of what.
    pub outcome: Option<Outcome>,
}

/// A run that is over, in simulated time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// When run time zero was.
    pub zero: Duration,
    /// How long after that the load ended.
    pub load_end: Duration,
    /// When the report was made.
    pub at: Duration,
}

/// A request, somewhere on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shot {
    /// The scenario's number in the plan.
    pub scenario: u32,
    /// The arrival's number in the scenario.
    pub k: u64,
    /// When it was due.
    pub due: RunTime,
    /// The agent's number.
    pub agent: u32,
    /// Simulated time.
    pub at: Duration,
}

impl Record {
    /// Writes that something happened now, on the host that calls.
    pub fn tell(&self, who: &str, what: impl Into<String>) {
        self.tell_at(now(), who, what);
    }

    /// Writes that something happened, from outside of the hosts.
    pub fn tell_at(&self, at: Duration, who: &str, what: impl Into<String>) {
        self.pages().events.push((at, who.to_owned(), what.into()));
    }

    /// How much longer the engine of an agent does not run; `None` when it does.
    #[must_use]
    pub fn stalled(&self, agent: u32) -> Option<Duration> {
        let until = self.pages().stalls.get(&agent).copied()?;
        until.checked_sub(now()).filter(|left| !left.is_zero())
    }

    /// Everything that is written.
    pub fn pages(&self) -> MutexGuard<'_, Pages> {
        // A host that panicked while it wrote has failed the simulation already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// A number that only equal histories share.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (at, who, what) in &self.events {
            write(&mut hasher, *at, who);
            hasher.write(what.as_bytes());
            hasher.write_u8(0xff);
        }
        for (kind, shots) in [("fired", &self.fired), ("arrived", &self.arrived)] {
            for shot in shots {
                write(&mut hasher, shot.at, kind);
                hasher.write_u32(shot.scenario);
                hasher.write_u32(shot.agent);
                hasher.write_u64(shot.k);
            }
        }
        let report = self.report.as_ref().map(serde_json::to_vec);
        if let Some(Ok(report)) = report {
            hasher.write(&report);
        }
        hasher.finish()
    }
}

fn write(hasher: &mut DefaultHasher, at: Duration, who: &str) {
    hasher.write_u128(at.as_nanos());
    hasher.write(who.as_bytes());
    hasher.write_u8(0xff);
}

/// Simulated time on the host that calls.
#[must_use]
pub fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// The name of an agent.
#[must_use]
pub fn name(agent: u32) -> String {
    format!("agent-{agent}")
}
