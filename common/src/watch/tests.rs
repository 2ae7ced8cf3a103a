use super::*;
use proptest::prelude::*;

/// A plan of one scenario of 60 s at 10 requests a second, with rules.
fn plan(rules: &str) -> Plan {
    let text = format!(
        "name = \"w\"\n[target]\nbase_url = \"http://h\"\n[[scenario]]\nname = \"s\"\n\
         load.rate = [{{ at = \"10/s\", for = \"60s\" }}]\nstep = [{{ path = \"/\", timeout = \"20s\" }}]\n{rules}"
    );
    Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn rule(keys: &str) -> String {
    format!("[[threshold]]\n{}\n", keys.replace("; ", "\n"))
}

/// A request: when it was due, in milliseconds, how long it took, and whether it failed.
#[derive(Clone, Copy, Debug)]
struct Request {
    due_ms: u64,
    took_ms: u64,
    status: u16,
}

/// What agents tell up to a time, of their requests.
struct World {
    watch: Watch,
    totals: Measured,
    requests: Vec<(SessionId, Request)>,
    told_ms: u64,
    pauses: Pauses,
    turns: Vec<Turn>,
}

impl World {
    fn new(rules: &str, sessions: u64, requests: Vec<(SessionId, Request)>) -> Self {
        let plan = plan(rules);
        let mut watch = Watch::new(&plan);
        (1..=sessions).for_each(|session| watch.open(session));
        let (totals, pauses) = (Measured::for_plan(&plan), Pauses::default());
        Self { watch, totals, requests, told_ms: 0, pauses, turns: vec![] }
    }

    /// Every agent tells what happened up to now.
    fn tell(&mut self, now_ms: u64, sessions: impl Iterator<Item = SessionId>) {
        for session in sessions {
            for (_, request) in self.requests.iter().filter(|(own, _)| *own == session) {
                let is_new = |at: u64| (self.told_ms..now_ms).contains(&at);
                let Request { due_ms, took_ms, status } = *request;
                let mut bucket = Bucket { started: u64::from(is_new(due_ms)), ..Bucket::default() };
                if is_new(due_ms + took_ms) {
                    (bucket.finished, bucket.errors) = (1, u64::from(status >= 400));
                    bucket.status.insert(status, 1);
                    bucket.response_time.record(took_ms * 1000);
                }
                self.watch.add(session, 0, (due_ms / 1000, 1), &bucket);
            }
            self.watch.on_told(session, RunTime::from_nanos(now_ms * 1_000_000));
        }
    }

    fn judge(&mut self, now_ms: u64, closing: bool) -> Vec<Turn> {
        let now = RunTime::from_nanos(now_ms * 1_000_000);
        let (ends, pauses, totals) = (&[at_second(60)], &self.pauses, &self.totals);
        let turns = self.watch.judge(Moment { now, ends, pauses, totals, closing });
        self.turns.extend(turns.clone());
        turns
    }

    /// Goes on in half seconds up to `until_ms`.
    fn go(&mut self, sessions: u64, until_ms: u64) -> &mut Self {
        while self.told_ms < until_ms {
            let now = self.told_ms + 500;
            self.tell(now, 1..=sessions);
            self.told_ms = now;
            self.judge(now + 100, false);
        }
        self
    }

    fn close(&mut self) -> WindowTally {
        self.judge(self.told_ms + 100, true);
        self.watch.tallies()[0].clone().unwrap()
    }

    fn texts(&self) -> Vec<&str> {
        self.turns.iter().filter_map(|turn| turn.text.as_deref()).collect()
    }
}

/// Ten requests a second for a minute; those due in `stall` are answered at its end.
fn stalling(stall: std::ops::Range<u64>) -> Vec<(SessionId, Request)> {
    let request = |n: u64| {
        let due_ms = n * 100;
        let stalled = stall.contains(&(due_ms / 1000));
        let took_ms = if stalled { stall.end * 1000 - due_ms } else { 5 };
        (1 + n % 2, Request { due_ms, took_ms, status: 200 })
    };
    (0..600).map(request).collect()
}

#[test]
fn a_stall_breaks_a_percentile_while_it_stalls_and_the_rule_recovers_after_it() {
    let rules = rule(
        "metric = \"response_time.p99\"; limit = \"< 1s\"; window = \"5s\"; abort = true; grace = \"2s\"",
    );
    let mut world = World::new(&rules, 2, stalling(20..30));
    world.go(2, 20_000);
    assert!(world.turns.is_empty(), "{:?}", world.turns);
    world.go(2, 23_500);
    let standing = world.watch.standings().next().unwrap();
    assert_eq!(standing.state, State::Broken, "{:?}", world.turns);
    let [turn] = &world.turns[..] else { panic!("{:?}", world.turns) };
    assert!(turn.abort.is_some() && turn.text.is_some(), "{turn:?}");
    world.go(2, 60_000);
    let texts = world.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("< 1s is broken: 1"), "{texts:?}");
    assert!(texts[1].contains("< 1s holds again: 5") && texts[1].ends_with("from 30 s to 35 s"), "{texts:?}");
    let tally = world.close();
    // Windows that begin from 16 s on hold requests that waited longer than a second, up to the one from 29 s on, of
    // which every request but the first waited for less: that one took exactly a second.
    assert_eq!((tally.judged, tally.first_broken_s), (56, Some(16)));
    assert_eq!((tally.broken, tally.worst_s), (14, Some(16)));
    assert!((9_900_000.0..=10_010_000.0).contains(&tally.worst.unwrap()), "{tally:?}");
}

#[test]
fn answers_that_come_late_and_are_errors_break_a_window_of_long_ago() {
    let rules = rule("metric = \"error_rate\"; limit = \"< 10%\"; window = \"5s\"; every = \"5s\"");
    let mut requests = stalling(0..0);
    requests[12].1 = Request { due_ms: 1_200, took_ms: 20_000, status: 504 };
    requests.iter_mut().skip(13).take(9).for_each(|(_, own)| (own.took_ms, own.status) = (20_000, 504));
    let mut world = World::new(&rules, 2, requests);
    world.go(2, 20_000);
    assert!(world.turns.is_empty(), "{:?}", world.turns);
    world.go(2, 23_000);
    let texts = world.texts();
    assert!(texts.len() == 1 && texts[0].ends_with("from 0 s to 5 s"), "{texts:?}");
    let standing = world.watch.standings().next().unwrap();
    assert_eq!((standing.state, standing.value), (State::Ok, Some(0.0)), "the newest window holds");
    world.go(2, 60_000);
    let tally = world.close();
    assert_eq!((tally.judged, tally.broken, tally.first_broken_s), (12, 1, Some(0)));
    assert_eq!((tally.worst, tally.worst_s), (Some(0.2), Some(0)));
}

#[test]
fn who_is_silent_is_waited_for_so_long_and_who_is_lost_not_at_all() {
    let rules = rule("metric = \"requests\"; limit = \"< 1\"; window = \"1s\"; every = \"1s\"");
    let mut world = World::new(&rules, 2, stalling(0..0));
    world.tell(1_100, std::iter::once(1));
    assert!(world.judge(1_200, false).is_empty(), "the other one has not told yet");
    assert!(world.judge(2_400, false).is_empty());
    assert_eq!(world.judge(2_501, false).len(), 1, "it was waited for");
    let mut world = World::new(&rules, 2, stalling(0..0));
    world.watch.set_lost(2, true);
    world.tell(1_100, std::iter::once(1));
    assert_eq!(world.judge(1_200, false).len(), 1, "nobody waits for the lost");
}

#[test]
fn what_a_lost_agent_has_under_way_counts_for_nothing() {
    let rules = rule("metric = \"response_time.max\"; limit = \"< 2s\"; window = \"2s\"");
    let mut world = World::new(&rules, 2, stalling(4..50));
    world.go(2, 5_000);
    world.watch.set_lost(1, true);
    world.watch.set_lost(2, true);
    world.judge(20_000, false);
    assert!(world.turns.is_empty(), "{:?}", world.turns);
    world.watch.set_lost(1, false);
    world.watch.set_lost(2, false);
    world.go(2, 9_000);
    assert!(!world.turns.is_empty(), "they are back");
}

#[test]
fn nothing_is_stopped_within_the_grace_time_and_then_once() {
    let rules = rule(
        "metric = \"response_time.p50\"; limit = \"< 1ms\"; window = \"1s\"; abort = true; grace = \"7s\"",
    );
    let mut world = World::new(&rules, 2, stalling(0..0));
    world.go(2, 6_500);
    let aborts = |world: &World| world.turns.iter().filter(|turn| turn.abort.is_some()).count();
    assert_eq!((world.turns.len(), aborts(&world)), (1, 0), "{:?}", world.turns);
    world.go(2, 15_000);
    assert_eq!((world.texts().len(), aborts(&world)), (1, 1), "{:?}", world.turns);
}

#[test]
fn a_rule_of_the_whole_run_stands_for_what_there_is_of_it() {
    let rules = rule("metric = \"error_rate\"; limit = \"< 1%\"; abort = true; min_samples = 50")
        + &rule("metric = \"requests\"; limit = \"> 100\"; abort = true")
        + &rule("metric = \"rate\"; limit = \">= 9/s\"")
        + &rule("metric = \"share\"; limit = \"< 50%\"; status = \"5xx\"");
    let mut requests = stalling(0..0);
    requests[3].1.status = 503;
    let mut world = World::new(&rules, 2, requests);
    let states = |world: &World| world.watch.standings().map(|own| own.state).collect::<Vec<_>>();
    world.go(2, 4_000);
    assert_eq!(states(&world), [State::Waiting, State::Waiting, State::Ok, State::Ok]);
    world.go(2, 6_000);
    assert_eq!(states(&world)[0], State::Broken);
    let abort = world.turns.iter().find_map(|turn| turn.abort.clone()).unwrap();
    assert_eq!(abort, "error_rate < 1% is broken: 2 % so far");
    world.go(2, 20_000);
    assert_eq!(states(&world), [State::Ok, State::Waiting, State::Ok, State::Ok]);
}

#[test]
fn what_is_known_by_no_second_is_not_judged_by_windows() {
    let rules = rule("metric = \"requests\"; limit = \"> 0\"; window = \"2s\"; every = \"2s\"");
    let mut world = World::new(&rules, 1, vec![]);
    let mut bucket = Bucket::default();
    (bucket.started, bucket.finished) = (100, 100);
    world.watch.add(1, 0, (8, 8), &bucket);
    world.watch.on_told(1, at_second(28));
    world.judge(28_000, false);
    let tally = world.watch.tallies()[0].clone().unwrap();
    assert_eq!((tally.too_few, tally.judged, tally.broken), (8, 6, 6), "up to 16 s nothing is known");
}

#[test]
fn a_pause_breaks_no_rule_that_wants_requests_and_saves_no_other() {
    let in_pause = 20_500..30_200;
    let sent: Vec<_> =
        stalling(0..0).into_iter().filter(|(_, own)| !in_pause.contains(&own.due_ms)).collect();
    let [begin, end] = [in_pause.start, in_pause.end].map(|ms| RunTime::from_nanos(ms * 1_000_000));
    let pause = Pauses::default().begun(begin).ended(end);
    // Three of the twelve windows touch the pause, and one of them lies within.
    for (metric, limit, pauses, judged, too_few, broken) in [
        ("rate", ">= 10/s", &pause, 9, 0, 0),
        ("requests", "> 49", &pause, 9, 0, 0),
        ("requests", "> 50", &pause, 9, 0, 9),
        ("errors", ">= 0", &pause, 9, 0, 0),
        ("rate", "< 20/s", &pause, 12, 0, 0),
        ("rate", "< 10/s", &pause, 12, 0, 9),
        ("response_time.p99", "< 1s", &pause, 11, 1, 0),
        ("error_rate", "< 1%", &pause, 11, 1, 0),
        ("rate", ">= 10/s", &Pauses::default(), 12, 0, 3),
    ] {
        let keys = format!("metric = \"{metric}\"; limit = \"{limit}\"; window = \"5s\"; every = \"5s\"");
        let mut world = World::new(&rule(&keys), 2, sent.clone());
        world.pauses = pauses.clone();
        let tally = world.go(2, 60_000).close();
        assert_eq!(
            (tally.judged, tally.too_few, tally.broken),
            (judged, too_few, broken),
            "{metric} {limit}: {:?}",
            world.turns
        );
    }
}

#[test]
fn windows_go_on_where_they_were_written_down() {
    let rules = rule("metric = \"requests\"; limit = \"> 1000\"; window = \"10s\"; every = \"10s\"");
    let mut world = World::new(&rules, 2, stalling(0..0));
    let tally =
        WindowTally { judged: 2, broken: 1, next_s: 20, first_broken_s: Some(10), ..WindowTally::default() };
    world.watch.restore(0, tally);
    world.go(2, 60_000);
    let tally = world.close();
    assert_eq!((tally.judged, tally.broken, tally.first_broken_s), (6, 5, Some(10)));
}

/// Requests of a minute, each of some agent.
fn any_requests() -> impl Strategy<Value = Vec<(SessionId, Request)>> {
    let took = prop_oneof![3 => 0_u64..400, 1 => 0_u64..12_000];
    let request = (1_u64..4, 0_u64..60_000, took, prop::sample::select(vec![200_u16, 404, 503]));
    let request =
        request.prop_map(|(session, due_ms, took_ms, status)| (session, Request { due_ms, took_ms, status }));
    prop::collection::vec(request, 1..150)
}

fn any_rule() -> impl Strategy<Value = String> {
    let metrics = [
        ("metric = \"response_time.p90\"", "< 300ms"),
        ("metric = \"response_time.mean\"", "<= 1s"),
        ("metric = \"error_rate\"", "< 60%"),
        ("metric = \"share\"; status = \"5xx\"", "> 10%"),
        ("metric = \"rate\"; status = \"404\"", "< 2/s"),
        ("metric = \"requests\"", "> 3"),
        ("metric = \"errors\"", "<= 2"),
    ];
    (prop::sample::select(metrics.to_vec()), 1_u64..12, 1_u64..12, 1_u64..4).prop_map(
        |((metric, limit), length, every, least)| {
            let every = every.min(length);
            rule(&format!(
                "{metric}; limit = \"{limit}\"; window = \"{length}s\"; every = \"{every}s\"; min_samples = {least}"
            ))
        },
    )
}

/// What the rule comes to when everything is known at once.
fn in_one_go(rules: &str, requests: &[(SessionId, Request)]) -> WindowTally {
    let everybodys = requests.iter().map(|(_, request)| (1, *request)).collect();
    let mut world = World::new(rules, 1, everybodys);
    world.tell(80_000, std::iter::once(1));
    world.told_ms = 80_000;
    (1..=60).for_each(|second| drop(world.judge(second * 1000, false)));
    world.close()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_the_news_are_split_and_ordered_the_judgement_is_the_same(
        rules in any_rule(), requests in any_requests(), split in 0_u64..3
    ) {
        let expected = in_one_go(&rules, &requests);
        let mut moved = requests.clone();
        moved.iter_mut().for_each(|(session, _)| *session = 1 + (*session + split) % 3);
        moved.reverse();
        let mut world = World::new(&rules, 3, moved);
        world.go(3, 80_000);
        let tally = world.close();
        prop_assert_eq!(tally, expected, "{:?}", world.turns);
    }

    #[test]
    fn windows_that_follow_each_other_count_each_request_once(
        requests in any_requests(), length in prop::sample::select(vec![1_u64, 2, 3, 5, 10, 60])
    ) {
        let rules = rule(&format!(
            "metric = \"requests\"; limit = \"> 0\"; window = \"{length}s\"; every = \"{length}s\""
        ));
        let mut world = World::new(&rules, 3, requests.clone());
        world.tell(80_000, 1..=3);
        let pool = &world.watch.pools[0];
        let sum: u64 = (0..60 / length).map(|n| pool.between(n * length, (n + 1) * length).requests).sum();
        prop_assert_eq!(sum, requests.len() as u64);
        let tally = in_one_go(&rules, &requests);
        prop_assert_eq!(tally.judged + tally.too_few, 60 / length);
    }
}
