//! Logs of every kind become tapes that give back what they held.

use super::{Summary, index};
use common::lane::LANES;
use common::log::Reject;
use common::plan::{Load, Plan, ReplayLoad};
use common::tape::{Tape, lane_of_client};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;

fn load(keys: &str) -> ReplayLoad {
    let plan = format!(
        "name = \"x\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n[scenario.load.replay]\n{keys}\n"
    );
    let plan = Plan::parse("plan.toml", &plan).unwrap_or_else(|problems| panic!("{problems}"));
    let Load::Replay(load) = &plan.scenarios[0].load else { panic!("a replay") };
    *load.clone()
}

fn line(client: &str, second: u64, request: &str, status: u16) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        "{client} - - [20/Nov/2026:10:{minute:02}:{second:02} +0000] \"{request} HTTP/1.1\" {status} 5 \"-\" \"x\"\n"
    )
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// What the index pass saw, and the entries of the tape in their order: milliseconds, series, path.
/// When, whose, what.
type Entries = Vec<(u64, String, String)>;

fn pass(folder: &Path, keys: &str) -> Result<(Summary, Entries), String> {
    let indexed = index(&load(keys), folder, &folder.join("tapes"))?;
    let tape = super::open(&indexed.path).unwrap();
    let (mut entries, mut bytes) = (vec![], vec![]);
    for lane in 0..LANES {
        for place in 0..tape.in_lane(lane) {
            let k = place * u64::from(LANES) + u64::from(lane);
            let mark = tape.mark(k).unwrap();
            let record = tape.record(k, &mut bytes).unwrap();
            let series = tape.series(record.template).map(usize::from);
            let series = series.map_or("other", |place| indexed.summary.series[place].0.as_str());
            entries.push((mark.number, (mark.at / 1_000_000, series.to_owned(), record.path.to_owned())));
        }
    }
    entries.sort();
    Ok((indexed.summary, entries.into_iter().map(|(_, entry)| entry).collect()))
}

fn order(entries: &[(u64, String, String)]) -> String {
    entries.iter().map(|(at, _, path)| format!("{at}{path}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn seconds_are_spread_and_latecomers_put_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        [("a", 0, "/1"), ("b", 2, "/4"), ("a", 1, "/2"), ("b", 2, "/5"), ("a", 1, "/3"), ("a", 3, "/6")];
    let text: String = lines.map(|(client, at, path)| line(client, at, &format!("GET {path}"), 200)).concat();
    std::fs::write(folder.path().join("log"), text).unwrap();
    let (summary, entries) = pass(folder.path(), "log = \"log\"").unwrap();
    assert_eq!(order(&entries), "0/1 1000/2 1500/3 2000/4 2500/5 3000/6");
    assert_eq!((summary.kept, summary.misplaced, summary.spread, summary.span), (6, 0, true, 3_000_000_000));
    assert_eq!(summary.series, [("GET /{id}".to_owned(), 6)]);
}

#[test]
fn files_are_merged_by_time_whatever_they_are_called_and_packed() {
    let folder = tempfile::tempdir().unwrap();
    let of = |seconds: &[u64], name: &str| -> String {
        seconds.iter().map(|at| line("a", *at, &format!("GET /{name}"), 200)).collect()
    };
    // Two gzip members in one file, and two servers that wrote at the same time.
    let packed = [gzip(&of(&[0, 1], "a")), gzip(&of(&[2], "a"))].concat();
    std::fs::write(folder.path().join("log.2.gz"), packed).unwrap();
    std::fs::write(folder.path().join("log.1"), of(&[5, 9], "b")).unwrap();
    std::fs::write(folder.path().join("log.0"), of(&[4, 7, 12], "c")).unwrap();
    let (summary, entries) = pass(folder.path(), "log = \"log.*\"").unwrap();
    assert_eq!(order(&entries), "0/a 1000/a 2000/a 4000/c 5000/b 7000/c 9000/b 12000/c");
    assert_eq!((summary.lines, summary.misplaced), (8, 0));
}

#[test]
fn what_is_not_wanted_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (request, status) in [
        ("GET /api/7", 200),
        ("GET /api/8?x=1", 404),
        ("GET /api/health", 200),
        ("POST /api/7", 201),
        ("DELETE /api/7", 204),
        ("GET /other", 200),
        ("GET /api/9", 500),
        ("BREW /api/pot", 418),
    ] {
        text += &line("a", 1, request, status);
    }
    text += "rubbish\n\n";
    text += &"x".repeat((1 << 20) + 5);
    text += "\nrubbish again";
    std::fs::write(folder.path().join("log"), text).unwrap();
    let filters = "log = \"log\"\npaths = [\"/api/*\", \"!/api/health\"]\nstatus = [\"2xx\", \"404\"]";
    let (summary, entries) = pass(folder.path(), filters).unwrap();
    let paths: Vec<&str> = entries.iter().map(|(.., path)| path.as_str()).collect();
    assert_eq!(paths, ["/api/7", "/api/8?x=1"]);
    assert_eq!((summary.lines, summary.filtered, summary.left_out_unsafe), (11, 3, 2));
    let rejected: Vec<(Reject, u64)> = summary.rejected.iter().map(|(why, own)| (*why, own.count)).collect();
    assert_eq!(rejected, [(Reject::Layout, 2), (Reject::Method, 1), (Reject::Long, 1)]);
    let example = ("log:9".to_owned(), "rubbish".to_owned());
    assert_eq!(summary.rejected[&Reject::Layout].examples[0], example);
    let (summary, _) = pass(folder.path(), &format!("{filters}\nunsafe_methods = true")).unwrap();
    assert_eq!((summary.kept, summary.left_out_unsafe), (4, 0));
    let (summary, _) = pass(folder.path(), "log = \"log\"\nmethods = [\"GET\"]").unwrap();
    assert_eq!(summary.kept, 5);
}

#[test]
fn a_client_has_one_lane_and_the_rarest_templates_share_a_series() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for n in 0..150_u32 {
        let letters = [n / 26, n % 26].map(|n| char::from(b'a' + u8::try_from(n).unwrap()));
        for _ in 0..if n == 149 { 3 } else { 1 } {
            text += &line("10.0.0.1", 1, &format!("GET /{}{}", letters[0], letters[1]), 200);
        }
    }
    std::fs::write(folder.path().join("log"), text).unwrap();
    let (summary, entries) = pass(folder.path(), "log = \"log\"").unwrap();
    assert_eq!((summary.series.len(), summary.other, summary.fullest_lane), (100, 50, 152));
    assert_eq!(summary.series[0], ("GET /ft".to_owned(), 3));
    assert_eq!(entries.iter().filter(|(_, series, _)| series == "other").count(), 50);
    let tape = std::fs::read_dir(folder.path().join("tapes")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(super::open(&tape).unwrap().in_lane(lane_of_client(b"10.0.0.1")), 152);
}

#[test]
fn a_log_that_cannot_be_replayed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), "what is this\n").unwrap();
    std::fs::write(folder.path().join("cut.gz"), &gzip(&line("a", 1, "GET /", 200))[..30]).unwrap();
    for (keys, message) in [
        ("log = \"none\"", "there is no such file"),
        ("log = \"none*\"", "there is no such file"),
        ("log = \"[\"", "read log ["),
        ("log = \"log\"", "not laid out as the format says"),
        ("log = \"cut.gz\"", "read cut.gz:1"),
    ] {
        let why = pass(folder.path(), keys).unwrap_err();
        assert!(why.contains(message), "{keys}: {why}");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path().join("tapes")).map(Iterator::collect).unwrap_or_default();
    assert!(left.is_empty(), "half a tape is left: {left:?}");
}

#[test]
fn a_tape_that_was_damaged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), line("a", 1, "GET /", 200)).unwrap();
    let indexed = index(&load("log = \"log\""), folder.path(), folder.path()).unwrap();
    let bytes = std::fs::read(&indexed.path).unwrap();
    std::fs::write(&indexed.path, &bytes[..bytes.len() - 1]).unwrap();
    let refused: Result<Tape, String> = super::open(&indexed.path);
    assert!(refused.unwrap_err().contains("tape"));
}

#[test]
fn a_tape_goes_when_no_plan_names_it_and_nobody_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), line("10.0.0.1", 0, "GET /", 200)).unwrap();
    let tapes = folder.path().join("tapes");
    let make = || index(&load("log = \"log\""), folder.path(), &tapes).unwrap();
    let made = make();
    let plan = || format!("tape = \"{}\"", common::plan::Reel::hex(&made.hash));
    let stays = |plans: Vec<String>| {
        super::sweep(&tapes, || Ok(plans)).unwrap();
        made.path.is_file()
    };
    assert!(stays(vec!["tape = \"another\"".into(), plan()]), "a run that is kept may need it");
    let open = super::open(&made.path).unwrap();
    assert!(stays(vec![]), "a run that waits has it open");
    // The same log is made into a tape once more: it is the one that is held.
    make();
    let again = super::open(&made.path).unwrap();
    drop(open);
    assert!(stays(vec![]), "another one has it open");
    drop(again);
    let making = super::shelf::hold(&tapes).unwrap();
    assert!(stays(vec![]), "a run that is being started will open it");
    drop(making);
    assert!(!stays(vec![]) && std::fs::read_dir(&tapes).unwrap().count() == 1, "the lock is left");
}

#[test]
fn a_tape_that_is_there_is_not_replaced() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), line("10.0.0.1", 0, "GET /", 200)).unwrap();
    let tapes = folder.path().join("tapes");
    let make = || index(&load("log = \"log\""), folder.path(), &tapes).unwrap().path;
    let file = |path: &Path| std::fs::metadata(path).unwrap().ino();
    let first = file(&make());
    assert_eq!(file(&make()), first, "whoever has it open has this one");
    assert_eq!(std::fs::read_dir(&tapes).unwrap().count(), 1, "nothing else is left");
}
