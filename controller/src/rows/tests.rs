use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    rows: Rows,
}

const NAMES: &str = "scenario,step,arrival,agent,status,outcome,response_time_us\n";

/// A folder with the rows of two agents; the second was killed while it wrote a frame.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let frame = |text: String| zstd::bulk::compress(text.as_bytes(), 1).unwrap();
    let mut first = frame(format!("{NAMES}browse,\"GET /a, b\",0,a1,200,ok,1000\n"));
    first.extend(frame(
        "browse,\"GET /a, b\",2,a1,503,unexpected_status,9000\nindex,POST /,1,a1,404,unexpected_status,500\n"
            .into(),
    ));
    std::fs::write(folder.path().join("a1.csv.zst"), first).unwrap();
    let mut second =
        frame(format!("{NAMES}browse,\"GET /a, b\",1,a2,200,ok,2000\nindex,POST /,0,a2,,timeout,5000\n"));
    let cut = frame("browse,\"GET /a, b\",3,a2,200,ok,1\n".repeat(1_000));
    second.extend(&cut[..cut.len() / 2]);
    std::fs::write(folder.path().join("a2.csv.zst"), second).unwrap();
    folder
}

fn rows(flags: &[&str]) -> String {
    let folder = folder();
    let line = ["rows", folder.path().to_str().unwrap()].into_iter().chain(flags.iter().copied());
    let mut out = Vec::new();
    Line::try_parse_from(line).unwrap().rows.run(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The arrivals of the rows that are printed.
fn arrivals(flags: &[&str]) -> Vec<String> {
    let text = rows(flags);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    rows.records().map(|row| row.unwrap()).map(|row| format!("{}:{}", &row[3], &row[2])).collect()
}

#[test]
fn rows_are_those_that_are_asked_for_and_a_killed_agent_s_whole_ones_are_there() {
    for (flags, expected, why) in [
        (&[][..], &["a1:0", "a1:2", "a1:1", "a2:1", "a2:0"][..], "all that are whole"),
        (&["--status", "5xx,404"], &["a1:2", "a1:1"], "a hundred of statuses and one"),
        (&["--status", "none"], &["a2:0"], "no answer"),
        (&["--outcome", "timeout,ok"], &["a1:0", "a2:1", "a2:0"], "outcomes"),
        (&["--scenario", "index", "--agent", "a1"], &["a1:1"], "both must hold"),
        (&["--step", "GET /a, b", "--status", "200"], &["a1:0", "a2:1"], "a step with a comma"),
        (&["--slowest", "2"], &["a1:2", "a2:0"], "the slowest, the slowest first"),
        (&["--slowest", "2", "--agent", "a2"], &["a2:0", "a2:1"], "of those that are asked for"),
    ] {
        assert_eq!(arrivals(flags), expected, "{why}");
    }
}

#[test]
fn counts_are_by_step_status_and_outcome() {
    assert_eq!(
        rows(&["--counts"]),
        "scenario,step,status,outcome,requests\n\
         browse,\"GET /a, b\",200,ok,2\n\
         browse,\"GET /a, b\",503,unexpected_status,1\n\
         index,POST /,,timeout,1\n\
         index,POST /,404,unexpected_status,1\n"
    );
}

#[test]
fn json_has_numbers_and_nulls() {
    let text = rows(&["--status", "none", "--format", "json"]);
    let row: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(row["status"], serde_json::Value::Null);
    assert_eq!(row["response_time_us"], 5_000);
    assert_eq!(row["step"], "POST /");
}

#[test]
fn what_is_not_there_is_told_with_the_remedy() {
    let told = |of: &str| {
        let line = Line::try_parse_from(["rows", of]).unwrap();
        line.rows.run(&mut Vec::new()).unwrap_err().message
    };
    assert!(told("no-such-run").contains("--data-dir"));
    let empty = tempfile::tempdir().unwrap();
    assert!(told(empty.path().to_str().unwrap()).contains("start --rows"));
    assert!(Line::try_parse_from(["rows", "x", "--status", "6x"]).is_err());
}
