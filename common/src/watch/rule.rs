//! One rule: its windows one after the other, or the run so far.

use super::sums::{Range, Sums};
use super::{Standing, State, View, WindowTally, at_second, told, whole_s};
use crate::histogram::Histogram;
use crate::plan::Plan;
use crate::threshold::{Measure, Threshold, Time, Window};
use std::collections::BTreeMap;
use std::time::Duration;

/// One rule and how it stands.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    threshold: Threshold,
    pub(super) pool: usize,
    /// By scenario: whether it is meant.
    scenarios: Vec<bool>,
    /// The second at which the load that is meant begins.
    start_s: u64,
    /// The second at which the phase that is meant ends.
    phase_end_s: u64,
    value: Option<f64>,
    state: State,
    pub(super) tally: WindowTally,
    /// Windows whose requests may still have news, by the second at which they begin.
    windows: BTreeMap<u64, Seen>,
    aborted: bool,
}

/// A window that was looked at.
#[derive(Clone, Copy, Debug)]
struct Seen {
    value: Option<f64>,
    found: Found,
}

/// What a window, or the run so far, is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Too few requests.
    TooFew,
    /// It holds for the time being.
    Open,
    /// It holds whatever comes.
    Holds,
    /// It is broken whatever comes.
    Broken,
}

/// What to say, and why to stop.
type Said = (Option<String>, Option<String>);

impl Rule {
    pub(super) fn new(plan: &Plan, threshold: &Threshold, pool: usize) -> Self {
        let scenarios: Vec<bool> =
            (0..plan.scenarios.len()).map(|number| plan.is_meant(threshold, number)).collect();
        let (start, end) = plan.span_of(threshold, Duration::MAX);
        let phase_end_s = plan.phase_of(threshold).map_or(u64::MAX, |_| end.as_secs());
        let start_s = whole_s(start);
        Self {
            threshold: threshold.clone(),
            pool,
            scenarios,
            start_s,
            phase_end_s,
            value: None,
            state: State::Waiting,
            tally: WindowTally { next_s: start_s, ..WindowTally::default() },
            windows: BTreeMap::new(),
            aborted: false,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { rule: self.threshold.clone(), value: self.value, state: self.state }
    }

    pub(super) fn tally(&self) -> Option<WindowTally> {
        self.threshold.terms().window.map(|_| self.tally.clone())
    }

    pub(super) fn judge(&mut self, view: &View<'_>) -> Vec<Said> {
        match self.threshold.terms().window {
            Some(window) => self.windows(window, view),
            None => self.so_far(view).into_iter().collect(),
        }
    }

    /// The whole second at which the load that is meant ends.
    fn end_s(&self, view: &View<'_>) -> u64 {
        let ends = view.moment.ends.iter().zip(&self.scenarios).filter(|(_, meant)| **meant);
        ends.map(|(end, _)| end.second()).max().unwrap_or(0).min(self.phase_end_s)
    }

    fn windows(&mut self, window: Window, view: &View<'_>) -> Vec<Said> {
        let mut said = Vec::new();
        let last = self.end_s(view).min(view.known);
        for (begin, seen) in self.windows.clone() {
            let touched = view.pool.is_touched(begin, begin + window.length_s);
            if touched || seen.found == Found::Open {
                said.extend(self.look_at(begin, window, view));
            }
        }
        while self.tally.next_s.saturating_add(window.length_s) <= last {
            let begin = self.tally.next_s;
            self.tally.next_s += window.every_s;
            said.extend(self.look_at(begin, window, view));
        }
        self.let_go(view);
        said
    }

    /// Looks at a window, for the first time or again.
    fn look_at(&mut self, begin: u64, window: Window, view: &View<'_>) -> Option<Said> {
        let end = begin + window.length_s;
        if begin < view.pool.blurred_until || begin < view.pool.first_kept(view.moment.now.second()) {
            self.tally.too_few += u64::from(!self.windows.contains_key(&begin));
            return None;
        }
        if self.wants_requests() && view.moment.pauses.touch(at_second(begin), at_second(end)) {
            return None;
        }
        let sums = view.pool.between(begin, end);
        let (value, found) = self.find(&sums, (begin, end), window.length_s as f64, view);
        let before = self.windows.get(&begin).copied();
        let newest = self.windows.last_key_value().is_none_or(|(last, _)| *last <= begin);
        let was_broken = before.is_some_and(|seen| seen.found == Found::Broken);
        // What was broken stays broken, and its worst value counts.
        let found = if was_broken { Found::Broken } else { found };
        let value = match before {
            Some(seen) if was_broken => self.worse(seen.value, value),
            _ => value,
        };
        self.windows.insert(begin, Seen { value, found });
        self.count(before.map(|seen| seen.found), found, begin);
        if newest && found != Found::TooFew {
            self.value = value;
        }
        let broke = found == Found::Broken && !was_broken;
        let stretch = format!("from {begin} s to {end} s");
        if broke {
            let is_next_to_broken = |at: Option<u64>| {
                at.and_then(|at| self.windows.get(&at)).is_some_and(|seen| seen.found == Found::Broken)
            };
            let goes_on = is_next_to_broken(begin.checked_sub(window.every_s))
                || is_next_to_broken(Some(begin + window.every_s));
            if newest {
                self.state = State::Broken;
            }
            let text = self.sentence("is broken", value, &stretch);
            let abort = self.abort(view, &text);
            let said = (!goes_on).then_some(text);
            return (said.is_some() || abort.is_some()).then_some((said, abort));
        }
        let recovers = newest && self.state == State::Broken && matches!(found, Found::Open | Found::Holds);
        if newest && matches!(found, Found::Open | Found::Holds) {
            self.state = State::Ok;
        }
        recovers.then(|| (Some(self.sentence("holds again", value, &stretch)), None))
    }

    /// Whether it asks for at least so many requests, which nobody sends in a pause.
    fn wants_requests(&self) -> bool {
        let counts =
            matches!(self.threshold.metric().measure, Measure::Rate | Measure::Requests | Measure::Errors);
        counts && !self.threshold.limit().comparison().is_upper()
    }

    fn count(&mut self, before: Option<Found>, found: Found, begin: u64) {
        let judged = |found: Option<Found>| found.is_some_and(|found| found != Found::TooFew);
        match (before, judged(before), judged(Some(found))) {
            (None, _, true) => self.tally.judged += 1,
            (None, _, false) => self.tally.too_few += 1,
            (Some(_), false, true) => {
                self.tally.judged += 1;
                self.tally.too_few = self.tally.too_few.saturating_sub(1);
            }
            _ => {}
        }
        if found == Found::Broken && before != Some(Found::Broken) {
            self.tally.broken += 1;
            let first = self.tally.first_broken_s.unwrap_or(u64::MAX);
            self.tally.first_broken_s = Some(first.min(begin));
        }
    }

    /// Writes down the worst value of windows of which nothing more will be heard.
    fn let_go(&mut self, view: &View<'_>) {
        let kept = if view.moment.closing {
            BTreeMap::new()
        } else {
            self.windows.split_off(&view.pool.first_kept(view.moment.now.second()))
        };
        for (begin, seen) in std::mem::replace(&mut self.windows, kept) {
            self.note(begin, seen);
        }
        // A value that broke the rule is known at once, if not for good.
        let broken: Vec<(u64, Seen)> = self
            .windows
            .iter()
            .filter(|(_, seen)| seen.found == Found::Broken)
            .map(|(begin, seen)| (*begin, *seen))
            .collect();
        broken.into_iter().for_each(|(begin, seen)| self.note(begin, seen));
    }

    fn note(&mut self, begin: u64, seen: Seen) {
        if seen.found == Found::TooFew || seen.value.is_none() {
            return;
        }
        let worst = self.worse(self.tally.worst, seen.value);
        if worst != self.tally.worst || (worst == seen.value && self.tally.worst_s > Some(begin)) {
            (self.tally.worst, self.tally.worst_s) = (worst, Some(begin));
        }
    }

    /// The value that is farther to the wrong side.
    fn worse(&self, one: Option<f64>, other: Option<f64>) -> Option<f64> {
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        Some(if self.threshold.limit().comparison().is_upper() { a.max(b) } else { a.min(b) })
    }

    /// The rule of the whole run, by what there is of it.
    fn so_far(&mut self, view: &View<'_>) -> Option<Said> {
        let measure = self.threshold.metric().measure;
        let seconds = view.known.min(self.end_s(view)).saturating_sub(self.start_s) as f64;
        let (value, found) = match measure {
            Measure::Delivered => return None,
            Measure::Time(time @ (Time::Service | Time::SendLag), _) => {
                let mut sums = Sums::default();
                let all = view.moment.totals.series.iter().zip(&view.pool.key.series);
                for (series, _) in all.filter(|(_, meant)| **meant) {
                    let own: &Histogram = &super::times(series, time);
                    sums.times.add(own).unwrap_or_default();
                    sums.requests = sums.requests.saturating_add(series.requests());
                }
                if sums.requests < self.threshold.terms().min_samples {
                    return None;
                }
                self.judged(&sums, None, seconds)
            }
            _ => self.find(&view.pool.whole, (0, u64::MAX), seconds, view),
        };
        self.value = value;
        // How many there are at least is known at the end.
        let counts = matches!(measure, Measure::Requests | Measure::Errors);
        if found == Found::TooFew || (counts && !self.threshold.limit().comparison().is_upper()) {
            return None;
        }
        let before = self.state;
        self.state = if found == Found::Broken { State::Broken } else { State::Ok };
        match (before, self.state) {
            (_, State::Broken) => {
                let text = self.sentence("is broken", value, "so far");
                let abort = self.abort(view, &text);
                let said = (before != State::Broken).then_some(text);
                (said.is_some() || abort.is_some()).then_some((said, abort))
            }
            (State::Broken, _) => Some((Some(self.sentence("holds again", value, "so far")), None)),
            _ => None,
        }
    }

    /// What was due from `from` to `to` against the limit.
    fn find(
        &self,
        sums: &Sums,
        (from, to): (u64, u64),
        seconds: f64,
        view: &View<'_>,
    ) -> (Option<f64>, Found) {
        let pending = view.pending(self.pool, from, to);
        let measure = self.threshold.metric().measure;
        if sums.requests.saturating_add(pending.requests) < self.threshold.terms().min_samples {
            return (sums.value(measure, seconds), Found::TooFew);
        }
        self.judged(sums, sums.range(&pending, measure, seconds), seconds)
    }

    /// The value and what follows; `range`: between what it lies, when it is not certain.
    fn judged(&self, sums: &Sums, range: Option<Range>, seconds: f64) -> (Option<f64>, Found) {
        let (measure, limit) = (self.threshold.metric().measure, self.threshold.limit());
        let known = sums.value(measure, seconds);
        let range = range.or_else(|| known.map(|value| Range { low: value, high: value }));
        let Some(range) = range else { return (known, Found::TooFew) };
        let found = match (limit.holds(range.low), limit.holds(range.high)) {
            (true, true) => Found::Holds,
            (false, false) => Found::Broken,
            _ => Found::Open,
        };
        // What is certain of it: whatever comes makes it worse.
        let known = match (limit.comparison().is_upper(), found) {
            (true, _) => Some(range.low),
            (false, Found::Broken) => Some(range.high),
            (false, _) => known,
        };
        (known, found)
    }

    /// Why the run is to be stopped, once.
    fn abort(&mut self, view: &View<'_>, text: &str) -> Option<String> {
        let grace = self.threshold.terms().abort?;
        let over = view.moment.now >= at_second(0) + grace && !view.moment.closing;
        (over && !std::mem::replace(&mut self.aborted, true)).then(|| text.to_owned())
    }

    fn sentence(&self, what: &str, value: Option<f64>, when: &str) -> String {
        let measure = self.threshold.metric().measure;
        let value = value.map_or_else(|| "nothing".to_owned(), |value| told(measure, value));
        format!("{} {what}: {value} {when}", self.threshold)
    }
}
