//! What the worker does with an answer: it is judged, its cookies are kept, its values go on with the iteration.

use crate::connect::Identity;
use crate::engine::ended::{Ended, Job};
use crate::engine::judge::{Exchange, Judged};
use crate::engine::visitors::{Owner, place};
use crate::engine::worker::Worker;
use crate::http1::Kept;
use common::answer::{Failed, Fields};
use common::outcome::Outcome;
use common::script::{Message, NotRendered, Vars};
use std::rc::Rc;

impl Worker {
    /// A whole answer came; `ended` says `Ok` so far.
    ///
    /// `failed`: what the client itself found wrong with it.
    pub(super) fn judge(self: &Rc<Self>, ended: &Ended, kept: Option<Box<Kept>>, failed: Option<Failed>) {
        let Ended { job, sent: Some(sent), answer: Some(answer), done, .. } = ended else { return };
        let step = &self.plan.scenarios[job.scenario].steps[job.step];
        let judged = match failed {
            Some(failed) => Judged { failed: Some((Outcome::CheckFailed, failed)), values: Vec::new() },
            // What a log was answered with is good, whatever it was.
            None if job.then.is_some_and(|then| then.status == answer.status) => Judged::default(),
            None => self.looks[job.request].judge(step, answer, done.since(*sent), kept.as_deref()),
        };
        if let (Some(kept), true) = (&kept, self.as_lean().is_some()) {
            self.take_cookies(job, &kept.head);
        }
        let ended = Ended { outcome: judged.outcome(), ..*ended };
        if let Some((_, failed)) = &judged.failed {
            let show = || Exchange::new(failed, answer.status, kept.as_deref());
            self.keep_sample(&ended, Some((&failed.check, &show)));
        }
        self.shelf.put(kept);
        self.go_on(&ended, judged);
    }

    fn go_on(self: &Rc<Self>, ended: &Ended, judged: Judged) {
        if let Some(key) = ended.job.iteration
            && !judged.values.is_empty()
            && let Some(iteration) = self.iterations.borrow_mut().get_mut(key)
        {
            for (name, value) in judged.values {
                iteration.vars.set(&name, value);
            }
        }
        self.settle(ended);
    }

    /// Puts the request of a step together that is not the same for everybody.
    pub(super) fn message(&self, job: &Job, out: &mut Message) -> Result<(), NotRendered> {
        if job.then.is_some() {
            let message = common::replay::message(&self.plan, job.scenario, job.due.k);
            *out = message.map_err(|damaged| NotRendered(damaged.to_string()))?;
            return Ok(());
        }
        let mut iterations = self.iterations.borrow_mut();
        let iteration = job.iteration.and_then(|key| iterations.get_mut(key));
        let nothing = Vars::default();
        let vars = iteration.map_or(&nothing, |iteration| &iteration.vars);
        self.script.message((job.scenario, job.step), &job.identity(), vars, out)
    }

    /// The certificate of who sends a job, where not everybody has the same.
    pub(super) fn credentials(&self, job: &Job) -> Result<Option<Identity>, NotRendered> {
        let own = self.script.credentials(job.scenario, &job.identity()).transpose()?;
        Ok(own.map(|(cert, key)| Identity { cert, key }))
    }

    /// Who sends a job.
    pub(super) fn owner(&self, job: &Job) -> Owner {
        Owner::of(&self.plan, job)
    }

    /// The cookies for a request, as they stand in its head; `message`: what was put together for it alone.
    pub(super) fn cookies(&self, job: &Job, message: &Message) -> Option<String> {
        if !self.visitors.keeps_cookies(job.scenario) {
            return None;
        }
        let url = &self.plan.target.base_url;
        let sent = self.script.fixed(job.scenario, job.step).unwrap_or(message);
        let path = format!("{}{}", url.path, sent.path);
        self.visitors.header(self.owner(job), &place(url, &path))
    }

    fn take_cookies(&self, job: &Job, head: &[u8]) {
        if !self.visitors.keeps_cookies(job.scenario) {
            return;
        }
        let url = &self.plan.target.base_url;
        // A cookie that names no path is for the folder; of a path with templates only the beginning is the step's.
        let written = self.plan.scenarios[job.scenario].steps[job.step].path.written();
        let path = format!("{}{}", url.path, written.split('{').next().unwrap_or(written));
        self.visitors.with_jar(self.owner(job), |jar| jar.take(&Fields::of(head), &place(url, &path)));
    }

    /// The iteration of an open load is over, or a user of a closed one is gone: nothing of it is kept.
    pub(super) fn farewell(&self, owner: Owner) {
        self.visitors.forget(owner);
        if let Some(lean) = self.as_lean() {
            lean.release(owner);
        }
    }
}
