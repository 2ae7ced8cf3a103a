//! Who sends: the users of closed loads and the iterations of open ones, and the cookies that they keep.

use crate::engine::ended::Job;
use common::cookies::{Jar, Place};
use common::plan::{BaseUrl, Plan, Reuse, Scenario, Scheme};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::SystemTime;

/// Whose a connection or a jar is: a user's, or an iteration's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// The scenario's number.
    pub(super) scenario: usize,
    /// The user's number in it; in open loads the arrival's.
    pub(super) number: u64,
}

/// The jars of one engine thread.
#[derive(Debug)]
pub(super) struct Visitors {
    /// By scenario: whether it keeps cookies.
    keeps: Vec<bool>,
    jars: RefCell<HashMap<Owner, Jar>>,
}

impl Owner {
    /// Who sends a request.
    pub(super) fn of(plan: &Plan, job: &Job) -> Self {
        let scenario = job.scenario;
        let is_closed = plan.scenarios[scenario].load.is_closed();
        Self { scenario, number: if is_closed { u64::from(job.user) } else { job.due.k } }
    }
}

/// By scenario: whether each iteration is a visitor of its own, with cookies or a connection that go when it ends.
pub(super) fn visits(plan: &Plan) -> Vec<bool> {
    let is_own = plan.target.connection.reuse == Reuse::PerUser;
    let visits = |scenario: &Scenario| !scenario.load.is_closed() && (is_own || scenario.cookies);
    plan.scenarios.iter().map(visits).collect()
}

impl Visitors {
    pub(super) fn new(plan: &Plan) -> Self {
        // A jar that is thrown away with the only answer that filled it is none.
        let keeps = |scenario: &Scenario| {
            scenario.cookies && (scenario.has_iterations() || scenario.load.is_closed())
        };
        Self { keeps: plan.scenarios.iter().map(keeps).collect(), jars: RefCell::default() }
    }

    /// Whether the scenario's visitors keep cookies.
    pub(super) fn keeps_cookies(&self, scenario: usize) -> bool {
        self.keeps[scenario]
    }

    /// Looks into the jar of a visitor, which is made if there is none.
    pub(super) fn with_jar<T>(&self, owner: Owner, look: impl FnOnce(&mut Jar) -> T) -> T {
        look(self.jars.borrow_mut().entry(owner).or_default())
    }

    /// The `cookie` header of a visitor's request.
    pub(super) fn header(&self, owner: Owner, place: &Place<'_>) -> Option<String> {
        self.jars.borrow().get(&owner)?.header(place)
    }

    /// A visitor is gone.
    pub(super) fn forget(&self, owner: Owner) {
        if self.keeps[owner.scenario] {
            self.jars.borrow_mut().remove(&owner);
        }
    }
}

/// Where a request to the target goes, for its cookies.
pub(super) fn place<'a>(url: &'a BaseUrl, path: &'a str) -> Place<'a> {
    Place { host: &url.host, path, secure: url.scheme == Scheme::Https, now: wall_seconds() }
}

/// Seconds since 1970: cookies end by the wall clock, because their senders name its times.
pub(super) fn wall_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
