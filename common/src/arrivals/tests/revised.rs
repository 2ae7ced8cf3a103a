//! Timetables under any changes: split as before, changed from their time on, silent in pauses.

use super::*;
use crate::arrivals::Shift;
use crate::plan::{Load as Planned, Scenario, TriesLoad};
use std::time::Duration;

fn at(ms: u64) -> RunTime {
    RunTime::from_nanos(ms * 1_000_000)
}

fn any_shifts() -> impl Strategy<Value = Vec<(RunTime, Shift)>> {
    let shift = prop_oneof![
        (0_u64..5_000_000).prop_map(|milli| Shift::Rate { milli }),
        Just(Shift::Pause),
        Just(Shift::Resume),
    ];
    prop::collection::vec((0_u64..8_000_000_000, shift), 0..6).prop_map(|mut shifts| {
        shifts.sort_by_key(|(at, _)| *at);
        shifts.into_iter().map(|(at, shift)| (RunTime::from_nanos(at), shift)).collect()
    })
}

fn revised(timetable: &Timetable, shifts: &[(RunTime, Shift)]) -> Timetable {
    shifts.iter().fold(timetable.clone(), |timetable, (at, shift)| timetable.revised(*at, *shift).unwrap())
}

#[test]
fn what_was_paused_goes_on_where_the_plan_is_by_then() {
    let ramp = timetable((&[(0, 1000, 10)], Arrivals::Even));
    let paused = revised(&ramp, &[(at(2_000), Shift::Pause), (at(7_000), Shift::Resume)]);
    assert_eq!(paused.end(), ramp.end(), "time goes on");
    let rates = [1_000, 2_000, 6_999, 7_000, 9_000].map(|ms| paused.rate_at(at(ms)).round());
    assert_eq!(rates, [100.0, 0.0, 0.0, 700.0, 900.0]);
    // 200 until the pause, and 5,000 − 2,450 behind it.
    assert_eq!(paused.planned().before(RunTime::MAX), 2_750);
    assert_eq!(paused.count(at(7_000)), 200);
    let meanwhile = [(at(2_000), Shift::Pause), (at(4_000), Shift::Rate { milli: 50_000 })];
    let still = revised(&ramp, &meanwhile);
    assert_eq!((still.count(RunTime::MAX), still.rate_at(at(5_000))), (200, 0.0), "paused is paused");
    let on = still.revised(at(8_000), Shift::Resume).unwrap();
    assert_eq!((on.count(RunTime::MAX), on.rate_at(at(8_000))), (300, 50.0), "the new rate, for two seconds");
}

#[test]
fn a_rate_of_nothing_holds_no_arrival_wherever_it_begins() {
    // Arrival 1 is due at 333,333,334 ns, rounded up: its work is reached a little before.
    let thirds = timetable((&[(3, 3, 1)], Arrivals::Even));
    for from in [333_333_333, 333_333_334, 333_333_335] {
        let none = thirds.revised(RunTime::from_nanos(from), Shift::Rate { milli: 0 }).unwrap();
        assert_eq!(all(&none).len() as u64, thirds.count(RunTime::from_nanos(from)), "{from}");
        assert_eq!(all(&none).len() as u64, none.count(RunTime::MAX), "{from}");
    }
}

#[test]
fn tries_and_users_keep_their_rates_to_themselves() {
    let load = Planned::Tries(TriesLoad { count: 9, users: 2, within: Duration::from_secs(5) });
    let scenario = Scenario { load, ..fixture::scenario(&[(1, 1, 1)], Arrivals::Even) };
    let tries = Timetable::of(&scenario, 7).unwrap();
    let other = tries.revised(at(100), Shift::Rate { milli: 9 }).unwrap();
    let other = other.revised(at(100), Shift::Users { users: 9, spawn_milli: None }).unwrap();
    assert_eq!((other.fingerprint(), other.end()), (tries.fingerprint(), tries.end()));
}

#[test]
fn a_pause_of_a_log_leaves_out_what_was_due_in_it() {
    let whole = replay::spaced(100, 50);
    let pauses = [(at(1_000), Shift::Pause), (at(2_000), Shift::Resume), (at(4_000), Shift::Pause)];
    let paused = revised(&whole, &pauses);
    let is_asked = |due: &Due| due.at < at(1_000) || (at(2_000)..at(4_000)).contains(&due.at);
    let expected: Vec<Due> = all(&whole).into_iter().filter(is_asked).collect();
    assert_eq!(all(&paused), expected);
    assert_eq!(expected.len(), 60);
    assert_eq!(paused.planned().before(RunTime::MAX), 60);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_union_of_all_agents_is_the_single_changed_schedule(
        shifts in any_shifts(), weights in prop::collection::vec(1_u32..100, 1..=16), poisson in any::<bool>()
    ) {
        let plan = timetable(if poisson { POISSON } else { EVEN });
        let timetable = revised(&plan, &shifts);
        let hands = deal(&weights, &LaneSet::all());
        let mut union: Vec<Due> =
            hands.iter().flat_map(|lanes| timetable.cursor(lanes, RunTime::ZERO)).collect();
        union.sort_unstable();
        let whole = all(&timetable);
        let numbers: std::collections::BTreeSet<u64> = whole.iter().map(|due| due.k).collect();
        prop_assert_eq!(numbers.len(), whole.len(), "no number twice");
        prop_assert_eq!(&union, &whole);
        prop_assert_eq!(timetable.end(), plan.end());
        prop_assert_eq!(timetable.planned().before(RunTime::MAX), whole.len() as u64);
        let first = shifts.first().map_or(RunTime::MAX, |(at, _)| *at);
        let before = |all: Vec<Due>| all.into_iter().filter(|due| due.at < first).collect::<Vec<_>>();
        prop_assert_eq!(before(whole.clone()), before(all(&plan)), "what was due before a change stays");
        prop_assert!(whole.iter().all(|due| timetable.pauses.after(due.at) == due.at), "nothing in a pause");
    }

    #[test]
    fn a_pause_that_is_over_takes_only_itself_away(
        from in 0_u64..8_000_000_000, length in 0_u64..4_000_000_000, poisson in any::<bool>()
    ) {
        let plan = timetable(if poisson { POISSON } else { EVEN });
        let (from, to) = (RunTime::from_nanos(from), RunTime::from_nanos((from + length).min(7_999_999_999)));
        let paused = revised(&plan, &[(from, Shift::Pause), (to, Shift::Resume)]);
        prop_assert!((paused.rate_at(to) - plan.rate_at(to)).abs() < 1e-9);
        if from == to {
            prop_assert_eq!(all(&paused), all(&plan));
        }
        if !poisson {
            let left = plan.count(to) - plan.count(from);
            prop_assert!((plan.count(RunTime::MAX) - paused.count(RunTime::MAX)).abs_diff(left) <= 1);
        }
    }
}
