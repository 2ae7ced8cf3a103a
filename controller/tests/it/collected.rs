//! `start --rows`: every agent's rows are brought together, and nothing of them is lost without a word.

use crate::cluster::{Cluster, agent, turn};
use crate::programs::Program;
use crate::rows;
use crate::stream::assert_merged;
use crate::targets::demo;

fn plan(url: &str) -> String {
    format!(
        r#"
        name = "collected"
        max_lateness = "1m"
        drain = "2s"
        [target]
        base_url = "{url}"
        [[scenario]]
        name = "random"
        load.rate = [ {{ at = "600/s", for = "2s" }} ]
        step = [ {{ path = "/random" }} ]
        [[scenario]]
        name = "missing"
        load.rate = [ {{ at = "100/s", for = "2s" }} ]
        step = [ {{ path = "/status/404" }} ]
        "#
    )
}

#[test]
fn rows_of_three_agents_come_together_and_are_what_the_histograms_were_made_from() {
    let _turn = turn();
    let demo = demo();
    let mut cluster = Cluster::controller(&plan(&demo.url()), &["--agents", "3", "--rows"]);
    let address = cluster.address();
    for name in ["a1", "a2", "a3"] {
        cluster.agents.push(agent(&address, name, &["--once", "--threads", "1"]));
    }
    let (run, folder) = cluster.end_keeping();
    let kept = run.report.rows.clone().unwrap();
    let names: Vec<_> = kept.files.iter().map(|file| file.file.as_deref().unwrap_or("none")).collect();
    assert_eq!(names, ["a1.csv.zst", "a2.csv.zst", "a3.csv.zst"], "{kept:?}");
    assert!(kept.files.iter().all(|file| file.dropped == 0 && file.problem.is_none()), "{kept:?}");
    let rows_folder = folder.path().join("out/rows");
    let all = rows::read(&rows_folder);
    assert_eq!(all.len() as u64, kept.rows());
    assert_merged(&run.report, &all);
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let of_this_run = |name: &std::ffi::OsString| name.to_string_lossy().contains(&run.report.run.id);
    assert_eq!(left.filter(of_this_run).count(), 0, "the agents keep none");
    // The status codes of the whole run: one command.
    let counts =
        Program::controller(&["rows", rows_folder.to_str().unwrap(), "--counts", "--scenario", "missing"])
            .end();
    assert_eq!(
        counts.stdout,
        "scenario,step,status,outcome,requests\nmissing,GET /status/{id},404,unexpected_status,200\n"
    );
}

#[test]
fn rows_of_a_run_that_is_kept_are_beside_it_and_found_by_its_id() {
    let demo = demo();
    let _turn = turn();
    let (run, folder) = Cluster::lasting(&plan(&demo.url()), &["a1"], &["--rows"]).end_keeping();
    let data = folder.path().join("data");
    let id = &run.report.run.id;
    assert!(data.join("runs").join(id).join("rows/a1.csv.zst").is_file());
    let flags = ["rows", id, "--data-dir", data.to_str().unwrap(), "--slowest", "3", "--format", "json"];
    let printed = Program::controller(&flags).end();
    assert_eq!(printed.stdout.lines().count(), 3, "{}", printed.stderr);
}

#[test]
fn rows_of_a_killed_agent_are_readable_and_the_report_says_that_they_did_not_come() {
    let _turn = turn();
    let demo = demo();
    let plan = plan(&demo.url()).replace("\"2s\"", "\"6s\"");
    let mut cluster = Cluster::controller(&plan, &["--agents", "2", "--rows"]);
    let address = cluster.address();
    let own = cluster.rows(1);
    cluster.agents.push(agent(&address, "a1", &["--once", "--threads", "1", "--rows", &own]));
    cluster.agents.push(agent(&address, "a2", &["--once", "--threads", "1"]));
    let file = loop {
        let file =
            std::fs::read_dir(&own).ok().and_then(|mut files| files.next()).map(|file| file.unwrap().path());
        // The names of the columns alone are less than this.
        if let Some(file) = file.filter(|file| file.metadata().unwrap().len() > 2_000) {
            break file;
        }
        std::thread::yield_now();
    };
    cluster.agents[0].kill();
    let written = rows::parse(&file);
    assert!(written.len() > 10, "{} rows", written.len());
    let (run, _folder) = cluster.end_keeping();
    let kept = run.report.rows.unwrap();
    let [killed, other] = &kept.files[..] else { panic!("{kept:?}") };
    assert!(killed.file.is_none() && killed.problem.is_some() && other.file.is_some(), "{kept:?}");
    let told = |warning: &String| warning.starts_with("the rows of agent a1 were not collected");
    assert!(run.report.warnings.iter().any(told), "{:?}", run.report.warnings);
}

#[test]
fn rows_need_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan("http://127.0.0.1:9")).unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--rows"];
    let flags = [&["start", "--plan", path.to_str().unwrap()], &listen[..]].concat();
    let ended = Program::controller(&flags).end();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--data-dir DIR, or --out DIR"), "{}", ended.stderr);
}
