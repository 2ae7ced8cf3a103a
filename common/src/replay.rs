//! What a replayed arrival sends: the log's method, path and body, the target's headers.

use crate::measured::Then;
use crate::plan::{Load, Method, Plan};
use crate::script::Message;
use crate::tape::{Record, TapeError};

/// A replayed arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The step under which it is counted.
    pub step: usize,
    /// What was answered then.
    pub then: Then,
}

/// Which of the scenario's steps arrival `k` is counted under, and what was answered then; `None` for scenarios that
/// replay nothing.
///
/// # Errors
/// When the tape cannot be read.
pub fn arrival(plan: &Plan, scenario: usize, k: u64) -> Option<Result<Replayed, TapeError>> {
    let Load::Replay(load) = &plan.scenarios[scenario].load else { return None };
    let tape = load.tape.tape.as_ref()?;
    let rest = load.series.len();
    let mut bytes = Vec::new();
    let record = tape.record(k, &mut bytes).map(|record| {
        let series = tape.series(record.template).map_or(rest, usize::from);
        Replayed { step: series.min(rest), then: then(&record) }
    });
    Some(record)
}

/// The request of arrival `k` of a scenario that replays a log.
///
/// # Errors
/// When the tape cannot be read, or says what cannot be sent.
pub fn message(plan: &Plan, scenario: usize, k: u64) -> Result<Message, TapeError> {
    let own = &plan.scenarios[scenario];
    let Load::Replay(load) = &own.load else { return Err(TapeError::Foreign) };
    let tape = load.tape.tape.as_ref().ok_or(TapeError::Foreign)?;
    let mut bytes = Vec::new();
    let record = tape.record(k, &mut bytes)?;
    let method = Method::ALL.get(usize::from(record.method)).ok_or(TapeError::Damaged("record"))?;
    let headers = own.steps.first().map_or(&[][..], |step| &step.headers[..]);
    let mut headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| (name.clone(), value.written().to_owned())).collect();
    if !record.host.is_empty() {
        headers.retain(|(name, _)| name != "host");
        headers.push(("host".to_owned(), record.host.to_owned()));
    }
    Ok(Message {
        method: *method,
        path: record.path.to_owned(),
        headers,
        body: record.body.map(<[u8]>::to_vec),
    })
}

const fn then(record: &Record<'_>) -> Then {
    Then { status: record.status, bytes: record.bytes, latency_us: record.latency_us }
}
