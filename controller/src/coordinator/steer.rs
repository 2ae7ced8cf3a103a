//! What the operator wants of a run that is under way.

use crate::books::Books;
use crate::coordinator::post::Mail;
use crate::coordinator::{Coordinator, Watcher};
use common::arrivals::Revision;
use common::plan::{Load, Pace};
use common::run::{Fact, State};
use common::time::RunTime;
use proto::v1;
use tokio::sync::oneshot;

/// A wish of the operator, and where the answer goes.
#[derive(Debug)]
pub enum Steer {
    /// How does it stand?
    Status(oneshot::Sender<v1::StatusReply>),
    /// End it.
    Stop(oneshot::Sender<Result<(), String>>),
    /// From now on, this many thousandths of an arrival per second, in the scenario of this name.
    Rate {
        /// Which scenario.
        scenario: String,
        /// The rate.
        milli: u64,
        /// From which run time on it holds, or why not.
        reply: oneshot::Sender<Result<RunTime, String>>,
    },
}

/// Where it is told from when on a change holds.
pub(super) type Reply = oneshot::Sender<Result<RunTime, String>>;

/// A change of the schedule that waits until nobody holds anything.
#[derive(Debug, Default)]
pub(super) struct Steering {
    changes: Vec<Change>,
    /// Of the plan as it is written.
    fingerprints: Option<Vec<u64>>,
}

#[derive(Debug)]
struct Change {
    scenario: u32,
    milli: u64,
    reply: Reply,
}

impl Steering {
    /// The changes that hold from `at` on, and who asked for them.
    pub(super) fn revised(&mut self, at: RunTime) -> Vec<(Revision, Reply)> {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let revision = |Change { scenario, milli, reply }| (Revision { scenario, at, milli }, reply);
        changes.map(revision).collect()
    }

    /// Nothing will be changed any more.
    pub(super) fn refuse(&mut self) {
        for Change { reply, .. } in self.changes.drain(..) {
            // Who does not wait for the answer does not need it.
            drop(reply.send(Err("the run is ending".into())));
        }
    }

    /// What agents must compute from the plan alone: later changes come with their shares.
    pub(super) fn fingerprints(&mut self, books: &Books) -> Vec<u64> {
        self.fingerprints.get_or_insert_with(|| books.plan_fingerprints()).clone()
    }
}

impl<W: Watcher> Coordinator<W> {
    pub(super) fn on_steer(&mut self, steer: Steer) {
        match steer {
            // Who does not wait for an answer does not need it.
            Steer::Status(reply) => drop(reply.send(self.status())),
            Steer::Stop(reply) => {
                let can = matches!(self.run.state(), State::Gathering | State::Preparing | State::Running);
                if !can {
                    return drop(reply.send(Err("the run is ending already".into())));
                }
                self.watcher.on_line("stopped by `controller stop`: letting requests under way end");
                self.take(Fact::Stopped);
                self.post.send(Mail::Stopped(reply));
            }
            Steer::Rate { scenario, milli, reply } => match self.revisable(&scenario) {
                Err(why) => drop(reply.send(Err(why))),
                Ok(number) => {
                    self.watcher.on_line(&format!("changing the rate of {scenario}"));
                    self.steering.changes.push(Change { scenario: number, milli, reply });
                    self.take(Fact::Revise);
                }
            },
        }
    }

    /// The number of a scenario whose rate can be changed now.
    fn revisable(&self, name: &str) -> Result<u32, String> {
        let scenarios = &self.books.plan().scenarios;
        let number = scenarios.iter().position(|scenario| scenario.name == name).ok_or_else(|| {
            let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
            format!("there is no scenario {name:?}; there are: {}", names.join(", "))
        })?;
        if scenarios[number].load.is_closed() {
            return Err(format!("{name} has users, not a rate: its users cannot be changed while it runs"));
        }
        if let Load::Replay(load) = &scenarios[number].load
            && matches!(load.pace, Pace::Original { .. })
        {
            return Err(format!(
                "{name} replays a log with its own distances: only at = \"100/s\" can be changed"
            ));
        }
        if self.run.state() != State::Running || self.zero_at.is_none() {
            return Err("the load is not on: its rate can be changed while it runs".into());
        }
        if self.run_time() + self.run.timers().move_lead >= self.books.end_of(number) {
            return Err(format!("the load of {name} is over"));
        }
        u32::try_from(number).map_err(|error| error.to_string())
    }

    fn status(&self) -> v1::StatusReply {
        let now = self.run_time();
        let scenario = |(number, scenario): (usize, &common::plan::Scenario)| {
            let tally = self.books.tallies().get(number).copied().unwrap_or_default();
            v1::ScenarioStatus {
                name: scenario.name.clone(),
                rate_milli: (self.books.rate_of(number, now) * 1000.0) as u64,
                started: tally.started,
                finished: tally.finished,
            }
        };
        let agent = |(session, own): (u64, &crate::sessions::Session)| v1::AgentStatus {
            name: own.name.clone(),
            state: self.run.standing(session).into(),
            lanes: u32::from(self.run.owners().lanes(session)),
            in_flight: self.books.in_flight_of(session),
            silent_ms: self.run.silence(session, self.clock.now()).as_millis().try_into().unwrap_or(u64::MAX),
        };
        v1::StatusReply {
            run_id: self.run_id.clone(),
            plan: self.books.plan().name.clone(),
            state: (*self.state.borrow()).into(),
            run_time: now.nanos(),
            load_end: self.books.end().nanos(),
            waiting_for: self.run.waiting_for().into_iter().map(str::to_owned).collect(),
            scenarios: self.books.plan().scenarios.iter().enumerate().map(scenario).collect(),
            agents: self.sessions.iter().map(agent).collect(),
        }
    }
}
