use super::*;
use crate::arrivals::Timetable;
use crate::fixture;
use crate::lane::LaneSet;
use crate::plan::Arrivals;

const OPEN: Gate = Gate { slot: true, lease: true };

fn ms(ms: u64) -> RunTime {
    RunTime::from_nanos(ms * 1_000_000)
}

/// Evenly spaced arrivals, one a millisecond, for `seconds`.
fn pacer(seconds: u64, overload: Overload) -> Pacer {
    let scenario = fixture::scenario(&[(1000, 1000, seconds)], Arrivals::Even);
    let cursor = Timetable::of(&scenario, 0).unwrap().cursor(&LaneSet::all(), RunTime::ZERO);
    let limits =
        Limits { max_lateness: Duration::from_secs(1), overload, give_up: ms(seconds * 1000 + 2000) };
    Pacer::new(cursor, limits, RunTime::ZERO)
}

/// Everything that is fired or skipped at `now`, and the order that ended it.
fn drain(pacer: &mut Pacer, now: RunTime, gate: Gate) -> (Vec<u64>, Vec<(u64, SkipReason)>, Order) {
    let (mut fired, mut skipped) = (vec![], vec![]);
    loop {
        match pacer.next(now, gate) {
            Order::Fire(due) => fired.push(due.k),
            Order::Skip(due, reason) => skipped.push((due.k, reason)),
            order => return (fired, skipped, order),
        }
    }
}

#[test]
fn nothing_is_released_before_it_is_due() {
    let mut pacer = pacer(1, Overload::Queue);
    assert_eq!(drain(&mut pacer, ms(0), OPEN), (vec![0], vec![], Order::Wait(ms(1))));
    let just_before = RunTime::from_nanos(999_999);
    assert_eq!(drain(&mut pacer, just_before, OPEN), (vec![], vec![], Order::Wait(ms(1))));
    assert_eq!(drain(&mut pacer, ms(1), OPEN), (vec![1], vec![], Order::Wait(ms(2))));
}

#[test]
fn a_late_wake_up_within_grace_releases_all_that_is_due() {
    let mut pacer = pacer(1, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    assert_eq!(drain(&mut pacer, ms(5), OPEN), (vec![1, 2, 3, 4, 5], vec![], Order::Wait(ms(6))));
}

#[test]
fn a_stall_is_caught_up_at_no_more_than_1_2_times_the_pace() {
    let mut pacer = pacer(10, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    let (mut now, mut fired) = (ms(500), vec![]);
    loop {
        let (more, skipped, order) = drain(&mut pacer, now, OPEN);
        assert!(skipped.is_empty(), "{skipped:?}");
        fired.push((now, more.len()));
        match order {
            Order::Wait(next) if now < ms(4000) => now = next,
            _ => break,
        }
    }
    let sum = |from, to| fired.iter().filter(|(t, _)| *t > from && *t <= to).map(|(_, n)| n).sum::<usize>();
    assert!(fired[0].1 <= 7, "a burst of {} at the end of the stall", fired[0].1);
    assert!(
        sum(ms(500), ms(1500)).abs_diff(1200) <= 7,
        "1.2 × in the second after: {}",
        sum(ms(500), ms(1500))
    );
    assert!(sum(ms(3500), ms(4000)).abs_diff(500) <= 7, "back on pace: {}", sum(ms(3500), ms(4000)));
}

#[test]
fn what_is_later_than_max_lateness_is_skipped_and_counted() {
    let mut pacer = pacer(10, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    let (fired, skipped, _) = drain(&mut pacer, ms(3000), OPEN);
    assert!(fired.len() <= 7, "{fired:?}");
    assert!(skipped.iter().all(|(k, reason)| *reason == SkipReason::Late && *k < 2000));
    assert_eq!(fired.len() + skipped.len(), 1999, "all that is more than a second late, and nothing else");
}

#[test]
fn waiting_for_a_slot_is_not_lateness() {
    let mut pacer = pacer(10, Overload::Queue);
    let full = Gate { slot: false, ..OPEN };
    assert_eq!(drain(&mut pacer, ms(0), full), (vec![], vec![], Order::WaitForSlot));
    let (fired, skipped, order) = drain(&mut pacer, ms(3000), OPEN);
    assert_eq!((fired.len(), skipped, order), (3001, vec![], Order::Wait(ms(3001))));
}

#[test]
fn overload_skip_skips_what_finds_no_slot() {
    let mut pacer = pacer(10, Overload::Skip);
    let full = Gate { slot: false, ..OPEN };
    let (fired, skipped, _) = drain(&mut pacer, ms(2), full);
    assert!(fired.is_empty(), "{fired:?}");
    assert_eq!(skipped, [0, 1, 2].map(|k| (k, SkipReason::Overload)));
}

#[test]
fn without_a_lease_nothing_is_fired() {
    let mut pacer = pacer(10, Overload::Queue);
    let fenced = Gate { lease: false, ..OPEN };
    let (fired, skipped, order) = drain(&mut pacer, ms(2), fenced);
    assert_eq!((fired, skipped.len(), order), (vec![], 3, Order::Wait(ms(3))));
    assert!(skipped.iter().all(|(_, reason)| *reason == SkipReason::NoLease));
}

#[test]
fn after_a_stop_nothing_is_left() {
    let mut pacer = pacer(10, Overload::Queue);
    pacer.stop(ms(2));
    assert_eq!(drain(&mut pacer, ms(5), OPEN), (vec![0, 1], vec![], Order::Done));
}

#[test]
fn after_an_abort_what_is_left_before_the_stop_is_skipped_at_once() {
    let mut pacer = pacer(10, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    pacer.stop(ms(3));
    pacer.abort();
    let skipped = vec![(1, SkipReason::Stopped), (2, SkipReason::Stopped)];
    assert_eq!(drain(&mut pacer, ms(1), OPEN), (vec![], skipped, Order::Done));
}

#[test]
fn what_waits_beyond_the_drain_is_given_up_as_overload() {
    let mut pacer = pacer(1, Overload::Queue);
    let full = Gate { slot: false, ..OPEN };
    let _ = drain(&mut pacer, ms(10), full);
    let (fired, skipped, order) = drain(&mut pacer, ms(3000), full);
    assert_eq!((fired.len(), skipped.len(), order), (0, 1000, Order::Done));
}

#[test]
fn economy_releases_at_multiples_of_its_quantum() {
    let mut pacer = pacer(1, Overload::Queue);
    pacer.set_quantum(Duration::from_millis(4));
    let _ = drain(&mut pacer, ms(0), OPEN);
    assert_eq!(drain(&mut pacer, ms(0), OPEN).2, Order::Wait(ms(4)));
    assert_eq!(drain(&mut pacer, ms(4), OPEN), (vec![1, 2, 3, 4], vec![], Order::Wait(ms(8))));
}
