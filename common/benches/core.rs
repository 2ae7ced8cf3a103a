//! What the core costs per arrival, per request and per delta.
//!
//! Goals, on one core of a server: `due` ≤ 50 ns at a random arrival of any schedule, `Histogram::record` ≤ 5 ns,
//! adding 1,000 log-normal samples straight from their bytes ≤ 2 µs (the reference crate stands beside it).

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use stampede_common::arrivals::{Cursor, Timetable};
use stampede_common::exponential::Exponential;
use stampede_common::histogram::{BUCKETS, HIGHEST, Histogram, lowest_of};
use stampede_common::lane::LaneSet;
use stampede_common::live::LiveTimes;
use stampede_common::measured::Measured;
use stampede_common::pacer::{Gate, Limits, Order, Pacer};
use stampede_common::plan::{Overload, Plan};
use stampede_common::random::Random;
use stampede_common::report::Stretch;
use stampede_common::schedule::{Schedule, Segment};
use stampede_common::time::RunTime;

fn due(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("due of a random arrival");
    let hour = 3600;
    let segment = |seconds, from, to| Segment::new(Duration::from_secs(seconds), from, to);
    let day_of_waves = (0..480).map(|n| match n % 4 {
        0 => segment(180, 1_000_000, 50_000_000),
        1 => segment(180, 50_000_000, 50_000_000),
        2 => segment(180, 50_000_000, 1_000_000),
        _ => segment(180, 1_000_000, 1_000_000),
    });
    for (name, segments) in [
        ("hold 1,000/s", vec![segment(hour, 1_000_000, 1_000_000)]),
        ("hold 333,333.333/s", vec![segment(24 * hour, 333_333_333, 333_333_333)]),
        ("ramp 0 to 10,000/s in 1 h", vec![segment(hour, 0, 10_000_000)]),
        ("ramp 1,000,000 to 0/s in 24 h", vec![segment(24 * hour, 1_000_000_000, 0)]),
        ("480 segments", day_of_waves.collect()),
    ] {
        let schedule = Schedule::new(segments).expect("the segments above fit");
        let random = Random::new(1, "bench");
        let picks: Vec<u64> = (0..4096).map(|n| random.draw(0, n) % schedule.total()).collect();
        let mut pick = picks.iter().cycle();
        group.bench_function(name, |bencher| bencher.iter(|| schedule.due(*pick.next()?)));
    }
}

fn arrivals(criterion: &mut Criterion) {
    let every_eighth: LaneSet = (0..4096).filter(|lane| lane % 8 == 0).collect();
    for (name, arrivals, lanes) in [
        ("even, all lanes", "even", LaneSet::all()),
        ("even, an eighth of the lanes", "even", every_eighth.clone()),
        ("poisson, all lanes", "poisson", LaneSet::all()),
        ("poisson, an eighth of the lanes", "poisson", every_eighth),
    ] {
        let start = cursor(arrivals, &lanes);
        let mut cursor = start.clone();
        criterion.bench_function(&format!("next of a cursor, {name}"), |bencher| {
            bencher.iter(|| {
                cursor.next().or_else(|| {
                    cursor = start.clone();
                    cursor.next()
                })
            });
        });
    }
}

/// What an engine thread does for every arrival: ask, be told to wait, come back in time, fire.
fn pacer(criterion: &mut Criterion) {
    let limits =
        Limits { max_lateness: Duration::from_secs(1), overload: Overload::Queue, give_up: RunTime::MAX };
    let gate = Gate { slot: true, lease: true };
    for arrivals in ["even", "poisson"] {
        let start = Pacer::new(cursor(arrivals, &LaneSet::all()), limits, RunTime::MAX, RunTime::ZERO);
        let (mut pacer, mut now) = (start.clone(), RunTime::ZERO);
        criterion.bench_function(&format!("wait and fire of a pacer, {arrivals}"), |bencher| {
            bencher.iter(|| {
                loop {
                    match pacer.next(black_box(now), gate) {
                        Order::Fire(due) => return due,
                        Order::Wait(until) => now = until,
                        _ => (pacer, now) = (start.clone(), RunTime::ZERO),
                    }
                }
            });
        });
    }
}

fn histogram(criterion: &mut Criterion) {
    let values = latencies(4096, 0);
    let mut pick = values.iter().cycle();
    let mut histogram = Histogram::new();
    criterion.bench_function("record a latency", |bencher| {
        bencher.iter(|| pick.next().map(|value| histogram.record(*value)));
    });

    let mut group = criterion.benchmark_group("1,000 log-normal latencies");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    let (sample, mut sum) = (recorded(&latencies(SAMPLES, 1)), recorded(&values));
    let bytes = sample.to_v2();
    group.bench_function("add from bytes", |bencher| {
        bencher.iter(|| sum.add_v2(black_box(&bytes), SAMPLES as u64, 0));
    });
    group.bench_function("add", |bencher| bencher.iter(|| sum.add(black_box(&sample))));
    group.bench_function("to bytes", |bencher| bencher.iter(|| sample.to_v2()));

    let reference = |values: &[u64]| {
        let mut reference = Reference::new_with_bounds(1, HIGHEST, 3).expect("our own shape");
        values.iter().for_each(|value| reference.saturating_record(*value));
        reference
    };
    let (sample, mut sum) = (reference(&latencies(SAMPLES, 1)), reference(&values));
    let mut deserializer = Deserializer::new();
    group.bench_function("the reference: deserialize, add", |bencher| {
        bencher.iter(|| {
            let read: Reference = deserializer.deserialize(&mut black_box(bytes.as_slice()))?;
            sum.add(&read).map_err(|_| hdrhistogram::serialization::DeserializeError::UnsupportedFeature)
        });
    });
    let (mut serializer, mut written) = (V2Serializer::new(), Vec::new());
    group.bench_function("the reference: serialize", |bencher| {
        bencher.iter(|| {
            written.clear();
            serializer.serialize(black_box(&sample), &mut written)
        });
    });
}

/// What the controller makes of a series once a second: of response times as they mostly are, and of all there can be.
fn shown(criterion: &mut Criterion) {
    let every: Vec<u64> = (0..BUCKETS).map(lowest_of).filter(|value| *value <= HIGHEST).collect();
    for (name, times) in
        [("100,000 latencies", recorded(&latencies(100_000, 6))), ("every value", recorded(&every))]
    {
        let mut group = criterion.benchmark_group(format!("of a series with {name}"));
        group.bench_function("percentiles", |bencher| bencher.iter(|| LiveTimes::of(black_box(&times))));
        group.bench_function("cells of the heat map", |bencher| {
            bencher.iter(|| Stretch::cells(black_box(&times)))
        });
        group.bench_function("exponential buckets", |bencher| {
            bencher.iter(|| Exponential::of(black_box(&times)))
        });
    }
}

/// One second of an agent: a series with four histograms of 1,000 latencies and one bucket of its timeline.
fn measured(criterion: &mut Criterion) {
    let mut delta = Measured::sized(1, 1);
    delta.tallies[0].started = SAMPLES as u64;
    let series = &mut delta.series[0];
    series.outcomes[0] = SAMPLES as u64;
    series.status.insert(200, SAMPLES as u64);
    (series.service_time, series.ttfb) = (recorded(&latencies(SAMPLES, 2)), recorded(&latencies(SAMPLES, 3)));
    let lags: Vec<u64> = latencies(SAMPLES, 4).iter().map(|value| value / 100).collect();
    series.send_lag = recorded(&lags);
    let bucket = series.timeline.at(RunTime::ZERO);
    (bucket.started, bucket.finished) = (SAMPLES as u64, SAMPLES as u64);
    bucket.response_time = recorded(&latencies(SAMPLES, 5));
    let mut totals = delta.clone();
    criterion.bench_function("add the delta of a second", |bencher| {
        bencher.iter(|| totals.add(black_box(&delta)));
    });
}

fn cursor(arrivals: &str, lanes: &LaneSet) -> Cursor {
    let plan =
        Plan::parse("plan.toml", &PLAN.replace("ARRIVALS", arrivals)).expect("the plan below is valid");
    let timetable = Timetable::of(&plan.scenarios[0], plan.seed).expect("its schedule fits");
    timetable.cursor(lanes, RunTime::ZERO)
}

/// Microseconds around a median of 2 ms with sigma 0.5, by Box and Muller: the same ones in every run.
fn latencies(n: usize, stream: u64) -> Vec<u64> {
    let random = Random::new(1, "latencies");
    let normal = |n: u64| {
        let angle = random.draw(stream, 2 * n + 1) as f64 / u64::MAX as f64 * std::f64::consts::TAU;
        (2.0 * random.exponential(stream, 2 * n)).sqrt() * angle.cos()
    };
    (0..n as u64).map(|n| (2000.0 * (0.5 * normal(n)).exp()) as u64).collect()
}

fn recorded(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|value| histogram.record(*value));
    histogram
}

type Reference = hdrhistogram::Histogram<u64>;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    targets = due, arrivals, pacer, histogram, shown, measured
}
criterion_main!(benches);

const SAMPLES: usize = 1000;

const PLAN: &str = r#"
name = "bench"
[target]
base_url = "http://127.0.0.1:8080"
[[scenario]]
name = "s"
load.rate = [{ from = "0/s", to = "100000/s", for = "30s" }, { at = "100000/s", for = "30s" }]
load.arrivals = "ARRIVALS"
[[scenario.step]]
name = "get"
path = "/"
"#;
