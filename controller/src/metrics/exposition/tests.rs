use super::*;
use common::histogram::{Histogram, lowest_of};
use common::live::{LiveAgent, LiveRun, LiveScenario, LiveSeries, LiveTimes};
use common::report::SeriesKind;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{Metric, MetricFamily};
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;

fn of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|us| histogram.record(*us));
    histogram
}

fn live(times: &Histogram) -> Live {
    let row = LiveSeries {
        scenario: "browse".into(),
        step: "GET \"/\"\n\\".into(),
        kind: SeriesKind::Requests,
        requests: 5,
        errors: 1,
        rate: 1.0,
        status: BTreeMap::from([(200, 4), (500, 1)]),
        outcomes: BTreeMap::from([("ok".into(), 4), ("unexpected_status".into(), 1)]),
        response_time: LiveTimes::of(times),
        cells: Stretch::cells(times),
        exponential: Exponential::of(times).into(),
        bytes_in: 77,
    };
    Live {
        run: LiveRun { id: "r1".into(), name: "shop".into(), run_time_s: 2.5, ..LiveRun::default() },
        scenarios: vec![LiveScenario {
            name: "browse".into(),
            planned: 6,
            asked_rate: Some(2.0),
            ..LiveScenario::default()
        }],
        series: vec![row],
        agents: vec![LiveAgent { name: "a1".into(), state: "here".into(), ..LiveAgent::default() }],
        ..Live::default()
    }
}

fn text(runs: &[Arc<Live>]) -> String {
    String::from_utf8(exposition(runs, Form::Text)).unwrap()
}

fn messages(runs: &[Arc<Live>]) -> Vec<MetricFamily> {
    let bytes = exposition(runs, Form::Protobuf);
    let (mut rest, mut all) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        all.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    all
}

#[test]
fn counters_gauges_and_histograms_stand_as_prometheus_reads_them() {
    let text = text(&[Arc::new(live(&of(&[300, 1_500, 1_500, 2_000, 2_000, 400_000_000])))]);
    for line in [
        "stampede_arrivals_planned_total{run=\"r1\",plan=\"shop\",scenario=\"browse\"} 6",
        "stampede_asked_rate{run=\"r1\",plan=\"shop\",scenario=\"browse\"} 2.0",
        "stampede_responses_total{run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\",code=\"500\"} 1",
        "stampede_response_time_seconds_bucket{le=\"0.0025\",run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\"} 5",
        "stampede_response_time_seconds_bucket{le=\"+Inf\",run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\"} 6",
        "stampede_response_time_seconds_count{run=\"r1\",plan=\"shop\",scenario=\"browse\",step=\"GET \\\"/\\\"\\\\\"} 6",
        "stampede_agent_here{run=\"r1\",plan=\"shop\",agent=\"a1\"} 1.0",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    let sum = text.lines().find(|line| line.starts_with("stampede_response_time_seconds_sum")).unwrap();
    let sum: f64 = sum.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((sum - 400.0073).abs() < 0.2, "{sum}");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn both_forms_have_the_same_quantities() {
    let live = Arc::new(live(&of(&[0, 1_500])));
    let (text, messages) = (text(&[Arc::clone(&live)]), messages(&[live]));
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
    });
    assert_eq!(messages.iter().map(|own| own.name.clone()).collect::<Vec<_>>(), names.collect::<Vec<_>>());
    let responses = messages.iter().find(|own| own.name == "stampede_responses_total").unwrap();
    let labels = |metric: &Metric| {
        metric.label.iter().map(|own| (own.name.clone(), own.value.clone())).collect::<Vec<_>>()
    };
    let expected =
        [("run", "r1"), ("plan", "shop"), ("scenario", "browse"), ("step", "GET \"/\"\\"), ("code", "200")];
    assert_eq!(
        labels(&responses.metric[0]),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(responses.metric[0].counter.as_ref().unwrap().value, 4.0);
}

#[test]
fn no_run_is_an_empty_exposition() {
    assert!(text(&[]).ends_with("# EOF\n"));
    assert!(messages(&[]).iter().all(|family| family.metric.is_empty()));
}

#[test]
fn a_series_without_an_answer_has_a_histogram_of_either_kind() {
    let mut live = live(&Histogram::new());
    (live.series[0].cells, live.series[0].response_time) = (vec![], LiveTimes::default());
    let live = Arc::new(live);
    let text = text(&[Arc::clone(&live)]);
    assert!(text.contains("le=\"+Inf\"") && text.ends_with("# EOF\n"), "{text}");
    let messages = messages(&[live]);
    let family = messages.iter().find(|own| own.name == "stampede_response_time_seconds").unwrap();
    let own = family.metric[0].histogram.as_ref().unwrap();
    assert_eq!((own.sample_count, own.bucket.len(), own.schema), (0, 32, 3));
    assert!(own.zero_threshold > 0.0, "else it were a classic one");
}

#[test]
fn gaps_of_two_are_filled_and_wider_ones_are_left_out() {
    for (values, spans, deltas, why) in [
        (&[][..], &[][..], &[][..], "nothing"),
        (&[0], &[], &[], "0 is in no bucket"),
        (&[1], &[(-159, 1)], &[1], "one"),
        (&[1_000, 1_000, 1_100], &[(-79, 2)], &[2, -1], "neighbours"),
        (&[1_000, 1_000, 1_300], &[(-79, 4)], &[2, -2, 0, 1], "two empty ones between"),
        (&[1_000, 1_400], &[(-79, 1), (3, 1)], &[1, 0], "three empty ones between"),
    ] {
        let own = Spans::of(&Exponential::of(&of(values)));
        assert_eq!((&*own.spans, &*own.deltas), (spans, deltas), "{why}");
    }
}

proptest! {
    #[test]
    fn spans_say_what_the_buckets_hold(buckets in prop::collection::vec((0..23_000_usize, 1..5_u64), 0..60)) {
        let mut histogram = Histogram::new();
        buckets.iter().for_each(|(bucket, n)| histogram.record_many(lowest_of(*bucket), *n));
        let times = Exponential::of(&histogram);
        let Spans { spans, deltas } = Spans::of(&times);
        let (mut number, mut count, mut deltas) = (0, 0, deltas.into_iter());
        let mut read = Vec::new();
        for (gap, length) in spans {
            number += gap;
            for _ in 0..length {
                count += deltas.next().unwrap();
                read.push((number, count as u64));
                number += 1;
            }
        }
        prop_assert!(deltas.next().is_none());
        read.retain(|(_, n)| *n > 0);
        prop_assert_eq!(read, times.buckets().collect::<Vec<_>>());
    }
}
