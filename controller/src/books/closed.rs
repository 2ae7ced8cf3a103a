//! What is planned when. In closed loads nothing is planned ahead, so what was begun is what there was to do.

use super::Books;
use common::arrivals::{Planned, Timetable};
use common::measured::Tally;
use common::owners::{Account as Owned, Accounts};
use common::plan::Plan;
use common::series::Place;
use common::supply::Supply;
use common::time::RunTime;
use std::time::Duration;

impl Books {
    /// The asked rate of every scenario at `t`, together, for display.
    #[must_use]
    pub fn asked_rate(&self, t: RunTime) -> f64 {
        self.timetables.iter().map(|timetable| timetable.rate_at(t)).sum()
    }

    /// How many users the plan asks for at `t`, over all scenarios with a curve of them; `None` without one.
    #[must_use]
    pub fn asked_users(&self, t: RunTime) -> Option<u64> {
        let users = |timetable: &Timetable| match timetable.supply() {
            Some(Supply::Users(curve)) => Some(u64::from(curve.users(t))),
            _ => None,
        };
        let asked: Vec<u64> = self.timetables.iter().filter_map(users).collect();
        (!asked.is_empty()).then(|| asked.iter().sum())
    }

    /// How many users a scenario asks for at `t`; `None` without a curve of them.
    #[must_use]
    pub fn users_of(&self, scenario: usize, t: RunTime) -> Option<u32> {
        match self.timetables.get(scenario)?.supply() {
            Some(Supply::Users(curve)) => Some(curve.users(t)),
            _ => None,
        }
    }

    /// Whether the operator paused the run.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        common::revision::is_paused(&self.revisions)
    }

    /// What users begin is not planned ahead: a session owns what it told of. Of no closed load it is planned when.
    pub(super) fn own_what_was_begun(&self, accounts: &mut [Accounts]) {
        for (scenario, (own, timetable)) in accounts.iter_mut().zip(&self.timetables).enumerate() {
            if let Some(Supply::Users(_)) = timetable.supply() {
                let told = self.sessions.iter().map(|(session, account)| {
                    let total = account.inbox.tallies().get(scenario).map_or(0, Tally::resolved);
                    (Some(*session), Owned { total, by_second: vec![] })
                });
                own.extend(told);
            }
            if timetable.supply().is_some() {
                own.values_mut().for_each(|own| own.by_second.clear());
            }
        }
    }

    /// What was begun in the seconds 0, 1, 2, …; of a wide bucket in its first.
    pub(super) fn started_by_second(&self, scenario: usize) -> Vec<u64> {
        let mut seconds = Vec::new();
        let places = self.places.iter().zip(&self.totals.series);
        let own = places.filter(|(place, _)| place.scenario == scenario && place.counts_arrivals);
        for (second, bucket) in own.flat_map(|(_, series)| series.timeline.iter()) {
            let second = usize::try_from(second).unwrap_or(usize::MAX).min(SECONDS_MAX);
            if seconds.len() <= second {
                seconds.resize(second + 1, 0_u64);
            }
            seconds[second] = seconds[second].saturating_add(bucket.started);
        }
        seconds
    }
}

/// Whether the series counts arrivals whose due times are planned.
pub(super) fn is_ahead(plan: &Plan, place: Place) -> bool {
    place.counts_arrivals && !plan.scenarios[place.scenario].load.is_closed()
}

/// What is due in the seconds 0, 1, 2, … of a schedule that ends at `end`.
pub(super) fn by_second(mut planned: Planned, end: RunTime) -> Vec<u64> {
    let mut before = 0;
    let mut seconds = Vec::new();
    for second in 1..=end.second() + 1 {
        let now = planned.before(RunTime::ZERO + Duration::from_secs(second));
        seconds.push(now - before);
        before = now;
    }
    while seconds.last() == Some(&0) {
        seconds.pop();
    }
    seconds
}

/// No plan is longer: a month and its drain.
const SECONDS_MAX: usize = 32 * 86_400;
