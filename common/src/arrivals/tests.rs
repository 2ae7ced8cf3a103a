mod replay;
mod revised;

use super::*;
use crate::fixture;
use crate::lane::deal;
use proptest::prelude::*;

fn timetable((stages, arrivals): Load) -> Timetable {
    Timetable::of(&fixture::scenario(stages, arrivals), 7).unwrap()
}

/// Stages as (from, to, seconds), and how arrivals are spread.
type Load = (&'static [(u64, u64, u64)], Arrivals);
const EVEN: Load = (&[(0, 3000, 5), (700, 700, 3)], Arrivals::Even);
const POISSON: Load = (&[(0, 3000, 5), (700, 700, 3)], Arrivals::Poisson);

fn all(timetable: &Timetable) -> Vec<Due> {
    timetable.cursor(&LaneSet::all(), RunTime::ZERO).collect()
}

#[test]
fn even_arrivals_come_in_the_order_of_their_numbers() {
    let arrivals = all(&timetable(EVEN));
    assert_eq!(arrivals.len(), 9_600);
    assert!(arrivals.iter().zip(0..).all(|(due, k)| due.k == k));
    assert!(arrivals.is_sorted());
}

#[test]
fn poisson_arrivals_are_in_due_order_and_have_their_own_numbers() {
    let arrivals = all(&timetable(POISSON));
    let mut numbers: Vec<u64> = arrivals.iter().map(|due| due.k).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), arrivals.len());
    assert!(arrivals.is_sorted());
    let expected = 9_600.0_f64;
    assert!((arrivals.len() as f64 - expected).abs() < 5.0 * expected.sqrt(), "{} arrivals", arrivals.len());
}

#[test]
fn poisson_gaps_are_exponential() {
    let arrivals = all(&timetable((&[(1000, 1000, 60)], Arrivals::Poisson)));
    let gaps: Vec<f64> =
        arrivals.windows(2).map(|two| two[1].at.since(two[0].at).as_secs_f64() * 1000.0).collect();
    let mut sorted = gaps;
    sorted.sort_by(f64::total_cmp);
    // Kolmogorov-Smirnov distance to 1 − e^−x; 1.95/√n is the 0.1 % level, and the seed is fixed.
    let n = sorted.len() as f64;
    let distance = sorted.iter().zip(0..).map(|(x, i)| ((1.0 - (-x).exp()) - f64::from(i) / n).abs());
    let distance = distance.fold(0.0, f64::max);
    assert!(distance < 1.95 / n.sqrt(), "distance {distance}");
}

#[test]
fn planned_counts_what_the_cursor_yields() {
    for load in [EVEN, POISSON] {
        let timetable = timetable(load);
        let arrivals = all(&timetable);
        let mut planned = timetable.planned();
        for half_second in 0..20 {
            let t = RunTime::from_nanos(half_second * 500_000_000);
            let expected = arrivals.iter().filter(|due| due.at < t).count() as u64;
            assert_eq!(planned.before(t), expected, "{load:?} at {t:?}");
        }
        assert_eq!(planned.before(RunTime::MAX), arrivals.len() as u64);
    }
}

#[test]
fn the_fingerprint_changes_with_the_load() {
    let other: Load = (&[(700, 700, 3)], Arrivals::Even);
    let prints = [EVEN, POISSON, other].map(|load| timetable(load).fingerprint());
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    assert_eq!(prints[0], timetable(EVEN).fingerprint());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_union_of_all_agents_is_the_single_schedule(
        weights in prop::collection::vec(1_u32..100, 1..=64), poisson in any::<bool>()
    ) {
        let timetable = timetable(if poisson { POISSON } else { EVEN });
        let hands = deal(&weights, &LaneSet::all());
        let mut union: Vec<Due> =
            hands.iter().flat_map(|lanes| timetable.cursor(lanes, RunTime::ZERO)).collect();
        union.sort_unstable();
        prop_assert_eq!(union, all(&timetable));
    }

    #[test]
    fn a_cursor_from_a_later_time_yields_the_rest(ms in 0_u64..9_000, poisson in any::<bool>()) {
        let timetable = timetable(if poisson { POISSON } else { EVEN });
        let from = RunTime::from_nanos(ms * 1_000_000);
        let rest: Vec<Due> = all(&timetable).into_iter().filter(|due| due.at >= from).collect();
        let lanes = LaneSet::all();
        prop_assert_eq!(timetable.cursor(&lanes, from).collect::<Vec<_>>(), rest);
    }
}
