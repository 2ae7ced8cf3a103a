//! What is pushed: the same quantities as [`crate::metrics`] has, as OTLP says them.

use crate::metrics::{Family, Labels, Points, Times, families};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::exponential::{Exponential, SCALE};
use common::histogram::Histogram;
use common::live::{Live, LiveTimes};
use common::report::{Report, Stretch, Summary};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Since when is counted, and when it is: nanoseconds of Unix time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) since: u64,
    pub(super) now: u64,
}

/// Everything of a run, and how many values were too many for it.
pub(super) fn request(live: &Live, moment: Moment) -> (ExportMetricsServiceRequest, usize) {
    let (mut room, mut left_out) = (POINTS_MAX, 0);
    let mut metrics = Vec::new();
    for family in families(&[live]) {
        let (name, help) = (family.name, family.help);
        let mut points = family;
        left_out += cut(&mut points, &mut room);
        let data = data(points, moment);
        let (unit, name) = (unit(name).to_owned(), name.to_owned());
        metrics.push(Metric { name, description: help.into(), unit, data: Some(data), ..Metric::default() });
    }
    let run = [
        ("service.name", "stampede"),
        ("service.instance.id", &live.run.id),
        ("stampede.run.id", &live.run.id),
        ("stampede.plan.name", &live.run.name),
    ];
    let attributes = run.map(|(name, value)| attribute(name, common::human::printable(value))).into();
    let scope = InstrumentationScope {
        name: "stampede".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    let resource_metrics = ResourceMetrics {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
        ..ResourceMetrics::default()
    };
    (ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }, left_out)
}

/// How the run stood in the end, by its report.
pub(super) fn settled(live: &Live, report: &Report) -> Live {
    let mut live = live.clone();
    live.now.in_flight = 0;
    for scenario in &mut live.scenarios {
        let Some(entry) = report.ledger.get(&scenario.name) else { continue };
        (scenario.planned, scenario.started) = (entry.planned, entry.started);
        (scenario.finished, scenario.skipped) = (entry.finished, entry.skipped.total());
    }
    for row in &mut live.series {
        let same = |own: &&common::report::SeriesRow| {
            (own.kind, &own.scenario, &own.step) == (row.kind, &row.scenario, &row.step)
        };
        let Some(own) = report.series.iter().find(same) else { continue };
        (row.requests, row.errors, row.bytes_in) = (own.requests, own.errors, own.bytes_in);
        row.status.clone_from(&own.status);
        row.outcomes =
            own.outcomes.iter().chain(&own.generator_faults).map(|(k, n)| (k.clone(), *n)).collect();
        if let Some(times) = measured(&own.response_time) {
            (row.response_time, row.cells) = (LiveTimes::of(&times), Stretch::cells(&times));
            row.exponential = Exponential::of(&times).into();
        }
    }
    for agent in &mut live.agents {
        let own = report.agents.iter().filter(|own| own.name == agent.name);
        agent.started = own.map(|own| own.started).sum();
    }
    live
}

/// The histogram behind a summary; `None` when it is none.
fn measured(summary: &Summary) -> Option<Histogram> {
    let mut histogram = Histogram::new();
    if !summary.hdr.is_empty() {
        let bytes = STANDARD.decode(&summary.hdr).ok()?;
        histogram.add_v2(&bytes, summary.count, summary.overflow).ok()?;
    }
    Some(histogram)
}

/// Takes away what is more than there is room for; how many that were.
fn cut(family: &mut Family, room: &mut usize) -> usize {
    fn shorten<T>(rows: &mut Vec<T>, room: &mut usize) -> usize {
        let all = rows.len();
        rows.truncate(*room);
        *room -= rows.len();
        all - rows.len()
    }
    match &mut family.points {
        Points::Counter(rows) => shorten(rows, room),
        Points::Gauge(rows) => shorten(rows, room),
        Points::Histogram(rows) => shorten(rows, room),
    }
}

fn data(family: Family, moment: Moment) -> Data {
    let temporality = AggregationTemporality::Cumulative.into();
    let number = |labels: Labels, value| NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: moment.since,
        time_unix_nano: moment.now,
        value: Some(value),
        ..NumberDataPoint::default()
    };
    match family.points {
        Points::Counter(rows) => {
            let whole = |n| Number::AsInt(i64::try_from(n).unwrap_or(i64::MAX));
            let data_points = rows.into_iter().map(|(labels, n)| number(labels, whole(n))).collect();
            Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: true })
        }
        Points::Gauge(rows) => {
            let point = |(labels, value)| number(labels, Number::AsDouble(value));
            Data::Gauge(Gauge { data_points: rows.into_iter().map(point).collect() })
        }
        Points::Histogram(rows) => {
            let data_points =
                rows.into_iter().map(|(labels, times)| histogram(labels, &times, moment)).collect();
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points,
                aggregation_temporality: temporality,
            })
        }
    }
}

fn histogram(labels: Labels, times: &Times, moment: Moment) -> ExponentialHistogramDataPoint {
    let own = &times.exponential;
    // Here a bucket has the number of where it begins.
    let positive = Buckets { offset: own.first() - 1, bucket_counts: own.counts().to_vec() };
    ExponentialHistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: moment.since,
        time_unix_nano: moment.now,
        count: own.count(),
        sum: Some(times.sum_s),
        scale: SCALE,
        zero_count: own.zeros(),
        positive: Some(positive),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn attributes(labels: Labels) -> Vec<KeyValue> {
    labels.into_iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value)) });
    KeyValue { key: name.into(), value, ..KeyValue::default() }
}

/// The unit that the name tells, in UCUM. Others have none, so that nobody puts one behind their names.
fn unit(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "",
    }
}

/// Values in one push: some 5 MB.
const POINTS_MAX: usize = 20_000;
