//! What the report claims against what the target counted.

use crate::cluster::{Cluster, turn};
use crate::targets::{arrivals_of, demo};
use common::report::Judgment;

#[test]
fn the_target_counts_exactly_what_three_agents_report() {
    let _turn = turn();
    let demo = demo();
    // Whatever the machine does, nothing may be skipped: exactness is not speed.
    let plan = format!(
        r#"
        name = "truth"
        max_lateness = "1m"
        drain = "1m"
        [target]
        base_url = "{}"
        identify = true
        [[scenario]]
        name = "steady"
        load.rate = [ {{ at = "2000/s", for = "5s" }} ]
        step = [ {{ path = "/" }} ]
        [[scenario]]
        name = "ramp"
        load.rate = [ {{ from = "0/s", to = "3000/s", for = "5s" }} ]
        step = [ {{ path = "/bytes/64" }} ]
        "#,
        demo.url()
    );
    let run = Cluster::start(&plan, 3, false).end();
    let (stats, records) = (demo.stats(), demo.recorded());
    for (scenario, route, planned) in [("steady", "GET /", 10_000), ("ramp", "GET /bytes/{n}", 7_500)] {
        let entry = &run.report.ledger[scenario];
        let counts = [entry.planned, entry.started, entry.finished, stats.route_total(route)];
        assert_eq!(counts, [planned; 4], "{scenario}: planned, started, finished, counted by the target");
        assert_eq!(run.series(scenario).outcomes["ok"], planned, "{scenario}");
        let every: Vec<u64> = (0..planned).collect();
        assert_eq!(arrivals_of(&records, scenario), every, "{scenario}: each arrival once");
    }
    assert_eq!((stats.total, stats.unrecorded), (17_500, 0));
    assert!(run.report.imbalances.is_empty(), "{:?}", run.report.imbalances);
    let result = run.report.verdict.result;
    assert!(result <= Judgment::GeneratorLimited, "{result:?}: {:?}", run.report.verdict.reasons);
    assert_eq!(run.report.agents.iter().map(|agent| agent.started).sum::<u64>(), 17_500);
}
