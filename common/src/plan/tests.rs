//! The whole way: text in, plan or problems out.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::rate::Rate;

mod replay;
mod slips;
mod client;

const QUICKSTART: &str = include_str!("../../../deploy/plans/quickstart.toml");

/// The smallest plan, with `top` among its top-level keys and `rest` behind it.
fn smallest(top: &str, rest: &str) -> String {
    format!(
        "name = \"x\"\n{top}\n[target]\nbase_url = \"https://a\"\n[[scenario]]\nname = \"s\"\n\
         load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\npath = \"/\"\n{rest}"
    )
}

fn parse(text: &str) -> Plan {
    Plan::parse("plan.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_quickstart_reads_as_it_is_meant() {
    let plan = parse(QUICKSTART);
    assert_eq!((plan.name.as_str(), plan.seed), ("quickstart", 42));
    assert_eq!(plan.duration(), Duration::from_secs(20));
    assert_eq!(plan.drain, Duration::from_secs(7), "the timeout and 2s");
    assert_eq!(plan.target.base_url.to_string(), "http://127.0.0.1:8080");
    let [browse, index] = &plan.scenarios[..] else { panic!("two scenarios") };
    let Load::Rate(load) = &browse.load else { panic!("a rate") };
    let rate = |text: &str| text.parse::<Rate>().unwrap();
    let ramp = Stage { from: Rate::ZERO, to: rate("400/s"), duration: Duration::from_secs(5) };
    let hold = Stage { from: rate("400/s"), to: rate("400/s"), duration: Duration::from_secs(15) };
    assert_eq!(load.stages, [ramp, hold]);
    let Load::Rate(load) = &index.load else { panic!("a rate") };
    assert_eq!(load.arrivals, Arrivals::Poisson);
    let step = &index.steps[0];
    assert_eq!((step.method, step.expect.status.as_slice()), (Method::Post, &[201][..]));
    assert_eq!(step.headers, [("content-type".to_owned(), Text::verbatim("application/json"))]);
    let thresholds: Vec<String> = plan.thresholds.iter().map(ToString::to_string).collect();
    assert_eq!(thresholds, ["browse.response_time.p99 < 500ms", "index.error_rate < 1%"]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let plan = parse(&smallest("", ""));
    assert_eq!(
        (plan.seed, plan.max_lateness, plan.drain),
        (0, Duration::from_secs(1), Duration::from_secs(32))
    );
    let target = &plan.target;
    assert_eq!(
        (target.timeout, target.http, target.identify),
        (Duration::from_secs(30), HttpVersion::Http1, false)
    );
    assert_eq!(target.tls, Tls { ca: None, verify: true, identity: None });
    assert_eq!(
        plan.agents,
        Agents {
            expect: None,
            pacing: Pacing::Precise,
            on_loss: OnLoss::Rebalance,
            lease_ttl: Duration::from_secs(3),
        }
    );
    let scenario = &plan.scenarios[0];
    assert_eq!((scenario.max_in_flight, scenario.overload), (2000, Overload::Queue));
    let step = &scenario.steps[0];
    assert_eq!(
        (step.name.as_str(), step.method, step.timeout),
        ("GET /", Method::Get, Duration::from_secs(30))
    );
    assert!(step.expect.is_good(399) && !step.expect.is_good(400));
}

#[test]
fn an_iteration_under_way_is_given_the_time_to_end() {
    let drain = |keys: &str, steps: &str| {
        let text = format!(
            "name = \"t\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n{keys}\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\nstep = [{steps}]\n"
        );
        parse(&text).drain.as_secs()
    };
    let three = "{ path = \"/a\", timeout = \"5s\", think = \"1s..4s\" }, { path = \"/b\", timeout = \"7s\" }, \
        { path = \"/c\", timeout = \"9s\", think = \"1m\" }";
    assert_eq!(drain("", three), 5 + 4 + 7 + 9 + 2, "the rest behind the last step is none of it");
    assert_eq!(drain("pick = \"weighted\"", three), 9 + 2, "of weighted steps each is an iteration");
    let hundred = vec!["{ path = \"/a\" }"; 100].join(",");
    assert_eq!(drain("", &hundred), 300 + 2, "with a bound");
    assert_eq!(drain("", "{ path = \"/a\", timeout = \"20m\" }"), 1_200 + 2, "but no request is cut");
}

#[test]
fn a_row_for_each_user_needs_users() {
    let found = |load: &str, path: &str| {
        let text = format!(
            "name = \"t\"\n[target]\nbase_url = \"http://a\"\n[[data]]\nname = \"own\"\nvalues = [1, 2]\n\
             order = \"per-user\"\n[[scenario]]\nname = \"s\"\n{load}\nstep = [{{ path = \"{path}\" }}]\n"
        );
        Plan::parse("plan.toml", &text).err().map(|problems| problems.to_string()).unwrap_or_default()
    };
    let rate = "load.rate = [{ at = \"1/s\", for = \"1s\" }]";
    let told = found(rate, "/{{ own }}");
    assert!(
        told.contains("the arrivals of `s` have no users") && told.contains("order = \"sequential\""),
        "{told}"
    );
    assert_eq!(found(rate, "/{{ pick(own) }}"), "", "rows that are drawn are nobody's");
    assert_eq!(found("load.tries = { count = 4, users = 2 }", "/{{ own }}"), "");
}

#[test]
fn a_steps_headers_and_timeout_win_over_the_targets() {
    let text =
        smallest("", "headers = { Accept = \"a\" }\ntimeout = \"50s\"\nexpect.status = [404, 200, 404]")
            .replace("[[scenario]]", "headers = { ACCEPT = \"t\", X-Team = \"t\" }\n[[scenario]]");
    let plan = parse(&text);
    let step = &plan.scenarios[0].steps[0];
    let header = |name: &str, value: &str| (name.to_owned(), Text::verbatim(value));
    assert_eq!(step.headers, [header("x-team", "t"), header("accept", "a")]);
    assert_eq!((step.timeout, plan.drain), (Duration::from_secs(50), Duration::from_secs(52)));
    assert_eq!(step.expect.status, [200, 404]);
    assert!(step.expect.is_good(404) && !step.expect.is_good(201));
}

#[test]
fn every_problem_is_reported_at_once() {
    let printed = Plan::parse("plan.toml", BROKEN).unwrap_err().to_string();
    assert_eq!(printed, BROKEN_TOLD);
}
const BROKEN: &str = r#"name = 5
[target]
base_url = "ftp://x"
timeuot = "5s"
[[scenario]]
name = "index"
load.rate = [ { from = "1/m", for = "25h" } ]
[[scenario.step]]
method = "get"
[[threshold]]
metric = "indx.response_time.p98"
limit = "250ms"
"#;

const BROKEN_TOLD: &str = r#"error: `name` must be a text in quotes, not a whole number
  --> plan.toml:1:8
  |
1 | name = 5
  |        ^ like "search-under-load"

error: `base_url`: a base URL begins with http:// or https://
  --> plan.toml:3:12
  |
3 | base_url = "ftp://x"
  |            ^^^^^^^^^ write a base URL like "http://127.0.0.1:8080"

error: unknown key `timeuot` in [target]
  --> plan.toml:4:1
  |
4 | timeuot = "5s"
  | ^^^^^^^ did you mean `timeout`? allowed here: auth, base_url, compression, connection, headers, http, identify, redirects, timeout, tls

error: `from`: not a whole number of thousandths per second
  --> plan.toml:7:24
  |
7 | load.rate = [ { from = "1/m", for = "25h" } ]
  |                        ^^^^^ the nearest rates are "0.016/s" and "0.017/s"

error: half a ramp
  --> plan.toml:7:24
  |
7 | load.rate = [ { from = "1/m", for = "25h" } ]
  |                        ^^^^^ write { at = "200/s", for = "1m" } or { from = "0/s", to = "200/s", for = "1m" }

error: `for`: too long
  --> plan.toml:7:37
  |
7 | load.rate = [ { from = "1/m", for = "25h" } ]
  |                                     ^^^^^ at most 1day

error: missing `path` in [[scenario.step]]
  --> plan.toml:8:1
  |
8 | [[scenario.step]]
  | ^^^^^^^^^^^^^^^^^ add a line like path = "/"

error: `method` cannot be `get`
  --> plan.toml:9:10
  |
9 | method = "get"
  |          ^^^^^ did you mean "GET"? allowed: "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"

error: `metric`: unknown statistic `p98`
   --> plan.toml:11:10
   |
11 | metric = "indx.response_time.p98"
   |          ^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `p90`? allowed: p50, p90, p95, p99, p99_9, min, mean, max

error: `limit`: a limit begins with a comparison
   --> plan.toml:12:9
   |
12 | limit = "250ms"
   |         ^^^^^^^ write `<`, `<=`, `>` or `>=` and a value, like "< 250ms" or ">= 99.9%"

plan.toml: 10 problems"#;

/// The smallest plan with one slip in it.
fn slipped(slip: &str) -> String {
    let (place, written) = slip.split_once(": ").unwrap();
    match place {
        "top" => smallest(written, ""),
        "target" => smallest("", "").replace("[[scenario]]", &format!("{written}\n[[scenario]]")),
        "scenario" => smallest("", "").replace("[[scenario.step]]", &format!("{written}\n[[scenario.step]]")),
        "rate" => smallest("", "").replace(ONE_STAGE, &format!("load.rate = {written}")),
        "load" => smallest("", "").replace(ONE_STAGE, &format!("load = {written}")),
        "closed" => {
            let users = "load.users = [{ at = 1, for = \"1s\" }]";
            smallest("", "").replace(ONE_STAGE, &format!("{users}\n{written}"))
        }
        "step" => smallest("", written),
        "limit" => {
            let (metric, limit) = written.split_once(' ').unwrap();
            smallest("", &format!("[[threshold]]\nmetric = \"{metric}\"\nlimit = \"{limit}\""))
        }
        "rule" => {
            let keys = written.replace(", ", "\n");
            let load = "load.rate = [{ at = \"1/s\", for = \"9s\" }]";
            let phases =
                "\n[[phase]]\nname = \"calm\"\nfor = \"5s\"\n[[phase]]\nname = \"late\"\nfor = \"30s\"";
            smallest("", &format!("[[threshold]]\n{keys}")).replace(ONE_STAGE, load) + phases
        }
        other => panic!("{other}"),
    }
}

const ONE_STAGE: &str = "load.rate = [{ at = \"1/s\", for = \"1s\" }]";

#[test]
fn one_slip_makes_one_problem_with_its_remedy() {
    for (slip, message, remedy) in slips::SLIPS {
        let problems = Plan::parse("plan.toml", &slipped(slip)).expect_err(slip);
        let [problem] = &problems.list[..] else { panic!("{slip}: not one problem but\n{problems}") };
        assert!(problem.message.contains(message), "{slip}:\n{problems}");
        assert!(problem.help.contains(remedy), "{slip}:\n{problems}");
    }
}

#[test]
fn a_load_belongs_to_its_phases() {
    let text = |scenario: &str| {
        let phases =
            "[[phase]]\nname = \"idle\"\nfor = \"10s\"\n[[phase]]\nname = \"stress\"\nfor = \"5s\"\n";
        smallest("", "").replace("[[scenario]]", &format!("{phases}[[scenario]]\n{scenario}"))
    };
    let plan = parse(&text("phases = [\"stress\"]"));
    assert_eq!(
        (plan.scenarios[0].start, plan.duration()),
        (Duration::from_secs(10), Duration::from_secs(11))
    );
    assert_eq!(plan.phases[1].start, Duration::from_secs(10));
    assert_eq!(parse(&text("phases = [\"idle\", \"stress\"]")).scenarios[0].start, Duration::ZERO);
    for (scenario, message) in [
        ("phases = [\"stress\", \"idle\"]", "the phases do not follow each other"),
        ("phases = [\"stres\"]", "no phase is named `stres`"),
        ("phases = [\"stress\"]\nstart = \"1s\"", "`start` and `phases` at once"),
    ] {
        let problems = Plan::parse("p", &text(scenario)).unwrap_err();
        assert_eq!(problems.list[0].message, message);
    }
    let long = text("phases = [\"stress\"]").replace("for = \"1s\"", "for = \"6s\"");
    assert_eq!(Plan::parse("p", &long).unwrap_err().list[0].message, "the load lasts 6s, its phases 5s");
    let tries = text("phases = [\"stress\"]").replace(ONE_STAGE, "load.tries = { count = 1, users = 1 }");
    assert_eq!(parse(&tries).duration(), Duration::from_secs(15), "tries have until the end of their phases");
}

#[test]
fn tls_needs_https_and_names_are_unique() {
    let text = smallest("", "").replace("https://a\"", "http://a\"\ntls = { verify = false }");
    let problems = Plan::parse("p", &text).unwrap_err();
    assert_eq!(problems.list[0].message, "`tls` has no meaning for a target with http://");
    let plan = smallest("", "");
    let twice = format!("{plan}{}", &plan[plan.find("[[scenario]]").unwrap()..]);
    let problems = Plan::parse("p", &twice).unwrap_err();
    assert_eq!(problems.list[0].message, "a second scenario named `s`");
}

#[test]
fn missing_parts_and_broken_syntax_are_told_without_echo() {
    for (text, messages, why) in [
        (
            "",
            &["missing `name` in the plan", "missing `target` in the plan", "missing `scenario` in the plan"]
                [..],
            "an empty plan lacks everything",
        ),
        (
            "name = \"x\"\n[taget]\nbase_url = \"http://a\"\n[[scenaro]]\nname = \"s\"",
            &["unknown key `taget` in the plan", "unknown key `scenaro` in the plan"][..],
            "a misspelt section is not missing as well",
        ),
        (
            "name = \"x\nsed = 3\n[target]\nbase_url = http://a",
            &["invalid basic string", "unknown key `sed` in the plan", "string values must be quoted"][..],
            "what can be read behind a syntax error is checked, what is missing is not told",
        ),
        (
            "name = x\nseed = [1,\n[target]\nbase = 1\n",
            &["string values must be quoted", "unclosed array"][..],
            "an open bracket makes everything behind it doubtful: only its opening is told",
        ),
    ] {
        let problems = Plan::parse("plan.toml", text).unwrap_err();
        let found: Vec<&str> = problems.list.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(found, messages, "{why}");
    }
}

#[test]
fn limits_of_size_hold() {
    let problems = Plan::parse("p", &" ".repeat(600_000)).unwrap_err();
    assert_eq!(problems.list[0].message, "the plan is too large");
    let junk: String = (0..50_000).map(|number| format!("k{number}=1\n")).collect();
    let problems = Plan::parse("p", &junk).unwrap_err();
    assert!(problems.list.len() <= 1_000, "{} problems", problems.list.len());
    let problems = Plan::parse("p", &"k=1\n".repeat(100_000)).unwrap_err();
    assert!(problems.list.len() <= 1_000, "{} problems", problems.list.len());
    let scenario = &smallest("", "")[smallest("", "").find("[[scenario]]").unwrap()..].to_owned();
    let many: String = (0..101).map(|number| scenario.replace("\"s\"", &format!("\"s{number}\""))).collect();
    let problems =
        Plan::parse("p", &format!("name=\"x\"\ntarget.base_url=\"http://a\"\n{many}")).unwrap_err();
    assert_eq!(problems.list[0].message, "`scenario` has 101 entries");
}

#[test]
fn the_hash_is_sha_256_of_the_text() {
    let hex: String = hash("abc").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\PC|\n|\t){0,300}", words in "([\\[\\]{}=\"'.,#\n ]|name|target|scenario|load|rate|step){0,80}") {
        for text in [text, words] {
            if let Err(problems) = Plan::parse("p", &text) {
                prop_assert!(!problems.list.is_empty());
                prop_assert!(problems.to_string().len() > 10);
            }
        }
    }

    #[test]
    fn no_mutation_of_a_plan_panics(
        edits in prop::collection::vec((0..QUICKSTART.len(), 0..12_usize, "[\\PC\n]{0,4}"), 1..4),
    ) {
        let mut text = QUICKSTART.to_owned();
        for (place, length, new) in edits {
            let from = text.floor_char_boundary(place);
            let to = text.floor_char_boundary(place + length).max(from);
            text.replace_range(from..to, &new);
        }
        if let Err(problems) = Plan::parse("p", &text) {
            prop_assert!(!problems.list.is_empty());
            let lines = text.lines().count().max(1);
            prop_assert!(problems.list.iter().all(|problem| (1..=lines + 1).contains(&problem.line)));
        }
    }
}
