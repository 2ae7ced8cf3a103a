//! Who sends: the users of closed loads and the iterations of open ones, and the cookies that they keep.

use common::cookies::{Jar, Place};
use common::plan::{BaseUrl, Load, Plan, Reuse, Scenario, Scheme};
use common::script::Identity;
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

/// What differs between the requests of a step.
pub(super) fn identity(load: &Load, k: u64) -> Identity {
    match load {
        Load::Rate(_) => Identity { k, user: 0, iteration: 0 },
    }
}

impl Owner {
    /// Who sends arrival `k`.
    pub(super) fn of(plan: &Plan, scenario: usize, k: u64) -> Self {
        let number = if is_closed(&plan.scenarios[scenario].load) {
            identity(&plan.scenarios[scenario].load, k).user
        } else {
            k
        };
        Self { scenario, number }
    }
}

/// Whether the load has users, who stay from one iteration to the next.
pub(super) const fn is_closed(load: &Load) -> bool {
    match load {
        Load::Rate(_) => false,
    }
}

/// By scenario: whether each iteration is a visitor of its own, with cookies or a connection that go when it ends.
pub(super) fn visits(plan: &Plan) -> Vec<bool> {
    let is_own = plan.target.connection.reuse == Reuse::PerUser;
    let visits = |scenario: &Scenario| !is_closed(&scenario.load) && (is_own || scenario.cookies);
    plan.scenarios.iter().map(visits).collect()
}

impl Visitors {
    pub(super) fn new(plan: &Plan) -> Self {
        // A jar that is thrown away with the only answer that filled it is none.
        let keeps = |scenario: &Scenario| {
            scenario.cookies && (scenario.has_iterations() || is_closed(&scenario.load))
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
