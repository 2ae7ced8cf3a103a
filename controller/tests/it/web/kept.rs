//! Runs that are kept on disk: which of them stay, and what the page makes of three.

use super::{over, page, rate, staying, submit};
use crate::cluster::beside;
use crate::http::{get, send};
use crate::programs::{Ended, Program};
use crate::targets::demo;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;

fn kept(data: &Path, args: &[&str]) -> Ended {
    let ended = Program::controller(&[args, &["--data-dir", data.to_str().unwrap()]].concat()).end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// A plan that replays ten lines of a log in the folder of the controller's `--files`.
fn replay(url: &str, folder: &Path) -> String {
    let line =
        |n| format!("10.0.0.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /?n={n} HTTP/1.1\" 200 7 \"-\" \"x\"\n");
    std::fs::write(folder.join("access.log"), (0..10).map(line).collect::<String>()).unwrap();
    format!(
        "name = \"replay\"\nmax_lateness = \"1m\"\n[target]\nbase_url = \"{url}\"\n[[scenario]]\nname = \"s\"\n\
         [scenario.load.replay]\nlog = \"access.log\"\nformat = \"combined\"\nat = \"20/s\"\nfor = \"1s\"\n"
    )
}

fn tapes(data: &Path) -> usize {
    let entries = std::fs::read_dir(data.join("tapes")).into_iter().flatten();
    entries
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "tape"))
        .count()
}

#[test]
fn a_controller_that_stays_keeps_so_many_runs_and_what_those_need_that_wait() {
    let _beside = beside();
    let (demo, data, files) = (demo(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, files) = (data.path(), files.path());
    let controller = staying(
        &[
            &["--data-dir", data.to_str().unwrap(), "--files", files.to_str().unwrap()][..],
            &["--keep-runs", "1"],
        ]
        .concat(),
    );
    let at = page(&controller);
    let plain = rate(&demo.url(), "20/s", 1);
    let runs = [&plain, &plain, &replay(&demo.url(), files)].map(|plan| submit(&at, plan));
    assert_eq!(over(&at, &runs[1])["exit"], 0);
    controller.hears(&format!("deleted 1 run not to be kept any more: {}", runs[0]));
    get(&at, &format!("/api/runs/{}", runs[0])).with(404);
    // Its tape was there when the first run was deleted, and no run on record named it.
    let last = over(&at, &runs[2]);
    assert_eq!((&last["exit"], demo.stats().total), (&json!(0), 20 + 20 + 20), "{last}");
    controller.hears(&format!("deleted 1 run not to be kept any more: {}", runs[1]));
    let listed = kept(data, &["runs", "list"]).stdout;
    assert!(listed.contains(&runs[2]) && !listed.contains(&runs[1]), "{listed}");
    assert_eq!(tapes(data), 1, "it is kept with its run");
    kept(data, &["runs", "delete", "--keep", "0"]);
    assert_eq!(tapes(data), 0, "and goes with it");
    controller.signal(Signal::INT);
    assert_eq!(controller.end().code, Some(0));
}

#[test]
fn runs_that_are_older_go_at_the_start_and_the_last_one_stays() {
    let _beside = beside();
    let (demo, data, files) = (demo(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, plan) = (data.path(), files.path().join("plan.toml"));
    std::fs::write(&plan, rate(&demo.url(), "20/s", 1)).unwrap();
    let start = |flags: &[&str]| {
        let fixed = ["start", "--listen", "127.0.0.1:0", "--plan", plan.to_str().unwrap()];
        kept(data, &[&fixed, flags].concat()).stderr
    };
    assert!(!start(&[]).contains("deleted"), "nobody asked");
    let said = start(&["--keep-for", "0s"]);
    assert_eq!(said.matches("deleted 1 run not to be kept").count(), 1, "{said}");
    assert_eq!(kept(data, &["runs", "list"]).stdout.lines().count(), 2, "a head and the run of just now");
    for (flags, why) in [
        (&["--keep-runs", "0", "--data-dir", "x"][..], "non-zero"),
        (&["--keep-runs", "5"], "--data-dir"),
        (&["--keep-for", "90d"], "--data-dir"),
    ] {
        let refused = Program::controller(&[&["start"], flags].concat()).end();
        assert!(refused.code == Some(2) && refused.stderr.contains(why), "{flags:?}: {}", refused.stderr);
    }
}

#[test]
fn what_equal_runs_differ_by_is_noise_on_the_page_as_for_the_command() {
    let _beside = beside();
    let (demo, data) = (demo(), tempfile::tempdir().unwrap());
    let data = data.path();
    let controller = staying(&["--data-dir", data.to_str().unwrap()]);
    let at = page(&controller);
    let runs = [(); 3].map(|()| submit(&at, &rate(&demo.url(), "50/s", 1)));
    assert_eq!(over(&at, &runs[2])["exit"], 0);
    let [before, after, noise] = &runs;
    let query = format!("before={before}&after={after}&noise={noise}");
    let command = ["compare", before, after, "--noise", noise, "--json"];
    let command: Value = serde_json::from_str(&kept(data, &command).stdout).unwrap();
    assert_eq!(get(&at, &format!("/api/compare?{query}")).with(200), command);
    let plain = get(&at, &format!("/api/compare?before={before}&after={after}&noise=")).with(200);
    let of = |comparison: &Value| comparison["steps"][0]["changes"][0]["noise"].as_f64().unwrap();
    assert_eq!(of(&plain), 0.0, "without a third run there is none");
    let shown = send(&at, "GET", &format!("/compare?{query}"), &[], "");
    assert_eq!(shown.status, 200);
    let select =
        shown.body.split("<select name=\"noise\">").nth(1).unwrap().split("</select>").next().unwrap();
    assert!(select.contains(&format!("value=\"{noise}\" selected")), "{select}");
    assert!(select.contains("<option value=\"\">none</option>"), "{select}");
    let told = format!("<td>± {:.1} %</td>", of(&command) * 100.0);
    assert!(shown.body.contains(&told), "{told}: {}", shown.body);
    let unknown = get(&at, &format!("/compare?before={before}&after={after}&noise=zzz"));
    assert!(unknown.body.contains("there is no run zzz"), "{}", unknown.body);
    controller.signal(Signal::INT);
    assert_eq!(controller.end().code, Some(0));
}
