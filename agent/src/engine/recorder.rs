//! The recorder of one engine thread: counts and times, taken out once per interval.

use crate::engine::ended::{Ended, Job, micros};
use crate::engine::iteration::Iteration;
use crate::engine::rows::{Rows, Sink};
use common::arrivals::Due;
use common::measured::Measured;
use common::pacer::SkipReason;
use common::sample::{Cause, Gate, Sample};
use common::time::{NANOS_PER_SECOND, RunTime};
use std::time::Duration;

/// Records what one engine thread does.
pub struct Recorder {
    measured: Measured,
    rows: Option<Rows>,
    gate: Gate,
}

impl Recorder {
    /// Records into `empty`.
    #[must_use]
    pub fn new(empty: Measured) -> Self {
        Self { measured: empty, rows: None, gate: Gate::default() }
    }

    /// Hands over a row per request too.
    pub(super) fn keep_rows(&mut self, sink: Sink) {
        self.rows = Some(Rows::new(sink));
    }

    /// An iteration begins; `series` counts the scenario's arrivals.
    pub fn started(&mut self, scenario: usize, series: usize, due: Due) {
        self.measured.tallies[scenario].started += 1;
        self.measured.series[series].timeline.at(due.at).started += 1;
    }

    /// A request of an iteration that is counted apart is about to be handed to the client.
    pub(super) fn requested(&mut self, job: &Job) {
        self.measured.series[job.series].timeline.at(job.due.at).started += 1;
    }

    /// An iteration that is counted apart ended.
    pub(super) fn iterated(&mut self, series: usize, iteration: &Iteration, done: RunTime) {
        self.measured.tallies[iteration.scenario].finished += 1;
        let series = &mut self.measured.series[series];
        series.outcomes[iteration.outcome.index()] += 1;
        let bucket = series.timeline.at(iteration.due.at);
        bucket.finished += 1;
        bucket.errors += u64::from(iteration.outcome.is_error());
        if let (Some(sent), true) = (iteration.sent, iteration.answered) {
            bucket.response_time.record(micros(done.since(iteration.due.at)));
            series.service_time.record(micros(done.since(sent)));
        }
    }

    /// The generator's own lateness with an arrival that found a slot at once.
    pub fn released(&mut self, lag: Duration) {
        self.measured.release_lag.record(micros(lag));
    }

    /// An arrival is not sent.
    pub fn skipped(&mut self, scenario: usize, reason: SkipReason) {
        self.measured.tallies[scenario].skip(reason);
    }

    /// Users of a scenario were active for so many microseconds of a second.
    pub fn active(&mut self, series: usize, second: u64, us: u64) {
        let at = RunTime::from_nanos(second * NANOS_PER_SECOND);
        self.measured.series[series].timeline.at(at).user_us += us;
    }

    /// An iteration that was still under way when the run ended.
    pub fn abandoned(&mut self, scenario: usize) {
        self.measured.tallies[scenario].abandoned += 1;
    }

    /// A request ended.
    pub fn ended(&mut self, ended: &Ended) {
        let Job { scenario, series, due, whole, .. } = ended.job;
        if whole {
            self.measured.tallies[scenario].finished += 1;
        }
        let series = &mut self.measured.series[series];
        series.outcomes[ended.outcome.index()] += 1;
        series.bytes_in += ended.bytes_in;
        series.bytes_out += ended.bytes_out;
        if let Some(connect) = ended.connect {
            series.connect_time.record(micros(connect));
        }
        let bucket = series.timeline.at(due.at);
        bucket.finished += 1;
        bucket.errors += u64::from(ended.outcome.is_error());
        if let (Some(sent), Some(answer)) = (ended.sent, ended.answer) {
            bucket.response_time.record(micros(ended.done.since(due.at)));
            *bucket.status.entry(answer.status).or_default() += 1;
            *series.status.entry(answer.status).or_default() += 1;
            series.service_time.record(micros(ended.done.since(sent)));
            series.ttfb.record(micros(answer.first_byte.since(sent)));
            series.size.record(answer.body_bytes);
        }
        if let Some(then) = ended.job.then {
            let now = ended.sent.zip(ended.answer);
            let now = now.map(|(sent, now)| (now.status, now.body_bytes, micros(ended.done.since(sent))));
            series.replayed.get_or_insert_default().record(then, now);
        }
        if let Some(sent) = ended.sent {
            series.send_lag.record(micros(sent.since(due.at)));
        }
        if let Some(rows) = &mut self.rows {
            rows.write(ended);
        }
    }

    /// Whether the exchange of a request that failed is one of those that are kept; it is taken for kept.
    pub(super) fn wants(&mut self, job: &Job, cause: Cause) -> bool {
        self.gate.takes(job.series, cause, (job.due.k, job.due.at))
    }

    /// Keeps a failing exchange.
    pub(super) fn keep(&mut self, job: &Job, cause: Cause, sample: Sample) {
        self.measured.series[job.series].samples.keep(cause, sample);
    }

    /// Everything since the last time; its rows are handed over.
    #[must_use]
    pub fn take(&mut self) -> Measured {
        self.rows.iter_mut().for_each(Rows::flush);
        self.measured.take()
    }
}
