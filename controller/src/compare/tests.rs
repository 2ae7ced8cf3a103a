use super::*;
use crate::chronicle::Happened;
use crate::journal::{Journal, Record};
use crate::store::Store;
use common::delta::Outbox;
use common::lane::LaneSet;
use common::outcome::Outcome;
use common::owners::Owned;
use common::plan::Plan;
use common::time::RunTime;
use prost::Message;
use proto::delta::{Origin, to_wire};

const SESSION: u64 = 1 << 32 | 1;
const PLAN: &str = "name = \"shop\"\n[target]\nbase_url = \"http://127.0.0.1\"\n[[scenario]]\nname = \"s\"\n\
                    load.rate = [{ at = \"20/s\", for = \"40s\" }]\n[[scenario.step]]\nname = \"buy\"\npath = \"/\"\n";

/// Keeps a run in which every second had 20 answers, each `scale` times as slow as in the other runs.
fn keep(folder: &Path, run_id: &str, scale: u64) {
    let mut store = Store::open(folder, false).unwrap();
    let [id, name, plan] = [run_id, "shop", PLAN].map(str::to_owned);
    store.append(Record::Run { run_id: id.clone(), name, plan, created_at: "2026-01-01T00:00:00Z".into() });
    let event = |happened: Happened| Record::Event {
        run_id: id.clone(),
        at_ns: 1,
        kind: happened.kind(),
        body: happened.body(),
    };
    let [name, instance] = ["anna", "i"].map(str::to_owned);
    let (owner, from, to) = (Some(SESSION), RunTime::ZERO, RunTime::MAX);
    store.append(event(Happened::Opened { session: SESSION, name, instance, weight: 1, max_rate_milli: 0 }));
    store.append(event(Happened::owned(&Owned { epoch: 1, owner, from, to, lanes: LaneSet::all() })));
    store.append(event(Happened::Started { zero_at_ns: 5 }));
    let body = delta(run_id, scale).encode_to_vec();
    store.append(Record::Delta { run_id: id.clone(), session: SESSION, seq: 1, body });
    let (how, duration_ns) = ("completed".to_owned(), 40_000_000_000);
    store.append(event(Happened::Ended { how, why: String::new(), duration_ns }));
    drop(store);
    let saved = Archive::open(folder).unwrap().load(run_id).unwrap().unwrap();
    let report = serde_json::to_string(&runs::rebuild(&saved).unwrap()).unwrap();
    Store::open(folder, false).unwrap().append(Record::Report { run_id: id, report });
}

fn delta(run_id: &str, scale: u64) -> proto::v1::Delta {
    let mut measured = Measured::for_plan(&Plan::parse("t", PLAN).unwrap());
    (measured.tallies[0].started, measured.tallies[0].finished) = (800, 800);
    let series = &mut measured.series[0];
    series.outcomes[Outcome::Ok.index()] = 800;
    for second in 0..40 {
        let bucket = series.timeline.at(RunTime::from_nanos(second * 1_000_000_000));
        (bucket.started, bucket.finished) = (20, 20);
        (0..20).for_each(|n| bucket.response_time.record(scale * (1_000 + 10 * n + second % 7)));
    }
    let mut outbox = Outbox::new(measured.take(), usize::MAX);
    let origin = Origin { session_id: SESSION, controller_epoch: 1, run_id: run_id.into() };
    to_wire(&origin, &outbox.seal(1, true).unwrap().unwrap())
}

#[test]
fn what_became_slower_breaks_its_rule_and_equal_runs_do_not() {
    let folder = tempfile::tempdir().unwrap();
    for (run, scale) in [("aaa", 10), ("bbb", 10), ("ccc", 13)] {
        keep(folder.path(), run, scale);
    }
    let rules: Vec<Rule> = ["p95 > +10%", "s.mean > +50%"].map(|rule| rule.parse().unwrap()).into();
    let compared = |after, noise: &[String]| {
        compare(folder.path(), &Runs { before: "a", after, noise })
            .unwrap_or_else(|failure| panic!("{failure:?}"))
    };
    let equal = compared("bbb", &[]);
    assert!(equal.steps[0].changes.iter().all(|change| !change.is_clear()), "{equal:?}");
    assert_eq!(breaches(&equal, &rules), Vec::<String>::new());
    let slower = compared("ccc", &[]);
    assert_eq!(breaches(&slower, &rules), ["p95 > +10%: s / buy p95 +30.0 % (+30.0 % … +30.0 %)"]);
    let text = compared::render(&slower, 100, false);
    assert!(text.contains("s / buy") && text.contains("worse"), "{text}");
    let noisy = compared("ccc", &["ccc".to_owned()]);
    assert_eq!(breaches(&noisy, &rules), Vec::<String>::new(), "equal runs differ as much");
    assert!(compared::render(&noisy, 100, false).contains("within the noise"));
    let unknown = compare(folder.path(), &Runs { before: "aaa", after: "zzz", noise: &[] }).unwrap_err();
    assert!(unknown.message.contains("there is no run zzz"), "{}", unknown.message);
}
