use super::*;
use common::sample::{Cause, Sample};
use proptest::prelude::*;
use prost::Message;

fn any_delta() -> impl Strategy<Value = Delta> {
    let request = (0..13_usize, 100_u16..600, 0_u64..5_000_000_000, 0_u64..3000);
    let requests = prop::collection::vec(request, 0..40);
    (1..u64::MAX, any::<u32>(), any::<bool>(), requests, prop::array::uniform9(0_u64..1000)).prop_map(
        |(seq, share_epoch, fin, requests, counters)| {
            let mut measured = Measured::sized(2, 3);
            measured.tallies[1] = Tally::from_counters(counters);
            for (outcome, status, time, second) in requests {
                let series = &mut measured.series[outcome % 3];
                series.outcomes[outcome] += 1;
                *series.status.entry(status).or_default() += 1;
                series.bytes_in += time;
                for histogram in [
                    &mut series.service_time,
                    &mut series.send_lag,
                    &mut series.ttfb,
                    &mut series.connect_time,
                ] {
                    histogram.record(time);
                }
                series.size.record(time / 7);
                let (cause, arrival) = (Cause { outcome: Outcome::ALL[outcome], status, check: 0 }, time);
                let (due, request) = (RunTime::from_nanos(second), format!("GET /{time}\n"));
                series.samples.keep(cause, Sample { arrival, due, request, ..Sample::default() });
                let bucket = series.timeline.at(RunTime::from_nanos(second * 1_000_000_000));
                bucket.started += 1;
                bucket.response_time.record(time);
                measured.release_lag.record(time);
            }
            let cursors = vec![RunTime::from_nanos(seq), RunTime::ZERO];
            let cumulative = measured.tallies.clone();
            Delta { seq, share_epoch, cursors, measured, cumulative, fin, told: RunTime::from_nanos(seq) }
        },
    )
}

fn origin() -> Origin {
    Origin { session_id: 7, controller_epoch: 3, run_id: "run".into() }
}

proptest! {
    #[test]
    fn a_delta_comes_back_as_it_went(delta in any_delta()) {
        let bytes = to_wire(&origin(), &delta).encode_to_vec();
        let message = v1::Delta::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(from_wire(&message, 2, 3), Ok((origin(), delta)));
    }

    #[test]
    fn what_is_added_straight_from_a_message_is_what_it_says(a in any_delta(), b in any_delta()) {
        let mut sum = a.measured.clone();
        sum.add(&b.measured).unwrap();
        let message = to_wire(&origin(), &b);
        let mut straight = a.measured;
        check(&message, 3).unwrap();
        add_series(&mut straight, &message).unwrap();
        prop_assert_eq!(straight.series, sum.series);
    }

    #[test]
    fn hostile_bytes_are_refused_or_harmless(delta in any_delta(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = to_wire(&origin(), &delta).encode_to_vec();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if let Ok(message) = v1::Delta::decode(bytes.as_slice()) {
            // Whatever comes out is bounded by the plan's lists and the histogram's shape; it must not panic.
            let _ = from_wire(&message, 2, 3);
        }
    }
}

#[test]
fn claims_outside_the_plan_are_refused() {
    let good = || {
        to_wire(
            &origin(),
            &Delta {
                seq: 1,
                share_epoch: 1,
                cursors: vec![RunTime::ZERO],
                measured: Measured::sized(1, 1),
                cumulative: vec![Tally::default()],
                fin: false,
                told: RunTime::ZERO,
            },
        )
    };
    let series = |number| v1::SeriesDelta { series: number, outcomes: vec![0; 16], ..Default::default() };
    let bucket = |start_s, width_s| v1::Bucket { start_s, width_s, ..Default::default() };
    type Change = Box<dyn Fn(&mut v1::Delta)>;
    let table: [(&str, Change, Refused); 9] = [
        (
            "no scenario",
            Box::new(|d| d.scenarios.clear()),
            Refused::Length { what: "scenarios", got: 0, expected: 1 },
        ),
        ("no tally", Box::new(|d| d.scenarios[0].delta = None), Refused::Absent("tally")),
        (
            "a series that is not there",
            Box::new(move |d| d.series = vec![series(1)]),
            Refused::Range { what: "series", got: 1 },
        ),
        ("a series twice", Box::new(move |d| d.series = vec![series(0), series(0)]), Refused::Twice(0)),
        (
            "a million outcomes",
            Box::new(|d| d.series = vec![v1::SeriesDelta { outcomes: vec![1; 1000], ..Default::default() }]),
            Refused::Length { what: "outcomes", got: 1000, expected: 16 },
        ),
        (
            "a status that is none",
            Box::new(move |d| {
                d.series = vec![v1::SeriesDelta {
                    status: vec![v1::StatusCount { status: 7, count: 1 }],
                    ..series(0)
                }];
            }),
            Refused::Range { what: "status", got: 7 },
        ),
        (
            "more bytes than anything is added up to",
            Box::new(move |d| d.series = vec![v1::SeriesDelta { bytes_in: u64::MAX, ..series(0) }]),
            Refused::Histogram(HistogramError::TooMany),
        ),
        (
            "a bucket of three seconds",
            Box::new(move |d| d.series = vec![v1::SeriesDelta { buckets: vec![bucket(0, 3)], ..series(0) }]),
            Refused::Range { what: "bucket width", got: 3 },
        ),
        (
            "a bucket at the end of time",
            Box::new(move |d| {
                d.series = vec![v1::SeriesDelta { buckets: vec![bucket(u64::MAX, 1)], ..series(0) }]
            }),
            Refused::Range { what: "bucket start", got: u64::MAX },
        ),
    ];
    for (what, change, refused) in table {
        let mut message = good();
        change(&mut message);
        assert_eq!(from_wire(&message, 1, 1), Err(refused), "{what}");
    }
}
