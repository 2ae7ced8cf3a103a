//! Failing exchanges, some of which the report shows.

use crate::engine::ended::Ended;
use crate::engine::judge::Exchange as Shown;
use crate::engine::worker::Worker;
use common::sample::{Cause, Exchange, Sample, check_number};
use common::script::Message;

impl Worker {
    /// Keeps an exchange that failed, if it is one of those that are kept; `show` is what failed and what there is of its
    /// answer.
    ///
    /// The request is put together once more from the arrival's number: nothing of it has to be kept while it is under
    /// way.
    pub(super) fn keep_sample(&self, ended: &Ended, show: Option<(&str, &dyn Fn() -> Shown)>) {
        let job = &ended.job;
        let check = show.map_or(0, |(failed, _)| check_number(ended.outcome, failed));
        let status = ended.answer.map_or(0, |answer| answer.status);
        let cause = Cause { outcome: ended.outcome, status, check };
        if !self.recorder.borrow_mut().wants(job, cause) {
            return;
        }
        let mut message = Message::default();
        let made = match self.script.fixed(job.scenario, job.step) {
            Some(fixed) => {
                message.clone_from(fixed);
                Ok(())
            }
            None => self.message(job, &mut message),
        };
        let shown = show.map(|(_, show)| show());
        let (head, body) = shown.as_ref().map(texts).unzip();
        let detail = match (&shown, made) {
            (_, Err(why)) => why.to_string(),
            (Some(shown), Ok(())) if shown.found.is_empty() => shown.cause.clone(),
            (Some(shown), Ok(())) => format!("{}: {}", shown.cause, shown.found),
            (None, Ok(())) => String::new(),
        };
        let answer = head.as_deref().zip(body.as_deref());
        let exchange = Exchange { request: &message, answer, detail: &detail };
        let sample = Sample::of(&exchange, (job.due.k, job.due.at), &|text| self.secrets.redact(text));
        self.recorder.borrow_mut().keep(job, cause, sample);
    }
}

/// The head and the body of an answer.
fn texts(shown: &Shown) -> (String, String) {
    let more = if shown.is_cut { "\n[more]" } else { "" };
    (format!("HTTP {}\n{}\n", shown.status, shown.head.join("\n")), format!("{}{more}", shown.body))
}
