//! How everything stands now, for everything live.

use super::Books;
use super::recent::widest;
use common::arrivals::Timetable;
use common::exponential::Exponential;
use common::live::{Knob, LiveAgent, LiveScenario, LiveSeries, LiveTimes};
use common::measured::{Series, Tally};
use common::outcome::Outcome;
use common::plan::{Load, Pace, Scenario};
use common::report::{SampleRow, SeriesKind, Stretch, StretchRows};
use common::run::SessionId;
use common::series::Place;
use common::supply::Supply;
use common::time::RunTime;
use common::timeline::BUCKETS_MAX;
use std::collections::BTreeSet;

/// What is known of a scenario's plan up to now.
#[derive(Clone, Copy, Debug)]
pub struct Stands {
    /// When it is.
    pub now: RunTime,
    /// Arrivals planned so far; `None`: nothing is planned ahead.
    pub planned: Option<u64>,
}

impl Books {
    /// The compiled loads, in the plan's order.
    #[must_use]
    pub fn timetables(&self) -> &[Timetable] {
        &self.timetables
    }

    /// Requests under way, over all sessions.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.sessions.values().map(|account| account.beat.in_flight).fold(0, u32::saturating_add)
    }

    /// Requests under way at a session.
    #[must_use]
    pub fn in_flight_of(&self, session: SessionId) -> u32 {
        self.sessions.get(&session).map_or(0, |account| account.beat.in_flight)
    }

    /// By scenario: what became of the arrivals, as far as it was told.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.totals.tallies
    }

    /// A scenario now.
    #[must_use]
    pub fn live_scenario(&self, number: usize, stands: Stands) -> LiveScenario {
        let Some(scenario) = self.plan.scenarios.get(number) else { return LiveScenario::default() };
        let tally = self.totals.tallies.get(number).copied().unwrap_or_default();
        let timetable = self.timetables.get(number);
        let asked_users = match timetable.and_then(Timetable::supply) {
            Some(Supply::Users(curve)) => Some(f64::from(curve.users(stands.now))),
            _ => None,
        };
        LiveScenario {
            name: scenario.name.clone(),
            kind: kind(scenario).to_owned(),
            asked_rate: (!scenario.load.is_closed()).then(|| self.rate_of(number, stands.now)),
            asked_users,
            planned: stands.planned.unwrap_or_else(|| tally.resolved()),
            started: tally.started,
            finished: tally.finished,
            skipped: tally.skipped(),
            steer: self.knobs(scenario),
        }
    }

    fn knobs(&self, scenario: &Scenario) -> Vec<Knob> {
        match &scenario.load {
            Load::Rate(_) => vec![Knob::Rate],
            Load::Users(_) => vec![Knob::Users],
            Load::Replay(load) if !matches!(load.pace, Pace::Original { .. }) => vec![Knob::Rate],
            _ => vec![],
        }
    }

    /// Every series since the start; response times up to the last beat.
    #[must_use]
    pub fn live_series(&self) -> Vec<LiveSeries> {
        let parts = self.places.iter().zip(&self.totals.series).enumerate();
        parts.map(|(number, (place, series))| self.live_series_of(number, *place, series)).collect()
    }

    fn live_series_of(&self, number: usize, place: Place, series: &Series) -> LiveSeries {
        let named = |outcome: Outcome| (outcome.name().to_owned(), series.outcomes[outcome.index()]);
        let times = self.news.response_of(number);
        LiveSeries {
            scenario: self.plan.scenarios[place.scenario].name.clone(),
            step: place.name(&self.plan).to_owned(),
            kind: SeriesKind::of(place),
            requests: series.requests(),
            errors: series.errors(),
            rate: self.news.rate_of(number),
            status: series.status.clone(),
            outcomes: Outcome::ALL.into_iter().map(named).filter(|(_, n)| *n > 0).collect(),
            response_time: times.map(LiveTimes::of).unwrap_or_default(),
            cells: times.map(Stretch::cells).unwrap_or_default(),
            exponential: times.map(Exponential::of).unwrap_or_default().into(),
            bytes_in: series.bytes_in,
        }
    }

    /// Failing exchanges, at most so many.
    #[must_use]
    pub fn live_failures(&self, most: usize) -> Vec<SampleRow> {
        SampleRow::all(&self.plan, &self.totals).take(most).collect()
    }

    /// What a session told and said of itself; `agent` has its name and how it stands.
    #[must_use]
    pub fn live_agent(&self, session: SessionId, agent: LiveAgent) -> LiveAgent {
        let Some(account) = self.sessions.get(&session) else { return agent };
        LiveAgent {
            in_flight: account.beat.in_flight,
            send_lag_p99_us: account.lag_p99,
            cpu_share: account.beat.cpu_share,
            clock_bound_us: account.beat.clock_bound_ns.div_ceil(1000),
            economy: account.beat.economy,
            started: account.started_so_far(),
            ..agent
        }
    }

    /// Whether everything that agents told adds up so far.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.sessions.values().all(|account| account.broken.is_none())
    }

    /// How wide the rows of a scenario's timeline are now, in seconds.
    #[must_use]
    pub fn width_of(&self, number: usize) -> u64 {
        let own = self.places.iter().zip(&self.totals.series).filter(|(place, _)| place.scenario == number);
        let measured = widest(own.map(|(_, series)| &series.timeline));
        let seconds = usize::try_from(self.end_of(number).second() + 1).unwrap_or(usize::MAX);
        let planned = (seconds.div_ceil(BUCKETS_MAX) as u64).next_power_of_two();
        let closed = self.plan.scenarios.get(number).is_some_and(|own| own.load.is_closed());
        if closed { measured } else { measured.max(planned) }
    }

    /// The seconds of a scenario's timeline that have changed since they were taken; `None`: all of them.
    pub fn take_touched(&mut self, number: usize) -> Option<BTreeSet<u64>> {
        self.news.take_touched(number)
    }

    /// The rows of a stretch of a scenario as they are now; `planned`: arrivals due in it, `None` in closed loads.
    #[must_use]
    pub fn rows_of(&self, number: usize, t_s: u64, planned: Option<u64>) -> Option<StretchRows> {
        let scenario = self.plan.scenarios.get(number)?;
        let curve = match self.timetables.get(number).and_then(Timetable::supply) {
            Some(Supply::Users(curve)) => Some(&**curve),
            _ => None,
        };
        let own = self.places.iter().zip(&self.totals.series).filter(|(place, _)| place.scenario == number);
        let width_s = self.width_of(number);
        Stretch { scenario: &scenario.name, t_s, width_s, planned, curve }
            .rows(own.map(|(place, series)| (*place, series)), &self.faults)
    }
}

/// The key of the scenario's load.
const fn kind(scenario: &Scenario) -> &'static str {
    match &scenario.load {
        Load::Rate(_) => "rate",
        Load::Users(_) => "users",
        Load::Tries(_) => "tries",
        Load::Replay(_) => "replay",
    }
}
