use super::*;
use proptest::prelude::*;

const TIMERS: Timers = Timers {
    gather: Duration::from_secs(60),
    prepare: Duration::from_secs(20),
    start_lead: Duration::from_secs(1),
    silence: Duration::from_secs(4),
    finish: Duration::from_secs(10),
    abort: Duration::from_secs(2),
};

fn s(seconds: u64) -> Now {
    Duration::from_secs(seconds)
}

fn joined(session: SessionId) -> Fact {
    Fact::Joined { session, name: format!("a{session}") }
}

/// A run of two agents over 20 s, after these facts; returns the orders of each.
fn after(facts: &[(u64, Fact)]) -> (Run, Vec<Vec<Order>>) {
    let mut run = Run::new(2, s(20), TIMERS, s(0));
    let orders = facts.iter().map(|(at, fact)| run.on(fact.clone(), s(*at))).collect();
    (run, orders)
}

fn started() -> Vec<(u64, Fact)> {
    vec![(1, joined(1)), (2, joined(2)), (3, Fact::Ready(1)), (4, Fact::Ready(2))]
}

fn then(more: &[(u64, Fact)]) -> (Run, Vec<Vec<Order>>) {
    after(&[started(), more.to_vec()].concat())
}

#[test]
fn the_plain_life_of_a_run() {
    let (run, orders) = then(&[(25, Fact::Finished(1)), (26, Fact::Finished(2))]);
    let expected = [
        vec![],
        vec![Order::Assign(vec![1, 2])],
        vec![],
        vec![Order::Start { zero_at: s(5) }],
        vec![],
        vec![Order::Close(Ending::Completed)],
    ];
    assert_eq!(orders, expected);
    assert_eq!(run.state(), State::Over);
}

#[test]
fn every_state_has_a_deadline_and_names_who_is_missing() {
    type Row = (&'static str, Vec<(u64, Fact)>, Ending);
    let table: [Row; 4] = [
        (
            "one agent never joins",
            vec![(1, joined(1)), (59, Fact::Alive(1)), (61, Fact::Tick)],
            Ending::NotStarted("1 of 2 agents joined in time".into()),
        ),
        (
            "one agent is never ready",
            vec![
                (1, joined(1)),
                (2, joined(2)),
                (3, Fact::Ready(1)),
                (21, Fact::Alive(1)),
                (21, Fact::Alive(2)),
                (23, Fact::Tick),
            ],
            Ending::NotStarted("not ready in time: a2".into()),
        ),
        (
            "one agent refuses",
            vec![(1, joined(1)), (2, joined(2)), (3, Fact::Refused(2, "target denied".into()))],
            Ending::NotStarted("agent a2 refused the run: target denied".into()),
        ),
        (
            "the operator gives up waiting",
            vec![(1, joined(1)), (2, Fact::Interrupted)],
            Ending::NotStarted("it was interrupted while it waited for agents".into()),
        ),
    ];
    for (what, facts, ending) in table {
        let (run, orders) = after(&facts);
        assert_eq!(orders.last(), Some(&vec![Order::Close(ending)]), "{what}");
        assert_eq!(run.state(), State::Over, "{what}");
    }
}

#[test]
fn a_lost_agent_ends_the_run_and_the_others_drain() {
    let (run, orders) = then(&[(8, Fact::Gone(1, "connection reset".into())), (9, Fact::Finished(2))]);
    assert_eq!(orders[4], [Order::Stop { abort: false }]);
    let lost = Ending::AgentLost("agent a1 was lost: connection reset".into());
    assert_eq!(orders[5], [Order::Close(lost)]);
    assert_eq!(run.state(), State::Over);
}

#[test]
fn silence_is_loss() {
    let (_, orders) = then(&[(8, Fact::Alive(2)), (9, Fact::Tick), (10, Fact::Finished(2))]);
    assert_eq!(orders[5], [Order::Stop { abort: false }]);
    assert!(
        matches!(&orders[6][..], [Order::Close(Ending::AgentLost(why))] if why.contains("no sign of life"))
    );
}

#[test]
fn an_agent_that_never_finishes_is_lost_at_the_deadline() {
    let alive = |at| [(at, Fact::Alive(1)), (at, Fact::Alive(2))];
    let mut facts: Vec<_> = (5..36).step_by(2).flat_map(alive).collect();
    facts.extend([(30, Fact::Finished(1)), (36, Fact::Tick)]);
    let (run, orders) = then(&facts);
    let last = orders.last().unwrap();
    assert!(matches!(&last[..], [_, Order::Close(Ending::AgentLost(why))] if why.contains("a2")), "{last:?}");
    assert_eq!(run.state(), State::Over);
}

#[test]
fn one_interrupt_drains_and_two_abort() {
    let (_, orders) = then(&[(8, Fact::Interrupted), (9, Fact::Finished(1)), (9, Fact::Finished(2))]);
    assert_eq!(orders[4], [Order::Stop { abort: false }]);
    assert_eq!(orders[6], [Order::Close(Ending::Interrupted)]);
    let aborted = [(8, Fact::Interrupted), (9, Fact::Interrupted), (9, Fact::Finished(1))];
    let (_, orders) = then(&[&aborted[..], &[(10, Fact::Finished(2))]].concat());
    assert_eq!(orders[5], [Order::Stop { abort: true }]);
    assert_eq!(orders[7], [Order::Close(Ending::Aborted)], "with the last deltas");
    let (_, orders) = then(&[&aborted[..], &[(12, Fact::Alive(2)), (12, Fact::Tick)]].concat());
    assert_eq!(orders[8], [Order::Close(Ending::Aborted)], "or without them, but soon");
}

#[test]
fn an_agent_that_leaves_while_others_are_awaited_is_forgotten() {
    let (run, _) = after(&[(1, joined(1)), (2, Fact::Gone(1, "left".into())), (3, joined(2))]);
    assert_eq!((run.state(), run.missing()), (State::Gathering, 1));
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let session = 1..4_u64;
    prop_oneof![
        session.clone().prop_map(joined),
        session.clone().prop_map(Fact::Ready),
        session.clone().prop_map(|n| Fact::Refused(n, "no".into())),
        session.clone().prop_map(Fact::Alive),
        session.clone().prop_map(Fact::Finished),
        session.prop_map(|n| Fact::Gone(n, "gone".into())),
        Just(Fact::Interrupted),
        Just(Fact::Tick),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_run_ends_once_and_in_bounded_time(facts in prop::collection::vec((0_u64..5, any_fact()), 0..80)) {
        let mut run = Run::new(2, s(20), TIMERS, s(0));
        let (mut now, mut closes, mut starts) = (0, 0, 0);
        for (later, fact) in facts {
            now += later;
            for order in run.on(fact, s(now)) {
                closes += u32::from(matches!(order, Order::Close(_)));
                starts += u32::from(matches!(order, Order::Start { .. }));
            }
        }
        // Silence from now on: the longest path through all deadlines, then it must be over.
        for later in 1..=200 {
            closes += run.on(Fact::Tick, s(now + later)).iter().filter(|order| matches!(order, Order::Close(_))).count() as u32;
        }
        prop_assert_eq!((run.state(), closes), (State::Over, 1));
        prop_assert!(starts <= 1);
    }
}
