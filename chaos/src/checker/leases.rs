//! Nobody fires without a lease.

use super::arrivals::owner;
use super::case::{Case, Hit, Session, Silence};
use super::finding::Finding;
use std::collections::BTreeMap;
use std::time::Duration;

/// No arrival came after its owner's lease was over.
///
/// Two things are allowed for: what was on its way when the lease ended, and, when a stopped process was let go on,
/// one request per engine thread that stood between the look at the lease and the write.
pub(super) fn lease(case: &Case<'_>) -> Finding {
    let Some(store) = &case.store else { return Finding::missing("lease", "the store") };
    let mut finding = Finding::of("lease");
    let mut excused: BTreeMap<(&str, u64), u64> = BTreeMap::new();
    for hit in &case.hits {
        let Some((number, session)) = hit.owner.and_then(|own| Some((own, store.sessions.get(&own)?))) else {
            continue;
        };
        let late = session.silent.iter().find(|silence| silence.covers(hit.at_ns));
        let right = late.is_none()
            || resumed(case, session, hit).is_some_and(|at| {
                let used = excused.entry((&session.name, at)).or_default();
                *used += 1;
                *used <= case.evidence.notes.threads
            });
        finding.look(right, || {
            let over = Duration::from_nanos(hit.at_ns - late.map_or(0, |silence| silence.from_ns));
            let whose = owner(case, Some(number));
            format!("{} came {over:?} after the lease was over{whose}", case.name(hit))
        });
    }
    finding
}

/// When the agent of a session was let go on shortly before this arrival came.
fn resumed(case: &Case<'_>, session: &Session, hit: &Hit) -> Option<u64> {
    let own = case.evidence.notes.resumed.iter().filter(|resumed| resumed.agent == session.name);
    let before = own.map(|resumed| resumed.boot_ns).filter(|at| *at <= hit.at_ns).max()?;
    (hit.at_ns - before <= RESUMED_NS).then_some(before)
}

impl Silence {
    const fn covers(self, at_ns: u64) -> bool {
        at_ns > self.from_ns.saturating_add(ON_THE_WAY_NS) && at_ns < self.until_ns
    }
}

/// What was sent in time may be read by a busy target so much later, in nanoseconds.
const ON_THE_WAY_NS: u64 = 100_000_000;
/// What a thread was about to send when its process was stopped comes so soon after it goes on, in nanoseconds.
const RESUMED_NS: u64 = 1_000_000_000;
