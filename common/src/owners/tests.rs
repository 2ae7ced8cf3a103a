use super::*;
use crate::lane::LANES;

const ANY: Claim = Claim { weight: 1, cap: LANES };

fn s(seconds: u64) -> RunTime {
    RunTime::from_nanos(seconds * 1_000_000_000)
}

/// Sessions 1 to `n`, all dealt in.
fn dealt(n: u64) -> Owners {
    let mut owners = Owners::new();
    (1..=n).for_each(|session| owners.add(session, ANY));
    for (session, share) in owners.deal() {
        owners.on_ack(session, share.epoch, share.from);
    }
    owners
}

/// Everybody takes what is sent, from when it was meant, until nothing is sent any more.
fn settle(owners: &mut Owners, from: RunTime) -> Vec<(SessionId, Share)> {
    let mut all = vec![];
    loop {
        let shares = owners.plan(from);
        if shares.is_empty() {
            return all;
        }
        for (session, share) in &shares {
            assert!(owners.on_ack(*session, share.epoch, share.from));
        }
        all.extend(shares);
    }
}

fn owners_at(owners: &Owners, due: RunTime) -> BTreeMap<Option<SessionId>, u16> {
    let mut counts = BTreeMap::new();
    (0..u64::from(LANES)).for_each(|k| *counts.entry(owners.owner(k, due)).or_default() += 1);
    counts
}

#[test]
fn a_lost_agents_lanes_go_to_the_others_from_the_end_of_its_lease() {
    let mut owners = dealt(4);
    let before: Vec<_> = (0..100).map(|k| owners.owner(k, s(9))).collect();
    owners.expire(2, s(10));
    owners.set_role(2, Role::Spare);
    let shares = settle(&mut owners, s(11));
    assert_eq!(shares.iter().map(|(session, _)| *session).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(shares.iter().all(|(_, share)| share.from == s(10)), "from the end of the lease, not later");
    assert_eq!(owners_at(&owners, s(10)).values().copied().collect::<Vec<_>>(), [1366, 1365, 1365]);
    for (k, owner) in (0..100).zip(before) {
        assert_eq!(owners.owner(k, s(9)), owner);
        assert!(owner == Some(2) || owners.owner(k, s(10)) == owner, "survivors keep their lanes");
    }
}

#[test]
fn a_joiner_grows_only_when_the_owners_have_shrunk() {
    let mut owners = dealt(2);
    owners.add(3, ANY);
    owners.set_role(3, Role::Active);
    let shrunk = owners.plan(s(5));
    assert_eq!(shrunk.iter().map(|(session, _)| *session).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(owners.plan(s(5)), [], "nobody has answered");
    owners.on_ack(1, shrunk[0].1.epoch, s(5));
    let grown = owners.plan(s(5));
    assert_eq!((grown.len(), grown[0].0, grown[0].1.from), (1, 3, s(5)));
    assert!(!grown[0].1.lanes.iter().any(|lane| shrunk[1].1.lanes.contains(lane)));
    owners.on_ack(3, grown[0].1.epoch, s(5));
    // The second answers late: what it held until then is its own, and the joiner gets it from then on.
    owners.on_ack(2, shrunk[1].1.epoch, s(6));
    assert_eq!(settle(&mut owners, s(5))[0].1.from, s(6));
    assert_eq!(owners_at(&owners, s(5)), [(Some(1), 1366), (Some(2), 2048), (Some(3), 682)].into());
    assert_eq!(owners_at(&owners, s(6)), [(Some(1), 1366), (Some(2), 1365), (Some(3), 1365)].into());
}

#[test]
fn a_share_that_is_held_late_leaves_a_gap_that_is_nobodys() {
    let mut owners = dealt(2);
    owners.expire(2, s(10));
    owners.set_role(2, Role::Spare);
    let grown = owners.plan(s(10));
    owners.on_ack(1, grown[0].1.epoch, s(12));
    assert_eq!(owners_at(&owners, s(11)), [(None, 2048), (Some(1), 2048)].into());
    assert_eq!(owners_at(&owners, s(12)), [(Some(1), LANES)].into());
}

#[test]
fn who_comes_back_is_told_what_it_lost_before_it_gets_anything() {
    let mut owners = dealt(2);
    let held = Share { epoch: 2, from: RunTime::ZERO, lanes: owners.history.held(2) };
    owners.expire(2, s(10));
    owners.set_role(2, Role::Spare);
    settle(&mut owners, s(10));
    let fence = owners.on_return(2, &[held]).unwrap();
    assert_eq!((fence.from, fence.lanes.len(), owners.fence(2)), (s(10), 0, fence.epoch));
    assert!(!owners.clone().on_ack(2, fence.epoch, s(11)), "it fired after its lease");
    assert!(owners.on_ack(2, fence.epoch, s(10)));
    owners.set_role(2, Role::Active);
    settle(&mut owners, s(20));
    assert_eq!(owners_at(&owners, s(20)), [(Some(1), 2048), (Some(2), 2048)].into());
}

#[test]
fn who_expires_before_a_grant_holds_takes_nothing_from_those_before_it() {
    let mut owners = dealt(3);
    owners.expire(2, s(10));
    owners.set_role(2, Role::Spare);
    assert_eq!(owners.plan(s(10)).len(), 2, "granted to 1 and 3 from 10 s on");
    owners.expire(1, s(8));
    owners.set_role(1, Role::Spare);
    assert_eq!(owners_at(&owners, s(9)), [(None, 1366), (Some(2), 1365), (Some(3), 1365)].into());
    // Back, it is told that nothing is its own from 8 s on: not only from 10 s on.
    let first: LaneSet = (0..LANES).filter(|lane| owners.owner(u64::from(*lane), s(7)) == Some(1)).collect();
    let held = [Share { epoch: 1, from: RunTime::ZERO, lanes: first }];
    let fence = owners.on_return(1, &held).unwrap();
    assert_eq!((fence.from, fence.lanes.len()), (s(8), 0));
    // It goes again without having heard so.
    owners.expire(1, s(12));
    let fence = owners.on_return(1, &held).unwrap();
    assert_eq!((fence.from, fence.lanes.len()), (s(8), 0));
}

#[test]
fn what_was_on_its_way_when_the_connection_broke_is_settled_by_what_the_session_holds() {
    // A shrink that it holds, though its answer was lost.
    let mut owners = dealt(2);
    owners.add(3, ANY);
    owners.set_role(3, Role::Active);
    let shrunk = owners.plan(s(5));
    owners.on_ack(1, shrunk[0].1.epoch, s(5));
    let late = Share { from: s(7), ..shrunk[1].1.clone() };
    assert_eq!(owners.on_return(2, &[late]), None);
    assert_eq!(owners_at(&owners, s(6))[&Some(2)], 2048);
    assert_eq!(owners_at(&owners, s(7))[&Some(2)], 1365);
    // A grant that never reached it.
    let grown = settle(&mut owners, s(8));
    let mut restored = owners.clone();
    restored.on_return(3, &[Share { epoch: 0, from: RunTime::ZERO, lanes: LaneSet::empty() }]);
    assert_eq!(owners_at(&restored, s(9)), [(None, 1365), (Some(1), 1366), (Some(2), 1365)].into());
    assert_eq!(grown.last().map(|(session, _)| *session), Some(3));
}

/// A controller that was started anew and read the journal.
fn restored(owners: &mut Owners, sessions: u64) -> Owners {
    let mut restored = Owners::new();
    (1..=sessions).for_each(|session| restored.add(session, ANY));
    owners.take_news().iter().for_each(|owned| restored.restore(owned));
    (1..=sessions).for_each(|session| restored.set_role(session, Role::Active));
    restored
}

#[test]
fn the_end_of_a_lease_takes_nothing_from_others() {
    // Session 2 gave a part of its lanes to session 3; then the controller was started anew.
    let mut owners = dealt(2);
    owners.add(3, ANY);
    owners.set_role(3, Role::Active);
    settle(&mut owners, s(5));
    let mut restored = restored(&mut owners, 3);
    restored.expire(2, s(10));
    assert_eq!(owners_at(&restored, s(10)), [(None, 1365), (Some(1), 1366), (Some(3), 1365)].into());
    assert!(restored.take_news().iter().all(|owned| owned.owner.is_none() && owned.lanes.len() == 1365));
}

#[test]
fn a_lease_may_be_over_before_the_newest_share_holds() {
    let mut owners = dealt(2);
    let held = Share { epoch: 2, from: RunTime::ZERO, lanes: owners.history.held(2) };
    owners.add(3, ANY);
    owners.set_role(3, Role::Active);
    let shrunk = owners.plan(s(12));
    owners.expire(2, s(10));
    let fence = owners.on_return(2, &[held, shrunk[1].1.clone()]).unwrap();
    assert_eq!((fence.from, fence.lanes.len()), (s(10), 0), "from the end of the lease, not from 12 s on");
    assert_eq!(owners_at(&owners, s(11)).get(&Some(2)), None);
}

#[test]
fn a_return_tells_from_when_on_every_unanswered_share_was_held() {
    let mut owners = dealt(2);
    let first = Share { epoch: 2, from: RunTime::ZERO, lanes: owners.history.held(2) };
    owners.expire(1, s(10));
    owners.set_role(1, Role::Spare);
    let grown = owners.plan(s(10)).swap_remove(0).1;
    let stopped = owners.stop(s(14)).swap_remove(0).1;
    // It came to hold the first only at 12 s; both answers were lost.
    let held = [first, Share { from: s(12), ..grown }, stopped];
    for mut owners in [owners.clone(), restored(&mut owners.clone(), 2)] {
        owners.on_return(2, &held);
        assert_eq!(owners_at(&owners, s(11)), [(None, 2048), (Some(2), 2048)].into());
        assert_eq!(owners_at(&owners, s(13)), [(Some(2), LANES)].into());
        assert_eq!(owners_at(&owners, s(14)), [(None, LANES)].into());
    }
}

#[test]
fn a_share_that_was_lost_on_its_way_fences_nobody() {
    let mut owners = dealt(2);
    let held = Share { epoch: 2, from: RunTime::ZERO, lanes: owners.history.held(2) };
    owners.add(3, ANY);
    owners.set_role(3, Role::Active);
    owners.plan(s(5));
    assert!(owners.fence(2) > held.epoch);
    assert_eq!(owners.on_return(2, std::slice::from_ref(&held)), None);
    assert!(owners.fence(2) <= held.epoch, "or its lease would never be renewed again");
}

#[test]
fn nothing_moves_to_or_from_somebody_who_was_not_heard_of_since_the_controller_was_started_anew() {
    let mut owners = dealt(3);
    owners.expire(3, s(10));
    let held = Share { epoch: 2, from: RunTime::ZERO, lanes: owners.history.held(2) };
    let mut restored = restored(&mut owners, 3);
    assert_eq!(restored.plan(s(11)), [], "nobody is back");
    restored.on_return(2, &[held]);
    let shares = settle(&mut restored, s(11));
    assert!(shares.iter().all(|(session, _)| *session == 2), "{shares:?}");
    restored.revise(s(12));
    assert_eq!(restored.revised(), None, "session 1 may still fire under the old schedule");
}

#[test]
fn who_has_finished_is_sent_nothing_and_counts_only_while_it_has_lanes() {
    let mut owners = dealt(3);
    let held = owners.history.held(3);
    owners.set_role(3, Role::Spare);
    settle(&mut owners, s(5));
    owners.finish(3, owners.acked(3));
    assert_eq!((owners.lanes(1), owners.lanes(2)), (2048, 2048));
    assert_eq!(owners.plan(s(6)), []);
    assert!(owners.revise(s(7)).iter().all(|(session, _)| *session != 3));
    // A grant that was on its way when the last delta was sealed never was its own.
    let mut owners = dealt(2);
    owners.expire(1, s(10));
    owners.set_role(1, Role::Spare);
    let grown = owners.plan(s(10)).swap_remove(0).1;
    owners.finish(2, grown.epoch - 1);
    assert_eq!(owners_at(&owners, s(11)), [(None, 2048), (Some(2), 2048)].into());
    assert!(owners.is_settled(2) && !held.is_empty());
}

#[test]
fn what_is_granted_to_somebody_who_takes_nothing_more_is_free_at_once() {
    let mut owners = dealt(3);
    owners.expire(3, s(5));
    owners.set_role(3, Role::Spare);
    let grown = owners.plan(s(6));
    owners.on_ack(1, grown[0].1.epoch, RunTime::MAX);
    owners.on_ack(2, grown[1].1.epoch, grown[1].1.from);
    settle(&mut owners, s(6));
    // It says so again on its next stream, and is not taken for somebody who was cut off.
    let first = Share { epoch: 1, from: RunTime::ZERO, lanes: owners.history.held(1) };
    let never = Share { from: RunTime::MAX, ..grown[0].1.clone() };
    assert_eq!((owners.on_return(1, &[first, never]), owners.lanes(1)), (None, 1366));
    assert_eq!(
        owners_at(&owners, s(5)),
        [(Some(1), 1366), (Some(2), 2730)].into(),
        "and not from the end on"
    );
}

#[test]
fn nobody_is_granted_what_is_too_late_to_fire() {
    let mut owners = Owners::new();
    owners.add(1, Claim { weight: 1, cap: 1000 });
    for (session, share) in owners.deal() {
        owners.on_ack(session, share.epoch, share.from);
    }
    owners.add(2, ANY);
    owners.set_role(2, Role::Active);
    let grown = owners.plan(s(60)).swap_remove(0).1;
    assert_eq!((grown.from, grown.lanes.len()), (s(58), 3096), "not what nobody fired for a minute");
    assert_eq!(owners_at(&owners, s(57)), [(None, 3096), (Some(1), 1000)].into());
}

#[test]
fn a_stop_takes_everything_and_nothing_moves_after_it() {
    let mut owners = dealt(3);
    for (session, share) in owners.stop(s(4)) {
        owners.on_ack(session, share.epoch, if session == 2 { s(5) } else { s(4) });
    }
    assert_eq!(owners_at(&owners, s(4)), [(None, 2731), (Some(2), 1365)].into());
    assert_eq!(owners_at(&owners, s(5)), [(None, LANES)].into());
    owners.add(9, ANY);
    owners.set_role(9, Role::Active);
    assert_eq!(owners.plan(s(6)), []);
}

#[test]
fn a_revision_holds_when_nobody_holds_anything_under_the_old_schedule() {
    let mut owners = dealt(3);
    let before = owners_at(&owners, s(0));
    let shares = owners.revise(s(4));
    assert_eq!(owners.revised(), None);
    owners.on_ack(1, shares[0].1.epoch, s(4));
    owners.on_ack(2, shares[1].1.epoch, s(5));
    assert_eq!((owners.revised(), owners.plan(s(4))), (None, vec![]));
    owners.expire(3, s(6));
    owners.set_role(3, Role::Spare);
    assert_eq!(owners.revised(), Some(s(6)));
    let back = owners.plan(s(4));
    assert!(back.iter().all(|(_, share)| share.from == s(6)));
    for (session, share) in back {
        owners.on_ack(session, share.epoch, share.from);
    }
    assert_eq!(owners_at(&owners, s(6))[&Some(1)], before[&Some(1)], "everybody gets back what it had");
    settle(&mut owners, s(7));
    assert_eq!(owners_at(&owners, s(7)), [(Some(1), 2048), (Some(2), 2048)].into());
}

#[test]
fn who_came_while_the_schedule_was_changed_gets_its_part_though_everybody_else_is_gone() {
    let mut owners = dealt(1);
    let shares = owners.revise(s(4));
    owners.add(2, ANY);
    owners.set_role(2, Role::Active);
    owners.set_role(1, Role::Spare);
    owners.on_ack(1, shares[0].1.epoch, s(4));
    assert_eq!(
        (owners.revised(), owners.plan(s(4))),
        (Some(s(4)), vec![]),
        "nobody to give anything back to"
    );
    assert_eq!(owners.plan(s(5)).len(), 1);
    assert_eq!(owners_at(&owners, s(4)), [(Some(2), LANES)].into());
}

#[test]
fn nobody_is_pushed_over_its_cap_and_the_rest_is_nobodys() {
    let mut owners = Owners::new();
    (1..=3).for_each(|session| owners.add(session, Claim { weight: 1, cap: 1500 }));
    for (session, share) in owners.deal() {
        owners.on_ack(session, share.epoch, share.from);
    }
    owners.expire(1, s(1));
    owners.set_role(1, Role::Spare);
    settle(&mut owners, s(2));
    assert_eq!(owners_at(&owners, s(2)), [(None, 1096), (Some(2), 1500), (Some(3), 1500)].into());
}

#[test]
fn a_journal_of_the_news_restores_the_history() {
    let mut owners = dealt(3);
    owners.expire(1, s(3));
    owners.set_role(1, Role::Spare);
    settle(&mut owners, s(3));
    let mut restored = Owners::new();
    (1..=3).for_each(|session| restored.add(session, ANY));
    owners.take_news().iter().for_each(|owned| restored.restore(owned));
    for due in [s(0), s(2), s(3), s(9)] {
        assert_eq!(owners_at(&restored, due), owners_at(&owners, due));
    }
    assert_eq!(restored.lanes(2), owners.lanes(2));
}

mod accounts {
    use super::*;
    use crate::arrivals::Timetable;
    use crate::fixture;
    use crate::plan::Arrivals;

    #[test]
    fn every_arrival_is_counted_for_its_owner_in_its_second() {
        let mut owners = dealt(3);
        owners.expire(1, RunTime::from_nanos(2_345_678_901));
        owners.set_role(1, Role::Spare);
        settle(&mut owners, s(4));
        for arrivals in [Arrivals::Even, Arrivals::Poisson] {
            let scenario = fixture::scenario(&[(1000, 4000, 3), (4000, 4000, 3)], arrivals);
            let timetable = Timetable::of(&scenario, 7).unwrap();
            let mut plain: Accounts = BTreeMap::new();
            for due in timetable.cursor(&LaneSet::all(), RunTime::ZERO).filter(|due| due.at < s(5)) {
                let account = plain.entry(owners.owner(due.k, due.at)).or_default();
                account.total += 1;
                account.by_second.resize(account.by_second.len().max(due.at.second() as usize + 1), 0);
                account.by_second[due.at.second() as usize] += 1;
            }
            assert_eq!(owners.account(&timetable, s(5)), plain, "{arrivals:?}");
        }
    }
}
