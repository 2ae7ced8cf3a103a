use super::carry::Crew;
use super::*;
use common::plan::Plan;
use common::report::{Judgment, Verdict};
use common::run::Ending;

fn crew(agents: Option<usize>, local_agents: Option<usize>, expect: &str) -> Crew {
    let plan = format!(
        "name = \"t\"\n{expect}\n[target]\nbase_url = \"http://127.0.0.1\"\n[[scenario]]\nname = \"s\"\n\
         load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\npath = \"/\"\n"
    );
    start(agents, local_agents, false).crew(&Plan::parse("t", &plan).unwrap())
}

fn start(agents: Option<usize>, local_agents: Option<usize>, strict: bool) -> Start {
    let listen = ([127, 0, 0, 1], 0).into();
    Start {
        listen,
        agents,
        local_agents,
        wait: Duration::ZERO,
        token: None,
        out: None,
        admin: None,
        web: None,
        web_token: None,
        files: None,
        otlp: None,
        data_dir: None,
        resume: false,
        keep: Keep::default(),
        keep_deltas: false,
        rows: false,
        strict,
        ui: Ui::Lines,
        json: false,
    }
}

#[test]
fn the_exit_code_tells_the_verdict_and_who_ended_the_run() {
    let (whole, stopped) = (Ending::Completed, Ending::Stopped);
    let doubt = || vec!["s: every request failed: timeout × 3".to_owned()];
    for (result, ending, lenient, strict) in [
        (Judgment::Pass, &whole, 0, 108),
        (Judgment::GeneratorLimited, &whole, 0, 108),
        (Judgment::Degraded, &whole, 0, 108),
        (Judgment::Aborted, &stopped, 103, 103),
        (Judgment::Aborted, &Ending::Interrupted, 105, 105),
        (Judgment::Aborted, &Ending::Aborted, 105, 105),
        (Judgment::Aborted, &Ending::StoreFailed("disk full".into()), 1, 1),
        (Judgment::Fail, &stopped, 99, 99),
        (Judgment::Invalid, &stopped, 108, 108),
    ] {
        let verdict = Verdict { result, reasons: doubt() };
        let codes = [false, true].map(|strict| Exit::of(&verdict, ending, strict) as u8);
        assert_eq!(codes, [lenient, strict], "{result:?} after {ending:?}");
    }
    let whole_pass = Verdict { result: Judgment::Pass, reasons: vec![] };
    assert_eq!(Exit::of(&whole_pass, &whole, true), Exit::Ok);
}

#[test]
fn the_command_line_wins_over_the_plan_and_nobody_asked_means_one_inside() {
    let plan = "[agents]\nexpect = 3";
    let table = [
        ("nobody asked", crew(None, None, ""), (1, 1)),
        ("the plan asks", crew(None, None, plan), (3, 0)),
        ("the command line asks", crew(Some(2), None, plan), (2, 0)),
        ("some inside", crew(Some(3), Some(1), ""), (3, 1)),
        ("all inside", crew(None, Some(2), ""), (2, 2)),
    ];
    for (what, Crew { expect, local }, expected) in table {
        assert_eq!((expect, local), expected, "{what}");
    }
}
