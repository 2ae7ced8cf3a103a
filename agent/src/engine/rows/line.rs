//! The text of a row.

use crate::engine::ended::{Ended, Job, micros};
use common::plan::{Plan, Step};
use std::fmt::Write;

/// The names of the columns.
///
/// Times that end in `_ns` are nanoseconds of run time, the others microseconds; sizes are bytes. A cell is empty where
/// there is nothing to tell: nothing was sent, no whole answer came, no connection had to be made.
pub const HEADER: &str = "scenario,step,arrival,user,agent,due_ns,sent_ns,done_ns,status,outcome,bytes_out,bytes_in,\
                          body_bytes,response_time_us,service_time_us,ttfb_us,connect_time_us\n";

/// Writes rows of one agent of one run.
#[derive(Debug)]
pub(super) struct Lines {
    /// By request of the plan: scenario and step, with the comma behind them, and whether users send it.
    requests: Vec<(String, bool)>,
    /// With the comma behind it.
    agent: String,
}

impl Lines {
    pub(super) fn new(plan: &Plan, agent: &str) -> Self {
        let names = plan.scenarios.iter().flat_map(|scenario| {
            let by_users = scenario.load.is_closed();
            let name = |step: &Step| format!("{},{},", scenario.name, quoted(&step.name));
            scenario.steps.iter().map(move |step| (name(step), by_users))
        });
        Self { requests: names.collect(), agent: format!("{},", quoted(agent)) }
    }

    /// Appends a row to `text`.
    pub(super) fn push(&self, ended: &Ended, text: &mut String) {
        let Ended { outcome, bytes_in, bytes_out, .. } = ended;
        let Job { request, due, user, .. } = ended.job;
        let (name, by_users) =
            self.requests.get(request).map_or((",,", false), |(name, users)| (name, *users));
        text.push_str(name);
        // Text has room for everything: writing to it does not fail.
        let _ = write!(text, "{},", due.k);
        push_or_nothing(by_users.then_some(user.into()), text);
        let _ = write!(text, "{}{},", self.agent, due.at.nanos());
        push_or_nothing(ended.sent.map(|sent| sent.nanos()), text);
        let _ = write!(text, "{},", ended.done.nanos());
        push_or_nothing(ended.answer.map(|answer| answer.status.into()), text);
        let _ = write!(text, "{},{bytes_out},{bytes_in},", outcome.name());
        push_or_nothing(ended.answer.map(|answer| answer.body_bytes), text);
        let _ = write!(text, "{},", micros(ended.done.since(due.at)));
        push_or_nothing(ended.sent.map(|sent| micros(ended.done.since(sent))), text);
        let first_byte = ended.sent.zip(ended.answer).map(|(sent, answer)| answer.first_byte.since(sent));
        push_or_nothing(first_byte.map(micros), text);
        if let Some(connect) = ended.connect {
            let _ = write!(text, "{}", micros(connect));
        }
        text.push('\n');
    }
}

fn push_or_nothing(number: Option<u64>, text: &mut String) {
    if let Some(number) = number {
        let _ = write!(text, "{number}");
    }
    text.push(',');
}

/// As CSV has it (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
