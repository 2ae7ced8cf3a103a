//! What the operator wants of a run that is under way.

use crate::books::Books;
use crate::coordinator::post::Mail;
use crate::coordinator::{Coordinator, Watcher};
use common::arrivals::{Revision, Shift};
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
        reply: Reply,
    },
    /// From now on, so many users in the scenario of this name.
    Users {
        /// Which scenario.
        scenario: String,
        /// How many.
        users: u32,
        /// Thousandths of a user per second by which they come or go; `None`: all at once.
        spawn_milli: Option<u64>,
        /// From which run time on it holds, or why not.
        reply: Reply,
    },
    /// Begin nothing, in any scenario.
    Pause(Reply),
    /// Go on with what is asked for at that time.
    Resume(Reply),
}

/// Where it is told from when on a change holds.
pub type Reply = oneshot::Sender<Result<RunTime, String>>;

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
    shift: Shift,
    reply: Reply,
}

impl Steering {
    /// The changes that hold from `at` on, and who asked for them.
    pub(super) fn revised(&mut self, at: RunTime) -> Vec<(Revision, Reply)> {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let revision = |Change { scenario, shift, reply }| (Revision { scenario, at, shift }, reply);
        changes.map(revision).collect()
    }

    /// Whether the run is to be paused or to go on, if that waits.
    pub(super) fn pausing(&self) -> Option<bool> {
        self.changes.iter().rev().find_map(|change| match change.shift {
            Shift::Pause => Some(true),
            Shift::Resume => Some(false),
            Shift::Rate { .. } | Shift::Users { .. } => None,
        })
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
            Steer::Rate { scenario, milli, reply } => {
                let checked = self.rated(&scenario);
                self.change(checked, Shift::Rate { milli }, reply);
            }
            Steer::Users { scenario, users, spawn_milli, reply } => {
                let checked = self.peopled(&scenario, users, spawn_milli);
                self.change(checked, Shift::Users { users, spawn_milli }, reply);
            }
            Steer::Pause(reply) => {
                let checked = self.pausable(true);
                self.change(checked.map(|()| 0), Shift::Pause, reply);
            }
            Steer::Resume(reply) => {
                let checked = self.pausable(false);
                self.change(checked.map(|()| 0), Shift::Resume, reply);
            }
        }
    }

    fn change(&mut self, checked: Result<u32, String>, shift: Shift, reply: Reply) {
        match checked {
            // Who does not wait for an answer does not need it.
            Err(why) => drop(reply.send(Err(why))),
            Ok(scenario) => {
                let name = self.books.plan().scenarios.get(scenario as usize).map(|own| own.name.as_str());
                self.watcher.on_line(&said(name.unwrap_or_default(), shift));
                self.steering.changes.push(Change { scenario, shift, reply });
                self.take(Fact::Revise);
            }
        }
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
                users: self.books.users_of(number, now),
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
            paused: self.books.is_paused(),
        }
    }
}

fn said(scenario: &str, shift: Shift) -> String {
    match shift {
        Shift::Rate { .. } => format!("changing the rate of {scenario}"),
        Shift::Users { users, .. } => format!("changing the users of {scenario} to {users}"),
        Shift::Pause => "pausing: nothing more is begun".into(),
        Shift::Resume => "going on with the load".into(),
    }
}
