//! The rules of a plan while the run is on: fed with what agents tell, asked again and again, time as an argument.
//!
//! What is judged is what was measured by the second in which requests were due, merged over all agents, so how the
//! news are split over agents and in which order they come changes nothing.
//!
//! **When.** A window is judged as soon as everybody has told everything up to its end, and [`WAIT`] after its end in
//! any case: who is silent for so long is judged by what he told before. What a lost agent has under way counts for
//! nothing, as nobody knows what became of it; it counts again when the agent is back.
//!
//! **What has no answer yet** took its present age or longer, and may end in any way. So a value lies between two
//! bounds ([`Range`]). A window is *broken* when it is beyond the limit whatever comes; it *holds for good* when it
//! keeps to the limit whatever comes; in between it holds for the time being, and is looked at again until its last
//! request has ended. A target that stands still breaks a limit of `response_time.p99` as soon as more than one request
//! in a hundred is older than the limit. What was broken stays broken.
//!
//! **What is counted.** A request belongs to every window in which it was due: to exactly one where windows follow each
//! other. Windows begin with the load that is meant; one that does not end before it is none. Arrivals that wait for a
//! free slot are not started and do not count until they are.
//!
//! **Pauses.** An operator who pauses a run asks for nothing meanwhile, so a window that touches a pause is none for a rule
//! that wants at least so many requests. Whatever was sent in it is judged by all other rules.

use crate::human;
use crate::measured::{Measured, Series};
use crate::plan::Plan;
use crate::revision::Pauses;
use crate::series::series_of;
use crate::share::SessionId;
use crate::threshold::{Measure, Threshold, Time};
use crate::time::{NANOS_PER_SECOND, RunTime};
use crate::timeline::Bucket;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

mod sums;
mod pool;
mod rule;

use pool::{Key, Pool, Teller};
use rule::Rule;
pub use sums::{Pending, Range, Sums};

/// The rules of one run and what they are judged by.
#[derive(Clone, Debug)]
pub struct Watch {
    pools: Vec<Pool>,
    rules: Vec<Rule>,
    tellers: BTreeMap<SessionId, Teller>,
    /// The seconds of run time at which rules were judged last: now, and up to where everything was known.
    judged: (u64, u64),
    /// How long a request may be without an answer.
    patience: Duration,
}

/// How a rule stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The rule, with everything that it says.
    pub rule: Threshold,
    /// Of the newest window that was judged, or of the run so far; microseconds, a fraction, per second, or a count.
    pub value: Option<f64>,
    /// What follows from it.
    pub state: State,
}

/// What is to be thought of a rule at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Ok,
    /// It does not.
    Broken,
    /// There is nothing to judge by yet.
    Waiting,
}

/// A rule came to be broken, or to hold again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the plan.
    pub rule: usize,
    /// What happened, as a sentence; `None`: nothing new.
    pub text: Option<String>,
    /// Why the run is to be stopped for it, if it is.
    pub abort: Option<String>,
}

/// What became of the windows of a rule. Times are seconds of run time at which a window begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowTally {
    /// Windows that were judged.
    pub judged: u64,
    /// Those of them that were broken.
    pub broken: u64,
    /// Windows with too few requests to be judged.
    pub too_few: u64,
    /// The first that was broken.
    pub first_broken_s: Option<u64>,
    /// The value farthest to the wrong side.
    pub worst: Option<f64>,
    /// Of which window it is.
    pub worst_s: Option<u64>,
    /// The first that was not looked at.
    pub next_s: u64,
}

/// When rules are judged.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Run time.
    pub now: RunTime,
    /// By scenario: when its load ends.
    pub ends: &'a [RunTime],
    /// When the operator had nothing sent, as far as that is known.
    pub pauses: &'a Pauses,
    /// Everything that was measured, for what is not known by the second.
    pub totals: &'a Measured,
    /// Whether nothing more will come.
    pub closing: bool,
}

impl Watch {
    /// The rules of a plan; nothing is told yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut pools: Vec<Pool> = Vec::new();
        let timeouts = plan.scenarios.iter().flat_map(|own| &own.steps).map(|step| step.timeout);
        let patience = timeouts.max().unwrap_or(plan.target.timeout).min(PATIENCE_MAX) + PATIENCE_MORE;
        let rules = plan.thresholds.iter().map(|threshold| {
            let key = key(plan, threshold);
            let place = pools.iter().position(|pool| pool.key == key).unwrap_or_else(|| {
                pools.push(Pool::new(key));
                pools.len() - 1
            });
            if let Some(window) = threshold.terms().window {
                let needed = window.length_s + patience.as_secs() + 2;
                pools[place].keep_s = pools[place].keep_s.max(needed);
            }
            Rule::new(plan, threshold, place)
        });
        let rules = rules.collect();
        Self { pools, rules, tellers: BTreeMap::new(), judged: (0, 0), patience }
    }

    /// Whether a rule counts the requests of a series.
    #[must_use]
    pub fn wants(&self, series: usize) -> bool {
        self.pools.iter().any(|pool| pool.key.series.get(series).copied().unwrap_or(false))
    }

    /// Takes what a session tells of requests of `series` that were due from `second` on.
    pub fn add(&mut self, session: SessionId, series: usize, (second, width_s): (u64, u64), bucket: &Bucket) {
        let teller = self.tellers.entry(session).or_default();
        for (place, pool) in self.pools.iter_mut().enumerate().filter(|(_, own)| own.wants(series, second)) {
            pool.add((second, width_s), bucket);
            teller.count(place, second, bucket);
        }
    }

    /// A session takes part from now on.
    pub fn open(&mut self, session: SessionId) {
        self.tellers.entry(session).or_default();
    }

    /// A session never had a part.
    pub fn forget(&mut self, session: SessionId) {
        self.tellers.remove(&session);
    }

    /// A session has told everything up to `told`.
    pub fn on_told(&mut self, session: SessionId, told: RunTime) {
        if let Some(teller) = self.tellers.get_mut(&session) {
            teller.told = teller.told.max(told);
        }
    }

    /// A session has told everything there is.
    pub fn on_finished(&mut self, session: SessionId) {
        self.tellers.entry(session).or_default().finished = true;
    }

    /// Whether nobody knows what a session has under way.
    pub fn set_lost(&mut self, session: SessionId, lost: bool) {
        self.tellers.get_mut(&session).into_iter().for_each(|teller| teller.lost = lost);
    }

    /// What a rule's windows came to before this controller was started; windows from then on are judged again.
    pub fn restore(&mut self, rule: usize, tally: WindowTally) {
        if let Some(own) = self.rules.get_mut(rule) {
            own.tally = tally;
        }
    }

    /// How every rule stands, in the plan's order.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.rules.iter().map(Rule::standing)
    }

    /// By rule: what became of its windows; `None` for a rule of the whole run.
    #[must_use]
    pub fn tallies(&self) -> Vec<Option<WindowTally>> {
        self.rules.iter().map(Rule::tally).collect()
    }

    /// Judges what can be judged; says what has changed.
    pub fn judge(&mut self, moment: Moment<'_>) -> Vec<Turn> {
        let telling = || self.tellers.values().filter(|teller| !teller.lost && !teller.finished);
        let known = telling().map(|teller| teller.told).min().unwrap_or(moment.now);
        let known = if moment.closing { RunTime::MAX } else { known.min(moment.now).max(moment.now - WAIT) };
        let judged = (moment.now.second(), known.second());
        if judged == self.judged && !moment.closing {
            return vec![];
        }
        self.judged = judged;
        let mut turns = Vec::new();
        for (number, rule) in self.rules.iter_mut().enumerate() {
            let view = View { pool: &self.pools[rule.pool], tellers: &self.tellers, moment, known: judged.1 };
            turns.extend(rule.judge(&view).into_iter().map(|(text, abort)| Turn {
                rule: number,
                text,
                abort,
            }));
        }
        self.pools.iter_mut().for_each(|pool| pool.forget(judged.0));
        let oldest = judged.0.saturating_sub(self.patience.as_secs() + PENDING_KEPT_S);
        for pending in self.tellers.values_mut().flat_map(|teller| &mut teller.pending) {
            *pending = pending.split_off(&oldest);
        }
        turns
    }
}

impl Default for Watch {
    fn default() -> Self {
        let (pools, rules, tellers) = (vec![], vec![], BTreeMap::new());
        Self { pools, rules, tellers, judged: (0, 0), patience: PATIENCE_MORE }
    }
}

/// What a rule is judged by.
struct View<'a> {
    pool: &'a Pool,
    tellers: &'a BTreeMap<SessionId, Teller>,
    moment: Moment<'a>,
    /// Up to this second everything is known that will be waited for.
    known: u64,
}

impl View<'_> {
    /// What was due from `from` to `to` and has no answer.
    fn pending(&self, place: usize, from: u64, to: u64) -> Pending {
        let mut pending = Pending::default();
        let now = self.moment.now;
        self.tellers.values().for_each(|teller| teller.add_pending((place, now), (from, to), &mut pending));
        pending
    }
}

/// Which requests a rule means.
fn key(plan: &Plan, rule: &Threshold) -> Key {
    let within = plan.phase_of(rule).map_or((0, u64::MAX), |phase| {
        (whole_s(phase.start), whole_s(phase.start.saturating_add(phase.length)))
    });
    Key { series: meant(plan, rule), status: rule.terms().status, within }
}

/// By series: whether a rule means its requests.
#[must_use]
pub fn meant(plan: &Plan, rule: &Threshold) -> Vec<bool> {
    let places = series_of(plan).into_iter();
    let step = rule.terms().step.as_ref();
    places
        .map(|place| {
            place.counts_requests()
                && plan.is_meant(rule, place.scenario)
                && step.is_none_or(|name| place.name(plan) == name)
        })
        .collect()
}

/// The times of a series that a rule asks for. Response times of the whole run.
#[must_use]
pub fn times(series: &Series, time: Time) -> std::borrow::Cow<'_, crate::histogram::Histogram> {
    match time {
        Time::Response => std::borrow::Cow::Owned(series.response_time()),
        Time::Service => std::borrow::Cow::Borrowed(&series.service_time),
        Time::SendLag => std::borrow::Cow::Borrowed(&series.send_lag),
    }
}

/// A value of the rule for people.
#[must_use]
pub fn told(measure: Measure, value: f64) -> String {
    human::value(measure.kind(), value)
}

/// The first whole second at or after `time`.
const fn whole_s(time: Duration) -> u64 {
    time.as_secs() + (time.subsec_nanos() > 0) as u64
}

const fn at_second(second: u64) -> RunTime {
    RunTime::from_nanos(second.saturating_mul(NANOS_PER_SECOND))
}

/// How long after its end a window is judged at the latest. Two deltas and a heartbeat fit in.
pub const WAIT: Duration = Duration::from_millis(1_500);
/// Seconds of windows are kept for requests that take no longer than this; later answers change no judgement.
const PATIENCE_MAX: Duration = Duration::from_secs(600);
/// What an answer's news may take.
const PATIENCE_MORE: Duration = Duration::from_secs(5);
/// Requests without an answer are forgotten so long after their timeout: nobody will tell of them.
const PENDING_KEPT_S: u64 = 3_600;

#[cfg(test)]
mod tests;
