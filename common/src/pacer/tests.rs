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
    Pacer::new(cursor, limits, ms(seconds * 1000), RunTime::ZERO)
}

/// The arrivals of these lanes of the same load, from `from` on.
fn lanes(seconds: u64, lanes: &LaneSet, from: RunTime) -> Cursor {
    let scenario = fixture::scenario(&[(1000, 1000, seconds)], Arrivals::Even);
    Timetable::of(&scenario, 0).unwrap().cursor(lanes, from)
}

fn nothing(from: RunTime) -> Cursor {
    lanes(1, &LaneSet::empty(), from)
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
fn who_begins_when_the_run_is_long_under_way_is_not_behind() {
    let scenario = fixture::scenario(&[(1000, 1000, 10)], Arrivals::Even);
    let limits =
        Limits { max_lateness: Duration::from_secs(1), overload: Overload::Queue, give_up: ms(12_000) };
    // Made at run time zero with nothing to do, asked for the first time six seconds later, given lanes after that.
    let nothing = Timetable::of(&scenario, 0).unwrap().cursor(&LaneSet::empty(), RunTime::ZERO);
    let mut pacer = Pacer::new(nothing, limits, ms(10_000), RunTime::ZERO);
    assert_eq!(pacer.next(ms(6000), OPEN), Order::Wait(ms(10_000)));
    assert_eq!(pacer.hold(ms(7000)), ms(7000));
    pacer.switch(ms(7000), lanes(10, &LaneSet::all(), ms(7000)), ms(10_000));
    assert_eq!(drain(&mut pacer, ms(6001), OPEN), (vec![], vec![], Order::Wait(ms(7000))));
    assert_eq!(drain(&mut pacer, ms(7001), OPEN), (vec![7000, 7001], vec![], Order::Wait(ms(7002))));
    // The same when it is given them at once.
    let all = lanes(10, &LaneSet::all(), ms(7000));
    let mut pacer = Pacer::new(all, limits, ms(10_000), RunTime::ZERO);
    assert_eq!(drain(&mut pacer, ms(7001), OPEN), (vec![7000, 7001], vec![], Order::Wait(ms(7002))));
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
fn without_a_lease_nothing_is_fired_and_nothing_given_up() {
    let mut pacer = pacer(10, Overload::Queue);
    let fenced = Gate { lease: false, ..OPEN };
    for now in (0..3000).step_by(5) {
        let (fired, skipped, order) = drain(&mut pacer, ms(now), fenced);
        assert_eq!((fired, skipped, order), (vec![], vec![], Order::Wait(ms(now + 5))));
    }
    // With the lease back, what was due meanwhile is skipped, and the load goes on at the present time.
    let (fired, skipped, order) = drain(&mut pacer, ms(3000), OPEN);
    let soon = matches!(order, Order::Wait(next) if next <= ms(3001));
    assert!(fired.is_empty() && skipped.len() == 2996 && soon, "{fired:?} {} {order:?}", skipped.len());
    assert!(skipped.iter().all(|(_, reason)| *reason == SkipReason::NoLease));
}

#[test]
fn after_a_long_stall_the_pace_is_found_again_within_five_times_the_lateness() {
    let mut pacer = pacer(60, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    let (mut now, mut skipped) = (ms(30_000), 0);
    while let (_, more, Order::Wait(next)) = drain(&mut pacer, now, OPEN) {
        skipped += more.len();
        if next >= ms(35_100) {
            break;
        }
        now = next;
    }
    assert!(
        skipped.abs_diff(29_000) <= 10,
        "nothing is lost but what was too late after the stall: {skipped}"
    );
    assert_eq!(pacer.peek().unwrap().at, now + Duration::from_millis(1), "on time again");
}

#[test]
fn who_comes_late_has_nothing_to_catch_up() {
    let mut pacer = pacer(60, Overload::Queue);
    let _ = pacer.hold(ms(0));
    pacer.switch(ms(0), nothing(ms(0)), ms(60_000));
    assert_eq!(drain(&mut pacer, ms(9_400), OPEN), (vec![], vec![], Order::Wait(ms(60_000))));
    let _ = pacer.hold(ms(9_800));
    pacer.switch(ms(9_800), lanes(60, &LaneSet::all(), ms(9_800)), ms(60_000));
    let _ = drain(&mut pacer, ms(9_800), OPEN);
    assert_eq!(drain(&mut pacer, ms(9_803), OPEN), (vec![9801, 9802, 9803], vec![], Order::Wait(ms(9_804))));
}

#[test]
fn a_share_holds_from_where_the_old_one_is_let_go() {
    let mut pacer = pacer(1, Overload::Queue);
    let _ = drain(&mut pacer, ms(4), OPEN);
    // Arrival 4 is resolved: a share cannot hold from earlier than behind it.
    let behind = ms(4) + Duration::from_nanos(1);
    assert_eq!(pacer.hold(ms(2)), behind);
    assert_eq!(pacer.hold(ms(6)), ms(6));
    assert_eq!(drain(&mut pacer, ms(9), OPEN), (vec![5], vec![], Order::WaitForShare));
    let third: LaneSet = (0..4096).filter(|lane| lane % 3 == 0).collect();
    pacer.switch(ms(6), lanes(1, &third, ms(6)), ms(1000));
    assert_eq!(drain(&mut pacer, ms(9), OPEN), (vec![6, 9], vec![], Order::Wait(ms(12))));
}

#[test]
fn a_share_for_later_leaves_the_present_one_until_then_and_a_newer_one_replaces_it() {
    let mut pacer = pacer(1, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    assert_eq!(pacer.hold(ms(5)), ms(5));
    pacer.switch(ms(5), nothing(ms(5)), ms(1000));
    assert_eq!(pacer.hold(ms(3)), ms(3));
    let even: LaneSet = (0..4096).filter(|lane| lane % 2 == 0).collect();
    pacer.switch(ms(3), lanes(1, &even, ms(3)), ms(1000));
    assert_eq!(drain(&mut pacer, ms(5), OPEN), (vec![1, 2, 4], vec![], Order::Wait(ms(6))));
}

#[test]
fn with_nothing_left_it_is_done_when_the_load_ends() {
    let mut pacer = pacer(1, Overload::Queue);
    assert_eq!(pacer.hold(ms(2)), ms(2));
    pacer.switch(ms(2), nothing(ms(2)), ms(1000));
    assert_eq!(drain(&mut pacer, ms(2), OPEN), (vec![0, 1], vec![], Order::Wait(ms(1000))));
    assert_eq!(drain(&mut pacer, ms(1000), OPEN).2, Order::Done);
}

#[test]
fn after_a_stop_nothing_is_left() {
    let mut pacer = pacer(10, Overload::Queue);
    assert_eq!(pacer.hold(ms(2)), ms(2));
    pacer.switch(ms(2), nothing(ms(2)), ms(2));
    assert_eq!(drain(&mut pacer, ms(5), OPEN), (vec![0, 1], vec![], Order::Done));
}

#[test]
fn after_an_abort_what_is_left_is_skipped_at_once_but_not_without_a_lease() {
    let mut pacer = pacer(10, Overload::Queue);
    let _ = drain(&mut pacer, ms(0), OPEN);
    let _ = pacer.hold(ms(3));
    pacer.switch(ms(3), nothing(ms(3)), ms(3));
    pacer.abort();
    let skipped = vec![(1, SkipReason::Stopped), (2, SkipReason::Stopped)];
    let fenced = Gate { lease: false, ..OPEN };
    assert_eq!(drain(&mut pacer.clone(), ms(1), fenced), (vec![], vec![], Order::Done));
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
