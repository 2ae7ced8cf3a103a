//! What follows when a request ended: its place in the books, then the next step, or room for the next arrival.

use crate::engine::ended::{Ended, Job};
use crate::engine::iteration::{Follows, Iteration, Key};
use crate::engine::visitors::Owner;
use crate::engine::worker::{FENCED_POLL, Next, PIECE, Worker};
use common::arrivals::Due;
use common::outcome::Outcome;
use common::time::RunTime;
use std::rc::Rc;

impl Worker {
    /// A request ended: record it and go on with its iteration, or give its slot to the next arrival that waits.
    pub(super) fn settle(self: &Rc<Self>, ended: &Ended) {
        self.recorder.borrow_mut().ended(ended);
        if ended.outcome != Outcome::Ok && ended.answer.is_none() {
            self.keep_sample(ended, None);
        }
        match ended.job.iteration {
            None => {
                self.end_of_visit(&ended.job);
                self.leave(ended.job.scenario, ended.done);
            }
            Some(key) => self.move_on(key, ended),
        }
    }

    /// In open loads an iteration is a visitor of its own.
    fn end_of_visit(&self, job: &Job) {
        if self.visits[job.scenario] {
            self.farewell(self.owner(job));
        }
    }

    /// An iteration is given up, and with it its user: the load is over.
    fn end_of_stay(&self, owner: Owner) {
        if self.visits[owner.scenario] || self.plan.scenarios[owner.scenario].load.is_closed() {
            self.farewell(owner);
        }
    }

    /// A request is given up because the run ends.
    pub(super) fn abandon(&self, job: &Job) {
        if let Some(key) = job.iteration {
            self.iterations.borrow_mut().end(key);
        }
        self.end_of_stay(self.owner(job));
        self.forget(job.scenario);
    }

    /// Gives up the iterations of a scenario that wait for their next step.
    pub(super) fn abandon_resting(&self, scenario: usize) {
        let resting = self.iterations.borrow_mut().abandon(scenario);
        for Iteration { due, turn, .. } in resting {
            let number = turn.map_or(due.k, |turn| turn.user.into());
            self.end_of_stay(Owner { scenario, number });
            self.forget(scenario);
        }
    }

    fn forget(&self, scenario: usize) {
        self.recorder.borrow_mut().abandoned(scenario);
        self.streams[scenario].leave();
        self.changed.notify_one();
    }

    fn move_on(self: &Rc<Self>, key: Key, ended: &Ended) {
        let scenario = ended.job.scenario;
        let course = &self.courses[scenario];
        let mut iterations = self.iterations.borrow_mut();
        let Some(iteration) = iterations.get_mut(key) else { return };
        match iteration.on_ended(ended, course) {
            Follows::Step(at) => {
                iterations.rest(at, key);
                drop(iterations);
                self.look_at_rests(ended.done);
            }
            Follows::End(think) => {
                let over = iterations.end(key);
                drop(iterations);
                self.end_of_visit(&ended.job);
                if let (Some(over), Some(series)) = (&over, course.iteration()) {
                    self.recorder.borrow_mut().iterated(series, over, ended.done);
                }
                self.leave(scenario, ended.done);
                if let Some(turn) = over.and_then(|over| over.turn) {
                    let stream = &self.streams[scenario];
                    let next = stream.rest(turn, think, ended.done);
                    if stream.goes(turn.user, ended.done) {
                        self.farewell(Owner { scenario, number: turn.user.into() });
                    }
                    self.look_at_users(scenario, next, ended.done);
                }
            }
        }
    }

    /// A slot is free.
    fn leave(self: &Rc<Self>, scenario: usize, now: RunTime) {
        let stream = &self.streams[scenario];
        stream.leave();
        let next = stream.is_queued().then(|| self.unnested(|| self.pump_one(scenario, now))).flatten();
        if stream.is_finished() || next.is_some_and(|next| !matches!(next, Next::Idle)) {
            self.changed.notify_one();
        }
    }

    /// A user rests: begins what is due at once, and wakes the main task for what is due before it would look.
    fn look_at_users(self: &Rc<Self>, scenario: usize, next: Option<RunTime>, now: RunTime) {
        match next.filter(|_| !self.pumping.get()) {
            Some(due) if due <= now => {
                let next = self.unnested(|| self.pump_one(scenario, now));
                self.wake_for(next, self.streams[scenario].is_finished());
            }
            due => self.wake_for(due.map(Next::At), false),
        }
    }

    /// Sends what is due at once, and wakes the main task for what is due before it would look.
    fn look_at_rests(self: &Rc<Self>, now: RunTime) {
        let next = self.unnested(|| self.pump_rests(now));
        self.wake_for(next, false);
    }

    /// Fires what is due. A request that fails meanwhile leaves the rest to this loop: no recursion, then `None`.
    fn unnested(&self, fire: impl FnOnce() -> Next) -> Option<Next> {
        if self.pumping.replace(true) {
            return None;
        }
        let next = fire();
        self.pumping.set(false);
        Some(next)
    }

    /// Wakes the main task if it would look too late; `idle`: also when nothing is left.
    fn wake_for(&self, next: Option<Next>, idle: bool) {
        let sooner = match next {
            Some(Next::At(at)) => at < self.wakes.get(),
            Some(Next::Now) => true,
            Some(Next::Idle) => idle,
            None => false,
        };
        if sooner {
            self.changed.notify_one();
        }
    }

    /// Sends the next requests of iterations that are due.
    pub(super) fn pump_rests(self: &Rc<Self>, mut now: RunTime) -> Next {
        for _ in 0..PIECE {
            let Some(at) = self.iterations.borrow().next_due() else { return Next::Idle };
            if at > now {
                return Next::At(at);
            }
            // What was begun under a lease waits for another.
            if !self.lease.holds(self.clock().local(now)) {
                return Next::At(now + FENCED_POLL);
            }
            let job = self.iterations.borrow_mut().pop(now).map(|(at, key, iteration)| {
                let Iteration { scenario, step, due, turn, .. } = *iteration;
                let due = Due { at, k: due.k };
                let job = self.courses[scenario].job(scenario, step, due);
                let (user, round) = turn.map_or((0, 0), |turn| (turn.user, turn.round));
                Job { user, round, iteration: Some(key), ..job }
            });
            if let Some(job) = job {
                self.send(job, now);
            }
            now = self.now();
        }
        Next::Now
    }
}
