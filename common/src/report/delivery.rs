//! How much of the asked load was started, and what kept the rest: the fleet's faults or the generator's limits.

use crate::human;
use crate::ledger::{Entry, Skipped};

/// What became of the asked load, over all scenarios.
pub(super) struct Delivery {
    asked: u64,
    started: u64,
    unknown: u64,
    skipped: Skipped,
}

impl Delivery {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let sum = |of: fn(&Entry) -> u64| entries.iter().map(of).fold(0, u64::saturating_add);
        Self {
            asked: sum(Entry::asked),
            started: sum(|entry| entry.started),
            unknown: sum(|entry| entry.unknown),
            skipped: Skipped {
                late: sum(|entry| entry.skipped.late),
                overload: sum(|entry| entry.skipped.overload),
                no_lease: sum(|entry| entry.skipped.no_lease),
                stopped: sum(|entry| entry.skipped.stopped),
                no_data: sum(|entry| entry.skipped.no_data),
                time_up: sum(|entry| entry.skipped.time_up),
                unowned: sum(|entry| entry.skipped.unowned),
            },
        }
    }

    /// Whether faults of the fleet kept the plan from being delivered.
    pub(super) fn is_degraded(&self) -> bool {
        let most = self.by_fault() >= self.skipped.by_generator();
        self.unknown > 0 || self.is_much(self.by_fault()) || (most && self.is_much(self.missing()))
    }

    /// What faults of the fleet took of the asked load; `None` when that is too little to notice.
    pub(super) fn faults(&self) -> Option<String> {
        if !self.is_much(self.missing()) {
            return None;
        }
        let causes = [
            (self.unknown, "were lost with an agent"),
            (self.skipped.unowned, "had no owner"),
            (self.skipped.no_lease, "had no lease: the agents were cut off from the controller"),
        ];
        let causes = causes.iter().filter(|(n, _)| *n > 0);
        let causes: Vec<_> = causes.map(|(n, cause)| format!("{} {cause}", human::count(*n))).collect();
        Some(format!("{}; {}", self.share(), causes.join(", ")))
    }

    /// Whether the generator could not keep up, why most of the rest was not started, and what to do.
    pub(super) fn limit(&self) -> Option<String> {
        let own = self.skipped.by_generator();
        let most = own > self.by_fault();
        let is_limited = self.is_much(own) || (most && self.is_much(self.missing()));
        if !is_limited {
            return None;
        }
        let Skipped { late, overload, time_up, .. } = self.skipped;
        let (n, cause) = if time_up >= overload.max(late) {
            (
                time_up,
                "were not begun in time: write a longer `within` or more users, or the target is too slow",
            )
        } else if overload >= late {
            (overload, "found no free slot: raise max_in_flight, or the target is slower than the asked rate")
        } else {
            (late, "were too late: add agents or give them more processor time")
        };
        let n = human::count(n);
        let n = if most { format!("most of the rest ({n})") } else { n };
        Some(format!("{}; {n} {cause}", self.share()))
    }

    fn by_fault(&self) -> u64 {
        self.skipped.by_fault().saturating_add(self.unknown)
    }

    fn missing(&self) -> u64 {
        self.by_fault().saturating_add(self.skipped.by_generator())
    }

    /// Whether so many arrivals make another load than the asked.
    fn is_much(&self, arrivals: u64) -> bool {
        self.asked > 0 && arrivals as f64 / self.asked as f64 > MISSING_MAX
    }

    fn share(&self) -> String {
        let delivered = self.started as f64 / self.asked.max(1) as f64;
        format!("only {} of the asked load was started", human::share(delivered))
    }
}

/// Above this the measured load is another one than the asked: one arrival in a thousand is less than the
/// histograms resolve, and a run of an hour may lose a whole stall of 3 seconds before it is marked.
const MISSING_MAX: f64 = 0.001;
