//! Scripts of questions and the orders that must follow; laws over any history of switches.

mod revised;

use super::*;
use crate::curve::Curve;
use crate::lane::LANES;
use crate::plan::{Change, Swell};
use crate::supply::Tries;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn at(ms: u64) -> RunTime {
    RunTime::from_nanos(ms * 1_000_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn users(users: u32, length: u64) -> Supply {
    let swell = Swell { users, duration: ms(length), change: Change::AtOnce };
    Supply::Users(Arc::new(Curve::of(&[swell], RunTime::ZERO)))
}

fn tries(count: u64, users: u32) -> Supply {
    Supply::Tries(Tries { count, users, start: at(100), end: at(10_000) })
}

fn rests(think: Option<&str>, pacing: Option<u64>) -> Rests {
    let think = think.map(|text| text.parse().unwrap());
    Rests { think, pacing: pacing.map(ms), random: Random::new(1, "test") }
}

fn all(supply: Supply, rests: Rests) -> Crowd {
    Crowd::new(supply, rests, &LaneSet::all(), RunTime::ZERO)
}

/// The arrival that is begun now, and whose it is.
fn fire(crowd: &mut Crowd, now: RunTime) -> (Due, Turn) {
    match crowd.next(now, true) {
        Order::Fire(due) => (due, crowd.last().unwrap()),
        other => panic!("{other:?} at {now:?}"),
    }
}

#[test]
fn a_user_thinks_between_two_iterations() {
    let mut crowd = all(users(1, 60_000), rests(Some("1s"), None));
    let (due, turn) = fire(&mut crowd, at(3));
    assert_eq!((due.at, due.k), (RunTime::ZERO, 0));
    assert_eq!(crowd.next(at(3), true), Order::Wait(at(60_000)), "it is busy");
    crowd.done(turn, Duration::ZERO, at(200));
    assert_eq!(crowd.next(at(200), true), Order::Wait(at(1_200)));
    let (due, turn) = fire(&mut crowd, at(1_200));
    assert_eq!((due.at, due.k, turn.round), (at(1_200), 1 << 20, 1));
    crowd.done(turn, Duration::ZERO, at(59_500));
    assert_eq!(
        crowd.next(at(59_500), true),
        Order::Wait(at(60_000)),
        "the next one would be due behind the end"
    );
    assert_eq!(crowd.next(at(60_000), true), Order::Done);
}

#[test]
fn a_late_user_begins_at_once_and_counts_from_its_tick() {
    let mut crowd = all(users(1, 60_000), rests(None, Some(1_000)));
    let (_, turn) = fire(&mut crowd, at(0));
    crowd.done(turn, Duration::ZERO, at(2_500));
    let (due, turn) = fire(&mut crowd, at(2_500));
    assert_eq!(
        (due.at, turn.free),
        (at(1_000), at(2_500)),
        "late by its own iteration, not by the generator"
    );
    crowd.done(turn, Duration::ZERO, at(2_600));
    let (due, turn) = fire(&mut crowd, at(2_600));
    assert_eq!(due.at, at(2_000));
    crowd.done(turn, Duration::ZERO, at(2_700));
    assert_eq!(crowd.next(at(2_700), true), Order::Wait(at(3_000)), "it has caught up");
}

#[test]
fn without_a_lease_nobody_begins_and_afterwards_all_go_on_at_the_present_time() {
    let mut crowd = all(users(2, 60_000), rests(None, Some(1_000)));
    assert_eq!(crowd.next(at(0), false), Order::Wait(at(5)));
    assert_eq!(crowd.next(at(4_000), false), Order::Wait(at(4_005)));
    let now = at(4_005);
    let begun = crowd.next(now, true);
    assert!(matches!(begun, Order::Wait(until) if until == now + NANO), "{begun:?}");
    let (due, turn) = fire(&mut crowd, now + NANO);
    assert_eq!((due.at, due.k), (now + NANO, 0));
    assert_eq!(fire(&mut crowd, now + NANO).0.k, 1);
    crowd.done(turn, Duration::ZERO, at(4_010));
    assert_eq!(crowd.next(at(4_010), true), Order::Wait(at(5_005) + NANO), "ticks count from there");
}

#[test]
fn who_is_taken_over_goes_on_from_a_number_that_was_never_used() {
    let none = LaneSet::empty();
    let (mut old, mut new) = (all(users(1, 60_000), rests(None, None)), {
        Crowd::new(users(1, 60_000), rests(None, None), &none, RunTime::ZERO)
    });
    let (_, turn) = fire(&mut old, at(0));
    let from = old.hold(RunTime::from_nanos(5_000_000_500));
    assert_eq!(new.hold(from), from);
    old.switch(from, &none, at(60_000));
    new.switch(from, &LaneSet::all(), at(60_000));
    old.done(turn, Duration::ZERO, at(4_000));
    let (due, turn) = fire(&mut old, at(4_000));
    assert_eq!(due.k, 1 << 20, "until then it is the old owner's");
    old.done(turn, Duration::ZERO, at(5_001));
    assert_eq!(old.next(at(5_001), true), Order::Wait(at(60_000)), "its lane is lost");
    let start = RunTime::from_nanos(5_000_001_000);
    assert_eq!(new.next(at(5_000), true), Order::Wait(start), "whole microseconds");
    assert_eq!(fire(&mut new, start).0, Due { at: start, k: 5_000_001 << 20 });
}

#[test]
fn a_share_that_replaces_one_before_it_holds_brings_nobody_twice() {
    let none = LaneSet::empty();
    let mut crowd = Crowd::new(users(3, 60_000), rests(Some("10s"), None), &none, RunTime::ZERO);
    for _ in 0..2 {
        let from = crowd.hold(at(5_000));
        crowd.switch(from, &LaneSet::all(), at(60_000));
    }
    let users: Vec<u32> = (0..3).map(|_| fire(&mut crowd, at(5_000)).1.user).collect();
    assert_eq!(users, [0, 1, 2]);
    assert_eq!(crowd.next(at(5_000), true), Order::Wait(at(60_000)), "all are busy");
}

#[test]
fn tries_are_given_out_in_order_and_end_early() {
    let mut crowd = all(tries(5, 2), rests(None, None));
    assert_eq!(crowd.next(at(0), true), Order::Wait(at(100)), "not before the start");
    let (first, one) = fire(&mut crowd, at(100));
    let (second, two) = fire(&mut crowd, at(100));
    assert_eq!((first.k, second.k, first.at), (0, 1, at(100)));
    assert_eq!(crowd.next(at(101), true), Order::Wait(at(10_000)), "both are busy");
    crowd.done(two, Duration::ZERO, at(200));
    let (third, two) = fire(&mut crowd, at(200));
    assert_eq!((third.k, two.user, two.round), (2, 1, 1), "whoever is free takes the next");
    crowd.done(two, Duration::ZERO, at(300));
    let (_, two) = fire(&mut crowd, at(300));
    crowd.done(two, Duration::ZERO, at(400));
    assert_eq!(fire(&mut crowd, at(400)).0.k, 4);
    assert_eq!(crowd.next(at(400), true), Order::Done, "nothing is left to give out");
    crowd.done(one, Duration::ZERO, at(500));
    assert_eq!(crowd.next(at(500), true), Order::Done);
}

#[test]
fn tries_that_are_left_are_skipped_with_their_reason() {
    for (stopped, reason) in [(false, SkipReason::TimeUp), (true, SkipReason::Stopped)] {
        let mut crowd = all(tries(3, 1), rests(None, None));
        let (_, _) = fire(&mut crowd, at(100));
        if stopped {
            let from = crowd.hold(at(500));
            crowd.switch(from, &LaneSet::empty(), from);
        }
        let end = if stopped { at(500) } else { at(10_000) };
        for k in [1, 2] {
            assert_eq!(crowd.next(end, true), Order::Skip(Due { at: at(100), k }, reason));
        }
        assert_eq!(crowd.next(end, true), Order::Done);
    }
}

#[test]
fn tries_move_before_their_start_and_never_after() {
    let none = LaneSet::empty();
    let mut crowd = Crowd::new(tries(2, 2), rests(None, None), &none, RunTime::ZERO);
    crowd.hold(at(100));
    crowd.switch(at(100), &LaneSet::all(), at(10_000));
    assert_eq!(fire(&mut crowd, at(100)).0.k, 0);
    let from = crowd.hold(at(100));
    assert!(from > at(100));
    crowd.switch(from, &none, at(10_000));
    assert_eq!(fire(&mut crowd, at(200)).0.k, 1);
}

#[test]
fn user_time_is_counted_where_the_lease_was_valid() {
    let mut crowd = all(users(3, 2_000), rests(Some("10s"), None));
    let mut told = Vec::new();
    for (now, lease) in [(500, true), (1_000, false), (1_250, true), (2_500, true)] {
        crowd.account(at(now), lease, |second, us| told.push((second, us)));
    }
    assert_eq!(told, [(0, 1_500_000), (1, 750_000), (1, 2_250_000)]);
    crowd.account(at(9_000), true, |second, us| told.push((second, us)));
    assert_eq!(told.len(), 3, "nothing behind the end");
}

/// A history: at these times lanes are dealt anew over two owners, and iterations take some time.
#[derive(Clone, Debug)]
struct History {
    deals: Vec<(u64, u64)>,
    service_us: Vec<u64>,
}

fn any_history() -> impl Strategy<Value = History> {
    let deals = prop::collection::vec((1_u64..40_000_000, any::<u64>()), 0..5);
    (deals, prop::collection::vec(0_u64..3_000, 1..20)).prop_map(|(mut deals, service_us)| {
        deals.sort_unstable();
        History { deals, service_us }
    })
}

/// The lanes of the first owner under a deal; the second one has the others.
fn lanes(deal: u64) -> LaneSet {
    (0..LANES).filter(|lane| (deal >> (lane % 64)) & 1 == 0).collect()
}

/// Runs two owners over a history; every arrival that was begun, and when the owner's switch was.
fn play(supply: &Supply, history: &History, pacing: Option<u64>) -> Vec<Due> {
    let whole = LaneSet::all();
    let new = |lanes: &LaneSet| {
        let rests = Rests { pacing: pacing.map(Duration::from_micros), ..rests(None, None) };
        Crowd::new(supply.clone(), rests, lanes, RunTime::ZERO)
    };
    let mut crowds = [new(&lanes(0x5555)), new(&whole.minus(&lanes(0x5555)))];
    let (mut begun, mut busy): (Vec<Due>, [Vec<(RunTime, Turn)>; 2]) = (vec![], [vec![], vec![]]);
    let (mut now, mut deals, mut n) = (RunTime::ZERO, history.deals.iter().peekable(), 0);
    while now < at(50) {
        if let Some((from, deal)) = deals.next_if(|(from, _)| RunTime::from_nanos(*from) <= now + ms(1)) {
            let from = crowds.iter_mut().map(|own| own.hold(RunTime::from_nanos(*from))).max().unwrap();
            let first = lanes(*deal);
            crowds[1].switch(from, &whole.minus(&first), at(50));
            crowds[0].switch(from, &first, at(50));
        }
        for (crowd, busy) in crowds.iter_mut().zip(&mut busy) {
            let (over, open): (Vec<_>, Vec<_>) =
                std::mem::take(busy).into_iter().partition(|(end, _)| *end <= now);
            *busy = open;
            over.into_iter().for_each(|(end, turn)| crowd.done(turn, Duration::ZERO, end));
            while let Order::Fire(due) = crowd.next(now, true) {
                assert!(due.at <= now, "nothing is begun early");
                begun.push(due);
                n += 1;
                let service = Duration::from_micros(history.service_us[n % history.service_us.len()]);
                busy.push((now + service, crowd.last().unwrap()));
            }
        }
        now = now + Duration::from_nanos(333_777);
    }
    begun
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_number_comes_twice_whoever_owns_the_user_when(history in any_history(), paced in any::<bool>()) {
        let begun = play(&users(70, 50), &history, paced.then_some(700));
        let numbers: BTreeSet<u64> = begun.iter().map(|due| due.k).collect();
        prop_assert_eq!(numbers.len(), begun.len());
        // Every user begins, from the start on.
        let users: BTreeSet<u64> = begun.iter().map(|due| due.k % (1 << 20)).collect();
        prop_assert_eq!(users, (0..70).collect::<BTreeSet<u64>>());
    }

    #[test]
    fn every_try_is_begun_once(history in any_history(), count in 0_u64..300, users in 1_u32..20) {
        let supply = Supply::Tries(Tries { count, users, start: at(10), end: at(1_000_000) });
        let quick = History { service_us: vec![100], ..history };
        let mut begun: Vec<u64> = play(&supply, &quick, None).iter().map(|due| due.k).collect();
        begun.sort_unstable();
        let twice = begun.windows(2).any(|pair| pair[0] == pair[1]);
        prop_assert!(!twice && begun.iter().all(|k| *k < count));
        // 30 ms are enough for 80 rounds of every user.
        if count <= 70 {
            prop_assert_eq!(begun.len() as u64, count);
        }
    }

    #[test]
    fn tries_of_all_lanes_are_all_tries(count in 0_u64..10_000, users in 1_u32..9_000) {
        let tries = Tries { count, users, start: RunTime::ZERO, end: RunTime::MAX };
        prop_assert_eq!(tries.by_lane().iter().sum::<u64>(), count);
        let even: LaneSet = (0..LANES).filter(|lane| lane % 2 == 0).collect();
        let supply = Supply::Tries(tries);
        let mut numbers = BTreeSet::new();
        for lanes in [LaneSet::all().minus(&even), even] {
            let mut pool = Pool::of(&supply, &lanes);
            let own = std::iter::from_fn(|| pool.skip(&supply)).collect::<Vec<_>>();
            let by_lane = tries.by_lane();
            let told = by_lane.iter().zip(0..LANES).filter(|(_, lane)| lanes.contains(*lane));
            prop_assert_eq!(own.len() as u64, told.map(|(n, _)| n).sum::<u64>());
            prop_assert!(own.windows(2).all(|pair| pair[0] < pair[1]), "in their order");
            numbers.extend(own);
        }
        prop_assert_eq!(numbers, (0..count).collect::<BTreeSet<u64>>());
    }
}
