//! The page and the API, over real sockets.

use crate::cluster::{Cluster, agent, beside, plan};
use crate::http::{Events, get, post, send};
use crate::programs::Program;
use crate::targets::{demo, until_counted};
use rustix::process::Signal;
use serde_json::{Value, json};

mod kept;
mod shapes;

/// Where the page of a controller is.
pub(crate) fn page(controller: &Program) -> String {
    let line = controller.hears("page: http://");
    line.rsplit("http://").next().unwrap().trim_end_matches('/').to_owned()
}

/// A controller that stays.
fn staying(flags: &[&str]) -> Program {
    let fixed = ["start", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    Program::controller(&[&fixed, flags].concat())
}

fn rate(url: &str, rate: &str, seconds: u64) -> String {
    plan(url, "", &format!("load.rate = [{{ at = \"{rate}\", for = \"{seconds}s\" }}]"), "path = \"/\"")
}

fn submit(at: &str, plan: &str) -> String {
    let created = post(at, "/api/runs", &json!({ "plan": plan })).with(201);
    created["id"].as_str().unwrap().to_owned()
}

/// Waits until the run is over, and returns what the event says.
fn over(at: &str, run: &str) -> Value {
    Events::of(at, run, &[]).last().filter(|sent| sent.event == "over").expect("the last event").data
}

#[test]
fn a_viewer_sees_every_request_of_a_run_and_its_end() {
    let _beside = beside();
    let demo = demo();
    let cluster = Cluster::controller(&rate(&demo.url(), "50/s", 3), &["--web", "127.0.0.1:0"]);
    let at = page(&cluster.controller);
    let status = get(&at, "/api/status").with(200);
    let run = status["running"][0]["id"].as_str().unwrap().to_owned();
    let refused = post(&at, "/api/runs", &json!({ "plan": "" })).with(409);
    assert!(refused["remedy"].as_str().unwrap().contains("without --plan"), "{refused}");
    let (mut pulse, mut timeline) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    let (mut reset, mut last, mut verdict) = (0, Value::Null, Value::Null);
    for sent in Events::of(&at, &run, &[]) {
        if sent.event == "over" {
            verdict = sent.data;
            break;
        }
        reset += u32::from(sent.data["reset"] == true);
        for row in sent.data["pulse"].as_array().unwrap() {
            pulse.insert(row["t_s"].as_u64().unwrap(), row["started"].as_u64().unwrap());
        }
        for row in sent.data["timeline"].as_array().unwrap() {
            let key = row["t_s"].as_u64().unwrap();
            timeline.insert(key, (row["planned"].as_u64().unwrap(), row["started"].as_u64().unwrap()));
        }
        last = sent.data["live"].clone();
    }
    assert_eq!((reset, &verdict["exit"]), (1, &json!(0)));
    assert!(is_sound(&verdict), "{verdict}");
    assert_eq!(last["run"]["state"], "over");
    assert_eq!(
        (&last["series"][0]["requests"], &last["series"][0]["response_time"]["count"]),
        (&json!(150), &json!(150))
    );
    assert_eq!(pulse.values().sum::<u64>(), 150, "{pulse:?}");
    assert_eq!(timeline.values().map(|(planned, _)| planned).sum::<u64>(), 150, "{timeline:?}");
    assert_eq!(timeline.values().map(|(_, started)| started).sum::<u64>(), 150, "{timeline:?}");
    let report = cluster.end().report;
    assert_eq!(report.pulse.iter().map(|row| row.started).sum::<u64>(), 150);
    assert_eq!(demo.stats().total, 150);
}

/// A machine that is busy with other tests may send late; nothing else may be wrong.
fn is_sound(over: &Value) -> bool {
    [json!("pass"), json!("generator_limited")].contains(&over["verdict"]["result"])
}

#[test]
fn agents_stay_for_run_after_run_and_every_request_is_counted_once() {
    let _beside = beside();
    let (demo, data) = (demo(), tempfile::tempdir().unwrap());
    let controller = staying(&["--data-dir", data.path().to_str().unwrap()]);
    let (at, address) = (page(&controller), join_address(&controller));
    let agents = ["a1", "a2"].map(|name| agent(&address, name, &["--threads", "1"]));
    agents.iter().for_each(|agent| drop(agent.hears("waits for a run")));
    let idle = get(&at, "/api/status").with(200);
    assert_eq!(idle["agents"], json!([line("a1"), line("a2")]));
    let runs = [submit(&at, &rate(&demo.url(), "100/s", 2)), submit(&at, &rate(&demo.url(), "40/s", 2))];
    let waits = get(&at, "/api/status").with(200);
    let second =
        waits["queued"].as_array().unwrap().iter().find(|line| line["id"] == json!(runs[1])).unwrap();
    assert!(second["reason"].as_str().unwrap().contains("one run at a time"), "{second}");
    for (run, count) in runs.iter().zip([200, 80]) {
        let over = over(&at, run);
        assert_eq!(over["exit"], json!(0), "{over}");
        assert!(is_sound(&over), "{over}");
        let report = get(&at, &format!("/api/runs/{run}/report")).with(200);
        let (ledger, agents) = (&report["ledger"]["s"], report["agents"].as_array().unwrap());
        assert_eq!((&ledger["planned"], &ledger["finished"]), (&json!(count), &json!(count)));
        assert_eq!((&report["imbalances"], agents.len()), (&json!({}), 2), "{report}");
        assert!(agents.iter().all(|agent| agent["started"].as_u64().unwrap() > 0), "both send");
    }
    until_counted(&demo, 280);
    agents.iter().for_each(|agent| drop(agent.hears_times("run over", 2)));
    controller.signal(Signal::INT);
    let ended = controller.end();
    assert_eq!((ended.code, demo.stats().total), (Some(0), 280), "{}", ended.stderr);
    let listed = Program::controller(&["runs", "list", "--data-dir", data.path().to_str().unwrap()]).end();
    assert!(runs.iter().all(|run| listed.stdout.contains(run)), "{}", listed.stdout);
}

fn join_address(controller: &Program) -> String {
    controller.hears("agents join with: agent join").rsplit(' ').next().unwrap().to_owned()
}

fn line(name: &str) -> Value {
    json!({ "name": name, "state": "idle", "run": null })
}

#[test]
fn an_interrupt_ends_the_run_that_is_on_and_tells_the_queue() {
    let _beside = beside();
    let demo = demo();
    let controller = staying(&[]);
    let at = page(&controller);
    let runs: Vec<String> = (0..3).map(|_| submit(&at, &rate(&demo.url(), "20/s", 600))).collect();
    send(&at, "DELETE", &format!("/api/runs/{}", runs[1]), &[], "").with(200);
    get(&at, &format!("/api/runs/{}", runs[1])).with(404);
    until_counted(&demo, 1);
    let refused = send(&at, "DELETE", &format!("/api/runs/{}", runs[0]), &[], "");
    assert!(refused.with(409)["error"].as_str().unwrap().contains("is on"));
    let watchers = [&runs[0], &runs[2]].map(|run| Events::of(&at, run, &[]));
    controller.signal(Signal::INT);
    let [on, waiting] = watchers.map(|events| events.last().unwrap().data);
    assert_eq!((&on["verdict"]["result"], &on["exit"]), (&json!("aborted"), &json!(105)), "{on}");
    assert!(waiting["failure"].as_str().unwrap().contains("before its turn"), "{waiting}");
    assert_eq!(controller.end().code, Some(0));
}

#[test]
fn a_run_is_steered_over_the_api() {
    let _beside = beside();
    let demo = demo();
    let controller = staying(&[]);
    let at = page(&controller);
    let run = submit(&at, &rate(&demo.url(), "20/s", 600));
    until_counted(&demo, 1);
    let order = |what: &str, body: &Value| post(&at, &format!("/api/runs/{run}/{what}"), body);
    assert!(
        order("rate", &json!({ "scenario": "s", "rate": "50/s" })).with(200)["at_s"].as_f64().unwrap() > 0.0
    );
    order("rate", &json!({ "scenario": "s", "rate": "fast" })).with(422);
    order("rate", &json!({ "scenario": "nobody", "rate": "1/s" })).with(409);
    order("users", &json!({ "scenario": "s", "users": 3 })).with(409);
    order("pause", &json!({})).with(200);
    order("resume", &json!({})).with(200);
    let standing = get(&at, &format!("/api/runs/{run}/report")).with(200);
    assert!(standing["series"][0]["requests"].as_u64().unwrap() > 0);
    order("stop", &json!({})).with(200);
    assert_eq!(over(&at, &run)["exit"], 103);
    order("stop", &json!({})).with(409);
    controller.signal(Signal::INT);
    assert_eq!(controller.end().code, Some(0));
}

#[test]
fn nobody_is_let_in_by_another_name_from_another_page_or_without_a_token() {
    let controller = staying(&[]);
    let at = page(&controller);
    let json = "content-type: application/json";
    for (sent, method, path, headers, status) in [
        ("by this machine's name", "GET", "/api/status", &["host: localhost:1"][..], 200),
        ("by another name for this machine", "GET", "/api/status", &["host: evil.example"][..], 403),
        ("with no name", "GET", "/api/status", &["host:"][..], 403),
        ("from another page", "POST", "/api/plans/quick", &[json, "origin: http://evil.example"][..], 403),
        ("from nowhere", "POST", "/api/plans/quick", &[json, "origin: null"][..], 403),
        ("as a form", "POST", "/api/plans/quick", &["content-type: text/plain"][..], 415),
        ("without a kind", "POST", "/api/runs/x/stop", &[][..], 415),
        ("from another page", "DELETE", "/api/runs/x", &["origin: http://evil.example"][..], 403),
        ("rightly", "POST", "/api/plans/check", &["content-type: text/plain; charset=utf-8"][..], 200),
        ("out of the folder", "GET", "/assets/../Cargo.toml", &[][..], 404),
        ("out of the folder", "GET", "/assets/%2e%2e/templates/now.html", &[][..], 404),
        ("to nothing", "GET", "/nothing", &[][..], 404),
    ] {
        let answer = send(&at, method, path, headers, "");
        assert_eq!(answer.status, status, "{method} {path} {sent}: {}", answer.body);
        assert!(answer.head.contains("content-security-policy: default-src 'self'"), "{}", answer.head);
        assert!(status == 200 || answer.json()["remedy"].is_string(), "{}", answer.body);
    }
    let own = format!("origin: http://{at}");
    let quick = json!({ "base_url": "http://127.0.0.1:1", "rate": "5/s", "duration": "10s" }).to_string();
    let made = send(&at, "POST", "/api/plans/quick", &[json, &own], &quick).with(200);
    let checked =
        send(&at, "POST", "/api/plans/check", &["content-type: text/plain"], made["plan"].as_str().unwrap());
    assert_eq!(checked.with(200)["ok"], true);
    assert_eq!(get(&at, "/").status, 200);
    assert_eq!(get(&at, "/assets/style.css").status, 200);
}

#[test]
fn a_token_lets_in_whoever_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, token) = (folder.path().join("token"), "0123456789abcdef0123456789abcdef");
    std::fs::write(&file, token).unwrap();
    let controller = staying(&["--web-token-file", file.to_str().unwrap()]);
    let at = page(&controller);
    get(&at, "/api/status").with(401);
    send(&at, "GET", "/api/status", &["authorization: Bearer 0123"], "").with(401);
    send(&at, "GET", "/api/status", &[&format!("authorization: Bearer {token}")], "").with(200);
    assert_eq!(get(&at, "/login?token=0123").status, 401);
    let login = get(&at, &format!("/login?token={token}"));
    assert_eq!(login.status, 303);
    assert!(login.head.contains("httponly; samesite=strict"), "{}", login.head);
    send(&at, "GET", "/api/status", &[&format!("cookie: a=b; stampede={token}")], "").with(200);
}

#[test]
fn a_plan_from_outside_reads_no_file_but_below_the_given_folder() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(inside.path().join("names.csv"), "name\na\n").unwrap();
    std::fs::write(outside.path().join("secret.csv"), "name\na\n").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.csv"), inside.path().join("link.csv")).unwrap();
    let with = |file: &str| {
        let data = format!("[[data]]\nname = \"d\"\ncsv = \"{file}\"\n");
        rate("http://127.0.0.1:1", "1/s", 1).replace("[target]", &format!("{data}[target]"))
    };
    let check = |at: &str, plan: &str| {
        send(at, "POST", "/api/plans/check", &["content-type: text/plain"], plan).with(200)
    };
    let closed = staying(&[]);
    let at = page(&closed);
    let told = check(&at, &with("names.csv"));
    assert!(told["problems"][0]["remedy"].as_str().unwrap().contains("--files"), "{told}");
    let secret = rate("http://127.0.0.1:1", "1/s", 1)
        .replace("path = \"/\"", "path = \"/\"\nheaders = { a = \"${file:/etc/passwd}\" }");
    assert_eq!(check(&at, &secret)["ok"], false);
    post(&at, "/api/runs", &json!({ "plan": with("names.csv") })).with(422);
    let open = staying(&["--files", inside.path().to_str().unwrap()]);
    let at = page(&open);
    let absolute = outside.path().join("secret.csv");
    for (file, ok) in [
        ("names.csv", true),
        ("link.csv", false),
        ("../secret.csv", false),
        (absolute.to_str().unwrap(), false),
        ("nothing.csv", false),
    ] {
        assert_eq!(check(&at, &with(file))["ok"], ok, "{file}");
    }
}

#[test]
fn a_submitted_run_is_followed_and_ends_with_its_own_exit_code() {
    let _beside = beside();
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let controller = staying(&[]);
    let web = format!("http://{}", page(&controller));
    let submit = |plan: &str| {
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, plan).unwrap();
        Program::controller(&["submit", "--wait", "--web", &web, "--plan", path.to_str().unwrap()]).end()
    };
    let good = submit(&rate(&demo.url(), "20/s", 2));
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    assert!(good.stdout.contains("20"), "{}", good.stdout);
    assert!(good.stderr.contains("asked 20"), "{}", good.stderr);
    let failing =
        rate(&demo.url(), "20/s", 1) + "[[threshold]]\nmetric = \"response_time.p50\"\nlimit = \"< 1us\"\n";
    assert_eq!(submit(&failing).code, Some(99));
    assert_eq!(submit("name = 1").code, Some(104));
    controller.signal(Signal::INT);
    assert_eq!(controller.end().code, Some(0));
}
