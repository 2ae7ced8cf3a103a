//! Iterations: what an arrival starts, and which request comes when.
//!
//! An arrival of an open load with one step, or with one chosen by weight, needs nothing of this: it is its request.
//! Only what has a user, or another request to come, is kept here, and rests between two of them in a heap that the worker looks at.

use crate::engine::ended::{Ended, Job};
use common::arrivals::Due;
use common::crowd::Turn;
use common::outcome::Outcome;
use common::pick::Picked;
use common::plan::{OnError, Plan, Scenario};
use common::random::Random;
use common::replay::Replayed;
use common::script::Vars;
use common::series::{Route, routes};
use common::think::Think;
use common::time::RunTime;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// An iteration under way on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(usize);

/// A pass through the steps of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Iteration {
    pub(super) scenario: usize,
    /// The arrival that began it.
    pub(super) due: Due,
    /// The step under way, or the next one while it rests.
    pub(super) step: usize,
    /// When the first byte of the first request was sent.
    pub(super) sent: Option<RunTime>,
    /// How its first step that failed ended; `Ok` so far otherwise.
    pub(super) outcome: Outcome,
    /// Whether every step had an answer.
    pub(super) answered: bool,
    /// What its steps took from answers.
    pub(super) vars: Vars,
    /// Whose it is; `None` in an open load.
    pub(super) turn: Option<Turn>,
}

/// What follows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Follows {
    /// The next step, due at this time.
    Step(RunTime),
    /// Nothing: the iteration is over, and its user rests for so long at least.
    End(Duration),
}

/// The way through one scenario.
#[derive(Clone, Debug)]
pub(super) struct Course {
    route: Route,
    /// The place of its first step among all steps of the plan.
    first: usize,
    /// By step: how long its user rests after it.
    thinks: Vec<Option<Think>>,
    /// Where those times are drawn from.
    random: Random,
    stops: bool,
    picked: Option<Picked>,
}

/// The iterations of one thread that have more than one request.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    open: Slab<Iteration>,
    resting: BinaryHeap<Reverse<(RunTime, Key)>>,
}

/// The ways through all scenarios of the plan.
pub(super) fn courses(plan: &Plan) -> Vec<Course> {
    let mut first = 0;
    let course = |(scenario, route): (&Scenario, Route)| {
        let steps = scenario.steps.len();
        first += steps;
        Course {
            route,
            first: first - steps,
            thinks: scenario.steps.iter().map(|step| step.think).collect(),
            random: Random::new(plan.seed, &format!("think in {}", scenario.name)),
            stops: scenario.on_error == OnError::Stop,
            picked: Picked::of(scenario, plan.seed),
        }
    };
    plan.scenarios.iter().zip(routes(plan)).map(course).collect()
}

impl Course {
    /// The first request of the iteration that `due` begins.
    pub(super) fn first(&self, scenario: usize, due: Due) -> Job {
        let step = self.picked.as_ref().map_or(0, |picked| picked.step(due.k));
        self.job(scenario, step, due)
    }

    /// The request of a step.
    pub(super) fn job(&self, scenario: usize, step: usize, due: Due) -> Job {
        let (series, request) = (self.route.steps[step], self.first + step);
        let whole = self.route.iteration.is_none();
        Job { scenario, step, series, request, due, user: 0, round: 0, iteration: None, whole, then: None }
    }

    /// The series that counts the arrivals that begin with this request.
    pub(super) fn arrivals(&self, job: &Job) -> usize {
        self.route.iteration.unwrap_or(job.series)
    }

    /// The first series of the scenario's arrivals: where its user time is told.
    pub(super) fn carrier(&self) -> usize {
        self.route.iteration.unwrap_or(self.route.steps[0])
    }

    /// How long the user rests after a step of arrival `k`.
    fn think(&self, step: usize, k: u64) -> Duration {
        let draw = |n| self.random.draw(k, 2 * step as u64 + n);
        self.thinks[step].map_or(Duration::ZERO, |think| think.time([draw(0), draw(1)]))
    }

    /// The request of an entry of a log.
    pub(super) fn replayed(&self, scenario: usize, replayed: Replayed, due: Due) -> Job {
        Job { then: Some(replayed.then), ..self.job(scenario, replayed.step, due) }
    }

    /// Its last step.
    pub(super) fn last(&self) -> usize {
        self.route.steps.len().saturating_sub(1)
    }

    /// The series of iterations with several requests.
    pub(super) const fn iteration(&self) -> Option<usize> {
        self.route.iteration
    }
}

impl Iteration {
    pub(super) fn new(scenario: usize, due: Due, turn: Option<Turn>) -> Self {
        Self {
            scenario,
            due,
            step: 0,
            sent: None,
            outcome: Outcome::Ok,
            answered: true,
            vars: Vars::default(),
            turn,
        }
    }

    /// Its request ended.
    pub(super) fn on_ended(&mut self, ended: &Ended, course: &Course) -> Follows {
        self.sent = self.sent.or(ended.sent);
        self.answered &= ended.answer.is_some();
        if self.outcome == Outcome::Ok {
            self.outcome = ended.outcome;
        }
        let think = course.think(ended.job.step, self.due.k);
        self.step = ended.job.step + 1;
        let is_last = ended.job.whole || self.step >= course.thinks.len();
        // Without its value the steps behind would send something else than was meant.
        let is_lost = matches!(ended.outcome, Outcome::ExtractFailed | Outcome::NotRendered);
        if is_last || is_lost || (course.stops && ended.outcome != Outcome::Ok) {
            Follows::End(think)
        } else {
            Follows::Step(ended.done + think)
        }
    }
}

impl Iterations {
    pub(super) fn begin(&mut self, iteration: Iteration) -> Key {
        Key(self.open.insert(iteration))
    }

    /// An iteration that was begun and is not over.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Iteration> {
        self.open.get_mut(key.0)
    }

    pub(super) fn end(&mut self, key: Key) -> Option<Iteration> {
        self.open.try_remove(key.0)
    }

    /// The iteration's next request is due at `at`.
    pub(super) fn rest(&mut self, at: RunTime, key: Key) {
        self.resting.push(Reverse((at, key)));
    }

    /// When the next one that rests is due.
    pub(super) fn next_due(&self) -> Option<RunTime> {
        self.resting.peek().map(|Reverse((at, _))| *at)
    }

    /// The next one that rests, if it is due at `now`: when it was, and its next step.
    pub(super) fn pop(&mut self, now: RunTime) -> Option<(RunTime, Key, &Iteration)> {
        let Reverse((at, key)) = *self.resting.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.resting.pop();
        Some((at, key, self.open.get(key.0)?))
    }

    /// Ends those of a scenario that rest, and returns them.
    pub(super) fn abandon(&mut self, scenario: usize) -> Vec<Iteration> {
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.resting)
            .into_iter()
            .partition(|Reverse((_, key))| self.open.get(key.0).is_some_and(|one| one.scenario == scenario));
        self.resting = others.into();
        own.into_iter().filter_map(|Reverse((_, key))| self.end(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(scenario: &str) -> Course {
        let text = format!(
            "name = \"x\"\nseed = 5\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n{scenario}"
        );
        let plan = Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        courses(&plan).remove(0)
    }

    const LOAD: &str = "load.rate = [{ at = \"1/s\", for = \"1s\" }]";

    fn due(k: u64) -> Due {
        Due { at: RunTime::ZERO, k }
    }

    #[test]
    fn a_chosen_step_is_the_same_for_everybody_and_as_frequent_as_its_weight() {
        let course = course(&format!(
            "{LOAD}\npick = \"weighted\"\nstep = [{{ path = \"/a\", weight = 6 }}, {{ path = \"/b\", weight = 3 }}, \
             {{ path = \"/c\" }}]"
        ));
        let mut chosen = [0_u32; 3];
        for k in 0..100_000 {
            let job = course.first(0, due(k));
            assert_eq!((job.step, job.series, job.request), (job.step, job.step, job.step));
            chosen[job.step] += 1;
        }
        // Chi-square with two degrees of freedom: above 13.8 once in a thousand seeds, and the seed is fixed.
        let expected = [60_000.0, 30_000.0, 10_000.0];
        let square = |(n, expected): (&u32, &f64)| (f64::from(*n) - expected).powi(2) / expected;
        let chi: f64 = chosen.iter().zip(&expected).map(square).sum();
        assert!(chi < 13.8, "{chosen:?}: {chi}");
    }

    #[test]
    fn steps_follow_each_other_until_the_last() {
        let course = course(&format!("{LOAD}\nstep = [{{ path = \"/a\" }}, {{ path = \"/b\" }}]"));
        let mut iteration = Iteration::new(0, due(7), None);
        let ended = |step, outcome, at| Ended {
            job: course.job(0, step, due(7)),
            outcome,
            sent: Some(RunTime::from_nanos(at)),
            answer: None,
            done: RunTime::from_nanos(at + 5),
            bytes_in: 0,
            bytes_out: 0,
            connect: None,
        };
        let first = iteration.on_ended(&ended(0, Outcome::Reset, 10), &course);
        assert_eq!(first, Follows::Step(RunTime::from_nanos(15)), "it is due when the first one ended");
        assert_eq!(
            iteration.on_ended(&ended(1, Outcome::Timeout, 20), &course),
            Follows::End(Duration::ZERO)
        );
        let told = (iteration.outcome, iteration.sent, iteration.answered);
        assert_eq!(told, (Outcome::Reset, Some(RunTime::from_nanos(10)), false), "the first failure counts");
    }
}
