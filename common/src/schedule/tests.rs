use super::*;
use num_bigint::BigInt;
use proptest::prelude::*;

fn seconds(s: u64) -> RunTime {
    RunTime::from_nanos(s * 1_000_000_000)
}

fn segment(seconds: f64, from: u64, to: u64) -> Segment {
    Segment::new(Duration::from_secs_f64(seconds), from * 1000, to * 1000)
}

fn schedule(segments: &[Segment]) -> Schedule {
    Schedule::new(segments.iter().copied()).unwrap()
}

#[test]
fn a_hold_is_an_even_comb_that_starts_at_zero() {
    let hold = schedule(&[segment(10.0, 1000, 1000)]);
    assert_eq!(hold.total(), 10_000);
    assert_eq!(hold.due(0), Some(RunTime::ZERO));
    assert_eq!(hold.due(1), Some(RunTime::from_nanos(1_000_000)));
    assert_eq!(hold.due(9_999), Some(RunTime::from_nanos(9_999_000_000)));
    assert_eq!(hold.due(10_000), None);
}

#[test]
fn a_rate_that_does_not_divide_a_second_never_drifts() {
    // Multiplying a period rounded to whole nanoseconds is 100 ppm off at this rate.
    let hold = schedule(&[segment(3600.0, 300_000, 300_000)]);
    assert_eq!(hold.total(), 3600 * 300_000);
    for second in [1, 59, 1800, 3599] {
        assert_eq!(hold.count(seconds(second)), second * 300_000);
        assert_eq!(hold.due(second * 300_000), Some(seconds(second)));
    }
}

#[test]
fn a_ramp_holds_the_area_under_its_line() {
    let ramp = schedule(&[segment(10.0, 0, 1000)]);
    assert_eq!(ramp.total(), 5000);
    assert_eq!(ramp.count(seconds(5)), 1250);
    assert_eq!(
        ramp.due(1250),
        Some(seconds(5)),
        "half the time of a ramp from zero holds a quarter of its work"
    );
}

#[test]
fn a_fraction_is_carried_over_a_border() {
    // Each stage holds 1.5 arrivals: 0 and 1 in the first, 2 in the second.
    let half = schedule(&[segment(1.5, 1, 1), segment(0.5, 3, 3)]);
    assert_eq!(half.total(), 3);
    assert_eq!(half.due(1), Some(seconds(1)));
    assert_eq!(half.due(2), Some(RunTime::from_nanos(1_666_666_667)));
}

#[test]
fn a_stretch_at_rate_zero_holds_no_arrivals() {
    let paused =
        schedule(&[segment(2.0, 10, 10), segment(5.0, 0, 0), segment(1.0, 10, 10), segment(9.0, 0, 0)]);
    assert_eq!(paused.total(), 30);
    assert_eq!(paused.count(seconds(2)), 20);
    assert_eq!(paused.count(seconds(7)), 20);
    assert_eq!(paused.due(20), Some(seconds(7)), "what is reached when the pause begins is due when it ends");
    assert_eq!(paused.due(30), None);
    assert_eq!(schedule(&[]).due(0), None);
    assert_eq!(schedule(&[segment(5.0, 0, 0)]).total(), 0);
}

#[test]
fn segments_that_do_not_fit_the_arithmetic_are_refused() {
    let day = 86_400_000_000_000;
    let of =
        |duration_ns, from_milli, to_milli| Schedule::new([Segment { duration_ns, from_milli, to_milli }]);
    assert_eq!(of(1, RATE_MILLI_MAX + 1, 0), Err(ScheduleError::RateTooHigh { segment: 0 }));
    assert_eq!(of(day + 1, 0, 1000), Err(ScheduleError::RampTooLong { segment: 0 }));
    assert_eq!(of(u64::MAX, 1, 1), Err(ScheduleError::TooLong));
    let widest = of(day, 0, RATE_MILLI_MAX).unwrap();
    assert_eq!(widest.total(), 432_000_000_000);
    assert_eq!(widest.count(RunTime::from_nanos(day / 2)), 108_000_000_000);
    let down = of(day, RATE_MILLI_MAX, 0).unwrap();
    assert!(down.due(down.total() - 1).unwrap() <= down.end());
}

/// The definition itself in unbounded integers, searched by bisection: slow and plain.
fn reference_due(segments: &[Segment], k: u64) -> Option<u64> {
    let goal = BigInt::from(k) * BigInt::from(ARRIVAL);
    let (mut start_ns, mut start_work) = (0_u64, BigInt::from(0));
    for s in segments {
        let d = BigInt::from(s.duration_ns);
        let work = (BigInt::from(s.from_milli) + s.to_milli) * &d;
        if &start_work + &work > goal {
            let rest = (&goal - &start_work) * &d;
            let reached = |tau: u64| {
                let tau = BigInt::from(tau);
                let slope = BigInt::from(s.to_milli) - s.from_milli;
                BigInt::from(2) * &d * s.from_milli * &tau + slope * &tau * &tau >= rest
            };
            let (mut low, mut high) = (0, s.duration_ns);
            while low < high {
                let middle = low + (high - low) / 2;
                if reached(middle) { high = middle } else { low = middle + 1 }
            }
            return Some(start_ns + low);
        }
        start_ns += s.duration_ns;
        start_work += work;
    }
    None
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let rate = prop_oneof![Just(0), 1_u64..5_000, 1_000_u64..RATE_MILLI_MAX];
    let duration = prop_oneof![1_u64..1_000, 1_000_000_u64..5_000_000_000, 1_000_000_000..RAMP_NS_MAX];
    (duration, rate.clone(), rate, any::<bool>()).prop_map(|(duration_ns, from_milli, to, hold)| Segment {
        duration_ns,
        from_milli,
        to_milli: if hold { from_milli } else { to },
    })
}

proptest! {
    #[test]
    fn due_equals_the_definition_in_unbounded_integers(
        segments in prop::collection::vec(any_segment(), 1..6), parts in prop::collection::vec(0.0_f64..1.0, 12)
    ) {
        let fast = schedule(&segments);
        let total = fast.total();
        let picks = parts.iter().map(|part| (part * total as f64) as u64);
        for k in picks.chain([0, 1, total.saturating_sub(1), total]) {
            prop_assert_eq!(fast.due(k).map(RunTime::nanos), reference_due(&segments, k), "arrival {}", k);
        }
    }

    #[test]
    fn due_is_monotone_and_count_is_its_inverse(
        segments in prop::collection::vec(any_segment(), 1..6), part in 0.0_f64..1.0
    ) {
        let fast = schedule(&segments);
        let first = (part * fast.total() as f64) as u64;
        let mut before = RunTime::ZERO;
        for k in first..fast.total().min(first + 50) {
            let due = fast.due(k).unwrap();
            prop_assert!(due >= before);
            prop_assert!(fast.count(due) <= k, "nothing but earlier arrivals is due before arrival {}", k);
            prop_assert!(fast.count(RunTime::from_nanos(due.nanos() + 1)) > k, "arrival {} is due then", k);
            before = due;
        }
        prop_assert_eq!(fast.count(RunTime::MAX), fast.total());
    }
}

#[test]
fn a_revision_keeps_what_is_due_before_it_and_the_fraction_reached() {
    let ramp = [Segment { duration_ns: 10_000_000_000, from_milli: 0, to_milli: 777_000 }];
    let old = Schedule::new(ramp).unwrap();
    for at in [0, 1, 999_999_999, 1_234_567_891, 9_999_999_999, 10_000_000_000, 12_345_678_901] {
        let at = RunTime::from_nanos(at);
        let hold = Segment { duration_ns: 2_000_000_000, from_milli: 500_000, to_milli: 500_000 };
        let new = old.revised(at, [hold]).unwrap();
        let kept = old.count(at);
        assert_eq!(new.count(at), kept, "{at:?}");
        assert!((0..kept).all(|k| new.due(k) == old.due(k)), "{at:?}");
        let later: Vec<_> = (kept..new.total()).map(|k| new.due(k).unwrap()).collect();
        assert!(later.iter().all(|due| *due >= at) && later.is_sorted(), "{at:?}");
        assert!(later.len().abs_diff(1000) <= 1, "{at:?}: {}", later.len());
        assert_eq!(new.end(), at + Duration::from_secs(2));
        assert!(later.windows(2).all(|two| two[1].since(two[0]) == Duration::from_millis(2)), "{at:?}");
    }
}
