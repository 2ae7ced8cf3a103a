//! The agents together: one stream of arrivals, one set of measured values.

use crate::cluster::{Cluster, histogram, turn};
use crate::rows::{self, Row};
use crate::targets::demo;
use common::report::Report;

#[test]
fn arrivals_of_four_agents_are_one_even_stream() {
    let _turn = turn();
    let demo = demo();
    let plan = format!(
        r#"
        name = "stream"
        max_lateness = "1m"
        [target]
        base_url = "{}"
        [[scenario]]
        name = "even"
        load.rate = [ {{ at = "1000/s", for = "3s" }} ]
        step = [ {{ path = "/" }} ]
        "#,
        demo.url()
    );
    let run = Cluster::start(&plan, 4, true).end();
    let owned =
        run.rows.iter().enumerate().flat_map(|(agent, rows)| rows.iter().map(move |row| (agent, row)));
    let mut arrivals: Vec<(usize, &Row)> = owned.collect();
    arrivals.sort_by_key(|(_, row)| row.due_ns);
    let numbers: Vec<u64> = arrivals.iter().map(|(_, row)| row.arrival).collect();
    assert_eq!(numbers, (0..3_000).collect::<Vec<u64>>(), "each arrival once, in the order of due times");
    for pair in arrivals.windows(2) {
        let [(agent, row), (next_agent, next)] = pair else { unreachable!("windows of two") };
        assert_eq!(next.due_ns - row.due_ns, 1_000_000, "after arrival {}", row.arrival);
        assert_ne!(agent, next_agent, "agents take turns, but not after arrival {}", row.arrival);
    }
}

#[test]
fn merged_equals_the_union_of_the_rows() {
    let _turn = turn();
    let demo = demo();
    let plan = format!(
        r#"
        name = "merged"
        max_lateness = "1m"
        [target]
        base_url = "{}"
        [[scenario]]
        name = "random"
        load.rate = [ {{ at = "800/s", for = "2s" }} ]
        step = [ {{ path = "/random" }} ]
        [[scenario]]
        name = "large"
        load = {{ rate = [ {{ from = "0/s", to = "200/s", for = "2s" }} ], arrivals = "poisson" }}
        step = [ {{ path = "/bytes/20000" }} ]
        "#,
        demo.url()
    );
    let run = Cluster::start(&plan, 4, true).end();
    assert_eq!(run.report.series.len(), 2);
    assert_merged(&run.report, &run.rows.concat());
}

/// What the report says of each series is what its rows say, bucket by bucket.
pub(crate) fn assert_merged(report: &Report, rows: &[Row]) {
    for series in &report.series {
        let own: Vec<&Row> = rows.iter().filter(|row| row.scenario == series.scenario).collect();
        assert_eq!(own.len() as u64, series.requests, "{}", series.scenario);
        let (response, service) = (&series.response_time, &series.service_time);
        for (summary, of) in [
            (response, (|row| row.response_time_us) as fn(&Row) -> u64),
            (service, |row| row.service_time_us),
        ] {
            let (merged, union) = (histogram(summary), rows::histogram(own.iter().copied(), of));
            assert!(merged.count() > 100);
            assert_eq!(
                merged.buckets().collect::<Vec<_>>(),
                union.buckets().collect::<Vec<_>>(),
                "{}: bucket by bucket",
                series.scenario
            );
            assert_eq!(merged, union, "{}: overflow too", series.scenario);
        }
    }
}
