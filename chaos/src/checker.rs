//! Holds a run's evidence against the promises. Pure: evidence in, everything that is wrong out, at once.
//!
//! | rule | what it says |
//! |---|---|
//! | `readable` | every recorded arrival names a scenario and a number, every stored delta can be read |
//! | `once` | no arrival came twice |
//! | `planned` | every arrival that came is in the plan |
//! | `early` | none came before it was due |
//! | `owned` | every arrival that came was somebody's |
//! | `lease` | none came after its owner's lease was over |
//! | `counted` | answered ≤ the target's own count ≤ started + unknown, per owner and scenario |
//! | `ledger` | planned = started + skipped + unknown, and the report knows of no imbalance |
//! | `accounts` | what an agent owned = what became of it + unknown; nothing unknown once it has told everything |
//! | `deltas` | every session's deltas are numbered without a gap and add up to their own running sums |
//! | `order` | merged in any order, the deltas give the same bytes |
//! | `report` | the report's series and books are those of the deltas |
//! | `stored` | the stored report is the written one |
//! | `settled` | once nothing is broken any more, the plan is delivered |
//!
//! A rule whose evidence is missing says so; it does not hold.

use crate::evidence::Evidence;

mod accounts;
mod arrivals;
mod case;
mod finding;
mod leases;
mod merged;

use case::Case;
pub use finding::Finding;

/// Checks every rule.
#[must_use]
pub fn check(evidence: &Evidence) -> Vec<Finding> {
    let case = match Case::of(evidence) {
        Ok(case) => case,
        Err(why) => return vec![Finding::broken("readable", why)],
    };
    let rules: [fn(&Case<'_>) -> Finding; 14] = [
        arrivals::readable,
        arrivals::once,
        arrivals::planned,
        arrivals::early,
        arrivals::owned,
        leases::lease,
        accounts::counted,
        accounts::ledger,
        accounts::accounts,
        merged::deltas,
        merged::order,
        merged::report,
        merged::stored,
        arrivals::settled,
    ];
    rules.into_iter().map(|rule| rule(&case)).collect()
}

#[cfg(test)]
mod tests;
