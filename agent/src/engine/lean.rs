//! The lean client: HTTP/1.1 over tokio sockets, one write and one read per request.
//!
//! A connection has a task that waits for bytes; a request is written by whoever fires it, without waking that
//! task. Connections are kept and reused, the latest first; a request that finds none idle makes its own. Requests
//! are never repeated: one arrival, one request.

mod conn;
mod pool;
mod send;

use crate::allow::AllowList;
use crate::connect::{Connector, Failure, Identity};
use crate::engine::ended::Job;
use crate::engine::visitors::Owner;
use crate::engine::worker::Worker;
use common::outcome::Outcome;
use common::plan::Plan;
use common::script::Script;
use common::time::RunTime;
use conn::{Conn, Flight};
use pool::Pool;
use send::{Prepared, Room};
use slab::Slab;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The connections of one engine thread to the target.
pub(super) struct Lean {
    connector: Connector,
    /// By [`Job::request`].
    requests: Vec<Prepared>,
    timeouts: Vec<Duration>,
    open: RefCell<Slab<Rc<Conn>>>,
    idle: RefCell<Pool<Rc<Conn>>>,
    /// One receive buffer for all: an idle connection holds none.
    buffer: RefCell<Vec<u8>>,
    /// What TLS decrypted.
    plain: RefCell<Vec<u8>>,
    /// Where requests are put together.
    room: RefCell<Room>,
}

impl Lean {
    pub(super) fn new(plan: &Plan, script: &Script, allow: &Arc<AllowList>) -> Result<Self, String> {
        let timeout = |(scenario, step): (usize, usize)| plan.scenarios[scenario].steps[step].timeout;
        let identity = script.fixed_credentials().map(|(cert, key)| Identity { cert, key });
        Ok(Self {
            connector: Connector::new(&plan.target, identity.as_ref(), Arc::clone(allow))?,
            requests: plan.steps().map(|step| Self::prepared(plan, script, step)).collect(),
            timeouts: plan.steps().map(timeout).collect(),
            open: RefCell::default(),
            idle: RefCell::new(Pool::new(&plan.target.connection)),
            buffer: RefCell::new(vec![0; BUFFER]),
            plain: RefCell::new(vec![0; BUFFER]),
            room: RefCell::default(),
        })
    }

    /// Makes a few connections before the run; tells why it cannot.
    pub(super) async fn warm(&self, worker: &Rc<Worker>) -> Result<(), String> {
        let slots: u32 =
            worker.plan.scenarios.iter().map(|scenario| scenario.max_in_flight).max().unwrap_or(1);
        // A connection that belongs to somebody cannot be made for nobody: one is, to see that the target is there.
        let wanted = if self.idle.borrow().is_shared() { slots.min(WARM) } else { 1 };
        for _ in 0..wanted {
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
        if let Some(conn) = self.take_idle(worker, &job, now) {
            conn.board(flight);
            send::send(&conn, worker, self);
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

    /// An idle connection for a request; those that are too old for one are closed.
    fn take_idle(&self, worker: &Worker, job: &Job, now: RunTime) -> Option<Rc<Conn>> {
        let mut old = Vec::new();
        let taken = {
            let mut idle = self.idle.borrow_mut();
            let limits = idle.limits();
            idle.take(worker.owner(job), |conn| {
                let is_old = !limits.allow(conn.life(), now);
                if is_old {
                    old.push(Rc::clone(conn));
                }
                !is_old && !conn.is_dead()
            })
        };
        old.iter().for_each(|conn| self.discard(conn));
        taken
    }

    /// Keeps a connection for the next request; `false` when it is to be closed instead.
    fn put_idle(&self, conn: &Rc<Conn>, owner: Option<Owner>, now: RunTime) -> bool {
        let mut idle = self.idle.borrow_mut();
        idle.limits().allow(conn.life(), now) && idle.put(owner, Rc::clone(conn)).is_ok()
    }

    /// Closes the connection of somebody who is gone.
    pub(super) fn release(&self, owner: Owner) {
        let left = self.idle.borrow_mut().release(owner);
        left.iter().for_each(|conn| self.discard(conn));
    }

    /// Closes a connection for good. Its task ends with it.
    fn discard(&self, conn: &Rc<Conn>) {
        if conn.kill() {
            self.open.borrow_mut().remove(conn.key());
            // A target that closes many idle connections must not leave their husks behind.
            self.idle.borrow_mut().tidy(self.open.borrow().len(), |conn| !conn.is_dead());
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
