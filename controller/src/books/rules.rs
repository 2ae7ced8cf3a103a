//! The plan's rules, judged by what is in the books.

use super::Books;
use common::revision::Pauses;
use common::run::SessionId;
use common::time::RunTime;
use common::timeline::Bucket;
use common::watch::{Moment, Standing, Turn, Watch, WindowTally};
use proto::v1;

impl Books {
    /// How every rule of the plan stands, in its order.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.watch.standings().collect()
    }

    /// Judges what can be judged at `now`; `closing`: nothing more will come. Says what has changed.
    pub fn judge(&mut self, now: RunTime, closing: bool) -> Vec<Turn> {
        let stop = self.stopped().unwrap_or(RunTime::MAX);
        let ends: Vec<RunTime> =
            (0..self.plan.scenarios.len()).map(|scenario| self.end_of(scenario).min(stop)).collect();
        let pauses = Pauses::of(self.revisions());
        self.watch.judge(Moment { now, ends: &ends, pauses: &pauses, totals: &self.totals, closing })
    }

    /// By rule: what became of its windows; `None` for a rule of the whole run.
    #[must_use]
    pub fn window_tallies(&self) -> Vec<Option<WindowTally>> {
        self.watch.tallies()
    }

    /// What a rule's windows had come to when that was written down.
    pub fn restore_windows(&mut self, rule: u32, tally: WindowTally) {
        self.watch.restore(usize::try_from(rule).unwrap_or(usize::MAX), tally);
    }
}

/// Tells the rules of a delta that is in the books. What they do not ask for is not read.
pub(super) fn tell(watch: &mut Watch, session: SessionId, message: &v1::Delta) {
    for one in &message.series {
        if !watch.wants(one.series as usize) {
            continue;
        }
        for from_wire in &one.buckets {
            let mut bucket = Bucket::default();
            // It was checked before it came into the books.
            if proto::delta::add_bucket(&mut bucket, from_wire).is_ok() {
                watch.add(session, one.series as usize, (from_wire.start_s, from_wire.width_s), &bucket);
            }
        }
    }
    watch.on_told(session, RunTime::from_nanos(message.told));
    if message.fin {
        watch.on_finished(session);
    }
}
