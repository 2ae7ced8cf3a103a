//! Deltas: the one message that carries what was measured.

mod sample;

use crate::v1;
use common::delta::Delta;
use common::histogram::{Histogram, HistogramError, plus};
use common::measured::{Measured, Series, Tally};
use common::outcome::Outcome;
use common::time::RunTime;
use common::timeline::{BUCKETS_MAX, Bucket};

/// Which session and run a delta belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The session that sealed it.
    pub session_id: u64,
    /// The highest controller epoch its sender has seen.
    pub controller_epoch: u64,
    /// The run.
    pub run_id: String,
}

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A list of another length than the plan gives.
    #[error("{what}: {got} where the plan has {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// How many came.
        got: usize,
        /// How many there are.
        expected: usize,
    },
    /// A number outside its range.
    #[error("{what} {got} is out of range")]
    Range {
        /// Which number.
        what: &'static str,
        /// What came.
        got: u64,
    },
    /// A series that came twice.
    #[error("series {0} came twice")]
    Twice(u32),
    /// A part that must be there.
    #[error("{0} is missing")]
    Absent(&'static str),
    /// A histogram that is none.
    #[error(transparent)]
    Histogram(#[from] HistogramError),
}

/// The message that carries `delta`.
#[must_use]
pub fn to_wire(origin: &Origin, delta: &Delta) -> v1::Delta {
    let tallies = delta.measured.tallies.iter().zip(&delta.cumulative);
    let scenario = |((new, sum), cursor): ((&Tally, &Tally), &RunTime)| v1::ScenarioDelta {
        cursor: cursor.nanos(),
        delta: Some(tally_to_wire(new)),
        cumulative: Some(tally_to_wire(sum)),
    };
    let series = (0_u32..).zip(&delta.measured.series).filter(|(_, series)| **series != Series::default());
    v1::Delta {
        session_id: origin.session_id,
        controller_epoch_seen: origin.controller_epoch,
        run_id: origin.run_id.clone(),
        seq: delta.seq,
        share_epoch: delta.share_epoch,
        scenarios: tallies.zip(&delta.cursors).map(scenario).collect(),
        series: series.map(|(number, series)| series_to_wire(number, series)).collect(),
        release_lag: histogram_to_wire(&delta.measured.release_lag),
        fin: delta.fin,
        told: delta.told.nanos(),
    }
}

/// The delta in `message`, checked against the plan's number of scenarios and series.
pub fn from_wire(message: &v1::Delta, scenarios: usize, series: usize) -> Result<(Origin, Delta), Refused> {
    let mut delta = head(message, scenarios)?;
    delta.measured.series = vec![Series::default(); series];
    check(message, series)?;
    add_series(&mut delta.measured, message)?;
    let origin = Origin {
        session_id: message.session_id,
        controller_epoch: message.controller_epoch_seen,
        run_id: message.run_id.clone(),
    };
    Ok((origin, delta))
}

/// The delta in `message` without its series, which stay where they are until [`check`] and [`add_series`].
pub fn head(message: &v1::Delta, scenarios: usize) -> Result<Delta, Refused> {
    let mut measured = Measured::sized(scenarios, 0);
    let (mut cursors, mut cumulative) = (Vec::new(), Vec::new());
    if message.scenarios.len() != scenarios {
        return Err(Refused::Length { what: "scenarios", got: message.scenarios.len(), expected: scenarios });
    }
    for (own, scenario) in measured.tallies.iter_mut().zip(&message.scenarios) {
        *own = tally_from_wire(scenario.delta.as_ref().ok_or(Refused::Absent("tally"))?);
        own.counters().into_iter().try_for_each(countable)?;
        cumulative
            .push(tally_from_wire(scenario.cumulative.as_ref().ok_or(Refused::Absent("running tally"))?));
        cursors.push(RunTime::from_nanos(scenario.cursor));
    }
    read_histogram(&mut measured.release_lag, message.release_lag.as_ref())?;
    let (seq, share_epoch, fin) = (message.seq, message.share_epoch, message.fin);
    let told = RunTime::from_nanos(message.told);
    Ok(Delta { seq, share_epoch, cursors, measured, cumulative, fin, told })
}

/// Whether the series in `message` are what a plan with so many of them allows; nothing is allocated for them.
pub fn check(message: &v1::Delta, series: usize) -> Result<(), Refused> {
    let mut seen = vec![false; series];
    for one in &message.series {
        let range = Refused::Range { what: "series", got: u64::from(one.series) };
        if std::mem::replace(seen.get_mut(one.series as usize).ok_or(range)?, true) {
            return Err(Refused::Twice(one.series));
        }
        check_series(one)?;
    }
    Ok(())
}

/// Adds the series in `message` to what was measured before, straight from the bytes. What passed [`check`] under the
/// same plan is refused only when a sum is too large; then a part of it may have been added.
pub fn add_series(measured: &mut Measured, message: &v1::Delta) -> Result<(), Refused> {
    for one in &message.series {
        let range = Refused::Range { what: "series", got: u64::from(one.series) };
        let own = measured.series.get_mut(one.series as usize).ok_or(range)?;
        read_series(own, one)?;
    }
    Ok(())
}

/// The same, and writes down whose the samples are that came in `message`.
pub fn add_signed(measured: &mut Measured, message: &v1::Delta, agent: &str) -> Result<(), Refused> {
    add_series(measured, message)?;
    for one in message.series.iter().filter(|one| !one.samples.is_empty()) {
        if let Some(own) = measured.series.get_mut(one.series as usize) {
            own.samples.sign(agent);
        }
    }
    Ok(())
}

/// Adds one histogram straight from its bytes. On an error nothing has changed.
pub fn read_histogram(own: &mut Histogram, message: Option<&v1::Histogram>) -> Result<(), HistogramError> {
    message.map_or(Ok(()), |message| own.add_v2(&message.v2, message.count, message.overflow))
}

fn series_to_wire(number: u32, series: &Series) -> v1::SeriesDelta {
    let status =
        |(status, count): (&u16, &u64)| v1::StatusCount { status: u32::from(*status), count: *count };
    let bucket = |(start_s, bucket): (u64, &Bucket)| v1::Bucket {
        start_s,
        width_s: series.timeline.width_s(),
        started: bucket.started,
        finished: bucket.finished,
        errors: bucket.errors,
        response_time: histogram_to_wire(&bucket.response_time),
        user_us: bucket.user_us,
        status: bucket.status.iter().map(status).collect(),
    };
    let replayed = series.replayed.as_deref();
    v1::SeriesDelta {
        series: number,
        outcomes: series.outcomes.to_vec(),
        status: series.status.iter().map(status).collect(),
        bytes_in: series.bytes_in,
        bytes_out: series.bytes_out,
        service_time: histogram_to_wire(&series.service_time),
        send_lag: histogram_to_wire(&series.send_lag),
        ttfb: histogram_to_wire(&series.ttfb),
        connect_time: histogram_to_wire(&series.connect_time),
        size: histogram_to_wire(&series.size),
        buckets: series.timeline.iter().map(bucket).collect(),
        then_now: replayed.into_iter().flat_map(|own| &own.statuses).map(pair_to_wire).collect(),
        size_then: replayed.and_then(|own| histogram_to_wire(&own.size_then)),
        size_now: replayed.and_then(|own| histogram_to_wire(&own.size_now)),
        latency_then: replayed.and_then(|own| histogram_to_wire(&own.latency_then)),
        latency_now: replayed.and_then(|own| histogram_to_wire(&own.latency_now)),
        samples: series.samples.iter().map(sample::to_wire).collect(),
    }
}

fn pair_to_wire(((then, now), count): (&(u16, u16), &u64)) -> v1::ThenNow {
    v1::ThenNow { then: u32::from(*then), now: u32::from(*now), count: *count }
}

fn check_series(one: &v1::SeriesDelta) -> Result<(), Refused> {
    if one.outcomes.len() != Outcome::ALL.len() {
        let (got, expected) = (one.outcomes.len(), Outcome::ALL.len());
        return Err(Refused::Length { what: "outcomes", got, expected });
    }
    let mut counts = one.outcomes.iter().chain([&one.bytes_in, &one.bytes_out]).copied();
    counts.try_for_each(countable)?;
    check_statuses(&one.status)?;
    let histograms = [&one.service_time, &one.send_lag, &one.ttfb, &one.connect_time, &one.size];
    histograms.into_iter().try_for_each(|histogram| check_histogram(histogram.as_ref()))?;
    check_replayed(one)?;
    if one.buckets.len() > BUCKETS_MAX {
        return Err(Refused::Length { what: "buckets", got: one.buckets.len(), expected: BUCKETS_MAX });
    }
    sample::check(&one.samples)?;
    for bucket in &one.buckets {
        if !bucket.width_s.is_power_of_two() || !bucket.start_s.is_multiple_of(bucket.width_s) {
            return Err(Refused::Range { what: "bucket width", got: bucket.width_s });
        }
        if bucket.start_s > RUN_S_MAX {
            return Err(Refused::Range { what: "bucket start", got: bucket.start_s });
        }
        [bucket.started, bucket.finished, bucket.errors, bucket.user_us]
            .into_iter()
            .try_for_each(countable)?;
        check_statuses(&bucket.status)?;
        check_histogram(bucket.response_time.as_ref())?;
    }
    Ok(())
}

fn check_statuses(counts: &[v1::StatusCount]) -> Result<(), Refused> {
    counts.iter().try_for_each(|count| {
        countable(count.count)?;
        status_code(count).map(drop)
    })
}

fn check_replayed(one: &v1::SeriesDelta) -> Result<(), Refused> {
    if one.then_now.len() > PAIRS_MAX {
        return Err(Refused::Length {
            what: "statuses then and now",
            got: one.then_now.len(),
            expected: PAIRS_MAX,
        });
    }
    for pair in &one.then_now {
        countable(pair.count)?;
        then_now(pair)?;
    }
    let histograms = [&one.size_then, &one.size_now, &one.latency_then, &one.latency_now];
    Ok(histograms.into_iter().try_for_each(|histogram| check_histogram(histogram.as_ref()))?)
}

fn then_now(pair: &v1::ThenNow) -> Result<(u16, u16), Refused> {
    let status = |status: u32| {
        let code = u16::try_from(status).ok().filter(|code| *code == 0 || (100..1000).contains(code));
        code.ok_or(Refused::Range { what: "status", got: u64::from(status) })
    };
    Ok((status(pair.then)?, status(pair.now)?))
}

fn check_histogram(message: Option<&v1::Histogram>) -> Result<(), HistogramError> {
    let Some(message) = message else { return Ok(()) };
    [message.count, message.overflow].into_iter().try_for_each(countable)?;
    Histogram::check_v2(&message.v2, message.count)
}

fn status_code(count: &v1::StatusCount) -> Result<u16, Refused> {
    let code = u16::try_from(count.status).ok().filter(|code| (100..1000).contains(code));
    code.ok_or(Refused::Range { what: "status", got: u64::from(count.status) })
}

fn read_series(own: &mut Series, one: &v1::SeriesDelta) -> Result<(), Refused> {
    for (own, more) in own.outcomes.iter_mut().zip(&one.outcomes) {
        *own = plus(*own, *more)?;
    }
    for count in &one.status {
        let own = own.status.entry(status_code(count)?).or_default();
        *own = plus(*own, count.count)?;
    }
    (own.bytes_in, own.bytes_out) = (plus(own.bytes_in, one.bytes_in)?, plus(own.bytes_out, one.bytes_out)?);
    read_histogram(&mut own.service_time, one.service_time.as_ref())?;
    read_histogram(&mut own.send_lag, one.send_lag.as_ref())?;
    read_histogram(&mut own.ttfb, one.ttfb.as_ref())?;
    read_histogram(&mut own.connect_time, one.connect_time.as_ref())?;
    read_histogram(&mut own.size, one.size.as_ref())?;
    read_replayed(own, one)?;
    for message in &one.samples {
        let (cause, sample) = sample::from_wire(message)?;
        own.samples.keep(cause, sample);
    }
    one.buckets.iter().try_for_each(|bucket| read_bucket(own, bucket))
}

fn read_replayed(own: &mut Series, one: &v1::SeriesDelta) -> Result<(), Refused> {
    if one.then_now.is_empty() {
        return Ok(());
    }
    let own = own.replayed.get_or_insert_default();
    for pair in &one.then_now {
        let own = own.statuses.entry(then_now(pair)?).or_default();
        *own = plus(*own, pair.count)?;
    }
    read_histogram(&mut own.size_then, one.size_then.as_ref())?;
    read_histogram(&mut own.size_now, one.size_now.as_ref())?;
    read_histogram(&mut own.latency_then, one.latency_then.as_ref())?;
    Ok(read_histogram(&mut own.latency_now, one.latency_now.as_ref())?)
}

fn read_bucket(own: &mut Series, message: &v1::Bucket) -> Result<(), Refused> {
    add_bucket(own.timeline.open(message.start_s, message.width_s)?, message)
}

/// Adds one bucket straight from its bytes.
pub fn add_bucket(bucket: &mut Bucket, message: &v1::Bucket) -> Result<(), Refused> {
    for count in &message.status {
        let own = bucket.status.entry(status_code(count)?).or_default();
        *own = plus(*own, count.count)?;
    }
    bucket.started = plus(bucket.started, message.started)?;
    bucket.finished = plus(bucket.finished, message.finished)?;
    bucket.errors = plus(bucket.errors, message.errors)?;
    bucket.user_us = plus(bucket.user_us, message.user_us)?;
    Ok(read_histogram(&mut bucket.response_time, message.response_time.as_ref())?)
}

fn histogram_to_wire(histogram: &Histogram) -> Option<v1::Histogram> {
    (!histogram.is_empty()).then(|| v1::Histogram {
        v2: histogram.to_v2(),
        count: histogram.count(),
        overflow: histogram.overflow(),
    })
}

fn tally_to_wire(tally: &Tally) -> v1::Tally {
    let Tally { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up } = *tally;
    v1::Tally { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up }
}

fn tally_from_wire(message: &v1::Tally) -> Tally {
    let v1::Tally { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up } =
        *message;
    Tally { started, finished, abandoned, late, overload, no_lease, stopped, no_data, time_up }
}

/// Refuses what no sum may be.
fn countable(count: u64) -> Result<(), HistogramError> {
    plus(0, count).map(drop)
}

/// Pairs of statuses in one message.
const PAIRS_MAX: usize = 4_096;
/// A year and a day: no schedule is longer.
const RUN_S_MAX: u64 = 366 * 86_400;

#[cfg(test)]
mod tests;
