use super::*;
use common::live::{LiveRun, LiveScenario};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

fn feed() -> Feed {
    let pulse = |t_s: u64| Pulse {
        t_s,
        width_s: 1,
        asked: 200.0,
        started: 199,
        finished: 198,
        in_flight: 7,
        p50: Some(1_200),
        p95: Some(4_000),
        p99: Some(90_000),
        errors: BTreeMap::from([("timeout".into(), 2)]),
        send_lag_p99_us: 41,
        ..Pulse::default()
    };
    let scenario = |name: &str, steer: Vec<Knob>| LiveScenario {
        name: name.into(),
        kind: "rate".into(),
        asked_rate: Some(200.0),
        planned: 2_400,
        steer,
        ..LiveScenario::default()
    };
    let agent = |name: &str, state: &str| LiveAgent {
        name: name.into(),
        state: state.into(),
        send_lag_p99_us: 41,
        cpu_share: 0.25,
        ..LiveAgent::default()
    };
    let threshold = |metric: &str, state| LiveThreshold {
        metric: metric.into(),
        scope: String::new(),
        limit: "< 250ms".into(),
        value: None,
        unit: "us".into(),
        state,
        abort: false,
    };
    let live = Live {
        run: LiveRun {
            name: "shop\u{1b}[2J".into(),
            state: "running".into(),
            run_time_s: 12.0,
            load_end_s: 60.0,
            ..LiveRun::default()
        },
        now: pulse(11),
        scenarios: vec![
            scenario("browse", vec![Knob::Rate]),
            scenario("tries", vec![]),
            scenario("users", vec![Knob::Users]),
        ],
        agents: vec![agent("a1", "here"), agent("a2", "lost")],
        thresholds: vec![
            threshold("error_rate", Standing::Ok),
            threshold("browse.response_time.p99", Standing::Broken),
        ],
        ..Live::default()
    };
    Feed { reset: true, live, pulse: (0..12).map(pulse).collect(), ..Feed::default() }
}

fn drawn(view: &View, width: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, HEIGHT)).unwrap();
    terminal.draw(|frame| view.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let cells: Vec<&str> = buffer.content().iter().map(|cell| cell.symbol()).collect();
    cells.chunks(usize::from(width)).map(|row| row.concat().trim_end().to_owned()).collect()
}

#[test]
fn a_run_at_a_glance() {
    let mut view = View::new(true);
    view.take(feed());
    view.say("rate of browse: 220/s from 13.0 s on".into());
    let lines = drawn(&view, 110);
    let expected = [
        "shop[2J  running  12.0 s of 1m 00s, 48.0 s left",
        "asked 200/s   planned 7,200   started 199/s   finished 198/s   in flight 7",
        "response time p50 1.200 ms   p95 4.000 ms   p99 90.00 ms   send lag p99 41 µs",
        "errors 0 of 0 (0 %)   now: timeout × 2",
    ];
    assert_eq!(lines[..4], expected);
    assert!(lines[5].starts_with("started/s ") && lines[5].contains('█'), "{lines:?}");
    assert_eq!(lines[8], "agents 2  a2 lost 25 % cpu, lag 41 µs   a1 here 25 % cpu, lag 41 µs");
    assert_eq!(lines[10], "✗ browse.response_time.p99 < 250ms   ✓ error_rate < 250ms");
    assert_eq!(lines[11], "s stop   p pause   + - 0-9 rate of browse (200/s)   tab next   q leave");
    assert_eq!(lines[12], "rate of browse: 220/s from 13.0 s on");
}

#[test]
fn a_narrow_terminal_shows_the_beginnings_and_nothing_breaks() {
    let mut view = View::new(false);
    view.take(feed());
    for width in [1, 9, 10, 40] {
        assert_eq!(drawn(&view, width).len(), usize::from(HEIGHT));
    }
}

#[test]
fn tab_goes_through_what_can_be_changed() {
    let mut view = View::new(false);
    assert_eq!(view.chosen(), None);
    view.take(feed());
    assert_eq!(view.chosen(), Some(("browse", Knob::Rate, 200.0)));
    view.choose_next();
    assert_eq!(view.chosen().unwrap().0, "users");
    view.choose_next();
    assert_eq!(view.chosen().unwrap().0, "browse");
}

#[test]
fn what_is_typed_stands_in_place_of_the_keys_until_it_is_done() {
    let mut view = View::new(false);
    view.ask();
    assert_eq!((view.on_typed(KeyCode::Esc), drawn(&view, 90)[12].as_str()), (None, NOTHING));
    view.take(feed());
    view.ask();
    for key in ['8', '0', 'x'] {
        assert_eq!(view.on_typed(KeyCode::Char(key)), Some(Typed::More));
    }
    let line = |view: &View| drawn(view, 90)[11].clone();
    assert_eq!(line(&view), "rate of browse: 80x   like 800/s; enter applies, esc cancels");
    assert!(matches!(view.on_typed(KeyCode::Enter), Some(Typed::Wrong(_))));
    assert!(line(&view).starts_with("rate of browse: 80x"), "it can be mended");
    assert_eq!(view.on_typed(KeyCode::Esc), Some(Typed::Cancelled));
    assert!(line(&view).starts_with("s stop   p pause"));
    view.choose_next();
    view.ask();
    assert_eq!(line(&view), "users of users:    like 500; enter applies, esc cancels");
}

#[test]
fn the_keys_fit_and_are_told_in_full_where_there_is_room() {
    let mut view = View::new(false);
    view.take(feed());
    let whole = "s stop   p pause   + - or a number rate of browse (200/s)   tab next scenario   \
                 q leave the view, the run goes on";
    assert_eq!(drawn(&view, 120)[11], whole);
    assert_eq!(
        drawn(&view, 80)[11],
        "s stop   p pause   + - 0-9 rate of browse (200/s)   tab next   q leave"
    );
}
