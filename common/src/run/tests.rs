use super::*;
use crate::lane::LANES;
use proptest::prelude::*;

const TIMERS: Timers = Timers {
    gather: Duration::from_secs(60),
    prepare: Duration::from_secs(20),
    start_lead: Duration::from_secs(1),
    lease_ttl: Duration::from_secs(3),
    withdraw_early: Duration::from_millis(400),
    move_lead: Duration::from_millis(400),
    grace: Duration::from_secs(6),
    finish: Duration::from_secs(10),
    abort: Duration::from_secs(2),
};

const ANY: Claim = Claim { weight: 1, cap: LANES };

fn s(seconds: u64) -> Now {
    Duration::from_secs(seconds)
}

fn ms(ms: u64) -> Now {
    Duration::from_millis(ms)
}

fn at(time: Now) -> RunTime {
    RunTime::ZERO + time
}

fn joined(session: SessionId) -> Fact {
    Fact::Joined { session, name: format!("a{session}"), claim: ANY }
}

fn run(on_loss: OnLoss) -> Run {
    Run::new(2, at(s(20)), on_loss, TIMERS, s(0))
}

/// What the run orders after each of these facts; shares are taken at once, and silent agents' leases end when
/// their time is over.
fn feed(run: &mut Run, facts: &[(u64, Fact)]) -> Vec<Vec<Order>> {
    facts.iter().map(|(at, fact)| obey(run, fact.clone(), s(*at))).collect()
}

fn obey(run: &mut Run, fact: Fact, now: Now) -> Vec<Order> {
    let mut orders = run.on(fact, now);
    let mut all = vec![];
    while !orders.is_empty() {
        let mut more = vec![];
        for order in &orders {
            more.extend(match order {
                Order::Share(session, share) | Order::Stop(session, share) => {
                    run.on(Fact::Holds { session: *session, epoch: share.epoch, from: share.from }, now)
                }
                Order::Withdraw { session, .. } => run.on(Fact::Withdrawn(*session, now + ms(400)), now),
                _ => vec![],
            });
        }
        all.extend(std::mem::replace(&mut orders, more));
    }
    all
}

fn started(on_loss: OnLoss) -> Run {
    let mut run = run(on_loss);
    feed(&mut run, &[(1, joined(1)), (2, joined(2)), (3, Fact::Ready(1)), (4, Fact::Ready(2))]);
    assert_eq!((run.state(), run.run_time(s(6))), (State::Running, at(s(1))));
    run
}

/// One order in a word, for comparison.
fn word(order: &Order) -> String {
    match order {
        Order::Assign(session, _) => format!("assign {session}"),
        Order::Start(session, _) => format!("start {session}"),
        Order::Share(session, share) => {
            format!("share {session}: {} from {:?}", share.lanes.len(), share.from)
        }
        Order::Stop(session, _) => format!("stop {session}"),
        Order::Withdraw { session, .. } => format!("withdraw {session}"),
        Order::Readmit(session) => format!("readmit {session}"),
        Order::Dismiss(session) => format!("dismiss {session}"),
        Order::Tell(event) => format!("{event:?}").split(['(', ',']).take(2).collect::<Vec<_>>().join(" "),
        order => format!("{order:?}"),
    }
}

fn words(orders: &[Order]) -> Vec<String> {
    orders.iter().map(word).collect()
}

fn alive(run: &mut Run, session: SessionId, seconds: std::ops::Range<u64>) -> Vec<Order> {
    seconds
        .flat_map(|second| {
            let mut orders = obey(run, Fact::Alive(session), s(second));
            orders.extend(obey(run, Fact::Tick, s(second)));
            orders
        })
        .collect()
}

#[test]
fn the_plain_life_of_a_run() {
    let mut run = run(OnLoss::Rebalance);
    let orders = feed(&mut run, &[(1, joined(1)), (2, joined(2)), (3, Fact::Ready(1)), (4, Fact::Ready(2))]);
    let orders: Vec<_> = orders.iter().map(|orders| words(orders)).collect();
    assert_eq!(orders, [vec![], vec!["assign 1", "assign 2"], vec![], vec!["start 1", "start 2"]]);
    let orders = feed(&mut run, &[(26, Fact::Finished(1)), (26, Fact::Finished(2))]);
    assert_eq!(orders, [vec![], vec![Order::Close(Ending::Completed)]]);
}

#[test]
fn who_gets_on_with_a_big_log_is_waited_for() {
    let steps = [(20, 300), (39, 700), (58, 1_000)];
    let mut run = run(OnLoss::Rebalance);
    feed(&mut run, &[(1, joined(1)), (2, joined(2)), (3, Fact::Ready(1))]);
    for (at, permille) in steps {
        let beats = [(at, Fact::Alive(1)), (at, Fact::Fetched(2, permille)), (at, Fact::Tick)];
        assert_eq!(feed(&mut run, &beats).concat(), [], "{at}");
        assert_eq!(run.fetched(2), permille);
    }
    // What is no news gives no time.
    let beats = (60..78).step_by(2).flat_map(|at| [(at, Fact::Alive(1)), (at, Fact::Fetched(2, 1_000))]);
    feed(&mut run, &beats.collect::<Vec<_>>());
    assert_eq!(run.state(), State::Preparing);
    feed(&mut run, &[(79, Fact::Tick)]);
    assert_eq!(run.state(), State::Over);
}

#[test]
fn every_state_has_a_deadline_and_names_who_is_missing() {
    type Row = (&'static str, Vec<(u64, Fact)>, Ending);
    let both = [(1, joined(1)), (2, joined(2)), (3, Fact::Ready(1))];
    let beats = (4..24).step_by(2).flat_map(|at| [(at, Fact::Alive(1)), (at, Fact::Alive(2))]);
    let table: [Row; 4] = [
        (
            "one agent never joins",
            vec![(1, joined(1)), (59, Fact::Alive(1)), (61, Fact::Tick)],
            Ending::NotStarted("1 of 2 agents joined in time".into()),
        ),
        (
            "one agent is never ready",
            both.iter().cloned().chain(beats).chain([(23, Fact::Tick)]).collect(),
            Ending::NotStarted("not ready in time: a2".into()),
        ),
        (
            "one agent refuses",
            [&both[..], &[(3, Fact::Refused(2, "target denied".into()))]].concat(),
            Ending::NotStarted("agent a2 refused the run: target denied".into()),
        ),
        (
            "the operator gives up waiting",
            vec![(1, joined(1)), (2, Fact::Interrupted)],
            Ending::NotStarted("it was interrupted while it waited for agents".into()),
        ),
    ];
    for (what, facts, ending) in table {
        let mut run = run(OnLoss::Rebalance);
        let orders = feed(&mut run, &facts);
        assert_eq!(orders.last(), Some(&vec![Order::Close(ending)]), "{what}");
        assert_eq!(run.state(), State::Over, "{what}");
    }
}

#[test]
fn who_goes_before_the_start_is_forgotten_and_another_may_come() {
    let mut run = run(OnLoss::Rebalance);
    feed(&mut run, &[(1, joined(1)), (2, joined(2)), (3, Fact::Ready(1)), (3, Fact::Away(2, "gone".into()))]);
    assert_eq!((run.state(), run.missing()), (State::Gathering, 1));
    let orders = feed(&mut run, &[(4, joined(3)), (5, Fact::Ready(1)), (5, Fact::Ready(3))]);
    assert_eq!(words(&orders[0]), ["assign 1", "assign 3"]);
    assert_eq!(words(&orders[2]), ["start 1", "start 3"]);
}

#[test]
fn a_silent_agents_lanes_go_to_the_others_when_its_lease_ends() {
    let mut run = started(OnLoss::Rebalance);
    obey(&mut run, Fact::Away(1, "connection reset".into()), s(7));
    obey(&mut run, Fact::Alive(1), s(7));
    let orders = alive(&mut run, 2, 7..11);
    let told: Vec<_> = words(&orders);
    assert_eq!(
        told,
        ["withdraw 1", "Lost 1", "share 2: 4096 from 5.400000000s"],
        "withdrawn at 10 s of the clock"
    );
    assert!(matches!(&orders[1], Order::Tell(Event::Lost(1, _, why)) if why == "connection reset"));
    // Back with its books, it is told first what it lost, and then gets lanes again.
    let mine = Share { epoch: 1, from: RunTime::ZERO, lanes: crate::lane::LaneSet::all() };
    let back = words(&obey(&mut run, Fact::Back(1, vec![mine]), s(12)));
    assert_eq!(&back[..4], ["share 1: 0 from 5.400000000s", "start 1", "readmit 1", "Returned 1)"]);
    assert_eq!(&back[4..], ["share 2: 2048 from 7.400000000s", "share 1: 2048 from 7.400000000s"]);
}

#[test]
fn the_plan_says_what_a_loss_means() {
    for (on_loss, expected) in [
        (OnLoss::Continue, vec!["withdraw 1", "Lost 1"]),
        (OnLoss::Abort, vec!["withdraw 1", "Lost 1", "stop 2"]),
    ] {
        let mut run = started(on_loss);
        assert_eq!(words(&alive(&mut run, 2, 5..9)), expected, "{on_loss:?}");
    }
}

#[test]
fn an_agent_that_is_lost_three_times_in_a_minute_stays_spare() {
    let mut run = started(OnLoss::Rebalance);
    let mut last = vec![];
    for round in 0..3 {
        last = obey(&mut run, Fact::Withdrawn(1, s(6 + round)), s(6 + round));
        last.extend(obey(&mut run, Fact::Back(1, vec![Share::nothing()]), s(6 + round)));
    }
    assert!(words(&last).contains(&"Spare 1)".into()), "{last:?}");
    assert_eq!(run.owners().lanes(1), 0);
    assert_eq!(run.owners().lanes(2), LANES);
}

#[test]
fn a_latecomer_gets_its_part_and_a_leaver_hands_its_over() {
    let mut run = started(OnLoss::Rebalance);
    let orders = feed(&mut run, &[(6, joined(3)), (7, Fact::Ready(3)), (8, Fact::Leaves(2, "once".into()))]);
    assert_eq!(words(&orders[0]), ["assign 3"]);
    assert_eq!(&words(&orders[1])[..2], ["start 3", "JoinedLate 3)"]);
    assert_eq!(run.owners().lanes(3), 2048);
    let told = words(&orders[2]);
    assert_eq!(told.first().map(String::as_str), Some("share 2: 0 from 3.400000000s"));
    assert_eq!(told.last().map(String::as_str), Some("stop 2"));
    assert_eq!(words(&obey(&mut run, Fact::Finished(2), s(9))), ["Left 2", "dismiss 2"]);
    assert_eq!((run.state(), run.owners().lanes(2)), (State::Running, 0));
}

#[test]
fn a_controller_that_comes_back_takes_nothing_from_anybody() {
    let mut before = started(OnLoss::Rebalance);
    let mut owners = Owners::new();
    (1..=2).for_each(|session| owners.add(session, ANY));
    before.owners_mut().take_news().iter().for_each(|owned| owners.restore(owned));
    let mut run = run(OnLoss::Rebalance);
    run.resume(s(5), (1..=2).map(|session| (session, format!("a{session}"), ANY, false)), owners, s(7));
    assert_eq!(run.on(Fact::Tick, s(7)), []);
    let mine = Share {
        epoch: 1,
        from: RunTime::ZERO,
        lanes: crate::lane::deal(&[1, 1], &crate::lane::LaneSet::all()).swap_remove(0),
    };
    assert_eq!(words(&run.on(Fact::Back(1, vec![mine]), s(8))), ["start 1", "readmit 1"]);
    let orders = alive(&mut run, 1, 8..12);
    assert_eq!(
        words(&orders)[..2],
        ["withdraw 2", "Lost 2"],
        "who does not come back loses its lanes as ever"
    );
}

#[test]
fn a_latecomer_that_is_not_ready_when_the_run_is_stopped_is_sent_away() {
    let mut run = started(OnLoss::Rebalance);
    let orders = feed(&mut run, &[(6, joined(3)), (7, Fact::Stopped), (8, Fact::Ready(3))]);
    assert_eq!(words(&orders[1]), ["dismiss 3", "stop 1", "stop 2"]);
    assert_eq!(orders[2], []);
    let orders = feed(&mut run, &[(9, Fact::Finished(1)), (9, Fact::Finished(2))]);
    assert_eq!(orders[1], [Order::Close(Ending::Stopped)]);
}

#[test]
fn one_interrupt_drains_and_two_abort() {
    let mut run = started(OnLoss::Rebalance);
    let orders = feed(&mut run, &[(8, Fact::Interrupted), (9, Fact::Finished(1)), (9, Fact::Finished(2))]);
    assert_eq!(words(&orders[0]), ["stop 1", "stop 2"]);
    assert_eq!(orders[2], [Order::Close(Ending::Interrupted)]);
    let mut run = started(OnLoss::Rebalance);
    let orders = feed(&mut run, &[(8, Fact::Interrupted), (9, Fact::Interrupted), (9, Fact::Finished(1))]);
    assert_eq!(orders[1], [Order::Abort]);
    let mut late = run.clone();
    assert_eq!(
        feed(&mut run, &[(10, Fact::Finished(2))])[0],
        [Order::Close(Ending::Aborted)],
        "with the last deltas"
    );
    let orders = feed(&mut late, &[(12, Fact::Alive(2)), (12, Fact::Tick)]);
    assert_eq!(orders[1], [Order::Close(Ending::Aborted)], "or without them, but soon");
}

#[test]
fn a_revision_waits_until_nobody_holds_anything() {
    let mut run = started(OnLoss::Rebalance);
    let shares = run.on(Fact::Revise, s(8));
    assert_eq!(words(&shares), ["share 1: 0 from 3.400000000s", "share 2: 0 from 3.400000000s"]);
    let mut orders = vec![];
    for order in shares {
        let Order::Share(session, share) = order else { unreachable!() };
        orders = run.on(Fact::Holds { session, epoch: share.epoch, from: share.from }, s(8));
    }
    let back = ["share 1: 2048 from 3.400000000s", "share 2: 2048 from 3.400000000s"];
    assert_eq!(orders[0], Order::Revised(at(ms(3400))));
    assert_eq!(words(&orders[1..]), back);
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let session = 1..5_u64;
    prop_oneof![
        session.clone().prop_map(joined),
        session.clone().prop_map(Fact::Ready),
        session.clone().prop_map(|n| Fact::Refused(n, "no".into())),
        session.clone().prop_map(Fact::Alive),
        session.clone().prop_map(Fact::Finished),
        session.clone().prop_map(|n| Fact::Away(n, "gone".into())),
        session.clone().prop_map(|n| Fact::Back(n, vec![Share::nothing()])),
        session.clone().prop_map(|n| Fact::Broken(n, "sums".into())),
        session.prop_map(|n| Fact::Leaves(n, "once".into())),
        Just(Fact::Interrupted),
        Just(Fact::Stopped),
        Just(Fact::Revise),
        Just(Fact::Tick),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_run_ends_once_and_in_bounded_time(
        facts in prop::collection::vec((0_u64..5, any_fact()), 0..80), acks in any::<bool>()
    ) {
        let mut run = run(OnLoss::Rebalance);
        let (mut now, mut closes) = (0, 0);
        let mut take = |run: &mut Run, fact, now| {
            let orders = if acks { obey(run, fact, now) } else { run.on(fact, now) };
            closes += orders.iter().filter(|order| matches!(order, Order::Close(_))).count();
        };
        for (later, fact) in facts {
            now += later;
            take(&mut run, fact, s(now));
        }
        // Silence from now on: the longest path through all deadlines, then it must be over.
        for later in 1..=200 {
            take(&mut run, Fact::Tick, s(now + later));
        }
        prop_assert_eq!((run.state(), closes), (State::Over, 1));
    }
}
