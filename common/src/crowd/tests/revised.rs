//! What becomes of users when their curve is changed, and in a pause.

use super::*;
use crate::arrivals::{Lot, Shift, Timetable};
use crate::fixture;
use crate::lane::deal;
use crate::plan::{Arrivals, Load, Scenario, TriesLoad, UsersLoad};

fn planned(load: Load, start: u64) -> Timetable {
    let scenario = Scenario { load, start: ms(start), ..fixture::scenario(&[(1, 1, 1)], Arrivals::Even) };
    Timetable::of(&scenario, 0).unwrap()
}

fn timetable(users: u32, length: u64) -> Timetable {
    let swells = vec![Swell { users, duration: ms(length), change: Change::AtOnce }];
    planned(Load::Users(UsersLoad { swells }), 0)
}

fn of(timetable: &Timetable, rests: Rests) -> Crowd {
    all(timetable.supply().unwrap().clone(), rests)
}

/// Takes everything away from `from` on, and gives it back under another timetable.
fn change(crowd: &mut Crowd, from: RunTime, timetable: &Timetable) {
    take(crowd, from, timetable);
    give(crowd, from, &LaneSet::all(), timetable);
}

fn take(crowd: &mut Crowd, from: RunTime, timetable: &Timetable) -> RunTime {
    let from = crowd.hold(from);
    crowd.switch(from, &LaneSet::empty(), timetable.end());
    from
}

fn give(crowd: &mut Crowd, from: RunTime, lanes: &LaneSet, timetable: &Timetable) {
    let Lot::Users { lanes, supply, pauses } = timetable.lot(lanes, from) else { panic!("users") };
    crowd.hold(from);
    crowd.revise(supply, pauses);
    crowd.switch(from, &lanes, timetable.end());
}

fn to(users: u32) -> Shift {
    Shift::Users { users, spawn_milli: None }
}

#[test]
fn who_stays_goes_on_and_who_is_new_comes_at_the_change() {
    let plan = timetable(2, 60_000);
    let mut crowd = of(&plan, rests(Some("4s"), None));
    let (_, zero) = fire(&mut crowd, at(0));
    let (_, one) = fire(&mut crowd, at(0));
    crowd.done(zero, Duration::ZERO, at(100));
    change(&mut crowd, at(1_000), &plan.revised(at(1_000), to(3)).unwrap());
    assert_eq!(crowd.next(at(500), true), Order::Wait(at(1_000)), "the new one comes first");
    assert_eq!(fire(&mut crowd, at(1_000)).1.user, 2);
    crowd.done(one, Duration::ZERO, at(2_000));
    assert_eq!(crowd.next(at(2_000), true), Order::Wait(at(4_100)), "rests are not cut short");
    let (due, turn) = fire(&mut crowd, at(4_100));
    assert_eq!((turn.user, turn.round, due.k), (0, 1, 1 << 20), "and nobody is counted anew");
}

#[test]
fn who_is_above_the_curve_ends_its_iteration_and_goes() {
    let plan = timetable(4, 60_000);
    let mut crowd = of(&plan, rests(Some("20s"), None));
    let turns: Vec<Turn> = (0..4).map(|_| fire(&mut crowd, at(0)).1).collect();
    for turn in &turns[..3] {
        crowd.done(*turn, Duration::ZERO, at(10));
        assert!(!crowd.goes(turn.user, at(10)));
    }
    let fewer = plan.revised(at(1_000), to(1)).unwrap();
    change(&mut crowd, at(1_000), &fewer);
    let gone = |crowd: &mut Crowd, now| {
        let mut gone = vec![];
        crowd.leavers(now, |user| gone.push(user));
        gone
    };
    assert_eq!(gone(&mut crowd, at(999)), [0; 0]);
    assert_eq!(gone(&mut crowd, at(1_000)), [1, 2], "those who rest, at once; user 3 is busy");
    crowd.done(turns[3], Duration::ZERO, at(1_500));
    assert!(crowd.goes(3, at(1_500)));
    assert_eq!(gone(&mut crowd, at(2_000)), [0; 0], "each once");
    change(&mut crowd, at(30_000), &fewer.revised(at(30_000), to(2)).unwrap());
    assert_eq!(fire(&mut crowd, at(30_000)).1.user, 0, "since 20.01 s");
    assert_eq!(fire(&mut crowd, at(30_000)).1.user, 1, "and back is the one who left first");
    assert_eq!(crowd.next(at(30_000), true), Order::Wait(at(60_000)));
}

#[test]
fn in_a_pause_users_stay_and_begin_nothing() {
    let plan = timetable(2, 60_000);
    let mut crowd = of(&plan, rests(None, Some(1_000)));
    let (_, turn) = fire(&mut crowd, at(0));
    fire(&mut crowd, at(0));
    let paused = plan.revised(at(1_000), Shift::Pause).unwrap();
    change(&mut crowd, at(1_000), &paused);
    crowd.done(turn, Duration::ZERO, at(1_200));
    assert_eq!(crowd.next(at(1_200), true), Order::Wait(at(60_000)), "nobody knows the end of the pause");
    assert!(crowd.is_here(0, at(5_000)));
    // Something else is changed meanwhile.
    change(&mut crowd, at(6_000), &paused);
    assert_eq!(crowd.next(at(7_000), true), Order::Wait(at(60_000)));
    change(&mut crowd, at(9_500), &paused.revised(at(9_500), Shift::Resume).unwrap());
    assert_eq!(crowd.next(at(9_400), true), Order::Wait(at(9_500)));
    let (due, turn) = fire(&mut crowd, at(9_500));
    assert_eq!((due.at, turn.user, turn.round), (at(9_500), 0, 1));
    crowd.done(turn, Duration::ZERO, at(9_600));
    assert_eq!(crowd.next(at(9_600), true), Order::Wait(at(10_500)), "ticks count from there");
}

#[test]
fn tries_wait_for_the_end_of_a_pause() {
    let plan = planned(Load::Tries(TriesLoad { count: 3, users: 2, within: ms(9_900) }), 100);
    let mut crowd = of(&plan, rests(None, None));
    let (_, turn) = fire(&mut crowd, at(100));
    fire(&mut crowd, at(100));
    let paused = plan.revised(at(200), Shift::Pause).unwrap();
    change(&mut crowd, at(200), &paused);
    crowd.done(turn, Duration::ZERO, at(300));
    assert_eq!(crowd.next(at(300), true), Order::Wait(at(10_000)));
    change(&mut crowd, at(700), &paused.revised(at(700), Shift::Resume).unwrap());
    assert_eq!(fire(&mut crowd, at(700)).0.k, 2);
    assert_eq!(crowd.next(at(700), true), Order::Done);
}

#[derive(Clone, Debug)]
struct Story {
    /// When, what, and how many steps later everybody has answered.
    shifts: Vec<(u64, Shift, usize)>,
    hands: Vec<u32>,
    service_us: Vec<u64>,
}

fn any_story() -> impl Strategy<Value = Story> {
    let shift = prop_oneof![
        (0_u32..120).prop_map(to),
        (0_u32..120, 200_000_u64..90_000_000)
            .prop_map(|(users, milli)| Shift::Users { users, spawn_milli: Some(milli) }),
        Just(Shift::Pause),
        Just(Shift::Resume),
    ];
    let shifts = prop::collection::vec((0_u64..45, shift, 0_usize..6), 0..6);
    let hands = prop::collection::vec(1_u32..9, 1..4);
    (shifts, hands, prop::collection::vec(0_u64..3_000, 1..20)).prop_map(|(mut shifts, hands, service_us)| {
        shifts.sort_by_key(|(at, ..)| *at);
        Story { shifts, hands, service_us }
    })
}

/// Who began what when, and the timetable at the end.
fn play(story: &Story) -> (Vec<(RunTime, Due)>, Timetable) {
    let mut timetable = timetable(50, 60);
    let hands = deal(&story.hands, &LaneSet::all());
    let supply = timetable.supply().unwrap().clone();
    let new = |lanes| Crowd::new(supply.clone(), rests(None, None), lanes, RunTime::ZERO);
    let mut crowds: Vec<Crowd> = hands.iter().map(new).collect();
    let mut busy: Vec<Vec<(RunTime, Turn)>> = vec![vec![]; crowds.len()];
    let (mut now, mut shifts, mut giving) = (RunTime::ZERO, story.shifts.iter().peekable(), None);
    let mut begun = vec![];
    while now < at(60) {
        if giving.is_none()
            && let Some((_, shift, late)) = shifts.next_if(|(from, ..)| at(*from) <= now)
        {
            let from = crowds.iter_mut().map(|own| take(own, now + ms(1), &timetable)).max().unwrap();
            giving = Some((from, *shift, *late));
        }
        if let Some((from, shift, 0)) = giving {
            giving = None;
            timetable = timetable.revised(from, shift).unwrap();
            crowds.iter_mut().zip(&hands).for_each(|(own, lanes)| give(own, from, lanes, &timetable));
        } else if let Some((_, _, late)) = &mut giving {
            *late -= 1;
        }
        for (crowd, busy) in crowds.iter_mut().zip(&mut busy) {
            let (over, open): (Vec<_>, Vec<_>) =
                std::mem::take(busy).into_iter().partition(|(end, _)| *end <= now);
            *busy = open;
            over.into_iter().for_each(|(end, turn)| crowd.done(turn, Duration::ZERO, end));
            while let Order::Fire(due) = crowd.next(now, true) {
                begun.push((now, due));
                let service = story.service_us[begun.len() % story.service_us.len()];
                busy.push((now + Duration::from_micros(service), crowd.last().unwrap()));
            }
        }
        now = now + Duration::from_nanos(333_777);
    }
    (begun, timetable)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_changed_nobody_begins_twice_or_where_it_must_not(story in any_story()) {
        let (begun, timetable) = play(&story);
        let Some(Supply::Users(curve)) = timetable.supply() else { panic!("users") };
        let Lot::Users { pauses, .. } = timetable.lot(&LaneSet::all(), RunTime::ZERO) else { panic!("users") };
        let numbers: BTreeSet<u64> = begun.iter().map(|(_, due)| due.k).collect();
        prop_assert_eq!(numbers.len(), begun.len());
        let user = |due: &Due| (due.k % (1 << 20)) as u32;
        for (now, due) in &begun {
            prop_assert!(user(due) < curve.users(*now), "user {} at {:?}: {:?}", user(due), now, curve);
            prop_assert!(due.at <= *now && pauses.after(*now) == *now, "in a pause at {:?}", now);
        }
        // Whoever is there for 8 ms, longer than any iteration and any answer, begins something.
        for start in (0..52).map(at) {
            let times = (0..8_000).step_by(50).map(|us| start + Duration::from_micros(us));
            let least = times.map(|t| if pauses.after(t) == t { curve.users(t) } else { 0 }).min().unwrap();
            let then = begun.iter().filter(|(now, _)| (start..start + ms(8)).contains(now));
            let active: BTreeSet<u32> = then.map(|(_, due)| user(due)).collect();
            prop_assert!((0..least).all(|user| active.contains(&user)), "{} users at {:?}", least, start);
        }
    }
}
