//! What must hold in every history, whatever happens.

use crate::clock::{Real, SECOND};
use common::arrivals::Due;
use common::measured::Tally;
use common::pacer::SkipReason;
use common::run::SessionId;
use common::time::RunTime;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// No arrival is fired, or else resolved, twice.
    Once,
    /// Who resolved an arrival is its owner.
    Owner,
    /// Nothing is fired before it is due.
    Due,
    /// Nothing is fired at the end of the lease or later.
    Lease,
    /// The controller's idea of a lease's end is not before the agent's.
    LeaseEnd,
    /// Nobody is said to have fired without a lease.
    Accused,
    /// Resolved is at most owned, and all of it once a session has finished; the plan is accounted for.
    Books,
    /// Applied are the deltas 1 to last, each once, as they were sealed.
    Deltas,
    /// No more deltas wait for their ack than the window holds.
    Memory,
    /// Every run ends.
    End,
    /// Once the faults are over, everybody who is there has a part and brings it to its end.
    Recovery,
}

/// Who resolved an arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved {
    pub(crate) session: SessionId,
    pub(crate) due: RunTime,
    pub(crate) fired: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) broken: Vec<(Promise, String)>,
    pub(crate) resolved: HashMap<(usize, u64), Resolved>,
    /// By session and scenario, as the agents know it themselves.
    pub(crate) truth: BTreeMap<SessionId, Vec<Tally>>,
    /// How often what happened.
    pub(crate) seen: BTreeMap<&'static str, u64>,
    /// The last events, if somebody wants to see them.
    pub(crate) trace: Option<VecDeque<String>>,
}

impl Check {
    pub(crate) fn fail(&mut self, promise: Promise, now: Real, what: impl FnOnce() -> String) {
        if self.broken.iter().filter(|(own, _)| *own == promise).count() < 3 {
            let what = what();
            self.note(now, || format!("BROKEN {promise:?}: {what}"));
            self.broken.push((promise, what));
        }
    }

    pub(crate) fn note(&mut self, now: Real, what: impl FnOnce() -> String) {
        let Some(trace) = &mut self.trace else { return };
        trace.push_back(format!("{:4}.{:06} {}", now / SECOND, now % SECOND / 1000, what()));
        if trace.len() > TRACE {
            trace.pop_front();
        }
    }

    pub(crate) fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn on_resolved(
        &mut self,
        (session, scenario, due): (SessionId, usize, Due),
        skipped: Option<SkipReason>,
        now: Real,
        scenarios: usize,
    ) {
        let tally =
            &mut self.truth.entry(session).or_insert_with(|| vec![Tally::default(); scenarios])[scenario];
        match skipped {
            None => tally.started += 1,
            Some(reason) => tally.skip(reason),
        }
        let mine = Resolved { session, due: due.at, fired: skipped.is_none() };
        if let Some(before) = self.resolved.insert((scenario, due.k), mine) {
            let how = skipped.map_or("fired", |_| "skipped");
            self.fail(Promise::Once, now, || {
                format!(
                    "arrival {} of scenario {scenario}, due {:?}, {how} by {session:x} after {before:x?}",
                    due.k, due.at
                )
            });
        }
    }

    /// What `session` resolved so far.
    pub(crate) fn truth(&self, session: SessionId) -> u64 {
        self.truth.get(&session).map_or(0, |tallies| tallies.iter().map(Tally::resolved).sum())
    }
}

/// So many events are remembered for a failure's report.
const TRACE: usize = 400;
