//! The evidence, brought into one form: everything on one clock, every arrival with its due time and its owner.

use crate::evidence::Evidence;
use crate::evidence::store::{Kind, StoredDelta};
use crate::ownership::Ownership;
use common::arrivals::{Timetable, timetables};
use common::delta::Delta;
use common::lane::LaneSet;
use common::measured::Tally;
use common::series::series_of;
use common::time::RunTime;
use std::collections::BTreeMap;

/// What the rules look at.
pub(super) struct Case<'a> {
    pub(super) evidence: &'a Evidence,
    /// By scenario: every planned arrival with its due time.
    pub(super) plan: Vec<BTreeMap<u64, RunTime>>,
    /// The arrivals that came, in the order of the record.
    pub(super) hits: Vec<Hit>,
    /// What could not be understood.
    pub(super) unreadable: Vec<String>,
    /// What the store tells; `None` without one.
    pub(super) store: Option<Books>,
}

/// An arrival that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) scenario: usize,
    pub(super) k: u64,
    /// On the boot-time clock.
    pub(super) at_ns: u64,
    /// `None`: it is in no plan.
    pub(super) due: Option<RunTime>,
    /// `None`: nobody's, or there is no store.
    pub(super) owner: Option<u64>,
}

/// What the store tells.
pub(super) struct Books {
    /// Run time zero on the boot-time clock.
    pub(super) zero_ns: Option<u64>,
    pub(super) sessions: BTreeMap<u64, Session>,
    /// By scenario: arrivals of nobody.
    pub(super) unowned: Vec<u64>,
    /// Nothing due from here on is fired; `MAX`: the load was not stopped.
    pub(super) stopped: RunTime,
}

/// One agent process.
#[derive(Default)]
pub(super) struct Session {
    pub(super) name: String,
    pub(super) instance: String,
    /// By scenario: arrivals that were its own.
    pub(super) owned: Vec<u64>,
    /// Its deltas with the numbers under which they are stored.
    pub(super) deltas: Vec<(u64, u64, Delta)>,
    /// It has told everything.
    pub(super) finished: bool,
    /// Its lease was ever over.
    pub(super) expired: bool,
    /// Why its books are not trusted any more.
    pub(super) broken: Option<String>,
    /// Stretches of boot time in which it must not fire, rising.
    pub(super) silent: Vec<Silence>,
}

/// From when until when a session must not fire, on the boot-time clock; `until` is `u64::MAX` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) from_ns: u64,
    pub(super) until_ns: u64,
}

impl<'a> Case<'a> {
    /// Brings the evidence into form; the error is what makes every rule meaningless.
    pub(super) fn of(evidence: &'a Evidence) -> Result<Self, String> {
        let plan = schedule(evidence)?;
        let ownership = evidence.store.as_ref().map(|store| Ownership::of(&store.events));
        let mut case = Self { evidence, plan, hits: Vec::new(), unreadable: Vec::new(), store: None };
        case.read_rows(ownership.as_ref());
        case.store = case.books(ownership.as_ref());
        Ok(case)
    }

    /// The name of an arrival as the record has it.
    pub(super) fn name(&self, hit: &Hit) -> String {
        format!("{}:{}", self.scenario(hit.scenario), hit.k)
    }

    pub(super) fn scenario(&self, number: usize) -> &str {
        &self.evidence.plan.scenarios[number].name
    }

    /// By owner and scenario: how many arrivals came.
    pub(super) fn came(&self) -> BTreeMap<(u64, usize), u64> {
        let mut came = BTreeMap::new();
        for hit in &self.hits {
            if let Some(owner) = hit.owner {
                *came.entry((owner, hit.scenario)).or_default() += 1;
            }
        }
        came
    }

    fn read_rows(&mut self, ownership: Option<&Ownership>) {
        let names = self.evidence.plan.scenarios.iter().enumerate();
        let names: BTreeMap<&str, usize> = names.map(|(number, own)| (&*own.name, number)).collect();
        for row in &self.evidence.rows {
            let read = row.arrival.rsplit_once(':').and_then(|(scenario, k)| {
                Some((
                    *names.get(scenario)?,
                    k.parse::<u64>().ok().filter(|_| k.bytes().all(|b| b.is_ascii_digit()))?,
                ))
            });
            let Some((scenario, k)) = read else {
                self.unreadable.push(format!("a request came with the arrival {:?}", row.arrival));
                continue;
            };
            let due = self.plan[scenario].get(&k).copied();
            let owner = due.zip(ownership).and_then(|(due, ownership)| ownership.owner(k, due));
            let at_ns = self.evidence.notes.clock.boot_of(row.unix_ns);
            self.hits.push(Hit { scenario, k, at_ns, due, owner });
        }
    }

    fn books(&mut self, ownership: Option<&Ownership>) -> Option<Books> {
        let (store, ownership) = (self.evidence.store.as_ref()?, ownership?);
        let scenarios = self.plan.len();
        let mut books = Books::of(scenarios);
        for event in &store.events {
            match &event.kind {
                Kind::Opened(opened) => {
                    let session = books.session(opened.session, scenarios);
                    (session.name, session.instance) = (opened.name.clone(), opened.instance.clone());
                }
                Kind::Started { zero_at_ns } => books.zero_ns = Some(*zero_at_ns),
                Kind::Stopped(from) => books.stopped = books.stopped.min(*from),
                Kind::Broken(session, why) => {
                    books.session(*session, scenarios).broken = Some(why.clone());
                }
                Kind::Expired { session, from } => {
                    let from_ns = books.zero_ns.unwrap_or_default().saturating_add(from.nanos());
                    let session = books.session(*session, scenarios);
                    session.expired = true;
                    session.fall_silent(from_ns);
                }
                Kind::Finished(session) => books.session(*session, scenarios).fall_silent(event.at_ns),
                Kind::Returned(session) => books.session(*session, scenarios).speak(event.at_ns),
                _ => {}
            }
        }
        for (scenario, plan) in self.plan.iter().enumerate() {
            for (k, due) in plan {
                match ownership.owner(*k, *due) {
                    Some(session) => books.session(session, scenarios).owned[scenario] += 1,
                    None => books.unowned[scenario] += 1,
                }
            }
        }
        for (session, deltas) in &store.deltas {
            self.read_deltas(*session, deltas, books.session(*session, scenarios));
        }
        Some(books)
    }

    fn read_deltas(&mut self, number: u64, stored: &[StoredDelta], session: &mut Session) {
        let series = series_of(&self.evidence.plan).len();
        for delta in stored {
            match proto::delta::from_wire(&delta.message, self.plan.len(), series) {
                Ok((_, read)) => {
                    session.finished |= read.fin;
                    session.deltas.push((delta.seq, delta.merged, read));
                }
                Err(why) => self.unreadable.push(format!("delta {} of session {number}: {why}", delta.seq)),
            }
        }
    }
}

impl Books {
    fn of(scenarios: usize) -> Self {
        let (sessions, unowned) = (BTreeMap::new(), vec![0; scenarios]);
        Self { zero_ns: None, sessions, unowned, stopped: RunTime::MAX }
    }

    fn session(&mut self, session: u64, scenarios: usize) -> &mut Session {
        let empty = || Session { owned: vec![0; scenarios], ..Session::default() };
        self.sessions.entry(session).or_insert_with(empty)
    }
}

impl Session {
    /// The name for people.
    pub(super) fn told(&self, number: u64) -> String {
        let name = if self.name.is_empty() { "without a name" } else { &self.name };
        format!("{name} (session {number:#x})")
    }

    /// What became of its arrivals of a scenario, as far as it told.
    pub(super) fn tally(&self, scenario: usize) -> Tally {
        let parts = self.deltas.iter().filter_map(|(.., delta)| delta.measured.tallies.get(scenario));
        parts.fold(Tally::default(), |sum, part| sum.plus(part).unwrap_or(sum))
    }

    /// What was its own and what it has not started, where it was cut off and says that it is through: it had no
    /// lease for it.
    pub(super) fn without_lease(&self, scenario: usize) -> u64 {
        let left = self.owned[scenario].saturating_sub(self.tally(scenario).resolved());
        if self.finished && self.expired { left } else { 0 }
    }

    fn fall_silent(&mut self, from_ns: u64) {
        if self.silent.last().is_none_or(|last| last.until_ns < u64::MAX) {
            self.silent.push(Silence { from_ns, until_ns: u64::MAX });
        }
    }

    fn speak(&mut self, until_ns: u64) {
        if let Some(last) = self.silent.last_mut() {
            last.until_ns = last.until_ns.min(until_ns);
        }
    }
}

/// By scenario: every planned arrival with its due time, under the changes of the schedule that were made.
fn schedule(evidence: &Evidence) -> Result<Vec<BTreeMap<u64, RunTime>>, String> {
    let events = evidence.store.iter().flat_map(|store| &store.events);
    let revisions = events.filter_map(|event| match event.kind {
        Kind::Revised(revision) => Some(revision),
        _ => None,
    });
    let timetables = timetables(&evidence.plan, &revisions.collect::<Vec<_>>());
    let timetables = timetables.map_err(|error| format!("compile the plan: {error}"))?;
    let arrivals = |timetable: Timetable| {
        timetable.cursor(&LaneSet::all(), RunTime::ZERO).map(|due| (due.k, due.at)).collect()
    };
    Ok(timetables.into_iter().map(arrivals).collect())
}
