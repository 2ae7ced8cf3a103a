use super::*;
use common::live::LiveRun;

fn pulse(t_s: u64, started: u64) -> Pulse {
    Pulse { t_s, width_s: 1, started, ..Pulse::default() }
}

fn edition(pulse: Vec<Pulse>, reset: bool) -> Edition {
    let run = LiveRun { state: "running".into(), ..LiveRun::default() };
    Edition { live: Live { run, ..Live::default() }, rows: vec![], pulse, reset }
}

fn line(text: &str) -> LogLine {
    LogLine { text: text.into(), ..LogLine::default() }
}

fn seconds(taken: &Taken) -> Vec<(u64, u64)> {
    taken.feed.pulse.iter().map(|row| (row.t_s, row.started)).collect()
}

#[test]
fn a_viewer_gets_everything_once_and_then_what_has_changed() {
    let board = Board::new(Live::default());
    board.publish(edition(vec![pulse(0, 1)], false), None);
    board.tell(line("hello"));
    board.publish(edition(vec![pulse(1, 1)], false), None);
    let first = board.take(0);
    assert_eq!((first.feed.reset, seconds(&first)), (true, vec![(0, 1), (1, 1)]));
    assert_eq!(first.feed.log, [line("hello")]);
    board.publish(edition(vec![pulse(1, 2), pulse(2, 1)], false), None);
    let next = board.take(first.edition);
    assert_eq!((next.feed.reset, seconds(&next)), (false, vec![(1, 2), (2, 1)]));
    assert!(next.feed.log.is_empty());
    assert!(seconds(&board.take(next.edition)).is_empty(), "nothing is told twice");
}

#[test]
fn wider_rows_and_a_viewer_of_another_run_begin_anew() {
    let board = Board::new(Live::default());
    board.publish(edition(vec![pulse(0, 1), pulse(1, 1)], false), None);
    let before = board.take(0).edition;
    board.publish(edition(vec![pulse(0, 2)], true), None);
    let after = board.take(before);
    assert_eq!((after.feed.reset, seconds(&after)), (true, vec![(0, 2)]));
    assert!(board.take(999).feed.reset, "an edition that is not there yet is another board's");
}

#[test]
fn the_log_is_bounded() {
    let board = Board::new(Live::default());
    (0..2 * LOG_MAX).for_each(|n| board.tell(line(&n.to_string())));
    board.publish(edition(vec![], false), None);
    let log = board.take(0).feed.log;
    assert_eq!((log.len(), log[0].text.as_str()), (LOG_MAX, "1000"));
}

#[tokio::test]
async fn the_report_of_a_run_that_is_on_is_made_on_demand() {
    let board = Arc::new(Board::new(Live::default()));
    let wanted = tokio::spawn({
        let board = Arc::clone(&board);
        async move { board.report().await }
    });
    while !board.takes_report() {
        tokio::task::yield_now().await;
    }
    let report: Report = crate::text::tests::report();
    board.publish(edition(vec![], false), Some(report.clone()));
    assert_eq!(wanted.await.unwrap().as_deref(), Some(&report));
    board.end(Over { verdict: None, report: None, failure: Some("nobody came".into()), exit: 106 });
    assert!(board.report().await.is_none());
    assert_eq!(board.take(0).over.unwrap().exit, 106);
    assert_eq!(board.take(0).feed.live.run.state, "over");
}

#[test]
fn the_heat_map_is_that_of_all_scenarios_together() {
    let board = Board::new(Live::default());
    let rows = |scenario: &str, t_s, first, counts: &[u64]| StretchRows {
        timeline: TimelineRow { t_s, scenario: scenario.into(), ..TimelineRow::default() },
        heat: Some(HeatRow { t_s, width_s: 1, scenario: scenario.into(), first, counts: counts.into() }),
    };
    let told = |taken: &Taken| -> Vec<(u64, usize, Vec<u64>)> {
        taken.feed.heat.iter().map(|row| (row.t_s, row.first, row.counts.clone())).collect()
    };
    let all = vec![rows("a", 0, 3, &[1]), rows("b", 0, 4, &[2, 5]), rows("a", 1, 3, &[7])];
    board.publish(Edition { rows: all, ..edition(vec![], false) }, None);
    let first = board.take(0);
    assert_eq!(told(&first), [(0, 3, vec![1, 2, 5]), (1, 3, vec![7])]);
    let news = vec![rows("a", 0, 3, &[4])];
    board.publish(Edition { rows: news, ..edition(vec![], false) }, None);
    assert_eq!(told(&board.take(first.edition)), [(0, 3, vec![4, 2, 5])], "with what has not changed");
}
