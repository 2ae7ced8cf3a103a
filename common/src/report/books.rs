//! The books of a run, closed as far as they close: every agent's part, then every scenario.

use crate::human;
use crate::ledger::{self, Entry, Gap};
use crate::measured::Tally;
use crate::plan::Plan;
use crate::report::Evidence;
use crate::run::Ending;
use std::collections::BTreeMap;

/// The books of every scenario, closed as far as they close.
pub(super) struct Books {
    /// By the scenario's number in the plan.
    pub(super) entries: Vec<Entry>,
    /// Every agent's part, over all scenarios; in the order of the agents.
    pub(super) parts: Vec<Part>,
    /// By the scenario's number: why its books do not close, in words that fit after "failed to".
    pub(super) failures: BTreeMap<usize, Vec<String>>,
}

/// An agent's part of the books, over all scenarios.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// Arrivals that were its own; none when the run never began.
    pub(super) owned: u64,
    /// What it took along.
    pub(super) gap: Gap,
}

impl Books {
    pub(super) fn of(evidence: &Evidence<'_>) -> Self {
        let parts = vec![Part::default(); evidence.agents.len()];
        let mut books = Self { entries: Vec::new(), parts, failures: BTreeMap::new() };
        for number in 0..evidence.plan.scenarios.len() {
            let planned = evidence.planned.get(number).copied().unwrap_or_default();
            let entry = match evidence.ending {
                // No agent was ever told to begin, so none has books: the whole schedule was stopped.
                Ending::NotStarted(_) => never_began(planned),
                _ => books.close(evidence, number, planned),
            };
            books.entries.push(entry);
        }
        books
    }

    fn close(&mut self, evidence: &Evidence<'_>, number: usize, planned: u64) -> Entry {
        let known = evidence.totals.tallies.get(number).copied().unwrap_or_default();
        let unowned = evidence.unowned.get(number).copied().unwrap_or_default();
        let (gap, broken) = self.close_parts(evidence, number);
        let closed = ledger::close(planned, &known, unowned, gap);
        let whole = closed.as_ref().err().map(|imbalance| format!("close the books: {imbalance}"));
        let failures: Vec<String> = whole.into_iter().chain(broken).collect();
        if !failures.is_empty() {
            self.failures.insert(number, failures);
        }
        closed.unwrap_or_else(|_| Entry::open(planned, &known, unowned, gap))
    }

    /// Closes every agent's part of a scenario: what they took along together, and whose books do not close.
    fn close_parts(&mut self, evidence: &Evidence<'_>, number: usize) -> (Gap, Vec<String>) {
        let (mut sum, mut broken, mut more) = (Gap::default(), Vec::new(), 0_u64);
        for (agent, own) in evidence.agents.iter().zip(&mut self.parts) {
            let owned = agent.owned.get(number).copied().unwrap_or_default();
            let known = agent.tallies.get(number).copied().unwrap_or_default();
            own.owned = own.owned.saturating_add(owned);
            match ledger::close_part(owned, &known, agent.told_all()) {
                Ok(gap) => (sum, own.gap) = (sum.plus(gap), own.gap.plus(gap)),
                Err(_) if broken.len() >= NAMED_MAX => more += 1,
                Err(imbalance) => {
                    broken.push(format!("close the books of agent {}: {imbalance}", agent.name));
                }
            }
        }
        if more > 0 {
            broken.push(format!("close the books of {} more agents", human::count(more)));
        }
        (sum, broken)
    }

    pub(super) fn by_name(&self, plan: &Plan) -> BTreeMap<String, Entry> {
        let names = plan.scenarios.iter().map(|scenario| scenario.name.clone());
        names.zip(self.entries.iter().copied()).collect()
    }

    pub(super) fn imbalances(&self, plan: &Plan) -> BTreeMap<String, String> {
        let told = |(number, failures): (&usize, &Vec<String>)| {
            let scenario = plan.scenarios.get(*number)?;
            Some((scenario.name.clone(), failures.join("; ")))
        };
        self.failures.iter().filter_map(told).collect()
    }

    /// Started ÷ planned of these entries, without what a stop took away; `None` when nothing was asked for.
    pub(super) fn delivered<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Option<f64> {
        let asked: f64 = entries.clone().map(|entry| entry.asked() as f64).sum();
        let started: f64 = entries.map(|entry| entry.started as f64).sum();
        (asked > 0.0).then(|| started / asked)
    }
}

fn never_began(planned: u64) -> Entry {
    Entry::open(planned, &Tally { stopped: planned, ..Tally::default() }, 0, Gap::default())
}

/// More agents than this are not named one by one: a thousand of them would drown the first.
const NAMED_MAX: usize = 10;
