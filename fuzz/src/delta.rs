//! Deltas of agents: bounded, applied once, comparable with what they came from, and a report can be made of them.

use crate::frames;
use common::delta::{Inbox, Receipt};
use common::measured::Measured;
use common::plan::Plan;
use common::report::{AgentEvidence, Evidence, Report};
use common::run::Ending;
use proto::delta::{add_series, check, from_wire, head, to_wire};
use proto::v1;
use std::sync::LazyLock;
use std::time::Duration;

/// Deltas, each with its length in front; those with an even session number are one agent's, the others another's.
pub fn run(data: &[u8]) {
    let mut books = Books::new();
    for message in frames::messages::<v1::Delta>(data) {
        if !books.take(&message) {
            return;
        }
    }
    if books.inboxes.iter().any(|inbox| inbox.last_applied() > 0) {
        books.report();
    }
}

/// What a controller keeps, made simple: two agents.
struct Books {
    totals: Measured,
    inboxes: [Inbox; 2],
}

impl Books {
    fn new() -> Self {
        let inbox = Inbox::new(PLAN.scenarios.len());
        Self { totals: Measured::for_plan(&PLAN), inboxes: [inbox.clone(), inbox] }
    }

    /// Says whether the run can go on: a sum that is too large ends it.
    fn take(&mut self, message: &v1::Delta) -> bool {
        let (scenarios, series) = (PLAN.scenarios.len(), self.totals.series.len());
        let (origin, whole) = match from_wire(message, scenarios, series) {
            Ok(read) => read,
            Err(why) => {
                assert!(!why.to_string().is_empty());
                assert!(
                    head(message, scenarios).is_err() || check(message, series).is_err(),
                    "refused late: {why}"
                );
                return true;
            }
        };
        let delta = match head(message, scenarios) {
            Ok(delta) => delta,
            Err(why) => panic!("the head of what was read is refused: {why}"),
        };
        assert_eq!(check(message, series), Ok(()), "what was read is refused");
        let inbox = &mut self.inboxes[usize::from(message.session_id % 2 == 1)];
        let (last, sums) = (inbox.last_applied(), inbox.tallies().to_vec());
        match inbox.on_delta(&delta) {
            Receipt::Apply => {
                assert_eq!((inbox.last_applied(), delta.seq), (last + 1, last + 1));
                assert_eq!(inbox.on_delta(&delta), Receipt::Duplicate, "a delta counts once");
                let mut straight = self.totals.clone();
                let added =
                    straight.add(&delta.measured).is_ok() && add_series(&mut straight, message).is_ok();
                assert_eq!(
                    self.totals.add(&whole.measured).is_ok(),
                    added,
                    "one way fits, the other does not"
                );
                assert!(
                    !added || self.totals == straight,
                    "added straight from the bytes it is something else"
                );
                // What was applied can be kept in a journal and read again.
                let again = from_wire(&to_wire(&origin, &whole), scenarios, series);
                assert!(again == Ok((origin, whole)), "it does not come back as it went");
                added
            }
            receipt => {
                let kept = (inbox.last_applied(), inbox.tallies()) == (last, &*sums);
                assert!(kept, "{receipt:?} has changed the sums");
                assert_eq!(receipt == Receipt::Duplicate, delta.seq <= last);
                true
            }
        }
    }

    fn report(&self) {
        let evidence = |(name, inbox): (&str, &Inbox)| AgentEvidence {
            name: name.to_owned(),
            owned: vec![50; PLAN.scenarios.len()],
            tallies: inbox.tallies().to_vec(),
            finished: name == "even",
            ..AgentEvidence::default()
        };
        let report = Report::of(Evidence {
            plan: &PLAN,
            run_id: "r",
            started_at: "2026-01-01T00:00:00Z",
            duration: Duration::from_secs(10),
            totals: &self.totals,
            planned: &[100, 100],
            planned_timeline: &[vec![10; 10], vec![10; 10]],
            unowned: &[0, 0],
            stopped: None,
            agents: &["even", "odd"].into_iter().zip(&self.inboxes).map(evidence).collect::<Vec<_>>(),
            faults: &[],
            revisions: &[],
            windows: &[],
            ending: Ending::Completed,
            warnings: vec![],
        });
        let json = serde_json::to_string(&report).unwrap_or_default();
        match serde_json::from_str::<Report>(&json) {
            Ok(read) => assert!(read == report, "it does not survive its JSON: {json}"),
            Err(why) => panic!("the report's JSON cannot be read: {why}"),
        }
    }
}

/// Two scenarios, and rules that look at every sum.
pub(crate) static PLAN: LazyLock<Plan> = LazyLock::new(|| match Plan::parse("plan.toml", PLAN_TEXT) {
    Ok(plan) => plan,
    Err(problems) => panic!("{problems}"),
});

pub(crate) const PLAN_TEXT: &str = r#"
name = "fuzz"
[target]
base_url = "http://127.0.0.1:8080"
[[scenario]]
name = "even"
load.rate = [ { from = "0/s", to = "20/s", for = "5s" }, { at = "10/s", for = "5s" } ]
step = [ { path = "/" } ]
[[scenario]]
name = "poisson"
load.rate = [ { at = "10/s", for = "10s" } ]
load.arrivals = "poisson"
step = [ { path = "/" } ]
[[threshold]]
metric = "response_time.p99"
limit = "< 1s"
[[threshold]]
metric = "service_time.mean"
limit = "< 1s"
[[threshold]]
metric = "even.error_rate"
limit = "< 1%"
[[threshold]]
metric = "delivered"
limit = ">= 99%"
"#;
