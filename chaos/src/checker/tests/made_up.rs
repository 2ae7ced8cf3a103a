//! Evidence that is made up: two scenarios, two agents that take turns, every arrival answered after 2 ms.

use crate::clock::Moment;
use crate::evidence::store::{Event, Kind, Opened, Owned, Stored, StoredDelta};
use crate::evidence::told::{Agent, Entry, SeriesTold, Told};
use crate::evidence::{Evidence, Notes, Resumed, Row};
use common::arrivals::Timetable;
use common::delta::Outbox;
use common::lane::{LANES, LaneSet, lane_of};
use common::measured::Measured;
use common::outcome::Outcome;
use common::plan::Plan;
use common::report::Summary;
use common::time::RunTime;
use proto::delta::{Origin, to_wire};
use std::collections::BTreeMap;

pub(super) const SECOND: u64 = 1_000_000_000;
/// Run time zero on the boot-time clock.
pub(super) const ZERO_NS: u64 = 50 * SECOND;
const UNIX_NS: u64 = 1_700_000_000 * SECOND;
/// Each agent seals this many deltas, and the last one says so.
const DELTAS: u64 = 4;

const PLAN: &str = r#"
name = "made up"
seed = 7
[target]
base_url = "http://127.0.0.1:1"
identify = true
[[scenario]]
name = "even"
load.rate = [ { at = "100/s", for = "4s" } ]
[[scenario.step]]
path = "/"
[[scenario]]
name = "poisson"
load.rate = [ { from = "0/s", to = "50/s", for = "4s" } ]
load.arrivals = "poisson"
[[scenario.step]]
path = "/random"
"#;

/// Evidence in parts that a test may tamper with.
pub(super) struct Made {
    plan: Plan,
    pub(super) rows: Vec<Row>,
    pub(super) threads: u64,
    pub(super) resumed: Vec<Resumed>,
    events: Vec<Event>,
    deltas: BTreeMap<u64, Vec<StoredDelta>>,
    report: Told,
    pub(super) stored_report: Option<String>,
}

/// An arrival of one agent.
struct Fired {
    scenario: usize,
    due: RunTime,
    k: u64,
}

pub(super) const fn time(ns: u64) -> RunTime {
    RunTime::from_nanos(ns)
}

impl Made {
    /// A run in which nothing went wrong.
    pub(super) fn good() -> Self {
        Self::with([DELTAS, DELTAS])
    }

    /// A run of which the second agent told only a half.
    pub(super) fn lossy() -> Self {
        Self::with([DELTAS, DELTAS / 2])
    }

    /// The agents deliver so many of their deltas.
    fn with(delivered: [u64; 2]) -> Self {
        let plan = Plan::parse("made up", PLAN).unwrap();
        let mut made = Self {
            rows: Vec::new(),
            threads: 1,
            resumed: Vec::new(),
            events: Vec::new(),
            deltas: BTreeMap::new(),
            report: Told::default(),
            stored_report: None,
            plan,
        };
        made.event(ZERO_NS, Kind::Started { zero_at_ns: ZERO_NS });
        let mut totals = Measured::for_plan(&made.plan);
        for (session, delivered) in (1..).zip(delivered) {
            made.join(session, delivered, &mut totals);
        }
        made.rows.sort_by_key(|row| row.unix_ns);
        made.tell(&totals);
        made
    }

    pub(super) fn evidence(&self) -> Evidence {
        let stored_report = self.stored_report.clone();
        Evidence {
            plan: self.plan.clone(),
            rows: self.rows.clone(),
            notes: Notes {
                clock: Moment { boot_ns: 40 * SECOND, unix_ns: UNIX_NS },
                threads: self.threads,
                resumed: self.resumed.clone(),
                settled_ns: Some(ZERO_NS + 3 * SECOND),
            },
            store: Some(Stored {
                run_id: "run".into(),
                events: self.events.clone(),
                deltas: self.deltas.clone(),
                report: stored_report,
                revision: 1,
            }),
            report: Some(self.report.clone()),
        }
    }

    pub(super) fn row(&mut self, arrival: &str) -> &mut Row {
        self.rows.iter_mut().find(|row| row.arrival == arrival).unwrap()
    }

    pub(super) fn report(&mut self) -> &mut Told {
        &mut self.report
    }

    pub(super) fn deltas(&mut self, session: u64) -> &mut Vec<StoredDelta> {
        self.deltas.get_mut(&session).unwrap()
    }

    pub(super) fn event(&mut self, at_ns: u64, kind: Kind) {
        self.events.push(Event { at_ns, kind });
    }

    /// Gives lanes away; session 0 is nobody.
    pub(super) fn owned(&mut self, session: u64, from: u64, to: u64, lanes: &[u16]) {
        self.own(session, from, to, lanes.iter().copied().collect());
    }

    pub(super) fn resume(&mut self, agent: &str, boot_ns: u64) {
        self.resumed.push(Resumed { agent: agent.into(), boot_ns });
    }

    /// Unix time minus boot time.
    pub(super) fn clock_gap(&self) -> u64 {
        UNIX_NS - 40 * SECOND
    }

    /// The last rows of a session.
    pub(super) fn last_of(&self, session: u64, n: usize) -> Vec<Row> {
        let own = |row: &&Row| {
            let (_, k) = row.arrival.split_once(':').unwrap();
            u64::from(lane_of(k.parse().unwrap())) % 2 == session - 1
        };
        self.rows.iter().rev().filter(own).take(n).cloned().collect()
    }

    fn own(&mut self, session: u64, from: u64, to: u64, lanes: LaneSet) {
        let session = Some(session).filter(|session| *session > 0);
        let (from, to) = (time(from), time(to));
        self.event(0, Kind::Owned(Box::new(Owned { session, from, to, lanes })));
    }

    /// An agent that owns every other lane, fires all its arrivals and delivers some of its deltas.
    fn join(&mut self, session: u64, delivered: u64, totals: &mut Measured) {
        let lanes: LaneSet = (0..LANES).filter(|lane| u64::from(lane % 2) == session - 1).collect();
        let (name, instance) = (format!("agent-{session}"), format!("process-{session}"));
        self.event(0, Kind::Opened(Opened { session, name: name.clone(), instance: instance.clone() }));
        let fired = self.arrivals(&lanes);
        self.own(session, 0, u64::MAX, lanes);
        let mut outbox = Outbox::new(Measured::for_plan(&self.plan), 8);
        let (mut started, mut owned) = (0, 0);
        for number in 1..=DELTAS {
            let part = |one: &&Fired| one.due.nanos() / SECOND == number - 1;
            let part: Vec<&Fired> = fired.iter().filter(part).collect();
            outbox.add(&self.measure(&part)).unwrap();
            owned += part.len() as u64;
            if number > delivered {
                continue;
            }
            let sealed = outbox.seal(1, number == DELTAS).unwrap().unwrap();
            let origin = Origin { session_id: session, controller_epoch: 1, run_id: "run".into() };
            let message = to_wire(&origin, &sealed);
            self.deltas.entry(session).or_default().push(StoredDelta { seq: sealed.seq, merged: 1, message });
            started += part.len() as u64;
            totals.add(&sealed.measured).unwrap();
        }
        let unknown = Some(owned - started);
        self.report.agents.push(Agent {
            name,
            instance,
            started,
            clock_bound_us: 9,
            owned: Some(owned),
            unknown,
        });
    }

    fn arrivals(&self, lanes: &LaneSet) -> Vec<Fired> {
        let timetables = self.plan.scenarios.iter().map(|own| Timetable::of(own, self.plan.seed).unwrap());
        let arrivals = timetables.enumerate().flat_map(|(scenario, timetable)| {
            let fired = move |due: common::arrivals::Due| Fired { scenario, due: due.at, k: due.k };
            timetable.cursor(lanes, RunTime::ZERO).map(fired)
        });
        arrivals.collect()
    }

    /// What an agent measures of these arrivals; the target records them.
    fn measure(&mut self, fired: &[&Fired]) -> Measured {
        let mut measured = Measured::for_plan(&self.plan);
        for Fired { scenario, due, k } in fired {
            let (tally, series) = (&mut measured.tallies[*scenario], &mut measured.series[*scenario]);
            (tally.started, tally.finished) = (tally.started + 1, tally.finished + 1);
            series.outcomes[Outcome::Ok.index()] += 1;
            *series.status.entry(200).or_default() += 1;
            (series.bytes_in, series.bytes_out) = (series.bytes_in + 100, series.bytes_out + 90);
            series.service_time.record(2_000 + k % 50);
            series.send_lag.record(20);
            series.size.record(2);
            let bucket = series.timeline.at(*due);
            (bucket.started, bucket.finished) = (bucket.started + 1, bucket.finished + 1);
            bucket.response_time.record(2_020 + k % 50);
            let unix_ns = ZERO_NS + due.nanos() + 30_000 + self.clock_gap();
            let arrival = format!("{}:{k}", self.plan.scenarios[*scenario].name);
            self.rows.push(Row { unix_ns, arrival });
        }
        measured
    }

    /// The report of these totals.
    fn tell(&mut self, totals: &Measured) {
        (self.report.run.id, self.report.run.seed) = ("run".into(), 7);
        let plan = self.plan.clone();
        for ((scenario, tally), series) in plan.scenarios.iter().zip(&totals.tallies).zip(&totals.series) {
            let all: LaneSet = (0..LANES).collect();
            let planned =
                Timetable::of(scenario, plan.seed).unwrap().cursor(&all, RunTime::ZERO).count() as u64;
            let unknown = planned - tally.started;
            let skipped = BTreeMap::from([("late".to_owned(), 0)]);
            let (started, finished) = (tally.started, tally.finished);
            let entry = Entry { planned, started, finished, abandoned: 0, skipped, unknown };
            self.report.ledger.insert(scenario.name.clone(), entry);
            self.report.series.push(SeriesTold {
                scenario: scenario.name.clone(),
                step: scenario.steps[0].name.clone(),
                requests: started,
                status: series.status.clone(),
                outcomes: BTreeMap::from([("ok".to_owned(), started)]),
                bytes_in: series.bytes_in,
                bytes_out: series.bytes_out,
                response_time: Summary::of(&series.response_time()),
                service_time: Summary::of(&series.service_time),
                send_lag: Summary::of(&series.send_lag),
                size: Summary::of(&series.size),
                ..SeriesTold::default()
            });
        }
        self.stored_report = Some(serde_json::to_string(&self.report).unwrap());
    }
}
