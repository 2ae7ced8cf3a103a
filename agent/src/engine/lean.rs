//! The lean client: HTTP/1.1 over tokio sockets, one write and one read per request.
//!
//! A connection has a task that waits for bytes; a request is written by whoever fires it, without waking that
//! task. Connections are kept and reused, the latest first; a request that finds none idle makes its own. Requests
//! are never repeated: one arrival, one request.

mod conn;

use crate::allow::AllowList;
use crate::connect::{Connector, Failure};
use crate::engine::ended::Job;
use crate::engine::worker::Worker;
use crate::http1::Request;
use common::outcome::Outcome;
use common::plan::Plan;
use common::script::Script;
use common::time::RunTime;
use conn::{Conn, Flight};
use slab::Slab;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The connections of one engine thread to the target.
pub(super) struct Lean {
    connector: Connector,
    /// By [`Job::request`].
    requests: Vec<Request>,
    timeouts: Vec<Duration>,
    open: RefCell<Slab<Rc<Conn>>>,
    idle: RefCell<Vec<Rc<Conn>>>,
    /// One receive buffer for all: an idle connection holds none.
    buffer: RefCell<Vec<u8>>,
    /// What TLS decrypted.
    plain: RefCell<Vec<u8>>,
    /// A request with its arrival's number patched in.
    scratch: RefCell<Vec<u8>>,
}

impl Lean {
    pub(super) fn new(plan: &Plan, script: &Script, allow: &Arc<AllowList>) -> Result<Self, String> {
        let request = |(scenario, step): (usize, usize)| {
            let message = script.fixed(scenario, step).cloned().unwrap_or_default();
            Request::new(&plan.target, &message, &plan.scenarios[scenario].name)
        };
        let timeout = |(scenario, step): (usize, usize)| plan.scenarios[scenario].steps[step].timeout;
        Ok(Self {
            connector: Connector::new(&plan.target, Arc::clone(allow))?,
            requests: plan.steps().map(request).collect(),
            timeouts: plan.steps().map(timeout).collect(),
            open: RefCell::default(),
            idle: RefCell::default(),
            buffer: RefCell::new(vec![0; BUFFER]),
            plain: RefCell::new(vec![0; BUFFER]),
            scratch: RefCell::default(),
        })
    }

    /// Makes a few connections before the run; tells why it cannot.
    pub(super) async fn warm(&self, worker: &Rc<Worker>) -> Result<(), String> {
        let slots: u32 =
            worker.plan.scenarios.iter().map(|scenario| scenario.max_in_flight).max().unwrap_or(1);
        for _ in 0..slots.min(WARM) {
            let made = tokio::time::timeout(WARM_WITHIN, self.connector.connect()).await;
            let made =
                made.map_err(|_| format!("no connection within {WARM_WITHIN:?}: is the target up?"))?;
            let connection = made.map_err(Failure::with_remedy)?;
            let conn = self.enter(None);
            let task = tokio::task::spawn_local(conn::adopt(Rc::clone(&conn), Rc::clone(worker), connection));
            conn.set_task(task.abort_handle());
        }
        // Let the connections' tasks run once, so that they are idle when the run begins.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Sends a request, on an idle connection or a new one.
    pub(super) fn fire(&self, worker: &Rc<Worker>, job: Job, now: RunTime) {
        let flight = Flight::new(job, now + self.timeouts[job.request]);
        if let Some(conn) = self.take_idle() {
            conn.board(flight);
            conn::send(&conn, worker, self);
        } else {
            let conn = self.enter(Some(flight));
            let task = tokio::task::spawn_local(conn::open(Rc::clone(&conn), Rc::clone(worker)));
            conn.set_task(task.abort_handle());
        }
    }

    /// Ends every request whose time is over at `now`.
    pub(super) fn time_out(&self, worker: &Rc<Worker>, now: RunTime) {
        for conn in self.flying(|flight| flight.deadline <= now) {
            conn::fail(&conn, worker, self, Outcome::Timeout);
        }
    }

    /// Gives up every request of a scenario.
    pub(super) fn abandon(&self, worker: &Worker, scenario: usize) {
        for conn in self.flying(|flight| flight.job.scenario == scenario) {
            let landed = conn.land();
            self.discard(&conn);
            landed.iter().for_each(|flight| worker.abandon(&flight.job));
        }
    }

    fn flying(&self, which: impl Fn(&Flight) -> bool) -> Vec<Rc<Conn>> {
        let open = self.open.borrow();
        open.iter()
            .filter(|(_, conn)| conn.flight().is_some_and(|flight| which(&flight)))
            .map(|(_, c)| Rc::clone(c))
            .collect()
    }

    fn enter(&self, flight: Option<Flight>) -> Rc<Conn> {
        let mut open = self.open.borrow_mut();
        let entry = open.vacant_entry();
        let conn = Rc::new(Conn::new(entry.key(), flight));
        entry.insert(Rc::clone(&conn));
        conn
    }

    /// The connection used last: the others may rest and be closed by the target.
    fn take_idle(&self) -> Option<Rc<Conn>> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find(|conn| !conn.is_dead())
    }

    fn put_idle(&self, conn: &Rc<Conn>) {
        self.idle.borrow_mut().push(Rc::clone(conn));
    }

    /// Closes a connection for good. Its task ends with it.
    fn discard(&self, conn: &Rc<Conn>) {
        if conn.kill() {
            self.open.borrow_mut().remove(conn.key());
            let mut idle = self.idle.borrow_mut();
            // A target that closes many idle connections must not leave their husks behind.
            if idle.len() > 2 * self.open.borrow().len() {
                idle.retain(|conn| !conn.is_dead());
            }
        }
    }
}

impl Worker {
    /// The lean client, which a lean connection's task knows to be there.
    fn lean(&self) -> &Lean {
        self.as_lean().expect("a lean connection belongs to a lean client")
    }
}

/// Connections made before the run, per thread.
const WARM: u32 = 4;
const WARM_WITHIN: Duration = Duration::from_secs(10);
/// As much as is read at once.
const BUFFER: usize = 64 * 1024;
