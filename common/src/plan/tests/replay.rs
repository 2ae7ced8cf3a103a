//! Replays: what they default to, and what is refused.

use crate::plan::{Load, Method, OTHER, Pace, Plan};
use crate::rate::Rate;
use std::time::Duration;

fn read(load: &str) -> Result<Plan, String> {
    let text = format!(
        "name = \"x\"\n[target]\nbase_url = \"http://a\"\ntimeout = \"7s\"\nheaders = {{ x = \"y\" }}\n\
         [[scenario]]\nname = \"s\"\n{load}\n"
    );
    Plan::parse("plan.toml", &text).map_err(|problems| problems.to_string())
}

#[test]
fn a_replay_reads_as_it_is_meant() {
    let plan = read("load.replay = { log = \"access.log\" }").unwrap();
    let Load::Replay(load) = &plan.scenarios[0].load else { panic!("a replay") };
    assert_eq!((load.pace, load.duration), (Pace::Original { speed_milli: 1_000 }, None));
    assert!(load.filter.methods.is_empty() && !load.filter.unsafe_methods && !load.keep_host);
    let plan = read(
        "[scenario.load.replay]\nlog = \"*.gz\"\nformat = '$remote_addr [$time_local] \"$request\"'\nat = \"100/s\"\n\
         for = \"10m\"\nmethods = [\"GET\", \"PUT\"]\npaths = [\"/a/*\", \"!/a/b\"]\nstatus = [\"2xx\", \"404\"]\n\
         unsafe_methods = true\nkeep_host = true\nseries = [\"GET /a/{id}\"]\n",
    )
    .unwrap();
    let scenario = &plan.scenarios[0];
    let Load::Replay(load) = &scenario.load else { panic!("a replay") };
    assert_eq!(load.pace, Pace::Rate(Rate::from_milli(100_000)));
    assert_eq!(load.filter.methods, [Method::Get, Method::Put]);
    assert_eq!(load.filter.status, [(200, 299), (404, 404)]);
    assert_eq!(plan.duration(), Duration::from_secs(600));
    let names: Vec<&str> = scenario.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["GET /a/{id}", OTHER]);
    assert!(
        scenario.steps.iter().all(|step| step.timeout == Duration::from_secs(7) && step.headers.len() == 1)
    );
}

#[test]
fn what_is_no_replay_is_refused_with_a_remedy() {
    for (load, message, help) in [
        ("log = \"\"", "`log`: empty", "the path of a log"),
        ("log = \"a\", format = \"combine\"", "no format is named `combine`", "did you mean `combined`?"),
        ("log = \"a\", format = \"%h %t\"", "a format without a path", "%r or %U%q"),
        (
            "log = \"a\", format = \"common\", json = { path = \"p\" }",
            "`json` beside another format",
            "one of",
        ),
        ("log = \"a\", json = { paht = \"p\" }", "`json` knows no `paht`", "body"),
        ("log = \"a\", csv = { path = \"p\" }", "a log without times has no timing", "at = \"100/s\""),
        ("log = \"a\", at = \"soon\"", "`at`", "\"original\", or a rate"),
        ("log = \"a\", at = \"0/s\"", "a rate of nothing", "a rate like"),
        ("log = \"a\", at = \"1/s\", speed = \"2x\"", "`speed` has no meaning beside a rate", "original"),
        ("log = \"a\", speed = \"fast\"", "no speed", "like \"2x\""),
        ("log = \"a\", paths = [\"api\"]", "no pattern of a path", "/api/*"),
        ("log = \"a\", status = [\"6xx\"]", "no status", "2xx"),
        ("log = \"a\", tape = \"x\"", "no SHA-256", "leave it out"),
        ("format = \"common\"", "missing `log`", "access.log"),
    ] {
        let told = read(&format!("load.replay = {{ {load} }}")).unwrap_err();
        assert!(told.contains(message) && told.contains(help), "{load}: {told}");
        assert!(told.ends_with("1 problem"), "{load}: {told}");
    }
    for (scenario, message) in [
        ("load.replay.log = \"a\"\n[[scenario.step]]\npath = \"/\"", "a step beside a replay"),
        ("load.replay.log = \"a\"\nload.arrivals = \"poisson\"", "`arrivals` has no meaning beside a replay"),
        (
            "load.replay.log = \"a\"\nload.rate = [{ at = \"1/s\", for = \"1s\" }]",
            "two loads in one scenario",
        ),
        ("load = {}\n[[scenario.step]]\npath = \"/\"", "a scenario without a load"),
        ("load.rate = [{ at = \"1/s\", for = \"1s\" }]", "missing `step` in [[scenario]]"),
    ] {
        let told = read(scenario).unwrap_err();
        assert!(told.contains(message) && told.ends_with("1 problem"), "{scenario}: {told}");
    }
}
