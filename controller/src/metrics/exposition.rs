//! What Prometheus scrapes: the quantities in both of its forms.
//!
//! A bucket `le` of a classic histogram holds what lay below that time. Native histograms exist in protobuf alone.

use super::{Family, Form, Labels, Points, Times, families};
use common::exponential::{Exponential, SCALE};
use common::live::Live;
use common::report::Stretch;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_protobuf::encode_to_vec;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;

/// All of it, for the runs that are on and the last one that was.
#[must_use]
pub fn exposition(runs: &[Arc<Live>], form: Form) -> Vec<u8> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Runs(runs.to_vec())));
    match form {
        Form::Text => {
            let mut text = String::new();
            // A string takes everything.
            encode(&mut text, &registry).unwrap_or_default();
            text.into_bytes()
        }
        // So does a vector; and no message has a moment or an exemplar, which alone can be refused.
        Form::Protobuf => encode_to_vec(&registry).unwrap_or_default(),
    }
}

#[derive(Debug)]
struct Runs(Vec<Arc<Live>>);

impl Collector for Runs {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        families(&self.0).into_iter().try_for_each(|family| encode_family(&mut out, family))
    }
}

fn encode_family(out: &mut DescriptorEncoder<'_>, family: Family) -> fmt::Result {
    let kind = match &family.points {
        Points::Counter(_) => MetricType::Counter,
        Points::Gauge(_) => MetricType::Gauge,
        Points::Histogram(_) => MetricType::Histogram,
    };
    let out = out.encode_descriptor(family.name, family.help, None, kind)?;
    match family.points {
        Points::Counter(rows) => {
            encode_rows(out, rows, |mut own, n| own.encode_counter::<NoLabelSet, _, u64>(&n, None))
        }
        Points::Gauge(rows) => encode_rows(out, rows, |mut own, value| own.encode_gauge(&value)),
        Points::Histogram(rows) => encode_rows(out, rows, encode_times),
    }
}

fn encode_rows<T>(
    mut out: MetricEncoder<'_>,
    rows: Vec<(Labels, T)>,
    encode: impl Fn(MetricEncoder<'_>, T) -> fmt::Result,
) -> fmt::Result {
    rows.into_iter().try_for_each(|(labels, value)| encode(out.encode_family(&labels)?, value))
}

/// The text form leaves the native buckets out.
fn encode_times(mut out: MetricEncoder<'_>, times: Times) -> fmt::Result {
    // A cell ends where the next one begins, and the last one nowhere.
    let edges_us = Stretch::heat_edges_us().into_iter().skip(1);
    let ends_s = edges_us.map(|us| us as f64 / 1e6).chain([f64::INFINITY]);
    let classic: Vec<(f64, u64)> = ends_s.zip(times.cells).collect();
    let Spans { spans, deltas } = Spans::of(&times.exponential);
    let native = NativeHistogram {
        schema: SCALE,
        zero_threshold: ZERO_THRESHOLD_S,
        zero_count: times.exponential.zeros(),
        negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
        positive: NativeHistogramBuckets { spans: &spans, deltas: &deltas },
        created: None,
    };
    let count = times.exponential.count();
    out.encode_histogram_with_native::<NoLabelSet>(times.sum_s, count, &classic, None, native)
}

/// Buckets as Prometheus writes them.
#[derive(Debug, Default, PartialEq)]
struct Spans {
    /// Stretches of buckets, as (buckets since the last stretch, length); the first one begins at its bucket's number.
    spans: Vec<(i32, u32)>,
    /// Each count less the one before it.
    deltas: Vec<i64>,
}

impl Spans {
    fn of(times: &Exponential) -> Self {
        let (mut own, mut next, mut before) = (Self::default(), 0, 0);
        for (number, n) in times.buckets() {
            let gap = number - next;
            match own.spans.last_mut() {
                // Some empty buckets take less room than another stretch.
                Some((_, length)) if gap <= GAP_MAX => {
                    for _ in 0..gap {
                        own.deltas.push(-std::mem::take(&mut before));
                    }
                    *length += gap.unsigned_abs() + 1;
                }
                _ => own.spans.push((gap, 1)),
            }
            // No count is above 2⁵³.
            let count = n.cast_signed();
            own.deltas.push(count - before);
            (next, before) = (number + 1, count);
        }
        own
    }
}

/// Empty buckets that are written as such.
const GAP_MAX: i32 = 2;
/// What counts as 0: Prometheus' own threshold, 2⁻¹²⁸ s. Without one it takes what is empty for a classic histogram.
const ZERO_THRESHOLD_S: f64 = f64::from_bits((1023 - 128) << 52);

#[cfg(test)]
mod tests;
