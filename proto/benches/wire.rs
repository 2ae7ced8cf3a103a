//! What one agent costs the controller every second: its delta with four histograms, from bytes to sums.

use std::hint::black_box;
use std::time::Duration;

use common::delta::Delta;
use common::histogram::Histogram;
use common::measured::Measured;
use common::random::Random;
use common::time::RunTime;
use criterion::{Criterion, criterion_group, criterion_main};
use prost::Message;
use stampede_proto::delta::{Origin, from_wire, to_wire};
use stampede_proto::v1;

fn delta(criterion: &mut Criterion) {
    let delta = a_second();
    let origin = Origin { session_id: 1, controller_epoch: 1, run_id: "bench".into() };
    let message = to_wire(&origin, &delta);
    let bytes = message.encode_to_vec();
    let mut group = criterion.benchmark_group(format!("a delta of {} bytes", bytes.len()));
    group.bench_function("to wire", |bencher| bencher.iter(|| to_wire(&origin, black_box(&delta))));
    group.bench_function("decode", |bencher| bencher.iter(|| v1::Delta::decode(black_box(bytes.as_slice()))));
    group.bench_function("from wire", |bencher| bencher.iter(|| from_wire(black_box(&message), 1, 1)));
    let mut totals = delta.measured.clone();
    group.bench_function("decode, from wire, add to the totals", |bencher| {
        bencher.iter(|| {
            let message = v1::Delta::decode(black_box(bytes.as_slice())).expect("we encoded it");
            let (_, delta) = from_wire(&message, 1, 1).expect("we wrote it");
            totals.add(&delta.measured)
        });
    });
}

/// 1,000 requests of one series that were due in one second: service time, send lag, first byte, response time.
fn a_second() -> Delta {
    let mut measured = Measured::sized(1, 1);
    measured.tallies[0].started = SAMPLES;
    measured.tallies[0].finished = SAMPLES;
    let series = &mut measured.series[0];
    series.outcomes[0] = SAMPLES;
    series.status.insert(200, SAMPLES);
    (series.service_time, series.ttfb) = (latencies(2000.0, 0), latencies(1900.0, 1));
    series.send_lag = latencies(20.0, 2);
    let bucket = series.timeline.at(RunTime::ZERO);
    (bucket.started, bucket.finished) = (SAMPLES, SAMPLES);
    bucket.response_time = latencies(2020.0, 3);
    let cumulative = measured.tallies.clone();
    Delta {
        seq: 1,
        share_epoch: 1,
        cursors: vec![RunTime::ZERO],
        measured,
        cumulative,
        fin: false,
        told: RunTime::ZERO,
    }
}

/// Log-normal with sigma 0.5, by Box and Muller: the same ones in every run.
fn latencies(median_us: f64, stream: u64) -> Histogram {
    let random = Random::new(1, "latencies");
    let mut histogram = Histogram::new();
    for n in 0..SAMPLES {
        let angle = random.draw(stream, 2 * n + 1) as f64 / u64::MAX as f64 * std::f64::consts::TAU;
        let normal = (2.0 * random.exponential(stream, 2 * n)).sqrt() * angle.cos();
        histogram.record((median_us * (0.5 * normal).exp()) as u64);
    }
    histogram
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    targets = delta
}
criterion_main!(benches);

const SAMPLES: u64 = 1000;
