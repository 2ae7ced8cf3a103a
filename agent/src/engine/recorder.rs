//! The recorder of one engine thread: counts and times, taken out once per interval.

use crate::engine::ended::{Ended, micros};
use crate::engine::rows::Rows;
use common::arrivals::Due;
use common::measured::Measured;
use common::pacer::SkipReason;
use std::time::Duration;

/// Records what one engine thread does.
pub struct Recorder {
    measured: Measured,
    rows: Option<Rows>,
}

impl Recorder {
    /// Records into `empty`.
    #[must_use]
    pub const fn new(empty: Measured) -> Self {
        Self { measured: empty, rows: None }
    }

    /// Writes a row per request too.
    pub(super) fn keep_rows(&mut self, rows: Rows) {
        self.rows = Some(rows);
    }

    /// A request is about to be handed to the client.
    pub fn started(&mut self, scenario: usize, due: Due) {
        self.measured.tallies[scenario].started += 1;
        self.measured.series[scenario].timeline.at(due.at).started += 1;
    }

    /// The generator's own lateness with an arrival that found a slot at once.
    pub fn released(&mut self, lag: Duration) {
        self.measured.release_lag.record(micros(lag));
    }

    /// An arrival is not sent.
    pub fn skipped(&mut self, scenario: usize, reason: SkipReason) {
        self.measured.tallies[scenario].skip(reason);
    }

    /// A request that was still under way when the run ended.
    pub fn abandoned(&mut self, scenario: usize) {
        self.measured.tallies[scenario].abandoned += 1;
    }

    /// A request ended.
    pub fn ended(&mut self, ended: &Ended) {
        self.measured.tallies[ended.scenario].finished += 1;
        let series = &mut self.measured.series[ended.scenario];
        series.outcomes[ended.outcome.index()] += 1;
        series.bytes_in += ended.bytes_in;
        series.bytes_out += ended.bytes_out;
        if let Some(connect) = ended.connect {
            series.connect_time.record(micros(connect));
        }
        let bucket = series.timeline.at(ended.due.at);
        bucket.finished += 1;
        bucket.errors += u64::from(ended.outcome.is_error());
        if let (Some(sent), Some(answer)) = (ended.sent, ended.answer) {
            bucket.response_time.record(micros(ended.done.since(ended.due.at)));
            *series.status.entry(answer.status).or_default() += 1;
            series.service_time.record(micros(ended.done.since(sent)));
            series.ttfb.record(micros(answer.first_byte.since(sent)));
            series.size.record(answer.body_bytes);
        }
        if let Some(sent) = ended.sent {
            series.send_lag.record(micros(sent.since(ended.due.at)));
        }
        if let Some(rows) = &mut self.rows {
            rows.write(ended);
        }
    }

    /// Everything since the last time.
    #[must_use]
    pub fn take(&mut self) -> Measured {
        self.measured.take()
    }

    /// Puts rows on the disk; a failed write is told once, at the end.
    pub(super) fn finish_rows(&mut self) -> Result<(), String> {
        self.rows.take().map_or(Ok(()), Rows::finish)
    }
}
