//! What the store costs: a second of deltas from a thousand agents, made durable, and merging what grew old.

use common::delta::Outbox;
use common::histogram::Histogram;
use common::measured::Measured;
use common::random::Random;
use common::time::RunTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prost::Message;
use proto::delta::{Origin, to_wire};
use proto::v1;
use stampede_controller::journal::{Journal, Record};
use stampede_controller::store::Store;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A delta of each session, durable: from append until durable() tells.
fn commit(criterion: &mut Criterion) {
    for (what, series) in [("1 series", 1), ("10 series", 10)] {
        let delta = a_second(series, 1);
        let bytes = delta.encoded_len();
        let mut group =
            criterion.benchmark_group(format!("deltas of {what}, {bytes} bytes, {SESSIONS} sessions"));
        group.throughput(Throughput::Elements(SESSIONS));
        group.bench_function("commit", |bencher| {
            let folder = tempfile::tempdir().expect("a folder for the store");
            let mut store = Store::open(folder.path(), false).expect("the folder is new");
            let [run_id, name, plan, created_at] = ["r", "bench", "", ""].map(str::to_owned);
            store.append(Record::Run { run_id, name, plan, created_at });
            let mut seq = 0;
            bencher.iter_custom(|rounds| {
                (0..rounds).fold(Duration::ZERO, |spent, _| {
                    seq += 1;
                    spent + second(&mut store, &delta, seq)
                })
            });
        });
    }
}

/// How long it takes until a delta of every session is durable.
fn second(store: &mut Store, delta: &v1::Delta, seq: u64) -> Duration {
    let body = v1::Delta { seq, ..delta.clone() }.encode_to_vec();
    let record = |session| Record::Delta { run_id: "r".into(), session, seq, body: body.clone() };
    let records: Vec<_> = (1..=SESSIONS).map(record).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without anything");
    let mut durable = store.durable();
    let begin = Instant::now();
    let last = records.into_iter().map(|record| store.append(record)).last().unwrap_or_default();
    let reached = durable.wait_for(|durable| durable.as_ref().map_or(true, |newest| *newest >= last));
    runtime.block_on(reached).expect("the store is open").clone().expect("the disk has room");
    begin.elapsed()
}

/// The report of a run: every session's deltas become one row. Here one session with four minutes of deltas.
fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("240 deltas of 10 series");
    group.sample_size(10);
    group.bench_function("merge, with its commit", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| black_box(merged())).sum());
    });
}

fn merged() -> Duration {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let mut store = Store::open(folder.path(), false).expect("the folder is new");
    let [run_id, name, plan, created_at] = ["r", "bench", "", ""].map(str::to_owned);
    store.append(Record::Run { run_id, name, plan, created_at });
    let delta = a_second(10, 240);
    for seq in 1..=240 {
        let body = v1::Delta { seq, ..delta.clone() }.encode_to_vec();
        store.append(Record::Delta { run_id: "r".into(), session: 1, seq, body });
    }
    let number =
        store.append(Record::Event { run_id: "r".into(), at_ns: 0, kind: "finished", body: "{}".into() });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without anything");
    runtime.block_on(store.durable().wait_for(|durable| *durable == Ok(number))).expect("the store is open");
    let begin = Instant::now();
    store.append(Record::Report { run_id: "r".into(), report: "{}".into() });
    // Closing merges first.
    drop(store);
    begin.elapsed()
}

/// What one session saw in one second: 200 requests in each series; due within `seconds`.
fn a_second(series: usize, seconds: u64) -> v1::Delta {
    let mut measured = Measured::sized(1, series);
    measured.tallies[0].started = SAMPLES * series as u64;
    for (number, series) in (0..).zip(&mut measured.series) {
        series.outcomes[0] = SAMPLES;
        series.status.insert(200, SAMPLES);
        (series.service_time, series.ttfb) = (latencies(2000.0, number), latencies(1900.0, number));
        series.send_lag = latencies(20.0, number);
        let bucket = series.timeline.at(RunTime::from_nanos(number % seconds * 1_000_000_000));
        (bucket.started, bucket.finished) = (SAMPLES, SAMPLES);
        bucket.response_time = latencies(2020.0, number);
    }
    let mut outbox = Outbox::new(Measured::sized(1, measured.series.len()), 1);
    outbox.add(&measured).expect("it is empty");
    let delta = outbox.seal(1, false).expect("sums are small").expect("there is something in it");
    to_wire(&Origin { session_id: 1, controller_epoch: 1, run_id: "r".into() }, &delta)
}

/// Exponential: the same ones in every run.
fn latencies(mean_us: f64, stream: u64) -> Histogram {
    let random = Random::new(1, "latencies");
    let mut histogram = Histogram::new();
    (0..SAMPLES).for_each(|n| histogram.record((mean_us * random.exponential(stream, n)) as u64));
    histogram
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .sample_size(10)
        .without_plots();
    targets = commit, merge
}
criterion_main!(benches);

const SESSIONS: u64 = 1000;
const SAMPLES: u64 = 200;
